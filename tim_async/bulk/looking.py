"""What the first pass over a file finds: how many rows there are, and what to say before they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tim_async.printable import shown

from .repeats import Repeat, Repeats
from .report import some_rows, tell_repeats
from .rows import Row, start_of

__all__ = ["Look"]

_MOST_ROWS = 5  # named in one line

_DAMAGED = re.compile(
    r"(?P<scientific>[+-]?[0-9](?:[.,][0-9]+)?[eE][+-][0-9]+)"
    r"|(?P<decimal>[0-9]+[.,]0+)"
    r"|(?P<error>\#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|\#+))"
)
_NOTHING = {"NULL", "null", "None", "NaN", "nan", "undefined", "\\N", "N/A"}
_BEGINS = frozenset("0123456789+-#")
_DAMAGES = {
    "scientific": "in scientific notation, as a spreadsheet spoils long numbers",
    "decimal": "that is a number with a decimal point, as a program makes of whole ones",
    "error": "that is an error of a spreadsheet",
    "nothing": "that is a word for nothing",
}


class _Rows:
    """Rows that have something in common."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []
        self.example = ""

    def add(self, number: int, example: str) -> None:
        if not self.count:
            self.example = example
        self.count += 1
        if len(self.first) < _MOST_ROWS:
            self.first.append(number)

    def __str__(self) -> str:
        return some_rows(self.first, self.count)


class Look:
    """What was found in all rows.

    Args:
        rows: they are taken at once.
        repeats: gets every sound row.
    """

    def __init__(self, rows: Iterable[Row], repeats: Repeats) -> None:
        self.count = 0
        """Rows, sound and broken."""
        self.has_arguments = False
        """Whether any row brings an argument of its own."""
        self.last: Row | None = None
        """The last row; None if there is none."""
        self.unterminated: Row | None = None
        """The last row again, if its line has no line end: the file may be cut there, and the account be half of one.

        None for what has no lines, such as a JSON array that is closed.
        """
        self.broken = _Rows()
        """Rows that cannot be read, with the problem of the first."""
        self._empty = 0
        self._damaged = {kind: _Rows() for kind in _DAMAGES}
        self._take(rows, repeats)
        self._repeated = 0
        self._repeats = list(tell_repeats(self._counted(repeats)))

    @property
    def accounts(self) -> int:
        """Different accounts in sound rows."""
        return self.count - self.broken.count - self._empty - self._repeated

    def notes(self) -> Iterator[str]:
        """A line about each thing that may be a mistake, though the rows can be sent."""
        yield from self._repeats
        for kind, what in _DAMAGES.items():
            if (rows := self._damaged[kind]).count:
                yield f"{rows} with an account {what}, the first: {shown(start_of(rows.example))}"

    def question(self) -> str:
        """What to ask before anything is sent that cannot be undone; empty if there is nothing to ask."""
        if self.unterminated is None:
            return ""
        number, account = self.unterminated.number, self.unterminated.account
        what = f"{shown(start_of(account))} may be only the beginning of an account" if account else "more may follow"
        return f"row {number:,}, the last one, has no line end, as if the input were cut there: {what}"

    def _counted(self, repeats: Repeats) -> Iterator[Repeat]:
        for repeat in repeats:
            self._repeated += 1
            yield repeat

    def _take(self, rows: Iterable[Row], repeats: Repeats) -> None:
        add, damaged = repeats.add, _DAMAGED.fullmatch
        row: Row | None = None
        for row in rows:
            number, account, _, problem, argument = row
            self.count += 1
            if problem:
                self.broken.add(number, problem)
                continue
            if argument is not None:
                self.has_arguments = True
            if not account:
                self._empty += 1
                continue
            add(number, account)
            if account in _NOTHING:
                self._damaged["nothing"].add(number, account)
            # Most accounts are told apart without the expression, which takes as long as all the rest.
            elif account[0] in _BEGINS and not account.isdecimal() and (found := damaged(account)) is not None:
                self._damaged[str(found.lastgroup)].add(number, account)
        self.last = row
