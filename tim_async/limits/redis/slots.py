"""The slots of one process: when it may call, and what earlier calls still need them for.

Strategy: a slot is a time at which one call may be made; all processes together have as many slots in any span,
which is somewhat more than a window, as the service allows calls in a window. A slot pays for a call for a span, and
a call needs to be paid for until its permit is back (`permits.py`), which is when the service can't see it in one
window with another use of that permit. So a process calls only while it has fewer permits in use or at rest than slots
that pay: as long as that holds everywhere, no window at the service sees more calls than it allows. A call that is
late takes longer to pay for than its slot lasts. Then the next slots go by unused, until it is paid for.

Pure arithmetic on seconds of one monotonic clock, which the caller reads.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import Final

from tim_async.limits.permits import SLACK, Permit, Permits

__all__ = ["Slots"]

LATE: Final = 0.1
"""Seconds that a call may be late at low rates. There a slot that goes by costs more than all slots a bit longer."""
EDGE: Final = 1e-5
"""Seconds by which two slots that are a span apart may seem less, because each is the sum of two clocks."""


class Slots:
    """The slots of one process for one command.

    Args:
        rate: calls per second that the service allows.
        margin: the share of that which is used at most, above 0 and below 1.

    Attributes:
        permits: the permits of this process's calls.
        booked: slots that may still be used, soonest first.
        elsewhere: further calls to be paid for, whose permits are not from here.
    """

    def __init__(self, rate: float, margin: float) -> None:
        self.permits = Permits(rate)
        self.booked: list[float] = []
        self.elsewhere = 0
        self._margin = margin
        self._past: list[float] = []
        self._calls: dict[Permit, float] = {}

    @property
    def window(self) -> float:
        """Seconds of the service's window: one, or as many as it takes to allow one call."""
        return max(1.0, 1 / self.permits.rate)

    @property
    def span(self) -> float:
        """Seconds for which a slot pays."""
        spare = max(self.window * (1 / self._margin - 1), min(LATE, self.window / self._calls_allowed / 2))
        return self.window + spare

    @property
    def _calls_allowed(self) -> int:
        return max(1, int(self.permits.rate))

    @property
    def spacing(self) -> float:
        """Seconds between two slots."""
        return self.span / self._calls_allowed

    @property
    def patience(self) -> float:
        """Seconds after its time for which a slot may be used: half of what is to spare, and half is for the way."""
        return max(SLACK, (self.span - self.window) / 2)

    def take(self, now: float) -> Permit | None:
        """A permit for the first slot; None before its time, or while earlier calls need it."""
        if not self.booked or self.booked[0] > now or self.room_at(now) > now:
            return None
        permit = self.permits.take(now)
        slot = self._calls[permit] = self.booked.pop(0)
        insort(self._past, slot)
        return permit

    def end(self, permit: Permit, now: float, *, refused: bool) -> bool:
        """The call is over; if nothing was sent, its slot can be used again. False if it has been over before."""
        slot = self._calls.pop(permit, None)
        if slot is None:
            return False
        unsent = permit.written is None and permit.answered is None
        self.permits.end(permit, now, refused=refused)
        if unsent and slot in self._past:
            self._past.remove(slot)
            insort(self.booked, slot)
        return True

    def book(self, slots: list[float]) -> None:
        """Slots that were booked."""
        for slot in slots:
            insort(self.booked, slot)

    def drop_stale(self, now: float) -> float | None:
        """Lets the first slot go by if it is too late to use it; gives the time from which on it was."""
        if not self.booked or self.booked[0] + self.patience > now:
            return None
        slot = self.booked.pop(0)
        insort(self._past, slot)
        return slot + self.patience

    def short(self, now: float) -> int:
        """How many more slots earlier calls need than there are."""
        return max(0, self.permits.statistics(now).resting - self._paid(now))

    def room_at(self, now: float, more: int = 0) -> float:
        """The time before which one more call can't be paid for by the slots until `now` and `more` of them."""
        paid = self._paid(now) + more
        return self.permits.next_at(now, max(0, self.permits.usable(now) - paid)) if paid > 0 else math.inf

    def _paid(self, now: float) -> int:
        """How many calls of this process are paid for."""
        while self._past and self._past[0] + self.span <= now + EDGE:
            self._past.pop(0)
        return sum(slot <= now for slots in (self._past, self.booked) for slot in slots) - self.elsewhere

    def next_at(self, now: float) -> float:
        """When to look again: a slot's time, its end, or the end of what it waits for; `math.inf` if nothing comes."""
        if not self.booked:
            return math.inf
        if self.booked[0] > now:
            return self.booked[0]
        return min(self.booked[0] + self.patience, self.room_at(now))
