"""Rows of a file of accounts: CSV with a header, one account per line, or JSON lines. Pure: lines in, rows out.

Real files have broken rows. They come out with their number and with what is wrong, so that nothing is lost, and a row
that cannot be read costs only itself: a quote that is never closed does not swallow the rows behind it.
"""

from __future__ import annotations

import csv
import difflib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

__all__ = ["InputError", "Row", "RowError", "read_rows"]

_DELIMITERS = ",;\t"  # the comma, what spreadsheets write where the comma is the decimal sign, and a pasted table
_MOST_LINES = 20  # of one row: an address in quotes may have line breaks, a quote that is never closed has no end
_NO_COLUMNS: Mapping[str, str] = {}


class InputError(ValueError):
    """The input cannot be used at all; the text says in one line what is wrong and what to do."""


class RowError(ValueError):
    """One row cannot be used; the text says why."""


class Row(NamedTuple):
    """One row of the file."""

    number: int
    """The line in the file on which it begins, from 1."""
    account: str
    """Exactly as it stands in the file: spaces around it may belong to it. Empty if it could not be read."""
    columns: Mapping[str, str]
    """The other columns by name; empty where the file is no CSV."""
    problem: str = ""
    """Why the row cannot be used; empty when it is sound."""
    argument: Any = None
    """What a JSON line says of the account; None if it says nothing, and in other files."""


class _JSONLine(msgspec.Struct):
    """What is read of a JSON line; whatever else it holds is left alone, so outcomes can be read as they are."""

    account: str
    argument: Any = None


_JSON = msgspec.json.Decoder(_JSONLine)


class _Lines:
    """Numbered lines, of which some can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._returned: deque[str] = deque()
        self.number = 0

    def next(self) -> str | None:
        line = self._returned.popleft() if self._returned else next(self._lines, None)
        if line is not None:
            self.number += 1
            if self.number == 1:
                return line.removeprefix("\ufeff")  # the byte-order mark, which Windows puts before UTF-8
        return line

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


def _parse(lines: list[str], delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _record(lines: _Lines, first: str, delimiter: str, width: int) -> list[str] | None:
    """The cells of the row that begins with the line *first*, or None if its quotes make no sense.

    Only a row that comes out whole, with as many cells as the header, may span lines. Otherwise its first line alone is
    broken, and the next row begins on the next line.
    """
    if '"' not in first:
        return first.rstrip("\r\n").split(delimiter)  # nearly every row; to make a csv.reader takes longer than that
    cells = _parse([first], delimiter)
    if cells is not None:
        return cells
    taken = [first]
    while len(taken) < _MOST_LINES and (line := lines.next()) is not None:
        taken.append(line)
        cells = _parse(taken, delimiter)
        if cells is not None and len(cells) == width:
            return cells
    lines.give_back(taken[1:])
    return None


def _first_line(lines: _Lines) -> str | None:
    while (line := lines.next()) is not None:
        if line.strip():
            return line
    return None


def _header(line: str | None, column: str, name: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns."""
    if line is None:
        raise InputError(f"{name} is empty; its first line must name the columns, one of them {column!r}")
    if _is_json(line):
        raise InputError(f'{name} holds JSON lines, whose accounts always stand in "account"; leave out --column')
    headers = {mark: [cell.strip() for cell in _parse([line], mark) or ()] for mark in _DELIMITERS}
    # The mark that makes the column appear; without one, that which makes most of the line.
    mark = max(_DELIMITERS, key=lambda mark: (column in headers[mark], len(headers[mark])))
    return mark, headers[mark]


def _place(column: str, header: list[str], name: str) -> int:
    times = header.count(column)
    if times > 1:
        raise InputError(f"{name} has {times} columns {column!r}; give all but one another name")
    if not times:
        raise InputError(f"{name} has no column {column!r}; {_suggestion(column, header)}")
    return header.index(column)


def _suggestion(column: str, found: list[str]) -> str:
    by_plain_name = {cell.casefold(): cell for cell in reversed(found)}
    near = difflib.get_close_matches(column.casefold(), by_plain_name, n=1)
    there = "it has " + (", ".join(map(repr, found)) or "none that can be read")
    return f"did you mean {by_plain_name[near[0]]!r}? {there}" if near else there


def _csv_rows(lines: _Lines, column: str, needs: Sequence[str], name: str) -> Iterator[Row]:
    delimiter, header = _header(_first_line(lines), column, name)
    place, *_ = (_place(needed, header, name) for needed in (column, *needs))
    width = len(header)
    while (line := lines.next()) is not None:
        if not line.strip():
            continue
        number = lines.number
        cells = _record(lines, line, delimiter, width)
        if cells is None:
            yield Row(number, "", _NO_COLUMNS, f"a quote is not closed, or stands inside of a cell: {_start(line)}")
        elif len(cells) == width:
            columns = dict(zip(header, cells, strict=True))
            yield Row(number, columns.pop(column), columns)
        else:
            account = cells[place] if place < len(cells) else ""
            yield Row(number, account, _NO_COLUMNS, f"the number of cells is wrong: {len(cells)} instead of {width}")


def _start(line: str) -> str:
    text = line.strip()
    return text if len(text) <= 40 else text[:39] + "…"


def _plain_rows(lines: _Lines, name: str) -> Iterator[Row]:
    line = _first_line(lines)
    is_json = _is_json(line)
    # With a forgotten --column every line of a table would be taken for an account.
    for delimiter in _DELIMITERS:
        if line is not None and not is_json and len(columns := _parse([line], delimiter) or ()) > 1:
            there = ", ".join(repr(column.strip()) for column in columns)
            raise InputError(
                f"{name} looks like a table with the columns {there}; say which one holds the accounts: --column NAME"
            )
    while line is not None:
        if line.strip():
            yield _json_row(lines.number, line) if is_json else Row(lines.number, line.rstrip("\r\n"), _NO_COLUMNS)
        line = lines.next()


def _is_json(line: str | None) -> bool:
    return line is not None and line.lstrip().startswith("{")


def _json_row(number: int, line: str) -> Row:
    try:
        fields = _JSON.decode(line)
    except (msgspec.DecodeError, RecursionError) as exc:
        return Row(number, "", _NO_COLUMNS, f"not a JSON line with an account, {exc}: {_start(line)}")
    return Row(number, fields.account, _NO_COLUMNS, argument=fields.argument)


def read_rows(
    lines: Iterable[str], *, column: str | None = None, needs: Sequence[str] = (), name: str = "the input"
) -> Iterator[Row]:
    """Read the rows of a file of accounts.

    Blank lines are skipped. Empty, over-long and repeated accounts are rows like any other: what becomes of them is
    judged further on, by the rules of the command.

    Args:
        lines: the lines with their ends, as a text stream opened with ``newline=""`` gives them.
        column: the column that holds the accounts, for CSV with a header (separated by comma, semicolon or tab); None
            for one account per line, or one JSON object ``{"account": "Mary", "argument": ...}`` per line: the first
            line tells which of them it is.
        needs: other columns that must be there.
        name: what error messages call the input.

    Yields:
        Every row, in order; a broken one with its `problem`.

    Raises:
        InputError: there is no such column, or it is there twice, or the input looks like CSV and no column is given.
    """
    numbered = _Lines(lines)
    return _plain_rows(numbered, name) if column is None else _csv_rows(numbered, column, needs, name)
