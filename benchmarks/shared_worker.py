"""One process of shared.py: an endless batch through a client whose limiter is shared, for some seconds.

Usage: python benchmarks/shared_worker.py EMULATOR_URL REDIS_URL PROCESSES SECONDS RATE

Says on standard output, as JSON, how many accounts it took and how they ended. When the time is over it takes no more,
and waits for the outcome of each that it took.
"""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count

import tim_async
from tim_async.emulator import DEMO_KEY
from tim_async.limits.redis import RedisLimiter

APP = 1400000000
PATH = "timpush/get_tag"


async def work(url: str, redis: str, *, processes: int, seconds: float, rate: float) -> dict[str, int]:
    """Accounts taken, and outcomes by their kind."""
    taken = 0
    end = time.monotonic() + seconds

    def accounts() -> Iterator[str]:
        nonlocal taken
        for place in count():
            if time.monotonic() > end:
                return
            taken += 1
            yield f"user-{place:09d}"

    kinds: Counter[str] = Counter()
    limiter = RedisLimiter(redis, processes=processes)
    client = tim_async.Client(
        sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limits={PATH: rate}, limiter=limiter, max_in_flight=16
    )
    async with limiter, client, client.push.get_tags.stream(accounts()) as outcomes:
        async for outcome in outcomes:
            kinds[type(outcome).__name__] += 1
    return {"taken": taken, "cpu_ms": round(time.process_time() * 1000), **kinds}


def main() -> None:
    url, redis, processes, seconds, rate = sys.argv[1:]
    logging.basicConfig(format=f"{sys.argv[0]}: %(message)s")
    told = asyncio.run(work(url, redis, processes=int(processes), seconds=float(seconds), rate=float(rate)))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
