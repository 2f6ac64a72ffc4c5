"""The gate of one command in one process: who waits for a permit, in whichever event loop, and who gets the next one.

Strategy: a source (`sources.py`) says whether a call may go now, or when to ask again; the gate and its source are
guarded by one lock, held for some microseconds and never while anybody waits. A loop has a *seat* (`seats.py`): its own
timer, and its own pace, which each of its calls keeps before it joins the queue (`waiters.py`). Whichever loop notices
that a permit is free hands it out, also to a waiter of another loop, who is then woken there; so a loop that is busy or
dead does not keep the others waiting. What the calls of a loop that died have not reported counts as unanswered from
the moment at which that is noticed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from threading import RLock
from typing import Final

from .permits import Permit
from .seats import ROOM_SHARE, Seat, clock_of
from .sources import Source
from .waiters import Queue, Waiter

__all__ = ["Gate", "clock_of"]

URGENT_SECONDS: Final = 5.0
"""Seconds after an urgent call for which more of them are expected."""
RUSH_SECONDS: Final = 0.1
"""Seconds for which full urgent calls go without pace, at most once in `URGENT_SECONDS`."""
RESERVE: Final = 0.05
"""Share of the permits that is kept for them; each percent costs the others a percent, so only while they come."""
LOOK_AGAIN: Final = 1.0
"""Seconds after which a loop that waits looks whether another one has died. Nothing else shows it."""
ON_ITS_WAY: Final = 1.0
"""Seconds for which what a dead loop has written may still be on its way; its arrival is not seen."""
STANDSTILL: Final = 10.0
"""Seconds after which a call that a loop left behind, when it stopped without being closed, is over: no call takes
longer by default. One that was not written keeps its permit, for the loop may be run again."""


class Gate:
    """What all calls of one command share, in all loops of the process.

    Args:
        source: of the permits.
        lock: guards the gate and *running*; the caller of a method here holds it.
        running: the permits that are out, and where they are.
    """

    def __init__(self, source: Source, lock: RLock, running: dict[Permit, Seat]) -> None:
        self.source = source
        self._lock = lock
        self._running = running
        self._seats: list[Seat] = []
        self._urgent_at = -math.inf
        self._rushed_at = -math.inf
        self._queue = Queue()
        self._closed = False
        source.attach(self)

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
        """Makes `rate` calls per second the limit, also for those who are waiting; what is in use still counts."""
        if rate != self.source.permits.rate:
            self.source.set_rate(rate, now)
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
        now, paced = seat.clock(), self.source.paced
        if paced and full:
            paced = not self._unpaced(now, urgent=urgent)
        if urgent:
            self._urgent_at = now
        if not paced:
            return await self._permit(seat, urgent=urgent)
        pace = seat.paces[urgent]
        await pace.turn.acquire()
        try:
            await pace.take(self.source.permits, seat.clock, ROOM_SHARE if urgent and full else 1.0)
            permit = await self._permit(seat, urgent=urgent)
            pace.spare = False
            return permit
        finally:
            if not seat.dead:  # else it is the end of an abandoned task, and the next one cannot be woken any more
                pace.turn.release()

    async def _permit(self, seat: Seat, *, urgent: bool) -> Permit:
        """Waits in the queue for a permit."""
        if self._closed:
            raise RuntimeError("the limiter is closed")
        with self._lock:
            now = seat.clock()
            answer = None if self._queue else self._ask(seat, now, urgent=urgent)
            if isinstance(answer, Permit):
                return answer
            waiter = Waiter(seat, now, urgent=urgent)
            self._queue.add(waiter)
            seat.waiting += 1
            if answer is None:
                self._serve(seat)
            else:
                self._look_again_at(answer, now, seat)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: Waiter) -> None:
        """A waiter was cancelled, perhaps when its permit was given and not yet received."""
        with self._lock:
            waiter.future.cancel()
            if waiter.permit is not None:
                self.end(waiter.permit, waiter.seat)
            elif waiter.future.cancelled():
                waiter.seat.waiting -= 1

    def end(self, permit: Permit, seat: Seat, *, refused: bool = False) -> None:
        """The call of a permit in use is over: perhaps somebody was waiting for that."""
        del self._running[permit]
        self.source.end(permit, seat.clock(), refused=refused)
        if self._queue:
            self._serve(seat)

    def tick(self, seat: Seat) -> None:
        """A timer of the loop has come, or another loop sees that its timer would come too late."""
        with self._lock:
            seat.stop_timer()
            self._serve(seat)

    # What a source may ask.

    @property
    def waiting(self) -> int:
        """How many wait for a permit."""
        return sum(seat.waiting for seat in self._seats)

    def look_again(self) -> None:
        """There may be a permit before the time that was given."""
        with self._lock:
            self.tick(self.seat(asyncio.get_running_loop()))

    def fail(self, error: BaseException) -> None:
        """There will be no permit: all who are waiting get the error."""
        while (waiter := self._queue.first()) is not None:
            self._queue.pop(waiter)
            waiter.seat.waiting -= 1
            waiter.future.set_exception(error)

    def close(self) -> None:
        """All who wait, for the pace or for a permit, and all who come later, get an error: it is closed."""
        self._closed = True
        self.fail(RuntimeError("the limiter is closed"))
        for seat in self._seats:
            seat.stop_timer()
            for pace in seat.paces:
                pace.spare = True
                pace.look_again()

    # Whose turn it is.

    def _unpaced(self, now: float, *, urgent: bool) -> bool:
        """Whether a full call may go without pace, because more than half of the permits are free and not wanted.

        If it is urgent, that begins a rush, which lasts for a tenth of a second or until no permit is left: who asks
        for 10,000 accounts at once is answered at once. Not the next second again: a steady load would then spend each
        second's permits in its first half, and wait in the other.
        """
        with self._lock:
            free = self.source.free(now)
            plenty = 2 * free > self.source.permits.usable(now)
            if not urgent:
                return plenty and now - self._urgent_at > URGENT_SECONDS
            if plenty and now - self._rushed_at > URGENT_SECONDS:
                self._rushed_at = now
            return free > 0 and now - self._rushed_at < RUSH_SECONDS

    def _serve(self, here: Seat) -> None:
        """Hands out the permits there are, and makes sure that somebody looks again when the next one is free.

        Args:
            here: of the running loop.
        """
        now = here.clock()
        while (waiter := self._queue.first()) is not None:
            try:
                answer = self._ask(waiter.seat, now, urgent=waiter.urgent, waited=now - waiter.since)
            except OSError as error:
                self.fail(error)
                return
            if not isinstance(answer, Permit):
                self._look_again_at(answer, now, here)
                return
            self._queue.pop(waiter)
            waiter.seat.waiting -= 1
            waiter.permit = answer
            if waiter.seat is here:
                waiter.wake()
            else:
                waiter.seat.post(waiter.wake)
        here.wake_at(math.inf, now)

    def _ask(self, seat: Seat, now: float, *, urgent: bool, waited: float = 0.0) -> Permit | float:
        """A permit for the next in turn; or when there may be one, infinity if only the end of a call can help."""
        leave = 0
        if not urgent and now - self._urgent_at <= URGENT_SECONDS:
            leave = int(RESERVE * self.source.permits.usable(now))
        answer = self.source.take(now, leave, waited)
        if not isinstance(answer, Permit) and len(self._seats) > 1 and self._drop_dead_loops(now):
            answer = self.source.take(now, leave, waited)
        if isinstance(answer, Permit):
            self._running[answer] = seat
        elif leave:
            answer = min(answer, self._urgent_at + URGENT_SECONDS + 0.001)
        return answer

    def _look_again_at(self, when: float, now: float, here: Seat) -> None:
        """Every loop in which somebody waits looks again by then: a single one might be busy, or die."""
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
            self.source.end(permit, now + (0.0 if permit.written is None else ON_ITS_WAY), refused=False)
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
