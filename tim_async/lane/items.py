"""What waits: items, one by one or in bundles; the queues in which they stand; and their owners, in outline.

An item is made when something of its own happens: it is asked for alone, shares its account with another, or was
answered with anything but a plain yes. Until then it is one of a bundle, which is filed, sealed, answered and booked as
a whole; so of ten million accounts nearly none ever becomes an object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from tim_async.errors import APIError, RequestError
from tim_async.outcomes import Stats

__all__ = [
    "BULK",
    "ENDED",
    "EVERY_ACCOUNT",
    "INTERACTIVE",
    "IN_FLIGHT",
    "NORMAL",
    "PRIORITIES",
    "WAITING_LOW",
    "WAITING_MOST",
    "Accounts",
    "BatchOwner",
    "Bisection",
    "Bundle",
    "Chunk",
    "Item",
    "Owner",
    "Queue",
    "ignore",
]

PRIORITIES = {"interactive": 0, "normal": 1, "bulk": 2}
INTERACTIVE, NORMAL, BULK = PRIORITIES.values()

WAITING_MOST = 1_000  # items of a synchronous source that enter before the call first suspends
WAITING_LOW = 500  # below this the source is asked again


def ignore() -> None:
    """Nobody listens."""


class _EveryAccount:
    def __contains__(self, account: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


EVERY_ACCOUNT = _EveryAccount()
Accounts: TypeAlias = "frozenset[str] | _EveryAccount"


class Queue:
    """A queue of items that takes its turn among others of the same urgency.

    An item that was moved or withdrawn stays behind in the deque as a stale entry, to be skipped: its `queue` tells.
    """

    __slots__ = ("__weakref__", "_bundles", "_items", "bisection", "bundled", "listed", "options", "priority", "ready")

    def __init__(self, priority: int, options: Any, bisection: Bisection | None = None) -> None:
        self.priority = priority
        self.options = options
        self.bisection = bisection
        """Set on the parts of a chunk that was refused as a whole: these are sealed apart from all else."""
        self._items: deque[Item] | None = None
        self._bundles: deque[Bundle] | None = None
        self.bundled = 0
        """How many items stand in bundles."""
        self.ready = 0
        """How many items wait in all; stale entries do not."""
        self.listed = False
        """Whether it stands in the rotation."""

    # Made when they are needed: most owners bring one item, which waits elsewhere.

    @property
    def items(self) -> deque[Item]:
        """These go before the bundles."""
        if self._items is None:
            self._items = deque()
        return self._items

    def clear(self) -> None:
        """Drop the stale entries: no item is ready."""
        self._items = None

    def drop_stale(self) -> None:
        """Keep only the items that wait here."""
        self._items = deque(dict.fromkeys(item for item in self.items if item.queue is self))

    @property
    def bundles(self) -> deque[Bundle]:
        """Only an owner has some; each fills a call, but for the last one."""
        if self._bundles is None:
            self._bundles = deque()
        return self._bundles


IN_FLIGHT = Queue(-1, None)
"""In flight: stands in `Item.queue` of an item that is part of an unanswered call."""
ENDED = Queue(-1, None)
"""Withdrawn or settled: stands in `Item.queue` of an item that must not be sent any more."""


class Bisection:
    """The search for the culprits in one chunk that was refused as a whole."""

    __slots__ = ("begun", "cleared", "code", "held", "probes", "some_fine", "undecided")

    def __init__(self, size: int, code: int) -> None:
        self.undecided = size
        self.code = code
        self.begun = False
        self.some_fine = False
        """Whether any item of the chunk turned out to be fine, or refused with another code."""
        self.probes: set[Item] | None = None
        """Items asked alone before others that say the same, as far as they are not decided; None before and after."""
        self.cleared = False
        """Whether one of those turned out to be fine."""
        self.held: list[Item] = []
        """The others, which wait for what comes of those."""


class Owner(Queue, ABC):
    """Who brings items, and is told what became of them."""

    __slots__ = (
        "calls",
        "culprit_chunks",
        "cut",
        "error",
        "finished_at",
        "maybe_sent",
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
        self.maybe_sent: Accounts = frozenset()
        """The accounts whose items somebody may have sent before, so that a repeat may meet its own first effect."""
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
        self.culprit_chunks: dict[int, int] | None = None
        """Code -> chunks all of whose items were refused with it; None while there are none."""
        self.notify: Callable[[], None] = ignore
        """Called when it could take more items, and when it has outcomes: a batch at the end only, a stream always."""

    @property
    def finished(self) -> bool:
        """Whether every item has its outcome and no more will come."""
        return not self.open and not self.takes_more

    @property
    def takes_more(self) -> bool:
        """Whether more items may come from the source."""
        return False

    def line_up(self, item: Item, ahead: Iterable[Item]) -> None:
        """An item is not the first of its account; *ahead* are those before it, first come first."""

    @property
    def refuses(self) -> bool:
        """Whether what still comes is not sent any more."""
        return self.cut or self.stop_reason is not None

    @property
    def hurried(self) -> bool:
        """Whether it is stopped when the service is silent for long."""
        return not self.patient and self.stop_reason is None

    def item(self, account: str, argument: Any, place: Any, queue: Queue | None = None) -> Item:
        """A new item of it."""
        unsure = account in self.maybe_sent
        return Item(account, argument, place, self, queue, self.priority, unsure=unsure)

    @abstractmethod
    def rebook(self, place: Any, item: Item) -> None:
        """From now on another item decides about this place."""

    @abstractmethod
    def put(self, place: Any, account: str, value: Any) -> None:
        """Write down what became of an item: a value or a failure."""

    @abstractmethod
    def unsettled(self) -> Sequence[tuple[Any, Item | Bundle]]:
        """The places that have no outcome yet, each with that on which it hangs."""


class BatchOwner(Owner, ABC):
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
        """As in `Owner`."""
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
        """From now on each place of a bundle has an item of its own."""

    @abstractmethod
    def put_bundle(self, bundle: Bundle, values: Sequence[Any]) -> None:
        """Write down the values of a whole bundle, for all of it is well."""


class Item(msgspec.Struct, gc=False, eq=False):
    """One account's part of a request, from when it is given until it has its outcome."""

    account: str
    argument: Any
    place: Any
    """In the input of its owner; of a single request the waiter."""
    owner: Owner
    queue: Queue | None
    """Where it waits for its turn; None while it is in back-off or waits behind an item of the same account."""
    priority: int
    """Its owner's, unless something more urgent waits behind it."""
    attempts: int = 0
    """Calls with it that gave neither a yes nor a final no; a pause or a search for the culprits does not count."""
    reached: bool = False
    """Whether a call with it can have reached the service."""
    unsure: bool = False
    """Whether a call with it may have been applied without our knowing; one of ours, or of those before us."""
    refused: bool = False
    """Whether the last word about it was a definite no."""
    code: int | None = None
    info: str = ""
    joined: OrderedDict[tuple[Owner, Any], None] | None = None
    """The places of equal items that share its fate. Ordered, because a plain dict that loses its first entry again and
    again looks through all that it lost before."""
    wanted: bool = True
    """False once everybody who waited for it has left while it was in flight."""
    bisection: Bisection | None = None
    reply: Any = None
    """All that was answered, where the item is a call without accounts."""

    @property
    def places(self) -> list[tuple[Owner, Any]]:
        """All that share its fate, its own first."""
        return [(self.owner, self.place), *(self.joined or ())]


class Bundle(msgspec.Struct, gc=False, eq=False):
    """Items of one owner that were given together and fill one call, or are left over; none is an object yet."""

    owner: BatchOwner
    place: int
    """Of the first, in the input of the owner; the others follow."""
    size: int
    """How many they are."""
    accounts: list[str]
    arguments: list[Any]
    queue: Queue
    """Its owner while it waits, then `IN_FLIGHT`."""
    items: list[Item] | None = None
    """Once it was opened: then these wait, or are in flight, in its place."""

    def open(self) -> list[Item]:
        """Make its items, each as it stands."""
        owner, queue = self.owner, self.queue
        self.items = [
            owner.item(account, argument, place, queue)
            for place, (account, argument) in enumerate(zip(self.accounts, self.arguments, strict=True), self.place)
        ]
        return self.items


class Chunk(msgspec.Struct, gc=False, eq=False):
    """The items of one call."""

    items: list[Item]
    """Empty while it is a bundle that was not opened."""
    bundle: Bundle | None
    accounts: list[str]
    arguments: list[Any]
    owners: list[Owner]
    """Those whose items they are."""
    options: Any
    bisection: Bisection | None
    probe: bool
    """Whether it went out alone, to see if the service is back."""
    settled: bool = False
