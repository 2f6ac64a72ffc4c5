"""The limiter of the processes of one host: real processes, one file, and whatever may happen to either."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from arrivals import most_in_a_second
from box import running
from servers import APP
from virtual_service import now

from tim_async import Client, FileLimiter
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.file import LEASE
from tim_async.limits.local import Command
from tim_async.limits.permits import Permit

pytestmark = pytest.mark.clock("virtual")  # but for those with sockets

PATH = "timpush/get_tag"
COMMAND = Command(APP, PATH, 100)
FIVE = Command(APP, PATH, 5)
SLOW = Command(APP, PATH, 3)

CLIENT = """
import asyncio, sys
from tim_async import Client, FileLimiter

async def main(file, url, key, name, calls):
    async with (
        FileLimiter(file) as limiter,
        Client(sdk_app_id=1400000000, secret_key=key, base_url=url, limiter=limiter) as tim,
    ):
        await tim.push.get_tags([name])
        print("began", flush=True)
        result = await tim.push.get_tags(f"{name}{number}" for number in range(100 * (int(calls) - 1)))
        print(len(result))

asyncio.run(main(*sys.argv[1:]))
"""
HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tim.limit"


@contextmanager
def holder(file: Path, how: str = "BEGIN IMMEDIATE") -> Generator["subprocess.Popen[bytes]", None, None]:
    """Another process with the file in its hands; it is killed at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(file), how], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
async def limiter(file: Path) -> AsyncIterator[FileLimiter]:
    async with FileLimiter(file) as limiter:
        yield limiter


async def call(limiter: FileLimiter, command: Command = COMMAND) -> float:
    """One call that takes no time; when it was made."""
    permit = await limiter.acquire(command)
    permit.written = permit.answered = now()
    limiter.report(permit)
    return permit.written


# Real processes, judged by the emulator.


def work(file: Path, url: str, *calls: int) -> "list[subprocess.Popen[bytes]]":
    """Processes that make so many calls each."""
    arguments = [(str(file), url, DEMO_KEY, f"p{place}-", str(each)) for place, each in enumerate(calls)]
    return [subprocess.Popen([sys.executable, "-c", CLIENT, *each], stdout=subprocess.PIPE) for each in arguments]


def done(worker: "subprocess.Popen[bytes]") -> int:
    """Waits for its end: the accounts of all calls but the first."""
    return int(worker.communicate()[0].split()[-1])


def assert_never_over(emulator: Emulator) -> None:
    arrivals = emulator.arrivals(PATH)
    assert not any(refused for _, refused in arrivals)
    assert most_in_a_second([at for at, _ in arrivals]) <= 100


def test_four_processes_are_never_over_the_limit_together_and_all_is_done(file: Path) -> None:
    with running(Emulator(sdk_app_id=APP, seed=1)) as emulator:
        workers = work(file, emulator.url, 60, 60, 60, 60)
        assert [done(worker) for worker in workers] == [5900] * 4
        assert emulator.statistics()[PATH].calls == 240
        assert_never_over(emulator)


def test_a_process_that_is_killed_with_the_file_in_its_hands_leaves_it_to_the_others(file: Path) -> None:
    with running(Emulator(sdk_app_id=APP, seed=1)) as emulator:
        FileLimiter(file)
        with holder(file) as killed:
            workers = work(file, emulator.url, 50, 50, 50)
            killed.kill()
            assert killed.wait() == -signal.SIGKILL
            assert [done(worker) for worker in workers] == [4900] * 3
        assert emulator.statistics()[PATH].calls == 150
        assert_never_over(emulator)


def test_a_process_that_is_killed_while_it_calls_takes_nothing_with_it(file: Path) -> None:
    with running(Emulator(sdk_app_id=APP, seed=1)) as emulator:
        workers = work(file, emulator.url, 1000, 60, 60, 60)
        assert workers[0].stdout is not None
        assert workers[0].stdout.readline() == b"began\n"
        workers[0].kill()
        workers[0].communicate()
        assert [done(worker) for worker in workers[1:]] == [5900] * 3
        assert_never_over(emulator)


# Who holds the file.


async def test_while_somebody_stands_still_with_the_file_nothing_is_sent_and_the_loop_goes_on(
    file: Path, limiter: FileLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    await call(limiter)
    with holder(file) as stopped:
        os.kill(stopped.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(call(limiter))
        await asyncio.sleep(LEASE + 5)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 30)
    assert [record.getMessage() for record in caplog.records] == [
        f"nothing is sent: {file} is held by a process that stands still; end it"
    ]


async def test_calls_that_end_while_the_file_is_held_are_written_down_when_it_is_free(
    file: Path, limiter: FileLimiter
) -> None:
    permits = await take(limiter, 3, SLOW)
    with holder(file):
        for permit in permits:
            limiter.report(permit)
        await asyncio.sleep(1)
        assert min(times(file)) > LEASE - 2
    began = now()
    async with FileLimiter(file) as other:
        assert len(await take(other, 3, SLOW)) == 3
    assert now() - began < 1


async def test_a_file_that_somebody_holds_at_the_start_is_waited_for(file: Path) -> None:
    with holder(file, "BEGIN EXCLUSIVE"):
        limiter = FileLimiter(file)
        waiting = asyncio.create_task(call(limiter))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 30)
    await limiter.aclose()


# Files that cannot be used.


def test_a_directory_that_does_not_exist_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^the limit cannot be shared: .*/no/limit cannot be used \(unable to open "):
        FileLimiter(tmp_path / "no" / "limit")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot be used \(unable to open database file\)"):
        FileLimiter(tmp_path)


@pytest.mark.parametrize("content", [b"this is not what it should be" * 100, b"\0" * 4096, b"SQLite format 3\0" * 300])
def test_a_file_of_somebody_else_is_told_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(OSError, match=r"it must be a file of its own$") as caught:
        FileLimiter(file)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content


def test_a_file_system_that_cannot_be_written_to_is_told() -> None:
    with pytest.raises(OSError, match="the limit cannot be shared: /proc/limit cannot be used"):
        FileLimiter("/proc/limit")


async def test_a_file_that_was_replaced_while_it_was_used_is_told(file: Path, limiter: FileLimiter) -> None:
    await call(limiter)
    file.unlink()  # noqa: ASYNC240 - the file of a test
    with pytest.raises(OSError, match=r"was removed or replaced while it was in use$"):
        await asyncio.wait_for(call(limiter), 30)
    FileLimiter(file)  # another one is made in its place
    with pytest.raises(OSError, match=r"was removed or replaced while it was in use$"):
        await asyncio.wait_for(call(limiter), 30)


async def test_who_waits_for_a_permit_is_told_that_the_file_was_removed(file: Path, limiter: FileLimiter) -> None:
    await take(limiter, 5, FIVE)
    waiting = asyncio.create_task(limiter.acquire(FIVE))
    await asyncio.sleep(2)
    file.unlink()  # noqa: ASYNC240 - the file of a test
    with pytest.raises(OSError, match=r"was removed or replaced while it was in use$"):
        await asyncio.wait_for(waiting, 30)


async def test_a_file_that_becomes_useless_is_told(file: Path, limiter: FileLimiter) -> None:
    await call(limiter)
    (permit,) = await take(limiter, 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("ALTER TABLE tim_async_permits RENAME COLUMN free_at TO something")
    limiter.report(permit)
    with pytest.raises(OSError, match=r"no such column"):
        await asyncio.wait_for(call(limiter), 30)


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("", ValueError, "path must be that of a file, not ''"),
        ("a\0b", ValueError, r"path must be that of a file, not 'a\\x00b'"),
        (None, TypeError, "expected str, bytes or os.PathLike object, not NoneType"),
        (7, TypeError, "expected str, bytes or os.PathLike object, not int"),
    ],
)
def test_impossible_arguments_are_refused(
    path: Any,
    error: type[Exception],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        FileLimiter(path)
    assert list(tmp_path.iterdir()) == []


# What it promises beside that.


async def test_a_limiter_that_is_closed_takes_no_calls(file: Path) -> None:
    limiter = FileLimiter(file)
    await limiter.aclose()
    with pytest.raises(RuntimeError, match="the limiter is closed"):
        await limiter.acquire(COMMAND)


@pytest.mark.clock("real")
async def test_the_limit_of_a_client_can_be_changed_also_for_those_who_wait(limiter: FileLimiter) -> None:
    async with (
        Emulator(sdk_app_id=APP, seed=1, rate=1000) as emulator,
        Client(
            sdk_app_id=APP, secret_key=DEMO_KEY, base_url=emulator.url, limiter=limiter, limits={PATH: 0.001}
        ) as tim,
    ):
        waiting = asyncio.create_task(tim.push.get_tags(f"user{number}" for number in range(300)))
        await tim.push.get_tags(["Mary"])
        tim.set_limit(PATH, 1000)
        assert tim.statistics()[PATH].limit == 1000
        assert len(await waiting) == 300
        assert (emulator.statistics()[PATH].calls, emulator.statistics()[PATH].refused) == (4, 0)


async def test_an_unsent_call_of_another_process_is_noticed_soon(file: Path, limiter: FileLimiter) -> None:
    permits = await take(limiter, 3, SLOW)
    async with FileLimiter(file) as other:
        waiting = asyncio.create_task(other.acquire(SLOW))
        await asyncio.sleep(2)
        assert not waiting.done()
        began = now()
        limiter.report(permits[0])
        limiter.report(permits[0])
        assert (await asyncio.wait_for(waiting, 30)).taken - began < 0.3


async def test_processes_in_full_use_get_the_whole_limit_and_are_never_over_it(file: Path) -> None:
    made: list[float] = []

    async def work(*, urgent: bool) -> None:
        async with FileLimiter(file) as limiter:
            while now() < 10:
                permit = await limiter.acquire(COMMAND, urgent=urgent)
                permit.written = now()
                made.append(permit.written)
                await asyncio.sleep(0.02)
                permit.answered = now()
                limiter.report(permit)

    await asyncio.gather(*(work(urgent=place % 2 == 0) for place in range(8)))
    assert most_in_a_second(made) <= 100
    assert sum(2 <= at < 10 for at in made) >= 0.95 * 800


async def take(limiter: FileLimiter, number: int, command: Command = COMMAND) -> list[Permit]:
    return [await asyncio.wait_for(limiter.acquire(command), 10) for _ in range(number)]


def times(file: Path) -> list[float]:
    """The seconds after which the permits that are out are free."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        return [free_at - now() for (free_at,) in database.execute("SELECT free_at FROM tim_async_permits")]


async def test_commands_and_apps_have_permits_of_their_own(limiter: FileLimiter) -> None:
    one = Command(APP, PATH, 1)
    await take(limiter, 1, one)
    await take(limiter, 1, Command(APP + 1, PATH, 1))
    await take(limiter, 1, Command(APP, "timpush/set_attr", 1))
    waiting = asyncio.create_task(limiter.acquire(one))
    await asyncio.sleep(10)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_the_urgent_go_first(limiter: FileLimiter) -> None:
    permits = await take(limiter, 5, FIVE)
    bulk = asyncio.create_task(limiter.acquire(FIVE))
    await asyncio.sleep(1)
    urgent = asyncio.create_task(limiter.acquire(FIVE, urgent=True))
    await asyncio.sleep(1)
    limiter.report(permits[0])
    await asyncio.wait_for(urgent, 1)
    assert not bulk.done()
    limiter.report(permits[1])
    await asyncio.wait_for(bulk, 1)


async def test_who_gives_up_loses_neither_token_nor_permit(limiter: FileLimiter) -> None:
    for turns in range(20):
        waiting = asyncio.create_task(limiter.acquire(COMMAND))
        for _ in range(turns % 5):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        if not waiting.cancelled():
            limiter.report(waiting.result())
    began = now()
    assert len(await take(limiter, 100)) == 100
    assert now() - began < 1


async def test_who_gives_up_while_the_file_is_held_takes_no_permit(file: Path, limiter: FileLimiter) -> None:
    with holder(file):
        waiting = asyncio.create_task(limiter.acquire(FIVE))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait({waiting})
    began = now()
    assert len(await take(limiter, 5, FIVE)) == 5
    assert now() - began < 1


async def test_who_waits_when_it_is_closed_is_told_be_it_for_the_pace_or_for_a_permit(file: Path) -> None:
    limiter = FileLimiter(file)
    one, hourly = Command(APP, PATH, 1), Command(APP, "timpush/set_attr", 1 / 3600)
    permit, *_ = await take(limiter, 1, one) + await take(limiter, 1, hourly)
    waiting = [asyncio.create_task(limiter.acquire(command)) for command in (one, one, hourly, hourly)]
    await asyncio.sleep(5)
    await limiter.aclose()
    began = now()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        with pytest.raises(RuntimeError, match="the limiter is closed"):
            raise result if isinstance(result, BaseException) else AssertionError
    assert now() - began < 0.01
    limiter.report(permit)


async def test_who_gives_up_in_the_moment_in_which_it_is_closed_has_given_up(file: Path) -> None:
    limiter = FileLimiter(file)
    await take(limiter, 5, FIVE)
    waiting = asyncio.create_task(limiter.acquire(FIVE))
    await asyncio.sleep(2)
    await limiter.aclose()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def test_a_limiter_that_is_closed_while_the_file_is_held_does_not_wait_for_it(file: Path) -> None:
    limiter = FileLimiter(file)
    permit, *_ = await take(limiter, 1)
    with holder(file):
        limiter.report(permit)
        await limiter.aclose()
        await asyncio.sleep(1)
    assert len(times(file)) == 1


async def test_the_permits_of_a_process_that_died_are_back_when_its_lease_is_over(
    file: Path, limiter: FileLimiter
) -> None:
    died = FileLimiter(file)
    await take(died, 3, SLOW)
    began = now()
    await limiter.acquire(SLOW)
    assert LEASE - 1 <= now() - began < LEASE + 0.01  # each turn of the loop takes a moment
    await died.aclose()


async def test_who_is_busy_keeps_the_permits_of_long_calls(file: Path, limiter: FileLimiter) -> None:
    await take(limiter, 1, FIVE)
    for _ in range(40):
        await call(limiter, FIVE)
        await asyncio.sleep(1)
    await call(limiter, FIVE)
    assert len([left for left in times(file) if left > 10]) == 1


async def test_what_is_left_over_from_before_the_machine_was_started_does_not_count(
    file: Path, limiter: FileLimiter
) -> None:
    await take(limiter, 3, SLOW)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("UPDATE tim_async_permits SET free_at = free_at + 1e6, owner = 'another'")
    began = now()
    assert len(await take(limiter, 1, SLOW)) == 1
    assert now() - began < 1


@pytest.mark.parametrize("rates", [(20, 10), (10, 20)])
async def test_where_clients_disagree_about_a_rate_the_lower_one_holds(
    limiter: FileLimiter, rates: tuple[float, float]
) -> None:
    one, other = (Command(APP, PATH, rate) for rate in rates)
    for command in (one, other, one):
        limiter.report(await limiter.acquire(command))
    assert limiter.statistics(one).rate == 10
    raised = Command(APP, PATH, 50)
    limiter.change(one, raised, last_word=True)
    limiter.report(await limiter.acquire(raised))
    assert limiter.statistics(raised).rate == 50
    limiter.forget(other)


async def test_a_rate_that_is_no_positive_number_is_refused(limiter: FileLimiter) -> None:
    with pytest.raises(ValueError, match="positive number"):
        await limiter.acquire(Command(APP, PATH, 0))


def test_a_limiter_belongs_to_the_loop_that_used_it_first(file: Path) -> None:
    limiter = FileLimiter(file)

    async def look() -> None:
        limiter.statistics(COMMAND)

    asyncio.run(look())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(look())
