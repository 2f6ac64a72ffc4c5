"""The shared limiter as its users see it: several, here and in other processes, on a real server that may die.

When calls may be made is judged in virtual time, the server's clock included. That it is the same with real processes
and a real death is seen on the real clock, by books that know what came late because the machine was slow.
"""

import asyncio
import json
import logging
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain, pairwise
from typing import Any

import pytest
from redis_server import Ear, RedisServer
from told_redis import ToldRedis

from tim_async import Client
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.local import Command
from tim_async.limits.redis import RedisLimiter
from tim_async.limits.redis.source import PROBE

pytestmark = pytest.mark.clock("virtual")

APP = 1400000000
PATH = "timpush/get_tag"
KEY = f"{{tim_async:{APP}:{PATH}}}"
COMMAND = Command(APP, PATH, 200)
TIMEOUT = 0.2


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def told(server: RedisServer) -> AsyncIterator[ToldRedis]:
    """A server on which the budget has been used before."""
    told = ToldRedis(server)
    told.redis.hset(KEY, "next", "1")
    yield told
    told.close()


@pytest.fixture
async def make(told: ToldRedis) -> AsyncIterator[Callable[..., RedisLimiter]]:
    """Makes limiters, and closes them."""
    made: list[RedisLimiter] = []

    def limiter(processes: int = 4) -> RedisLimiter:
        redis: Any = told
        made.append(RedisLimiter(redis, processes=processes, timeout=TIMEOUT))
        return made[-1]

    yield limiter
    for each in made:
        await each.aclose()


class Caller:
    """Calls as often as a limiter lets it, as one dispatcher does; a call takes no time."""

    def __init__(self, limiter: RedisLimiter, command: Command = COMMAND) -> None:
        self.times: list[float] = []
        self._limiter = limiter
        self._command = command
        self._called = asyncio.Condition()
        self._task = asyncio.create_task(self._call())

    async def _call(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            permit = await self._limiter.acquire(self._command)
            permit.written = permit.answered = clock()
            self.times.append(permit.written)
            self._limiter.report(permit)
            async with self._called:
                self._called.notify_all()

    async def calls(self, number: int) -> None:
        """Waits for so many further calls."""
        number += len(self.times)
        async with self._called:
            await self._called.wait_for(lambda: len(self.times) >= number)

    async def stop(self) -> list[float]:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()
        return self.times


def most_in_a_second(times: list[float]) -> int:
    """The most calls in any second, the end excluded."""
    times = sorted(times)
    most = first = 0
    for place, when in enumerate(times):
        while when - times[first] >= 1:
            first += 1
        most = max(most, place - first + 1)
    return most


# One budget.


async def test_processes_share_the_limit_evenly_and_use_it(make: Callable[..., RedisLimiter]) -> None:
    callers = [Caller(make()) for _ in range(3)]
    await asyncio.gather(*(caller.calls(110) for caller in callers))
    every = [await caller.stop() for caller in callers]
    times = sorted(chain.from_iterable(every))
    assert most_in_a_second(times) <= COMMAND.rate
    assert (len(times) - 1) / (times[-1] - times[0]) >= 0.9 * COMMAND.rate
    assert max(map(len, every)) <= 1.2 * min(map(len, every))


WORKER = """
import asyncio, json, sys, time
from tim_async.limits.local import Command
from tim_async.redis import RedisLimiter

async def main(url, rate, calls):
    command, times, late, slowest = Command(1400000000, "timpush/get_tag", rate), [], 0, 0.0
    async with RedisLimiter(url, processes=3) as limiter:
        source = limiter._gate(command).source
        for _ in range(calls):
            permit = await limiter.acquire(command)
            permit.written = permit.answered = time.monotonic()
            times.append(permit.written)
            # Later than its slot, of which it knows the time no better than the answers of Redis are quick.
            slowest = max(slowest, source._last.seconds)
            late += permit.written - source.slots._calls[permit] + slowest > source.slots.span - 1
            limiter.report(permit)
    print(json.dumps([times, late]))

asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
"""


def test_real_processes_never_call_too_often_together(server: RedisServer) -> None:
    """But for calls that are later than the margin covers, because a process got no processor in time."""
    command = [sys.executable, "-c", WORKER, server.url, "200", "150"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    told = [json.loads(worker.communicate()[0]) for worker in workers]
    every = [when for times, _ in told for when in times]
    assert len(every) == 450
    assert most_in_a_second(every) <= 200 + sum(late for _, late in told)


async def test_a_process_that_was_idle_is_served_soon_beside_busy_ones(make: Callable[..., RedisLimiter]) -> None:
    callers = [Caller(make()) for _ in range(3)]
    await callers[0].calls(20)
    idle = make()
    clock = asyncio.get_running_loop().time
    began = clock()
    idle.report(await idle.acquire(COMMAND))
    assert clock() - began < 0.5
    for caller in callers:
        await caller.stop()


async def test_a_rate_below_one_has_its_calls_as_far_apart(make: Callable[..., RedisLimiter]) -> None:
    slow = Command(APP, PATH, 0.8)
    limiters = [make(), make()]
    times: list[float] = []
    for limiter in limiters:
        permit = await limiter.acquire(slow)
        permit.written = permit.answered = asyncio.get_running_loop().time()
        limiter.report(permit)
        times.append(permit.written)
    assert times[1] - times[0] >= 1.25


@pytest.mark.clock("patient")
async def test_a_client_works_within_the_shared_limit(make: Callable[..., RedisLimiter]) -> None:
    async with (
        Emulator(seed=1, rate=200, clock=asyncio.get_running_loop().time) as emulator,
        Client(
            sdk_app_id=APP, secret_key=DEMO_KEY, base_url=emulator.url, limits={PATH: 200}, limiter=make(2)
        ) as client,
    ):
        result = await client.push.get_tags(f"user-{place}" for place in range(5000))
        assert len(result) == 5000
        statistics = emulator.statistics()[PATH]
        assert (statistics.calls, statistics.refused) == (50, 0)
        assert statistics.last - statistics.first >= 0.9 * 49 / 200


# Without Redis.


async def test_when_redis_is_gone_each_keeps_to_its_share_and_no_second_has_too_many(
    make: Callable[..., RedisLimiter], told: ToldRedis, caplog: pytest.LogCaptureFixture
) -> None:
    callers = [Caller(make()) for _ in range(4)]
    await asyncio.gather(*(caller.calls(50) for caller in callers))
    told.gone = True
    gone = asyncio.get_running_loop().time()
    await asyncio.gather(*(caller.calls(30) for caller in callers))
    every = [await caller.stop() for caller in callers]
    assert most_in_a_second(list(chain.from_iterable(every))) <= COMMAND.rate
    for times in every:
        assert most_in_a_second([when for when in times if when > gone + 1]) <= COMMAND.rate / 4
    texts = [record.getMessage() for record in caplog.records if record.name == "tim_async"]
    assert len(texts) == 4
    assert all(text.startswith("the shared rate limit is out of reach (ConnectionError: ") for text in texts)
    assert all(text.endswith("until it is back, this process keeps to 1/4 of it") for text in texts)


async def test_when_redis_is_back_all_share_again_and_no_second_has_too_many(
    make: Callable[..., RedisLimiter], told: ToldRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes back empty. Two processes wake up in their turn, and neither may begin before the other has stopped."""
    caplog.set_level(logging.WARNING, "tim_async")
    told.gone = True
    limiters = [make(2) for _ in range(2)]
    callers = [Caller(limiter) for limiter in limiters]
    await asyncio.gather(*(caller.calls(60) for caller in callers))
    assert repr(limiters[0]) == "<RedisLimiter of 2 processes: without Redis>"
    told.start_anew()
    back = asyncio.get_running_loop().time()
    await asyncio.gather(*(caller.calls(80) for caller in callers))
    every = [await caller.stop() for caller in callers]
    assert repr(limiters[0]) == "<RedisLimiter of 2 processes: shared>"
    times = sorted(chain.from_iterable(every))
    assert most_in_a_second(times) <= COMMAND.rate
    # Whoever is the first to see it again keeps shut until the other must have seen it too, and a window more.
    gap = max(later - earlier for earlier, later in pairwise(times) if later > back)
    assert gap >= 1 + TIMEOUT
    assert gap <= 1.05 + TIMEOUT + 2 * PROBE
    assert [record.getMessage() for record in caplog.records].count("the shared rate limit is back") == 2


async def test_a_moment_without_an_answer_is_over_before_the_static_share_begins(
    make: Callable[..., RedisLimiter], told: ToldRedis
) -> None:
    caller = Caller(make(1))
    await caller.calls(20)
    told.hold()
    began = asyncio.get_running_loop().time()
    asyncio.get_running_loop().call_later(2 * TIMEOUT, told.go_on)
    await caller.calls(30)
    times = await caller.stop()
    first = min(when for when in times if when > began + TIMEOUT)
    assert first - began >= 1
    assert most_in_a_second(times) <= COMMAND.rate


@pytest.mark.clock("real")
async def test_a_real_server_may_be_killed_and_started_again() -> None:
    # The timeout has no part in this, so a machine that is slow must not have one.
    with RedisServer() as server:
        gone, back = Ear("out of reach (ConnectionError: "), Ear("is back")
        limiter = RedisLimiter(server.url, processes=1, timeout=30)
        caller = Caller(limiter)
        await caller.calls(5)
        assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
        server.kill()
        await gone.heard.wait()
        await caller.calls(5)
        assert repr(limiter) == "<RedisLimiter of 1 processes: without Redis>"
        server.start()
        await back.heard.wait()
        await caller.calls(5)
        assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
        await caller.stop()
        await limiter.aclose()


# Arguments, statistics, the end.


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"processes": 0}, "processes must be at least 1, not 0"),
        ({"processes": 2, "margin": 0}, "margin must be between 0 and 1, not 0"),
        ({"processes": 2, "margin": 1}, "margin must be between 0 and 1, not 1"),
        ({"processes": 2, "timeout": 0}, "timeout must be a positive number of seconds, not 0"),
        ({"processes": 2, "timeout": math.inf}, "timeout must be a positive number of seconds, not inf"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        RedisLimiter("redis://127.0.0.1:1", **arguments)


async def test_a_rate_that_is_no_positive_number_is_refused(make: Callable[..., RedisLimiter]) -> None:
    with pytest.raises(ValueError, match="positive number"):
        await make().acquire(Command(APP, PATH, 0))


async def test_the_permits_of_this_process_can_be_looked_at(make: Callable[..., RedisLimiter]) -> None:
    limiter = make()
    assert limiter.statistics(COMMAND).resting == 0
    permit = await limiter.acquire(COMMAND)
    assert limiter.statistics(COMMAND).resting == 1
    limiter.report(permit)
    assert limiter.statistics(COMMAND).resting == 0
    limiter.report(permit)
    assert limiter.statistics(COMMAND).resting == 0


async def test_where_clients_disagree_about_a_rate_the_lower_one_holds(make: Callable[..., RedisLimiter]) -> None:
    limiter = make()
    commands = [Command(APP, PATH, rate) for rate in (200, 100, 150)]
    for command in commands:
        limiter.report(await limiter.acquire(command))
    assert limiter.statistics(COMMAND).rate == 100
    limiter.forget(commands[1])
    assert limiter.statistics(COMMAND).rate == 150


async def test_the_last_word_on_a_rate_holds_in_this_process(make: Callable[..., RedisLimiter]) -> None:
    limiter, low = make(1), Command(APP, PATH, 50)
    for command in (COMMAND, low):
        limiter.report(await limiter.acquire(command))
    raised = Command(APP, PATH, 400)
    limiter.change(low, raised, last_word=True)
    limiter.change(raised, raised, last_word=True)
    limiter.report(await limiter.acquire(COMMAND))  # was heard before
    assert limiter.statistics(COMMAND).rate == 400
    limiter.forget(low)
    with pytest.raises(ValueError, match="positive number"):
        limiter.change(raised, Command(APP, PATH, 0), last_word=True)


async def test_a_closed_limiter_says_so(make: Callable[..., RedisLimiter]) -> None:
    limiter = make()
    permit = await limiter.acquire(COMMAND)
    await limiter.aclose()
    limiter.report(permit, refused=True)
    with pytest.raises(RuntimeError, match="the limiter is closed"):
        await limiter.acquire(COMMAND)
    assert repr(limiter) == "<RedisLimiter of 4 processes: closed>"


def test_a_limiter_belongs_to_the_loop_that_used_it_first() -> None:
    limiter = RedisLimiter("redis://127.0.0.1:1", processes=1)

    async def look() -> None:
        limiter.statistics(COMMAND)

    asyncio.run(look())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(look())


async def test_no_representation_shows_the_url() -> None:
    limiter = RedisLimiter("redis://user:secret@127.0.0.1:1", processes=1)
    assert "secret" not in repr(limiter)
    await limiter.aclose()
