"""Items, and the feeds that bring them: one feed per batch, stream or single call.

A feed is two things at once: a line in which its items wait for their turn, and the book in which every place of the
input holds either its open item or what became of it. So nothing can be lost without a hole in the book.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .errors import APIError
from .results import BatchResult, Failure, Ok, Outcome, Stats

__all__ = ["BULK", "INTERACTIVE", "NORMAL", "PRIORITIES", "CallFeed", "Feed", "Item", "Line", "StreamFeed", "Trial"]

PRIORITIES = {"interactive": 0, "normal": 1, "bulk": 2}
INTERACTIVE, NORMAL, BULK = PRIORITIES.values()

WAITING_MOST = 1_000  # items of a synchronous source that enter before the call first suspends
WAITING_LOW = 500  # below this the source is asked again
ROOM_LEAST = 100  # of a stream; asked for each item that was handed over, a source would make calls of one item


class Line:
    """A queue of items that takes its turn among others of the same urgency.

    An item that was moved or withdrawn stays behind in the deque as a ghost, to be skipped: its `line` tells.
    """

    __slots__ = ("__weakref__", "items", "listed", "options", "priority", "ready", "trial")

    def __init__(self, priority: int, options: Any, trial: Trial | None = None) -> None:
        self.priority = priority
        self.options = options
        self.trial = trial
        """Set on the parts of a chunk that was refused as a whole: these are sealed apart from all else."""
        self.items: deque[Item] = deque()
        self.ready = 0
        """How many of the items are no ghosts."""
        self.listed = False
        """Whether it stands in the rotation."""


FLYING = Line(-1, None)
"""In flight: stands in `Item.line` of an item that is part of an unanswered call."""
GONE = Line(-1, None)
"""Withdrawn or settled: stands in `Item.line` of an item that must not be sent any more."""


class Trial:
    """The search for the guilty in one chunk that was refused as a whole."""

    __slots__ = ("begun", "code", "innocent", "undecided")

    def __init__(self, size: int, code: int) -> None:
        self.undecided = size
        self.code = code
        self.begun = False
        self.innocent = False
        """Whether any item of the chunk turned out not to be guilty, or not with this code."""


class Item(msgspec.Struct, gc=False, eq=False):
    """One account's part of a request, from when it is given until it has its outcome."""

    account: str
    argument: Any
    place: int
    """In the input of its feed."""
    feed: Feed
    line: Line | None
    """Where it waits for its turn; None while it is in back-off or waits behind an item of the same account."""
    priority: int
    """Its feed's, unless something more urgent waits behind it."""
    attempts: int = 0
    """Calls with it that gave neither a yes nor a final no; a pause or a search for the guilty does not count."""
    reached: bool = False
    """Whether a call with it can have reached the service."""
    unsure: bool = False
    """Whether such a call may have been applied without our knowing."""
    refused: bool = False
    """Whether the last word about it was a definite no."""
    code: int | None = None
    info: str = ""
    joined: list[tuple[Feed, int]] | None = None
    """The places of equal items that share its fate."""
    trial: Trial | None = None

    @property
    def places(self) -> list[tuple[Feed, int]]:
        """All that share its fate, its own first."""
        return [(self.feed, self.place), *(self.joined or ())]


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
        "retries",
        "seconds_waited",
        "started_at",
        "stop_reason",
        "taken",
    )

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options)
        self.pairs = pairs
        """Whether items are (account, argument) pairs."""
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
        self.calls = 0
        self.retries = 0
        self.seconds_waited = 0.0
        self.started_at = now
        self.finished_at = now
        self.guilty_chunks: dict[int, int] = {}
        """Code -> chunks all of whose items were found guilty with it."""
        self.notify: Callable[[], None] = _nobody
        """Called when it is finished or stopped, when a stream has outcomes, and when it could take more items."""

    @property
    def finished(self) -> bool:
        """Whether every item has its outcome and no more will come."""
        return not self.open and not self.takes_more

    @property
    def takes_more(self) -> bool:
        """Whether more items may come from the source."""
        return not (self.exhausted or self.refuses)

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
    def opened(self, items: Sequence[Item]) -> None:
        """Enter new items into the book."""

    @abstractmethod
    def rebook(self, place: int, item: Item) -> None:
        """From now on this place hangs on another item."""

    @abstractmethod
    def put(self, items: Sequence[Item], values: Sequence[Any]) -> None:
        """Write down what became of this feed's own items: values or failures."""

    @abstractmethod
    def put_one(self, place: int, account: str, value: Any) -> None:
        """The same for one place."""

    @abstractmethod
    def unsettled(self) -> list[tuple[int, Item]]:
        """The places that have no outcome yet, with the items on which they hang."""


def _nobody() -> None:
    """Nobody listens."""


class CallFeed(Feed):
    """The book of a call: kept whole, in the order of the input."""

    __slots__ = ("accounts", "values")

    def __init__(self, priority: int, options: Any, *, now: float, pairs: bool = False, patient: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs, patient=patient)
        self.accounts: list[str] = []
        self.values: list[Any] = []
        """For each place its open item, or what became of it: a value or a `Failure`."""

    def opened(self, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        self.accounts += [item.account for item in items]
        self.values.extend(items)
        self.taken += len(items)
        self.open += len(items)

    def rebook(self, place: int, item: Item) -> None:
        """As in `Feed`."""
        self.values[place] = item

    def put(self, items: Sequence[Item], values: Sequence[Any]) -> None:
        """As in `Feed`."""
        book = self.values
        for item, value in zip(items, values, strict=True):
            book[item.place] = value
        self.open -= len(items)

    def put_one(self, place: int, account: str, value: Any) -> None:
        """As in `Feed`."""
        self.values[place] = value
        self.open -= 1

    def unsettled(self) -> list[tuple[int, Item]]:
        """As in `Feed`."""
        return [(place, value) for place, value in enumerate(self.values) if type(value) is Item]

    def result(self) -> BatchResult[Any]:
        """The merged result; every place has its outcome."""
        unread = not self.exhausted
        return BatchResult(self.accounts, self.values, self.stats(), unread=unread, pairs=self.pairs)


class StreamFeed(Feed):
    """The book of a stream: outcomes leave it as they come, so only the open items are kept."""

    __slots__ = ("most_open", "outcomes", "places")

    def __init__(self, priority: int, options: Any, *, now: float, most_open: int, pairs: bool = False) -> None:
        super().__init__(priority, options, now=now, pairs=pairs)
        self.most_open = most_open
        self.outcomes: deque[Outcome[Any]] = deque()
        """What has not been handed over yet, in the order of completion."""
        self.places: dict[int, Item] = {}

    @property
    def wants_items(self) -> int:
        """As in `Feed`, and never more than the stream may hold."""
        return min(super().wants_items, self.room) if self.room >= ROOM_LEAST else 0

    @property
    def room(self) -> int:
        """How many more items may be taken before some are handed over."""
        return self.most_open - self.open - len(self.outcomes)

    def opened(self, items: Sequence[Item]) -> None:
        """As in `Feed`."""
        first = self.taken
        self.places.update(zip(range(first, first + len(items)), items, strict=True))
        self.taken += len(items)
        self.open += len(items)

    def rebook(self, place: int, item: Item) -> None:
        """As in `Feed`."""
        self.places[place] = item

    def put(self, items: Sequence[Item], values: Sequence[Any]) -> None:
        """As in `Feed`."""
        for item, value in zip(items, values, strict=True):
            self.put_one(item.place, item.account, value)

    def put_one(self, place: int, account: str, value: Any) -> None:
        """As in `Feed`."""
        del self.places[place]
        self.open -= 1
        outcome = value.outcome(place, account) if isinstance(value, Failure) else Ok(place, account, value)
        self.outcomes.append(outcome)

    def unsettled(self) -> list[tuple[int, Item]]:
        """As in `Feed`."""
        return list(self.places.items())
