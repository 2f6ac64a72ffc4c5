"""What waits: items, one by one or in bundles, and the lines in which they stand.

An item is made when something of its own happens: it is asked for alone, shares its account with another, or was
answered with anything but a plain yes. Until then it is one of a bundle, which is filed, sealed, answered and booked as
a whole; so of ten million accounts nearly none ever becomes an object.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .feeds import BatchFeed, Feed

__all__ = ["FLYING", "GONE", "Bundle", "Chunk", "Item", "Line", "Trial"]


class Line:
    """A queue of items that takes its turn among others of the same urgency.

    An item that was moved or withdrawn stays behind in the deque as a ghost, to be skipped: its `line` tells.
    """

    __slots__ = ("__weakref__", "_bundles", "_items", "bundled", "listed", "options", "priority", "ready", "trial")

    def __init__(self, priority: int, options: Any, trial: Trial | None = None) -> None:
        self.priority = priority
        self.options = options
        self.trial = trial
        """Set on the parts of a chunk that was refused as a whole: these are sealed apart from all else."""
        self._items: deque[Item] | None = None
        self._bundles: deque[Bundle] | None = None
        self.bundled = 0
        """How many items stand in bundles."""
        self.ready = 0
        """How many items wait in all; ghosts do not."""
        self.listed = False
        """Whether it stands in the rotation."""

    # Made when they are needed: most feeds bring one item, which waits elsewhere.

    @property
    def items(self) -> deque[Item]:
        """These go before the bundles."""
        if self._items is None:
            self._items = deque()
        return self._items

    def clear(self) -> None:
        """Drop the ghosts: no item is ready."""
        self._items = None

    def drop_ghosts(self) -> None:
        """Keep only the items that wait here."""
        self._items = deque(dict.fromkeys(item for item in self.items if item.line is self))

    @property
    def bundles(self) -> deque[Bundle]:
        """Only a feed has some; each fills a call, but for the last one."""
        if self._bundles is None:
            self._bundles = deque()
        return self._bundles


FLYING = Line(-1, None)
"""In flight: stands in `Item.line` of an item that is part of an unanswered call."""
GONE = Line(-1, None)
"""Withdrawn or settled: stands in `Item.line` of an item that must not be sent any more."""


class Trial:
    """The search for the guilty in one chunk that was refused as a whole."""

    __slots__ = ("begun", "cleared", "code", "held", "innocent", "probes", "undecided")

    def __init__(self, size: int, code: int) -> None:
        self.undecided = size
        self.code = code
        self.begun = False
        self.innocent = False
        """Whether any item of the chunk turned out not to be guilty, or not with this code."""
        self.probes: set[Item] | None = None
        """Items asked alone before others that say the same, as far as they are not decided; None before and after."""
        self.cleared = False
        """Whether one of those turned out not to be guilty."""
        self.held: list[Item] = []
        """The others, which wait for what comes of those."""


class Item(msgspec.Struct, gc=False, eq=False):
    """One account's part of a request, from when it is given until it has its outcome."""

    account: str
    argument: Any
    place: Any
    """In the input of its feed; of a single request the waiter."""
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
    joined: OrderedDict[tuple[Feed, Any], None] | None = None
    """The places of equal items that share its fate. Ordered, because a plain dict that loses its first entry again and
    again looks through all that it lost before."""
    wanted: bool = True
    """False once everybody who waited for it has left while it was in flight."""
    trial: Trial | None = None
    reply: Any = None
    """All that was answered, where the item is a call without accounts."""

    @property
    def places(self) -> list[tuple[Feed, Any]]:
        """All that share its fate, its own first."""
        return [(self.feed, self.place), *(self.joined or ())]


class Bundle(msgspec.Struct, gc=False, eq=False):
    """Items of one feed that were given together and fill one call, or what is left for the last; none is known yet."""

    feed: BatchFeed
    place: int
    """Of the first, in the input of the feed; the others follow."""
    size: int
    """How many they are."""
    accounts: list[str]
    arguments: list[Any]
    line: Line
    """Its feed while it waits, then `FLYING`."""
    items: list[Item] | None = None
    """Once it was opened: then these wait, or are in flight, in its stead."""

    def open(self) -> list[Item]:
        """Make its items, each as it stands."""
        feed, line = self.feed, self.line
        self.items = [
            Item(account, argument, place, feed, line, feed.priority)
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
    feeds: list[Feed]
    """Those whose items they are."""
    options: Any
    trial: Trial | None
    probe: bool
    """Whether it went out alone, to see if the service is back."""
    settled: bool = False
