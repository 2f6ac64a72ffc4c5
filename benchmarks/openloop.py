"""Requests at given times, whatever the answers take, as users come: a slow answer delays nobody else's request.

The time of a request counts from when it was due, so a generator that falls behind cannot hide what it caused.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

__all__ = ["ask_on_time", "poisson", "with_bursts"]


def poisson(rate: float, seconds: float, rng: random.Random) -> list[float]:
    """Independent arrivals: `rate` a second on average, for so many seconds; in order."""
    times: list[float] = []
    at = rng.expovariate(rate)
    while at < seconds:
        times.append(at)
        at += rng.expovariate(rate)
    return times


def with_bursts(times: Iterable[float], *, size: int, every: float, seconds: float) -> list[float]:
    """The same with `size` more at once in the middle of every `every` seconds; in order."""
    middles = [every * (place + 0.5) for place in range(int(seconds / every))]
    return sorted([*times, *(at for at in middles for _ in range(size))])


async def ask_on_time(times: Iterable[float], ask: Callable[[int], Awaitable[object]]) -> list[float]:
    """Ask at each of these times, counted from now.

    Args:
        times: Seconds, in order.
        ask: Makes request number so and so, from 0.

    Returns:
        Seconds from when each was due until its answer, in the order of the requests.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    running: set[asyncio.Task[None]] = set()
    took: list[float] = []

    async def one(number: int, due: float) -> None:
        await ask(number)
        took[number] = loop.time() - due

    for number, at in enumerate(times):
        due = began + at
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        took.append(0.0)
        task = asyncio.create_task(one(number, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return took
