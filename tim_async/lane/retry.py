"""When to try again: back-off for one item, a budget for the whole client, a pause after "too many calls".

Pure arithmetic: told the attempt, the random number and the time, it answers with seconds, times and yes or no.
"""

import math
from collections.abc import Callable

from tim_async.printable import sturdy

__all__ = ["LONGEST", "Budget", "Pause", "backoff"]

LONGEST = 5.0
"""Seconds: the ceiling of every back-off, and how long an item waits whose retry the budget refused."""

_FIRST = 0.1  # seconds
_DOUBLINGS = 6  # 0.1 s doubled six times is above the longest; more would only overflow


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """How long an item waits before its next try.

    Full jitter, a wait anywhere between nothing and the ceiling, spreads the callers of a service that comes back best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        attempt: failures so far, from 1.
        random: gives a number in [0, 1), as `random.random` does.

    Returns:
        Seconds, below 0.1 after the first failure, below 0.2 after the second, and so on up to 5.

    Raises:
        ValueError: `attempt` is below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts the failures so far, from 1, not {attempt}")
    return random() * min(LONGEST, math.ldexp(_FIRST, min(attempt - 1, _DOUBLINGS)))


class Budget:
    """How many calls of a client may be spent on trying again: a dead service gets a trickle, not a storm.

    After `reserve` retries without one good answer nothing is left, and what waits is tried every `LONGEST` seconds;
    each good answer gives one retry back, up to the reserve. So it never grants more retries than good answers plus the
    reserve: a service that answers every second call gets all the retries it needs, for ever, and one that is down gets
    100, one second's worth of its limit.

    The precedent is botocore's quota (https://github.com/boto/botocore/blob/develop/botocore/retries/quota.py): 100
    retries too, a fifth of one back for a good first try, a whole one for a good retry. Its retries come on top of the
    ordinary traffic. Ours take their token from the limiter like any call and can't overload the service, so the
    simpler one for one will do.

    Attributes:
        reserve: retries to start with, and at most.
        left: retries that may be spent now.
    """

    __slots__ = ("left", "reserve")

    def __init__(self, reserve: int = 100) -> None:
        """A full budget.

        Raises:
            ValueError: `reserve` is negative.
        """
        if reserve < 0:
            raise ValueError(f"reserve must not be negative, not {reserve}")
        self.reserve = reserve
        self.left = reserve

    def spend(self, calls: int = 1) -> bool:
        """Ask for `calls` retries, all or none.

        Returns:
            Whether they may go, and are counted. If not, what waits stays for `LONGEST` seconds.

        Raises:
            ValueError: `calls` is negative.
        """
        if calls < 0:
            raise ValueError(f"calls must not be negative, not {calls}")
        if calls > self.left:
            return False
        self.left -= calls
        return True

    def earn(self) -> None:
        """A call was answered well, be it a first try or a retry: one more retry, up to the reserve."""
        if self.left < self.reserve:
            self.left += 1

    @sturdy
    def __repr__(self) -> str:
        return f"Budget(left={self.left}, reserve={self.reserve})"


class Pause:
    """How long to be silent after frequency refusals (60007 and its kin; the service names no time of its own).

    A time and not an event, since a gate can be opened too early by any call in flight that ends. 1 s first, because
    the service counts by the second; twice as long whenever calls are refused after a pause with no good answer in
    between; 30 s at most.

    Attributes:
        until: the end of the last pause, in the seconds of the clock that is told (0.0 before the first one).
    """

    __slots__ = ("_length", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self._length = 0.0

    def refused(self, now: float, least: float = 0.0) -> float:
        """A call was refused for its frequency.

        Refusals inside a pause are those of calls sent before it began: they prolong it only if they name a time.

        Args:
            now: seconds on any clock that does not run back.
            least: seconds that whoever refused it asks to wait.

        Returns:
            `until`, the time before which nothing should be sent.
        """
        if now >= self.until:
            self._length = min(30.0, 2.0 * self._length) or 1.0
            self.until = now + self._length
        self.until = max(self.until, now + least)
        return self.until

    def answered(self, now: float) -> None:
        """A call was answered well. After the pause that ends the row of refusals; inside it, it says nothing new.

        Args:
            now: seconds, as for `refused`.
        """
        if now >= self.until:
            self._length = 0.0

    @sturdy
    def __repr__(self) -> str:
        return f"Pause(until={self.until}, length={self._length})"
