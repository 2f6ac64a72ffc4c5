"""How long answers took, as rectangles for an SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tim_async.bulk.findings.facts import Latency

from .drawing import TICK_WIDTH, Bar, Tick
from .durations import duration

__all__ = ["Histogram", "histogram_of"]

_STEP = math.log(1.1)  # between two bins: a latency is kept to a tenth of itself
_BINS_LEAST = 24  # on the axis, or one bin would be as wide as the page
_LABEL = 28.0  # px that the name of a percentile needs


class Histogram(NamedTuple):
    """Answers by how long they took, on a logarithmic axis."""

    width: float
    height: float
    bars: list[Bar]
    times: list[Tick]
    marks: list[Tick]
    words: str


def histogram_of(latency: Latency, *, width: float, height: float) -> Histogram:
    """How long answers took.

    Args:
        latency: of all answers.
        width: of the chart.
        height: of it.
    """
    low = math.log(latency.bins[0].seconds) - 3 * _STEP
    high = max(math.log(latency.bins[-1].seconds) + 3 * _STEP, low + _BINS_LEAST * _STEP)
    most = max(each.answers for each in latency.bins)

    def x(seconds: float) -> float:
        return round((math.log(seconds) - low) / (high - low) * width, 1)

    half = math.exp(_STEP / 2)
    bars: list[Bar] = []
    for each in latency.bins:
        size = max(each.answers / most * height, 1.0)  # a single answer among millions is seen
        left, right = x(each.seconds / half), x(each.seconds * half)
        words = f"about {duration(each.seconds)}: {each.answers:,} answers"
        bars.append(Bar(left, round(height - size, 1), round(max(right - left - 0.5, 0.5), 1), round(size, 1), words))
    ticks = [factor * 10.0**power for power in range(-3, 5) for factor in (1, 2, 5)]
    times = [Tick(x(tick), duration(tick)) for tick in ticks if low < math.log(tick) < high]
    every = math.ceil(len(times) / max(width / TICK_WIDTH, 1))
    shares = (("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99))
    words = (
        f"Of {latency.answers:,} answers half came within {duration(latency.p50)}, 90 % within "
        f"{duration(latency.p90)}, 99 % within {duration(latency.p99)}, all within {duration(latency.most)}"
    )
    return Histogram(
        width, height, bars, times[::every], list(_marks((x(value), name) for name, value in shares)), words
    )


def _marks(marks: Iterable[tuple[float, str]]) -> Iterator[Tick]:
    """Those that stand too close share a label."""
    near: list[tuple[float, str]] = []
    for at, name in marks:
        if near and at - near[0][0] >= _LABEL:
            yield Tick(near[0][0], ", ".join(name for _, name in near))
            near = []
        near.append((at, name))
    yield Tick(near[0][0], ", ".join(name for _, name in near))
