"""A service on virtual time, at the far end of a limiter."""

import asyncio
import random
from collections.abc import Callable

from tim_async.limits.local import Command, Limiter
from tim_async.limits.permits import Permit

__all__ = ["BEAT", "TAGS", "Service", "jitter", "now"]

TAGS = Command(1400000000, "timpush/get_tag", 100)
BEAT = 1e-4
"""Seconds that a few turns of a virtual loop may take."""


def now() -> float:
    return asyncio.get_running_loop().time()


def jitter(milliseconds: int) -> Callable[[float], float]:
    """Up to so many milliseconds on the way, evenly spread."""
    rng = random.Random(7)
    return lambda _: rng.uniform(0, milliseconds / 1000)


class Service:
    """The far end of one command: notes when each call reaches it, and answers."""

    def __init__(
        self,
        limiter: Limiter,
        command: Command = TAGS,
        *,
        forward: Callable[[float], float] = lambda _: 0.0,
        service: float = 0.02,
        connect: float = 0.0,
    ) -> None:
        self.arrivals: list[float] = []
        self.limiter = limiter
        self.command = command
        self._forward = forward
        self._service = service
        self._connect = connect

    async def call(self, *, urgent: bool = False, full: bool = False) -> float:
        """Makes one call and does not wait for its answer; gives the seconds that it waited for its permit."""
        began = now()
        permit = await self.limiter.acquire(self.command, urgent=urgent, full=full)
        asyncio.get_running_loop().call_later(self._connect, self._write, permit)
        return now() - began

    async def call_for(self, seconds: float, *, urgent: bool = False, full: bool = False) -> int:
        """One call after the other until `seconds` have passed; gives their number."""
        calls = 0
        end = now() + seconds
        while now() < end:
            await self.call(urgent=urgent, full=full)
            calls += 1
        return calls

    def _write(self, permit: Permit) -> None:
        permit.written = now()
        permit.fresh = self._connect > 0
        arrival = now() + self._forward(now())
        self.arrivals.append(arrival)
        asyncio.get_running_loop().call_at(arrival + self._service, self._answer, permit)

    def _answer(self, permit: Permit) -> None:
        permit.answered = now()
        self.limiter.report(permit)

    def rate(self, since: float) -> float:
        """Calls per second after `since`."""
        times = [when for when in sorted(self.arrivals) if when >= since]
        return (len(times) - 1) / (times[-1] - times[0])
