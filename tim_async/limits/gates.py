"""The gate of one command in one process: who waits for a permit, in whichever event loop, and who gets the next one.

Strategy: the permits and the rate belong to the process and are guarded by one lock, held for some microseconds and
never while anybody waits. A loop has a *seat*: its own timer, and its own pace (`pace.py`), which each of its calls
keeps before it joins the queue for a permit (`waiters.py`). Whichever loop notices that a permit is free hands it out,
also to a waiter of another loop, who is then woken there; so a loop that is busy or dead does not keep the others
waiting. What the calls of a loop that died have not reported counts as unanswered from the moment at which that is
noticed.

All loops go by one clock: asyncio's own is `time.monotonic`, and uvloop's is the same cut to milliseconds.
"""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from collections.abc import Callable
from threading import RLock
from typing import Final

from .pace import Pace
from .permits import Permit, Permits
from .waiters import Queue, Waiter

__all__ = ["Gate", "Seat", "clock_of"]

URGENT_SECONDS: Final = 5.0
"""Seconds after an urgent call for which more of them are expected."""
RUSH_SECONDS: Final = 0.1
"""Seconds for which full urgent calls go without pace, at most once in `URGENT_SECONDS`."""
RESERVE: Final = 0.05
"""Share of the permits that is kept for them; each percent costs the others a percent, so only while they come."""
ROOM_SHARE: Final = 0.97
"""Share of the rate for urgent calls that have room. At the whole rate every permit is taken as soon as it is back, so
a gap (a stall of 60 ms, say) comes back second after second for ever; what is left here closes it within a few."""
LOOK_AGAIN: Final = 1.0
"""Seconds after which a loop that waits looks whether another one has died. Nothing else shows it."""
ON_ITS_WAY: Final = 1.0
"""Seconds for which what a dead loop has written may still be on its way; its arrival is not seen."""
STANDSTILL: Final = 10.0
"""Seconds after which a call that a loop left behind, when it stopped without being closed, is over: no call takes
longer by default. One that was not written keeps its permit, for the loop may be run again."""


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The clock for the times of permits: one for all loops of the process.

    Args:
        loop: in which it is looked at; one whose time is not the process's, as in tests, keeps its own.
    """
    how = getattr(loop.time, "__func__", None)
    own = isinstance(loop, asyncio.BaseEventLoop) and how is not asyncio.BaseEventLoop.time
    return loop.time if own else time.monotonic


class Seat:
    """One event loop at one gate.

    Attributes:
        gate: where it sits.
        loop: the loop; an abandoned one may be collected, which closes it.
        clock: seconds of the clock of all loops.
        waiting: how many wait there.
        paces: of its normal calls, and of its urgent ones.
        wakes_at: when its timer comes; infinity without one.
    """

    __slots__ = ("__weakref__", "clock", "gate", "loop", "paces", "timer", "waiting", "wakes_at")

    def __init__(self, gate: Gate, loop: asyncio.AbstractEventLoop) -> None:
        self.gate = gate
        self.loop = weakref.ref(loop)
        self.clock = clock_of(loop)
        self.paces = Pace(), Pace(ROOM_SHARE)
        self.waiting = 0
        self.wakes_at = math.inf
        self.timer: asyncio.TimerHandle | None = None

    @property
    def dead(self) -> bool:
        """Whether nothing can run there any more."""
        loop = self.loop()
        return loop is None or loop.is_closed()

    def let_go(self) -> None:
        """If nothing runs there now, holds it no longer, so that it may be collected: aiolimiter holds its loop.

        If the loop is run again, it begins with new paces; who waits there keeps to the old ones.
        """
        loop = self.loop()
        if loop is not None and not loop.is_running():
            self.paces = Pace(), Pace(ROOM_SHARE)

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Lets the loop do something soon, from any thread; nothing happens if it is dead."""
        loop = self.loop()
        if loop is not None:
            try:
                loop.call_soon_threadsafe(callback, *args)
            except RuntimeError:  # closed; its seat is found dead by whoever waits next
                return

    def wake_at(self, when: float, now: float) -> None:
        """Sets the timer, unless it comes soon enough; for the loop's own thread."""
        if self.timer is not None and (not self.waiting or when < self.wakes_at):
            self.timer.cancel()
            self.timer = None
            self.wakes_at = math.inf
        if self.waiting and self.timer is None and when < math.inf:
            self.wakes_at = when
            self.timer = asyncio.get_running_loop().call_later(max(0.0, when - now), self.gate.tick, self)


class Gate:
    """What all calls of one command share, in all loops of the process.

    Args:
        rate: calls per second.
        lock: guards the gate and *running*; it is held by whoever calls a method here.
        running: the permits that are out, and where they are.

    Attributes:
        permits: that there are.

    Raises:
        ValueError: `rate` is not a positive number.
    """

    def __init__(self, rate: float, lock: RLock, running: dict[Permit, Seat]) -> None:
        self.permits = Permits(rate)
        self._lock = lock
        self._running = running
        self._seats: list[Seat] = []
        self._urgent_at = -math.inf
        self._rushed_at = -math.inf
        self._queue: Queue[Seat] = Queue()

    def seat(self, loop: asyncio.AbstractEventLoop) -> Seat:
        """The place of a loop."""
        for seat in self._seats:
            if seat.loop() is loop:
                return seat
        seat = Seat(self, loop)
        self._drop_dead_loops(seat.clock())
        self._seats.append(seat)
        return seat

    def set_rate(self, rate: float, now: float) -> None:
        """Makes `rate` calls per second the limit, for those who wait too; what is in use counts on."""
        if rate != self.permits.rate:
            self.permits.set_rate(rate, now)
            for seat in self._seats:
                for pace in seat.paces:
                    seat.post(pace.look_again)
                seat.post(self.tick, seat)

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Lets every loop do something soon; from any thread, and without the lock."""
        for seat in self._seats:
            seat.post(callback, *args)

    async def acquire(self, seat: Seat, *, urgent: bool, full: bool) -> Permit:
        """Waits for pace and permit; the lock is taken here."""
        now = seat.clock()
        if full and self._unpaced(now, urgent=urgent):
            return await self._permit(seat, urgent=urgent)
        if urgent:
            self._urgent_at = now
        pace = seat.paces[urgent]
        await pace.turn.acquire()
        try:
            await pace.take(self.permits, seat.clock, ROOM_SHARE if urgent and full else 1.0)
            permit = await self._permit(seat, urgent=urgent)
            pace.spare = False
            return permit
        finally:
            if not seat.dead:  # else it is the end of an abandoned task, and the next one cannot be woken any more
                pace.turn.release()

    async def _permit(self, seat: Seat, *, urgent: bool) -> Permit:
        """Waits in the queue for a permit."""
        with self._lock:
            now = seat.clock()
            if not self._queue and self._free(now, self._leave(now, urgent=urgent)):
                return self._take(seat, now)
            waiter = Waiter(seat, now, urgent=urgent)
            self._queue.add(waiter)
            seat.waiting += 1
            self._serve(seat)
        return await waiter.wait(self._give_up)

    def _give_up(self, waiter: Waiter[Seat]) -> None:
        """A waiter was cancelled, perhaps when its permit was given and not yet received."""
        with self._lock:
            waiter.future.cancel()
            if waiter.permit is None:
                waiter.seat.waiting -= 1
            else:
                self.end(waiter.permit, waiter.seat)

    def end(self, permit: Permit, seat: Seat, *, refused: bool = False) -> None:
        """The call of a permit that is out is over: perhaps somebody waited for that."""
        del self._running[permit]
        self.permits.end(permit, seat.clock(), refused=refused)
        if self._queue:
            self._serve(seat)

    def tick(self, seat: Seat) -> None:
        """A timer of the loop has come, or another loop sees that its timer would come too late."""
        with self._lock:
            if seat.timer is not None:
                seat.timer.cancel()
                seat.timer = None
            seat.wakes_at = math.inf
            self._serve(seat)

    def _unpaced(self, now: float, *, urgent: bool) -> bool:
        """Whether a full call may go without pace, because more than half of the permits are free and not wanted.

        If it is urgent, that begins a rush, which lasts for a tenth of a second or until no permit is left: who asks
        for 10,000 accounts at once is answered at once. Not the next second again: a steady load would then spend each
        second's permits in its first half, and wait in the other.
        """
        with self._lock:
            free = self.permits.available(now)
            plenty = 2 * free > self.permits.usable(now)
            if not urgent:
                return plenty and now - self._urgent_at > URGENT_SECONDS
            self._urgent_at = now
            if plenty and now - self._rushed_at > URGENT_SECONDS:
                self._rushed_at = now
            return free > 0 and now - self._rushed_at < RUSH_SECONDS

    def _leave(self, now: float, *, urgent: bool) -> int:
        """Permits that are kept for urgent calls."""
        if urgent or now - self._urgent_at > URGENT_SECONDS:
            return 0
        return int(RESERVE * self.permits.usable(now))

    def _serve(self, here: Seat) -> None:
        """Hands out the permits there are, and sees to it that somebody looks again when there is the next.

        Args:
            here: of the running loop.
        """
        now = here.clock()
        while (waiter := self._queue.first()) is not None:
            leave = self._leave(now, urgent=waiter.urgent)
            if not self._free(now, leave):
                self._look_again(self._next_at(now, leave), now, here)
                return
            self._queue.pop(waiter)
            self._give(waiter, now, here)
        here.wake_at(math.inf, now)

    def _free(self, now: float, leave: int) -> bool:
        """Whether there are more permits than are to be left."""
        if self.permits.available(now) > leave:
            return True
        return len(self._seats) > 1 and self._drop_dead_loops(now) and self.permits.available(now) > leave

    def _take(self, seat: Seat, now: float) -> Permit:
        permit = self.permits.take(now)
        self._running[permit] = seat
        return permit

    def _give(self, waiter: Waiter[Seat], now: float, here: Seat) -> None:
        seat = waiter.seat
        waiter.permit = self._take(seat, now)
        seat.waiting -= 1
        if seat is here:
            waiter.wake()
        else:
            seat.post(waiter.wake)

    def _next_at(self, now: float, leave: int) -> float:
        """When there may be a permit; infinity if only the end of a call can bring one."""
        when = self.permits.next_at(now, leave)
        return min(when, self._urgent_at + URGENT_SECONDS + 0.001) if leave else when

    def _look_again(self, when: float, now: float, here: Seat) -> None:
        """Every loop in which somebody waits looks again by then: one alone might be busy, or die."""
        if len(self._seats) > 1:
            when = min(when, now + LOOK_AGAIN)
            for seat in self._seats:
                if seat is not here and seat.waiting and when < seat.wakes_at:
                    seat.wakes_at = when  # asked once is enough
                    seat.post(self.tick, seat)
        here.wake_at(when, now)

    def _drop_dead_loops(self, now: float) -> bool:
        """Ends the calls of loops that died without a report, and forgets these loops.

        Returns:
            Whether there was anything to end.
        """
        dead = {seat for seat in self._seats if seat.dead}
        over = [
            permit for permit, seat in self._running.items() if seat in dead or self._left_behind(permit, seat, now)
        ]
        for permit in over:
            del self._running[permit]
            self.permits.end(permit, now + (0.0 if permit.written is None else ON_ITS_WAY), refused=False)
        for seat in dead:
            self._seats.remove(seat)
            self._queue.forget(seat)
        for seat in self._seats:
            seat.let_go()
        return bool(over)

    def _left_behind(self, permit: Permit, seat: Seat, now: float) -> bool:
        """Whether its loop has stopped, and nobody can be waiting for the answer any more."""
        if seat.gate is not self or permit.written is None or now - permit.written < STANDSTILL:
            return False
        loop = seat.loop()
        return loop is not None and not loop.is_running()
