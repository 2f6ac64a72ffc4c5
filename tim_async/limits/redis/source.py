"""The slots of one command in one process: when to book them, and what to do while Redis is gone.

Strategy: one task talks to Redis, and only while there is something to say, so that a caller who gives up never cuts a
booking short. A run is as long as there are callers waiting. A client has one dispatcher per command, which asks for
the next token when it has the last: so a run is also as long as the row of slots before it that somebody was waiting
for, up to `RUN`. A slot that nobody wanted ends the row. While Redis is gone there is the static share: permits of
this process alone, evenly spaced.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextvars import Context
from typing import Final

from tim_async.limits.gates import Gate
from tim_async.limits.limiter import Command
from tim_async.limits.permits import Permit, Permits
from tim_async.limits.seats import clock_of
from tim_async.limits.sources import Source

from .booking import AHEAD, TROUBLE, Booking, Books, Terms
from .slots import Slots

__all__ = ["SlotSource"]

RUN: Final = 5
"""Slots of a run. More would save round trips, and an idle process would wait longer for its first."""
RUN_SECONDS: Final = 0.06
"""Seconds that a run of more than one slot may take: below 34/s slots are booked one by one."""
PROBE: Final = 0.5
"""Most seconds between two tries to reach Redis again: a try is one small command, so that may be often."""
RECHECK: Final = 0.1
"""Most seconds between two looks while somebody waits and has no slot, or calls made without Redis are still out: what
they wait for may have changed between the look and the talk that it began."""


class Share:
    """The static share of one command, for a process that is on its own.

    Args:
        permits: of the share.

    Attributes:
        begins: when it may be used; None while there is Redis.
    """

    def __init__(self, permits: Permits) -> None:
        self.permits = permits
        self.begins: float | None = None
        self._used = False
        self._next = -math.inf

    def take(self, now: float, begins: float, leave: int) -> Permit | float:
        """See `Source.take`."""
        when = max(begins, self._next, self.permits.next_at(now, leave))
        if when > now:
            return when
        self._used = True
        spacing = 1 / (self.permits.rate * self.permits.share(now))
        self._next = max(self._next, now - spacing) + spacing  # a late timer is made up for
        return self.permits.take(now)

    def resting(self, now: float) -> int:
        """Permits that are not back yet."""
        return self.permits.statistics(now).resting if self._used else 0


class SlotSource(Source):
    """The slots of one command in one process.

    Args:
        command: the command.
        books: the conversation with Redis.
    """

    paced = False  # slots are a pace

    def __init__(self, command: Command, books: Books) -> None:
        self.slots = Slots(command.rate, books.margin)
        super().__init__(self.slots.permits)
        self.share = Share(Permits(command.rate / books.processes))
        self._command = command
        self._books = books
        self._task: asyncio.Task[None] | None = None
        self._clock = clock_of(asyncio.get_running_loop())
        self._last = Booking(-math.inf, [], 0, 0, 0.0)
        self._row = 0
        self._trip = 0.0
        self._opens = -math.inf
        self._seen: int | None = None
        self._refused: float | None = None
        self._closed = False

    def attach(self, gate: Gate) -> None:
        """See `Source.attach`."""
        self._gate = gate

    def take(self, now: float, leave: int, waited: float) -> Permit | float:
        """See `Source.take`."""
        if self.share.begins is not None:
            return self.share.take(now, self.share.begins, leave)
        slots = self.slots
        slots.elsewhere = self.share.resting(now)
        while (over := slots.drop_stale(now)) is not None:
            # Longer runs reach beyond a Redis that answers when its first slot is over.
            self._row = self._row + 1 if waited > now - over else 0
        permit = slots.take(now)
        asyncio.get_running_loop().call_soon(self._talk)
        if permit is None:
            return self._look_again_at(now)
        # Who waited less than that was not kept by the limit, nor by a Redis that is too slow for it.
        self._row = self._row + 1 if waited > slots.spacing / 2 else 0
        return permit

    def _look_again_at(self, now: float) -> float:
        when = self.slots.next_at(now)
        if not self.slots.booked:
            when = max(self._opens, self._book_at(now))
            when = when if when > now else math.inf
        return min(when, now + RECHECK) if self.slots.elsewhere or not self.slots.booked else when

    def end(self, permit: Permit, now: float, *, refused: bool) -> None:
        """The call is over; if it was refused for its frequency, all processes go slower."""
        if not self.slots.end(permit, now, refused=refused):
            self.share.permits.end(permit, now, refused=refused)
        elif refused:
            self._refused = max(permit.taken, self._refused or -math.inf)
        self._talk()

    def set_rate(self, rate: float, now: float) -> None:
        """Makes `rate` the limit, up or down: the next slots are booked at it."""
        super().set_rate(rate, now)
        self.share.permits.set_rate(rate / self._books.processes, now)

    async def aclose(self) -> None:
        """End the conversation."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # Talk to Redis.

    def _talk(self) -> None:
        if self._task is None and not self._closed and self._wants():
            name = f"tim_async shared {self._command.path}"
            # A context of its own: it books for all who wait, whoever of them comes first.
            self._task = asyncio.get_running_loop().create_task(self._run(), name=name, context=Context())
            self._task.add_done_callback(self._ended)

    def _wants(self) -> bool:
        return self._refused is not None or self._lack(self._clock()) > 0

    async def _run(self) -> None:
        while self._wants():
            try:
                await self._book(self._lack(self._clock()), self._clock())
            except TROUBLE as trouble:
                await self._keep_apart(trouble)
            self._gate.look_again()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._gate.fail(error)
        self._talk()  # somebody may have come since it saw that nobody waits

    def _lack(self, now: float) -> int:
        """How many slots to book now."""
        waiting, booked, spacing = self._gate.waiting, self.slots.booked, self.slots.spacing
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
        settle = self._books.timeout + PROBE if self._books.processes > 1 else 0.0
        if self._seen is None:
            settle += self.slots.span  # who was without Redis itself has waited that long already
        booking = await self._books.book(
            self._command,
            lack,
            Terms(self.slots.spacing, 2 * self._books.processes, settle),
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

    # Do without Redis.

    async def _keep_apart(self, trouble: Exception) -> None:
        """Keeps to the static share until Redis is back, and a window apart from what is booked there."""
        self._books.lost(self, trouble)
        # Others may have booked as far ahead.
        ahead = AHEAD + 2 * self._books.processes * max(self.slots.spacing, self._last.spacing / 1e6)
        self.share.begins = self._clock() + ahead + self.slots.span
        self._gate.look_again()
        self._seen = await self._find()
        self.share.begins = math.inf
        await asyncio.sleep(self.slots.span)
        self.share.begins = None
        self._books.found(self)

    async def _find(self) -> int:
        """Waits until Redis is there; gives the bookings so far."""
        wait = PROBE / 8
        while True:
            await asyncio.sleep(wait * random.uniform(0.5, 1))
            try:
                return (await self._books.book(self._command, 0, Terms(self.slots.spacing, 0, 0))).booked
            except TROUBLE:
                wait = min(2 * wait, PROBE)
