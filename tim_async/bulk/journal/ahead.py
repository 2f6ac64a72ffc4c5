"""How many rows are promised before their calls are made, so that these seldom wait for the disk. Pure: told the time.

A run that is killed leaves these rows open too, so they are as few as will do: those of the next moment.
"""

from __future__ import annotations

import math

__all__ = ["Ahead"]

_MOMENT = 0.03  # seconds; longer than most disks take, and three calls at 100 a second
_CALLS = 3


class Ahead:
    """Follows the pace of a run.

    Args:
        call: most rows of a call.
    """

    def __init__(self, call: int) -> None:
        self._least = self._rows = _CALLS * call
        self._since = -math.inf
        self._sent = 0

    def sends(self, rows: int) -> None:
        """So many rows go out."""
        self._sent += rows

    def rows(self, now: float) -> int:
        """How many rows are to be promised ahead: those of three calls, or of the next 30 ms, if these are more.

        Args:
            now: seconds.
        """
        if (passed := now - self._since) >= _MOMENT:
            self._rows = max(self._least, round(self._sent * _MOMENT / passed))
            self._since, self._sent = now, 0
        return self._rows
