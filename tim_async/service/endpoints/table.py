"""The table: every command, in one tuple."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from . import accounts, all_member_push, groups, people, plain, push, sns
from .base import Endpoint
from .bodies import as_given

__all__ = ["ENDPOINTS", "any_command"]

_ROOMS = (accounts, all_member_push, groups, people, plain, push, sns)

ENDPOINTS: tuple[Endpoint[Any, Any], ...] = tuple(
    sorted(
        (row for room in _ROOMS for row in vars(room).values() if isinstance(row, Endpoint)),
        key=lambda row: (row.group, row.method),
    )
)
"""All rows, by group and method."""

_BY_PATH: Mapping[str, Endpoint[Any, Any]] = {row.path: row for row in ENDPOINTS}


@lru_cache(maxsize=256)  # made for each call, it would be a tenth of its price
def any_command(path: str, *, repeatable: bool) -> Endpoint[Mapping[str, object], dict[str, Any]]:
    """The row of a bare call.

    Args:
        path: ``service/command``, of the table or not.
        repeatable: whether it may be sent again where it is open whether it was applied.
    """
    known = _BY_PATH.get(path)
    return Endpoint(
        group="client",
        method="call",
        path=path,
        page=known.page if known is not None else "https://trtc.io/document/34620",
        summary="Call any command.",
        takes="the body of the call",
        gives="dict[str, Any], the reply",
        body=as_given,
        decode=plain.decode_any,
        silence_is_ok=False,
        writes=True,
        prepare=plain.keep,
        account_bytes=None,
        # Handled already, your own already, recalled already: after an answer that was lost, by the call itself.
        done_again=frozenset({10024, 10025, 20023}),
        repeatable=repeatable,
        plain=True,
        counts_items=known is not None and known.counts_items,
        limit=1,
        rate=known.rate if known is not None else plain.RATES.get(path, 100.0),
    )
