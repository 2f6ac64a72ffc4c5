"""The outcomes of a partition as a file: JSON lines, CSV or Parquet, as its name says; written, and read once more."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Literal, TypeAlias

import msgspec

from tim_async.bulk.journal.errors import JournalBroken
from tim_async.bulk.rows import InputError
from tim_async.bulk.writing import Record, Writer, make_writer

__all__ = ["MARK", "Kind", "kind_of", "mark_of", "open_writer", "read_records"]

Kind: TypeAlias = Literal["jsonl", "csv", "parquet"]

_KINDS: dict[str, Kind] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet", ".outcomes": "jsonl"}
_GROUP = 10_000  # rows that are written to Parquet at once
MARK = ".started"


def kind_of(name: str) -> Kind:
    """By the end of the name; JSON lines if that says nothing."""
    return _KINDS.get(_end(name), "jsonl")


def mark_of(name: str) -> str:
    """What the mark is called that says that outcomes are on their way: ``part.jsonl`` has ``part.started``."""
    return (name.removesuffix(_end(name)) if _end(name) in _KINDS else name) + MARK


def _end(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""


class _Parquet:
    """One table of strings and numbers; a value that has parts is JSON."""

    def __init__(self, sink: IO[bytes], opened: ExitStack) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - it needs an extra
            from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - the same
        except ImportError:
            raise InputError(
                "outcomes in Parquet need pyarrow; get it with: pip install 'tim-async[parquet]'"
            ) from None
        text = pa.string()
        kinds = {"row": pa.int64(), "code": pa.int64()}
        self._schema = pa.schema([(name, kinds.get(name, text)) for name in Record.__struct_fields__])
        self._make = pa.RecordBatch.from_pylist
        self._file = opened.enter_context(ParquetWriter(sink, self._schema))
        opened.callback(self._flush)
        self._rows: list[dict[str, Any]] = []

    def write(self, record: Record) -> None:
        row = msgspec.structs.asdict(record)
        if row["value"] is not None:
            row["value"] = msgspec.json.encode(row["value"]).decode()
        self._rows.append(row)
        if len(self._rows) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._file.write_batch(self._make(rows, schema=self._schema))


def open_writer(sink: IO[bytes], kind: Kind, opened: ExitStack) -> Writer:
    """A writer of outcomes.

    Args:
        sink: a binary stream; it is not closed.
        kind: how they are written.
        opened: what is still to be written when all are told is written when this ends.

    Raises:
        InputError: pyarrow is not there.
    """
    return _Parquet(sink, opened) if kind == "parquet" else make_writer(sink, kind)


def read_records(file: IO[bytes], kind: Kind) -> Iterator[Record]:
    """The outcomes that stand in a file, without their values.

    Args:
        file: a binary stream.
        kind: how they are written.

    Raises:
        JournalBroken: they are not outcomes.
    """
    try:
        yield from _READERS[kind](file)
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as exc:  # pyarrow's are kinds of ValueError
        raise JournalBroken(f"what stands in the place of the outcomes are none: {exc}") from None


def _read_lines(file: IO[bytes]) -> Iterator[Record]:
    read = msgspec.json.Decoder(Record).decode
    return (read(line) for line in file)


def _read_csv(file: IO[bytes]) -> Iterator[Record]:
    for row in csv.DictReader(line.decode() for line in file):
        yield _record({**row, "row": int(row["row"]), "code": int(row["code"]) if row["code"] else None})


def _read_parquet(file: IO[bytes]) -> Iterator[Record]:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - it needs an extra

    for batch in ParquetFile(file).iter_batches(_GROUP):
        yield from map(_record, batch.to_pylist())


def _record(row: dict[str, Any]) -> Record:
    return Record(**{name: row[name] for name in ("row", "account", "outcome", "code", "info", "reason")})


_READERS: dict[Kind, Callable[[IO[bytes]], Iterator[Record]]] = {
    "jsonl": _read_lines,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
