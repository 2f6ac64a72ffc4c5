"""The real client at the limit, against the emulator in another process, and judged by a third.

Usage: python benchmarks/limit.py [--seconds 60] [--latency 20] [--jitter 0 5 20] [--command get_tags] [--rate 100]

For each jitter (milliseconds by which calls reach the service later, evenly spread) one endless batch runs for
`seconds` through a stream; the service time is `latency` milliseconds, give or take a fifth. The emulator keeps the raw
arrivals, first call to last, and judge.py counts from them what services of three kinds would have refused. Prints a
table, writes results/limit.json and .png; exit code 1 if a call was over the limit.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import Any

from apart import apart, emulate
from charts import BLUE, limit_line, paint
from clients import client_of
from judge import judge, read
from report import Target, options_of, seconds_before, tell

import tim_async

START = 5.0
"""Seconds after which the rate counts: the first second may be a burst."""
STEP = 0.1
"""Seconds between two points of the chart."""
LEAST = {0: 99.0, 5: 99.0, 20: 97.0}
"""Jitter in milliseconds -> percent of the limit that is to be reached."""


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


async def use(url: str, command: Command, *, seconds: float, rate: float) -> tuple[float, float]:
    """Make calls for so long, as many as the client allows itself; gives its CPU seconds and the seconds it took."""
    cpu, wall = time.process_time(), time.monotonic()
    async with (
        client_of(url, limits={command.path: rate}) as client,
        command.stream(client) as outcomes,
    ):
        async for _ in outcomes:
            if time.monotonic() > wall + seconds:
                break
    return time.process_time() - cpu, time.monotonic() - wall


def run(command: Command, *, seconds: float, latency: float, jitter: float, rate: float) -> dict[str, Any]:
    """One run with a fresh emulator: the verdict of the judge, and what the run yielded."""
    with apart(emulate, latency=latency, jitter=jitter, rate=rate) as url:
        cpu, wall = asyncio.run(use(url, command, seconds=seconds, rate=rate))
        rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={command.path}")["arrivals"]
    times = sorted(float(row[0]) for row in rows)
    settled = [when for when in times if when - times[0] >= START]
    yielded = (len(settled) - 1) / (settled[-1] - settled[0])
    return {
        "jitter_ms": jitter * 1000,
        "calls_per_second": round(yielded, 2),
        "percent_of_limit": round(100 * yielded / rate, 2),
        "refused": sum(bool(row[1]) for row in rows),
        **judge(times, rate),
        "cpu_us_per_call": round(cpu / len(rows) * 1e6),
        "cpu_percent_of_a_core": round(100 * cpu / wall, 1),
        "calls_in_the_second_before": seconds_before(times, STEP),
    }


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """One run for each jitter."""
    print("jitter  calls/s  % of limit  over: fixed  sliding  bucket  refused  worst second  CPU us/call  % of a core")
    runs: list[dict[str, Any]] = []
    for jitter in options.jitter:
        one = run(
            COMMANDS[options.command],
            seconds=options.seconds,
            latency=options.latency / 1000,
            jitter=jitter / 1000,
            rate=options.rate,
        )
        runs.append(one)
        print(
            f"{jitter:3.0f} ms {one['calls_per_second']:8.2f} {one['percent_of_limit']:11.2f} {one['fixed']:12} "
            f"{one['sliding']:8} {one['bucket']:7} {one['refused']:8} {one['worst_second']:13} "
            f"{one['cpu_us_per_call']:12} {one['cpu_percent_of_a_core']:12}",
            flush=True,
        )
    return {"runs": runs}, targets(runs)


def targets(runs: list[dict[str, Any]]) -> list[Target]:
    """What is asked of these runs."""
    over = sum(run[name] for run in runs for name in ("fixed", "sliding", "bucket", "refused"))
    return [
        *(
            Target(
                f"share of the limit at {run['jitter_ms']:g} ms of jitter",
                run["percent_of_limit"],
                LEAST[run["jitter_ms"]],
                "%",
                at_least=True,
            )
            for run in runs
            if run["jitter_ms"] in LEAST
        ),
        Target("calls over the limit, by any accounting", over, 0, "calls", promise=True),
        Target("CPU at the limit", max(run["cpu_percent_of_a_core"] for run in runs), 12, "% of a core"),
    ]


def draw(path: Path, found: dict[str, Any]) -> None:
    """Calls of the second before, over time: one panel for each jitter."""
    settings, runs = found["settings"], found["runs"]
    rate = settings["rate"]

    def panels(axes: list[Any]) -> None:
        for axis, run in zip(axes, runs, strict=True):
            counts = run["calls_in_the_second_before"]
            limit_line(axis, rate, f"limit: {rate:g} in any second")
            axis.plot([place * STEP for place in range(len(counts))], counts, color=BLUE, linewidth=0.9)
            axis.axvspan(0, START, color="#eeeeee", label=f"not counted: the first {START:g} s")
            axis.set_ylim(0, 1.1 * rate)
            axis.set_xlim(0, len(counts) * STEP)
            over = f"{run['fixed']} / {run['sliding']} / {run['bucket']}"
            axis.set_title(
                f"jitter up to {run['jitter_ms']:g} ms: {run['percent_of_limit']:g} % of the limit; calls over it in "
                f"fixed / sliding seconds / a token bucket: {over} of {run['calls']}",
                fontsize=9,
                loc="left",
            )
        axes[0].legend(loc="lower right", fontsize=8, ncols=2)
        axes[len(axes) // 2].set_ylabel("calls in the last second")
        axes[-1].set_xlabel("seconds since the first call")

    paint(
        path,
        "An endless batch: how near to the limit it comes, and whether it is ever over it",
        panels,
        rows=len(runs),
        inches=(9.0, 1.2 + 1.7 * len(runs)),
        share_x=True,
        note=f"{settings['command']}, service time {settings['latency']:g} ms, one client; arrivals as the server "
        f"recorded them, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("The client at the limit, judged by its raw arrivals")
    parser.add_argument("--seconds", type=float, default=60, help="of each run")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    parser.add_argument("--jitter", type=float, nargs="+", default=[0, 5, 20], help="milliseconds")
    parser.add_argument("--command", choices=sorted(COMMANDS), default="get_tags", help="what is called")
    parser.add_argument("--rate", type=float, default=100, help="calls per second that are allowed")
    options = parser.parse_args()
    if options.seconds < 2 * START:
        parser.error(f"a run takes {2 * START:.0f} seconds or more")
    return tell("limit", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
