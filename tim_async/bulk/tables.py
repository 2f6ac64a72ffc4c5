"""Rows of a table with a header: which column holds the accounts, and what shows that a row is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from .records import Record, first_record, records
from .rows import NO_COLUMNS, InputError, Row, named, row_of

__all__ = ["DELIMITERS", "place_of", "table"]

DELIMITERS = ",;\t"  # the comma, what spreadsheets write where the comma is the decimal sign, and a pasted table
_MOST_NEAR = 5  # columns that are named where there are many


def table(
    head: Sequence[str],
    lines: Iterable[str],
    *,
    column: str,
    needs: Sequence[str],
    name: str,
    accounts_only: bool = False,
) -> tuple[Sequence[str], Iterator[Row]]:
    """The columns and rows of a table.

    Args:
        head: its first lines.
        lines: the others.
        column: the column that holds the accounts.
        needs: other columns that must be there.
        name: what error messages call the file.
        accounts_only: the rows come without their other columns, which is quicker.

    Raises:
        InputError: a column is not there, or is there twice.
    """
    delimiter, header = _header(head, column)
    place, *_ = (place_of(needed, header, name) for needed in (column, *needs))
    found = records(head, lines, delimiter)
    next(found)
    return header, _rows(found, header, place, accounts_only=accounts_only)


def _rows(found: Iterable[Record], header: list[str], place: int, *, accounts_only: bool) -> Iterator[Row]:
    width, column = len(header), header[place]
    for number, cells in found:
        if isinstance(cells, str):
            yield Row(number, "", NO_COLUMNS, cells)
        elif len(cells) == width:
            account = cells[place]
            problem = "" if account.isprintable() and account != column else _problem(account, cells, header)
            if accounts_only:
                yield row_of((number, account, NO_COLUMNS, problem, None))
            else:
                columns = dict(zip(header, cells))  # noqa: B905 - there are as many, and strict= takes a quarter of a second a million
                del columns[column]
                yield row_of((number, account, columns, problem, None))
        else:
            account = cells[place] if place < len(cells) else ""
            problem = f"the number of cells is wrong: {len(cells)} instead of {width}"
            yield Row(number, account, NO_COLUMNS, problem)


def _problem(account: str, cells: list[str], header: list[str]) -> str:
    """What shows that a row is none, though its cells are sound: two files may have become one."""
    if cells == header:
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
