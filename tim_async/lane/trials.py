"""The search for the guilty in chunks that were refused as a whole. Pure.

A refused chunk is halved, and each half is asked apart from everybody else, until the items that cause the refusal
stand alone: one among a hundred costs at most fourteen further calls. Few searches run at once, because three chunks of
which every item is guilty stop the batch, and it would be a waste to have begun a hundred by then.

Where the code follows from names in the arguments alone (an attribute that was never declared) and all items say the
same names, one item of each half is asked first: if both are guilty, so are all the others, and nobody asks them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from tim_async.service.codes import code

from .items import Item, Line, Trial
from .turns import Turns

__all__ = ["Trials"]

TRIALS_MOST = 3
PROBED_LEAST = 5  # below that halving is nearly as quick


class Trials:
    """The searches of one lane."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._running = 0
        self._guilty = 0
        """Searches in a row at whose end every item was guilty."""
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
            self._ask(items, trial)
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
        probes = trial.probes
        if probes and item in probes:
            probes.remove(item)
            trial.cleared = trial.cleared or not guilty
            if trial.cleared and not probes:
                self._halve(self._let_go(trial), trial)
        if not trial.undecided and trial.begun:
            self._running -= 1
            self._guilty = 0 if trial.innocent else self._guilty + 1
            self._begin()

    def condemned(self, trial: Trial) -> list[Item]:
        """The items of a trial that nobody need ask, because two that say the same were found guilty."""
        if trial.probes or trial.cleared:
            return []
        trial.probes = None  # another part of it may say something else, and all of it the same
        return self._let_go(trial)

    def set_apart(self, items: Sequence[Item], trial: Trial) -> None:
        """Let items of a trial be asked together, and with nobody else."""
        if items:
            self._turns.put_all(items, Line(min(item.priority for item in items), items[0].feed.options, trial))

    def _begin(self) -> None:
        # Another guilty chunk or two, and the batch is stopped.
        while self._not_begun and self._running < max(1, TRIALS_MOST - self._guilty):
            trial, items = self._not_begun.popleft()
            left = [item for item in items if item.trial is trial]
            if left:
                trial.begun = True
                self._running += 1
                self._ask(left, trial)

    def _ask(self, items: list[Item], trial: Trial) -> None:
        if code(trial.code).by_name:
            # Those that say the same stand together, so that sooner or later all of a part do.
            items.sort(key=_names)
        if trial.probes is not None or len(items) < PROBED_LEAST or not _say_the_same(items, trial.code):
            self._halve(items, trial)
            return
        probes = [items[0], items[(len(items) + 1) // 2]]
        trial.probes = set(probes)
        trial.held = [item for item in items if item not in trial.probes]
        for probe in reversed(probes):
            self.set_apart([probe], trial)

    @staticmethod
    def _let_go(trial: Trial) -> list[Item]:
        """Those that waited for the probes, but for who went away."""
        held, trial.held = trial.held, []
        return [item for item in held if item.trial is trial]

    def _halve(self, items: list[Item], trial: Trial) -> None:
        middle = (len(items) + 1) // 2
        self.set_apart(items[middle:], trial)
        self.set_apart(items[:middle], trial)


def _names(item: Item) -> list[str]:
    """The names in an item's argument, which is a mapping by names or the names alone; none in any other."""
    argument = item.argument
    return sorted(argument) if isinstance(argument, Mapping | tuple) else []


def _say_the_same(items: Sequence[Item], number: int) -> bool:
    """Whether what one of them is guilty of, with this code, all of them are; their names are in order."""
    names = _names(items[0])
    return code(number).by_name and bool(names) and names == _names(items[-1])
