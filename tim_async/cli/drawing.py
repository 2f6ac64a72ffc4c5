"""The calls of a job over time, as numbers and paths for an SVG. Pure.

Strategy for the time axis: a job that was resumed two days later is two stretches side by side with a narrow break
between them, for what a reader wants to see is the work, not the wait. A stretch longer than there are columns is drawn
by columns of several seconds: the area is their average, the pale peak behind it their busiest second, and whatever
happened in one of them (a repeat, a pause, a lower limit) marks the whole column, so that nothing is lost.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tim_async.bulk.findings.facts import Calls, Findings, Moment
from tim_async.bulk.findings.sentences import was_wanted

from .durations import clock, duration, moment

__all__ = ["TICK_WIDTH", "Bar", "Chart", "Column", "Tick", "chart_of", "steps_below"]

_COLUMNS_MOST = 600
_BREAK = 30.0  # of the width, between two stretches
_BREAKS_MOST = 0.3  # of the width, for all breaks together
_GAP_LEAST = 5  # seconds without work that are drawn as they are, however short the job
_GAP_SHARE = 0.15  # or this share of the seconds with work
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
TICK_WIDTH = 64.0  # that the label of a tick needs
_FLAG = 16.0  # and that of a start


class Column(NamedTuple):
    """Some seconds side by side."""

    x: float
    width: float
    at: int
    """The first of them."""
    seconds: int
    mean: float
    """Calls a second."""
    peak: int
    """Calls in the busiest second."""
    limit: float | None
    """The lowest that held."""
    paused: float
    """Seconds."""
    repeats: int
    failed: int


class Tick(NamedTuple):
    """A label at an axis."""

    at: float
    text: str


class Flag(NamedTuple):
    """A start, or how it ended."""

    x: float
    text: str
    """Empty where there is no room for it."""
    words: str
    is_end: bool
    is_bad: bool


class Gap(NamedTuple):
    """Between two stretches."""

    x: float
    width: float
    words: str


class Bar(NamedTuple):
    """A rectangle with a word that appears when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    words: str


class Chart(NamedTuple):
    """Calls over time; x from 0 to `width`, y from 0 (the top) to `height`."""

    width: float
    height: float
    mean: str
    """A path, filled."""
    peak: str
    """Another, behind it."""
    limit: str
    """A line."""
    columns: list[Column]
    repeats: list[Bar]
    failed: list[Bar]
    pauses: list[Bar]
    flags: list[Flag]
    gaps: list[Gap]
    times: list[Tick]
    scale: list[Tick]
    words: str
    """All of it in a sentence."""


class _Stretch(NamedTuple):
    first: int
    last: int
    """Inclusive."""
    x: float
    width: float

    @property
    def seconds(self) -> int:
        return self.last - self.first + 1

    def place(self, at: float) -> float:
        return self.x + min(max(at - self.first, 0.0), self.seconds) / self.seconds * self.width


def chart_of(found: Findings, *, width: float, height: float) -> Chart | None:
    """The calls of a job over time; None if its journal tells nothing of calls.

    Args:
        found: of the job.
        width: of the chart.
        height: of it.
    """
    if found.calls is None:
        return None
    stretches = _stretches(found, width)
    columns = [column for stretch in stretches for column in _columns(stretch, found.seconds, width)]
    top = max(found.calls.most, found.calls.limit or 0, 1) * 1.06

    def y(value: float) -> float:
        return round(height - value / top * height, 1)

    return Chart(
        width=width,
        height=height,
        mean="".join(_area([(c.x, c.width, y(c.mean)) for c in columns], height)),
        peak="".join(_area([(c.x, c.width, y(c.peak)) for c in columns], height)),
        limit=_line([(c.x, c.width, None if c.limit is None else y(c.limit)) for c in columns]),
        columns=columns,
        repeats=[_bar(c, c.repeats, f"{c.repeats:,} repeated") for c in columns if c.repeats],
        failed=[_bar(c, c.failed, f"{c.failed:,} without an answer") for c in columns if c.failed],
        pauses=[_bar(c, c.paused, f"paused for {duration(c.paused)}") for c in columns if c.paused],
        flags=list(_flags(found, stretches)),
        gaps=list(_gaps(stretches)),
        times=list(_times(stretches, width)),
        scale=[Tick(y(value), f"{value:,}") for value in steps_below(top)],
        words=_words(found.calls, found),
    )


def _words(calls: Calls, found: Findings) -> str:
    limit = "" if calls.limit is None else f", of {calls.limit:,.4g} allowed"
    return (
        f"{calls.calls:,} calls from {moment(found.seconds[0].at)} to {moment(found.seconds[-1].at)}: "
        f"{calls.rate:,.1f} a second on average, {calls.most:,} in the busiest one{limit}; {calls.repeats:,} repeated, "
        f"{calls.failed:,} without an answer, paused for {duration(calls.paused)}"
    )


def _stretches(found: Findings, width: float) -> list[_Stretch]:
    """The stretches of work; a start that made no call has its place too."""
    times = {each.at for each in found.seconds}
    allowed = max(_GAP_LEAST, len(times) * _GAP_SHARE)
    for run in found.runs:
        times.update(int(at) for at in (run.began, run.ended, run.last_word) if at is not None)
    ends: list[list[int]] = []
    for at in sorted(times):
        if ends and at - ends[-1][1] <= allowed:
            ends[-1][1] = at
        else:
            ends.append([at, at])
    gap = min(_BREAK, width * _BREAKS_MOST / len(ends))
    each = (width - gap * (len(ends) - 1)) / sum(last - first + 1 for first, last in ends)
    stretches: list[_Stretch] = []
    x = 0.0
    for first, last in ends:
        stretches.append(_Stretch(first, last, x, each * (last - first + 1)))
        x += stretches[-1].width + gap
    return stretches


def _columns(stretch: _Stretch, seconds: Sequence[Moment], width: float) -> Iterator[Column]:
    most = max(round(min(_COLUMNS_MOST, width) * stretch.width / width), 1)
    size = math.ceil(stretch.seconds / most)
    low = bisect_right(seconds, stretch.first - 1, key=lambda each: each.at)
    limit: float | None = None
    for at in range(stretch.first, stretch.last + 1, size):
        end = min(at + size, stretch.last + 1)
        high = bisect_right(seconds, end - 1, lo=low, key=lambda each: each.at)
        told, low = seconds[low:high], high
        limit = min((each.limit for each in told if each.limit), default=limit)
        x = stretch.place(at)
        yield Column(
            x=round(x, 2),
            width=round(stretch.place(end) - x, 2),
            at=at,
            seconds=end - at,
            mean=sum(each.calls for each in told) / (end - at),
            peak=max((each.calls for each in told), default=0),
            limit=limit,
            paused=sum(each.paused for each in told),
            repeats=sum(each.repeats for each in told),
            failed=sum(each.failed for each in told),
        )


def _area(columns: Iterable[tuple[float, float, float]], base: float) -> Iterator[str]:
    """Steps with the base below, a figure for each stretch."""
    end: float | None = None
    before = base
    for x, width, y in columns:
        if end is None or abs(x - end) > 0.05:
            yield f"{'' if end is None else f'L{end:g} {base:g}Z'}M{x:g} {base:g}"
            before = base
        if y != before:
            yield f"L{x:g} {before:g}L{x:g} {y:g}"
            before = y
        end = round(x + width, 2)
        yield f"L{end:g} {y:g}"
    yield f"L{end:g} {base:g}Z"


def _line(columns: Iterable[tuple[float, float, float | None]]) -> str:
    parts: list[str] = []
    end, is_down = -1.0, False
    for x, width, y in columns:
        if y is not None:
            is_down = is_down and abs(x - end) <= 0.05
            parts.append(f"{'L' if is_down else 'M'}{x:g} {y:g}L{x + width:g} {y:g}")
        end, is_down = x + width, y is not None
    return "".join(parts)


def _bar(column: Column, amount: float, words: str) -> Bar:
    """A mark below the chart, the darker the more; never so narrow that it is not seen."""
    share = min(amount / column.seconds, 1.0) if column.seconds else 1.0
    return Bar(column.x, 0.5 + 0.5 * share, max(column.width, 2.0), 1.0, f"{moment(column.at)}: {words}")


def _flags(found: Findings, stretches: Sequence[_Stretch]) -> Iterator[Flag]:
    told = -_FLAG
    for run in found.runs:
        x = _place(run.began, stretches)
        has_room = x - told >= _FLAG
        told = x if has_room else told
        began = f"start {run.number}, {moment(run.began)}"
        yield Flag(x, str(run.number) if has_room else "", began, is_end=False, is_bad=False)
        end = run.last_word if run.ended is None else run.ended
        if end is not None and run.how != "at work":
            ended = f"start {run.number} ended {moment(end)}: {run.how}"
            yield Flag(_place(end, stretches), "", ended, is_end=True, is_bad=not was_wanted(run.how))


def _place(at: float, stretches: Sequence[_Stretch]) -> float:
    number = bisect_right(stretches, at, key=lambda each: each.first)
    return round(stretches[max(number - 1, 0)].place(at), 1)


def _gaps(stretches: Sequence[_Stretch]) -> Iterator[Gap]:
    for before, after in pairwise(stretches):
        x = before.x + before.width
        yield Gap(round(x, 1), round(after.x - x, 1), f"{duration(after.first - before.last - 1)} without work")


def _times(stretches: Sequence[_Stretch], width: float) -> Iterator[Tick]:
    free = 0.0
    for stretch in stretches:
        # An axis of 10 px has no room for a step, and then only its beginning is told.
        wanted = stretch.seconds / max(stretch.width / TICK_WIDTH, 1e-9)
        step = next((step for step in _TICKS if step >= wanted), _TICKS[-1] * math.ceil(wanted / _TICKS[-1]))
        shift = time.localtime(stretch.first).tm_gmtoff
        first = -(-(stretch.first + shift) // step) * step - shift
        for at in range(first, stretch.last + 1, step):
            x = stretch.place(at)
            if free <= x <= width - TICK_WIDTH / 4:
                yield Tick(round(x, 1), clock(at, step))
                free = x + TICK_WIDTH * 0.8


def steps_below(top: float) -> list[int]:
    """Whole numbers for an axis, from 0 on, at most six of them.

    Args:
        top: the end of the axis; at least 1.
    """
    step = next(factor * 10**power for power in range(18) for factor in (1, 2, 5) if top / (factor * 10**power) <= 5)
    return list(range(0, int(top) + 1, step))
