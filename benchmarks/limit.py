"""The real client at the limit, against the emulator in another process, and judged by a third.

Usage: python benchmarks/limit.py [--seconds 20] [--latency 20] [--jitter 0 5 20] [--command get_tags] [--rate 100]

For each jitter (milliseconds by which calls reach the service later, evenly spread) one endless batch runs for
`seconds` through a stream; the service time is `latency` milliseconds, give or take a fifth. The emulator keeps the raw
arrivals, first call to last, and judge.py counts from them what services of three kinds would have refused. Prints a
table, writes results/limit.json; exit code 1 if a call was over the limit.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import Any

from apart import apart
from judge import judge, read

import tim_async
from tim_async.emulator import DEMO_KEY, Emulator, serve

APP = 1400000000
START = 5.0
"""Seconds after which the rate counts: the first second may be a burst."""


class Command:
    """A command and what it takes."""

    def __init__(self, path: str, way: str, *, pairs: dict[str, str] | None = None) -> None:
        self.path = path
        self._way = attrgetter(way)
        self._pairs = pairs

    def stream(self, client: tim_async.Client) -> Any:
        """The stream of an endless batch."""
        return self._way(client).stream(accounts() if self._pairs is None else ((a, self._pairs) for a in accounts()))


COMMANDS = {
    "get_tags": Command("timpush/get_tag", "push.get_tags"),
    "delete": Command("im_open_login_svc/account_delete", "accounts.delete"),
    "set_attributes": Command("timpush/set_attr", "push.set_attributes", pairs={"city": "NewYork"}),
}


def accounts() -> Iterator[str]:
    """Nobody knows them, and the service has to say so about each: that is no less work than to know them."""
    return (f"user-{place:09d}" for place in count())


def emulate(listening: Callable[[str], object], *, latency: float, jitter: float, rate: float) -> None:
    """The emulator, until the process ends; all times in seconds."""
    emulator = Emulator(sdk_app_id=APP, latency=latency, jitter=jitter, rate=rate, keep_books=False, seed=1)
    asyncio.run(serve(emulator, listening))


async def use(url: str, command: Command, *, seconds: float, rate: float) -> float:
    """Make calls for so long, as many as the client allows itself; gives its CPU seconds."""
    cpu = time.process_time()
    async with tim_async.Client(
        sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limits={command.path: rate}
    ) as client:
        end = time.monotonic() + seconds
        async with command.stream(client) as outcomes:
            async for _ in outcomes:
                if time.monotonic() > end:
                    break
    return time.process_time() - cpu


def measure(command: Command, *, seconds: float, latency: float, jitter: float, rate: float) -> dict[str, Any]:
    """One run with a fresh emulator: the verdict of the judge, and what the run yielded."""
    with apart(emulate, latency=latency, jitter=jitter, rate=rate) as url:
        cpu = asyncio.run(use(url, command, seconds=seconds, rate=rate))
        rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={command.path}")["arrivals"]
    times = sorted(float(row[0]) for row in rows)
    verdict = judge(times, rate)
    settled = [when for when in times if when - times[0] >= START]
    yielded = (len(settled) - 1) / (settled[-1] - settled[0])
    return {
        "jitter_ms": jitter * 1000,
        "calls_per_second": round(yielded, 2),
        "percent_of_limit": round(100 * yielded / rate, 2),
        "refused": sum(bool(row[1]) for row in rows),
        **verdict,
        "cpu_us_per_call": round(cpu / len(rows) * 1e6),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="The client at the limit, judged by its raw arrivals")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    parser.add_argument("--jitter", type=float, nargs="+", default=[0, 5, 20], help="milliseconds")
    parser.add_argument("--command", choices=sorted(COMMANDS), default="get_tags")
    parser.add_argument("--rate", type=float, default=100)
    options = parser.parse_args()
    if options.seconds < 2 * START:
        parser.error(f"a run takes {2 * START:.0f} seconds or more")
    print("jitter  calls/s  % of limit  over: fixed  sliding  bucket  refused  worst second  CPU us/call")
    runs: list[dict[str, Any]] = []
    for jitter in options.jitter:
        run = measure(
            COMMANDS[options.command],
            seconds=options.seconds,
            latency=options.latency / 1000,
            jitter=jitter / 1000,
            rate=options.rate,
        )
        runs.append(run)
        print(
            f"{jitter:3.0f} ms {run['calls_per_second']:8.2f} {run['percent_of_limit']:11.2f} {run['fixed']:12} "
            f"{run['sliding']:8} {run['bucket']:7} {run['refused']:8} {run['worst_second']:13} "
            f"{run['cpu_us_per_call']:12}"
        )
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    (results / "limit.json").write_text(json.dumps({**vars(options), "runs": runs}, indent=2) + "\n")
    return 1 if any(run["fixed"] or run["sliding"] or run["bucket"] or run["refused"] for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
