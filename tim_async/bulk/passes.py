"""Ways through the rows of a source, each with the place where it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import cast

from .journal.runs import States
from .rows import Row
from .sending import Placed
from .source import Source

__all__ = ["accounts_of", "known", "numbered", "rest", "rows_at"]


def numbered(rows: Iterator[Row] | AsyncIterator[Row]) -> Iterator[Placed] | AsyncIterator[Placed]:
    """Rows with their places."""
    return _numbered_async(rows) if isinstance(rows, AsyncIterator) else iter(enumerate(rows))


async def _numbered_async(rows: AsyncIterator[Row]) -> AsyncIterator[Placed]:
    place = 0
    async for row in rows:
        yield place, row
        place += 1


def _again(source: Source) -> Iterator[Row]:
    """The rows of a source that can be read several times, as one whose journal was found."""
    return cast("Iterator[Row]", source.rows())  # what has a fingerprint is not read asynchronously


def known(source: Source, states: States) -> Iterator[Placed]:
    """The rows about which something is known."""
    return islice(enumerate(_again(source)), len(states))


def accounts_of(source: Source) -> Iterator[str]:
    """The accounts of all rows."""
    return (row.account for row in _again(source))


def rows_at(source: Source, places: Sequence[int]) -> Iterator[Placed]:
    """The rows at these places, which ascend."""
    wanted = iter(places)
    at = next(wanted, None)
    for place, row in enumerate(_again(source)):
        if at is None:
            return
        if place == at:
            yield place, row
            at = next(wanted, None)


def rest(source: Source, states: States, first: Sequence[int]) -> Iterator[Placed]:
    """The rows that are neither done nor among those that went first."""
    had_their_turn = set(first)
    for place, row in enumerate(_again(source)):
        if not states.is_final(states[place]) and place not in had_their_turn:
            yield place, row
