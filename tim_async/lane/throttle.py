"""The pace that a gateway lets through, learnt from what it refuses with 429 or 503. Pure: it is told the time.

The service names its limit, a gateway before it (a proxy, a load balancer, a firewall) does not, and counts in its own
way: by the second, fixed or sliding, by a bucket, by the distance of two calls. What is known is how many calls of the
last second it let through. That is the pace after the first refusal, and it is quadrupled each second until the next
one, which has found the limit. From then on the pace stays just below for some seconds and grows slowly, then ever
faster, so that a limit which was lifted is left within half a minute (the growth is TCP CUBIC's, RFC 9438, for the same
reason).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

__all__ = ["Throttle"]

COUNTED_MOST: Final = 256  # answers that are remembered
SEARCH: Final = 4.0  # times in a second, until the limit is found
BELOW: Final = 0.97  # of what was let through when it was found
HOLD_FIRST: Final = 3.0  # seconds, for what the search found is still below it
HOLD: Final = 10.0  # seconds, doubled when they were too short
HOLD_MOST: Final = 60.0
FORGET: Final = 30.0  # seconds of growth without a refusal: 100 times the pace, so there is no limit any more


class Throttle:
    """How fast a gateway lets the calls of one command through.

    Attributes:
        next_at: when the next call may leave, seconds of the clock that is told.
    """

    __slots__ = ("_held", "_pace", "_passed", "_searching", "_since", "next_at")

    def __init__(self) -> None:
        self.next_at = -math.inf
        self._passed: deque[float] = deque(maxlen=COUNTED_MOST)
        self._pace = math.inf
        self._since = -math.inf
        self._held = 0.0
        self._searching = False

    def pace(self, now: float) -> float:
        """Calls per second that may leave; infinity while nothing was refused."""
        quiet = now - self._since - self._held
        if self._pace == math.inf or quiet <= 0:
            return self._pace
        if quiet > FORGET:
            return math.inf
        if self._searching:
            return self._pace * math.pow(SEARCH, quiet)
        return self._pace * (1 + 0.02 * quiet + 0.004 * math.pow(quiet, 3))

    def sent(self, now: float) -> None:
        """A call leaves."""
        if self._pace == math.inf:
            return
        pace = self.pace(now)
        if pace < math.inf:
            self.next_at = now + 1 / pace
        else:
            self._pace, self.next_at = math.inf, -math.inf

    def passed(self, now: float) -> None:
        """A call was let through."""
        self._passed.append(now)

    def refused(self, now: float, resume: float) -> None:
        """The gateway refused a call, so everybody waits until *resume*; not to be told again of calls sent before."""
        through = self._through(now)
        pace = self.pace(now)
        if through and pace == math.inf:
            self._pace, self._searching, self._held = through, True, 0.0
        elif through:
            self._pace = BELOW * min(through, pace)
            self._held = HOLD_FIRST if self._searching else min(HOLD_MOST, max(HOLD, 2 * self._held))
            self._searching = False
        # Where nothing came through since the last refusal it says nothing about the pace: the pauses grow instead.
        self._since = self.next_at = resume

    def _through(self, now: float) -> float:
        """Calls that were let through in the last second, or at the pace of the last of them."""
        recent = [at for at in self._passed if now - at < 1.0]
        if len(recent) < COUNTED_MOST:
            return float(len(recent))
        return len(recent) / max(now - recent[0], 0.001)
