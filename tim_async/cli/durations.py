"""Times and spans of time as a report writes them. Local time, for who reads it was there when it happened."""

from __future__ import annotations

import time

__all__ = ["clock", "duration", "moment", "zone"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """A span of time in two units at most: ``2 d 3 h``, ``16 min 40 s``, ``1.5 s``, ``20 ms``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms" if seconds else "0 s"
    if seconds < 10:
        return f"{seconds:.2g} s"
    left, parts = round(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts))


def moment(at: float) -> str:
    """A moment, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def clock(at: float, step: int) -> str:
    """The time of day for an axis.

    Args:
        at: the moment.
        step: seconds between two labels.
    """
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    return time.strftime(form, time.localtime(at))


def zone(at: float) -> str:
    """The time zone then, such as ``UTC+08:00``."""
    told = time.strftime("%z", time.localtime(at))
    return f"UTC{told[:3]}:{told[3:]}"
