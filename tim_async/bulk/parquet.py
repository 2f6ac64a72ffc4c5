"""Rows of a Parquet file, read by batches, so that it may have any length."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tim_async.printable import one_line

from .cells import argument_reader, arguments, is_bytes, is_readable, no_accounts, texts
from .rows import InputError, Reading, Row, named, row_of
from .sealing import SealedFile
from .tables import place_of

__all__ = ["MAGIC", "read_parquet"]

MAGIC = b"PAR1"
"""What stands at the beginning, and at the end too."""

_ARGUMENT = "argument"
_BATCH = 2_000  # rows in memory
_BUFFER = 1024 * 1024  # bytes of each column: without it a row group, which may be all of the file, is read at once


def read_parquet(
    file: SealedFile,
    *,
    column: str | None,
    needs: Sequence[str],
    argument: str | None,
    name: str,
    accounts_only: bool = False,
) -> Reading:
    """Read Parquet. A row's number is its place in the table, from 1.

    Args:
        file: its bytes.
        column: the column with the accounts.
        needs: other columns that must be there.
        argument: the column with the accounts' arguments. None: that of the name ``argument``, if there is one, and
            nobody needs it otherwise.
        name: what error messages call the file.
        accounts_only: the rows come without the columns that nobody needs, which are then not read.

    Raises:
        InputError: also while iterating: it is not Parquet that can be read, it has no such column, or it was changed.
    """
    table = _Table(file, name)
    accounts, told = table.accounts(column), table.argument(argument, needs)
    others = table.others(needs, without=(accounts, told))
    rows = table.rows(accounts, told, [each for each in others if each in needs] if accounts_only else others)
    return Reading([each for each in table.kinds if each == accounts or each in others], rows)


class _Table:
    """An opened file."""

    def __init__(self, file: SealedFile, name: str) -> None:
        self._name = name
        stream = file.open_anywhere()
        if stream.seek(-len(MAGIC), io.SEEK_END) < len(MAGIC) or stream.read() != MAGIC:
            raise InputError(f"{name} is cut: it is Parquet, and its end is missing; get all of it")
        with self._told():
            self._file = pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False, page_checksum_verification=True)
            schema = self._file.schema_arrow
        self._names: list[str] = schema.names
        self.kinds: Mapping[str, Any] = {field.name: field.type for field in schema}
        """The columns in their order, and what they hold."""

    def accounts(self, column: str | None) -> str:
        """The column with the accounts."""
        if column is None:
            there = named(self._names)
            raise InputError(
                f"{self._name} is a table with the columns {there}; say which one holds the accounts: --column NAME"
            )
        place_of(column, self._names, self._name)
        if why := no_accounts(self.kinds[column]):
            raise InputError(f"{self._name} has no accounts in the column {column!r}, but {why}")
        return column

    def argument(self, column: str | None, needs: Sequence[str]) -> str | None:
        """The column with the arguments, if there is one; not one that is needed for something else."""
        if column is None and (_ARGUMENT not in self.kinds or _ARGUMENT in needs):
            return None
        column = column or _ARGUMENT
        self._check(column)
        return column

    def others(self, needs: Sequence[str], *, without: Sequence[str | None]) -> list[str]:
        """The other columns that can be text; bytes may be pictures, and are left out where nobody needs them."""
        for needed in needs:
            place_of(needed, self._names, self._name)
            if not (is_readable(self.kinds[needed]) or is_bytes(self.kinds[needed])):
                self._check(needed)
        return [
            column
            for column, kind in self.kinds.items()
            if column not in without and (is_readable(kind) or column in needs)
        ]

    def rows(self, accounts: str, told: str | None, others: Sequence[str]) -> Iterator[Row]:
        """The rows with these columns."""
        number = 0
        for batch in self._batches([accounts, *([told] if told else []), *others]):
            column = dict(zip(batch.schema.names, batch.columns, strict=True))
            found = zip(*(texts(column[each]) for each in (accounts, *others)), strict=True)
            given = arguments(column[told]) if told else repeat(None)
            for cells, argument in zip(found, given, strict=False):
                number += 1
                account, *rest = cells
                problem = "its bytes are no UTF-8" if None in cells else ""
                columns = {each: cell or "" for each, cell in zip(others, rest, strict=True)}
                yield row_of((number, account or "", columns, problem, argument))

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        batches = self._file.iter_batches(_BATCH, columns=columns, use_threads=False)
        while True:
            with self._told():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _check(self, column: str) -> None:
        place_of(column, self._names, self._name)
        try:
            argument_reader(self.kinds[column])
        except TypeError as exc:
            raise InputError(f"{self._name} has {exc} in the column {column!r}, which JSON does not have") from None

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except (pa.ArrowException, OSError) as exc:
            raise InputError(
                f"{self._name} is damaged: its Parquet data make no sense ({one_line(str(exc))})"
            ) from None
