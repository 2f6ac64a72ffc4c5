"""Who may call, and when: the limiter protocol, and the limiter of one event loop.

Three things stand between a call and the wire, and each has one task:

* the permits (`permits.py`) prove that no second at the service sees more calls than it allows, whoever makes them;
* a token bucket smooths. Without it a burst eats the second's permits and then everybody waits: with single requests at
  1,000/s, p99 is 45 ms with a burst of 3 and 784 ms with a burst of 100. Urgent calls have a bucket of their own, so
  that one of them beside saturating bulk goes at once. Only full calls skip it, and only while permits abound;
* a reserve: while urgent calls come, the others leave some permits for them.

A token is taken before a permit, because a permit that waits for a token is throughput lost and a token that waits for
a permit is not. Permits are handed out first come, first served, the urgent first.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Final, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import msgspec
from aiolimiter import AsyncLimiter

from .permits import Permit, Permits, PermitStatistics

__all__ = ["Command", "Limiter", "LocalLimiter", "Observable", "Slowable", "local_limiter"]

BURST: Final = 3.0
"""Calls that may follow each other at once after a late timer. With 1 lateness is lost for ever: 93 % of the rate."""
BURST_SECONDS: Final = 0.03
"""The same for lower rates, in seconds' worth of calls: below 37/s hardly more than one call at a time."""
LEAST_BURST: Final = 1.1
URGENT_SECONDS: Final = 5.0
"""Seconds after an urgent call for which more of them are expected."""
RUSH_SECONDS: Final = 0.1
"""Seconds for which full urgent calls go without pace, at most once in `URGENT_SECONDS`."""
RESERVE: Final = 0.05
"""Share of the permits that is kept for them; each percent costs the others a percent, so only while they come."""
ROOM_SHARE: Final = 0.97
"""Share of the rate for urgent calls that have room. At the whole rate every permit is taken as soon as it is back, so
a gap (a stall of 60 ms, say) comes back second after second for ever; what is left here closes it within a few."""


class Command(msgspec.Struct, frozen=True):
    """What a limit belongs to: one command of one app.

    Attributes:
        sdk_app_id: the app.
        path: the command, for example ``timpush/get_tag``.
        rate: calls per second that the service allows.
    """

    sdk_app_id: int
    path: str
    rate: float


class Limiter(Protocol):
    """Decides when a call may be made."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made. Cancelling it costs nothing: neither a token nor a permit is lost.

        Args:
            command: the command and its limit.
            urgent: somebody waits for the answer; goes before those that are not, and skips their pace.
            full: the call carries as much as it may, so nothing is gained by waiting for more.

        Returns:
            The permit for one call. Who makes the call marks on it when it was written and answered, and hands it to
            `report`, whatever happens.

        Raises:
            ValueError: the rate of the command is not a positive number.
        """
        ...

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over.

        Args:
            permit: as `acquire` gave it; with `written` still None nothing was sent, and it may be used again at once.
            refused: the service refused the call for its frequency.
        """
        ...


@runtime_checkable
class Observable(Limiter, Protocol):
    """A limiter that can tell how it stands."""

    def statistics(self, command: Command) -> PermitStatistics:
        """The permits of a command at this moment."""
        ...


@runtime_checkable
class Slowable(Limiter, Protocol):
    """A limiter that can be told that a limit is near."""

    def slow(self, command: Command) -> None:
        """Let fewer calls of a command through for some seconds."""
        ...


class LocalLimiter:
    """The limits of one event loop, for all of its clients: two clients of one app share each command's limit."""

    def __init__(self) -> None:
        self._gates: dict[tuple[int, str], _Gate] = {}
        self._known: dict[Command, _Gate] = {}
        self._running: dict[Permit, _Gate] = {}

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made: see `Limiter.acquire`."""
        gate = self._known.get(command) or self._gate(command)
        permit = await gate.acquire(urgent=urgent, full=full)
        self._running[permit] = gate
        return permit

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over: see `Limiter.report`. A second report of the same call changes nothing."""
        gate = self._running.pop(permit, None)
        if gate is not None:
            gate.end(permit, refused=refused)

    def slow(self, command: Command) -> None:
        """The limit of a command is near, says the service: a tenth less for some seconds; to be called in the loop."""
        self._gate(command).permits.slow(asyncio.get_running_loop().time())

    def statistics(self, command: Command) -> PermitStatistics:
        """The permits of a command at this moment; to be called in the loop."""
        return self._gate(command).permits.statistics(asyncio.get_running_loop().time())

    def _gate(self, command: Command) -> _Gate:
        """The gate of a command. Where two clients disagree about its rate, the lower one holds for both."""
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate(command.rate)
        else:
            gate.lower(command.rate)
        self._known[command] = gate
        return gate


_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, LocalLimiter] = WeakKeyDictionary()


def local_limiter() -> LocalLimiter:
    """The limiter of the running loop.

    Raises:
        RuntimeError: no loop is running.
    """
    loop = asyncio.get_running_loop()
    limiter = _limiters.get(loop)
    if limiter is None:
        # aiolimiter holds the loop that it ran in, so an entry would keep its own key alive for ever.
        for closed in [other for other in _limiters if other.is_closed()]:
            del _limiters[closed]
        limiter = _limiters[loop] = LocalLimiter()
    return limiter


class _Pace:
    """A token bucket with one waiter at a time: aiolimiter serves several out of order after a stall."""

    def __init__(self, rate: float, share: float = 1.0) -> None:
        self.turn = asyncio.Lock()
        self.spare = False  # a token that was taken and not used, because its taker was cancelled
        self._burst = min(BURST, max(LEAST_BURST, BURST_SECONDS * rate))
        self._bucket = AsyncLimiter(self._burst, self._burst / (share * rate))

    async def take(self, share: float) -> None:
        """Waits for a token, at `share` of the rate."""
        if not self.spare:
            await self._bucket.acquire(min(self._burst, 1 / share))
            self.spare = True


class _Line:
    """Who waits for a permit, and the pace at which they may come."""

    def __init__(self, rate: float, share: float = 1.0) -> None:
        self.pace = _Pace(rate, share)
        self.waiting: deque[asyncio.Future[Permit]] = deque()

    def first(self) -> asyncio.Future[Permit] | None:
        """The first of those that still wait."""
        while self.waiting and self.waiting[0].done():
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None


class _Gate:
    """What all calls of one command share."""

    def __init__(self, rate: float) -> None:
        self.permits = Permits(rate)
        self._urgent = _Line(rate, ROOM_SHARE)
        self._normal = _Line(rate)
        self._urgent_at = -math.inf
        self._rushed_at = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    def lower(self, rate: float) -> None:
        """Makes `rate` the limit, unless it is lower already."""
        if rate < self.permits.rate:
            self.permits.lower(rate)
            # Who waits in the old bucket gets one more token from it, and its permit from the new limit.
            self._urgent.pace = _Pace(rate, ROOM_SHARE)
            self._normal.pace = _Pace(rate)

    async def acquire(self, *, urgent: bool, full: bool) -> Permit:
        """Waits for pace and permit."""
        now = asyncio.get_running_loop().time()
        unpaced = full and self._unpaced(now, urgent=urgent)
        if urgent:
            self._urgent_at = now
        line = self._urgent if urgent else self._normal
        if unpaced:
            return await self._permit(line)
        pace = line.pace
        async with pace.turn:
            share = self.permits.share(now)
            await pace.take(share / ROOM_SHARE if urgent and full else share)
            permit = await self._permit(line)
            pace.spare = False
            return permit

    def end(self, permit: Permit, *, refused: bool = False) -> None:
        """The call is over: perhaps somebody waited for that."""
        self.permits.end(permit, asyncio.get_running_loop().time(), refused=refused)
        self._serve()

    def _unpaced(self, now: float, *, urgent: bool) -> bool:
        """Whether a full call may go without pace, because more than half of the permits are free and not wanted.

        If it is urgent, that begins a rush, which lasts for a tenth of a second or until no permit is left: who asks
        for 10,000 accounts at once is answered at once. Not the next second again: a steady load would then spend each
        second's permits in its first half, and wait in the other.
        """
        free = self.permits.available(now)
        plenty = 2 * free > self.permits.usable(now)
        if not urgent:
            return plenty and now - self._urgent_at > URGENT_SECONDS
        if plenty and now - self._rushed_at > URGENT_SECONDS:
            self._rushed_at = now
        return free > 0 and now - self._rushed_at < RUSH_SECONDS

    def _reserve(self, now: float) -> int:
        """Permits that are kept for urgent calls."""
        if now - self._urgent_at > URGENT_SECONDS:
            return 0
        return int(RESERVE * self.permits.usable(now))

    async def _permit(self, line: _Line) -> Permit:
        """Waits in line for a permit."""
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        line.waiting.append(waiter)
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            waiter.cancel()
            if not waiter.cancelled():  # the permit was given and not yet received
                self.end(waiter.result())
            raise

    def _serve(self) -> None:
        """Hands out the permits there are, the urgent first; comes back when there may be more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        for line in (self._urgent, self._normal):
            while waiter := line.first():
                now = loop.time()
                leave = 0 if line is self._urgent else self._reserve(now)
                if self.permits.available(now) <= leave:
                    self._serve_at(loop, leave)
                    return
                waiter.set_result(self.permits.take(now))

    def _serve_at(self, loop: asyncio.AbstractEventLoop, leave: int) -> None:
        """Sets the timer for the next permit; none if only the end of a call can bring one."""
        when = self.permits.next_at(loop.time(), leave)
        if leave:
            when = min(when, self._urgent_at + URGENT_SECONDS + 0.001)
        if when < math.inf:
            self._timer = loop.call_at(when, self._serve)
