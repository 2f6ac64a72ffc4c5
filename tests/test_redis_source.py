"""One command in one process, on a real server: who is served, and what is booked.

Slots are there for some milliseconds, so all of it happens in virtual time, the server's clock included.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import pytest
from redis_server import Ear, RedisServer
from told_redis import ToldRedis
from watchers import WHO

from tim_async.limits.local import Command
from tim_async.limits.permits import Permit
from tim_async.limits.redis import RedisLimiter
from tim_async.limits.redis.source import RUN, SlotSource

pytestmark = pytest.mark.clock("virtual")

COMMAND = Command(1400000000, "timpush/get_tag", 100)
KEY = "{tests:1400000000:timpush/get_tag}"
TIMEOUT = 0.1


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
def redis(told: ToldRedis) -> Any:
    """A client of it."""
    return told.redis


class Process:
    """One command in a process of its own, so to speak."""

    def __init__(self, told: ToldRedis, command: Command, *, processes: int, timeout: float) -> None:
        client: Any = told
        self.limiter = RedisLimiter(client, processes=processes, prefix="tests", timeout=timeout)
        self.gate = self.limiter._gate(command)
        source: Any = self.gate.source
        self.source: SlotSource = source
        self.slots = self.source.slots
        self._command = command

    async def acquire(self, *, urgent: bool = False) -> Permit:
        return await self.limiter.acquire(self._command, urgent=urgent)

    def end(self, permit: Permit, *, refused: bool = False) -> None:
        self.limiter.report(permit, refused=refused)

    def set_rate(self, rate: float) -> None:
        old, self._command = self._command, slow(rate)
        self.limiter.change(old, self._command, last_word=True)

    async def idle(self) -> None:
        """Waits until it has nothing to say to Redis any more."""
        await turn()
        if self.source._task is not None:
            await asyncio.wait([self.source._task])


@pytest.fixture
async def make(told: ToldRedis) -> AsyncIterator[Callable[..., Process]]:
    """Makes processes, and ends them."""
    made: list[Process] = []

    def process(command: Command = COMMAND, processes: int = 4, timeout: float = TIMEOUT) -> Process:
        made.append(Process(told, command, processes=processes, timeout=timeout))
        return made[-1]

    yield process
    for each in made:
        await each.limiter.aclose()


def slow(rate: float) -> Command:
    return Command(COMMAND.sdk_app_id, COMMAND.path, rate)


def now() -> float:
    return asyncio.get_running_loop().time()


def ask(process: Process, *, urgent: bool = False) -> "asyncio.Task[Permit]":
    return asyncio.create_task(process.acquire(urgent=urgent))


async def turn() -> None:
    """Lets what was just started begin."""
    await asyncio.sleep(0)


def use(process: Process, permit: Permit, *, refused: bool = False) -> None:
    """A call that takes no time."""
    permit.written = permit.answered = now()
    process.end(permit, refused=refused)


async def drop(*tasks: "asyncio.Task[Permit]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


# Who is served.


async def test_urgent_callers_go_first_and_the_others_as_they_came(make: Callable[..., Process]) -> None:
    process = make(slow(20))
    served: list[str] = []

    async def wait(name: str, *, urgent: bool) -> None:
        use(process, await process.acquire(urgent=urgent))
        served.append(name)

    waiting = [asyncio.create_task(wait(name, urgent=False)) for name in ("first", "second")]
    await turn()
    waiting += [asyncio.create_task(wait(name, urgent=True)) for name in ("urgent", "also urgent")]
    await asyncio.gather(*waiting)
    assert served == ["urgent", "also urgent", "first", "second"]


async def test_who_gives_up_leaves_the_slot_to_the_next(make: Callable[..., Process]) -> None:
    process = make(slow(1))
    impatient, patient = ask(process), ask(process)
    await turn()
    await drop(impatient)
    began = now()
    use(process, await patient)
    assert now() - began < 0.5


async def test_a_permit_that_was_given_and_not_received_goes_to_the_next(make: Callable[..., Process]) -> None:
    process = make(slow(1))
    impatient, patient = ask(process), ask(process)
    await turn()
    process.slots.book([now()])
    process.gate.look_again()
    began = now()
    await drop(impatient)
    assert impatient.cancelled()
    use(process, await patient)
    assert now() - began < 0.5


async def test_a_call_that_was_not_sent_leaves_its_slot_to_the_next(make: Callable[..., Process]) -> None:
    process = make(slow(1))
    permit = await process.acquire()
    began = now()
    process.end(permit)
    use(process, await process.acquire())
    assert now() - began < 0.5


async def test_closing_tells_those_who_wait(make: Callable[..., Process]) -> None:
    process = make(slow(1))
    permit = await process.acquire()
    waiting = ask(process)
    await turn()
    await process.limiter.aclose()
    with pytest.raises(RuntimeError, match="the limiter is closed"):
        await waiting
    process.end(permit, refused=True)
    assert process.source._task is None


async def test_an_error_that_redis_cannot_mend_reaches_those_who_wait(make: Callable[..., Process]) -> None:
    with pytest.raises(UnicodeEncodeError):
        await make(Command(1, "\ud800", 100)).acquire()


# What is booked.


async def test_a_run_is_as_long_as_callers_wait_but_not_longer_than_five(
    make: Callable[..., Process], redis: Any
) -> None:
    process = make()
    waiting = [ask(process) for _ in range(12)]
    for task in waiting:
        use(process, await task)
    assert int(redis.hget(KEY, "count")) <= 12 / RUN + 2


async def test_one_caller_who_always_comes_again_gets_runs_too(make: Callable[..., Process], redis: Any) -> None:
    process = make()
    for _ in range(40):
        use(process, await process.acquire())
    assert int(redis.hget(KEY, "count")) <= 20


async def test_callers_who_are_not_kept_waiting_get_single_slots(make: Callable[..., Process], redis: Any) -> None:
    process = make(slow(10))
    for place in range(3):
        redis.hset(KEY, "next", "1")  # as if the last call was long ago
        use(process, await process.acquire())
        await process.idle()
        assert int(redis.hget(KEY, "count")) == place + 1


async def test_at_low_rates_slots_are_booked_one_by_one(make: Callable[..., Process], redis: Any) -> None:
    process = make(slow(10))
    waiting = [ask(process) for _ in range(4)]
    for task in waiting:
        use(process, await task)
    assert int(redis.hget(KEY, "count")) == 4


async def test_a_slow_redis_is_asked_early_and_for_longer_runs(make: Callable[..., Process], told: ToldRedis) -> None:
    told.way = 0.015
    process = make()
    for _ in range(20):
        use(process, await process.acquire())
    began = now()
    for _ in range(50):
        use(process, await process.acquire())
    assert 50 / (now() - began) >= 85


async def test_a_redis_that_became_slow_still_gives_slots(make: Callable[..., Process], told: ToldRedis) -> None:
    process = make()
    use(process, await process.acquire())
    told.way = 0.04
    began = now()
    for _ in range(5):
        use(process, await process.acquire())
    assert now() - began < 1


async def test_on_a_young_server_the_first_call_waits_until_all_have_noticed(
    make: Callable[..., Process], told: ToldRedis
) -> None:
    told.start_anew()
    process = make()
    began = now()
    use(process, await process.acquire())
    assert now() - began >= 1 + TIMEOUT


# What earlier calls need.


async def test_calls_without_an_answer_are_paid_for_with_further_slots(make: Callable[..., Process]) -> None:
    process = make()
    hanging = await process.acquire()
    hanging.written = now()
    process.slots._past.clear()  # its slot was a second ago
    use(process, await process.acquire())
    assert process.slots._paid(now()) >= 2


async def test_a_slot_goes_by_while_calls_need_it(make: Callable[..., Process]) -> None:
    process = make()
    for _ in range(3):
        process.slots.permits.take(now()).written = now()
    waiting = ask(process)
    process.slots.book([now(), now() + 0.03, now() + 0.06])
    use(process, await waiting)
    assert process.slots._paid(now()) >= 4


async def test_where_waiting_is_quicker_than_paying_nothing_is_booked(make: Callable[..., Process], redis: Any) -> None:
    """At one call a second there is one permit: a call that hangs is waited for."""
    process = make(slow(1))
    hanging = await process.acquire()
    process.slots._past.clear()
    waiting = ask(process)
    await turn()
    await turn()
    assert int(redis.hget(KEY, "count")) == 1
    process.end(hanging)
    use(process, await waiting)


# What nobody wanted.


async def test_slots_that_were_not_used_are_there_for_who_comes_in_time(
    make: Callable[..., Process], redis: Any
) -> None:
    process = make()
    waiting = [ask(process) for _ in range(5)]
    use(process, await waiting[0])
    await drop(*waiting[1:])
    use(process, await process.acquire())
    assert int(redis.hget(KEY, "count")) == 1


async def test_a_slot_that_nobody_wanted_ends_the_row(make: Callable[..., Process]) -> None:
    process = make()
    for _ in range(20):
        use(process, await process.acquire())
    assert process.source._row >= RUN
    await asyncio.sleep(0.1)
    use(process, await process.acquire())
    assert process.source._row == 0


async def test_slots_that_nobody_wants_pay_for_calls_that_need_them(make: Callable[..., Process]) -> None:
    process = make()
    use(process, await process.acquire())
    process.slots._past.clear()
    process.slots.book([now()])
    process.gate.look_again()
    await process.idle()
    assert process.slots._paid(now()) >= 1


async def test_a_refusal_slows_all_even_if_nobody_calls_here_any_more(make: Callable[..., Process], redis: Any) -> None:
    process = make()
    permits = [await process.acquire() for _ in range(2)]
    use(process, permits[0], refused=True)
    await turn()
    use(process, permits[1], refused=True)  # while the first is being told; it was sent before, and says nothing new
    await process.idle()
    assert float(redis.get(f"{KEY}:slow")) == pytest.approx(0.9)
    other = make()
    use(other, await other.acquire())
    assert other.source._last.spacing == pytest.approx(1e6 / 98 / 0.9, rel=0.02)


async def test_another_limit_spreads_the_slots_anew(make: Callable[..., Process]) -> None:
    process = make()
    for rate, spacing in ((50, 1e6 / 49), (200, 1e6 / 196)):
        process.set_rate(rate)
        use(process, await process.acquire())
        assert process.source._last.spacing == pytest.approx(spacing, abs=1)


# Without Redis.


async def test_the_static_share_serves_the_urgent_first(make: Callable[..., Process], told: ToldRedis) -> None:
    told.gone = True
    process = make(slow(40))
    served: list[asyncio.Task[Permit]] = []
    bulk = ask(process)
    await turn()
    urgent = ask(process, urgent=True)
    for task in (bulk, urgent):
        task.add_done_callback(served.append)
    await asyncio.gather(bulk, urgent)
    assert served == [urgent, bulk]


async def test_of_the_static_share_nothing_is_lost_when_somebody_gives_up(
    make: Callable[..., Process], told: ToldRedis
) -> None:
    told.gone = True
    process = make(slow(4))
    held = await process.acquire()  # one call a second is all its share
    impatient, patient = ask(process), ask(process)
    await turn()
    process.end(held)
    await drop(impatient)
    process.end(await asyncio.wait_for(patient, 2))


async def test_it_is_told_once_that_redis_is_gone_and_once_that_it_is_back(
    told: ToldRedis, caplog: pytest.LogCaptureFixture
) -> None:
    told.gone = True
    client: Any = told
    limiter = RedisLimiter(client, processes=1, prefix="tests", timeout=TIMEOUT)
    gone, back = Ear("out of reach"), Ear("is back")
    waiting = [asyncio.create_task(limiter.acquire(Command(1, path, 100))) for path in ("a", "b")]
    await gone.heard.wait()
    told.start_anew()
    for task in waiting:
        limiter.report(await task)
    await back.heard.wait()
    assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
    await limiter.aclose()
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "the shared rate limit is out of reach",
        "the shared rate limit is back",
    ]


class Seeing(ToldRedis):
    """Notes in whose context it is asked."""

    who: ClassVar[set[str]] = set()

    def now(self) -> int:
        self.who.add(WHO.get())
        return super().now()


async def test_it_books_in_nobodys_context_for_it_books_for_all_who_wait(server: RedisServer) -> None:
    seeing = Seeing(server)
    seeing.redis.hset(KEY, "next", "1")
    process = Process(seeing, COMMAND, processes=1, timeout=TIMEOUT)
    WHO.set("who asks first")
    use(process, await process.acquire())
    await process.limiter.aclose()
    seeing.close()
    assert seeing.who == {"nobody"}


async def test_whoever_listens_hears_that_redis_is_gone_and_back_until_he_leaves(told: ToldRedis) -> None:
    client: Any = told
    limiter = RedisLimiter(client, processes=1, prefix="tests", timeout=TIMEOUT)
    heard: list[str | None] = []
    leave = limiter.listen(heard.append)
    for _ in range(2):
        told.gone = True
        gone, back = Ear("out of reach"), Ear("is back")
        task = asyncio.create_task(limiter.acquire(COMMAND))
        await gone.heard.wait()
        told.start_anew()
        limiter.report(await task)
        await back.heard.wait()
        if len(heard) == 2:
            leave()
            heard.append("left")
    await limiter.aclose()
    assert heard == ["ConnectionError: nobody is there", None, "left"]


async def test_calls_of_the_static_share_are_paid_for_when_redis_is_back(
    make: Callable[..., Process], told: ToldRedis
) -> None:
    told.gone = True
    process = make(processes=1)
    hanging = await process.acquire()
    hanging.written = now()
    back = Ear("is back")
    told.start_anew()
    await back.heard.wait()
    use(process, await process.acquire())
    assert process.slots.elsewhere == 1
    process.end(hanging)
