"""When a pause of a command begins and ends: a pause may be prolonged, and so is known to be over only when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

from tim_async.lane.judging import Lane

__all__ = ["Pauses"]


class Pauses:
    """The pauses of one command, its own and those of the whole app that it brought about.

    Args:
        lane: of the command.
        ended: called when one is over, with the seconds it took and whether it was the whole app's.
    """

    def __init__(self, lane: Lane, ended: Callable[[float, bool], None]) -> None:
        self._lane = lane
        self._ended = ended
        self._open: dict[bool, tuple[float, asyncio.TimerHandle]] = {}
        """When each began, and what looks whether it is over; the key tells whether it is the whole app's."""

    def until(self, *, wide: bool) -> float:
        """When the last pause ends, or ended; *wide* for that of the whole app."""
        health = self._lane.health
        return max(health.pause.until, health.locked_until) if wide else self._lane.pause.until

    def over(self, now: float) -> bool:
        """Whether nothing pauses."""
        return max(self.until(wide=False), self.until(wide=True)) <= now

    def begin(self, now: float, *, wide: bool) -> bool:
        """Something was refused. Returns whether a pause begins by it that was not there before."""
        if wide in self._open:
            return False
        self._wait(now, wide)
        return True

    def _wait(self, began: float, wide: bool) -> None:
        loop = asyncio.get_running_loop()
        self._open[wide] = began, loop.call_at(self.until(wide=wide), self._look, wide, context=Context())

    def _look(self, wide: bool) -> None:
        began, _ = self._open[wide]
        now = asyncio.get_running_loop().time()
        if self.until(wide=wide) > now:
            self._wait(began, wide)
        else:
            self._end(now, wide)

    def _end(self, now: float, wide: bool) -> None:
        began, timer = self._open.pop(wide)
        timer.cancel()
        self._ended(now - began, wide)

    def close(self) -> None:
        """Nothing will be sent any more."""
        now = asyncio.get_running_loop().time()
        for wide in list(self._open):
            self._end(now, wide)
