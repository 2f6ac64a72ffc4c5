"""What is said once for a whole call, checked: names and numbers."""

from __future__ import annotations

import random
import sys

from tim_async.service.checks import Unfit, check_text

__all__ = ["bound_name", "custom_id", "number_up_to", "random_number"]


def bound_name(what: str, name: object, most: int | None = 32) -> str:
    """A name that is said once for a whole call.

    Args:
        what: what an error calls it.
        name: what the caller gave.
        most: the greatest length in bytes; None for any.

    Raises:
        TypeError: it is not a str.
        ValueError: it is empty, too long, or no Unicode.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")
    if not name:
        raise ValueError(f"{what} is empty")
    try:
        return check_text(what, name, 0, sys.maxsize if most is None else most)
    except Unfit as exc:
        raise ValueError(exc.problem.reason) from None


def custom_id(data_id: str | None) -> str | None:
    """A ``DataId``, which the app's webhooks get; raises as `bound_name`."""
    return None if data_id is None else bound_name("data_id", data_id, 64)


def random_number(number: int | None) -> int:
    """A ``MsgRandom``: the caller's, or one by chance; raises as `number_up_to`."""
    return random.getrandbits(32) if number is None else number_up_to(2**32 - 1, "msg_random", number)


def number_up_to(most: int, what: str, number: int, unit: str = "") -> int:
    """A whole number from 0 to *most*; raises `TypeError` or `ValueError` for anything else."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{what} must be an int, not {type(number).__name__}")
    if not 0 <= number <= most:
        raise ValueError(f"{what} must be between 0 and {most}{unit}, not {number}")
    return number
