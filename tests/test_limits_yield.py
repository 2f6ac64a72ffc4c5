"""The limiter of a loop as a whole, on virtual time: it gets the whole limit, and is never over it."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from arrivals import most_in_a_second
from virtual_service import BEAT, TAGS, Service, jitter, now
from virtual_time import run

from tim_async.limits.local import Command, LocalLimiter

pytestmark = pytest.mark.uncounted


@pytest.mark.parametrize(("rate", "seconds"), [(200, 20), (100, 30), (50, 30), (5, 60), (1, 200), (0.5, 400)])
def test_a_command_in_full_use_gets_its_whole_rate(rate: float, seconds: float) -> None:
    async def main() -> Service:
        service = Service(LocalLimiter(), Command(1, "p", rate))
        await service.call_for(seconds)
        return service

    service = run(main)
    assert service.rate(since=seconds / 2) >= 0.995 * rate
    if rate >= 1:
        assert most_in_a_second(service.arrivals) <= rate
    else:
        assert min(later - earlier for earlier, later in pairwise(service.arrivals)) >= 1 / rate


def at_once(_: float) -> float:
    return 0.0


def stalls(now: float) -> float:
    """For 0.3 s of every 7 s nothing gets through."""
    return max(0.0, 0.3 - now % 7)


@pytest.mark.parametrize(("forward", "share"), [(at_once, 0.995), (jitter(20), 0.975), (stalls, 0.9)])
@pytest.mark.parametrize("full", [False, True])
def test_the_limit_holds_from_the_start_and_after_idle_times(
    forward: Callable[[float], float], share: float, full: bool
) -> None:
    async def main() -> Service:
        service = Service(LocalLimiter(), forward=forward)
        for pause in (0.4, 1.0, 3.0, 70.0):
            await service.call_for(12, full=full)
            await asyncio.sleep(pause)
        return service

    service = run(main)
    assert most_in_a_second(service.arrivals) == 100
    first = [when for when in service.arrivals if 2 <= when < 12]
    assert len(first) >= share * 1000


def test_a_hundred_urgent_full_calls_at_once_on_cold_connections_keep_the_limit() -> None:
    async def main() -> Service:
        service = Service(LocalLimiter(), connect=0.3)
        waits = await asyncio.gather(*(service.call(urgent=True, full=True) for _ in range(100)))
        assert max(waits) < BEAT
        await asyncio.gather(*(service.call(urgent=True, full=True) for _ in range(200)))
        await asyncio.sleep(1)
        return service

    service = run(main)
    assert len(service.arrivals) == 300
    assert most_in_a_second(service.arrivals) == 100


def test_bytes_that_wait_for_a_handshake_after_they_were_written_keep_the_limit() -> None:
    """Written at once, as the kernel took them; they reach the service 0.3 s later."""

    async def main() -> list[float]:
        limiter = LocalLimiter()
        arrivals: list[float] = []

        async def call() -> None:
            permit = await limiter.acquire(TAGS, urgent=True, full=True)
            permit.written = now()
            permit.fresh = len(arrivals) < 100
            await asyncio.sleep(0.3 if permit.fresh else 0.0)
            arrivals.append(now())
            await asyncio.sleep(0.02)
            permit.answered = now()
            limiter.report(permit)

        await asyncio.gather(*(call() for _ in range(300)))
        return arrivals

    arrivals = run(main)
    assert len(arrivals) == 300
    assert most_in_a_second(arrivals) == 100
