"""A batch as a stream: in bounded memory, left at any time, with its errors at the end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from servers import Puppet, client_of, refusing, yes

from tim_async import BatchError, Client, ClientClosed, CredentialsError, NotSent, Ok, Outcome, Rejected, Unknown
from tim_async.emulator import Emulator
from tim_async.operations.streams import OutcomeStream, at_hand

pytestmark = pytest.mark.clock("patient")  # short times count what is waited, not how slow the machine is


class Boom(Exception):
    """What a source of these tests raises."""


class Counting:
    """A source that knows how far it was read, and by whom."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0
        self.closed = asyncio.Event()

    def sync(self) -> Iterator[str]:
        try:
            for number in range(1, self.count + 1):
                self.taken = number
                yield f"u{number}"
        finally:
            self.closed.set()

    async def late(self) -> AsyncIterator[str]:
        for name in self.sync():
            yield name


async def all_of(outcomes: OutcomeStream[Any]) -> list[Outcome[Any]]:
    return [outcome async for outcome in outcomes]


async def into(got: list[Outcome[Any]], outcomes: OutcomeStream[Any]) -> None:
    while True:
        got.append(await anext(outcomes))


def settle() -> asyncio.Future[None]:
    """Comes when everything has happened that happens without a word from outside: a thousand turns of the loop."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
        else:
            done.set_result(None)

    turn(1000)
    return done


@pytest.mark.parametrize("form", ["sync", "late"])
async def test_every_item_comes_once_with_its_place(form: str, client: Client, emulator: Emulator) -> None:
    source = Counting(1234)
    emulator.accounts.add(*[f"u{number}" for number in range(1, 1235)])
    async with client.push.get_tags.stream(getattr(source, form)()) as outcomes:
        got = await all_of(outcomes)
        assert not outcomes.unread
    assert sorted(got, key=lambda outcome: outcome.index) == [
        Ok(number - 1, f"u{number}", ()) for number in range(1, 1235)
    ]
    assert source.closed.is_set()


async def test_outcomes_come_in_the_order_of_completion(puppet: Puppet) -> None:
    async with client_of(puppet) as tim, tim.push.get_tags.stream([f"u{number}" for number in range(200)]) as outcomes:
        first, second = await puppet.call(), await puppet.call()
        second.answer(yes(second))
        assert (await anext(outcomes)).account == second.accounts[0]
        first.answer(yes(first))
        rest = await all_of(outcomes)
        assert [outcome.account for outcome in rest] == [*second.accounts[1:], *first.accounts]


async def test_outcomes_of_all_kinds_come(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a")
    async with client.accounts.delete.stream(["a", "b", ""]) as outcomes:
        kinds = {outcome.account: type(outcome) for outcome in await all_of(outcomes)}
    assert kinds == {"a": Ok, "b": Rejected, "": NotSent}


# Bounded


@pytest.mark.parametrize("form", ["sync", "late"])
async def test_a_slow_consumer_pauses_the_source(form: str, puppet: Puppet) -> None:
    puppet.respond = yes
    source = Counting(5000)
    handed_over = 0
    async with (
        client_of(puppet, max_in_flight=2, limiter=None) as tim,
        tim.accounts.delete.stream(getattr(source, form)()) as outcomes,
    ):
        for take in (0, 1, 98, 1, 500, 1000):
            for _ in range(take):
                await anext(outcomes)
            handed_over += take
            await settle()
            assert source.taken - handed_over <= 2 * 2 * 100
        assert source.taken > handed_over + 200
        assert len(await all_of(outcomes)) == 5000 - handed_over
    assert {len(call.accounts) for call in puppet.calls} == {100}


@pytest.mark.parametrize("form", ["sync", "late"])
async def test_what_is_at_hand_is_taken_at_once_and_makes_room_for_more(form: str, puppet: Puppet) -> None:
    puppet.respond = yes
    source, got = Counting(5000), list[Outcome[Any]]()
    async with (
        client_of(puppet, max_in_flight=2, limiter=None) as tim,
        tim.accounts.delete.stream(getattr(source, form)()) as outcomes,
    ):
        while len(got) < 4500:
            got.append(await anext(outcomes))
            await settle()
            assert source.taken - len(got) <= 2 * 2 * 100
            got += at_hand(outcomes)
            assert at_hand(outcomes) == []
        got += await all_of(outcomes)
    assert [outcome.index for outcome in got] == [int(outcome.account[1:]) - 1 for outcome in got]
    assert sorted(outcome.index for outcome in got) == list(range(5000))
    assert len(puppet.calls) == 50


async def another() -> AsyncIterator[Outcome[Any]]:
    yield Ok(0, "a", None)


async def test_nothing_is_at_hand_before_a_stream_is_entered_and_of_another_iterator(client: Client) -> None:
    assert at_hand(client.accounts.delete.stream(["a"])) == []
    other = another()
    assert at_hand(other) == []
    assert [outcome async for outcome in other] == [Ok(0, "a", None)]


async def test_a_paused_stream_pauses_nobody_else(puppet: Puppet) -> None:
    puppet.respond = yes
    async with (
        client_of(puppet, max_in_flight=1, limiter=None) as tim,
        tim.accounts.delete.stream(Counting(5000).sync()),
    ):
        await settle()
        assert (await tim.accounts.delete([f"v{number}" for number in range(1000)])).ok
        assert await tim.push.get_tags.one("Mary") == ("tag of Mary",)


# Left early


@pytest.mark.parametrize("form", ["sync", "late"])
@pytest.mark.parametrize("take", [0, 1])
async def test_a_stream_that_is_left_early_takes_nothing_more_and_withdraws_what_waits(
    form: str, take: int, puppet: Puppet
) -> None:
    source = Counting(100_000)
    async with client_of(puppet, max_in_flight=1) as tim:
        async with tim.accounts.delete.stream(getattr(source, form)()) as outcomes:
            held = await puppet.call()
            if take:
                held.answer(yes(held))
                assert isinstance(await anext(outcomes), Ok)
                held = await puppet.call()
            taken = source.taken
        assert outcomes.unread
        assert source.taken == taken < 2000
        assert source.closed.is_set()
        held.answer(yes(held))  # what was in flight runs to its end
        assert await all_of(outcomes) == []
    assert len(puppet.calls) == 1 + take


async def test_a_stream_that_is_left_before_its_source_was_touched(client: Client) -> None:
    async def hanging() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""

    async with client.accounts.delete.stream(hanging()):
        pass
    async with client.accounts.delete.stream(hanging()):
        await settle()


async def leave(stream: OutcomeStream[Any], *, after: asyncio.Future[None]) -> None:
    async with stream:
        await after
        raise Boom


async def test_an_error_in_the_block_leaves_the_stream_and_stays_itself(client: Client) -> None:
    with pytest.raises(Boom):
        await leave(client.accounts.delete.stream(Counting(1000).sync()), after=settle())
    wrong: Any = ["ab"]
    with pytest.raises(Boom):
        await leave(client.push.set_attributes.stream(wrong), after=settle())


# Errors at the end


@pytest.mark.parametrize("form", ["sync", "late"])
async def test_a_source_that_raises_ends_the_stream_with_its_error_after_the_last_outcome(
    form: str, client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add(*[f"u{number}" for number in range(1, 151)])
    source = Counting(150)

    def failing() -> Iterator[str]:
        yield from source.sync()
        raise Boom

    async def failing_late() -> AsyncIterator[str]:
        for name in failing():
            yield name

    got: list[Outcome[None]] = []
    async with client.accounts.delete.stream(failing() if form == "sync" else failing_late()) as outcomes:
        with pytest.raises(BatchError) as caught:
            await into(got, outcomes)
        assert outcomes.unread
    assert isinstance(caught.value.__cause__, Boom)
    assert sorted(outcome.index for outcome in got) == list(range(150))
    assert {type(outcome) for outcome in got} <= {Ok, NotSent}
    assert {o.account for o in got if isinstance(o, NotSent)} == set(emulator.accounts)


async def test_a_source_that_ends_with_a_cancellation_of_its_own_ends_the_stream_with_an_error(client: Client) -> None:
    async def cancelled() -> AsyncIterator[str]:
        yield ""
        raise asyncio.CancelledError

    async with client.accounts.delete.stream(cancelled()) as outcomes:
        assert isinstance(await anext(outcomes), NotSent)
        with pytest.raises(BatchError) as caught:
            await anext(outcomes)
    assert caught.value.result.unread


async def test_items_of_the_wrong_form_are_a_mistake_in_the_call(client: Client, emulator: Emulator) -> None:
    wrong: Any = ["ab", "cd"]
    async with client.push.set_attributes.stream(wrong) as outcomes:
        for _ in range(2):
            with pytest.raises(TypeError, match="pair"):
                await anext(outcomes)
    assert emulator.statistics() == {}


async def test_a_type_error_of_the_source_itself_is_no_mistake_in_the_call(client: Client) -> None:
    def failing(_: int) -> tuple[str, dict[str, str]]:
        raise TypeError("of its own")

    async with client.push.set_attributes.stream(map(failing, [1])) as outcomes:
        with pytest.raises(BatchError) as caught:
            await anext(outcomes)
    assert str(caught.value.__cause__) == "of its own"


async def test_what_makes_further_calls_pointless_is_raised_after_the_last_outcome(puppet: Puppet) -> None:
    puppet.respond = refusing(70009)
    source = Counting(100_000)
    got: list[Outcome[None]] = []
    async with client_of(puppet) as tim, tim.accounts.delete.stream(source.sync()) as outcomes:
        with pytest.raises(CredentialsError) as caught:
            await into(got, outcomes)
    assert caught.value.code == 70009
    assert sorted(outcome.index for outcome in got) == list(range(source.taken))
    assert source.taken <= 2000


# Used wrongly


async def test_a_stream_is_used_once(client: Client) -> None:
    stream = client.accounts.delete.stream([])
    async with stream:
        pass
    with pytest.raises(RuntimeError, match="used once"):
        await stream.__aenter__()


async def test_a_stream_must_be_entered(client: Client) -> None:
    stream = client.accounts.delete.stream(["Mary"])
    assert stream.unread
    with pytest.raises(RuntimeError, match="async with"):
        await anext(stream)
    await stream.__aexit__(None, None, None)
    assert [outcome async for outcome in await stream.__aenter__()] == [Rejected(0, "Mary", *_not_there())]
    await stream.__aexit__(None, None, None)


def _not_there() -> tuple[int, str, str]:
    return 70107, "Err_TLS_PT_Open_Login_Account_Not_Exist", "the account does not exist"


async def test_a_stream_of_a_closed_client_is_refused(client: Client) -> None:
    stream = client.accounts.delete.stream(["Mary"])
    await client.aclose()
    with pytest.raises(ClientClosed):
        await stream.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        await anext(stream)


# In the order of its writes


async def test_outcomes_of_one_account_come_in_the_order_of_its_writes(puppet: Puppet) -> None:
    """Also if a later one is refused here, or the stream is stopped while the first is in flight."""
    writes: list[tuple[str, Any]] = [("Mary", {"n": "1"}), ("Mary", 7), ("Mary", {"n": "2"}), ("Tom", {"n": "1"})]
    got: list[Outcome[None]] = []
    later = [("Mary", {"n": str(n)}) for n in range(9)]
    async with (
        client_of(puppet, max_in_flight=1) as tim,
        tim.push.set_attributes.stream([*writes, *later]) as outcomes,
    ):
        call = await puppet.call()
        assert call.accounts == ["Mary", "Tom"]
        task = asyncio.create_task(into(got, outcomes))
        await settle()
        assert not got
        call.answer({"ErrorCode": 0, "ErrorInfo": "", "ActionStatus": "OK"})
        (await puppet.call()).answer({"ErrorCode": 70009, "ErrorInfo": "wrong key", "ActionStatus": "FAIL"})
        with pytest.raises(CredentialsError):
            await task
    mary = [outcome for outcome in got if outcome.account == "Mary"]
    assert [outcome.index for outcome in mary] == [0, 1, 2, *range(4, 13)]
    assert [type(outcome) for outcome in mary] == [Ok, NotSent, Rejected, *[NotSent] * 9]


# Closed under it


@pytest.mark.parametrize("form", ["sync", "late"])
async def test_when_the_client_closes_every_item_that_was_taken_has_its_outcome(form: str, puppet: Puppet) -> None:
    source = Counting(100_000)
    tim = client_of(puppet, max_in_flight=1, close_timeout=0)
    async with tim.accounts.delete.stream(getattr(source, form)()) as outcomes:
        await puppet.call()
        await tim.aclose()
        got: list[Outcome[None]] = []
        with pytest.raises(ClientClosed):
            await into(got, outcomes)
        assert outcomes.unread
    assert sorted(outcome.index for outcome in got) == list(range(source.taken))
    assert {type(outcome) for outcome in got} == {Unknown, NotSent}
    assert sum(isinstance(outcome, Unknown) for outcome in got) == 100
    assert source.closed.is_set()


async def test_a_consumer_that_is_cancelled_leaves_the_stream(puppet: Puppet) -> None:
    source = Counting(100_000)

    async def consume(tim: Client) -> None:
        async with tim.accounts.delete.stream(source.late()) as outcomes:
            await all_of(outcomes)

    async with client_of(puppet, max_in_flight=1) as tim:
        task = asyncio.create_task(consume(tim))
        call = await puppet.call()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed.is_set()
        call.answer(yes(call))
    assert len(puppet.calls) == 1
