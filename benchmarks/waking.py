"""What it would save to wake for several calls at once: bare aiohttp at the limit, in groups of 1 to 10 calls.

Usage: python benchmarks/waking.py [--rounds 5] [--seconds 4] [--groups 1 2 3 5 10] [--rate 100]

At the limit most of what a call costs is that the process wakes for it. A client could let several calls leave
together, every so many hundredths of a second; each then waits for the others. Rounds of bare calls for each group
size, all of them `rate` a second, against the emulator in another process, and of our client's own at the limit take
turns; what counts is the median of the CPU time of this process. Prints a table, writes results/waking.json and .png.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from apart import apart, emulate
from bare import Address, TagsReply, open_session
from charts import BLUE, GREY, paint
from clients import client_of
from report import Target, options_of, tell

PATH = "timpush/get_tag"
CHUNK = 100
KNOWN = 20_000
CLIENT = "tim-async"
MOST = 12.0
"""Percent of one core that the client may take at the limit."""


def accounts() -> Iterator[str]:
    """Those that the service knows, again and again."""
    return cycle([f"user-{place:09d}" for place in range(KNOWN)])


async def bare(url: str, group: int, rate: float, seconds: float) -> tuple[float, int]:
    """CPU seconds, and how many calls, of bare calls that leave `group` at a time."""
    address = Address(url, PATH)
    names = accounts()
    decode = msgspec.json.Decoder(TagsReply).decode
    calls = 0
    async with open_session() as session:

        async def call() -> None:
            body = '","'.join([next(names) for _ in range(CHUNK)])
            async with session.post(address.fresh(), data=f'{{"To_Account":["{body}"]}}'.encode()) as response:
                decode(await response.read())

        cpu, due = time.process_time(), time.monotonic()
        end = due + seconds
        async with asyncio.TaskGroup() as group_of_calls:
            while due < end:
                for _ in range(group):
                    group_of_calls.create_task(call())
                calls += group
                due += group / rate
                await asyncio.sleep(due - time.monotonic())
        return time.process_time() - cpu, calls


async def ours(url: str, rate: float, seconds: float) -> tuple[float, int]:
    """The same of a long list and our client, which has made a call before."""
    async with client_of(url, limits={PATH: rate}) as client:
        await client.push.get_tags.one("user-000000000")
        cpu = time.process_time()
        result = await client.push.get_tags(islice(accounts(), int(rate * seconds) * CHUNK))
        return time.process_time() - cpu, result.raise_for_errors().stats.calls


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """Rounds of each group size and of our client, in turns; the medians."""
    costs: dict[str, list[float]] = {name: [] for name in [*map(str, options.groups), CLIENT]}
    # A higher limit than we keep to: what a refused call costs is not asked here.
    with apart(emulate, latency=options.latency / 1000, rate=10 * options.rate, accounts=KNOWN) as url:
        for _ in range(options.rounds):
            for name, of in costs.items():
                if name == CLIENT:
                    cpu, calls = asyncio.run(ours(url, options.rate, options.seconds))
                else:
                    cpu, calls = asyncio.run(bare(url, int(name), options.rate, options.seconds))
                of.append(cpu / calls)
    print("calls that leave together   CPU us per call   % of a core")
    found: dict[str, dict[str, float]] = {}
    for name, of in costs.items():
        cost = median(of)
        found[name] = {"cpu_us_per_call": round(cost * 1e6), "percent_of_a_core": round(100 * cost * options.rate, 1)}
        print(f"{name:>25} {found[name]['cpu_us_per_call']:17.0f} {found[name]['percent_of_a_core']:13.1f}")
    client = found[CLIENT]["percent_of_a_core"]
    return {"runs": found}, [Target("CPU of the client at the limit", client, MOST, "% of a core")]


def draw(path: Path, found: dict[str, Any]) -> None:
    """A bar for each group size, and one for the client."""
    runs, settings = found["runs"], found["settings"]

    def panels(axes: list[Any]) -> None:
        (axis,) = axes
        names = [name if name == CLIENT else f"bare, {name} at once" for name in runs]
        values = [run["cpu_us_per_call"] for run in runs.values()]
        bars = axis.barh(names, values, color=[BLUE if name == CLIENT else GREY for name in runs])
        axis.bar_label(
            bars,
            [f"{run['cpu_us_per_call']:.0f} µs, {run['percent_of_a_core']:g} % of a core" for run in runs.values()],
            padding=3,
            fontsize=8,
        )
        axis.set_xlim(0, 1.35 * max(values))
        axis.invert_yaxis()
        axis.set_xlabel("CPU of the calling process, µs per call of 100 accounts")

    paint(
        path,
        f"At {settings['rate']:g} calls a second: what waking for several calls at once would save",
        panels,
        inches=(9.0, 3.6),
        note=f"service time {settings['latency']:g} ms, server in another process, medians of {settings['rounds']} "
        f"rounds of {settings['seconds']:g} s, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("CPU per call at the limit, for calls that leave one by one and in groups")
    parser.add_argument("--rounds", type=int, default=5, help="of each")
    parser.add_argument("--seconds", type=float, default=4, help="of a round")
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 2, 3, 5, 10], help="calls that leave together")
    parser.add_argument("--rate", type=float, default=100, help="calls per second")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    options = parser.parse_args()
    if min(options.groups) < 1 or min(options.seconds, options.rounds) <= 0:
        parser.error("there is nothing to measure")
    return tell("waking", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
