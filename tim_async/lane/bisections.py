"""The search for the culprits in chunks that were refused as a whole. Pure.

A refused chunk is halved, and each half is asked apart from everybody else, until the items that cause the refusal
stand alone: one among a hundred costs at most fourteen further calls. Few searches run at once, because three chunks of
which every item is a culprit stop the batch, and it would be a waste to have begun a hundred by then.

Where the code follows from names in the arguments alone (an attribute that was never declared) and all items say the
same names, one item of each half is asked first: if both are culprits, so are all the others, and nobody asks them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from tim_async.service.codes import code

from .items import Bisection, Item, Queue
from .schedule import Schedule

__all__ = ["Bisections"]

BISECTIONS_MOST = 3
PROBED_LEAST = 5  # below that halving is nearly as quick


class Bisections:
    """The searches of one lane."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._running = 0
        self._find_culprit = 0
        """Searches in a row at whose end every item was a culprit."""
        self._not_begun: deque[tuple[Bisection, list[Item]]] = deque()

    def __len__(self) -> int:
        return self._running + len(self._not_begun)

    def start(self, items: Sequence[Item], code: int) -> Bisection:
        """One of these items, which were refused together, may have caused it."""
        bisection = Bisection(len(items), code)
        for item in items:
            item.bisection = bisection
        return bisection

    def go_on(self, items: list[Item], bisection: Bisection) -> None:
        """Ask these items of a bisection in two halves; at once, or when it is the bisection's turn to begin."""
        if bisection.begun:
            self._ask(items, bisection)
        else:
            self._not_begun.append((bisection, items))
            self._begin()

    def decided(self, item: Item, *, culprit: bool) -> None:
        """It is known of an item whether it is a culprit of what its chunk was refused for, or nobody asks any more."""
        bisection, item.bisection = item.bisection, None
        if bisection is None:
            return
        bisection.undecided -= 1
        bisection.some_fine = bisection.some_fine or not culprit
        probes = bisection.probes
        if probes and item in probes:
            probes.remove(item)
            bisection.cleared = bisection.cleared or not culprit
            if bisection.cleared and not probes:
                self._halve(self._let_go(bisection), bisection)
        if not bisection.undecided and bisection.begun:
            self._running -= 1
            self._find_culprit = 0 if bisection.some_fine else self._find_culprit + 1
            self._begin()

    def known_culprits(self, bisection: Bisection) -> list[Item]:
        """The items that need not be asked any more: two that say the same are both culprits, so these are too."""
        if bisection.probes or bisection.cleared:
            return []
        bisection.probes = None  # another part of it may say something else, and all of it the same
        return self._let_go(bisection)

    def set_apart(self, items: Sequence[Item], bisection: Bisection) -> None:
        """Let items of a bisection be asked together, and with nobody else."""
        if items:
            self._schedule.put_all(
                items, Queue(min(item.priority for item in items), items[0].owner.options, bisection)
            )

    def _begin(self) -> None:
        # Another chunk or two of nothing but culprits, and the batch is stopped.
        while self._not_begun and self._running < max(1, BISECTIONS_MOST - self._find_culprit):
            bisection, items = self._not_begun.popleft()
            left = [item for item in items if item.bisection is bisection]
            if left:
                bisection.begun = True
                self._running += 1
                self._ask(left, bisection)

    def _ask(self, items: list[Item], bisection: Bisection) -> None:
        if code(bisection.code).by_name:
            # Those that say the same stand together, so that sooner or later all of a part do.
            items.sort(key=_names)
        if bisection.probes is not None or len(items) < PROBED_LEAST or not _say_the_same(items, bisection.code):
            self._halve(items, bisection)
            return
        probes = [items[0], items[(len(items) + 1) // 2]]
        bisection.probes = set(probes)
        bisection.held = [item for item in items if item not in bisection.probes]
        for probe in reversed(probes):
            self.set_apart([probe], bisection)

    @staticmethod
    def _let_go(bisection: Bisection) -> list[Item]:
        """Those that waited for the probes, but for who went away."""
        held, bisection.held = bisection.held, []
        return [item for item in held if item.bisection is bisection]

    def _halve(self, items: list[Item], bisection: Bisection) -> None:
        middle = (len(items) + 1) // 2
        self.set_apart(items[middle:], bisection)
        self.set_apart(items[:middle], bisection)


def _names(item: Item) -> list[str]:
    """The names in an item's argument, which is a mapping by names or the names alone; none in any other."""
    argument = item.argument
    return sorted(argument) if isinstance(argument, Mapping | tuple) else []


def _say_the_same(items: Sequence[Item], number: int) -> bool:
    """Whether what one of them is a culprit of, with this code, all of them are; their names are in order."""
    names = _names(items[0])
    return code(number).by_name and bool(names) and names == _names(items[-1])
