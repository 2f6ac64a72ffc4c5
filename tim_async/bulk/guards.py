"""What ends a run early because its caller asked for it: too many failures, or enough rows for now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from tim_async.errors import TIMError
from tim_async.outcomes import NotSent, Ok, Outcome
from tim_async.printable import sturdy

from .report import counted

if TYPE_CHECKING:
    from .sending import Placed  # which waits, and so loads asyncio: --help has no time for it

__all__ = ["First", "TooManyFailures", "check_rows", "is_failure"]


def check_rows(**numbers: object) -> None:
    """Refuse what is not a number of rows, before anything is done: a guard that is misread guards nothing.

    Args:
        **numbers: by the names of the arguments; None for no guard.

    Raises:
        TypeError: one is not a whole number.
        ValueError: one is negative.
    """
    for name, number in numbers.items():
        if number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{name} must be a whole number of rows, not {type(number).__name__}")
        if number < 0:
            raise ValueError(f"{name} must not be negative: {number}")


class TooManyFailures(TIMError):
    """More rows failed than ``max_failures`` allows; calls in flight were finished, and nothing more was sent.

    Args:
        failed: rows that failed.
        most: how many may.
        earlier: whether they failed in an earlier start, which did something, so that this one sent nothing.
    """

    def __init__(self, failed: int, most: int, earlier: bool = False) -> None:
        super().__init__(failed, most, earlier)
        self.failed = failed
        self.most = most
        self.earlier = earlier

    @sturdy
    def __str__(self) -> str:
        told = f"{counted(self.failed)} failed, more than the {self.most:,} that may fail"
        return f"{told}; that was in an earlier start, so to go on allow more" if self.earlier else told


def is_failure(outcome: Outcome[object]) -> bool:
    """Whether a row failed. What was held back because of a stop did not."""
    return not isinstance(outcome, Ok) and (outcome.final or not isinstance(outcome, NotSent))


class First:
    """The first rows of a source; no more than these are taken from it.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    @property
    def reached(self) -> bool:
        """Whether all of them were taken, so that there may be more."""
        return self._left == 0

    def take(self, rows: Iterator[Placed] | AsyncIterator[Placed]) -> Iterator[Placed] | AsyncIterator[Placed]:
        """The first of these rows."""
        return self._await(rows) if isinstance(rows, AsyncIterator) else self._take(rows)

    def _take(self, rows: Iterator[Placed]) -> Iterator[Placed]:
        while self._left:
            try:
                placed = next(rows)
            except StopIteration:
                return
            self._left -= 1
            yield placed

    async def _await(self, rows: AsyncIterator[Placed]) -> AsyncIterator[Placed]:
        while self._left:
            try:
                placed = await anext(rows)
            except StopAsyncIteration:
                return
            self._left -= 1
            yield placed
