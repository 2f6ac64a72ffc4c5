"""The search for the guilty in chunks that were refused as a whole. Pure.

A refused chunk is halved, and each half is asked apart from everybody else, until the items that cause the refusal
stand alone: one among a hundred costs at most fourteen further calls. Few searches run at once, because three chunks of
which every item is guilty stop the batch, and it would be a waste to have begun a hundred by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .items import Item, Line, Trial
from .turns import Turns

__all__ = ["Trials"]

TRIALS_MOST = 3


class Trials:
    """The searches of one lane."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._running = 0
        self._not_begun: deque[tuple[Trial, list[Item]]] = deque()

    def __len__(self) -> int:
        return self._running + len(self._not_begun)

    def accuse(self, items: Sequence[Item], code: int) -> Trial:
        """One of these items, which were refused together, may have caused it."""
        trial = Trial(len(items), code)
        for item in items:
            item.trial = trial
        return trial

    def go_on(self, items: list[Item], trial: Trial) -> None:
        """Ask these items of a trial in two halves; at once, or when it is the trial's turn to begin."""
        if trial.begun:
            self._halve(items, trial)
        else:
            self._not_begun.append((trial, items))
            self._begin()

    def decided(self, item: Item, *, guilty: bool) -> None:
        """It is known of an item whether it is guilty of what its chunk was refused for, or nobody asks any more."""
        trial, item.trial = item.trial, None
        if trial is None:
            return
        trial.undecided -= 1
        trial.innocent = trial.innocent or not guilty
        if not trial.undecided and trial.begun:
            self._running -= 1
            self._begin()

    def set_apart(self, items: Sequence[Item], trial: Trial) -> None:
        """Let items of a trial be asked together, and with nobody else."""
        if items:
            self._turns.put_all(items, Line(min(item.priority for item in items), items[0].feed.options, trial))

    def _begin(self) -> None:
        while self._not_begun and self._running < TRIALS_MOST:
            trial, items = self._not_begun.popleft()
            left = [item for item in items if item.trial is trial]
            if left:
                trial.begun = True
                self._running += 1
                self._halve(left, trial)

    def _halve(self, items: list[Item], trial: Trial) -> None:
        middle = (len(items) + 1) // 2
        self.set_apart(items[middle:], trial)
        self.set_apart(items[:middle], trial)
