"""What memory it takes to delete millions of accounts: as a stream, and as one result.

Usage: python benchmarks/memory.py [--stream 1000000 10000000] [--result 1000000]

No limit, against a server in another process that answers at once; each run in a process of its own, on Linux (it reads
/proc). Memory is what the kernel counts as resident.

* stream: ids come from a generator and outcomes are counted; by how much memory grows after the first 100,000;
* result: ids are a list; what the result takes beside that list, what it takes when all its outcome objects were asked
  for, and by how much memory was larger at any time until then.

Prints a table, writes results/memory.json and .png; exit code 1 if an account has no good outcome.
"""

import argparse
import asyncio
import gc
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from apart import apart, fresh
from bare import APP
from charts import BLUE, GREEN, limit_line, paint
from instant import serve_instantly
from report import Target, options_of, tell

import tim_async
from tim_async.emulator import DEMO_KEY

SETTLE = 100_000
"""Items after which memory should grow no more."""
POINTS = 200
"""On the chart."""
IN_FLIGHT = 16
GROWTH_MOST, RESULT_MOST = 10.0, 100.0
MEGABYTE = 1e6


def resident() -> float:
    """Megabytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def highest() -> float:
    """Megabytes: the most that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def open_client(url: str) -> tim_async.Client:
    return tim_async.Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limiter=None, max_in_flight=IN_FLIGHT)


def stream(url: str, items: int) -> dict[str, Any]:
    """Delete so many through a stream; to be run in a fresh process."""
    step = max(1, items // POINTS)
    series: list[float] = []
    settled = 0.0
    good = 0

    async def main() -> None:
        nonlocal settled, good
        ids = (f"user-{place:09d}" for place in range(items))
        async with open_client(url) as client, client.accounts.delete.stream(ids) as outcomes:
            number = 0
            async for outcome in outcomes:
                number += 1
                good += isinstance(outcome, tim_async.Ok)
                if number == SETTLE:
                    settled = resident()
                if number % step == 0:
                    series.append(round(resident(), 1))

    began = time.monotonic()
    asyncio.run(main())
    growth = [max(0.0, megabytes - settled) for megabytes in series[SETTLE // step :]]
    return {
        "items": items,
        "good": good,
        "growth_mb": round(max(growth), 2),
        "resident_mb": series,
        "items_per_second": round(items / (time.monotonic() - began)),
    }


def result(url: str, items: int) -> dict[str, Any]:
    """Delete so many with one call; to be run in a fresh process."""
    ids = [f"user-{place:09d}" for place in range(items)]

    async def main() -> dict[str, Any]:
        async with open_client(url) as client:
            await client.accounts.delete(ids[:10_000])  # what is made once is made now
            gc.collect()
            before = resident()
            done = await client.accounts.delete(ids)
            peak = highest() - before
            gc.collect()
            kept = resident() - before
            outcomes = done.outcomes
            all_outcomes = resident() - before
            return {
                "items": items,
                "good": sum(isinstance(outcome, tim_async.Ok) for outcome in outcomes),
                "result_mb": round(kept, 1),
                "with_outcomes_mb": round(all_outcomes, 1),
                "highest_mb": round(peak, 1),
            }

    return asyncio.run(main())


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """Each run with a fresh server and in a fresh process."""
    streams: list[dict[str, Any]] = []
    for items in options.stream:
        with apart(serve_instantly) as url, fresh() as process:
            run = process.submit(stream, url, items).result()
        streams.append(run)
        print(
            f"stream of {items:,}: {run['growth_mb']:.1f} MB more after the first {SETTLE:,}, "
            f"{run['items_per_second']:,} items/s",
            flush=True,
        )
    with apart(serve_instantly) as url, fresh() as process:
        whole = process.submit(result, url, options.result).result()
    print(
        f"result of {options.result:,}: {whole['result_mb']} MB, with all outcome objects "
        f"{whole['with_outcomes_mb']} MB, at most {whole['highest_mb']} MB while it was made"
    )
    lost = sum(run["items"] - run["good"] for run in (*streams, whole))
    targets = [
        *(
            Target(
                f"stream of {run['items']:,}, growth after the first {SETTLE:,}", run["growth_mb"], GROWTH_MOST, "MB"
            )
            for run in streams
        ),
        Target(f"result of {options.result:,}, beside the input", whole["result_mb"], RESULT_MOST, "MB"),
        Target("accounts without a good outcome", lost, 0, "accounts", promise=True),
    ]
    return {"streams": streams, "result": whole}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """Left memory along the streams, right the result."""
    streams, whole = found["streams"], found["result"]

    def along(axis: Any) -> None:
        for run, colour in zip(streams, (GREEN, BLUE), strict=False):
            series = run["resident_mb"]
            step = run["items"] / len(series)
            places = [(number + 1) * step / 1e6 for number in range(len(series))]
            axis.plot(places, series, color=colour, label=f"{run['items'] / 1e6:g} million: +{run['growth_mb']:g} MB")
        last = streams[-1]["resident_mb"]
        base = last[max(0, SETTLE * len(last) // streams[-1]["items"] - 1)]
        limit_line(axis, base + GROWTH_MOST, f"target: +{GROWTH_MOST:g} MB after the first {SETTLE:,}")
        axis.set_ylim(0, 1.4 * (base + GROWTH_MOST))
        axis.set_title("a stream: memory of the whole process", fontsize=10, loc="left")
        axis.set_xlabel("million outcomes handed over")
        axis.set_ylabel("MB")
        axis.legend(loc="lower right", fontsize=8)

    def kept(axis: Any) -> None:
        names = ["the result", "and all its\noutcome objects", "highest while\nit was made"]
        values = [whole[name] for name in ("result_mb", "with_outcomes_mb", "highest_mb")]
        axis.bar_label(
            axis.bar(names, values, color=BLUE, width=0.6), [f"{value:g} MB" for value in values], fontsize=9
        )
        limit_line(axis, RESULT_MOST, f"target for the result: {RESULT_MOST:g} MB")
        axis.set_ylim(0, 1.3 * max(RESULT_MOST, *values))
        axis.set_title(f"one result of {whole['items'] / 1e6:g} million, beside the input", fontsize=10, loc="left")
        axis.set_ylabel("MB")
        axis.legend(loc="upper right", fontsize=8)

    def panels(axes: list[Any]) -> None:
        along(axes[0])
        kept(axes[1])

    paint(
        path,
        "Memory for millions of accounts",
        panels,
        columns=2,
        note=f"accounts.delete, no limit, {IN_FLIGHT} calls in flight, resident memory of a fresh process, "
        f"Python {found['machine']['python']}",
    )


def main() -> int:
    parser = options_of("Memory for deleting millions of accounts, as a stream and as one result")
    parser.add_argument("--stream", type=int, nargs="+", default=[1_000_000, 10_000_000], help="ids in a stream")
    parser.add_argument("--result", type=int, default=1_000_000, help="ids in a list")
    options = parser.parse_args()
    if min(options.stream) < 2 * SETTLE or options.result < 1:
        parser.error(f"a stream takes {2 * SETTLE:,} ids or more")
    return tell("memory", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
