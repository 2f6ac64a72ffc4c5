"""Tells the hooks and the log what happens to one command.

What nobody wants to know costs nothing: which hooks there are, and what they want, is looked at once.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from typing import TYPE_CHECKING

import msgspec

from tim_async.errors import BadStatus, RequestError
from tim_async.lane.items import PRIORITIES
from tim_async.lane.judging import Lane
from tim_async.lane.watched import WatchedLane
from tim_async.printable import one_line
from tim_async.service.codes import code

from .askers import Askers
from .events import (
    CallBegun,
    CallEvent,
    Event,
    Hook,
    LaneEvent,
    LaneSlowed,
    PauseBegun,
    PauseEnded,
    RepeatEvent,
)
from .pauses import Pauses
from .standing import Standing
from .telling import tell, who_wants

if TYPE_CHECKING:
    from tim_async.lane.items import Chunk, Item
    from tim_async.lane.judging import Effect
    from tim_async.lane.statistics import LaneStatistics
    from tim_async.service.endpoints import Answer

__all__ = ["Begun", "Watch", "lane_for"]

log = logging.getLogger("tim_async")

SECOND = 1.0  # between two events of how a command stands
_NAMES = tuple(PRIORITIES)
_OF_A_CALL = (CallBegun, CallEvent, RepeatEvent)
_OF_A_LANE: tuple[type[Event], ...] = (*_OF_A_CALL, PauseBegun, PauseEnded, LaneSlowed, LaneEvent)


def lane_for(hooks: Sequence[Hook]) -> type[Lane]:
    """The kind of lane that can tell what some hooks want to know."""
    return WatchedLane if who_wants(CallEvent, hooks) or who_wants(RepeatEvent, hooks) else Lane


class Begun(msgspec.Struct, frozen=True):
    """What is known of a call when it has its items."""

    items: int
    attempt: int
    priority: str
    sealed: float
    """Seconds of the loop's clock."""
    started: float
    waited: float
    server: str
    askers: dict[Hook, tuple[object, ...]]
    """What each watcher said of those who asked."""


class Watch:
    """What there is to tell of one command.

    Args:
        lane: of the command.
        hooks: who is told.
        clock: seconds.
        statistics: how the command stands at this moment.
    """

    def __init__(
        self, lane: Lane, hooks: Sequence[Hook], clock: Callable[[], float], statistics: Callable[[], LaneStatistics]
    ) -> None:
        self._lane = lane
        self._told = {kind: who_wants(kind, hooks) for kind in _OF_A_LANE}
        self._of_calls = any(self._told[kind] for kind in _OF_A_CALL)
        self.askers = Askers.wanted_by(self._told[CallBegun])
        """Who asked; None if nobody wants to know."""
        self._clock = clock
        self._statistics = statistics
        self._standing = Standing()
        self._pauses = Pauses(lane, self._pause_ended)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def _path(self) -> str:
        return self._lane.endpoint.path

    def _tell(self, event: Event) -> None:
        tell(self._told[type(event)], self._path, event)

    def _log(self, queue: str | None) -> None:
        if queue is not None:
            log.warning("%s: %s", self._path, queue)

    # Calls

    def sealed(self, chunk: Chunk, now: float, waited: float, server: Callable[[float], str]) -> Begun | None:
        """A call has its items. Returns what the other two methods want to have."""
        if not self._of_calls and not log.isEnabledFor(logging.DEBUG):
            return None
        if chunk.bundle is None:
            attempt = 1 + max(item.attempts for item in chunk.items)
            level = min(item.priority for item in chunk.items)
        else:
            attempt, level = 1, chunk.bundle.owner.priority
        askers = {} if self.askers is None else self.askers.of(chunk)
        return Begun(len(chunk.accounts), attempt, _NAMES[level], now, time.time(), waited, server(now), askers)

    def sends(self, begun: Begun | None) -> None:
        """The call is about to be sent; in its own context."""
        if self._timer is None or self._standing.waits_since == math.inf:  # else nothing is new by it
            now = self._clock()
            self._standing.asked(now)
            if self._timer is None:
                self._arm(now)
        if begun is None:
            return
        for watcher in self._told[CallBegun]:
            event = CallBegun(
                self._path,
                begun.items,
                begun.attempt,
                begun.priority,
                begun.started,
                begun.waited,
                begun.server,
                begun.askers.get(watcher, ()),
            )
            tell((watcher,), self._path, event)

    def settled(
        self, chunk: Chunk, begun: Begun | None, answer: Answer | RequestError, effect: Effect, now: float
    ) -> None:
        """The lane has judged the answer; in the context of the call."""
        lane = self._lane
        if begun is not None:
            self._call_ended(chunk, begun, answer, now)
        useful = lane.useful_at == now and lane.suspect is None and not effect.refused
        if useful and self._standing.well and lane.health.suspect is None:
            self._standing.answered(now, asks_on=lane.in_flight > 0)
        else:
            self._look_into(effect, _words(answer) or _why(answer), now, useful=useful)

    def _call_ended(self, chunk: Chunk, begun: Begun, answer: Answer | RequestError, now: float) -> None:
        error = _words(answer)
        if error:
            log.debug("%s: call of %d items, attempt %d: %s", self._path, begun.items, begun.attempt, error)
        lane = self._lane
        kinds, repeats = (lane.kinds, lane.repeats) if isinstance(lane, WatchedLane) else ({}, {})
        if self._told[CallEvent]:
            number = None if isinstance(answer, RequestError) else answer.code
            event = CallEvent(
                self._path,
                begun.items,
                begun.attempt,
                now - begun.sealed,
                begun.waited,
                number,
                error,
                begun.started,
                begun.priority,
                begun.server,
                kinds,
                _codes(answer, chunk),
                type(answer).__name__ if isinstance(answer, RequestError) else str(number or ""),
                answer.status if isinstance(answer, BadStatus) else None,
                next(iter(repeats), ""),
            )
            self._tell(event)
        if repeats and self._told[RepeatEvent]:
            self._tell_repeats(repeats)

    def _tell_repeats(self, repeats: Mapping[str, Sequence[Item]]) -> None:
        delays = self._lane.delays if isinstance(self._lane, WatchedLane) else {}
        for reason, items in repeats.items():
            accounts = tuple(item.account for item in items)
            tried = max(item.attempts for item in items)
            self._tell(RepeatEvent(self._path, accounts, reason, items[0].code, tried, delays.get(reason, 0.0)))

    # How the command stands

    def _look_into(self, effect: Effect, why: str, now: float, *, useful: bool) -> None:
        """Something is wrong, or was until now."""
        lane = self._lane
        if effect.refused:
            self._pause(why, now, wide=effect.wide)
            self.slowed(why, lane.throttle.pace(now))
        elif effect.stop_all is not None or lane.suspect is not None:
            self._log(self._standing.stopped(now, why))
            if lane.health.locked_until > now:
                self._pause(why, now, wide=True)
        elif useful and self._pauses.over(now):
            self._log(self._standing.answered(now, asks_on=lane.in_flight > 0))
            return
        self._standing.failed(why)

    def _pause(self, why: str, now: float, *, wide: bool) -> None:
        seconds = self._pauses.until(wide=wide) - now
        self._log(self._standing.paused(now, seconds, why))
        if self._pauses.begin(now, wide=wide):
            self._tell(PauseBegun(self._path, seconds, why, wide))

    def _pause_ended(self, seconds: float, wide: bool) -> None:
        self._tell(PauseEnded(self._path, seconds, wide))

    def slowed(self, reason: str, most: float = math.inf) -> None:
        """The command goes slower for some seconds.

        Args:
            reason: why.
            most: calls a second that something else than the limiter allows.
        """
        if self._told[LaneSlowed]:
            told = self._statistics()
            self._tell(LaneSlowed(self._path, min(told.limit * told.share, most), told.limit, reason))

    # By the time alone

    def _arm(self, now: float) -> None:
        when = min(self._standing.silent_at(), now + SECOND if self._told[LaneEvent] else math.inf)
        if when < math.inf:
            self._timer = asyncio.get_running_loop().call_at(when, self._tick, context=Context())

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        self._log(self._standing.silent(now))
        if self._told[LaneEvent]:
            self._tell(LaneEvent(self._path, self._statistics()))
        if not self._told[LaneEvent] or self._lane.in_flight or not self._lane.idle:
            self._arm(now)

    def close(self) -> None:
        """The client is closed."""
        self._pauses.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            if self._told[LaneEvent]:
                self._tell(LaneEvent(self._path, self._statistics()))


def _words(answer: Answer | RequestError) -> str:
    """What went wrong with the call as a whole; empty if nothing did."""
    if isinstance(answer, RequestError):
        return str(answer)
    return one_line(answer.info) or (code(answer.code).meaning if answer.code else "")


def _why(answer: Answer | RequestError) -> str:
    """What an answer says that is good as a whole, and yet of no use."""
    errors = {} if isinstance(answer, RequestError) else answer.errors
    return next((code(number).meaning for number, _ in errors.values() if number), "")


def _codes(answer: Answer | RequestError, chunk: Chunk) -> dict[int, int]:
    if isinstance(answer, RequestError) or not answer.errors:
        return {}
    errors = answer.errors
    return dict(Counter(errors[account][0] for account in chunk.accounts if account in errors))
