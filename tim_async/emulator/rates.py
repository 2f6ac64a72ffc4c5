"""Who called when, and who called too often: the judge of the rate limit. Pure; it's told the time."""

import math
from array import array
from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

Window = Literal["sliding", "fixed", "both"]


class Arrival(NamedTuple):
    """One call as the judge saw it."""

    #: When it came, seconds on the monotonic clock.
    time: float
    #: Whether it was over the limit.
    refused: bool


class PathStatistics(msgspec.Struct, frozen=True):
    """What came to one command."""

    #: Calls that arrived, the refused ones among them.
    calls: int
    #: Calls over the limit, answered 60007.
    refused: int
    #: Most calls, accepted or refused, in any second.
    worst_sliding_second: int
    #: Most calls, accepted or refused, between two whole seconds of the clock.
    worst_fixed_second: int
    #: Accounts named by the calls that were let through, each as often as it was named.
    accounts: int
    #: When the first and the last call arrived, seconds on the monotonic clock.
    first: float
    last: float


class Meter:
    """The calls of one command, counted and judged.

    Args:
        rate: Calls per second that are allowed; ``math.inf`` allows all. Below one it's one call per ``1 / rate``
            seconds.
        window: Which accounting refuses. A fixed window begins at each whole second of the clock, a sliding one ends
            with each call. The service documents neither; what passes the sliding one passes the other too.

    Raises:
        ValueError: The rate is not positive.
    """

    def __init__(self, rate: float, window: Window) -> None:
        if not rate > 0:
            raise ValueError(f"a rate is positive, not {rate!r}; math.inf switches a limit off")
        self.accounts = 0
        self._allowed = math.inf if math.isinf(rate) else max(1, math.floor(rate))
        self._span = 1.0 if math.isinf(rate) else self._allowed / rate
        self._window = window
        self._times = array("d")
        self._refused = bytearray()
        # Only the newest calls that were accepted can fill a sliding window, so no more are kept.
        self._accepted: deque[float] = deque(maxlen=None if math.isinf(rate) else math.floor(self._allowed))
        self._fixed = (0, 0)
        self._second = (0, 0)
        self._oldest = 0
        self._worst_fixed = self._worst_sliding = 0

    def arrive(self, at: float) -> bool:
        """Judge a call.

        Args:
            at: When it arrived, seconds; never less than the one before.

        Returns:
            Whether it's within the limit. A call that isn't uses up nothing.
        """
        accepted = not self._full(at)
        if accepted:
            self._count(at)
        self._times.append(at)
        self._refused.append(not accepted)
        self._watch(at)
        return accepted

    def _full(self, at: float) -> bool:
        recent = self._accepted
        if self._window != "fixed" and len(recent) == self._allowed and recent[0] > at - self._span:
            return True
        number, calls = self._fixed
        return self._window != "sliding" and number == math.floor(at / self._span) and calls >= self._allowed

    def _count(self, at: float) -> None:
        if not math.isinf(self._allowed):
            self._accepted.append(at)
        number, calls = self._fixed
        current = math.floor(at / self._span)
        self._fixed = (current, calls + 1 if current == number else 1)

    def _watch(self, at: float) -> None:
        """Keep the worst seconds up to date; each call is looked at twice at most."""
        number, calls = self._second
        current = math.floor(at)
        self._second = (current, calls + 1 if current == number else 1)
        self._worst_fixed = max(self._worst_fixed, self._second[1])
        while self._times[self._oldest] <= at - 1:
            self._oldest += 1
        self._worst_sliding = max(self._worst_sliding, len(self._times) - self._oldest)

    def arrivals(self) -> list[Arrival]:
        """All calls in the order of their arrival."""
        return [Arrival(at, bool(refused)) for at, refused in zip(self._times, self._refused, strict=True)]

    def statistics(self) -> PathStatistics:
        """The sums."""
        return PathStatistics(
            calls=len(self._times),
            refused=sum(self._refused),
            worst_sliding_second=self._worst_sliding,
            worst_fixed_second=self._worst_fixed,
            accounts=self.accounts,
            first=self._times[0],
            last=self._times[-1],
        )


class Traffic:
    """The meters of all commands.

    Args:
        rate: Calls per second that each command allows; None leaves each its documented rate.
        rates: Other rates for single commands, by path.
        window: Which accounting refuses.

    Raises:
        ValueError: A rate is not positive.
    """

    def __init__(self, rate: float | None, rates: Mapping[str, float], window: Window) -> None:
        self._rate = rate
        self._rates = dict(rates)
        self._window: Window = window
        self._meters: dict[str, Meter] = {}
        for told in (1.0 if rate is None else rate, *self._rates.values()):
            Meter(told, window)

    def meter(self, path: str, documented: float) -> Meter:
        """The meter of a command.

        Args:
            path: ``service/command``.
            documented: The rate of its page, calls per second.
        """
        meter = self._meters.get(path)
        if meter is None:
            rate = self._rates.get(path, documented if self._rate is None else self._rate)
            meter = self._meters[path] = Meter(rate, self._window)
        return meter

    def arrivals(self, path: str) -> list[Arrival]:
        """All calls of one command in the order of their arrival."""
        meter = self._meters.get(path)
        return [] if meter is None else meter.arrivals()

    def statistics(self) -> dict[str, PathStatistics]:
        """The sums of each command that was called, by its path."""
        return {path: meter.statistics() for path, meter in self._meters.items()}

    def clear(self) -> None:
        """Forget all calls."""
        self._meters.clear()
