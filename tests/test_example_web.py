"""The web service of ``examples/web`` as processes of its own; the books of the emulator, another process, judge it."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from arrivals import most_in_a_second
from emulated import EmulatorProcess, until
from ports import free_port
from redis_server import RedisServer

from tim_async import bulk
from tim_async.emulator import DEMO_KEY, Fault, on

WEB = Path(__file__).parents[1] / "examples" / "web"
DELETE = "im_open_login_svc/account_delete"
TAGS = "timpush/get_tag"
PATIENT = aiohttp.ClientTimeout()


class Asker:
    """What asks the service."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
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

    async def until_accepted(self, count: int) -> None:
        """Until the service has begun with so many requests."""

        async def accepted() -> bool:
            return bool((await self.get("/health"))["requests"].get("tags", 0) >= count)

        await until(accepted)

    async def until_deleted(self, name: str, count: int) -> None:
        """Until so many accounts of a deletion are gone."""

        async def deleted() -> bool:
            return bool((await self.get(f"/deletions/{name}"))["counts"].get("Ok", 0) >= count)

        await until(deleted)

    async def until_in_flight(self, count: int) -> None:
        """Until the process that answers has made so many deletions that have no answer yet."""

        async def in_flight() -> bool:
            return bool((await self.get("/health"))["commands"].get(DELETE, {"in_flight": 0})["in_flight"] >= count)

        await until(in_flight)


class Web(Asker):
    """The service, in one process or several."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, session: aiohttp.ClientSession) -> None:
        super().__init__(session)
        self._process = process
        self._url = url
        self._said = b""

    async def heard(self, words: bytes, times: int = 1) -> None:
        """Wait until it has said something."""
        assert self._process.stderr is not None
        while self._said.count(words) < times:
            line = await self._process.stderr.readline()
            assert line, self._said.decode()
            self._said += line

    def stop(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    async def ended(self) -> str:
        """All it said until its end, which is that of a program that was not at fault."""
        assert self._process.stderr is not None
        said = (self._said + await self._process.stderr.read()).decode()
        assert await self._process.wait() in (0, -signal.SIGTERM), said
        assert "Traceback" not in said
        return said

    @asynccontextmanager
    async def each_process(self, count: int) -> AsyncGenerator[list[Asker]]:
        """An asker of each process: on a connection that is made while those who have one already stand still."""
        async with AsyncExitStack() as stack:
            askers: list[Asker] = []
            standing: list[int] = []
            try:
                for _ in range(count):
                    connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=3600)
                    session = aiohttp.ClientSession(self._url, connector=connector, timeout=PATIENT)
                    askers.append(Asker(await stack.enter_async_context(session)))
                    standing.append((await askers[-1].get("/health"))["process"])
                    os.kill(standing[-1], signal.SIGSTOP)
            finally:
                for process in standing:
                    os.kill(process, signal.SIGCONT)
            assert len(set(standing)) == count
            yield askers


@asynccontextmanager
async def web(emulator: EmulatorProcess, state: Path, workers: int = 1, **settings: str) -> AsyncGenerator[Web]:
    """The service, once all its workers listen."""
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
    patience = ["--backlog", "2048", "--timeout-keep-alive", "3600", "--timeout-worker-healthcheck", "3600"]
    process = await asyncio.create_subprocess_exec(
        *command, *patience, "--no-access-log", "--workers", str(workers), stderr=subprocess.PIPE, env=environment
    )
    try:
        url, connector = f"http://127.0.0.1:{port}", aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(url, connector=connector, timeout=PATIENT) as session:
            service = Web(process, url, session)
            await service.heard(b"Uvicorn running")
            await service.heard(b"Application startup complete", times=workers)
            yield service
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


class Told:
    """What the journal of a deletion tells, held against the books."""

    def __init__(self, journal: Path) -> None:
        with io.BytesIO() as sink, bulk.AccountFile(journal.with_suffix(".jsonl")) as accounts:
            known = bulk.Known(journal)
            bulk.export_outcomes(known, accounts, sink)
            outcomes = [json.loads(line) for line in sink.getvalue().splitlines()]
        self.outcomes: dict[str, str] = {outcome["account"]: outcome["outcome"] for outcome in outcomes}
        assert len(self.outcomes) == len(outcomes)
        self.counts = Counter(known.standing.counts)
        self.maybe = known.standing.maybe
        self.unread = known.standing.source["count"] - len(self.outcomes)
        assert len(outcomes) == self.counts.total() + self.maybe

    async def agrees_with(self, emulator: EmulatorProcess) -> bool:
        """Whether each `Ok` was done exactly once, and whoever is said not to have been sent was not."""
        done: defaultdict[str, list[int | None]] = defaultdict(list)
        for account, code in await emulator.entries(DELETE):
            done[account].append(code)
        assert set(done) <= set(self.outcomes)
        for account, outcome in self.outcomes.items():
            if outcome == "Ok":
                assert done[account].count(0) == 1, (account, done[account])
            elif outcome == "NotSent":
                assert account not in done
        return True


HELD = [on(TAGS, do="hold", call=2, times=10**9), on(DELETE, do="hold", call=11, times=10**9)]
LOST = [HELD[0], on(DELETE, do="hang", call=11, times=10**9, applied=True)]


@pytest.mark.parametrize(
    ("close_timeout", "faults", "faults_later"),
    [("3600", HELD, []), ("0.1", LOST, [on(DELETE, do="hang", applied=True)])],
    ids=["time enough", "too short"],
)
async def test_a_service_that_is_stopped_answers_all_it_accepted_and_loses_no_outcome(
    tmp_path: Path, close_timeout: str, faults: list[Fault], faults_later: list[Fault]
) -> None:
    users, doomed = names("user", 500), names("doomed", 30_000)
    async with EmulatorProcess.open("--latency", "1s") as emulator:
        await emulator.add([*users, *doomed])
        await emulator.set_faults(*faults)
        async with web(emulator, tmp_path, CLOSE_TIMEOUT=close_timeout) as first:

            async def ask(user: str) -> int:
                async with first.session.get(f"/users/{user}/tags") as reply:
                    return reply.status

            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask(user)) for user in users]
                await first.until_accepted(len(users))
                name = await first.delete(doomed)
                await emulator.until_calls(TAGS, 2)  # of which one was answered: a client is careful until one is
                await first.until_deleted(name, 1000)
                await emulator.until_calls(DELETE, 15)  # the others have no answer yet
                first.stop()
                await first.heard(b"Shutting down")
                await emulator.set_faults(*faults_later)
                await first.ended()
            assert [task.result() for task in asked] == [200] * 500
        journal = tmp_path / f"{name}.job"
        told = Told(journal)
        assert told.counts["Ok"] >= 1000
        assert told.unread > 0
        assert (told.counts["Unknown"] + told.maybe > 0) == bool(faults_later)
        assert await told.agrees_with(emulator)
        await emulator.set_faults()
        async with web(emulator, tmp_path) as again:
            *_, last = await again.events(name)
            assert (last["given"], last["over"]) == (30_000, True)
            assert await again.outcomes(name) == len(doomed)
            again.stop()
            await again.ended()
        told = Told(journal)
        assert told.counts == last["counts"] == {**dict.fromkeys(told.counts, 0), "Ok": 30_000}
        assert await told.agrees_with(emulator)
        assert await emulator.accounts() == set(users)


async def test_two_workers_that_delete_at_once_keep_one_limit_also_when_redis_is_killed(tmp_path: Path) -> None:
    lists = [names("a", 10_000), names("b", 10_000)]
    few = [names("c", 100), names("d", 100)]
    # A quarter of the limit to spare in the place of a fiftieth, and room for one more worker: a process that gets no
    # processor for a third of a second must not be taken for one that calls too often.
    settings = {"WORKERS": "3", "MARGIN": "0.75"}
    async with EmulatorProcess.open("--latency", "50ms") as emulator:
        with RedisServer() as redis:
            await emulator.add([account for accounts in [*lists, *few] for account in accounts])
            async with (
                web(emulator, tmp_path, 2, REDIS_URL=redis.url, **settings) as service,
                service.each_process(2) as workers,
            ):
                for worker, accounts in zip(workers, few, strict=True):  # a client is careful until it had an answer
                    await worker.until_deleted(await worker.delete(accounts), len(accounts))
                await emulator.set_faults(on(DELETE, do="hold"))
                jobs = [await worker.delete(accounts) for worker, accounts in zip(workers, lists, strict=True)]
                for worker in workers:
                    await worker.until_in_flight(1)
                redis.kill()
                await emulator.set_faults()
                for job in jobs:
                    *_, last = await service.events(job)
                    assert (last["over"], last["counts"]["Ok"]) == (True, 10_000)
                service.stop()
                said = await service.ended()
        assert said.count("the shared rate limit is out of reach") == 2
        assert not await emulator.accounts()
        arrivals = (await emulator.ask(f"arrivals?path={DELETE}"))["arrivals"]
        assert not any(refused for _, refused in arrivals)
        assert most_in_a_second([at for at, _ in arrivals]) <= 100


async def test_what_the_service_says_no_to_is_an_http_status(tmp_path: Path) -> None:
    async with EmulatorProcess.open() as emulator:
        await emulator.add(["Mary"])
        async with web(emulator, tmp_path) as it:
            async with it.session.put("/users/Mary/attributes", json={"city": "Paris"}) as reply:
                assert reply.status == 204, await reply.text()
            mary = (await emulator.ask("accounts?prefix=Mary"))["accounts"]["Mary"]
            assert mary["attributes"] == {"city": "Paris"}
            async with it.session.get("/users/nobody/tags") as reply:
                assert (reply.status, "70107" in await reply.text()) == (404, True)
            async with it.session.get("/deletions/nothing") as reply:
                assert reply.status == 404
            async with it.session.post("/deletions", json=["Mary", " Bob"]) as reply:
                assert reply.status == 422
            it.stop()
            await it.ended()


async def test_whatever_an_account_looks_like_it_is_that_one_which_is_deleted(tmp_path: Path) -> None:
    lists = [['{"account": "Mary"}'], ['["Mary"]'], ["PAR1"], ['"Mary"', "Bob"], ["Mary,Bob"], ["account"], ["é😀"]]
    wanted = [account for accounts in lists for account in accounts]
    async with EmulatorProcess.open() as emulator:
        await emulator.add(["Mary", *wanted])
        async with web(emulator, tmp_path) as it:
            for accounts in lists:
                *_, last = await it.events(await it.delete(accounts))
                assert (last["counts"]["Ok"], last["over"]) == (len(accounts), True)
            it.stop()
            await it.ended()
        assert await emulator.accounts() == {"Mary"}
