"""What a client tells of itself while it works, and who is told.

Every event is told in the event loop, and in a context of its own: the context variables of whoever asked are not set.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tim_async.lane.statistics import LaneStatistics

__all__ = [
    "CallBegun",
    "CallEvent",
    "Event",
    "Hook",
    "LaneEvent",
    "LaneSlowed",
    "PauseBegun",
    "PauseEnded",
    "RedisBack",
    "RedisLost",
    "RepeatEvent",
    "Watcher",
]


class Event(msgspec.Struct, frozen=True):
    """Whatever a `Watcher` is told: one of the kinds below."""


class CallBegun(Event, frozen=True):
    """A call has its items and is about to be sent. A `CallEvent` follows, in the same context."""

    path: str
    """``service/command``."""
    items: int
    attempt: int
    """The most often tried item of the call is sent for the how manyeth time, from 1."""
    priority: str
    """Of its most urgent item: ``interactive``, ``normal`` or ``bulk``."""
    started: float
    """Unix seconds."""
    seconds_waited: float
    """For the token."""
    server: str
    """``scheme://host[:port]``, to which it goes."""
    askers: tuple[object, ...] = ()
    """What this watcher's `Watcher.asker` gave for each request whose items are in the call."""


class CallEvent(Event, frozen=True):
    """One call, as told to the hooks when it has ended, however it ended."""

    path: str
    items: int
    attempt: int
    """The most often tried item of the call was sent for the how manyeth time, from 1."""
    seconds: float
    """From sealing to the answer."""
    seconds_waited: float
    """For the token, before it was sealed."""
    code: int | None
    """The service's ``ErrorCode``; None if no trustworthy answer came."""
    error: str
    """What went wrong with the call as a whole; empty if nothing did."""
    started: float = 0.0
    """When it was sealed, Unix seconds."""
    priority: str = ""
    """Of its most urgent item: ``interactive``, ``normal`` or ``bulk``."""
    server: str = ""
    """``scheme://host[:port]``, to which it went."""
    kinds: dict[str, int] = {}
    """How many of its items are ``Ok``, ``Rejected``, ``Unknown`` or ``NotSent`` by this call, wait for another one
    (``again``), or were wanted by nobody any more (``withdrawn``); together all of them."""
    item_codes: dict[int, int] = {}
    """Code -> how many items were answered with it; 0 for those that failed without a code."""
    error_type: str = ""
    """For grouping: the class of the error (``RequestTimeout``), or the service's code; empty if all is well."""
    status: int | None = None
    """The HTTP status, if a gateway answered instead of the service."""
    retry_reason: str = ""
    """Why items of it wait for another call: the first reason, if there are several. See `RepeatEvent`."""


class RepeatEvent(Event, frozen=True):
    """Items of a call had neither a yes nor a final no, and will be sent again."""

    path: str
    accounts: tuple[str, ...]
    reason: str
    """Why: the same for all of them."""
    code: int | None
    """The service's code, if it was a code."""
    attempts: int
    """How often the most often tried of them was tried; pauses and the search for a guilty item do not count."""
    seconds: float
    """For which they wait at least."""


class PauseBegun(Event, frozen=True):
    """Nothing is sent for a while, because the service or a gateway asked for fewer calls, or locked the account."""

    path: str
    """The command whose call was refused."""
    seconds: float
    """How long it will last, as far as is known."""
    reason: str
    whole_app: bool
    """Whether all commands of the client pause."""


class PauseEnded(Event, frozen=True):
    """A pause is over."""

    path: str
    seconds: float
    """How long it lasted."""
    whole_app: bool


class LaneSlowed(Event, frozen=True):
    """A command goes slower than its limit for some seconds, after a refusal or an alarm."""

    path: str
    rate: float
    """Calls a second that may leave now."""
    limit: float
    """Calls a second that are allowed."""
    reason: str


class RedisLost(Event, frozen=True):
    """The shared limit is out of reach: this process keeps to its own share until it is back."""

    reason: str


class RedisBack(Event, frozen=True):
    """The shared limit is back."""

    seconds: float
    """How long it was out of reach."""


class LaneEvent(Event, frozen=True):
    """How a command stands: once a second while it has something to do, and once when it has not any more."""

    path: str
    statistics: LaneStatistics


class Hook(Protocol):
    """What ``Client(hooks=[...])`` takes: any function of a `CallEvent`; or a `Watcher`, which is told more."""

    def __call__(self, event: CallEvent, /) -> object:
        """A call has ended."""
        ...


class Watcher:
    """A hook that is told of everything that it wants to know, and not of the calls alone.

    Subclass it, and give instances to ``Client(hooks=[...])``::

        class Pager(tim_async.Watcher):
            def __call__(self, event: tim_async.Event) -> None:
                match event:
                    case tim_async.PauseBegun(path=path, reason=reason):
                        page(f"{path} pauses: {reason}")
    """

    wants: tuple[type[Event], ...] = (Event,)
    """The kinds of events that it is told; `Event` stands for all. Looked at once, when the client is made: what nobody
    wants is not even made. The pager above does best with ``wants = (tim_async.PauseBegun,)``: it costs a call nothing.
    """

    def __call__(self, event: Event, /) -> None:
        """Something happened. It must return quickly; what it raises is logged and changes nothing.

        Args:
            event: what happened; one of the kinds in `wants`.
        """

    def asker(self) -> object:
        """Who asks; called in the caller's own context, once for each ``one``, batch or stream.

        Overriding it is what makes the client remember: what is given here stands in `CallBegun.askers` of each call
        with an item of that request. It is not called if the watcher does not want that event.

        Returns:
            Anything; None is not remembered.
        """
        return None
