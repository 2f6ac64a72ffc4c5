"""Where a job stands, by its journal alone: also while it runs, and after it was killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .journal.glance import look
from .journal.opened import Job
from .journal.runs import MAYBE, NOTHING, Ending, States
from .journal.store import Result, Start, Store
from .report import KINDS, WHOLE

__all__ = ["Known", "Standing", "standing_from", "standing_of"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands."""

    path: Path
    """Of its journal."""
    id: str
    """Of its journal, which no other has."""
    job: Job
    """What it does to what."""
    source: Mapping[str, Any]
    """The input: its ``name``, ``count``, ``description`` (how to open it again), ``columns`` and ``column``."""
    memo: Mapping[str, Any]
    """What the caller of `run` had it keep."""
    starts: list[Start]
    """When it started, and how each start ended."""
    held_by: str
    """Which process is working with it; empty if none is."""
    last_commit: float | None
    """Wall time of the last entry, seconds since 1970; None if there is none."""
    endings: list[tuple[Ending, int]]
    """How rows ended so far, and how many; the most frequent first."""
    maybe: int
    """Rows that may have been sent and whose outcome is not known: a resume asks again."""
    done: int
    """Rows whose outcome is final."""

    @property
    def total(self) -> int | None:
        """Rows of the input; None if that is not known."""
        total: int | None = self.source["count"]
        return total

    @property
    def finished(self) -> bool:
        """Whether every row has a final outcome."""
        if self.total is not None:
            return self.done == self.total
        # How many there are is known only to the start that came to their end.
        is_whole = bool(self.starts) and self.starts[-1].how == WHOLE
        return is_whole and not self.maybe and all(ending.final for ending, _ in self.endings)

    @property
    def counts(self) -> dict[str, int]:
        """``Ok``, ``Rejected``, ``Unknown``, ``NotSent`` -> rows, so far."""
        return {kind: sum(count for ending, count in self.endings if ending.outcome == kind) for kind in KINDS}

    @property
    def assumed(self) -> int:
        """How many of the `Ok` were inferred from an "already so" when the row was asked again."""
        return sum(count for ending, count in self.endings if ending.assumed)


class Known:
    """What a journal knows of each row.

    Args:
        path: of the journal; it is read once, and not looked at again.

    Raises:
        JournalError: it cannot be read, or is not a journal.
    """

    def __init__(self, path: str | Path) -> None:
        look(Path(path), self._read)

    def _read(self, store: Store, held_by: str) -> None:
        self._endings, self._states = store.load()
        self._results = list(store.results())
        self.standing = standing_from(store, self._states, held_by)

    def rows(self) -> Iterator[tuple[Ending | None, str | None]]:
        """For each row in order: how it ended, and the value that was read, as JSON; None if there is none.

        It ends with the last row about which something is known.
        """
        values = _spread(self._results)
        at, value = next(values, (-1, None))
        by_number = {NOTHING: None, MAYBE: _MAYBE, **self._endings.by_number}
        for place in range(len(self._states)):
            found = None
            if place == at:
                found, (at, value) = value, next(values, (-1, None))
            yield by_number[self._states[place]], found


_MAYBE = Ending("Unknown", reason="it may have been sent, and its outcome is not known yet", final=False)


def _spread(results: list[Result]) -> Iterator[tuple[int, str | None]]:
    for first, rows, value in results:
        for place in range(first, first + rows):
            yield place, value


def standing_from(store: Store, states: States, held_by: str) -> Standing:
    """Where a job stands.

    Args:
        store: its journal.
        states: of its rows, as they stand there.
        held_by: which process works with it.
    """
    counts = states.counts()
    by_number = states.endings.by_number
    found = [(by_number[number], count) for number, count in counts.most_common() if number in by_number]
    return Standing(
        path=store.path,
        id=store.meta["id"],
        job=store.job,
        source=store.meta["source"],
        memo=store.meta["memo"],
        starts=store.starts(),
        held_by=held_by,
        last_commit=store.last_commit(),
        endings=found,
        maybe=counts[MAYBE],
        done=sum(count for ending, count in found if ending.final),
    )


def standing_of(journal: str | Path) -> Standing:
    """Where a job stands.

    Args:
        journal: of the job, which may be running.

    Raises:
        JournalError: it cannot be read, or is not a journal.
    """
    return look(Path(journal), lambda store, held_by: standing_from(store, store.load()[1], held_by))
