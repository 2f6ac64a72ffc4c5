"""What a client knows of the rates of its commands: what was set, and what the service's alarms say for a while.

Pure: the caller passes the time. All rates are in the unit of the command's row: calls a second, or accounts a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["ALARM_SECONDS", "FLOOR", "Rate", "Rates", "check_limit"]

ALARM_SECONDS: Final = 600.0
"""Seconds for which the limit of an alarm holds. The service repeats the alarm while there is reason for it."""
FLOOR: Final = 0.1
"""The part of the known limit below which no alarm brings it: a webhook may be forged, and must not stop a command."""
MOST: Final = 1e300


class Rate(NamedTuple):
    """What holds now.

    Attributes:
        rate: in the unit of the row.
        until: when something else may hold; infinity if nothing is known of that.
    """

    rate: float
    until: float


class Rates:
    """The rates of the commands of one client.

    Args:
        limits: path -> rate, where it is not the row's own.

    Raises:
        ValueError: a rate is not a positive number.
    """

    def __init__(self, limits: Mapping[str, float]) -> None:
        for path, rate in limits.items():
            check_limit(f"the limit of {path}", rate)
        self._set = dict(limits)
        self._alarms: dict[str, Rate] = {}
        self._last_words: set[str] = set()

    def tell(self, path: str, rate: float) -> None:
        """The limit of a command is known: whatever an alarm said is over.

        Raises:
            ValueError: the rate is not a positive number.
        """
        check_limit(f"the limit of {path}", rate)
        self._set[path] = rate
        self._alarms.pop(path, None)
        self._last_words.add(path)

    def is_last_word(self, path: str) -> bool:
        """Whether the rate was set since the client was made."""
        return path in self._last_words

    def alarm(self, path: str, limit: float, until: float, now: float) -> None:
        """The service names a limit. While an alarm holds, a higher one only prolongs it."""
        held = self._alarms.get(path)
        if held is not None and now < held.until:
            limit, until = min(limit, held.rate), max(until, held.until)
        self._alarms[path] = Rate(limit, until)

    def of(self, path: str, default: float, now: float) -> Rate:
        """What holds for a command.

        Args:
            path: the command.
            default: the rate of its row.
            now: seconds.
        """
        known = self._set.get(path, default)
        alarm = self._alarms.get(path)
        if alarm is None or alarm.until <= now:
            return Rate(known, math.inf)
        return Rate(min(known, max(alarm.rate, FLOOR * known)), alarm.until)


def check_limit(name: str, value: object) -> None:
    """Refuse what is not a positive number.

    Raises:
        ValueError: one line says which and why.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST:
        raise ValueError(f"{name} must be a positive number, not {value!r}")
