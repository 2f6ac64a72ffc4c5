"""What is counted of the calls of a command, and how it stands."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

from tim_async.lane.items import PRIORITIES
from tim_async.lane.judging import Lane
from tim_async.lane.statistics import LaneStatistics
from tim_async.limits.local import Command, Limiter, Observable

__all__ = ["Tally"]


class Tally:
    """The calls of one command."""

    def __init__(self) -> None:
        self.refused = 0
        """By the service, for their frequency."""
        self._seconds_waited = 0.0
        self._sealed_at: deque[float] = deque(maxlen=1_000)

    def sealed(self, now: float, waited: float) -> None:
        """A call has its items, after it waited for its token."""
        self._seconds_waited += waited
        self._sealed_at.append(now)

    def statistics(self, lane: Lane, limiter: Limiter | None, command: Command, now: float) -> LaneStatistics:
        """How the command stands at this moment."""
        recent = takewhile(lambda at: now - at <= 1, reversed(self._sealed_at))
        permits = limiter.statistics(command) if isinstance(limiter, Observable) else None
        return LaneStatistics(
            waiting=dict(zip(PRIORITIES, lane.schedule.ready, strict=True)),
            in_backoff=lane.in_backoff,
            in_flight=lane.in_flight,
            calls=lane.calls,
            calls_per_second=float(sum(1 for _ in recent)),
            seconds_waited=round(self._seconds_waited, 6),
            retries=lane.retries,
            refused=self.refused,
            failures=lane.failures,
            limit=command.rate if permits is None else permits.rate,
            share=1.0 if permits is None else permits.share,
            cap=None if permits is None else permits.cap,
        )
