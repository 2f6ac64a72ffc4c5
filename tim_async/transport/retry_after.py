"""How long a gateway asks to wait. Pure: it is told the time."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["RETRY_AFTER_MOST", "seconds_of"]

RETRY_AFTER_MOST: Final = 60.0
"""Seconds: a gateway that names more is asked again all the same, as it may have been mistaken."""


def seconds_of(retry_after: str, date: str, now: float) -> float:
    """How long a gateway asks to wait: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after .

    Args:
        retry_after: the header, seconds or a date; may be empty or anything.
        date: the header ``Date`` of the same answer, by whose clock a date counts; may be empty or anything.
        now: Unix seconds, where the answer has no date of its own.

    Returns:
        Seconds from 0 to `RETRY_AFTER_MOST`; 0 if it says nothing that can be understood.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(RETRY_AFTER_MOST, float(text[:9]))
    until = _unix(text)
    if until is None:
        return 0.0
    since = _unix(date)
    return min(RETRY_AFTER_MOST, max(0.0, until - (now if since is None else since)))


def _unix(date: str) -> float | None:
    """Unix seconds of an HTTP date; None if it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
