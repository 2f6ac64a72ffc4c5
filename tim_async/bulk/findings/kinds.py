"""The rows of a job by how they ended."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from tim_async.bulk.journal.runs import ASSUMED, FINE, MAYBE, NOTHING, Ending, States
from tim_async.bulk.report import alike
from tim_async.bulk.rows import Row
from tim_async.bulk.writing import ASSUMED as WAS_SO
from tim_async.service.codes import is_known
from tim_async.service.endpoints import Endpoint

from .facts import Kind
from .sentences import repeat_of

__all__ = ["MAY_HAVE_BEEN_SENT", "NOT_SENT_YET", "kinds_of", "named"]

MAY_HAVE_BEEN_SENT = "may have been sent, and no outcome is known"
NOT_SENT_YET = "not sent yet"
_COMES = "the run comes to them"
_FIRST = 5  # rows of a kind that are named
_MOST = 50  # kinds; whoever has more has one cause with as many words for it


def kinds_of(states: States, total: int | None, endpoint: Endpoint[Any, Any] | None, *, at_work: bool) -> list[Kind]:
    """All rows by how they ended; the first of them by their places.

    Args:
        states: of the rows.
        total: how many there are; None where nobody knows.
        endpoint: the command; None for one that this version does not know.
        at_work: whether a process works, and comes to what is open by itself.
    """
    counts = states.counts()
    untold = counts.pop(NOTHING, 0) if total is None else total - (len(states) - counts.pop(NOTHING, 0))
    first = states.first_places(frozenset({*counts, NOTHING}) - {FINE, ASSUMED}, _FIRST)
    kinds: dict[tuple[object, ...], Kind] = {}
    for number, count in counts.most_common():
        kind = _kind(_ending(number, states), count, first.get(number, []), endpoint)
        key: tuple[object, ...] = (kind.outcome, kind.code, alike(kind.words), kind.final, kind.assumed, kind.repeat)
        if key not in kinds and len(kinds) >= _MOST:
            key = (kind.outcome, "...", kind.final)
            kind = replace(kind, code=None, words=f"for other reasons, the first: {kind.words or kind.info}", info="")
        kinds[key] = _together(kinds.get(key), kind)
    if untold > 0 and total is not None:
        places = [*first.get(NOTHING, []), *range(len(states), total)[:_FIRST]][:_FIRST]
        kinds["Open",] = _not_sent(untold, places)
    told = [replace(each, advice=_COMES) if at_work and not each.final else each for each in kinds.values()]
    return sorted(told, key=_importance)


def _importance(kind: Kind) -> tuple[object, ...]:
    """What is well, what failed, what is not a failure, what was begun, the rest; the most frequent first."""
    is_open = not kind.final
    return is_open, kind.outcome == "Open", kind.outcome != "Ok", kind.assumed, kind.repeat == "no need", -kind.count


def _ending(number: int, states: States) -> Ending:
    unsure = Ending("Unknown", reason=MAY_HAVE_BEEN_SENT, final=False)
    return unsure if number == MAYBE else states.endings.by_number[number]


def _kind(ending: Ending, count: int, places: list[int], endpoint: Endpoint[Any, Any] | None) -> Kind:
    repeat, advice = repeat_of(ending, endpoint)
    # What the service says may name an account; it is told where nothing else is.
    is_told = ending.code is not None and is_known(ending.code) and bool(ending.reason)
    return Kind(
        outcome=ending.outcome,
        code=ending.code,
        words=WAS_SO if ending.assumed else ending.reason,
        info="" if is_told else ending.info,
        count=count,
        rows=places,
        final=ending.final,
        assumed=ending.assumed,
        repeat=repeat,
        advice=advice,
    )


def _not_sent(count: int, places: list[int]) -> Kind:
    repeat, advice = repeat_of(Ending("NotSent", final=False), None)
    return Kind(outcome="Open", words=NOT_SENT_YET, count=count, rows=places, final=False, repeat=repeat, advice=advice)


def _together(one: Kind | None, other: Kind) -> Kind:
    if one is None:
        return other
    return replace(one, count=one.count + other.count, rows=heapq.nsmallest(_FIRST, [*one.rows, *other.rows]))


def named(kinds: list[Kind], rows: Mapping[int, Row] | None, *, accounts: bool) -> list[Kind]:
    """The kinds with the numbers of rows in the place of their places.

    Args:
        kinds: with places.
        rows: by their places; None where the input is not there, and rows are counted from 1.
        accounts: whether the accounts are told too.
    """
    if rows is None:
        return [replace(kind, rows=[place + 1 for place in kind.rows]) for kind in kinds]
    return [
        replace(
            kind,
            rows=[rows[place].number for place in kind.rows],
            accounts=[rows[place].account for place in kind.rows] if accounts else [],
        )
        for kind in kinds
    ]
