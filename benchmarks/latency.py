"""How long somebody waits for one account while a million others are on their way, above what a bare call takes.

Usage: python benchmarks/latency.py [--seconds 60] [--idle 600] [--latency 20]

The service time is `latency` milliseconds, give or take a fifth. Four runs, each with a fresh emulator:

* idle: `one` and a bare call of aiohttp in turns, `idle` times each, nothing else on its way;
* beside a stream, beside a call (`await op(list)`), and beside a call of accounts that the service does not know: a
  million of the same command saturate the limit, and `one` is asked 4 times a second at random, and 10 times at once
  every 5 seconds. Another process asks the same emulator at the same time for another command, as often and by bare
  aiohttp: that is what a call takes.

Times count from when a request was due. Prints a table, writes results/latency.json and .png; exit code 1 if a call was
over the limit.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from apart import apart, emulate, fresh
from bare import Address, open_session
from charts import BLUE, GREEN, GREY, LIMIT, ORANGE, PURPLE, paint
from clients import client_of
from judge import judge, read
from openloop import ask_on_time, poisson, with_bursts
from report import Target, options_of, percentile, quantiles, tell

import tim_async

PATH = "timpush/get_tag"
BESIDE = "timpush/get_attr"
"""What the bare caller asks for: of the same emulator, but with a limit of its own."""
ACCOUNTS = 1_000
"""Asked for alone, and never by the bulk: equal reads that both wait would share a place."""
BULK = 1_000_000
KNOWN = 100_000
"""Accounts of the bulk that the service knows; it takes them again and again."""
SETTLE = 5.0
"""Seconds for which the bulk runs alone."""
P50_MOST, P99_MOST, IDLE_MOST = 5.0, 15.0, 1.0
CALLS_LEAST = 90.0


def account(number: int) -> str:
    return f"user-{number % ACCOUNTS:09d}"


def due(seconds: float, seed: int) -> list[float]:
    """When requests come."""
    return with_bursts(poisson(4, seconds, random.Random(seed)), size=10, every=5, seconds=seconds)


@asynccontextmanager
async def bare_asker(url: str) -> AsyncGenerator[Callable[[int], Awaitable[None]]]:
    """Asks for one account by bare aiohttp."""
    address = Address(url, BESIDE)
    async with open_session() as session:

        async def ask(number: int) -> None:
            body = f'{{"To_Account":["{account(number)}"]}}'.encode()
            async with session.post(address.fresh(), data=body) as response:
                if b'"ErrorCode":0' not in await response.read():
                    raise RuntimeError("the bare call was refused, so there is nothing to compare with")

        yield ask


def bare_beside(url: str, since: float, seconds: float) -> list[float]:
    """In a process of its own, from `since` on the monotonic clock: seconds that bare calls take."""

    async def main() -> list[float]:
        async with bare_asker(url) as ask:
            await asyncio.sleep(since - time.monotonic())
            return await ask_on_time(due(seconds, seed=2), ask)

    return asyncio.run(main())


@asynccontextmanager
async def open_client(url: str) -> AsyncGenerator[tim_async.Client]:
    """A client like any other."""
    async with client_of(url) as client:
        yield client


async def idle(url: str, times: int) -> dict[str, list[float]]:
    """Seconds of `one` and of bare calls, in turns, after some of both."""
    took: dict[str, list[float]] = {"one": [], "bare": []}
    async with open_client(url) as client, bare_asker(url) as ask_bare:

        async def ask_one(number: int) -> None:
            await client.push.get_tags.one(account(number))

        for number in range(times + 10):
            for name, ask in (("one", ask_one), ("bare", ask_bare)):
                began = time.perf_counter()
                await ask(number)
                took[name].append(time.perf_counter() - began)
    return {name: of[10:] for name, of in took.items()}


async def as_stream(client: tim_async.Client, ids: list[str]) -> None:
    async with client.push.get_tags.stream(ids) as outcomes:
        async for _ in outcomes:
            pass


async def as_call(client: tim_async.Client, ids: list[str]) -> None:
    await client.push.get_tags(ids)


class Bulk(NamedTuple):
    """A million that go at the same time."""

    words: str
    start: Callable[[tim_async.Client, list[str]], Coroutine[Any, Any, None]]
    known: bool
    """Whether the service knows the accounts; else each of them ends `Rejected`."""

    @property
    def ids(self) -> list[str]:
        """The million."""
        if self.known:
            return [f"user-{ACCOUNTS + place % KNOWN:09d}" for place in range(BULK)]
        return [f"nobody-{place:09d}" for place in range(BULK)]


BULKS = {
    "stream": Bulk("beside a stream of a million", as_stream, known=True),
    "call": Bulk("beside a call of a million", as_call, known=True),
    "refused": Bulk("beside such a call, all rejected", as_call, known=False),
}


async def busy(url: str, bulk: Bulk, seconds: float) -> tuple[dict[str, list[float]], tuple[float, float]]:
    """Seconds of `one` beside the bulk, and of bare calls elsewhere; and from when to when that was."""
    async with open_client(url) as client:

        async def ask(number: int) -> None:
            await client.push.get_tags.one(account(number))

        load = asyncio.create_task(bulk.start(client, bulk.ids))
        since = time.monotonic() + SETTLE
        with fresh() as process:
            # Started early: while it imports, it takes a core.
            bare = process.submit(bare_beside, url, since, seconds)
            await asyncio.sleep(since - time.monotonic())
            one = await ask_on_time(due(seconds, seed=1), ask)
            until = time.monotonic()
            theirs = await asyncio.wrap_future(bare)
        load.cancel()
        await asyncio.wait([load])
    return {"one": one, "bare": theirs}, (since, until)


def above(took: dict[str, list[float]]) -> dict[str, Any]:
    """Milliseconds of both, and what `one` takes more."""
    milliseconds = {name: [1000 * seconds for seconds in of] for name, of in took.items()}
    found: dict[str, Any] = {"requests": len(took["one"])}
    for percent in (50, 99):
        one, bare = (percentile(milliseconds[name], percent) for name in ("one", "bare"))
        found |= {f"p{percent}": round(one, 2), f"p{percent}_bare": round(bare, 2)}
        found[f"p{percent}_above_bare"] = round(one - bare, 2)
    return found | {f"quantiles_{name}": quantiles(of) for name, of in milliseconds.items()}


def run_idle(options: argparse.Namespace) -> dict[str, Any]:
    """Nothing else is on its way."""
    with apart(emulate, latency=options.latency / 1000, accounts=ACCOUNTS) as url:
        return above(asyncio.run(idle(url, options.idle)))


def run_busy(options: argparse.Namespace, bulk: Bulk) -> dict[str, Any]:
    """Beside a million."""
    with apart(emulate, latency=options.latency / 1000, accounts=ACCOUNTS + KNOWN) as url:
        took, (since, until) = asyncio.run(busy(url, bulk, options.seconds))
        rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={PATH}")["arrivals"]
    times = sorted(float(row[0]) for row in rows)
    during = sum(since <= at < until for at in times) / (until - since)
    return {
        **above(took),
        "calls_per_second": round(during, 2),
        "refused": sum(bool(row[1]) for row in rows),
        **judge(times),
    }


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """The four runs."""
    print(
        "                p50   bare  above     p99   bare  above ms   calls/s   over: fixed, sliding, bucket, refused"
    )
    runs: dict[str, dict[str, Any]] = {}
    for name in ("idle", *BULKS):
        run = runs[name] = run_idle(options) if name == "idle" else run_busy(options, BULKS[name])
        line = "  ".join(
            f"{run[f'p{percent}']:6.1f} {run[f'p{percent}_bare']:6.1f} {run[f'p{percent}_above_bare']:6.2f}"
            for percent in (50, 99)
        )
        if name in BULKS:
            line += (
                f" {run['calls_per_second']:12.1f} {[run[key] for key in ('fixed', 'sliding', 'bucket', 'refused')]}"
            )
        print(f"{name:12}{line}", flush=True)
    return {"runs": runs}, targets(runs)


def targets(runs: dict[str, dict[str, Any]]) -> list[Target]:
    """What is asked of these runs."""
    found = [Target("idle, p50 of one above a bare call", runs["idle"]["p50_above_bare"], IDLE_MOST, "ms")]
    for name, bulk in BULKS.items():
        run, words = runs[name], bulk.words
        over = sum(run[key] for key in ("fixed", "sliding", "bucket", "refused"))
        found += [
            Target(f"{words}, p50 of one above a bare call", run["p50_above_bare"], P50_MOST, "ms"),
            Target(f"{words}, p99 of one above a bare call", run["p99_above_bare"], P99_MOST, "ms"),
            Target(f"{words}, calls in all", run["calls_per_second"], CALLS_LEAST, "calls/s", at_least=True),
            Target(f"{words}, calls over the limit", over, 0, "calls", promise=True),
        ]
    return found


def draw(path: Path, found: dict[str, Any]) -> None:
    """The share of the requests that were answered after so long: left all of them, right the last tenth."""
    runs = found["runs"]
    lines = [
        ("bare call, idle", runs["idle"]["quantiles_bare"], GREY, ":"),
        ("one, idle", runs["idle"]["quantiles_one"], GREEN, "-"),
        ("bare call beside a stream of a million", runs["stream"]["quantiles_bare"], GREY, "-"),
        *(
            (f"one {bulk.words}", runs[name]["quantiles_one"], colour, "-")
            for (name, bulk), colour in zip(BULKS.items(), (BLUE, ORANGE, PURPLE), strict=True)
        ),
    ]
    # The last half percent is one or two requests.
    shares = [half / 2 for half in range(200)]

    def panels(axes: list[Any]) -> None:
        for axis, lowest in zip(axes, (0, 90), strict=True):
            for name, values, colour, style in lines:
                axis.plot(values[:-1], shares, color=colour, linestyle=style, linewidth=1.4, label=name)
            axis.set_ylim(lowest, 100)
            axis.set_xlabel("milliseconds until the answer")
        axes[0].set_ylabel("% of the requests answered by then")
        axes[0].set_title("all requests", fontsize=10, loc="left")
        axes[1].set_title("the slowest tenth", fontsize=10, loc="left")
        axes[1].axvline(
            runs["stream"]["p99_bare"] + P99_MOST,
            color=LIMIT,
            linestyle="--",
            linewidth=1.2,
            label=f"target for 99 %: bare + {P99_MOST:g} ms",
        )
        axes[1].axhline(99, color=LIMIT, linestyle="--", linewidth=0.8)
        axes[1].legend(loc="lower right", fontsize=8)

    paint(
        path,
        "One account, while a million of the same command saturate the limit",
        panels,
        columns=2,
        note=f"service time {found['settings']['latency']:g} ms ± a fifth; 4 requests/s at random and bursts of 10; "
        f"{runs['stream']['requests']} requests each, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("Single requests beside saturating bulk, above what a bare call takes")
    parser.add_argument("--seconds", type=float, default=60, help="of each busy run")
    parser.add_argument("--idle", type=int, default=600, help="requests of each kind in the idle run")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    options = parser.parse_args()
    if options.seconds < 5:
        parser.error("a run takes 5 seconds or more")
    return tell("latency", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
