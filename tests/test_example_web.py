"""The web service of ``examples/web`` as a process of its own; the emulator's books judge it."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from box import running
from ports import free_port
from redis_server import RedisServer

from tim_async import bulk
from tim_async.emulator import DEMO_KEY, Emulator

WEB = Path(__file__).parents[1] / "examples" / "web"
PATIENCE = 60.0  # seconds until a test gives up on what must come
DELETE = "im_open_login_svc/account_delete"
TAGS = "timpush/get_tag"


class Web:
    """One process of the service, and what asks it."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.session = session

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json(content_type=None)

    async def delete(self, accounts: list[str]) -> str:
        async with self.session.post("/deletions", json=accounts) as reply:
            assert reply.status == 202
            return str((await reply.json())["id"])

    async def events(self, name: str) -> list[dict[str, Any]]:
        async with self.session.get(f"/deletions/{name}/events") as reply:
            return [json.loads(line.removeprefix(b"data: ")) async for line in reply.content if line.strip()]

    async def outcomes(self, name: str) -> int:
        """How many are told."""
        async with self.session.get(f"/deletions/{name}/outcomes") as reply:
            return len((await reply.read()).splitlines())

    async def stop(self) -> str:
        """SIGTERM; what it wrote until its end, which is that of a program that was not at fault."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        said = (await self.process.stderr.read()).decode()
        assert await self.process.wait() in (0, -signal.SIGTERM), said
        return said


@asynccontextmanager
async def web(emulator: Emulator, state: Path, **settings: str) -> AsyncGenerator[Web]:
    """The service, once it listens."""
    port = free_port()
    environment = {
        **os.environ,
        "TIM_SDK_APP_ID": "1400000000",
        "TIM_SECRET_KEY": DEMO_KEY,
        "TIM_BASE_URL": emulator.url,
        "STATE": str(state),
        **settings,
    }
    command = [sys.executable, "-m", "uvicorn", "service:app", "--app-dir", str(WEB), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, "--no-access-log", "--backlog", "2048", stderr=subprocess.PIPE, env=environment
    )
    assert process.stderr is not None
    try:
        said = b""
        while b"Uvicorn running" not in said:
            line = await process.stderr.readline()
            assert line, said.decode()
            said += line
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session:
            yield Web(process, session)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@pytest.fixture
def slow() -> Iterator[Emulator]:
    """A service that takes a second for each call, in a loop of its own."""
    with running(Emulator(latency=1.0)) as emulator:
        yield emulator


def in_flight(emulator: Emulator, path: str) -> bool:
    """Whether a call has come that has no answer yet."""
    return any(call.path == path and not call.answered for call in list(emulator.books.calls))


async def until_accepted(web: Web, count: int) -> None:
    """Until the service has begun with so many requests."""
    deadline = time.monotonic() + PATIENCE
    while (await web.get("/health"))["requests"].get("tags", 0) < count:
        assert time.monotonic() < deadline


async def until_in_flight(web: Web, emulator: Emulator, path: str) -> None:
    """Until the emulator has a call that it has not answered."""
    deadline = time.monotonic() + PATIENCE
    while not in_flight(emulator, path):
        assert time.monotonic() < deadline
        await web.get("/health")  # which gives way to whatever else goes on


def told_is_true(emulator: Emulator, journal: Path, given: int) -> Counter[str]:
    """Outcomes told by kind; each account has one or none, and each Ok is in the books exactly once."""
    with io.BytesIO() as sink, bulk.AccountFile(journal.with_suffix(".txt")) as accounts:
        bulk.export_outcomes(bulk.Known(journal), accounts, sink)
        outcomes = [json.loads(line) for line in sink.getvalue().splitlines()]
    standing = bulk.standing_of(journal)
    unread = standing.source["count"] - sum(standing.counts.values())
    assert len({outcome["account"] for outcome in outcomes}) == len(outcomes) == given - unread
    for outcome in outcomes:
        if outcome["outcome"] == "Ok":
            done = emulator.books.done(outcome["account"], DELETE)
            assert len(done) == 1, (outcome, done, emulator.books.of(outcome["account"]))
    return Counter(outcome["outcome"] for outcome in outcomes)


@pytest.mark.skipif("TIM_ASYNC_PROVE" not in os.environ, reason="set TIM_ASYNC_PROVE=1: it needs a quick machine")
@pytest.mark.parametrize(("close_timeout", "cut"), [("30", False), ("0.1", True)], ids=["time enough", "too short"])
async def test_a_service_that_is_stopped_answers_all_it_accepted_and_loses_no_outcome(
    slow: Emulator, tmp_path: Path, close_timeout: str, cut: bool
) -> None:
    users, doomed = names("user", 500), names("doomed", 40_000)
    slow.accounts.add(*users, *doomed)
    async with web(slow, tmp_path, CLOSE_TIMEOUT=close_timeout) as first:

        async def ask(user: str) -> int:
            async with first.session.get(f"/users/{user}/tags") as reply:
                return reply.status

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(user)) for user in users]
            await until_accepted(first, len(users))
            name = await first.delete(doomed)
            await until_in_flight(first, slow, DELETE)
            said = await first.stop()
        assert [task.result() for task in asked] == [200] * 500
        assert "Traceback" not in said
    journal = tmp_path / f"{name}.job"
    told = told_is_true(slow, journal, len(doomed))
    assert 0 < told["Ok"] < len(doomed)
    assert (told["Unknown"] > 0) == cut
    async with web(slow, tmp_path) as again:
        *_, last = await again.events(name)
        assert (last["given"], last["over"]) == (40_000, True)
        assert await again.outcomes(name) == len(doomed)
        await again.stop()
    assert told_is_true(slow, journal, len(doomed)) == {"Ok": len(doomed)} == {"Ok": last["counts"]["Ok"]}
    assert set(slow.accounts) == set(users)


async def test_two_services_that_delete_at_once_keep_one_limit_also_when_redis_dies(tmp_path: Path) -> None:
    lists = [names("a", 15_000), names("b", 15_000)]
    with running(Emulator(latency=0.05)) as emulator, RedisServer() as redis:
        emulator.accounts.add(*lists[0], *lists[1])
        settings = {"REDIS_URL": redis.url, "WORKERS": "2"}
        async with AsyncExitStack() as stack:
            both = [await stack.enter_async_context(web(emulator, tmp_path / "state", **settings)) for _ in lists]
            jobs = [await each.delete(accounts) for each, accounts in zip(both, lists, strict=True)]
            watching = [asyncio.create_task(each.events(job)) for each, job in zip(both, jobs, strict=True)]
            await both_delete(both)
            redis.kill()
            last = [events[-1] for events in await asyncio.gather(*watching)]
            assert [each["counts"]["Ok"] for each in last] == [15_000, 15_000]
            for each in both:
                await each.stop()
    assert not emulator.accounts
    statistics = emulator.statistics()[DELETE]
    assert statistics.refused == 0
    assert max(statistics.worst_sliding_second, statistics.worst_fixed_second) <= 100


async def both_delete(both: list[Web]) -> None:
    """Until each of them has had calls answered, while the others' go on."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        numbers = [(await each.get("/health"))["commands"].get(DELETE, {}) for each in both]
        if all(each.get("calls", 0) >= 5 for each in numbers):
            return
    raise AssertionError("they do not both delete")


async def test_what_the_service_says_no_to_is_an_http_status(tmp_path: Path) -> None:
    with running(Emulator()) as emulator:
        emulator.accounts.add("Mary")
        async with web(emulator, tmp_path) as it:
            async with it.session.put("/users/Mary/attributes", json={"city": "Paris"}) as reply:
                assert reply.status == 204, await reply.text()
            assert emulator.accounts["Mary"].attributes == {"city": "Paris"}
            async with it.session.get("/users/nobody/tags") as reply:
                assert (reply.status, "70107" in await reply.text()) == (404, True)
            async with it.session.get("/deletions/nothing") as reply:
                assert reply.status == 404
            async with it.session.post("/deletions", json=["Mary", " Bob"]) as reply:
                assert reply.status == 422
            await it.stop()
