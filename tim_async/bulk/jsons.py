"""Rows of JSON: one object per line, or one array of accounts and objects over any number of lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from .rows import NO_COLUMNS, RECORD_MOST, InputError, Problem, Row, row_of, start_of

__all__ = ["array_rows", "json_rows"]


class _Object(msgspec.Struct):
    """What is read of an object; whatever else it holds is left alone, so outcomes can be read as they are."""

    account: str
    argument: Any = None


class _NoArray(Exception):
    """It is not an array from here on."""


_HOW = 'write one object per line, {"account": "Mary"}, or an array: ["Mary", "John"]'
_MOST_LINES = 256  # taken at once
_FAULTS = (msgspec.DecodeError, RecursionError)
_LINE = msgspec.json.Decoder(_Object)
_ELEMENT = msgspec.json.Decoder(str | _Object)
_SCAN = json.JSONDecoder().raw_decode
_SPACES = re.compile(r"[ \t\r\n]*")


def json_rows(lines: Iterable[str], *, name: str) -> Iterator[Row]:
    """The rows of JSON lines.

    Args:
        lines: all of them, with their ends.
        name: what error messages call the file.

    Raises:
        InputError: while iterating: the first line holds no account, or a line has no end.
    """
    first, decode = True, _LINE.decode
    for number, line in enumerate(lines, 1):
        if len(line) > RECORD_MOST:
            raise InputError(f"{name} is no JSON lines: line {number} is longer than {RECORD_MOST:,} bytes")
        if line.isspace():
            continue
        try:
            found = decode(line)
        except _FAULTS as exc:
            row = _broken(number, line, "a JSON line with an account", exc)
            if first:
                raise InputError(f"{name} begins like JSON lines, but line {number} is {row.problem}; {_HOW}") from None
        else:
            row = row_of((number, found.account, NO_COLUMNS, "", found.argument))
        first = False
        yield row


def _broken(number: int, text: str, what: str, exc: Exception) -> Row:
    return Row(number, "", NO_COLUMNS, Problem(f"not {what}, {exc}", text))


def _row(number: int, text: str) -> Row:
    try:
        found = _ELEMENT.decode(text)
    except _FAULTS as exc:
        return _broken(number, text, "an account, or an object with one", exc)
    if isinstance(found, str):
        return Row(number, found, NO_COLUMNS)
    return Row(number, found.account, NO_COLUMNS, argument=found.argument)


def array_rows(lines: Iterable[str], *, name: str) -> Iterator[Row]:
    """The rows of a JSON array of accounts, ``["Mary", "John"]``, or of objects as in JSON lines.

    An array that breaks off, or that is not JSON from some place on, ends in one broken row.

    Args:
        lines: all of them, with their ends.
        name: what error messages call the file.

    Raises:
        InputError: while iterating: it is not JSON from its first element on.
    """
    array, first = _Array(lines), True
    try:
        for number, text in array.elements():
            row = _row(number, text)
            if first and row.problem:
                raise InputError(f"{name} begins like a JSON array, but its first element is {row.problem}; {_HOW}")
            first = False
            yield row
    except _NoArray as exc:
        if first:
            raise InputError(f"{name} begins like a JSON array and is none: {exc}; {_HOW}") from None
        problem = f"the array is no JSON from here on, so the rest of the file is left out: {exc}"
        yield Row(array.number, "", NO_COLUMNS, problem)
    for _ in lines:
        pass


class _Array:
    """The texts of an array's elements; never much more than one of them is kept."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._text = ""
        self._place = 0
        self.number = 1
        """The line that is being read."""

    def elements(self) -> Iterator[tuple[int, str]]:
        """Each element with the line on which it begins.

        Raises:
            _NoArray: it is none from here on.
        """
        self._mark()
        self._place += 1  # the bracket
        closed = self._mark() == "]"
        while not closed:
            yield self._element()
            if self._mark() not in ("]", ","):
                raise _NoArray(f"{start_of(self._text[self._place :])!r} instead of , or ]")
            closed = self._text[self._place] == "]"
            self._place += not closed
            self._mark()
        self._place += 1
        if self._mark():
            raise _NoArray(f"{start_of(self._text[self._place :])!r} stands behind its end")

    def _mark(self) -> str:
        """The next character that is not a space, which is left where it is; empty at the end."""
        while True:
            found = _SPACES.match(self._text, self._place)
            end = found.end() if found else self._place
            self.number += self._text.count("\n", self._place, end)
            self._place = end
            if end < len(self._text):
                return self._text[end]
            self._text, self._place = next(self._lines, ""), 0
            if not self._text:
                return ""

    def _element(self) -> tuple[int, str]:
        number, lines = self.number, 1
        while (end := self._end()) is None:
            more = "".join(islice(self._lines, lines))
            lines = min(2 * lines, _MOST_LINES)  # or a long element would be read once for each of its lines
            if not more:
                raise _NoArray("it breaks off")
            self._text, self._place = self._text[self._place :] + more, 0
            if len(self._text) > 2 * RECORD_MOST:
                raise _NoArray(f"an element is longer than {RECORD_MOST:,} bytes")
        text = self._text[self._place : end]
        self.number += text.count("\n")
        self._place = end
        return number, text

    def _end(self) -> int | None:
        """Where the element ends that begins here; None if that stands in a later line."""
        try:
            end = _SCAN(self._text, self._place)[1]
        except RecursionError:
            raise _NoArray("it is nested too deeply") from None
        except json.JSONDecodeError as exc:
            # A line that is longer than a record is handed over in parts.
            if self._text.endswith(("\n", "\r")) and exc.pos < len(self._text.rstrip()):
                raise _NoArray(f"{exc.msg}: {start_of(self._text[exc.pos :])!r}") from None
            return None
        return end if end < len(self._text) else None
