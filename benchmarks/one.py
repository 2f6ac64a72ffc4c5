"""What a single request costs: CPU of many `one` at once, with the limiter off.

Usage: python benchmarks/one.py [--rounds 15] [--requests 10000] [--loop asyncio]

As many coroutines as `requests` ask for one account each, in the same moment; each way packs them into calls of 100,
16 in flight, to a server in another process. `by hand` is the coalescer of fifteen lines that one would write if speed
were all: no retry, no limit, no priority, no timeout, and nobody may leave. `aiodataloader` is the `load` of that
package, with one loader for all. Rounds alternate, and what counts is the median of the CPU time of this process.
Prints a table, writes results/one.json and .png.
"""

import argparse
import asyncio
import gc
import importlib
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import msgspec
from apart import apart
from bare import APP, Address, TagsReply, open_session
from charts import BLUE, GREY, ORANGE, paint
from instant import serve_instantly
from report import Target, options_of, tell
from rivals import CHUNK, IN_FLIGHT, installed

import tim_async
from tim_async.emulator import DEMO_KEY

PATH = "timpush/get_tag"
CLIENT = "tim-async"
BY_HAND = "by hand"
COLOURS = {CLIENT: BLUE, BY_HAND: GREY, "aiodataloader": ORANGE}
MOST = 1.4
"""Times the CPU of the coalescer by hand that the client may take."""

Tags = tuple[str, ...]
Ask = Callable[[str], Awaitable[Tags]]


class Caller:
    """One call: encode, a fresh URL, POST, decode."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._address = Address(url, PATH)
        self._decode = msgspec.json.Decoder(TagsReply).decode
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def __call__(self, accounts: list[str]) -> dict[str, Tags]:
        """The tags of some accounts."""
        async with self._slots:
            body = msgspec.json.encode({"To_Account": accounts})
            async with self._session.post(self._address.fresh(), data=body) as response:
                reply = self._decode(await response.read())
        return {row.To_Account: row.Tags for row in reply.UserTags}


class ByHand:
    """The coalescer of fifteen lines: those who ask in one turn of the loop share calls."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self._waiting: dict[str, asyncio.Future[Tags]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, account: str) -> Tags:
        """The tags of one account."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        waiter = self._waiting[account] = asyncio.get_running_loop().create_future()
        tags: Tags = await waiter
        return tags

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        accounts = list(waiting)
        for start in range(0, len(accounts), CHUNK):
            task = asyncio.create_task(self._answer(accounts[start : start + CHUNK], waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, accounts: list[str], waiting: dict[str, asyncio.Future[Tags]]) -> None:
        found = await self._call(accounts)
        for account in accounts:
            waiting[account].set_result(found[account])


def data_loader(call: Caller) -> Ask:
    """The `load` of aiodataloader; its cache is off, as nobody else here has one."""

    async def load(accounts: list[str]) -> list[Tags]:
        found = await call(accounts)
        return [found[account] for account in accounts]

    loader: Any = importlib.import_module("aiodataloader").DataLoader(load, max_batch_size=CHUNK, cache=False)

    async def ask(account: str) -> Tags:
        tags: Tags = await loader.load(account)
        return tags

    return ask


async def cost(ask: Ask, accounts: list[str]) -> float:
    """Microseconds of CPU per request of one round. Garbage of the round before is gone first."""
    gc.collect()
    cpu = time.process_time()
    tags = await asyncio.gather(*map(ask, accounts))
    cpu = time.process_time() - cpu
    if not all(tags):
        sys.exit("not every request was answered, so there is nothing to compare")
    return cpu / len(accounts) * 1e6


async def compare(url: str, *, rounds: int, requests: int) -> dict[str, list[float]]:
    """Rounds of all, in turns; the first of each only warms up. Name -> what a request cost in each round."""
    accounts = [f"user-{place:09d}" for place in range(requests)]
    async with (
        open_session() as session,
        tim_async.Client(
            sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limiter=None, max_in_flight=IN_FLIGHT
        ) as client,
    ):
        call = Caller(session, url)
        ways: dict[str, Ask] = {BY_HAND: ByHand(call).ask, CLIENT: client.push.get_tags.one}
        if installed("aiodataloader"):
            ways["aiodataloader"] = data_loader(call)
        costs: dict[str, list[float]] = {name: [] for name in ways}
        order = deque(ways.items())
        for _ in range(rounds + 1):
            for name, ask in order:
                costs[name].append(await cost(ask, accounts))
            order.rotate(-1)
    return {name: of[1:] for name, of in costs.items()}


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """All ways in one run."""
    with apart(serve_instantly) as url:
        module = importlib.import_module(options.loop)
        with asyncio.Runner(loop_factory=module.new_event_loop) as runner:
            costs = runner.run(compare(url, rounds=options.rounds, requests=options.requests))
    medians = {name: median(of) for name, of in costs.items()}
    ways = {
        name: {"cpu_us": round(cpu, 2), "ratio": round(cpu / medians[BY_HAND], 2)}
        for name, cpu in sorted(medians.items(), key=lambda item: item[1])
    }
    print(f"{'CPU per single request':24} {'us':>7} {'x by hand':>10}")
    for name, way in ways.items():
        print(f"{name:24} {way['cpu_us']:7.1f} {way['ratio']:10.2f}")
    return {"ways": ways}, [
        Target("CPU of a single request, times that of a coalescer by hand", ways[CLIENT]["ratio"], MOST, "times")
    ]


def draw(path: Path, found: dict[str, Any]) -> None:
    """A bar for each way."""
    ways, settings = found["ways"], found["settings"]

    def panel(axes: list[Any]) -> None:
        names = [name for name in COLOURS if name in ways]
        bars = axes[0].barh(names, [ways[name]["cpu_us"] for name in names], color=[COLOURS[name] for name in names])
        labels = [f"{ways[name]['cpu_us']:.0f} µs = {ways[name]['ratio']:.2f} x by hand" for name in names]
        axes[0].bar_label(bars, labels, padding=3, fontsize=8)
        axes[0].set_xlim(0, 1.4 * max(way["cpu_us"] for way in ways.values()))
        axes[0].invert_yaxis()
        axes[0].set_xlabel("CPU of the calling process, µs per request")

    paint(
        path,
        "The price of a single request",
        panel,
        inches=(9.0, 2.6),
        note=f"limiter off, server in another process; medians of {settings['rounds']} rounds of "
        f"{settings['requests']:,} at once, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("CPU of single requests, against a coalescer by hand and a data loader")
    parser.add_argument("--rounds", type=int, default=15, help="of each")
    parser.add_argument("--requests", type=int, default=10_000, help="at once, in a round")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="whose event loop")
    return tell("one", parser.parse_args(), measure, draw)


if __name__ == "__main__":
    sys.exit(main())
