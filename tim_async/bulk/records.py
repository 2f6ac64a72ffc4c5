"""Records of CSV: as the csv module has them, https://docs.python.org/3/library/csv.html, but for what makes no sense.

Nothing that may stand inside of quotes becomes a record. Where the quotes make no sense, nobody can tell which of the
following lines do, so everything from there to the end of the file is one broken record.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

from .rows import RECORD_MOST, Problem

__all__ = ["Record", "first_record", "records"]

Record: TypeAlias = tuple[int, list[str] | str]
"""The line on which it begins, from 1, and its cells; or what is wrong with it and with all that follows."""

_BLOCK = 64 * 1024  # characters
_MOST_AT_ONCE = 16 * _BLOCK  # characters whose records are surely short enough
_FEW = 16  # lines, each of which may be as long as a record

_QUOTES = "the quotes make no sense (one is not closed, or stands inside of a cell)"
_CR = "a line end of another kind than the others stands in a cell without quotes"
_BACKSLASH = '\\" may be the end of a cell, or a quote inside of it, which CSV writes as ""'
_ENDLESS = f"it is longer than {RECORD_MOST:,} bytes, as if a quote were not closed"


class _Endless(Exception):
    """A record is longer than any record may be."""


class _Lines:
    """The lines of one record after another, as the csv module takes them, with a bound on their length."""

    def __init__(self, lines: Iterator[str], before: int) -> None:
        self._lines = lines
        self._limit = csv.field_size_limit()
        self._size = 0  # bytes of the record
        self.taken = before
        """Lines of the file so far."""
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
        return Problem(f"{problem}{left_out}", self.first)


def records(head: Sequence[str], lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """The records that are not blank, and perhaps a broken one at the end.

    Args:
        head: the first lines, with their ends.
        lines: the others.
        delimiter: what separates the cells.
    """
    source, block, taken = iter(lines), head, 0
    while block or (block := _block(source)):
        done = 0
        if _is_plain(block):
            # The csv module does it alone, which takes half of the time. What it refuses may go on in the next block.
            reader = csv.reader(block, delimiter=delimiter, strict=True)
            try:
                for cells in reader:
                    if (cells and cells[0].strip()) or block[done].strip():
                        yield taken + done + 1, cells
                    done = reader.line_num
            except csv.Error:
                pass
        taken += done
        if done < len(block):
            taken = yield from _watched(block[done:], source, taken, delimiter)
        block = ()


def _block(lines: Iterator[str]) -> list[str]:
    block: list[str] = []
    size = 0
    while size < _BLOCK and (more := list(islice(lines, _FEW))):
        block += more
        size += sum(map(len, more))
    return block


def _is_plain(block: Sequence[str]) -> bool:
    text = "".join(block)
    return '\\"' not in text and len(text) < _MOST_AT_ONCE


def _watched(block: Sequence[str], source: Iterator[str], taken: int, delimiter: str) -> Generator[Record, None, int]:
    """The records that begin in a block, looked at line by line; returns how many lines were taken by then."""
    lines, number, end = _Lines(chain(block, source), taken), taken + 1, taken + len(block)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        while lines.taken < end:
            cells = next(reader)
            if lines.has_backslash and any(cell.endswith("\\") for cell in cells):
                yield number, lines.rest(number, _BACKSLASH)
                break
            lines.end()
            if lines.first.strip():
                yield number, cells
            number = lines.taken + 1
    except csv.Error as exc:
        yield number, lines.rest(number, _CR if str(exc).startswith("new-line") else _QUOTES)
    except _Endless:
        yield number, lines.rest(number, _ENDLESS)
    return lines.taken


def first_record(head: Sequence[str], delimiter: str) -> list[str]:
    """The cells of the first record; none if it makes no sense.

    Args:
        head: the first lines of a file.
        delimiter: what separates its cells.
    """
    _, cells = next(records(head, (), delimiter), (1, ""))
    return cells if isinstance(cells, list) else []
