"""Rows of a file of accounts: CSV with a header, one account per line, or JSON. Pure: lines in, rows out.

Real files have broken rows. They come out with their number and with what is wrong, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .jsons import array_rows, json_rows
from .lists import is_drawn, list_rows
from .rows import InputError, Reading, Row, RowError
from .tables import table

__all__ = ["InputError", "Row", "RowError", "read", "read_rows"]

_JSON = re.compile(r'\{|\[\s*(["{\[\]]|$)')
_HEAD = 64 * 1024  # characters that are looked at before it is decided what a file is


def read_rows(
    lines: Iterable[str], *, column: str | None = None, needs: Sequence[str] = (), name: str = "the input"
) -> Iterator[Row]:
    """The rows of a file of accounts; see `read`."""
    return read(lines, column=column, needs=needs, name=name).rows


def read(
    lines: Iterable[str],
    *,
    column: str | None = None,
    needs: Sequence[str] = (),
    name: str = "the input",
    accounts_only: bool = False,
) -> Reading:
    """Read a file of accounts.

    Blank lines are skipped. Empty, over-long and repeated accounts are rows like any other: what becomes of them is
    judged further on, by the rules of the command.

    Args:
        lines: the lines with their ends. A line longer than `RECORD_MOST` may come in parts.
        column: the column that holds the accounts, for CSV with a header (separated by comma, semicolon or tab); None
            for one account per line, for one JSON object ``{"account": "Mary", "argument": ...}`` per line, or for a
            JSON array of accounts or such objects: the first line tells which of them it is.
        needs: other columns that must be there.
        name: what error messages call the input.
        accounts_only: the rows may come without their other columns.

    Returns:
        Its columns, and every row, in order; a broken one with its `problem`.

    Raises:
        InputError: also while iterating: there is no such column, or it is there twice, or the input is nothing that
            could be read.
    """
    watched = _Lines(lines)
    rest = iter(watched)
    head = _head(rest)
    begin = next((line.lstrip() for line in head if line.strip()), "")
    if column is not None:
        _check(column, begin, head, name)
        columns, rows = table(head, rest, column=column, needs=needs, name=name, accounts_only=accounts_only)
        return Reading(columns, rows, watched.unterminated)
    if begin.startswith("{"):
        return Reading((), json_rows(chain(head, rest), name=name), watched.unterminated)
    if begin.startswith("["):
        return Reading((), array_rows(chain(head, rest), name=name))
    return Reading((), list_rows(head, rest, name=name), watched.unterminated)


class _Lines:
    """Lines, of which the last is remembered."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._last = ""

    def __iter__(self) -> Iterator[str]:
        line = ""
        for line in self._lines:
            yield line
        self._last = line

    def unterminated(self) -> bool:
        """Whether the last line has no line end, not even the half of one, and is not blank."""
        return bool(self._last.strip()) and not self._last.endswith(("\n", "\r"))


def _head(lines: Iterator[str]) -> list[str]:
    head: list[str] = []
    size = 0
    while size < _HEAD and (line := next(lines, None)) is not None:
        head.append(line if head else line.removeprefix("\ufeff"))  # the byte-order mark, which Windows puts first
        size += len(line)
    return head


def _check(column: str, begin: str, head: Sequence[str], name: str) -> None:
    """Refuse what cannot be a table."""
    if not begin:
        raise InputError(f"{name} is empty; its first line must name the columns, one of them {column!r}")
    if _JSON.match(begin):
        raise InputError(f'{name} holds JSON, whose accounts always stand in "account"; leave out --column')
    if is_drawn(head):
        raise InputError(f"{name} is a table as a database's shell draws it; export it as CSV (psql --csv)")
