"""What became of the rows, kept as runs of places: the rows of a call stand side by side and mostly end alike. Pure.

A log of runs is read from its beginning, and the later word counts. Two kinds of run are no outcomes. `MAYBE` is a
promise: these rows may be sent from now on. It is no news about a row whose outcome is final already, because promises
are made for stretches, some calls ahead. `NOTHING` withdraws promises that were not used.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from tim_async.outcomes import Ok, Outcome

__all__ = [
    "AGAIN",
    "ASSUMED",
    "ENDINGS",
    "FINE",
    "MAYBE",
    "NOTHING",
    "Ending",
    "Endings",
    "Run",
    "Runs",
    "States",
    "runs_of",
    "stretches",
]

_MOST = 20_000  # different endings; a service that puts the account into its words would make one for every row

_CODE_END = 2**63  # SQLite holds no greater numbers

NOTHING = 0
"""Nothing was promised of the row, and nothing became of it."""
MAYBE = 1
"""It may have been sent."""
FINE = 2
ASSUMED = 3
AGAIN = 4


class Ending(msgspec.Struct, frozen=True):
    """How rows ended."""

    outcome: str
    """``Ok``, ``Rejected``, ``Unknown`` or ``NotSent``."""
    code: int | None = None
    info: str = ""
    """The service's own words."""
    reason: str = ""
    """Ours."""
    final: bool = True
    """Whether a resume leaves such a row alone."""
    assumed: bool = False
    """Whether an `Ok` was inferred: it was "already so" when it was asked again."""

    @property
    def unsure(self) -> bool:
        """Whether the row may have been sent, and nobody knows what became of it."""
        return self.outcome == "Unknown" and not self.final


ENDINGS = {
    FINE: Ending("Ok"),
    ASSUMED: Ending("Ok", assumed=True),
    AGAIN: Ending(
        "Unknown", reason="to be sent again, after an earlier row of the same account that was open", final=False
    ),
}
"""Those that every journal has."""


class Endings:
    """All endings of a run, by their numbers."""

    def __init__(self) -> None:
        self.by_number = dict(ENDINGS)
        self._numbers = {ending: number for number, ending in ENDINGS.items()}
        self._new: list[tuple[int, Ending]] = []

    def number_of(self, outcome: Outcome[Any]) -> int:
        """The number of the ending of an outcome; a new one where there is none like it."""
        if isinstance(outcome, Ok):
            return ASSUMED if outcome.assumed else FINE
        code = outcome.code if outcome.code is None or abs(outcome.code) < _CODE_END else None
        ending = Ending(type(outcome).__name__, code, _kept(outcome.info), _kept(outcome.reason), outcome.final)
        if (number := self._numbers.get(ending)) is None:
            if len(self.by_number) >= _MOST:
                ending = Ending(ending.outcome, code, final=ending.final)
            number = self._numbers.get(ending) or self._learn(ending)
        return number

    def _learn(self, ending: Ending) -> int:
        number = len(self.by_number) + FINE  # they are numbered without a gap
        self.add(number, ending)
        self._new.append((number, ending))
        return number

    def add(self, number: int, ending: Ending) -> None:
        """One that a journal holds."""
        self.by_number[number] = ending
        self._numbers.setdefault(ending, number)

    def take_new(self) -> list[tuple[int, Ending]]:
        """Those that no journal holds yet."""
        new, self._new = self._new, []
        return new


def _kept(words: str) -> str:
    """As they can be written: half a surrogate pair is no text for SQLite."""
    return words.encode(errors="replace").decode()


class Runs:
    """Collects what happened, in its order."""

    def __init__(self) -> None:
        self._flat: list[int] = []
        self._number = self._first = self._end = 0  # the last run, which may grow

    def __bool__(self) -> bool:
        return self._end > 0

    def add(self, number: int, first: int, count: int = 1) -> None:
        """Rows ended alike.

        Args:
            number: of their ending, or `MAYBE`.
            first: the place of the first of them.
            count: how many, side by side.
        """
        if number == self._number and first == self._end > 0:
            self._end += count
            return
        self._flush()
        self._number, self._first, self._end = number, first, first + count

    def _flush(self) -> None:
        if self._end:
            self._flat += (self._number, self._first, self._end - self._first)

    def take(self) -> bytes:
        """All that was collected, as bytes; begins anew."""
        self._flush()
        data = msgspec.msgpack.encode(self._flat)
        self._flat, self._end = [], 0
        return data


_DECODER = msgspec.msgpack.Decoder(list[int])


Run: TypeAlias = tuple[int, int, int]
"""The number of an ending, `MAYBE` or `NOTHING`; the place of the first row; how many rows, side by side."""


def runs_of(data: bytes) -> list[Run]:
    """What `Runs.take` made bytes of.

    Raises:
        ValueError: it is none.
    """
    flat = _DECODER.decode(data)
    return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))


class States:
    """The state of every row: `NOTHING`, `MAYBE`, or the number of its ending. Two bytes a row.

    Args:
        endings: what the numbers mean; those that a log names must be known before it is read.
        most: rows that there can be; a log that names more would take all memory.
    """

    def __init__(self, endings: Endings, *, most: int = 2**31) -> None:
        self.endings = endings
        """What the numbers mean."""
        self._of = array("H")
        self._most = most

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, place: int) -> int:
        return self._of[place] if place < len(self._of) else NOTHING

    def read(self, data: bytes) -> None:
        """One entry of the log.

        Raises:
            ValueError: it is none.
        """
        self.take(runs_of(data))

    def take(self, runs: Iterable[Run]) -> None:
        """What happened, in its order.

        Raises:
            ValueError: it makes no sense.
        """
        for number, first, count in runs:
            if not 0 <= first < first + count <= self._most:
                raise ValueError(f"there are no {count} rows from place {first} on")
            if number == MAYBE:
                self._promise(first, first + count)
            elif number == NOTHING:
                self._withdraw(first, first + count)
            elif number not in self.endings.by_number:
                raise ValueError(f"there is no ending {number}")
            else:
                self._set(number, first, first + count)

    def _set(self, number: int, first: int, end: int) -> None:
        self._make_room(end)
        self._of[first:end] = array("H", (number,)) * (end - first)

    def _make_room(self, end: int) -> None:
        if (missing := end - len(self._of)) > 0:
            self._of.frombytes(bytes(missing * self._of.itemsize))

    def _promise(self, first: int, end: int) -> None:
        self._make_room(end)
        if not any(self._of[first:end]):
            self._set(MAYBE, first, end)
            return
        for place in range(first, end):
            if not self.is_final(self._of[place]):
                self._of[place] = MAYBE

    def _withdraw(self, first: int, end: int) -> None:
        self._make_room(end)
        for place in range(first, end):
            if self._of[place] == MAYBE:
                self._of[place] = NOTHING

    def is_final(self, number: int) -> bool:
        """Whether a resume leaves rows of this state alone."""
        return number > MAYBE and self.endings.by_number[number].final

    def is_unsure(self, number: int) -> bool:
        """Whether rows of this state may have been sent, and nobody knows what became of them."""
        return number == MAYBE or (number > MAYBE and self.endings.by_number[number].unsure)

    def is_ok(self, number: int) -> bool:
        """Whether rows of this state are `Ok`."""
        return number > MAYBE and self.endings.by_number[number].outcome == "Ok"

    def counts(self) -> Counter[int]:
        """State -> how many rows."""
        return Counter(self._of)

    def first_untold(self) -> int:
        """The first place of which nothing is known: all rows before it were promised, or have an outcome."""
        try:
            return self._of.index(NOTHING)
        except ValueError:
            return len(self._of)

    def first_places(self, numbers: frozenset[int], most: int) -> dict[int, list[int]]:
        """State -> the first places of rows in it, for each of these states that there is.

        Args:
            numbers: the states.
            most: of how many rows in each.
        """
        found: dict[int, list[int]] = {}
        for place, number in enumerate(self._of):
            if number in numbers and len(first := found.setdefault(number, [])) < most:
                first.append(place)
        return found

    def places(self, numbers: frozenset[int]) -> Iterator[int]:
        """The places of the rows in one of these states, in order."""
        return (place for place, number in enumerate(self._of) if number in numbers)


def stretches(places: list[int]) -> Iterator[tuple[int, int]]:
    """Places as (first, count), for those that stand side by side.

    Args:
        places: in ascending order, none twice.
    """
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield places[start], at - start
            start = at
