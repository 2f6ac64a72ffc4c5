"""Rows through one stream of an operation, each to its outcome; only those on their way are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeAlias

import msgspec

from tim_async.errors import BatchError, TIMError
from tim_async.lane.waiting import FORBIDDEN
from tim_async.operations.streams import at_hand
from tim_async.outcomes import NotSent, Ok, Outcome, Unknown

from .rows import Row, RowError, bare

__all__ = ["HELD", "INTERRUPTED", "Placed", "Sending", "Settle", "Stream"]

Placed: TypeAlias = tuple[int, Row]
"""A row with its place: how many rows stand before it."""
Settle: TypeAlias = Callable[[int, Row, Outcome[Any]], object]
Stream: TypeAlias = Callable[..., AbstractAsyncContextManager[AsyncIterator[Outcome[Any]]]]

INTERRUPTED = "interrupted before an answer came"
HELD = "held back"
"""With what ended the sending behind it."""
_STRAY = (-1, None)


class Sending:
    """Sends rows, and tells the outcome of each as soon as it is there, in order of completion.

    Args:
        rows: with their places, read as they are needed.
        item: makes of a row what the operation takes: the account, or an (account, argument) pair; raises `RowError`
            for a row of which nothing can be made.
        pairs: whether the operation takes pairs. What else is made of the very first row is a mistake of the program,
            which the operation refuses; of a later one it is that of the row, which lacks its argument.
        settle: told of every outcome. Its first error ends the sending; what a call in flight is answered then is still
            told, if there is a journal that keeps it.
        settle_fine: told in its place of rows that came one after the other, stand side by side, and are `Ok` with
            nothing more to say: where the first stands, and how many they are. None: each is told by itself.
        lose: told of the rows whose outcome will never be known, because the sending was cut short.
    """

    last_row: int
    """The number of the last row that was taken; 0 before the first."""
    next_place: int
    """Where the first row stands that was not taken."""
    unread: bool
    """Whether there may be more rows."""

    def __init__(
        self,
        rows: Iterator[Placed] | AsyncIterator[Placed],
        *,
        item: Callable[[Row], Any],
        pairs: bool = False,
        settle: Settle,
        settle_fine: Callable[[int, int], object] | None = None,
        lose: Settle,
    ) -> None:
        self.last_row = 0
        self.next_place = 0
        self.unread = True
        self._rows = rows
        self._item = item
        self._pairs = pairs
        self._settle = settle
        self._settle_fine = settle_fine
        self._lose = lose
        self._open: dict[int, Placed] = {}
        self._taken = 0
        self._failure: Exception | None = None
        self._held: tuple[str, str] | None = None

    async def run(
        self,
        stream: Stream,
        *,
        maybe_sent: bool = False,
        promise: Callable[[Sequence[int]], Awaitable[object]] | None = None,
    ) -> None:
        """Send the rows until there are no more, or until something ends it.

        When this returns or raises, every row that was taken has its outcome.

        Args:
            stream: the operation's ``stream``.
            maybe_sent: see there.
            promise: awaited with the places of the rows of a call before it is sent for the first time.

        Raises:
            TIMError: what stopped the operation; `ClientClosed` if somebody closed the client.
            Exception: what reading the rows raised, or *promise*, or *settle*.
        """
        source = self._source_async(self._rows) if isinstance(self._rows, AsyncIterator) else self._source(self._rows)
        told = None if promise is None else partial(self._tell, promise)
        try:
            async with stream(source, maybe_sent=maybe_sent, before_send=told) as outcomes:
                async for outcome in outcomes:
                    self._settled((outcome, *at_hand(outcomes)), goes_on=promise is not None)
            if self._failure is not None:
                raise self._failure
        except BatchError as exc:
            if exc.__cause__ is None:
                raise
            raise exc.__cause__ from None  # the source is ours, and so is what it raised
        finally:
            self._lose_rest()

    def _settled(self, outcomes: Iterable[Outcome[Any]], *, goes_on: bool) -> None:
        for settle in self._in_pieces(outcomes):
            try:
                settle()
            except Exception as exc:
                if not goes_on:
                    raise
                self._failure = self._failure or exc

    def _in_pieces(self, outcomes: Iterable[Outcome[Any]]) -> Iterator[Callable[[], object]]:
        """What tells these outcomes. A row is open until the piece before it was told: so none is lost by an error."""
        settle_fine, held = self._settle_fine, self._open
        first = end = 0  # of the rows that are fine, and were not told yet
        for outcome in outcomes:
            place, row = held.get(outcome.index) or _STRAY
            # Not isinstance(), a million times; it has no subclasses.
            fine = settle_fine is not None and type(outcome) is Ok and outcome.value is None and not outcome.assumed
            if end and settle_fine is not None and not (fine and place == end):
                yield partial(settle_fine, first, end - first)
                end = 0
            if row is None:  # of a stream that is not ours; what is in flight is still told, as after any other error
                yield partial(held.__getitem__, outcome.index)
                continue
            del held[outcome.index]
            if not fine:
                yield partial(self._settle, place, row, self._in_our_words(outcome))
            elif end:
                end += 1
            else:
                first, end = place, place + 1
        if end and settle_fine is not None:
            yield partial(settle_fine, first, end - first)

    def _in_our_words(self, outcome: Outcome[Any]) -> Outcome[Any]:
        if self._held is None or isinstance(outcome, Ok):
            return outcome
        return msgspec.structs.replace(outcome, reason=outcome.reason.replace(*self._held))

    async def _tell(self, promise: Callable[[Sequence[int]], Awaitable[object]], indices: Sequence[int]) -> None:
        if self._failure is not None:
            self._hold(self._failure)
            raise self._failure
        try:
            await promise([self._open[index][0] for index in indices])
        except Exception as exc:
            self._hold(exc)
            raise

    def _hold(self, error: Exception) -> None:
        self._held = self._held or (f"{FORBIDDEN}: {type(error).__name__}", f"{HELD}: {_in_words(error)}")

    def _source(self, rows: Iterator[Placed]) -> Iterator[Any]:
        for placed in rows:
            if (item := self._taken_in(placed)) is not None:
                yield item
            if self._failure is not None:
                return
        self.unread = False

    async def _source_async(self, rows: AsyncIterator[Placed]) -> AsyncIterator[Any]:
        async for placed in rows:
            if (item := self._taken_in(placed)) is not None:
                yield item
            if self._failure is not None:
                return
        self.unread = False

    def _taken_in(self, placed: Placed) -> Any:
        """The item of a row; None if nothing can be made of it, and then it has its outcome."""
        place, row = placed
        self.last_row = row.number
        self.next_place = place + 1
        try:
            item, problem = (None, bare(row.problem)) if row.problem else (self._item(row), "")
        except RowError as exc:
            item, problem = None, str(exc)
        if problem:
            self._settle(place, row, NotSent(self._taken, row.account, None, "", problem, final=True))
            return None
        self._open[self._taken] = placed
        self._taken += 1
        return (item, None) if self._pairs and place and isinstance(item, str) else item

    def _lose_rest(self) -> None:
        rest, self._open = self._open, {}
        for index, (place, row) in rest.items():
            self._lose(place, row, Unknown(index, row.account, None, "", INTERRUPTED))


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, TIMError) else type(error).__name__
