"""A gateway before the service, which lets so many calls through and refuses the others by HTTP status. Pure."""

import math
from collections import deque


class Gateway:
    """Counts the calls of all commands together, in sliding seconds; what it refuses never reaches the service.

    Args:
        rate: Calls per second that it lets through; below one, one call in ``1 / rate`` seconds.
        status: The HTTP status of a refusal: 429 or 503.
        retry_after: What stands in the header ``Retry-After`` of a refusal; None for no such header.

    Raises:
        ValueError: A rate that is not positive.
    """

    def __init__(self, rate: float, *, status: int = 429, retry_after: str | None = None) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"rate is calls per second, not {rate!r}")
        self.status = status
        self.retry_after = retry_after
        self.refused = 0
        self._most = max(1, math.floor(rate))
        self._seconds = self._most / rate
        self._through: deque[float] = deque()

    def lets_through(self, now: float) -> bool:
        """Count a call, and say whether it may pass.

        Args:
            now: Seconds on the monotonic clock.
        """
        while self._through and now - self._through[0] >= self._seconds:
            self._through.popleft()
        if len(self._through) < self._most:
            self._through.append(now)
            return True
        self.refused += 1
        return False
