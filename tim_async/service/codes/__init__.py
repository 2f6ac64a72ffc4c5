"""The error codes of the service: what each means, whose fault it is, and what to do about it.

The judge asks `code(number)` and follows its `action`; people read its `meaning`. Page of the service:
https://trtc.io/document/34348 (and https://trtc.io/document/74196 for the push families). Where its advice and our
verdict differ, `why` says so.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .kinds import Action, Code, Fault
from .rows import ROWS

__all__ = ["CODES", "Action", "Code", "Fault", "code", "is_known"]

_WEBHOOK = range(120_001, 130_001)
"""What the app's own webhook may answer instead of a code of the service."""


def _by_number(rows: Iterable[Code]) -> Mapping[int, Code]:
    """The rows by their number, read-only.

    Raises:
        ValueError: a number comes twice; one of the two verdicts would be silently lost.
    """
    table: dict[int, Code] = {}
    for row in rows:
        if table.setdefault(row.number, row) is not row:
            raise ValueError(f"error code {row.number} has two rows")
    return MappingProxyType(table)


CODES: Mapping[int, Code] = _by_number(ROWS)
"""All known codes by number, in ascending order."""


def code(number: int) -> Code:
    """What is known of an error code.

    Args:
        number: `ErrorCode` or `ResultCode` of an answer, other than 0 (success).

    Returns:
        Its row; for a number that is in no table a row that is final for one item and splits a call, so that a code
        which the service invents tomorrow neither loops nor takes innocent items with it. So is one of the app's own,
        from 120001 to 130000.
    """
    known = CODES.get(number)
    if known is not None:
        return known
    if number in _WEBHOOK:
        return Code(number, "the app's own webhook refused with a code of its own", Fault.APP, Action.SPLIT)
    return Code(number, "unknown code", Fault.ACCOUNT, Action.SPLIT)


def is_known(number: int) -> bool:
    """Whether anybody says what a code means, and so that nothing was applied where it is final."""
    return number in CODES or number in _WEBHOOK
