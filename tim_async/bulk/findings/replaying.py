"""A journal read as it was written: what each start of the job found, and what it did."""

from __future__ import annotations

from array import array
from collections import Counter

from tim_async.bulk.journal.runs import AGAIN, FINE, MAYBE, Run
from tim_async.bulk.journal.store import Store

__all__ = ["Chapter", "Replay"]


class Chapter:
    """What one start found and did."""

    def __init__(self) -> None:
        self.unsure = 0
        """Rows that may have been sent before, when it began."""
        self.outcomes = 0
        """How often a row got an outcome."""
        self.rewritten = 0
        """Rows that were done, and were sent once more."""
        self.last: float | None = None
        """Wall time of its last commit."""


class Replay:
    """The log of a journal, replayed. Six bytes a row.

    A commit belongs to the last start that began before it by the wall clock.

    Args:
        store: the journal.

    Raises:
        JournalBroken: the log makes no sense.
    """

    def __init__(self, store: Store) -> None:
        self.states = store.nothing_yet()
        """Of all rows, at the end."""
        self.starts = store.starts()
        self.chapters = [Chapter() for _ in self.starts]
        """One for each start."""
        self._asked = array("I")  # place -> the last start, from 1, that found it unsure
        begun = 0
        for at, runs in store.replay(self.states):
            while begun < len(self.starts) and (at >= self.starts[begun].began or not begun):
                self._begin(begun)
                begun += 1
            for chapter in self.chapters[:begun][-1:]:
                self._take(chapter, at, runs)
        for number in range(begun, len(self.starts)):
            self._begin(number)

    def _begin(self, start: int) -> None:
        states = self.states
        states_now = states.counts().keys() if start else ()
        unsure = frozenset(number for number in states_now if states.is_unsure(number))
        if not unsure:
            return
        self._asked.frombytes(bytes((len(states) - len(self._asked)) * self._asked.itemsize))
        for place in states.places(unsure):
            self._asked[place] = start + 1
            self.chapters[start].unsure += 1

    @staticmethod
    def _take(chapter: Chapter, at: float, runs: list[Run]) -> None:
        chapter.last = at
        for number, _, count in runs:
            if number == AGAIN:
                chapter.rewritten += count
            elif number >= FINE:
                chapter.outcomes += count

    def became(self, start: int) -> Counter[int]:
        """State -> how many of the rows are in it at the end that this start was the last one to find unsure.

        Args:
            start: its place among the starts, from 0.
        """
        return Counter(self.states[place] for place, asked in enumerate(self._asked) if asked == start + 1)

    @property
    def unsure(self) -> int:
        """Rows that may have been sent, and whose outcome is not known at the end."""
        states = self.states
        return sum(count for number, count in states.counts().items() if number >= MAYBE and states.is_unsure(number))
