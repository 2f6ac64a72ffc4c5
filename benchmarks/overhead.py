"""What the library costs beyond aiohttp and msgspec: CPU per call, with the limiter off.

Usage: python benchmarks/overhead.py [--rounds 15] [--calls 300] [--command get_tags] [--loop asyncio] [--shuffled]

The client sends `calls` calls of 100 accounts each through its ordinary operation, 16 in flight, to a server in another
process. `bare` is the loop that one would write by hand if speed were all, with nothing around it; the others are what
others have published for it (rivals.py says what each does). Rounds of all alternate, and who begins changes from round
to round, since each finds the memory as the one before it left it; what counts is the median of the CPU time of this
process. The server answers in the order of the question, or, with --shuffled, in any. Where uvloop is installed,
get_tags is measured on it too. Prints a table, writes results/overhead.json and .png.
"""

import argparse
import asyncio
import gc
import importlib
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
from apart import apart
from bare import APP, TagsReply, open_session
from charts import BLUE, GREEN, GREY, LIMIT, ORANGE, PURPLE, RED, paint
from instant import serve_instantly
from report import Target, options_of, tell
from rivals import CHUNK, IN_FLIGHT, Work, rivals

import tim_async
from tim_async.emulator import DEMO_KEY

ATTRIBUTES = {"city": "NewYork", "level": "7"}
CLIENT = "tim-async"
MOST = 1.4
"""Times the CPU of the bare loop that the client may take."""
COLOURS = {
    CLIENT: BLUE,
    "bare": GREY,
    "aiometer": GREEN,
    "pinecone": RED,
    "aiodataloader": ORANGE,
    "tencentcloud-sdk": PURPLE,
}
LOOPS: dict[str, str] = {"asyncio": "asyncio", "uvloop": "uvloop"}
"""Name -> the module that makes one."""


class Deleted(msgspec.Struct, frozen=True, gc=False):
    """One account of an answer."""

    UserID: str
    ResultCode: int = 0


class DeleteReply(msgspec.Struct, frozen=True, gc=False):
    """The answer to account_delete."""

    ErrorCode: int
    ResultItem: tuple[Deleted, ...] = ()


class SetReply(msgspec.Struct, frozen=True, gc=False):
    """The answer to set_attr."""

    ErrorCode: int


class Case(NamedTuple):
    """One command, both ways."""

    path: str
    reply: type[TagsReply | DeleteReply | SetReply]
    rows: str
    body: Callable[[list[str]], object]
    operation: Callable[[tim_async.Client], Callable[[Any], Awaitable[tim_async.BatchResult[Any]]]]
    arguments: dict[str, str] | None = None


def to_accounts(ids: list[str]) -> object:
    return {"To_Account": ids}


def delete_item(ids: list[str]) -> object:
    return {"DeleteItem": [{"UserID": account} for account in ids]}


def user_attrs(ids: list[str]) -> object:
    return {"UserAttrs": [{"To_Account": account, "Attrs": ATTRIBUTES} for account in ids]}


CASES = {
    "get_tags": Case("timpush/get_tag", TagsReply, "UserTags", to_accounts, attrgetter("push.get_tags")),
    "delete": Case(
        "im_open_login_svc/account_delete", DeleteReply, "ResultItem", delete_item, attrgetter("accounts.delete")
    ),
    "set_attributes": Case("timpush/set_attr", SetReply, "", user_attrs, attrgetter("push.set_attributes"), ATTRIBUTES),
}


async def cost(run: Callable[[], Awaitable[Any]], calls: int) -> tuple[float, float]:
    """Microseconds per call of one round: of CPU, and of the wall clock. Garbage of the round before is gone first."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = await run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if good_calls(result) != calls:
        sys.exit(f"only {good_calls(result)} of {calls} calls succeeded, so there is nothing to compare")
    return cpu / calls * 1e6, wall / calls * 1e6


def good_calls(result: tim_async.BatchResult[Any] | list[Any]) -> int:
    """How many calls of a round succeeded."""
    if isinstance(result, tim_async.BatchResult):
        return result.stats.calls if result.ok else 0
    return sum(reply["ErrorCode"] == 0 if isinstance(reply, dict) else reply.ErrorCode == 0 for reply in result)


async def compare(url: str, case: Case, *, rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Rounds of all, in turns; the first of each only warms up. Name -> what it cost."""
    ids = [f"user-{place:09d}" for place in range(calls * CHUNK)]
    batch = ids if case.arguments is None else dict.fromkeys(ids, case.arguments)
    async with (
        open_session() as session,
        tim_async.Client(
            sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limiter=None, max_in_flight=IN_FLIGHT
        ) as client,
    ):
        work = Work(url, case.path, ids, case.body, case.reply, case.rows)
        ways: dict[str, Callable[[], Awaitable[Any]]] = {
            **{name: partial(rival, session, work) for name, rival in rivals(case.path).items()},
            CLIENT: partial(case.operation(client), batch),
        }
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        order = deque(ways.items())
        for _ in range(rounds + 1):
            for name, way in order:
                costs[name].append(await cost(way, calls))
            order.rotate(-1)
    return {name: summary(of[1:]) for name, of in costs.items()}


def summary(costs: list[tuple[float, float]]) -> dict[str, float]:
    """The medians of the rounds."""
    return {
        "cpu_us": round(median(cpu for cpu, _ in costs), 1),
        "calls_per_second": round(1e6 / median(wall for _, wall in costs)),
    }


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """One comparison for each command, and one more on the other loop."""
    names: list[str] = [options.command] if options.command else list(CASES)
    runs = [(name, options.loop) for name in names]
    if options.loop == "asyncio" and find_spec("uvloop") is not None:
        runs.append((names[0], "uvloop"))
    commands: dict[str, Any] = {}
    print(f"{'CPU per call of 100 accounts':40} {'us':>9} {'x bare':>7} {'calls/s':>9}")
    with apart(serve_instantly, shuffled=options.shuffled) as url:
        for name, loop in runs:
            with asyncio.Runner(loop_factory=importlib.import_module(LOOPS[loop]).new_event_loop) as runner:
                costs = runner.run(compare(url, CASES[name], rounds=options.rounds, calls=options.calls))
            title = name if loop == "asyncio" else f"{name} on {loop}"
            for way, found in sorted(costs.items(), key=lambda item: item[1]["cpu_us"]):
                found["ratio"] = round(found["cpu_us"] / costs["bare"]["cpu_us"], 2)
                print(
                    f"{title + ', ' + way:40} {found['cpu_us']:9.0f} {found['ratio']:7.2f} "
                    f"{found['calls_per_second']:9.0f}",
                    flush=True,
                )
            commands[title] = costs
    targets = [
        Target(f"CPU of {title}, times that of the bare loop", costs[CLIENT]["ratio"], MOST, "times")
        for title, costs in commands.items()
        if "uvloop" not in title
    ]
    return {"in_flight": IN_FLIGHT, "commands": commands}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """Bars: a panel for each command."""
    commands, settings = found["commands"], found["settings"]
    most = max(way["cpu_us"] for costs in commands.values() for way in costs.values())

    def panels(axes: list[Any]) -> None:
        for axis, (command, costs) in zip(axes, commands.items(), strict=True):
            ways = [way for way in COLOURS if way in costs]
            bars = axis.barh(ways, [costs[way]["cpu_us"] for way in ways], color=[COLOURS[way] for way in ways])
            axis.bar_label(
                bars,
                [f"{costs[way]['cpu_us']:.0f} µs = {costs[way]['ratio']:.2f} x bare" for way in ways],
                padding=3,
                fontsize=8,
            )
            axis.axvline(costs["bare"]["cpu_us"], color=LIMIT, linestyle="--", linewidth=1.2)
            axis.set_xlim(0, 1.25 * most)
            axis.invert_yaxis()
            axis.set_title(command, fontsize=10, loc="left")
        axes[-1].set_xlabel("CPU of the calling process, µs per call of 100 accounts (dashed: the bare loop)")

    paint(
        path,
        "The price of a call: the client against a bare aiohttp loop, and others",
        panels,
        rows=len(commands),
        inches=(9.0, 1.2 + 1.6 * len(commands)),
        share_x=True,
        note=f"limiter off, {found['in_flight']} in flight, server in another process; medians of "
        f"{settings['rounds']} rounds of {settings['calls']} calls, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("CPU per call of the client, against bare aiohttp and msgspec, and against others")
    parser.add_argument("--rounds", type=int, default=15, help="of each")
    parser.add_argument("--calls", type=int, default=300, help="in a round")
    parser.add_argument("--command", choices=sorted(CASES), help="only this one")
    parser.add_argument("--shuffled", action="store_true", help="answer in another order than asked")
    parser.add_argument("--loop", choices=sorted(LOOPS), default="asyncio", help="whose event loop")
    return tell("overhead", parser.parse_args(), measure, draw)


if __name__ == "__main__":
    sys.exit(main())
