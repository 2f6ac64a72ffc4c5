"""The feeds that bring items: one per batch or stream, and a standing one for all single requests of a kind.

A feed is two things at once: a line in which its items wait for their turn, and the book in which every place of the
input holds either its open item (or the bundle of which it is one) or what became of it. So nothing can be lost without
a hole in the book.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, ClassVar, Protocol

from tim_async.errors import APIError, RequestError
from tim_async.results import BatchResult, Failure, Ok, Outcome, Stats

from .items import Bundle, Item, Line

__all__ = [
    "BULK",
    "INTERACTIVE",
    "NORMAL",
    "PRIORITIES",
    "BatchFeed",
    "CallFeed",
    "Feed",
    "Singles",
    "StreamFeed",
    "Waiter",
    "nobody",
]

PRIORITIES = {"interactive": 0, "normal": 1, "bulk": 2}
INTERACTIVE, NORMAL, BULK = PRIORITIES.values()

WAITING_MOST = 1_000  # items of a synchronous source that enter before the call first suspends
WAITING_LOW = 500  # below this the source is asked again
ROOM_LEAST = 100  # of a stream; asked for each item that was handed over, a source would make calls of one item


class Feed(Line, ABC):
    """Who brings items, and is told what became of them."""

    __slots__ = (
        "calls",
        "cut",
        "error",
        "finished_at",
        "guilty_chunks",
        "notify",
        "open",
        "patient",
        "retries",
        "seconds_waited",
        "started_at",
        "stop_reason",
    )

    hands_over: ClassVar = False
    """Whether it gives outcomes before the last one has come."""
    single: ClassVar = False
    """Whether its items are requests of their own, that nothing but their waiting together connects."""

    def __init__(self, priority: int, options: Any, *, now: float, patient: bool = False) -> None:
        super().__init__(priority, options)
        self.patient = patient
        """Whether it has a timeout of its own, and so waits however long the service is silent."""
        self.open = 0
        """Items without an outcome."""
        self.cut = False
        """Nothing more is taken of the source, though it may hold more; what was taken goes on."""
        self.stop_reason: str | None = None
        """Why nothing of it is sent any more; what is in flight may still be answered."""
        self.error: APIError | RequestError | None = None
        """What stopped it."""
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
        return False

    @property
    def refuses(self) -> bool:
        """Whether what still comes is not sent any more."""
        return self.cut or self.stop_reason is not None

    @property
    def hurried(self) -> bool:
        """Whether it is stopped when the service is silent for long."""
        return not self.patient and self.stop_reason is None

    @abstractmethod
    def rebook(self, place: Any, item: Item) -> None:
        """From now on this place hangs on another item."""

    @abstractmethod
    def put(self, place: Any, account: str, value: Any) -> None:
        """Write down what became of an item: a value or a failure."""

    @abstractmethod
    def unsettled(self) -> Sequence[tuple[Any, Item | Bundle]]:
        """The places that have no outcome yet, each with that on which it hangs."""


class Waiter(Protocol):
    """Who waits for a single request; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Here is a value, or a failure."""
        ...


class Singles(Feed):
    """All single requests of a lane with the same options, priority and patience: each is a waiter, and its own place.

    So a single request needs no book of its own, and comes and goes at the same price however many there are. When it
    is stopped, those that wait are told why, and a new one takes its place for those that come later.
    """

    __slots__ = ("waiting",)
    single = True

    def __init__(self, priority: int, options: Any, *, patient: bool = False) -> None:
        super().__init__(priority, options, now=0.0, patient=patient)
        self.waiting: dict[Waiter, Item] = {}

    def enter(self, item: Item) -> None:
        """Write a new item into the book."""
        self.waiting[item.place] = item
        self.open += 1

    def rebook(self, place: Waiter, item: Item) -> None:
        """As in `Feed`."""
        self.waiting[place] = item

    def put(self, place: Waiter, account: str, value: Any) -> None:
        """As in `Feed`."""
        del self.waiting[place]
        self.open -= 1
        if not place.done():  # cancelled in this moment
            place.set_result(value)

    def unsettled(self) -> list[tuple[Waiter, Item]]:
        """As in `Feed`."""
        return list(self.waiting.items())


class BatchFeed(Feed, ABC):
    """The items of one batch on their way."""

    __slots__ = ("exhausted", "pairs", "taken")

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options, now=now, patient=patient)
        self.pairs = pairs
        """Whether items are (account, argument) pairs."""
        self.taken = 0
        """Items taken from the source."""
        self.exhausted = False
        """The source has been read to its end."""

    @property
    def takes_more(self) -> bool:
        """As in `Feed`."""
        return not (self.exhausted or self.cut or self.stop_reason is not None)

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
    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """Write down the values of a whole bundle, for all of it is well."""


def nobody() -> None:
    """Nobody listens."""


class CallFeed(BatchFeed):
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


class StreamFeed(BatchFeed):
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
