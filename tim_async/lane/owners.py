"""The owners that bring items: one per batch or stream, and a standing one for all single requests of a kind.

An owner is two things at once: a queue in which its items wait for their turn, and the book in which every place of the
input holds either its open item (or the bundle of which it is one) or what became of it. So nothing can be lost without
a hole in the book.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Any, Protocol, TypeAlias

from tim_async.outcomes import Ok, Outcome, outcome_of

from .items import EVERY_ACCOUNT, BatchOwner, Bundle, Item, Owner

__all__ = ["BeforeSend", "CallOwner", "Singles", "StreamOwner", "Waiter"]

BeforeSend: TypeAlias = Callable[[Sequence[int]], Awaitable[object]]
"""Told the places of items that are about to go out for the first time; see `Operation.stream`."""

ROOM_LEAST = 100  # of a stream; asked for each item that was handed over, a source would make calls of one item


class Waiter(Protocol):
    """Who waits for a single request; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Here is a value, or a failure."""
        ...


class Singles(Owner):
    """All single requests of a lane with the same options, priority and patience: each is a waiter, and its own place.

    So a single request needs no book of its own, and comes and goes at the same price however many there are. When it
    is stopped, those that wait are told why, and a new one takes its place for those that come later.
    """

    __slots__ = ("waiting",)
    single = True

    def __init__(self, priority: int, options: Any, *, patient: bool = False, maybe_sent: bool = False) -> None:
        super().__init__(priority, options, now=0.0, patient=patient)
        self.maybe_sent = EVERY_ACCOUNT if maybe_sent else frozenset()
        self.waiting: dict[Waiter, Item] = {}

    def enter(self, item: Item) -> None:
        """Write a new item into the book."""
        self.waiting[item.place] = item
        self.open += 1

    def rebook(self, place: Waiter, item: Item) -> None:
        """As in `Owner`."""
        self.waiting[place] = item

    def put(self, place: Waiter, account: str, value: Any) -> None:
        """As in `Owner`."""
        del self.waiting[place]
        self.open -= 1
        if not place.done():  # cancelled in this moment
            place.set_result(value)

    def unsettled(self) -> list[tuple[Waiter, Item]]:
        """As in `Owner`."""
        return list(self.waiting.items())


class CallOwner(BatchOwner):
    """The book of a call: kept whole, in the order of the input."""

    __slots__ = ("accounts", "values")

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs, patient=patient)
        self.accounts: list[str] = []
        self.values: list[Any] = []
        """For each place its open item or bundle, or what became of it: a value or a `Failure`."""

    def enter(self, items: Sequence[Item]) -> None:
        """As in `Owner`."""
        self.accounts += [item.account for item in items]
        self.values.extend(items)
        self.taken += len(items)
        self.open += len(items)

    def enter_bundle(self, bundle: Bundle) -> None:
        """As in `Owner`."""
        self.accounts += bundle.accounts
        self.values += [bundle] * bundle.size
        self.taken += bundle.size
        self.open += bundle.size

    def unbundle(self, bundle: Bundle, items: Sequence[Item]) -> None:
        """As in `Owner`."""
        self.values[bundle.place : bundle.place + bundle.size] = items

    def rebook(self, place: int, item: Item) -> None:
        """As in `Owner`."""
        self.values[place] = item

    def put(self, place: int, account: str, value: Any) -> None:
        """As in `Owner`."""
        self.values[place] = value
        self.open -= 1

    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """As in `Owner`."""
        self.values[bundle.place : bundle.place + bundle.size] = values
        self.open -= bundle.size

    def unsettled(self) -> list[tuple[int, Item | Bundle]]:
        """As in `Owner`."""
        return [(place, value) for place, value in enumerate(self.values) if isinstance(value, Item | Bundle)]


class StreamOwner(BatchOwner):
    """The book of a stream: outcomes leave it as they come, so only the open items are kept."""

    __slots__ = ("_early", "_lined_up", "announced", "before_send", "failure", "most_open", "outcomes", "places")
    hands_over = True

    def __init__(self, priority: int, options: Any, *, now: float, most_open: int, pairs: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs)
        self.most_open = most_open
        self.outcomes: deque[Outcome[Any]] = deque()
        """What has not been handed over yet, in the order of completion."""
        self.places: dict[int, Item | Bundle] = {}
        """The open items by their place, and the bundles by the place of their first."""
        self.before_send: BeforeSend | None = None
        self.announced: set[int] = set()
        """The open places of which `before_send` was told."""
        self.failure: Exception | None = None
        """What `before_send` raised."""
        self._lined_up: dict[str, deque[int]] = {}
        """Accounts with several open places -> these, in the order of the input."""
        self._early: dict[int, Outcome[Any]] = {}
        """Of these, what is known before an earlier one of the same account is: it is handed over after that."""

    @property
    def wants_items(self) -> int:
        """As in `Owner`, and never more than the stream may hold."""
        return min(super().wants_items, self.room) if self.room >= ROOM_LEAST else 0

    @property
    def room(self) -> int:
        """How many more items may be taken before some are handed over."""
        return self.most_open - self.open - len(self.outcomes)

    def enter(self, items: Sequence[Item]) -> None:
        """As in `Owner`."""
        self.places.update(zip(count(self.taken), items, strict=False))
        self.taken += len(items)
        self.open += len(items)

    def enter_bundle(self, bundle: Bundle) -> None:
        """As in `Owner`."""
        self.places[bundle.place] = bundle
        self.taken += bundle.size
        self.open += bundle.size

    def unbundle(self, bundle: Bundle, items: Sequence[Item]) -> None:
        """As in `Owner`."""
        self.places.update(zip(count(bundle.place), items, strict=False))

    def rebook(self, place: int, item: Item) -> None:
        """As in `Owner`."""
        self.places[place] = item

    def put(self, place: int, account: str, value: Any) -> None:
        """As in `Owner`."""
        del self.places[place]
        if self.before_send is not None:
            self.announced.discard(place)
        outcome = outcome_of(value, place, account)
        if account in self._lined_up:
            self._early[place] = outcome
            self._hand_over_lined_up(account)
        else:
            self.open -= 1
            self.outcomes.append(outcome)

    def line_up(self, item: Item, ahead: Iterable[Item]) -> None:
        """As in `Owner`: their outcomes are to come in this order, whatever each meets."""
        account = item.account
        if account not in self._lined_up:
            places = [place for other in ahead for owner, place in other.places if owner is self]
            own = [place for place in places if place != item.place and place in self.places]
            if not own:
                return
            self._lined_up[account] = deque(sorted(own))
        self._lined_up[account].append(item.place)

    def _hand_over_lined_up(self, account: str) -> None:
        places = self._lined_up[account]
        while places and places[0] in self._early:
            self.outcomes.append(self._early.pop(places.popleft()))
            self.open -= 1
        if not places:
            del self._lined_up[account]

    def unannounced(self, places: Iterable[int]) -> list[int]:
        """Those of these places that `before_send` has not been told of; from now on it has."""
        new = [place for place in places if place not in self.announced]
        self.announced.update(new)
        return new

    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """As in `Owner`."""
        del self.places[bundle.place]
        if self.before_send is not None:
            self.announced.difference_update(range(bundle.place, bundle.place + bundle.size))
        self.open -= bundle.size
        self.outcomes.extend(map(Ok, count(bundle.place), bundle.accounts, values))

    def unsettled(self) -> list[tuple[int, Item | Bundle]]:
        """As in `Owner`."""
        return [
            (place + offset, held)
            for place, held in self.places.items()
            for offset in range(held.size if isinstance(held, Bundle) else 1)
        ]
