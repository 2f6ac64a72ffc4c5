"""A cold client: nothing is known of the service yet, and each of its connections takes long to open.

Usage: python benchmarks/cold.py [--seconds 6] [--connect-delay 300] [--latency 20]

What the kernel took may wait for a handshake and reach the service together with what was sent a second later, so
this is where a limiter that counts from when a call began is over the limit. Three runs, each with a fresh client and a
fresh emulator whose connections open `connect-delay` milliseconds late:

* urgent: 10,000 requests of `one` at once, which are 100 full calls;
* batch: a list of so many accounts that it takes `seconds`;
* both: the two at once.

judge.py counts from the raw arrivals what services of three kinds would have refused. Prints a table, writes
results/cold.json and .png; exit code 1 if a call was over the limit or an account has no good outcome.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from apart import apart, emulate
from charts import BLUE, limit_line, paint
from clients import client_of
from judge import judge, read
from report import Target, options_of, seconds_before, tell

import tim_async

PATH = "timpush/get_tag"
RATE = 100
CHUNK = 100
AT_ONCE = 10_000
STEP = 0.05
"""Seconds between two points of the chart."""


async def ask_urgently(client: tim_async.Client) -> int:
    """Good answers to 10,000 requests at once."""
    names = [f"user-{place:09d}" for place in range(AT_ONCE)]
    return len(await asyncio.gather(*map(client.push.get_tags.one, names)))


async def ask_for_all(client: tim_async.Client, accounts: int) -> int:
    """Good answers to one list; other accounts than those above."""
    result = await client.push.get_tags([f"user-{AT_ONCE + place:09d}" for place in range(accounts)])
    return len(result) - len(result.errors)


def works(accounts: int) -> dict[str, tuple[int, Callable[[tim_async.Client], Coroutine[Any, Any, int]]]]:
    """Name -> how many accounts are asked for, and how."""

    async def ask_list(client: tim_async.Client) -> int:
        return await ask_for_all(client, accounts)

    async def ask_both(client: tim_async.Client) -> int:
        return sum(await asyncio.gather(ask_urgently(client), ask_for_all(client, accounts)))

    return {
        "urgent": (AT_ONCE, ask_urgently),
        "batch": (accounts, ask_list),
        "both": (AT_ONCE + accounts, ask_both),
    }


async def use(url: str, work: Callable[[tim_async.Client], Coroutine[Any, Any, int]]) -> int:
    """A client that has made no call yet."""
    async with client_of(url) as client:
        return await work(client)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """The three runs."""
    accounts = int(options.seconds * RATE) * CHUNK
    delay, latency = options.connect_delay / 1000, options.latency / 1000
    print("run      calls  over: fixed  sliding  bucket  refused  worst second  not good")
    runs: dict[str, dict[str, Any]] = {}
    for name, (asked, work) in works(accounts).items():
        with apart(emulate, latency=latency, connect_delay=delay, accounts=AT_ONCE + accounts) as url:
            good = asyncio.run(use(url, work))
            rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={PATH}")["arrivals"]
        times = sorted(float(row[0]) for row in rows)
        run = runs[name] = {
            "not_good": asked - good,
            "refused": sum(bool(row[1]) for row in rows),
            **judge(times, RATE),
            "calls_in_the_second_before": seconds_before(times, STEP),
        }
        print(
            f"{name:8} {run['calls']:5} {run['fixed']:12} {run['sliding']:8} {run['bucket']:7} {run['refused']:8} "
            f"{run['worst_second']:13} {run['not_good']:9}",
            flush=True,
        )
    over = sum(run[name] for run in runs.values() for name in ("fixed", "sliding", "bucket", "refused"))
    lost = sum(run["not_good"] for run in runs.values())
    return {"runs": runs}, [
        Target("calls over the limit, by any accounting", over, 0, "calls", promise=True),
        Target("accounts without a good outcome", lost, 0, "accounts", promise=True),
    ]


def draw(path: Path, found: dict[str, Any]) -> None:
    """Calls of the second before, over time: one panel for each run."""
    titles = {
        "urgent": f"{AT_ONCE:,} requests of one at once",
        "batch": f"a list of {found['settings']['seconds']:g} seconds",
        "both": "the two at once",
    }
    runs = found["runs"]

    def panels(axes: list[Any]) -> None:
        for axis, (name, run) in zip(axes, runs.items(), strict=True):
            counts = run["calls_in_the_second_before"]
            limit_line(axis, RATE, f"limit: {RATE} in any second")
            axis.step([place * STEP for place in range(len(counts))], counts, where="post", color=BLUE, linewidth=1.2)
            axis.set_ylim(0, 1.15 * RATE)
            axis.set_title(
                f"{titles[name]}\n{run['calls']} calls, worst second {run['worst_second']}", fontsize=10, loc="left"
            )
            axis.set_xlabel("seconds since the first call came")
        axes[0].set_ylabel("calls in the last second")
        axes[0].legend(loc="lower right", fontsize=8)

    paint(
        path,
        "A cold client: no call is over the limit while connections open",
        panels,
        columns=3,
        inches=(11.0, 3.8),
        note=f"get_tags, every connection opens {found['settings']['connect_delay']:g} ms late, service time "
        f"{found['settings']['latency']:g} ms; arrivals as the server recorded them, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("A cold client whose connections take long to open, judged by its raw arrivals")
    parser.add_argument("--seconds", type=float, default=6, help="of the batch")
    parser.add_argument("--connect-delay", type=float, default=300, help="milliseconds until a connection is open")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    options = parser.parse_args()
    if options.seconds < 1:
        parser.error("a batch takes 1 second or more")
    return tell("cold", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
