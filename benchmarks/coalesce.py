"""Single requests that share calls: how many calls they take, and how long each waits.

Usage: python benchmarks/coalesce.py [--seconds 20] [--at-once 10000] [--repeats 3] [--per-second 10 100 1000 5000 9000]

The service time is `latency` milliseconds (20), give or take a fifth, and every run has a fresh emulator and client:

* `at-once` requests of `one` in the same moment: the calls they took, and the time until the last answer;
* for `seconds`, `per-second` requests of `one` at random: p50 and p99 of the time from when a request was due until its
  answer, and accounts per call. The first 10 seconds are told apart.

What exists when the load begins is frozen (`gc.freeze`), as examples/web does; the highest rate
is measured without that, too. The longest pause of the garbage collector is told beside each.

Prints a table, writes results/coalesce.json and .png; exit code 1 if a call was over the limit.
"""

import argparse
import asyncio
import gc
import math
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from apart import apart, emulate
from charts import BLUE, GREEN, ORANGE, limit_line, paint
from clients import client_of
from judge import judge, read
from openloop import ask_on_time, poisson
from report import Target, options_of, percentile, quantiles, tell

from tim_async.limits.pace import BURST

PATH = "timpush/get_tag"
RATE = 100.0
CHUNK = 100
ACCOUNTS = 20_000
"""More than are ever on their way at once: equal reads that both wait would share a place."""
SETTLE = 10.0
"""Seconds until the rate counts. A new client holds permits back until it has seen enough answers, and what piles up in
that second has to be sent beside all that follows: near the limit that takes a while."""
P99_MOST = 50.0
SLACK = 1.2


def account(number: int) -> str:
    return f"user-{number % ACCOUNTS:09d}"


async def ask_at_once(url: str, requests: int) -> tuple[list[float], float]:
    """Seconds until each answer, counted from when the first request was made; and the CPU seconds of them all."""
    async with client_of(url) as client:
        cpu, began = time.process_time(), time.perf_counter()

        async def ask(number: int) -> float:
            await client.push.get_tags.one(account(number))
            return time.perf_counter() - began

        took = await asyncio.gather(*map(ask, range(requests)))
        return took, time.process_time() - cpu


class Steady(NamedTuple):
    """What became of requests at a steady rate."""

    took: list[float]
    """Seconds, of those that were due after the first seconds."""
    cold: list[float]
    """The same of those before."""
    since: float
    """When counting began, on the monotonic clock."""
    share: float
    """CPU, as a share of one core."""
    pause: float
    """The longest of the garbage collector, in seconds."""


class Pauses:
    """How long the garbage collector stops everything."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = 0.0

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        """One of `gc.callbacks`."""
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        else:
            self.longest = max(self.longest, now - self._began)


@contextmanager
def watched_collector(*, frozen: bool) -> Generator[Pauses]:
    """Tells of its pauses; *frozen* takes out of its sight what exists now."""
    pauses = Pauses()
    gc.collect()
    if frozen:
        gc.freeze()
    gc.callbacks.append(pauses)
    try:
        yield pauses
    finally:
        gc.callbacks.remove(pauses)
        gc.unfreeze()


async def ask_steadily(url: str, rate: float, seconds: float, *, frozen: bool) -> Steady:
    """Ask at random times."""
    times = poisson(rate, SETTLE + seconds, random.Random(1))
    async with client_of(url) as client:

        async def ask(number: int) -> None:
            await client.push.get_tags.one(account(number))

        cpu, began = time.process_time(), time.monotonic()
        with watched_collector(frozen=frozen) as pauses:
            took = await ask_on_time(times, ask)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
    first = bisect_left(times, SETTLE)
    return Steady(took[first:], took[:first], began + SETTLE, share, pauses.longest)


def over_and_times(url: str) -> tuple[dict[str, Any], list[float]]:
    """The verdict of the judge, and when the calls arrived."""
    rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={PATH}")["arrivals"]
    times = sorted(float(row[0]) for row in rows)
    verdict = judge(times, RATE)
    over = {name: verdict[name] for name in ("fixed", "sliding", "bucket")}
    return {**over, "refused": sum(bool(row[1]) for row in rows)}, times


def run_at_once(requests: int, latency: float) -> dict[str, Any]:
    """All at once."""
    with apart(emulate, latency=latency, accounts=ACCOUNTS) as url:
        took, cpu = asyncio.run(ask_at_once(url, requests))
        over, times = over_and_times(url)
    return {
        "calls": len(times),
        "seconds_until_the_last": round(max(took), 3),
        "cpu_us_per_request": round(cpu / requests * 1e6, 1),
        **over,
        "quantiles_ms": quantiles([1000 * seconds for seconds in took]),
    }


def run_steadily(rate: float, seconds: float, latency: float, *, frozen: bool = True) -> dict[str, Any]:
    """So many a second."""
    with apart(emulate, latency=latency, accounts=ACCOUNTS) as url:
        steady = asyncio.run(ask_steadily(url, rate, seconds, frozen=frozen))
        over, times = over_and_times(url)
    milliseconds = [1000 * each for each in steady.took]
    return {
        "per_second": rate,
        "requests": len(steady.took),
        "p50_ms": round(percentile(milliseconds, 50), 2),
        "p99_ms": round(percentile(milliseconds, 99), 2),
        "p99_ms_of_the_first_seconds": round(1000 * percentile(steady.cold, 99), 2),
        "accounts_per_call": round(len(steady.took) / sum(at >= steady.since for at in times), 1),
        "cpu_percent_of_a_core": round(100 * steady.share, 1),
        "longest_pause_ms": round(1000 * steady.pause, 1),
        "frozen": frozen,
        **over,
    }


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """All at once some times, then each rate."""
    latency = options.latency / 1000
    print(f"{options.at_once} at once: calls, seconds until the last answer, CPU us per request")
    at_once: list[dict[str, Any]] = []
    for _ in range(options.repeats):
        run = run_at_once(options.at_once, latency)
        at_once.append(run)
        print(f"{run['calls']:5} {run['seconds_until_the_last']:8.3f} {run['cpu_us_per_request']:8.1f}", flush=True)
    print("requests/s   p50 ms   p99 ms  first seconds  accounts/call  % of a core  longest pause ms")
    steady: list[dict[str, Any]] = []
    for rate, frozen in [*((rate, True) for rate in options.per_second), (max(options.per_second), False)]:
        run = run_steadily(rate, options.seconds, latency, frozen=frozen)
        steady.append(run)
        print(
            f"{rate:10g} {run['p50_ms']:8.1f} {run['p99_ms']:8.1f} {run['p99_ms_of_the_first_seconds']:14.1f} "
            f"{run['accounts_per_call']:14.1f} {run['cpu_percent_of_a_core']:12.1f} {run['longest_pause_ms']:17.1f}"
            f"{'' if frozen else '  not frozen'}",
            flush=True,
        )
    until = allowed(options.at_once, latency)
    return {"at_once": at_once, "allowed_seconds": until, "steady": steady}, targets(
        options.at_once, at_once, steady, until
    )


def allowed(requests: int, latency: float) -> float:
    """Seconds that so many at once may take: as many full calls, all but a burst of them at the limit."""
    return round(SLACK * ((requests / CHUNK - BURST) / RATE + latency), 3)


def targets(requests: int, at_once: list[dict[str, Any]], steady: list[dict[str, Any]], until: float) -> list[Target]:
    """What is asked of these runs."""
    over = sum(run[name] for run in (*at_once, *steady) for name in ("fixed", "sliding", "bucket", "refused"))
    most = max(run["calls"] for run in at_once)
    last = median(run["seconds_until_the_last"] for run in at_once)
    return [
        Target("at once, calls", most, math.ceil(requests / CHUNK), "calls"),
        Target("at once, until the last answer (median)", last, until, "s"),
        *(
            Target(f"{run['per_second']:g} requests/s, p99", run["p99_ms"], P99_MOST, "ms")
            for run in steady
            if run["per_second"] >= 1000 and run["frozen"]
        ),
        Target("calls over the limit, by any accounting", over, 0, "calls", promise=True),
    ]


def draw(path: Path, found: dict[str, Any]) -> None:
    """How long it takes, how full the calls are, and what becomes of many at once."""
    at_once, settings = found["at_once"], found["settings"]
    steady = [run for run in found["steady"] if run["frozen"]]
    rates = [run["per_second"] for run in steady]

    def waits(axis: Any) -> None:
        axis.plot(rates, [run["p99_ms"] for run in steady], color=ORANGE, marker="o", label="p99")
        axis.plot(rates, [run["p50_ms"] for run in steady], color=BLUE, marker="o", label="p50")
        limit_line(axis, P99_MOST, f"target for p99: {P99_MOST:g} ms")
        axis.set_ylim(0, 1.15 * max(P99_MOST, *(run["p99_ms"] for run in steady)))
        axis.set_title("how long one waits", fontsize=10, loc="left")
        axis.set_ylabel("ms until the answer")

    def fill(axis: Any) -> None:
        axis.plot(rates, [run["accounts_per_call"] for run in steady], color=GREEN, marker="o", label="measured")
        limit_line(axis, CHUNK, f"a full call: {CHUNK}")
        axis.set_ylim(0, 1.15 * CHUNK)
        axis.set_title("how full the calls get", fontsize=10, loc="left")
        axis.set_ylabel("accounts per call")

    def rush(axis: Any) -> None:
        for place, run in enumerate(at_once):
            seconds = [value / 1000 for value in run["quantiles_ms"]]
            answered = [settings["at_once"] * half / 200 for half in range(201)]
            axis.plot(seconds, answered, color=BLUE, label=f"each of {len(at_once)} runs" if not place else None)
        limit_line(axis, found["allowed_seconds"], f"target: {found['allowed_seconds']:g} s", upright=True)
        axis.set_xlim(0, 1.1 * found["allowed_seconds"])
        axis.set_title(f"{settings['at_once']:,} at once: {at_once[0]['calls']} calls", fontsize=10, loc="left")
        axis.set_xlabel("seconds")
        axis.set_ylabel("requests answered")

    def panels(axes: list[Any]) -> None:
        waits(axes[0])
        fill(axes[1])
        rush(axes[2])
        for axis in axes[:2]:
            axis.set_xscale("log")
            axis.set_xticks(rates, [f"{rate:,g}" for rate in rates], fontsize=8, rotation=45)
            axis.minorticks_off()
            axis.set_xlabel("requests per second")
        for axis in axes:
            axis.legend(fontsize=8)

    paint(
        path,
        "Single requests that share calls",
        panels,
        columns=3,
        inches=(11.0, 4.2),
        note=f"get_tags.one, service time {settings['latency']:g} ms ± a fifth, random arrivals for "
        f"{settings['seconds']:g} s at each rate, limit 100 calls/s, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("Single requests that share calls: how many calls, and how long each waits")
    parser.add_argument("--seconds", type=float, default=20, help="of each rate")
    parser.add_argument("--at-once", type=int, default=10_000, help="requests in one moment")
    parser.add_argument("--repeats", type=int, default=3, help="of the requests at once")
    parser.add_argument("--per-second", type=float, nargs="+", default=[10, 100, 1_000, 5_000, 9_000], help="requests")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    options = parser.parse_args()
    if options.seconds <= 0 or options.repeats < 1:
        parser.error("there is nothing to measure")
    return tell("coalesce", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
