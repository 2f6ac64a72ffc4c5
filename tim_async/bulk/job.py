"""A file of accounts through one operation: rows in, one record out for every row that was taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from tim_async.errors import BatchError, ClientClosed
from tim_async.outcomes import NotSent, Outcome, Unknown

from .reading import Row, RowError
from .writing import Record, record

__all__ = ["Job", "Stream"]

Stream: TypeAlias = Callable[[Iterator[Any]], AbstractAsyncContextManager[AsyncIterator[Outcome[Any]]]]


class Job:
    """Sends the rows of a file, and gives each its record as soon as its outcome is there, in order of completion.

    Only the rows that are on their way are kept, so a file may have any length.

    Args:
        rows: the rows, read as they are needed.
        item: makes of a row what the operation takes: the account, or an (account, argument) pair; raises `RowError`
            for a row of which nothing can be made.
        settle: told of every record; its errors stop the job.
    """

    last_row: int
    """The last row that was taken from the file; 0 before the first."""
    unread: bool
    """Whether the file may hold more rows."""

    def __init__(self, rows: Iterator[Row], *, item: Callable[[Row], Any], settle: Callable[[Record], object]) -> None:
        self.last_row = 0
        self.unread = True
        self._rows = rows
        self._item = item
        self._settle = settle
        self._open: dict[int, Row] = {}
        self._taken = 0

    async def run(self, stream: Stream) -> None:
        """Send the rows until there are no more, or until the client is closed.

        When this returns or raises, every row that was taken has had its record: the rows whose outcome will never be
        known are `Unknown`.

        Args:
            stream: the operation's ``stream``.

        Raises:
            InputError: the file was changed while it was read.
            TIMError: what stopped the operation.
            OSError: from *settle*: the records cannot be written any more.
        """
        try:
            async with stream(self._source()) as outcomes:
                async for outcome in outcomes:
                    self._settle(record(self._open.pop(outcome.index).number, outcome))
        except ClientClosed:
            pass  # asked to stop: what was taken has its record
        except BatchError as exc:
            if exc.__cause__ is None:
                raise
            raise exc.__cause__ from None  # the source is ours, and so is what it raised
        finally:
            self._settle_rest()

    def _source(self) -> Iterator[Any]:
        for row in self._rows:
            self.last_row = row.number
            try:
                item = self._made_of(row)
            except RowError as exc:
                self._settle(record(row.number, NotSent(self._taken, row.account, None, "", str(exc))))
                continue
            self._open[self._taken] = row
            self._taken += 1
            yield item
        self.unread = False

    def _made_of(self, row: Row) -> Any:
        if row.problem:
            raise RowError(row.problem)
        return self._item(row)

    def _settle_rest(self) -> None:
        rest, self._open = self._open, {}
        for index, row in rest.items():
            self._settle(record(row.number, Unknown(index, row.account, None, "", "interrupted before an answer came")))
