"""What became of all rows, in a few lines: counts, and for each kind of trouble where it is. Told record by record."""

from __future__ import annotations

import bisect
import heapq
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tim_async.printable import shown

from .repeats import Repeat
from .writing import Record

__all__ = [
    "KINDS",
    "WHOLE",
    "Progress",
    "Report",
    "Tally",
    "Trouble",
    "alike",
    "counted",
    "some_rows",
    "tell_repeats",
]

KINDS: tuple[str, ...] = ("Ok", "Rejected", "Unknown", "NotSent")
WHOLE = "all rows sent"
"""How a start ended that reached the end of the rows."""
_MOST_ROWS = 5  # named in one line
_MOST_TROUBLES = 20


class Trouble:
    """The rows that ended in the same way, other than well."""

    def __init__(self, outcome: str, code: int | None, reason: str) -> None:
        self.outcome = outcome
        self.code = code
        self.reason = reason
        """Of the first such row; the others' may differ in a number or a name."""
        self.count = 0
        self.rows: list[int] = []
        """The first five, in the order of the file."""

    def add(self, record: Record) -> None:
        """Count one more."""
        self.count += 1
        if len(self.rows) < _MOST_ROWS or record.row < self.rows[-1]:
            bisect.insort(self.rows, record.row)
            del self.rows[_MOST_ROWS:]

    def __str__(self) -> str:
        code = "" if self.code is None else f" {self.code}"
        return f"{self.outcome}{code}, {some_rows(self.rows, self.count)}: {shown(self.reason)}"


class Tally:
    """Counts outcomes; its size does not grow with their number."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self.assumed = 0
        """How many of the `Ok` were inferred."""
        self._troubles: dict[tuple[str, int | None, str], Trouble] = {}

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return sum(self.counts.values())

    @property
    def errors(self) -> int:
        """Rows that did not end `Ok`."""
        return self.done - self.counts["Ok"]

    def add(self, record: Record) -> None:
        """Count one row."""
        if record.outcome == "Ok":
            self.add_ok(assumed=bool(record.reason))
        else:
            self.counts[record.outcome] += 1
            self._trouble(record).add(record)

    def add_ok(self, count: int = 1, *, assumed: bool = False) -> None:
        """Count rows that are `Ok`: quicker than as records, for there are many of them."""
        self.counts["Ok"] += count
        if assumed:
            self.assumed += count

    def _trouble(self, record: Record) -> Trouble:
        kind, reason = (record.outcome, record.code, alike(record.reason)), record.reason or record.info
        if kind not in self._troubles and len(self._troubles) >= _MOST_TROUBLES:
            kind, reason = (record.outcome, None, "..."), f"for other reasons, the first: {reason}"
        return self._troubles.setdefault(kind, Trouble(*kind[:2], reason))

    def troubles(self) -> list[Trouble]:
        """What went wrong, the most frequent first."""
        return sorted(self._troubles.values(), key=lambda trouble: -trouble.count)

    def __str__(self) -> str:
        parts = [f"{count:,} {kind}" for kind, count in self.counts.items() if count or kind == "Ok"]
        return f"{counted(self.done)}: {', '.join(parts)}"


class Progress:
    """How a run stands; it changes while the run goes on.

    Args:
        total: rows of the source; None if that is not known.
    """

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.tally = Tally()
        """What became of those that are done: of the whole job, where a journal knows what earlier starts did."""
        self.last_row = 0
        """The number of the last row that was taken; 0 before the first."""
        self.unread = True
        """Whether there may be more rows."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run: of the whole job, where a journal knows what earlier starts did."""

    command: str
    """``group.method``."""
    source: str
    """What the source is called."""
    total: int | None
    """Rows of the source; None if that is not known."""
    counts: dict[str, int]
    """``Ok``, ``Rejected``, ``Unknown``, ``NotSent`` -> rows."""
    assumed: int
    """How many of the `Ok` were inferred from an "already so" when the row was asked again."""
    open: int
    """Rows that a resume would send: without an outcome, or with one that is not final."""
    troubles: list[Trouble]
    """What went wrong, the most frequent first: kind, code, reason, count, the first rows."""
    last_row: int
    """The number of the last row that was taken; 0 if none was."""
    unread: bool
    """Whether there may be rows after that."""
    held_back: bool
    """Whether rows were left for later because ``first`` was given."""
    stopped_by: Exception | None
    """What ended it early: `ClientClosed`, an `APIError`, a `JournalFull`, `TooManyFailures`, an `InputError` about the
    source, or an `OSError` of the sink. None: every row was taken, and has an outcome."""
    journal: Path | None
    """Where its journal is; None for a run without one."""
    partition: str | None = None
    """Where the outcomes of a partition are put at its end; None if it is not a partition."""
    outcomes: str | None = None
    """Where they are; None if the partition has to be run again."""
    earlier: bool = False
    """Whether an earlier start of the partition did everything, so that this one sent nothing."""

    @property
    def ok(self) -> bool:
        """Whether every row is `Ok`."""
        return self.counts["Ok"] == sum(self.counts.values()) and not self.open and not self.unread

    @property
    def resumable(self) -> bool:
        """Whether the same run with the same journal, or of the same partition, would have something left to do."""
        kept = self.journal is not None or self.partition is not None
        return kept and (self.open > 0 or self.unread)


def alike(reason: str) -> str:
    """What reasons have in common: "the account is 35 bytes long" and "... 36 bytes long" are the same trouble."""
    return re.sub(r"\d+", "#", reason.partition(":")[0])


def tell_repeats(repeats: Iterable[Repeat]) -> Iterator[str]:
    """A line about the rows whose account is in an earlier row too, if there are any.

    Args:
        repeats: all of them, in any order and any number.
    """
    count = 0

    def passing() -> Iterator[Repeat]:
        nonlocal count
        for repeat in repeats:
            count += 1
            yield repeat

    first = heapq.nsmallest(_MOST_ROWS, passing())
    if first:
        pairs = ", ".join(f"{repeat.number} as {repeat.first}" for repeat in first)
        more = ", …" if count > len(first) else ""
        yield f"{counted(count)} with the account of an earlier row: {pairs}{more}"


def counted(count: int, what: str = "row") -> str:
    """So many of something, in words: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def some_rows(first: list[int], count: int) -> str:
    """Rows by their numbers.

    Args:
        first: the first of them.
        count: of all.
    """
    if count == 1:
        return f"row {first[0]}"
    more = ", …" if count > len(first) else ""
    return f"{count:,} rows ({', '.join(map(str, first))}{more})"
