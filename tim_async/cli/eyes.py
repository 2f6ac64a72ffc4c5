"""What a command line remembers of what its client tells while it works."""

from __future__ import annotations

import time
from collections.abc import Callable

from tim_async.dispatch.events import CallEvent, Event, LaneEvent, LaneSlowed, PauseBegun, PauseEnded, Watcher

__all__ = ["Eyes"]

_SLOWED = 0.99


class Eyes(Watcher):
    """Watches one command of a client.

    Args:
        limit: calls a second that are allowed, until the client tells otherwise.
        clock: seconds.
    """

    wants = (CallEvent, LaneEvent, PauseBegun, PauseEnded, LaneSlowed)

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self.rate = 0.0
        """Calls in the last second."""
        self.full_limit = limit
        self.limit = limit
        """Calls a second that are allowed now."""
        self.repeated = 0
        """Calls that carried what had gone out before."""
        self.pause = ""
        """Why nothing is sent; empty if it is."""
        self.paused = 0.0
        """Seconds of the pauses that are over."""
        self.in_flight = 0
        """Calls that are out."""
        self.slowed = ""
        """Why it goes slower than the limit."""
        self.answered = False
        """Whether any call was of use."""
        self.error = ""
        """What was wrong with the last call, while none was of use; empty if nothing was."""

    @property
    def pause_left(self) -> float:
        """Seconds that the pause lasts at least."""
        return max(self._until - self._clock(), 0.0) if self.pause else 0.0

    def __call__(self, event: Event, /) -> None:  # noqa: D102 - inherited
        match event:
            case CallEvent(path=path, kinds=kinds, error=error) if not self.answered:
                self.answered = bool(kinds.get("Ok") or kinds.get("Rejected"))
                self.error = "" if self.answered else error.removeprefix(f"{path}: ")
            case LaneEvent(statistics=told):
                self.rate, self.repeated, self.in_flight = told.calls_per_second, told.retries, told.in_flight
                self.full_limit, self.limit = told.limit, told.limit * told.share
                if told.share >= _SLOWED:
                    self.slowed = ""
            case PauseBegun(seconds=seconds, reason=reason):
                self.pause, self._until = reason, self._clock() + seconds
            case PauseEnded(seconds=seconds):
                self.pause = ""
                self.paused += seconds
            case LaneSlowed(rate=rate, reason=reason):
                self.slowed, self.limit = reason, rate
            case _:
                pass
