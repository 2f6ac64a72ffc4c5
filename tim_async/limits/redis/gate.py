"""One command in one process: who waits for a slot, when to book, and what to do while Redis is gone.

Strategy: one task talks to Redis, and only while somebody waits or slots are left, so that a caller who gives up never
cuts a booking short. Slots are handed out by a timer at their time, urgent callers first. A run is as long as there
are callers waiting. A client has one dispatcher per command, which asks for the next token when it has the last: so a
run is also as long as the row of slots before it that somebody was waiting for, up to `RUN`. A slot that was not
taken ends the row, and what is left behind it goes back.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextvars import Context
from typing import Final

import anyio

from tim_async.limits.local import Command
from tim_async.limits.permits import Permit, PermitStatistics
from tim_async.limits.waiters import Queue, Waiter

from .apart import Common, Share
from .booking import AHEAD, TROUBLE, Booking, Terms
from .slots import Slots

__all__ = ["Gate"]

RUN: Final = 5
"""Slots of a run. More would save round trips, and an idle process would wait longer for its first."""
RUN_SECONDS: Final = 0.06
"""Seconds that a run of more than one slot may take: below 34/s slots are booked one by one."""
PROBE: Final = 0.5
"""Most seconds between two tries to reach Redis again: a try is one small command, so that may be often."""
RECHECK: Final = 0.1
"""Seconds between two looks at the calls that were made without Redis and are still out."""


class Gate:
    """One command in one process."""

    def __init__(self, command: Command, common: Common) -> None:
        self.slots = Slots(command.rate, common.margin)
        self._command = command
        self._heard = {command.rate}
        self._common = common
        self._queue: Queue[None] = Queue()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._share = Share(common, self._queue, self._changed)
        self._last = Booking(-math.inf, [], 0, 0, 0, 0.0)
        self._back: list[tuple[Booking, list[float]]] = []
        self._row = 0
        self._trip = 0.0
        self._opens = -math.inf
        self._seen: int | None = None
        self._refused: float | None = None
        self._closed = False

    async def acquire(self, *, urgent: bool) -> Permit:
        """Waits for a slot."""
        waiter = Waiter(None, asyncio.get_running_loop().time(), urgent=urgent)
        self._queue.add(waiter)
        self._serve()
        return await waiter.wait(self._give_up)

    def _give_up(self, waiter: Waiter[None]) -> None:
        waiter.future.cancel()
        if waiter.permit is not None:  # it was given and not yet received
            self.end(waiter.permit, refused=False)

    def end(self, permit: Permit, *, refused: bool) -> None:
        """The call is over; if it was refused for its frequency, all processes go slower."""
        if not self.slots.end(permit, asyncio.get_running_loop().time(), refused=refused):
            self._share.end(permit, refused=refused)
        elif refused:
            self._refused = max(permit.taken, self._refused or -math.inf)
        self._serve()

    def statistics(self) -> PermitStatistics:
        """This process's permits now."""
        return self.slots.permits.statistics(asyncio.get_running_loop().time())

    def lower(self, rate: float) -> None:
        """Makes `rate` the limit, unless it is lower already, or this was said before the last word."""
        if rate not in self._heard:
            self.set_rate(min(rate, self._command.rate))
            self._heard.add(rate)

    def set_rate(self, rate: float) -> None:
        """Makes `rate` the limit, up or down: the next slots are booked at it."""
        self._heard.add(rate)
        if rate != self._command.rate:
            self.slots.permits.set_rate(rate, asyncio.get_running_loop().time())
            self._command = Command(self._command.sdk_app_id, self._command.path, rate)
            self._serve()

    async def aclose(self) -> None:
        """End the conversation; who still waits gets a `RuntimeError`."""
        self._closed = True
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._timer is not None:
            self._timer.cancel()
        self._fail(RuntimeError("the limiter is closed"))

    # Hand out what there is.

    def _serve(self) -> None:
        """Hands out the slots whose time has come; comes back at the next, and wakes who talks to Redis."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.slots.elsewhere = self._share.resting(self._command)
        self._hand_over(now)
        when = self._look_again_at(now)
        if when < math.inf:
            self._timer = loop.call_at(when, self._serve)
        self._changed.set()
        if self._task is None and not self._idle():
            name = f"tim_async shared {self._command.path}"
            # A context of its own: it books for all who wait, whoever of them comes first.
            self._task = loop.create_task(self._run(), name=name, context=Context())
            self._task.add_done_callback(self._ended)

    def _hand_over(self, now: float) -> None:
        booked = self.slots.booked
        while booked:
            waiter = self._queue.first()
            if self.slots.stale(now):
                self._pass_by(now, wanted=waiter is not None)
                continue
            permit = None if waiter is None else self.slots.take(now)
            if waiter is None or permit is None:
                return
            waiter.give(permit)
            # Who waited less than that was not kept by the limit, nor by a Redis that is too slow for it.
            self._row = self._row + 1 if now - waiter.since > self.slots.spacing / 2 else 0

    def _pass_by(self, now: float, *, wanted: bool) -> None:
        """The first slot was not used: earlier calls needed it, or nobody wants it, nor those behind it."""
        if wanted:
            self.slots.drop()
            self._row += 1  # longer runs reach beyond a Redis that answers when its first slot is over
            return
        self._row = 0
        if spare := self.slots.withdraw(len(self._last.slots), now):
            self._back.append((self._last, spare))
        while self.slots.booked:
            self.slots.drop()

    def _look_again_at(self, now: float) -> float:
        wanted = self._queue.first() is not None
        when = self.slots.next_at(now, wanted=wanted)
        if wanted and not self.slots.booked:
            when = max(self._opens, self._book_at(now))
            when = when if when > now else math.inf
        return min(when, now + RECHECK) if wanted and self.slots.elsewhere else when

    # Talk to Redis.

    def _idle(self) -> bool:
        wanted = self._refused is not None or self._queue.first() is not None
        return self._closed or not (wanted or self._back or self.slots.booked)

    async def _run(self) -> None:
        while not self._idle():
            try:
                await self._converse()
            except TROUBLE as trouble:
                await self._keep_apart(trouble)
        self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        while waiter := self._queue.first():
            waiter.future.set_exception(error)

    async def _converse(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._idle():
            self._changed.clear()
            lack = self._lack(clock())
            if self._back:
                await self._give_back(*self._back[0])
            elif lack or self._refused is not None:
                await self._book(lack, clock())
            else:
                await self._changed.wait()

    def _lack(self, now: float) -> int:
        """How many slots to book now."""
        waiting = len(self._queue)
        booked = self.slots.booked
        spacing = self.slots.spacing
        if now < self._opens:
            return 0
        longest = max(1, min(RUN, int(RUN_SECONDS / spacing)))
        if self._trip > spacing:
            longest = max(longest, math.ceil(2 * self._trip / spacing))
        if booked:
            # So early that the next run is here when this one ends, and no earlier: it would delay other processes.
            lead = 1.5 * min(spacing, RUN_SECONDS / RUN) + 2 * self._trip
            if booked[-1] - now > lead or not (self._row or waiting > len(booked)):
                return 0
            return max(1, min(longest, max(self._row, waiting - len(booked))))
        if not waiting or self._book_at(now) > now:
            return 0
        return min(longest, max(self._row, waiting)) + self.slots.short(now)

    def _book_at(self, now: float) -> float:
        """When to book if there is no slot: now, unless waiting for late calls is quicker than paying for them."""
        room = self.slots.room_at(now, 1)
        if self.slots.permits.available(now) and room > now + self.slots.short(now) * self.slots.spacing:
            return now
        return room

    async def _book(self, lack: int, now: float) -> None:
        refused = self._refused
        settle = self._common.timeout + PROBE if self._common.processes > 1 else 0.0
        if self._seen is None:
            settle += self.slots.span  # who was without Redis itself has waited that long already
        booking = await self._common.books.book(
            self._command,
            lack,
            Terms(self.slots.spacing, 2 * self._common.processes, settle),
            seen=-2 if self._seen is None else self._seen,
            refused=-1.0 if refused is None else max(0.0, now - refused),
        )
        if self._refused == refused:
            self._refused = None
        self._trip += (booking.seconds - self._trip) / 4
        if lack:
            self._seen = None
            self._last = booking
            self._opens = -math.inf if booking.slots else booking.start - AHEAD
            self.slots.book(booking.slots)
        self._serve()

    async def _give_back(self, run: Booking, slots: list[float]) -> None:
        """What nobody here wants is for whoever books next, unless others have booked behind it."""
        if not await self._common.books.give_back(self._command, run.end, len(slots), run.spacing):
            self.slots.forfeit(slots)
        self._back.pop(0)

    # Do without Redis.

    async def _keep_apart(self, trouble: Exception) -> None:
        """Keeps to the static share until Redis is back, and a window apart from what is booked there."""
        self._common.lost(self, trouble)
        while self._back:
            self.slots.forfeit(self._back.pop()[1])
        spacing = max(self.slots.spacing, self._last.spacing / 1e6)  # others may have booked as far ahead
        quiet = AHEAD + 2 * self._common.processes * spacing + self.slots.span
        async with anyio.create_task_group() as group:
            group.start_soon(self._share.hand_out, self._command, quiet)
            self._seen = await self._find()
            group.cancel_scope.cancel()
        await anyio.sleep(self.slots.span)
        self._common.found(self)

    async def _find(self) -> int:
        """Waits until Redis is there; gives the bookings so far."""
        wait = PROBE / 8
        while True:
            await anyio.sleep(wait * random.uniform(0.5, 1))
            try:
                return (await self._common.books.book(self._command, 0, Terms(self.slots.spacing, 0, 0))).booked
            except TROUBLE:
                wait = min(2 * wait, PROBE)
