"""One command in one process, on a real server: who is served, what is booked, and what is given back.

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
from tim_async.limits.redis.apart import Common
from tim_async.limits.redis.booking import Books, Terms
from tim_async.limits.redis.gate import RUN, Gate

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


@pytest.fixture
async def make(told: ToldRedis) -> AsyncIterator[Callable[..., Gate]]:
    """Makes gates, each as if in a process of its own, and closes them."""
    made: list[Gate] = []

    def gate(command: Command = COMMAND, processes: int = 4, timeout: float = TIMEOUT) -> Gate:
        made.append(Gate(command, Common(books_of(told, timeout), processes=processes, margin=0.98, timeout=timeout)))
        return made[-1]

    yield gate
    for each in made:
        await each.aclose()


def books_of(told: Any, timeout: float = TIMEOUT) -> Books:
    return Books(told, prefix="tests", timeout=timeout)


def slow(rate: float) -> Command:
    return Command(COMMAND.sdk_app_id, COMMAND.path, rate)


def now() -> float:
    return asyncio.get_running_loop().time()


def ask(gate: Gate, *, urgent: bool = False) -> "asyncio.Task[Permit]":
    return asyncio.create_task(gate.acquire(urgent=urgent))


async def turn() -> None:
    """Lets what was just started begin."""
    await asyncio.sleep(0)


async def idle(gate: Gate) -> None:
    """Waits until it has nothing to say to Redis any more."""
    if gate._task is not None:
        await asyncio.wait([gate._task])


def use(gate: Gate, permit: Permit, *, refused: bool = False) -> None:
    """A call that takes no time."""
    permit.written = permit.answered = now()
    gate.end(permit, refused=refused)


async def drop(*tasks: "asyncio.Task[Permit]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


# Who is served.


async def test_urgent_callers_go_first_and_the_others_as_they_came(make: Callable[..., Gate]) -> None:
    gate = make(slow(20))
    served: list[str] = []

    async def wait(name: str, *, urgent: bool) -> None:
        use(gate, await gate.acquire(urgent=urgent))
        served.append(name)

    waiting = [asyncio.create_task(wait(name, urgent=False)) for name in ("first", "second")]
    await turn()
    waiting += [asyncio.create_task(wait(name, urgent=True)) for name in ("urgent", "also urgent")]
    await asyncio.gather(*waiting)
    assert served == ["urgent", "also urgent", "first", "second"]


async def test_who_gives_up_leaves_the_slot_to_the_next(make: Callable[..., Gate]) -> None:
    gate = make(slow(1))
    impatient, patient = ask(gate), ask(gate)
    await turn()
    await drop(impatient)
    began = now()
    use(gate, await patient)
    assert now() - began < 0.5


async def test_a_permit_that_was_given_and_not_received_goes_to_the_next(make: Callable[..., Gate]) -> None:
    gate = make(slow(1))
    impatient, patient = ask(gate), ask(gate)
    await turn()
    gate.slots.book([now()])
    gate._serve()
    began = now()
    await drop(impatient)
    assert impatient.cancelled()
    use(gate, await patient)
    assert now() - began < 0.5


async def test_a_call_that_was_not_sent_leaves_its_slot_to_the_next(make: Callable[..., Gate]) -> None:
    gate = make(slow(1))
    permit = await gate.acquire(urgent=False)
    began = now()
    gate.end(permit, refused=False)
    use(gate, await gate.acquire(urgent=False))
    assert now() - began < 0.5


async def test_closing_tells_those_who_wait(make: Callable[..., Gate]) -> None:
    gate = make(slow(1))
    permit = await gate.acquire(urgent=False)
    waiting = ask(gate)
    await turn()
    await gate.aclose()
    with pytest.raises(RuntimeError, match="the limiter is closed"):
        await waiting
    gate.end(permit, refused=True)
    assert gate._task is None


async def test_an_error_that_redis_cannot_mend_reaches_those_who_wait(make: Callable[..., Gate]) -> None:
    with pytest.raises(UnicodeEncodeError):
        await make(Command(1, "\ud800", 100)).acquire(urgent=False)


# What is booked.


async def test_a_run_is_as_long_as_callers_wait_but_not_longer_than_five(make: Callable[..., Gate], redis: Any) -> None:
    gate = make()
    waiting = [ask(gate) for _ in range(12)]
    for task in waiting:
        use(gate, await task)
    assert int(redis.hget(KEY, "count")) <= 12 / RUN + 2


async def test_one_caller_who_always_comes_again_gets_runs_too(make: Callable[..., Gate], redis: Any) -> None:
    gate = make()
    for _ in range(40):
        use(gate, await gate.acquire(urgent=False))
    assert int(redis.hget(KEY, "count")) <= 20


async def test_callers_who_are_not_kept_waiting_get_single_slots(make: Callable[..., Gate], redis: Any) -> None:
    gate = make(slow(10))
    for place in range(3):
        redis.hset(KEY, "next", "1")  # as if the last call was long ago
        use(gate, await gate.acquire(urgent=False))
        await idle(gate)
        assert int(redis.hget(KEY, "count")) == place + 1


async def test_at_low_rates_slots_are_booked_one_by_one(make: Callable[..., Gate], redis: Any) -> None:
    gate = make(slow(10))
    waiting = [ask(gate) for _ in range(4)]
    for task in waiting:
        use(gate, await task)
    assert int(redis.hget(KEY, "count")) == 4


async def test_a_slow_redis_is_asked_early_and_for_longer_runs(make: Callable[..., Gate], told: ToldRedis) -> None:
    told.way = 0.015
    gate = make()
    for _ in range(20):
        use(gate, await gate.acquire(urgent=False))
    began = now()
    for _ in range(50):
        use(gate, await gate.acquire(urgent=False))
    assert 50 / (now() - began) >= 85


async def test_a_redis_that_became_slow_still_gives_slots(make: Callable[..., Gate], told: ToldRedis) -> None:
    gate = make()
    use(gate, await gate.acquire(urgent=False))
    told.way = 0.04
    began = now()
    for _ in range(5):
        use(gate, await gate.acquire(urgent=False))
    assert now() - began < 1


async def test_on_a_young_server_the_first_call_waits_until_all_have_noticed(
    make: Callable[..., Gate], told: ToldRedis
) -> None:
    told.start_anew()
    gate = make()
    began = now()
    use(gate, await gate.acquire(urgent=False))
    assert now() - began >= 1 + TIMEOUT


# What earlier calls need.


async def test_calls_without_an_answer_are_paid_for_with_further_slots(make: Callable[..., Gate]) -> None:
    gate = make()
    hanging = await gate.acquire(urgent=False)
    hanging.written = now()
    gate.slots._past.clear()  # its slot was a second ago
    use(gate, await gate.acquire(urgent=False))
    assert gate.slots._paid(now()) >= 2


async def test_a_slot_goes_by_while_calls_need_it(make: Callable[..., Gate]) -> None:
    gate = make()
    for _ in range(3):
        gate.slots.permits.take(now()).written = now()
    waiting = ask(gate)
    gate.slots.book([now(), now() + 0.03, now() + 0.06])
    use(gate, await waiting)
    assert gate.slots._paid(now()) >= 4


async def test_where_waiting_is_quicker_than_paying_nothing_is_booked(make: Callable[..., Gate], redis: Any) -> None:
    """At one call a second there is one permit: a call that hangs is waited for."""
    gate = make(slow(1))
    hanging = await gate.acquire(urgent=False)
    gate.slots._past.clear()
    waiting = ask(gate)
    await turn()
    await turn()
    assert int(redis.hget(KEY, "count")) == 1
    gate.end(hanging, refused=False)
    use(gate, await waiting)


# What goes back.


async def test_what_nobody_wants_any_more_goes_back(make: Callable[..., Gate], redis: Any) -> None:
    gate = make()
    waiting = [ask(gate) for _ in range(5)]
    use(gate, await waiting[0])
    end = int(redis.hget(KEY, "next"))
    await drop(*waiting[1:])
    await idle(gate)
    assert int(redis.hget(KEY, "next")) == end - 4 * gate._last.spacing
    assert gate.slots._paid(now() + 0.1) == 1


async def test_what_others_have_booked_behind_is_lost_and_pays(make: Callable[..., Gate], told: ToldRedis) -> None:
    gate = make()
    waiting = [ask(gate) for _ in range(5)]
    use(gate, await waiting[0])
    await books_of(told).book(COMMAND, 1, Terms(0.01, 8, 1))
    await drop(*waiting[1:])
    await idle(gate)
    assert gate.slots._paid(now() + 0.1) == 5


async def test_slots_that_nobody_wants_pay_for_calls_that_need_them(make: Callable[..., Gate]) -> None:
    gate = make()
    use(gate, await gate.acquire(urgent=False))
    gate.slots._past.clear()
    gate.slots.book([now()])
    gate._serve()
    await idle(gate)
    assert gate.slots._paid(now()) >= 1


async def test_a_refusal_slows_all_even_if_nobody_calls_here_any_more(make: Callable[..., Gate], redis: Any) -> None:
    gate = make()
    permits = [await gate.acquire(urgent=False) for _ in range(2)]
    use(gate, permits[0], refused=True)
    await turn()
    use(gate, permits[1], refused=True)  # while the first is being told; it was sent before, and says nothing new
    await idle(gate)
    assert float(redis.get(f"{KEY}:slow")) == pytest.approx(0.9)
    other = make()
    use(other, await other.acquire(urgent=False))
    assert other._last.spacing == pytest.approx(1e6 / 98 / 0.9, rel=0.02)


async def test_a_lower_limit_spreads_the_slots(make: Callable[..., Gate]) -> None:
    gate = make()
    for rate, spacing in ((50, 1e6 / 49), (200, 1e6 / 49)):
        gate.lower(rate)
        use(gate, await gate.acquire(urgent=False))
        assert gate._last.spacing == pytest.approx(spacing, abs=1)


# Without Redis.


async def test_the_static_share_serves_the_urgent_first(make: Callable[..., Gate], told: ToldRedis) -> None:
    told.gone = True
    gate = make(slow(40))
    served: list[asyncio.Task[Permit]] = []
    bulk = ask(gate)
    await turn()
    urgent = ask(gate, urgent=True)
    for task in (bulk, urgent):
        task.add_done_callback(served.append)
    await asyncio.gather(bulk, urgent)
    assert served == [urgent, bulk]


async def test_of_the_static_share_nothing_is_lost_when_somebody_gives_up(
    make: Callable[..., Gate], told: ToldRedis
) -> None:
    told.gone = True
    gate = make(slow(40))
    gate.end(await gate.acquire(urgent=False), refused=False)
    local, share = gate._common.local, gate._share._part(gate._command)
    held = [await local.acquire(share, urgent=True, full=True) for _ in range(10)]
    impatient = ask(gate)
    for _ in range(3):
        await turn()
    behind = asyncio.create_task(local.acquire(share))
    await turn()
    await drop(impatient)
    local.report(held[0])
    local.report(await behind)


async def test_it_is_told_once_that_redis_is_gone_and_once_that_it_is_back(
    told: ToldRedis, caplog: pytest.LogCaptureFixture
) -> None:
    told.gone = True
    common = Common(books_of(told), processes=1, margin=0.98, timeout=TIMEOUT)
    gates = [Gate(Command(1, path, 100), common) for path in ("a", "b")]
    gone, back = Ear("out of reach"), Ear("is back")
    waiting = [ask(gate) for gate in gates]
    await gone.heard.wait()
    told.start_anew()
    for gate, task in zip(gates, waiting, strict=True):
        use(gate, await task)
    await back.heard.wait()
    assert not common.without
    for gate in gates:
        await gate.aclose()
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
    gate = Gate(COMMAND, Common(books_of(seeing), processes=1, margin=0.98, timeout=TIMEOUT))
    WHO.set("who asks first")
    use(gate, await gate.acquire(urgent=False))
    await gate.aclose()
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
    make: Callable[..., Gate], told: ToldRedis
) -> None:
    told.gone = True
    gate = make(processes=1)
    hanging = await gate.acquire(urgent=False)
    hanging.written = now()
    back = Ear("is back")
    told.start_anew()
    await back.heard.wait()
    use(gate, await gate.acquire(urgent=False))
    assert gate.slots.elsewhere == 1
    gate.end(hanging, refused=False)


async def test_slots_that_were_to_go_back_when_redis_went_are_lost_and_pay(
    make: Callable[..., Gate], told: ToldRedis
) -> None:
    gate = make(processes=1)
    waiting = [ask(gate) for _ in range(5)]
    use(gate, await waiting[0])
    told.hold()
    gone = Ear("out of reach")
    await drop(*waiting[1:])
    await gone.heard.wait()
    await turn()
    assert not gate._back
    assert gate.slots._paid(now()) == 5
    told.go_on()
