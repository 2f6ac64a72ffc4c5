"""What the calls of a run did, second by second: a few bytes each, for whoever asks later how it went. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import msgspec

__all__ = ["Second", "latency_of", "number_of", "percentile"]

_STEP = math.log(1.1)  # a latency is kept to a tenth of itself
_LEAST = 0.001  # seconds; the quickest answer that is told apart from none
_HUNDREDTHS = 100

# What else stands in a journal was edited by hand.
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Latency = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Second(msgspec.Struct, array_like=True):
    """One second of wall time in which a run had something to do."""

    calls: _Count = 0
    """Calls that were sealed in it, whatever became of them."""
    items: _Count = 0
    """Items in these."""
    repeats: _Count = 0
    """How many of these calls carried items for another time."""
    failed: _Count = 0
    """How many of these calls had no trustworthy answer."""
    limit: _Count = 0
    """Calls a second that might leave, in hundredths: less than usual where the service asked for it. 0: not known."""
    paused: _Count = 0
    """Hundredths of the second in which nothing was to be sent."""
    latencies: dict[_Latency, _Count] = {}
    """Answers, by how long they took: see `latency_of`."""

    def add(self, other: Second) -> None:
        """Add what another start of the run did in the same second."""
        self.calls += other.calls
        self.items += other.items
        self.repeats += other.repeats
        self.failed += other.failed
        self.limit = other.limit or self.limit
        self.paused = min(self.paused + other.paused, _HUNDREDTHS)
        self.latencies = Counter(self.latencies) + Counter(other.latencies)


def latency_of(number: int) -> float:
    """The seconds that a number in `Second.latencies` stands for, to within a tenth.

    Args:
        number: from `number_of`.
    """
    return _LEAST * math.exp(number * _STEP)


def number_of(seconds: float) -> int:
    """How a latency is kept.

    Args:
        seconds: how long an answer took.
    """
    return max(round(math.log(max(seconds, _LEAST) / _LEAST) / _STEP), 0)


def percentile(latencies: Iterable[tuple[int, int]], share: float) -> float | None:
    """How long the given share of all answers took at most, seconds; None if there was none.

    Args:
        latencies: pairs of `Second.latencies`, in any order, also of several seconds.
        share: from 0 to 1; 0.99 for the 99th percentile.
    """
    counts: Counter[int] = Counter()
    for number, count in latencies:
        counts[number] += count
    wanted = share * counts.total()
    for number in sorted(counts):
        wanted -= counts[number]
        if wanted <= 0:
            return latency_of(number)
    return None
