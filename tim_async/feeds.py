"""The feeds that bring items: one per batch, stream or single call.

A feed is two things at once: a line in which its items wait for their turn, and the book in which every place of the
input holds either its open item (or the bundle of which it is one) or what became of it. So nothing can be lost without
a hole in the book.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar

from .errors import APIError
from .items import Bundle, Item, Line
from .results import BatchResult, Failure, Ok, Outcome, Stats

__all__ = ["BULK", "INTERACTIVE", "NORMAL", "PRIORITIES", "CallFeed", "Feed", "StreamFeed", "nobody"]

PRIORITIES = {"interactive": 0, "normal": 1, "bulk": 2}
INTERACTIVE, NORMAL, BULK = PRIORITIES.values()

WAITING_MOST = 1_000  # items of a synchronous source that enter before the call first suspends
WAITING_LOW = 500  # below this the source is asked again
ROOM_LEAST = 100  # of a stream; asked for each item that was handed over, a source would make calls of one item


class Feed(Line, ABC):
    """The items of one batch on their way."""

    __slots__ = (
        "calls",
        "cut",
        "error",
        "exhausted",
        "finished_at",
        "guilty_chunks",
        "notify",
        "open",
        "over",
        "pairs",
        "patient",
        "reply",
        "retries",
        "seconds_waited",
        "single",
        "started_at",
        "stop_reason",
        "taken",
    )

    hands_over: ClassVar = False
    """Whether it gives outcomes before the last one has come."""

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options)
        self.pairs = pairs
        """Whether items are (account, argument) pairs."""
        self.single = False
        """Whether it brings but one item, which waits in one line with others like it."""
        self.patient = patient
        """Whether it has a timeout of its own, and so waits however long the service is silent."""
        self.taken = 0
        """Items taken from the source."""
        self.open = 0
        """Items without an outcome."""
        self.exhausted = False
        """The source has been read to its end."""
        self.cut = False
        """Nothing more is taken of the source, though it may hold more; what was taken goes on."""
        self.stop_reason: str | None = None
        """Why nothing of it is sent any more; what is in flight may still be answered."""
        self.over = False
        """Nobody waits for its outcomes any more."""
        self.error: APIError | None = None
        """What stopped it."""
        self.reply: tuple[int, Mapping[str, Any]] | None = None
        """Of a bare call: the code with which it was last refused, and the whole reply."""
        self.calls = 0
        self.retries = 0
        self.seconds_waited = 0.0
        self.started_at = now
        self.finished_at = now
        self.guilty_chunks: dict[int, int] | None = None
        """Code -> chunks all of whose items were found guilty with it; None while there are none."""
        self.notify: Callable[[], None] = nobody
        """Called when it could take more items, and when it has outcomes: a batch at the end only, a stream always."""

    @property
    def finished(self) -> bool:
        """Whether every item has its outcome and no more will come."""
        return not self.open and not self.takes_more

    @property
    def takes_more(self) -> bool:
        """Whether more items may come from the source."""
        return not (self.exhausted or self.cut or self.stop_reason is not None)

    @property
    def refuses(self) -> bool:
        """Whether what still comes from the source is not sent any more."""
        return self.cut or self.stop_reason is not None

    @property
    def hurried(self) -> bool:
        """Whether it is stopped when the service is silent for long."""
        return not self.patient and self.stop_reason is None

    @property
    def wants_items(self) -> int:
        """How many items the source is asked for now; 0 while enough wait."""
        if self.ready > WAITING_LOW or not self.takes_more:
            return 0
        return WAITING_MOST - self.ready

    def stats(self) -> Stats:
        """What it took until now."""
        seconds = round(self.finished_at - self.started_at, 6)
        return Stats(self.calls, self.retries, self.taken, seconds, round(self.seconds_waited, 6))

    @abstractmethod
    def enter(self, items: Sequence[Item]) -> None:
        """Write new items into the book."""

    @abstractmethod
    def enter_bundle(self, bundle: Bundle) -> None:
        """Write a new bundle into the book."""

    @abstractmethod
    def unbundle(self, bundle: Bundle, items: Sequence[Item]) -> None:
        """From now on each place of a bundle hangs on an item of its own."""

    @abstractmethod
    def rebook(self, place: int, item: Item) -> None:
        """From now on this place hangs on another item."""

    @abstractmethod
    def put(self, place: int, account: str, value: Any) -> None:
        """Write down what became of an item: a value or a failure."""

    @abstractmethod
    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """Write down the values of a whole bundle, for all of it is well."""

    @abstractmethod
    def unsettled(self) -> list[tuple[int, Item | Bundle]]:
        """The places that have no outcome yet, each with that on which it hangs."""


def nobody() -> None:
    """Nobody listens."""


class CallFeed(Feed):
    """The book of a call: kept whole, in the order of the input."""

    __slots__ = ("accounts", "values")

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs, patient=patient)
        self.accounts: list[str] = []
        self.values: list[Any] = []
        """For each place its open item or bundle, or what became of it: a value or a `Failure`."""

    def enter(self, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        self.accounts += [item.account for item in items]
        self.values.extend(items)
        self.taken += len(items)
        self.open += len(items)

    def enter_bundle(self, bundle: Bundle) -> None:
        """As in `Feed`."""
        self.accounts += bundle.accounts
        self.values += [bundle] * bundle.size
        self.taken += bundle.size
        self.open += bundle.size

    def unbundle(self, bundle: Bundle, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        self.values[bundle.place : bundle.place + bundle.size] = items

    def rebook(self, place: int, item: Item) -> None:
        """As in `Feed`."""
        self.values[place] = item

    def put(self, place: int, account: str, value: Any) -> None:
        """As in `Feed`."""
        self.values[place] = value
        self.open -= 1

    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """As in `Feed`."""
        self.values[bundle.place : bundle.place + bundle.size] = values
        self.open -= bundle.size

    def unsettled(self) -> list[tuple[int, Item | Bundle]]:
        """As in `Feed`."""
        return [(place, value) for place, value in enumerate(self.values) if isinstance(value, Item | Bundle)]

    def result(self) -> BatchResult[Any]:
        """The merged result; every place has its outcome."""
        unread = not self.exhausted
        return BatchResult(self.accounts, self.values, self.stats(), unread=unread, pairs=self.pairs)


class StreamFeed(Feed):
    """The book of a stream: outcomes leave it as they come, so only the open items are kept."""

    __slots__ = ("most_open", "outcomes", "places")
    hands_over = True

    def __init__(self, priority: int, options: Any, *, now: float, most_open: int, pairs: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs)
        self.most_open = most_open
        self.outcomes: deque[Outcome[Any]] = deque()
        """What has not been handed over yet, in the order of completion."""
        self.places: dict[int, Item | Bundle] = {}
        """The open items by their place, and the bundles by the place of their first."""

    @property
    def wants_items(self) -> int:
        """As in `Feed`, and never more than the stream may hold."""
        return min(super().wants_items, self.room) if self.room >= ROOM_LEAST else 0

    @property
    def room(self) -> int:
        """How many more items may be taken before some are handed over."""
        return self.most_open - self.open - len(self.outcomes)

    def enter(self, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        self.places.update(zip(count(self.taken), items, strict=False))
        self.taken += len(items)
        self.open += len(items)

    def enter_bundle(self, bundle: Bundle) -> None:
        """As in `Feed`."""
        self.places[bundle.place] = bundle
        self.taken += bundle.size
        self.open += bundle.size

    def unbundle(self, bundle: Bundle, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        self.places.update(zip(count(bundle.place), items, strict=False))

    def rebook(self, place: int, item: Item) -> None:
        """As in `Feed`."""
        self.places[place] = item

    def put(self, place: int, account: str, value: Any) -> None:
        """As in `Feed`."""
        del self.places[place]
        self.open -= 1
        outcome = value.outcome(place, account) if isinstance(value, Failure) else Ok(place, account, value)
        self.outcomes.append(outcome)

    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """As in `Feed`."""
        del self.places[bundle.place]
        self.open -= bundle.size
        self.outcomes.extend(map(Ok, count(bundle.place), bundle.accounts, values))

    def unsettled(self) -> list[tuple[int, Item | Bundle]]:
        """As in `Feed`."""
        return [
            (place + offset, held)
            for place, held in self.places.items()
            for offset in range(held.size if isinstance(held, Bundle) else 1)
        ]
