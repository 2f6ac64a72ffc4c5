"""The seconds of a journal, added up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tim_async.bulk.journal.seconds import Second, latency_of, percentile

from .facts import Bin, Calls, Latency, Moment

__all__ = ["calls_of", "latency_from", "moment_of"]

_HUNDREDTHS = 100


def moment_of(at: int, second: Second) -> Moment:
    """A second of the journal, in whole units."""
    return Moment(
        at=at,
        calls=second.calls,
        items=second.items,
        repeats=second.repeats,
        failed=second.failed,
        limit=second.limit / _HUNDREDTHS or None,
        paused=second.paused / _HUNDREDTHS,
    )


def calls_of(moments: Sequence[Moment]) -> Calls | None:
    """All seconds together; None if there is none."""
    if not moments:
        return None
    calls = sum(moment.calls for moment in moments)
    return Calls(
        calls=calls,
        items=sum(moment.items for moment in moments),
        repeats=sum(moment.repeats for moment in moments),
        failed=sum(moment.failed for moment in moments),
        paused=round(sum(moment.paused for moment in moments), 2),
        seconds=len(moments),
        rate=calls / len(moments),
        most=max(moment.calls for moment in moments),
        limit=max((moment.limit for moment in moments if moment.limit), default=None),
    )


def latency_from(latencies: Iterable[tuple[int, int]]) -> Latency | None:
    """How long answers took; None if there was none.

    Args:
        latencies: pairs of `Second.latencies`.
    """
    counts: Counter[int] = Counter()
    for number, count in latencies:
        counts[number] += count
    told = {share: percentile(counts.items(), share) for share in (0.5, 0.9, 0.99, 1.0)}
    p50, p90, p99, most = told.values()
    if p50 is None or p90 is None or p99 is None or most is None:
        return None
    bins = [Bin(seconds=latency_of(number), answers=counts[number]) for number in sorted(counts)]
    return Latency(answers=counts.total(), p50=p50, p90=p90, p99=p99, most=most, bins=bins)
