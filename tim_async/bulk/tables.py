"""Rows of CSV with a header. A record is what the csv module says it is: https://docs.python.org/3/library/csv.html.

Nothing that may stand inside of quotes becomes a row. Where the quotes make no sense, nobody can tell which of the
following lines do, so everything from there to the end of the file is one broken record.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import eq

from .rows import NO_COLUMNS, RECORD_MOST, InputError, Reading, Row, named, start_of

__all__ = ["DELIMITERS", "first_record", "place_of", "table"]

DELIMITERS = ",;\t"  # the comma, what spreadsheets write where the comma is the decimal sign, and a pasted table
_MOST_NEAR = 5  # columns that are named where there are many

_QUOTES = "the quotes make no sense (one is not closed, or stands inside of a cell)"
_CR = "a line end of another kind than the others stands in a cell without quotes"
_BACKSLASH = '\\" may be the end of a cell, or a quote inside of it, which CSV writes as ""'
_ENDLESS = f"it is longer than {RECORD_MOST:,} bytes, as if a quote were not closed"


class _Endless(Exception):
    """A record is longer than any record may be."""


class _Lines:
    """The lines of one record after another, as the csv module takes them, with a bound on their length."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._limit = csv.field_size_limit()
        self._size = 0  # bytes of the record
        self.taken = 0
        """Lines in all."""
        self.first = ""
        """The line with which the record begins."""
        self.has_backslash = False
        """Whether a backslash stands before a quote."""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.taken += 1
            if not self._size:
                self.first = line
            self._size += len(line) if line.isascii() else len(line.encode())
            if self._size > self._limit:
                self._make_room()
            if '\\"' in line:
                self.has_backslash = True
            yield line

    def _make_room(self) -> None:
        if self._size > RECORD_MOST:
            raise _Endless
        csv.field_size_limit(max(RECORD_MOST, self._limit))

    def end(self) -> None:
        """Begin the next record. The limit of the csv module is the whole process's, so it is put back at once."""
        if self._size > self._limit:
            csv.field_size_limit(self._limit)
        self._size = 0
        self.has_backslash = False

    def rest(self, number: int, problem: str) -> str:
        """Take all that is left; what is wrong with it, from line *number* on."""
        self.end()
        self.taken += sum(1 for _ in self._lines)
        count = self.taken - number + 1
        left_out = f", so all {count:,} lines up to the end of the file are left out" if count > 1 else ""
        return f"{problem}{left_out}: {start_of(self.first)}"


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """The cells of each record that is not blank, with the line on which it begins; or what is wrong with the rest."""
    number = 1
    try:
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            if lines.has_backslash and any(cell.endswith("\\") for cell in cells):
                yield number, lines.rest(number, _BACKSLASH)
                return
            lines.end()
            if lines.first.strip():
                yield number, cells
            number = lines.taken + 1
    except csv.Error as exc:
        yield number, lines.rest(number, _CR if str(exc).startswith("new-line") else _QUOTES)
    except _Endless:
        yield number, lines.rest(number, _ENDLESS)


def first_record(head: Sequence[str], delimiter: str) -> list[str]:
    """The cells of the first record; none if it makes no sense.

    Args:
        head: the first lines of a file.
        delimiter: what separates its cells.
    """
    _, cells = next(_records(_Lines(head), delimiter), (1, ""))
    return cells if isinstance(cells, list) else []


def table(head: Sequence[str], lines: Iterable[str], *, column: str, needs: Sequence[str], name: str) -> Reading:
    """The columns and rows of a table.

    Args:
        head: its first lines.
        lines: the others.
        column: the column that holds the accounts.
        needs: other columns that must be there.
        name: what error messages call the file.

    Raises:
        InputError: a column is not there, or is there twice.
    """
    delimiter, header = _header(head, column)
    place, *_ = (place_of(needed, header, name) for needed in (column, *needs))
    records = _records(_Lines(chain(head, lines)), delimiter)
    next(records)
    return Reading(header, _rows(records, header, place))


def _rows(records: Iterable[tuple[int, list[str] | str]], header: Sequence[str], place: int) -> Iterator[Row]:
    width, column = len(header), header[place]
    for number, cells in records:
        if isinstance(cells, str):
            yield Row(number, "", NO_COLUMNS, cells)
        elif len(cells) == width:
            columns = dict(zip(header, cells))  # noqa: B905 - there are as many, and strict= takes a quarter of a second a million
            account = columns.pop(column)
            sound = account.isprintable() and account != column
            yield Row(number, account, columns, "" if sound else _problem(account, column, columns))
        else:
            account = cells[place] if place < len(cells) else ""
            problem = f"the number of cells is wrong: {len(cells)} instead of {width}"
            yield Row(number, account, NO_COLUMNS, problem)


def _problem(account: str, column: str, columns: Mapping[str, str]) -> str:
    """What shows that a row is none, though its cells are sound: two files may have become one."""
    if account == column and all(map(eq, columns, columns.values())):
        return "it is the heading once more"
    if "\ufeff" in account or "\0" in account:
        return "a byte-order mark or a NUL stands in the account"
    return ""


def _header(head: Sequence[str], column: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns."""
    headers = {mark: [cell.strip() for cell in first_record(head, mark)] for mark in DELIMITERS}
    # The mark that makes the column appear; without one, that which makes most of the line.
    mark = max(DELIMITERS, key=lambda mark: (column in headers[mark], len(headers[mark])))
    return mark, headers[mark]


def place_of(column: str, header: Sequence[str], name: str) -> int:
    """Where a column stands.

    Raises:
        InputError: nowhere, or in two places.
    """
    times = header.count(column)
    if times > 1:
        raise InputError(f"{name} has {times} columns {column!r}; give all but one another name")
    if not times:
        raise InputError(f"{name} has no column {column!r}; {_suggestion(column, header)}")
    return header.index(column)


def _suggestion(column: str, found: Sequence[str]) -> str:
    by_plain_name = {cell.casefold(): cell for cell in reversed(found)}
    near = difflib.get_close_matches(column.casefold(), by_plain_name, n=1)
    there = f"it has {named(found) or 'none that can be read'}"
    if len(found) > _MOST_NEAR:
        nearest = difflib.get_close_matches(column.casefold(), by_plain_name, n=_MOST_NEAR, cutoff=0)
        there = f"the nearest of its {len(found):,} are {named([by_plain_name[cell] for cell in nearest])}"
    return f"did you mean {by_plain_name[near[0]]!r}? {there}" if near else there
