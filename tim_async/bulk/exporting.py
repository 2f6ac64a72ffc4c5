"""What a journal knows, row by row, beside the rows themselves: all outcomes, or the failures ready to be mended.

A journal holds no accounts, so its input is read again, and must not have changed.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from tim_async.printable import escaped

from .journal.errors import JournalUnlike
from .journal.runs import Ending
from .rows import Row
from .source import Source
from .standing import Known
from .writing import ASSUMED, UTF8, Format, Record, Sink, make_writer

__all__ = ["export_failures", "export_outcomes"]

_ADDED = ("code", "reason")


def export_outcomes(known: Known, source: Source, sink: Sink, to_format: Format = "jsonl") -> int:
    """Write the outcome of every row that has one, in the order of the input, as `run` passes them to a sink.

    Args:
        known: what the journal knows.
        source: its input, opened.
        sink: a binary stream; it is neither flushed nor closed.
        to_format: ``jsonl`` or ``csv``.

    Returns:
        How many rows were written.

    Raises:
        JournalUnlike: the input is not the one that the job had.
        InputError: it cannot be read again.
    """
    writer, count = make_writer(sink, to_format), 0
    for row, ending, value in _joined(known, source):
        writer.write(_record(row, ending, value))
        count += 1
    return count


def _record(row: Row, ending: Ending, value: str | None) -> Record:
    if ending.outcome == "Ok":
        read = None if value is None else msgspec.json.decode(value)
        return Record(row.number, row.account, "Ok", reason=ASSUMED if ending.assumed else "", value=read)
    return Record(row.number, row.account, ending.outcome, ending.code, ending.info, ending.reason)


def export_failures(known: Known, source: Source, sink: Sink) -> int:
    """Write the rows that failed for good, so that they can be mended and fed in again.

    Their columns and arguments are as they were, in the encoding of the input, with ``code`` and ``reason`` added. Rows
    of a table become CSV; all others become JSON lines, which every command reads, and so do the rows of a table that
    has arguments, because CSV has no place for them.

    Args:
        known: what the journal knows.
        source: its input, opened.
        sink: a binary stream; it is neither flushed nor closed.

    Returns:
        How many rows were written.

    Raises:
        JournalUnlike: the input is not the one that the job had.
        InputError: it cannot be read again.
    """
    text = _Text(sink, str(source.description.get("encoding", "utf-8")))
    is_table = source.column is not None and all(row.argument is None for row, _ in _failed(known, source))
    write, count = _table(source, text) if is_table else _lines(text), 0
    for row, ending in _failed(known, source):
        write(row, ending)
        count += 1
    return count


def _failed(known: Known, source: Source) -> Iterator[tuple[Row, Ending]]:
    return ((row, ending) for row, ending, _ in _joined(known, source) if ending.final and ending.outcome != "Ok")


class _Text(UTF8):
    """Lines in the encoding of the input; what the encoding cannot hold is escaped."""

    def __init__(self, sink: Sink, encoding: str) -> None:
        super().__init__(sink)
        self._encode = codecs.getincrementalencoder(encoding)("backslashreplace").encode
        self.is_utf8 = codecs.lookup(encoding).name.startswith("utf-8")

    def write(self, text: str) -> None:
        self._sink.write(self._encode(text.removesuffix(self.END) + "\n"))


def _joined(known: Known, source: Source) -> Iterator[tuple[Row, Ending, str | None]]:
    then, mark = known.standing.job, source.fingerprint
    if mark is None or (then.size, then.digest) != tuple(mark):
        raise JournalUnlike(f"{source.name} is not the input of {known.standing.path}, byte for byte")
    rows = cast("Iterator[Row]", source.rows())  # what has a fingerprint is not read asynchronously
    for row, (ending, value) in zip(rows, known.rows(), strict=False):
        if ending is not None:
            yield row, ending, value


def _why(row: Row, ending: Ending) -> str:
    where = f"row {row.number} of the input: " if row.problem else ""  # nothing of it can be told but where it stands
    return where + (ending.reason or ending.info)


def _table(source: Source, text: _Text) -> Any:
    """Writes rows of CSV. What an earlier such file said of code and reason is put right."""
    columns = [name for name in source.columns if name not in _ADDED]
    lines = csv.writer(text, lineterminator=_Text.END)
    lines.writerow([*columns, *_ADDED])

    def write(row: Row, ending: Ending) -> None:
        cells = [row.account if name == source.column else row.columns.get(name, "") for name in columns]
        lines.writerow([*cells, "" if ending.code is None else ending.code, _why(row, ending)])

    return write


def _lines(text: _Text) -> Any:
    def write(row: Row, ending: Ending) -> None:
        told = {} if row.argument is None else {"argument": row.argument}
        line = {"account": row.account, **told, "code": ending.code, "reason": _why(row, ending)}
        written = escaped(msgspec.json.encode(line))
        text.write(written.decode() if text.is_utf8 else json.dumps(json.loads(written)))

    return write
