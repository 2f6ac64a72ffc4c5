"""Deletes the accounts of a folder of Parquet files on Ray: actors over its files, one budget, outcomes as Parquet.

    python delete_accounts.py INPUT OUTCOMES --redis redis://... [--address HOST:PORT] [--actors 4]

Both folders are seen by all nodes. The app is told by TIM_SDK_APP_ID, TIM_SECRET_KEY and the like, on each node. Start
it again after whatever happened: files that are done are not touched, and what others still work on is waited for.
"""

import argparse
import time
from collections import deque
from pathlib import Path

import ray

from tim_async import Client, bulk
from tim_async.redis import RedisLimiter

LEASE = 5.0  # seconds until the file of an actor that is gone can be taken by another one
PATIENCE = 100  # starts of one file, a second apart while others have it


@ray.remote(num_cpus=0.1, max_restarts=-1, max_task_retries=-1)
class Deleter:
    """Has one client, opened in its own loop; Ray starts it anew when it died, with the file it was at."""

    def __init__(self, redis: str, actors: int, margin: float) -> None:
        self._limiter = RedisLimiter(redis, processes=actors, margin=margin)
        self._client: Client | None = None

    async def delete(self, users: Path, outcomes: Path) -> tuple[bool, str]:
        """Delete the accounts of one file; whether that is done, and what became of it."""
        if self._client is None:
            self._client = await Client.from_env(limiter=self._limiter).__aenter__()
        with bulk.AccountFile(users, column="account") as file:
            try:
                report = await bulk.run_partition(self._client.accounts.delete, file, outcomes, lease=LEASE)
            except bulk.JournalHeld as exc:
                return False, str(exc)
        return report.outcomes is not None, str(report.stopped_by or report.counts)


def main(source: Path, outcomes: Path, *, redis: str, address: str, actors: int, margin: float) -> None:
    ray.init(address=address, log_to_driver=False, logging_level="warning")
    # Actors of a driver that was killed may live a few seconds longer: they are counted in the shares of the budget.
    idle = [Deleter.remote(redis, 2 * actors, margin) for _ in range(actors)]
    waiting = deque((users, 1) for users in sorted(source.glob("*.parquet")))
    running = {}
    while waiting or running:
        while waiting and idle:
            users, start = waiting.popleft()
            deleter = idle.pop()
            running[deleter.delete.remote(users, outcomes / users.name)] = deleter, users, start
        (ready,), _ = ray.wait(list(running))
        deleter, users, start = running.pop(ready)
        idle.append(deleter)
        done, told = ray.get(ready)
        print(users.name, told, flush=True)
        if not done:
            if start == PATIENCE:
                raise SystemExit(f"{users.name} is still not done: {told}")
            waiting.append((users, start + 1))
            time.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("outcomes", type=Path)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--address", default="auto", help="of the cluster; 'local' starts one on this machine")
    parser.add_argument("--actors", type=int, default=4)
    parser.add_argument("--margin", type=float, default=0.98, help="share of the limit that is used at most")
    main(**vars(parser.parse_args()))
