"""The pool of permits: as many as the service allows calls in a second, each used at most once in any second there.

Strategy: what counts is when a call *reaches* the service, and that is not known. We know when its bytes went out
(`written`) and when the answer was here (`answered`). The quickest call of the last minute took `smallest`, so a call
that took `latency` reached the service at most `latency - smallest` later than the quickest would have. A permit
that rests until

    written + 1 s + 1 ms + (latency - smallest)

is therefore never seen twice within a second by the service, and 100 permits are never more than 100 calls in any
second, fixed or sliding, whatever the jitter. Three things temper or sharpen that:

* A slow answer may as well be a slow service, and that needs no rest. So the excess counts up to a `cap`; unless it is
  too long for a busy service, or all answers paused meanwhile: then the path was blocked, and what was held up arrives
  at once. A frequency code proves the cap too small and doubles it.
* Until enough answers are in, and for the first call of a connection (what the kernel took may wait for a handshake),
  `smallest` proves nothing: the permit rests a full window from the answer on.
* A call without an answer is over when its connection is; earlier only while the answers of others keep coming.

Pure arithmetic on seconds of one monotonic clock, which the caller reads.
The limit of the service: https://trtc.io/document/60565 ("up to 100 times per second").
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from itertools import count
from typing import Final

import msgspec

__all__ = ["Permit", "PermitStatistics", "Permits", "check_rate"]

SLACK: Final = 0.001
"""Absorbs what a timer or the least of the measured latencies may be off."""
ENOUGH: Final = 64
"""Answers after which the least latency is taken for the least possible: it is then off by 1/64 of the jitter or so."""
MEMORY: Final = 60.0
"""Seconds for which a latency counts; routes change."""
NEVER_CAPPED: Final = 0.25
"""An excess beyond this many seconds is a lost packet (they are repeated after 200 ms and more) or a blocked path."""
FLOWING: Final = 0.5
"""Seconds after the last answer for which answers are said to keep coming."""
WIDEST: Final = 1.0
"""Seconds beyond which the cap is not widened: it is then longer than any jitter that we could still serve."""
NARROWING: Final = 60.0
"""Seconds without refusal that halve a widened cap: as long as latencies count. Narrowing too soon costs one refused
call a minute, narrowing never would cost up to half of the throughput for one bad minute of the network."""
SLOWER: Final = 0.9
SLOWEST: Final = 0.1
RECOVERY_AFTER: Final = 2.0
"""Seconds after a refusal before the rate grows again. Growing at once would outrun the slowing where refusals come
every second or so, and the rate would never fall to a limit that is really lower (another process of the same app)."""
RECOVERY: Final = 0.05
"""Share of the limit by which the rate then grows each second."""


class Permit:
    """One call as the limiter sees it: made when the call may begin, marked by those who make the call.

    Attributes:
        taken: when the limiter allowed the call; seconds of the limiter's clock, as all times here.
        written: when the bytes of the request went out on an open connection; None while they did not.
        answered: when the answer was complete; None while there is none.
        fresh: the call is the first on its connection.
        ended: when the call was reported as over; set by `Permits`.
        stalled: no call at all was answered for a while of its life; set by `Permits`.
        settled: the permit is back, or the time of its return is set; set by `Permits`.
    """

    __slots__ = ("answered", "ended", "fresh", "settled", "stalled", "taken", "written")

    def __init__(self, taken: float) -> None:
        self.taken = taken
        self.written: float | None = None
        self.answered: float | None = None
        self.fresh = False
        self.ended: float | None = None
        self.stalled = False
        self.settled = False


class PermitStatistics(msgspec.Struct, frozen=True):
    """A pool at one moment.

    Attributes:
        rate: calls per second that the service allows.
        share: the part of `rate` that is used: less than 1 for some seconds after a refusal.
        available: permits that may be taken now.
        resting: permits that are in use or must not be used again yet.
        cap: seconds up to which a late answer delays its permit.
        smallest: least latency of the last minute in seconds; None without an answer.
        refusals: calls that the service refused for their frequency.
    """

    rate: float
    share: float
    available: int
    resting: int
    cap: float
    smallest: float | None
    refusals: int


class Permits:
    """The permits of one command of one app.

    Args:
        rate: calls per second that the service allows; below one, one call in `1 / rate` seconds.
        cap: seconds up to which a late answer delays its permit; `math.inf` for the full proof at the price of
            throughput where service times have a heavy tail.

    Raises:
        ValueError: `rate` is not a positive number, or `cap` is negative.
    """

    def __init__(self, rate: float, *, cap: float = 0.05) -> None:
        check_rate(rate)
        if not cap >= 0:
            raise ValueError(f"cap must not be negative, and is {cap!r}")
        self._rate = rate
        self._least_cap = cap
        self._wide_cap = cap
        self._low_share = 1.0
        self._slowed_at = -math.inf
        self._refusals = 0
        self._out = 0
        # The calls without an end, oldest first; those of them whose permits could not be back yet, oldest first (with
        # some that have ended); and when permits come back, soonest first: a sorted list of 100 is as quick as a heap,
        # and tells when the fifth comes back. A permit in neither of the last two waits for the end of its call.
        self._calls: dict[Permit, None] = {}
        self._young: deque[Permit] = deque()
        self._due: list[tuple[float, int, Permit]] = []
        self._order = count()
        # The latencies that can still become the least one: each is greater than the one before.
        self._latencies: deque[tuple[float, float]] = deque()
        self._proofs = 0
        self._answered_at = -math.inf
        self._silent_until = -math.inf

    @property
    def rate(self) -> float:
        """Calls per second that the service allows."""
        return self._rate

    def set_rate(self, rate: float, now: float) -> None:
        """Makes `rate` calls per second the limit, higher or lower; what is in use still counts.

        Raises:
            ValueError: `rate` is not a positive number.
        """
        check_rate(rate)
        self._rate = rate
        due, self._due = self._due, []
        for _, _, permit in due:  # the window may be another one now
            self._rest(permit, self.reusable_at(permit, now))

    def slow(self, now: float) -> None:
        """Takes a tenth off the rate, as a refusal does: the limit is said to be near."""
        self._low_share = max(SLOWEST, SLOWER * self.share(now))
        self._slowed_at = now

    def share(self, now: float) -> float:
        """The part of the rate in use, 0.1 to 1: each refusal takes a tenth off, and it grows again afterwards."""
        if self._low_share == 1.0:
            return 1.0
        quiet = now - self._slowed_at - RECOVERY_AFTER
        return min(1.0, self._low_share + RECOVERY * quiet) if quiet > 0 else self._low_share

    def cap(self, now: float) -> float:
        """Seconds up to which a late answer delays its permit: doubled by a refusal, halved by a minute without."""
        if self._wide_cap <= self._least_cap:
            return self._least_cap
        return max(self._least_cap, self._wide_cap * math.exp2((self._slowed_at - now) / NARROWING))

    def usable(self, now: float) -> int:
        """Permits there are, free or not: the calls of a second."""
        return max(1, int(self._rate * self.share(now)))

    def available(self, now: float) -> int:
        """Permits that may be taken at `now`."""
        self._collect(now)
        return max(0, self.usable(now) - self._out)

    def take(self, now: float) -> Permit:
        """A permit for one call; to be called only while one is `available`, and to be ended with `end`."""
        permit = Permit(now)
        self._out += 1
        self._calls[permit] = None
        self._young.append(permit)
        return permit

    def next_at(self, now: float, leave: int = 0) -> float:
        """The time before which no more than `leave` permits can be available; `math.inf` if only an `end` can help."""
        self._collect(now)
        lacking = self._out - self.usable(now) + leave + 1
        if lacking <= 0:
            return now
        when = self._due[lacking - 1][0] if lacking <= len(self._due) else math.inf
        if self._young:
            when = min(when, self._young[0].taken + self._window(now) + self.cap(now))
        share = self.share(now)
        if share < 1:
            grown = (self.usable(now) + 1) / self._rate
            start = max(now, self._slowed_at + RECOVERY_AFTER)
            when = min(when, start + max(SLACK, (grown - share) / RECOVERY))
        return when

    def end(self, permit: Permit, now: float, *, refused: bool) -> None:
        """The call of `permit` is over; one that was never written gives its permit back at once.

        Args:
            permit: as `take` gave it, with the times that are known.
            now: the time.
            refused: the service answered with a frequency code.
        """
        if permit.written is None and permit.answered is not None:
            permit.written = permit.taken
        permit.ended = now
        del self._calls[permit]
        if permit.answered is not None:
            self._learn(permit, permit.answered, refused=refused)
        if refused:
            self._slow(permit, now)
        if permit.settled:
            return
        if permit.written is None:
            self._out -= 1
            permit.settled = True
        else:
            self._rest(permit, self.reusable_at(permit, now))

    def reusable_at(self, permit: Permit, now: float) -> float:
        """When the permit may be used again, as far as is known now; `math.inf` as long as that depends on its end."""
        window = self._window(now)
        smallest = self._smallest(now)
        proven = smallest is not None and self._proofs >= ENOUGH and not permit.fresh
        if permit.answered is None or permit.written is None:
            over = math.inf if permit.ended is None else permit.ended + window
            if permit.written is None or not proven or not self._flows(permit.written, now):
                return over
            return min(over, permit.written + window + self.cap(now))
        if smallest is None or not proven:
            return permit.answered + window
        excess = max(0.0, permit.answered - permit.written - smallest)
        if excess <= NEVER_CAPPED and not permit.stalled:
            excess = min(excess, self.cap(now))
        return permit.written + window + excess

    def statistics(self, now: float) -> PermitStatistics:
        """The pool at `now`."""
        return PermitStatistics(
            rate=self._rate,
            share=self.share(now),
            available=self.available(now),
            resting=self._out,
            cap=self.cap(now),
            smallest=self._smallest(now),
            refusals=self._refusals,
        )

    def _window(self, now: float) -> float:
        """Seconds in which a permit is good for one call."""
        per_second = self._rate * self.share(now)
        return (1.0 if per_second >= 1 else 1 / per_second) + SLACK

    def _collect(self, now: float) -> None:
        """Takes back what has rested enough. A time in `_due` is a first guess: it is looked at again when it comes."""
        young = self._young
        while young and (young[0].settled or young[0].taken + self._window(now) + self.cap(now) <= now):
            permit = young.popleft()
            if not permit.settled:
                self._rest(permit, self.reusable_at(permit, now))
        due = self._due
        while due and due[0][0] <= now:
            permit = due.pop(0)[2]
            when = self.reusable_at(permit, now)
            if when <= now:
                self._out -= 1
            else:
                self._rest(permit, when)

    def _rest(self, permit: Permit, when: float) -> None:
        """Sets the time of the permit's return, if it is known."""
        permit.settled = when < math.inf
        if permit.settled:
            insort(self._due, (when, next(self._order), permit))

    def _flows(self, written: float, now: float) -> bool:
        """Whether the calls of others have been answered ever since `written`, which is when a call went out."""
        return self._silent_until <= written and now - self._expected_since(written, now) <= FLOWING

    def _expected_since(self, written: float, now: float) -> float:
        """Since when an answer could have come: from the last one on, but none is quicker than the least latency."""
        oldest = min(written, next(iter(self._calls)).taken) if self._calls else written
        return max(self._answered_at, oldest + (self._smallest(now) or 0.0))

    def _smallest(self, now: float) -> float | None:
        latencies = self._latencies
        while latencies and latencies[0][0] < now - MEMORY:
            latencies.popleft()
        if latencies:
            return latencies[0][1]
        self._proofs = 0
        return None

    def _learn(self, permit: Permit, answered: float, *, refused: bool) -> None:
        """Takes note of an answer: its latency, and whether it ended a silence."""
        written = permit.taken if permit.written is None else permit.written
        if answered - self._expected_since(written, answered) > max(1.5 * self._least_cap, 3 / self._rate):
            self._silent_until = answered
        self._answered_at = max(self._answered_at, answered)
        permit.stalled = written < self._silent_until
        if refused:
            return  # a refusal is quicker than any service
        latency = answered - written
        while self._latencies and self._latencies[-1][1] >= latency:
            self._latencies.pop()
        self._latencies.append((answered, latency))
        if not permit.fresh and not permit.stalled:
            self._proofs += 1

    def _slow(self, permit: Permit, now: float) -> None:
        """A refused call: less in a second, and more rest for what was late."""
        self._refusals += 1
        if permit.taken <= self._slowed_at:
            return  # sent before the last refusal was known: it says nothing new
        self._wide_cap = min(WIDEST, 2 * self.cap(now))
        self.slow(now)


def check_rate(rate: float) -> None:
    """Raises a `ValueError` if `rate` is not a positive number of calls per second."""
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be a positive number of calls per second, not {rate!r}")
