"""A caller is cancelled at every point where a call can wait, and nobody else suffers.

Each point brings a caller to where it hangs. Then it is cancelled, the hanging ends, and a neighbour who asked for the
same command at the same time must get what he asked for; nothing may be left of the cancelled one.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
from servers import Call, Puppet, client_of, refuse, yes

from tim_async import AccountError, Client, Ok
from tim_async.lane.judging import Lane
from tim_async.limits.local import Command, local_limiter
from tim_async.limits.permits import Permit

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is


class Ways:
    """The three ways to ask, with the account that the cancelled caller asks for."""

    @staticmethod
    async def batch(tim: Client) -> object:
        return await tim.push.get_tags(["gone", *[f"g{number}" for number in range(250)]])

    @staticmethod
    async def one(tim: Client) -> object:
        return await tim.push.get_tags.one("gone", timeout=60, max_wait=60)

    @staticmethod
    async def stream(tim: Client) -> object:
        async with tim.push.get_tags.stream(["gone", *[f"g{number}" for number in range(250)]]) as outcomes:
            return [outcome async for outcome in outcomes]


WAYS: list[Callable[[Client], Coroutine[Any, Any, object]]] = [Ways.batch, Ways.one, Ways.stream]


class Stage:
    """A client of a puppet whose limiter gives permits only while `open`."""

    def __init__(self, tim: Client, puppet: Puppet, permits: "Valve") -> None:
        self.tim = tim
        self.puppet = puppet
        self.permits = permits

    @property
    def lane(self) -> Lane:
        (dispatcher,) = self.tim._dispatchers.values()
        return dispatcher.lane

    def let_go(self) -> None:
        """From now on all is well, for what hangs too."""
        self.permits.open.set()
        self.puppet.respond = yes
        for call in self.puppet.calls:
            if not call.answered and not call.gone.is_set():
                call.answer(yes(call))


class Valve:
    """A limiter in front of the real one; counts the permits that are out."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting = asyncio.Event()
        self.out: set[Permit] = set()
        self._limiter = local_limiter()

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        self.waiting.set()
        await self.open.wait()
        permit = await self._limiter.acquire(command, urgent=urgent, full=full)
        self.out.add(permit)
        return permit

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        self.out.discard(permit)
        self._limiter.report(permit, refused=refused)


# The points


async def at_the_token(stage: Stage) -> None:
    stage.permits.open.clear()
    stage.permits.waiting.clear()
    await stage.permits.waiting.wait()


async def at_the_answer(stage: Stage) -> Call:
    call = await stage.puppet.call()
    while "gone" not in call.accounts:
        call = await stage.puppet.call()
    return call


async def in_the_body(stage: Stage) -> None:
    call = await at_the_answer(stage)
    call.send(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ErrorCode":')
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, call.reset)  # so that the call ends, and is made once more


async def in_the_back_off(stage: Stage) -> None:
    (await at_the_answer(stage)).answer(refuse(91000))
    await until(lambda: bool(stage.lane._later))


async def in_a_pause(stage: Stage) -> None:
    (await at_the_answer(stage)).answer(refuse(60007))
    await until(lambda: stage.lane.pause.until > 0)


async def in_the_search_for_the_guilty(stage: Stage) -> None:
    (await at_the_answer(stage)).answer(refuse(90018))
    await stage.puppet.call()


def until(condition: Callable[[], bool]) -> asyncio.Future[None]:
    """Comes when something is so; looked at in every turn of the loop."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def look() -> None:
        if condition():
            done.set_result(None)
        else:
            loop.call_soon(look)

    look()
    return done


POINTS = [at_the_token, at_the_answer, in_the_body, in_the_back_off, in_a_pause, in_the_search_for_the_guilty]


@pytest.fixture
async def stage(puppet: Puppet) -> AsyncIterator[Stage]:
    valve = Valve()
    valve.open.set()
    async with client_of(puppet, limiter=valve) as tim:
        yield Stage(tim, puppet, valve)
    assert not valve.out
    await puppet.all_gone()


def assert_nothing_left(lane: Lane) -> None:
    assert repr(lane).endswith(": 0 ready, 0 groups in back-off, 0 calls in flight>")
    assert lane.idle
    assert not lane.owners
    assert not lane.order
    assert not lane.order.joined


async def at_rest(lane: Lane) -> None:
    await until(lambda: lane.in_flight == 0)
    assert_nothing_left(lane)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_caller_leaves_nothing_and_costs_the_neighbour_nothing(
    way: Callable[[Client], Coroutine[Any, Any, object]], point: Callable[[Stage], Awaitable[object]], stage: Stage
) -> None:
    neighbour = asyncio.create_task(stage.tim.push.get_tags(["neighbour", "gone"], priority="interactive"))
    task = asyncio.create_task(way(stage.tim))
    await point(stage)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stage.let_go()
    assert list(await neighbour) == [Ok(0, "neighbour", ("tag of neighbour",)), Ok(1, "gone", ("tag of gone",))]
    await at_rest(stage.lane)


@pytest.mark.parametrize("way", WAYS)
async def test_items_that_wait_for_a_slot_are_withdrawn_and_never_sent(way: Any, puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        neighbour = asyncio.create_task(tim.push.get_tags.one("neighbour"))
        held = await puppet.call()
        task = asyncio.create_task(way(tim))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.answer(yes(held))
        assert await neighbour == ("tag of neighbour",)
        puppet.respond = yes
        assert await tim.push.get_tags.one("later") == ("tag of later",)
    assert [call.accounts for call in puppet.calls] == [["neighbour"], ["later"]]


async def test_a_write_that_waits_behind_another_of_its_account_is_withdrawn(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        first = asyncio.create_task(tim.push.set_attributes.one("Mary", {"n": "1"}))
        held = await puppet.call()
        second = asyncio.create_task(tim.push.set_attributes.one("Mary", {"n": "2"}))
        third = asyncio.create_task(tim.push.set_attributes.one("Mary", {"n": "3"}))
        for _ in range(5):
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        held.answer(yes(held))
        last = await puppet.call()
        last.answer(yes(last))
        await asyncio.gather(first, third)
        (dispatcher,) = tim._dispatchers.values()
        assert_nothing_left(dispatcher.lane)
    assert [call.body["UserAttrs"][0]["Attrs"] for call in puppet.calls] == [{"n": "1"}, {"n": "3"}]


async def test_one_of_two_readers_of_an_account_is_cancelled_and_the_other_reads(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        neighbour = asyncio.create_task(tim.push.get_tags.one("neighbour"))
        held = await puppet.call()
        readers = [asyncio.create_task(tim.push.get_tags.one("Mary")) for _ in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
        readers[0].cancel()  # in whose place the others stand
        held.answer(yes(held))
        call = await puppet.call()
        assert call.accounts == ["Mary"]
        call.answer(yes(call))
        assert await asyncio.gather(*readers, neighbour, return_exceptions=True) != []
        assert [reader.result() for reader in readers[1:]] == [("tag of Mary",)] * 2
        assert readers[0].cancelled()


async def test_a_call_that_was_sent_runs_to_its_end_without_its_caller(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.accounts.delete(["gone"]))
        call = await puppet.call()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not call.gone.is_set()
        (dispatcher,) = tim._dispatchers.values()
        assert dispatcher.lane.in_flight == 1
        call.answer(yes(call))
        await at_rest(dispatcher.lane)
        assert not call.gone.is_set()
    assert len(puppet.calls) == 1


async def test_a_lost_call_of_a_cancelled_caller_is_not_made_again(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.accounts.delete(["gone"]))
        call = await puppet.call()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        call.reset()
        (dispatcher,) = tim._dispatchers.values()
        await at_rest(dispatcher.lane)
    assert len(puppet.calls) == 1


async def test_while_a_connection_is_opened_the_caller_can_be_cancelled() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        async with AsyncExitStack() as stack:
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            full = Puppet()
            full.listens_at(listener.getsockname()[1])
            tim = await stack.enter_async_context(client_of(full, close_timeout=0))
            task = asyncio.create_task(tim.accounts.delete.one("gone"))
            await until(lambda: bool(tim._dispatchers) and next(iter(tim._dispatchers.values())).lane.in_flight == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await tim.aclose()
            (dispatcher,) = tim._dispatchers.values()
            assert_nothing_left(dispatcher.lane)
            assert dispatcher.tasks == set()


async def test_every_step_of_a_call_can_be_the_one_at_which_it_is_cancelled(puppet: Puppet) -> None:
    """Cancelled after one turn of the loop, after two, and so on until the call is over before that."""
    puppet.respond = yes
    schedule, done = 0, False
    async with client_of(puppet, limiter=None) as tim:
        while not done:
            neighbour = asyncio.create_task(tim.push.get_tags(["neighbour"]))
            task = asyncio.create_task(tim.push.get_tags(["gone", "neighbour"]))
            await schedule_of_the_loop(schedule)
            done = task.done()
            task.cancel()
            result, _ = await asyncio.gather(neighbour, task, return_exceptions=True)
            assert not isinstance(result, BaseException)
            assert result.values == {"neighbour": ("tag of neighbour",)}
            (dispatcher,) = tim._dispatchers.values()
            await at_rest(dispatcher.lane)
            schedule += 1
    assert schedule > 5


async def schedule_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_timeout_around_a_call_is_a_cancellation_like_any_other(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await tim.accounts.delete(["gone"])
        with pytest.raises(AccountError, match=r"NotSent|Unknown"):
            await tim.accounts.delete.one("Mary", timeout=0.01)
