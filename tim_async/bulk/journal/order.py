"""What a resume sends, and in which order, so that the last write to an account stays the last. Pure.

What may have been sent goes first, alone and to its end; then all that is open, in the order of the input. That alone
would be wrong where a row is open and a later one of the same account is done: the older write would come last. So the
later one is sent once more, after it, with those that go first.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .runs import MAYBE, NOTHING, States

__all__ = ["Plan", "plan"]


class Plan(NamedTuple):
    """Which rows are sent beside those of which nothing is known, by their places in ascending order."""

    first: array[int]
    """These go first, as rows that may have been sent."""
    again: array[int]
    """Those of them that have a final outcome, and are sent once more."""
    idle: array[int]
    """All rows with an outcome that is not final, and that were certainly not sent; some of them go first too."""


def plan(states: States, accounts: Callable[[], Iterable[str]] | None) -> Plan:
    """Decide what a resume sends again.

    Args:
        states: of all rows.
        accounts: gives those of all rows, in order, each time that it is called; None where the order of writes to an
            account makes no difference. It is called only if there is cause.
    """
    known = states.counts().keys() - {NOTHING}
    unsure = frozenset(number for number in known if states.is_unsure(number))
    idle = frozenset(number for number in known - unsure if not states.is_final(number))
    chained: set[int] = set()
    # A promise without an outcome alone is no cause: no row is sent while an earlier one of its account is on its way.
    if accounts is not None and (idle or unsure - {MAYBE}):
        chained = _chained(states, unsure, unsure | idle, accounts)
    first = sorted(chained.union(states.places(unsure)))
    again = [place for place in first if states.is_final(states[place])]
    return Plan(array("q", first), array("q", again), array("q", states.places(idle)))


def _chained(
    states: States, unsure: frozenset[int], still_open: frozenset[int], accounts: Callable[[], Iterable[str]]
) -> set[int]:
    """Open rows with a later one of the same account that was sent or may have been; and that later one."""
    places = range(len(states))
    wanted = {account for place, account in zip(places, accounts(), strict=False) if states[place] in still_open}
    before: dict[str, list[int]] = {account: [] for account in wanted}
    chained: set[int] = set()
    for place, account in zip(places, accounts(), strict=False):
        if account not in wanted:
            continue
        number, earlier = states[place], before[account]
        if earlier and (number in unsure or states.is_ok(number)):
            chained.update(earlier, (place,))
        if number in still_open:
            earlier.append(place)
    return chained
