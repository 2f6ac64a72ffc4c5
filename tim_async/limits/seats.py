"""An event loop at a gate: its clock, its timer, and its pace.

All loops go by one clock: asyncio's own is `time.monotonic`, and uvloop's is the same cut to milliseconds.
"""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .pace import Pace

if TYPE_CHECKING:
    from .gates import Gate

__all__ = ["ROOM_SHARE", "Seat", "clock_of"]

ROOM_SHARE: Final = 0.97
"""Share of the rate for urgent calls that have room. At the whole rate every permit is taken as soon as it is back, so
a gap (a stall of 60 ms, say) comes back second after second for ever; what is left here closes it within a few."""


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
            self.stop_timer()
        if self.waiting and self.timer is None and when < math.inf:
            self.wakes_at = when
            self.timer = asyncio.get_running_loop().call_later(max(0.0, when - now), self.gate.tick, self)

    def stop_timer(self) -> None:
        """There is none any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.wakes_at = math.inf
