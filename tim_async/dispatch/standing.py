"""Whether a command does well, and the lines for the log when that changes. Pure: it is told the time.

Whoever reads the log sees one line for each kind of trouble, and one when it is over, however many calls fail.
"""

from __future__ import annotations

import math

__all__ = ["SILENCE", "Standing"]

SILENCE = 10.0
"""Seconds without a useful answer that are worth a line."""


class Standing:
    """How one command stands with its service."""

    def __init__(self) -> None:
        self.waits_since = math.inf
        """Since when something was asked and nothing useful was answered."""
        self.trouble_since = math.inf
        self._said: set[str] = set()
        self._why = ""

    @property
    def well(self) -> bool:
        """Whether nothing was said that is not over."""
        return not self._said

    def asked(self, now: float) -> None:
        """A call leaves."""
        self.waits_since = min(self.waits_since, now)

    def failed(self, why: str) -> None:
        """A call brought nothing useful."""
        self._why = why

    def paused(self, now: float, seconds: float, why: str) -> str | None:
        """Nothing is sent for a while; the queue to write, if it is to be written."""
        return self._say("paused", now, f"paused for {seconds:.3g} s: {why}")

    def stopped(self, now: float, why: str) -> str | None:
        """Everything further is pointless, as far as is known; it is answered, so this is no silence."""
        self.waits_since = math.inf
        return self._say("stopped", now, f"stopped, what waits is not sent: {why}")

    def silent_at(self) -> float:
        """When to look at `silent`; infinity if that has been said, or if nothing is asked."""
        return math.inf if "silent" in self._said else self.waits_since + SILENCE

    def silent(self, now: float) -> str | None:
        """Nothing useful has been answered until now."""
        if now < self.silent_at():
            return None
        why = self._why or "nothing is answered"
        self.trouble_since = min(self.trouble_since, self.waits_since)
        return self._say("silent", now, f"no useful answer for {now - self.waits_since:.0f} s: {why}")

    def answered(self, now: float, *, asks_on: bool) -> str | None:
        """A useful answer came, and nothing else is in the way.

        Args:
            now: seconds.
            asks_on: other calls are in flight.
        """
        self.waits_since = now if asks_on else math.inf
        self._why = ""
        if not self._said:
            return None
        self._said.clear()
        seconds, self.trouble_since = now - self.trouble_since, math.inf
        return f"well again after {seconds:.1f} s"

    def _say(self, kind: str, now: float, queue: str) -> str | None:
        if kind in self._said:
            return None
        self._said.add(kind)
        self.trouble_since = min(self.trouble_since, now)
        return queue
