"""What the library costs beyond aiohttp and msgspec: CPU per call, with the limiter off.

Usage: python benchmarks/overhead.py [--rounds 15] [--calls 300] [--command get_tags]

The client sends `calls` calls of 100 accounts each through its ordinary operation, 16 in flight, to a server in another
process. The rival is the loop that one would write by hand if speed were all, and it has it easier: a signature made
once, no retry, no limits, no outcomes: encode, a URL with a fresh random number, as the service asks for, POST, decode
into frozen structs, append to a list. Rounds of both alternate; what counts is the median of the CPU time of this
process. Prints a table, and writes results/overhead.json.
"""

import argparse
import asyncio
import gc
import json
import platform
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import aiohttp
import msgspec
from apart import apart
from instant import serve_instantly
from yarl import URL

import tim_async

CHUNK = 100
IN_FLIGHT = 16
APP = 1400000000
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"  # the example key of Tencent's own generators
QUERY = f"sdkappid={APP}&identifier=administrator&contenttype=json&usersig={'x' * 160}"
ATTRIBUTES = {"city": "NewYork", "level": "7"}


class Tags(msgspec.Struct, frozen=True, gc=False):
    """One account of an answer."""

    To_Account: str
    Tags: tuple[str, ...] = ()


class TagsReply(msgspec.Struct, frozen=True, gc=False):
    """The answer to get_tag."""

    ErrorCode: int
    UserTags: tuple[Tags, ...] = ()


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
    "get_tags": Case("timpush/get_tag", TagsReply, to_accounts, attrgetter("push.get_tags")),
    "delete": Case("im_open_login_svc/account_delete", DeleteReply, delete_item, attrgetter("accounts.delete")),
    "set_attributes": Case("timpush/set_attr", SetReply, user_attrs, attrgetter("push.set_attributes"), ATTRIBUTES),
}


class Verdict(NamedTuple):
    """CPU per call in microseconds, medians over the rounds, and the calls per second at which they were measured."""

    client_us: float
    bare_us: float
    ratio: float
    client_calls_per_second: float
    bare_calls_per_second: float


async def bare(session: aiohttp.ClientSession, url: str, case: Case, ids: list[str]) -> list[Any]:
    """The rival: as many workers as the client has calls in flight, sharing one iterator."""
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(case.reply).decode
    base = f"{url}/v4/{case.path}?{QUERY}&random="
    headers = {"Content-Type": "application/json"}
    chunks: Iterator[list[str]] = (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
    replies: list[Any] = []

    async def work() -> None:
        for chunk in chunks:
            target = URL(f"{base}{random.getrandbits(32)}", encoded=True)
            async with session.post(target, data=encode(case.body(chunk)), headers=headers) as response:
                reply = decode(await response.read())
            if reply.ErrorCode == 0:
                replies.append(reply)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return replies


async def cost(run: Callable[[], Awaitable[Any]], calls: int) -> tuple[float, float]:
    """Microseconds per call of one round: of CPU, and of the wall clock. Garbage of the round before is gone first."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = await run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    del result
    return cpu / calls * 1e6, wall / calls * 1e6


async def compare(url: str, case: Case, *, rounds: int, calls: int) -> Verdict:
    """Rounds of both, in turns; the first of each only warms up, and is checked."""
    ids = [f"user-{place:09d}" for place in range(calls * CHUNK)]
    timeout = aiohttp.ClientTimeout(total=10, connect=5)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        ) as session,
        tim_async.Client(sdk_app_id=APP, secret_key=KEY, base_url=url, limiter=None, max_in_flight=IN_FLIGHT) as client,
    ):
        operation = case.operation(client)
        batch = ids if case.arguments is None else dict.fromkeys(ids, case.arguments)
        result = await operation(batch)
        replies = await bare(session, url, case, ids)
        if not result.ok or result.stats.calls != calls or len(replies) != calls:
            sys.exit(f"{case.path}: not every call succeeded, so there is nothing to compare")
        del result, replies
        theirs: list[tuple[float, float]] = []
        ours: list[tuple[float, float]] = []
        for _ in range(rounds):
            theirs.append(await cost(lambda: bare(session, url, case, ids), calls))
            ours.append(await cost(lambda: operation(batch), calls))
    client_us, bare_us = median(cpu for cpu, _ in ours), median(cpu for cpu, _ in theirs)
    return Verdict(
        round(client_us, 1),
        round(bare_us, 1),
        round(client_us / bare_us, 2),
        round(1e6 / median(wall for _, wall in ours)),
        round(1e6 / median(wall for _, wall in theirs)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per call of the client, against bare aiohttp and msgspec")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--command", choices=sorted(CASES), help="only this one")
    options = parser.parse_args()
    names: list[str] = [options.command] if options.command else list(CASES)
    commands: dict[str, Any] = {}
    print(f"{'CPU per call of 100 accounts':30} {'client':>9} {'bare':>9} {'ratio':>7}")
    with apart(serve_instantly) as url:
        for name in names:
            verdict = asyncio.run(compare(url, CASES[name], rounds=options.rounds, calls=options.calls))
            commands[name] = verdict._asdict()
            print(f"{name:30} {verdict.client_us:6.0f} us {verdict.bare_us:6.0f} us {verdict.ratio:7.2f}")
    report = {
        "rounds": options.rounds,
        "calls": options.calls,
        "in_flight": IN_FLIGHT,
        "python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "msgspec": version("msgspec"),
        "commands": commands,
    }
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    (results / "overhead.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
