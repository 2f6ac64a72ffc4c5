"""The pace of calls in one event loop: it smooths, and proves nothing.

Strategy: aiolimiter's token bucket, awaited by one taker at a time, for several would be served out of order after a
stall. A token whose taker is cancelled is kept for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiolimiter import AsyncLimiter

from .permits import Permits

__all__ = ["BURST", "Pace"]

BURST: Final = 3.0
"""Calls that may follow each other at once after a late timer. With 1 lateness is lost for ever: 93 % of the rate."""
BURST_SECONDS: Final = 0.03
"""The same for lower rates, in seconds' worth of calls: below 37/s hardly more than one call at a time."""
LEAST_BURST: Final = 1.1


class Pace:
    """A token bucket of one loop.

    Args:
        part: of the rate at which tokens come.

    Attributes:
        turn: held by the one who waits for a token, and then for a permit.
        spare: a token is there that was not used, because its taker was cancelled; whoever got a permit clears it.
    """

    __slots__ = ("_bucket", "_burst", "_part", "_rate", "_wait", "spare", "turn")

    def __init__(self, part: float = 1.0) -> None:
        self.turn = asyncio.Lock()
        self.spare = False
        self._part = part
        self._rate = 0.0
        self._wait: asyncio.Timeout | None = None

    async def take(self, permits: Permits, clock: Callable[[], float], room: float = 1.0) -> None:
        """Waits for a token, unless one is to spare.

        Args:
            permits: know the rate, and the share of it that is in use.
            clock: of the loop.
            room: what the token counts for at the whole of the rate.
        """
        while not self.spare:
            if permits.rate != self._rate:
                self._rate = permits.rate
                self._burst = min(BURST, max(LEAST_BURST, BURST_SECONDS * self._rate))
                self._bucket = AsyncLimiter(self._burst, self._burst / (self._part * self._rate))
            await self._fill(min(self._burst, room / permits.share(clock())))

    async def _fill(self, tokens: float) -> None:
        """Waits for tokens, or until something has changed."""
        if self._bucket.has_capacity(tokens):
            await self._bucket.acquire(tokens)
            self.spare = True
            return
        try:
            async with asyncio.timeout(None) as self._wait:
                await self._bucket.acquire(tokens)
                self.spare = True
        except TimeoutError:
            return
        finally:
            self._wait = None

    def look_again(self) -> None:
        """Something has changed for the one who waits; for the thread of its loop."""
        wait, self._wait = self._wait, None
        if wait is not None:
            wait.reschedule(0.0)
