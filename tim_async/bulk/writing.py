"""Outcomes as lines of a file: JSON lines or CSV, one line per row of the input."""

from __future__ import annotations

import csv
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from tim_async.outcomes import Ok, Outcome
from tim_async.printable import escaped, shown

__all__ = ["ASSUMED", "UTF8", "Format", "Record", "Sink", "Writer", "make_writer", "record"]

Format: TypeAlias = Literal["jsonl", "csv"]


ASSUMED = "it was already so when it was asked again: done by us before, or so from the beginning"
"""The reason of an `Ok` that was inferred."""


class Record(msgspec.Struct, frozen=True):
    """What became of one row; its fields are the columns of the file, in this order."""

    row: int
    """The line of the input on which the row begins, from 1."""
    account: str
    outcome: str
    """``Ok``, ``Rejected``, ``Unknown`` or ``NotSent``."""
    code: int | None = None
    info: str = ""
    """The service's own words."""
    reason: str = ""
    """Ours."""
    value: Any = None
    """What was asked for; None for a write, and where there is no answer. In CSV it is JSON."""


def record(row: int, outcome: Outcome[Any]) -> Record:
    """The line for the outcome of a row."""
    if isinstance(outcome, Ok):
        reason = ASSUMED if outcome.assumed else ""
        return Record(row, outcome.account, "Ok", reason=reason, value=outcome.value)
    return Record(row, outcome.account, type(outcome).__name__, outcome.code, outcome.info, outcome.reason)


class Sink(Protocol):
    """Where bytes go: a binary stream."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""
        ...


class Writer(Protocol):
    """Writes records in one format."""

    def write(self, record: Record) -> None:
        """Write one line."""
        ...


class _JSONLines:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._encoder = msgspec.json.Encoder()

    def write(self, record: Record) -> None:
        self._sink.write(escaped(self._encoder.encode(record)) + b"\n")


class UTF8:
    """What the csv module writes lines to. Always UTF-8: the locale of a cron job is no reason to lose a name."""

    END = "\r\n"
    """As the csv module is told, so that each Python puts a cell with either of them into quotes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, text: str) -> None:
        """Write one line."""
        self._sink.write(text.removesuffix(self.END).encode() + b"\n")


class _CSV:
    def __init__(self, sink: Sink, *, seen: bool) -> None:
        self._rows = csv.writer(UTF8(sink), lineterminator=UTF8.END)
        self._seen = seen
        self._rows.writerow(Record.__struct_fields__)

    def write(self, record: Record) -> None:
        value = "" if record.value is None else escaped(msgspec.json.encode(record.value)).decode()
        cells = (*msgspec.structs.astuple(record)[:-1], value)
        self._rows.writerow([shown(cell) if isinstance(cell, str) else cell for cell in cells] if self._seen else cells)


def make_writer(sink: Sink, to_format: Format, *, seen: bool = False) -> Writer:
    """A writer of outcomes.

    Args:
        sink: a binary stream; it is neither flushed nor closed here.
        to_format: ``jsonl``, one JSON object per line, or ``csv``, with a header.
        seen: whether the sink is a terminal: its escape sequences have no place in the cells of CSV. JSON has none.
    """
    return _CSV(sink, seen=seen) if to_format == "csv" else _JSONLines(sink)
