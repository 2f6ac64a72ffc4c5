"""What a batch may be read from: lazily, in one task, to its end or until nothing more is wanted."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any

import pytest
from servers import Puppet, client_of, refusing, yes

from tim_async import BatchError, Client, CredentialsError, NotSent, Ok, Unknown
from tim_async.emulator import Account, Emulator

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is


class Boom(Exception):
    """What a source of these tests raises."""


async def boom_after(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"u{number}"
    raise Boom


def boom_after_sync(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"u{number}"
    raise Boom


def _when(condition: Any, event: asyncio.Event) -> None:
    """Set an event as soon as something is so; looked at in every turn of the loop."""
    if condition():
        event.set()
    else:
        asyncio.get_running_loop().call_soon(_when, condition, event)


class Reading:
    """A source that remembers what happened to it."""

    def __init__(self) -> None:
        self.taken = 0
        self.tasks: set[asyncio.Task[Any] | None] = set()
        self.closed = asyncio.Event()
        self.hangs = asyncio.Event()
        self.cleaned_up = False

    @asynccontextmanager
    async def context(self) -> AsyncGenerator[None]:
        self.tasks.add(asyncio.current_task())
        try:
            yield
        finally:
            self.tasks.add(asyncio.current_task())
            await asyncio.sleep(0)  # as a cursor does that says goodbye to its server
            self.cleaned_up = True
            self.closed.set()

    async def items(self, count: int, *, waits: bool = False, hang: bool = False) -> AsyncIterator[str]:
        async with self.context():
            for number in range(count):
                self.taken += 1
                self.tasks.add(asyncio.current_task())
                yield f"u{number}"
                if waits:
                    await asyncio.sleep(0)
            if hang:
                self.hangs.set()
                await asyncio.Event().wait()

    def items_sync(self, count: int) -> Iterator[str]:
        try:
            for number in range(count):
                self.taken += 1
                self.tasks.add(asyncio.current_task())
                yield f"u{number}"
        finally:
            self.tasks.add(asyncio.current_task())
            self.closed.set()


# Lazily


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_long_source_is_read_only_as_far_as_its_items_can_be_sent(form: str, puppet: Puppet) -> None:
    reading = Reading()
    source: Any = reading.items_sync(100_000) if form == "sync" else reading.items(100_000)
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        task = asyncio.create_task(tim.accounts.delete(source))
        first = await puppet.call()
        first.answer(yes(first))
        await puppet.call()
        assert reading.taken <= 1100
        await tim.aclose()
        result = await task
        assert result.unread
        assert len(result) == result.stats.items == reading.taken
        assert [type(outcome) for outcome in result][:201] == [Ok] * 100 + [Unknown] * 100 + [NotSent]
        assert reading.tasks == {task}
        assert reading.closed.is_set()


async def test_a_thousand_items_of_a_synchronous_source_enter_before_the_call_first_waits(puppet: Puppet) -> None:
    reading = Reading()
    async with client_of(puppet, close_timeout=0) as tim:
        task = asyncio.create_task(tim.accounts.delete(reading.items_sync(5000), timeout=0))
        await asyncio.sleep(0)
        assert reading.taken == 1000
        await task


async def test_items_that_come_one_by_one_go_at_once(client: Client, emulator: Emulator) -> None:
    answered = asyncio.Event()

    async def conversation() -> AsyncIterator[str]:
        yield "Mary"
        await answered.wait()
        yield "Tom"

    emulator.accounts.add("Mary", "Tom")
    _when(lambda: "Mary" not in emulator.accounts, answered)
    assert (await client.accounts.delete(conversation())).ok
    assert not emulator.accounts


async def test_items_that_come_without_a_wait_go_together(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add(*[f"u{number}" for number in range(250)])
    result = await client.accounts.delete(Reading().items(250))
    assert result.ok
    assert result.stats.calls == 3


async def test_a_source_that_waits_between_items_does_not_make_calls_of_one_item(emulator: Emulator) -> None:
    emulator.accounts.add(*[f"u{number}" for number in range(250)])
    async with client_of(emulator, max_in_flight=1) as tim:
        result = await tim.accounts.delete(Reading().items(250, waits=True))
    assert result.ok
    assert result.stats.calls < 50


async def test_a_million_mistakes_leave_the_loop_its_schedule(client: Client) -> None:
    schedule = 0

    def count() -> None:
        nonlocal schedule
        schedule += 1
        handle[0] = asyncio.get_running_loop().call_soon(count)

    handle = [asyncio.get_running_loop().call_soon(count)]
    result = await client.accounts.delete("" for _ in range(20_000))
    handle[0].cancel()
    assert len(result) == 20_000
    assert schedule >= 20


# In one task


@pytest.mark.parametrize(("count", "hang"), [(2, False), (2, True), (0, True)])
async def test_an_async_source_is_read_and_closed_in_the_task_of_the_call_even_if_it_hangs(
    count: int, hang: bool, client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add("u0", "u1")
    reading = Reading()
    result = await client.accounts.delete(reading.items(count, hang=hang), timeout=0.1 if hang else None)
    assert reading.tasks == {asyncio.current_task()}
    assert reading.cleaned_up
    assert result.unread is hang
    assert list(result) == [Ok(place, f"u{place}", None) for place in range(count)]


async def test_a_stream_reads_and_closes_its_source_in_one_task(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add(*[f"u{number}" for number in range(300)])
    for hang in (False, True):
        reading = Reading()
        async with client.push.get_tags.stream(reading.items(300, hang=hang)) as outcomes:
            for _ in range(300):
                assert isinstance(await anext(outcomes), Ok)
        assert len(reading.tasks) == 1
        assert reading.cleaned_up


# Sources that hang


@pytest.mark.parametrize("count", [0, 1])
async def test_a_source_that_hangs_is_interrupted_when_the_client_closes(count: int, emulator: Emulator) -> None:
    reading = Reading()
    emulator.accounts.add("u0")
    async with client_of(emulator) as tim:
        task = asyncio.create_task(tim.accounts.delete(reading.items(count, hang=True)))
        await reading.hangs.wait()
    result = await task
    assert result.unread
    assert list(result) == [Ok(0, "u0", None)][:count]
    assert reading.cleaned_up


async def test_a_source_that_hangs_is_interrupted_when_the_batch_is_stopped(emulator: Emulator) -> None:
    reading = Reading()
    async with client_of(emulator, secret_key="wrong") as tim:
        with pytest.raises(CredentialsError) as caught:
            await tim.accounts.delete(reading.items(1, hang=True))
    assert caught.value.result is not None
    assert caught.value.result.unread
    assert reading.cleaned_up


async def test_a_source_that_hangs_is_interrupted_when_its_caller_is_cancelled(client: Client) -> None:
    reading = Reading()
    task = asyncio.create_task(client.accounts.delete(reading.items(0, hang=True)))
    await reading.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reading.cleaned_up


async def test_a_source_that_ends_by_itself_when_it_is_interrupted_has_been_read(client: Client) -> None:
    async def stubborn() -> AsyncIterator[str]:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        for name in list[str]():
            yield name

    result = await client.accounts.delete(stubborn(), timeout=0.01)
    assert (len(result), result.unread) == (0, False)


async def test_an_item_that_comes_while_the_batch_is_stopped_has_its_outcome_too(client: Client) -> None:
    """Taken in the very turn of the loop in which the time was over."""
    loop = asyncio.get_running_loop()
    timer_came = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        await timer_came.wait()
        yield "late"
        await asyncio.Event().wait()

    task = asyncio.create_task(client.accounts.delete(source(), timeout=0.01))
    # Just before the timer of the call, so that the source goes on in the turn that settles it, or in the next one.
    await asyncio.sleep(0)
    loop.call_at(loop.time() + 0.01, timer_came.set)
    result = await task
    assert [type(outcome) for outcome in result] in ([], [NotSent])
    assert result.unread


async def test_an_item_given_in_the_same_turn_in_which_the_batch_is_stopped_is_not_sent(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        gate = asyncio.Event()

        async def source() -> AsyncIterator[str]:
            yield "early"
            await gate.wait()
            # The call is stopped in this same turn of the loop, before the item enters the lane.
            asyncio.get_running_loop().call_soon(stop)
            yield "late"
            await asyncio.Event().wait()

        def stop() -> None:
            lane = next(iter(tim._dispatchers.values())).lane
            for owner in list(lane.owners):
                lane.withdraw(owner, "stopped by the test", 0.0)

        task = asyncio.create_task(tim.accounts.delete(source()))
        call = await puppet.call()
        asyncio.get_running_loop().call_soon(stop)
        gate.set()
        result = await task
        assert [type(outcome) for outcome in result] in ([Unknown], [Unknown, NotSent])
        call.answer(yes(call))


# Sources that raise


@pytest.mark.parametrize("source", [boom_after, boom_after_sync])
async def test_when_the_source_raises_the_result_of_what_was_sent_comes_with_the_error(
    source: Any, client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add(*[f"u{number}" for number in range(3000)])
    with pytest.raises(BatchError) as caught:
        await client.accounts.delete(source(2345))
    assert isinstance(caught.value.__cause__, Boom)
    result = caught.value.result
    assert len(result) == 2345
    assert result.unread
    done = {outcome.account for outcome in result if isinstance(outcome, Ok)}
    assert done == {f"u{number}" for number in range(3000)} - emulator.accounts.keys()
    assert {error.reason for error in result.errors} <= {"the source failed: Boom"}
    assert {type(error) for error in result.errors} <= {NotSent}


@pytest.mark.parametrize("source", [boom_after, boom_after_sync])
async def test_a_source_that_raises_at_once_has_an_empty_result(source: Any, client: Client) -> None:
    with pytest.raises(BatchError, match="source failed") as caught:
        await client.accounts.delete(source(0))
    assert isinstance(caught.value.__cause__, Boom)
    assert len(caught.value.result) == 0


async def test_calls_that_were_sent_before_the_source_raised_run_to_their_end(puppet: Puppet) -> None:
    gate = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        yield "Mary"
        await gate.wait()
        raise Boom

    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.push.get_tags(source()))
        call = await puppet.call()
        gate.set()
        await asyncio.sleep(0)
        call.answer(yes(call))
        with pytest.raises(BatchError) as caught:
            await task
        assert list(caught.value.result) == [Ok(0, "Mary", ("tag of Mary",))]


async def test_a_source_that_raises_while_it_is_closed_does_not_cost_the_result(
    puppet: Puppet,
) -> None:
    def closing_badly() -> Iterator[str]:
        try:
            yield from ("u0", "u1", "u2", *[f"v{number}" for number in range(5000)])
        finally:
            raise Boom

    async with client_of(puppet, close_timeout=0) as tim:
        with pytest.raises(BatchError) as caught:
            await tim.accounts.delete(closing_badly(), timeout=0.05)
    assert isinstance(caught.value.__cause__, Boom)
    assert len(caught.value.result) >= 1000


async def test_the_first_error_of_a_source_counts(client: Client) -> None:
    class Twice:
        """Looks like an async generator, and fails in each of its methods."""

        def __aiter__(self) -> "Twice":
            return self

        async def __anext__(self) -> str:
            raise Boom("first")

        async def aclose(self) -> None:
            raise Boom("second")

        async def asend(self, value: Any) -> str:
            raise NotImplementedError

        async def athrow(self, *error: Any) -> str:
            raise NotImplementedError

    with pytest.raises(BatchError) as caught:
        await client.accounts.delete(Twice())
    assert str(caught.value.__cause__) == "first"


async def test_an_argument_that_raises_when_it_is_looked_at_costs_nobody_elses_outcome(
    client: Client, emulator: Emulator
) -> None:
    class Broken(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise Boom

    emulator.accounts["Mary"] = Account(attributes={"name": "x"})
    reading = asyncio.Event()

    async def pairs() -> AsyncIterator[tuple[str, list[str]]]:
        yield "Mary", ["name"]
        _when(lambda: not emulator.accounts["Mary"].attributes, reading)
        await reading.wait()
        yield "Tom", Broken()
        await asyncio.sleep(0)

    with pytest.raises(BatchError) as caught:
        (await client.all_member_push.remove_attributes(pairs())).raise_for_errors()
    assert caught.value.result.values == {"Mary": None}


async def test_any_mapping_is_a_batch_of_pairs(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "Paul")
    for kind in (dict, OrderedDict, MappingProxyType):
        (await client.push.set_attributes(kind({"Mary": {"n": "1"}, "Paul": {"n": "2"}}))).raise_for_errors()
        assert [emulator.accounts[name].attributes for name in ("Mary", "Paul")] == [{"n": "1"}, {"n": "2"}]
        (await client.push.remove_attributes(kind({"Mary": ["n"], "Paul": ["n"]}))).raise_for_errors()


@pytest.mark.parametrize(("gone", "new", "taken"), [(0, 1, 1000), (1, 0, 1000), (50, 50, 1500)])
async def test_a_dict_that_changes_while_it_is_read_fails_the_source_and_costs_no_outcome(
    gone: int, new: int, taken: int, client: Client, emulator: Emulator
) -> None:
    batch = {f"u{number}": {"n": f"{number}"} for number in range(1500)}
    emulator.accounts.add(*batch)
    task = asyncio.create_task(client.push.set_attributes(batch))
    await asyncio.sleep(0)
    for number in range(gone):
        del batch[f"u{number}"]
    batch |= {f"late{number}": {"n": "late"} for number in range(new)}
    with pytest.raises(BatchError) as caught:
        await task
    assert isinstance(caught.value.__cause__, RuntimeError)
    result = caught.value.result
    assert (len(result), len(result.values), result.unread) == (taken, 1000, True)
    assert all(isinstance(error, NotSent) for error in result.errors)
    assert [emulator.accounts[f"u{number}"].attributes for number in (0, 999)] == [{"n": "0"}, {"n": "999"}]


# Items of the wrong form


async def test_what_is_no_pair_among_the_first_items_is_a_mistake_in_the_call(client: Client) -> None:
    async def pairs() -> AsyncIterator[Any]:
        yield "ab"
        await asyncio.Event().wait()

    with pytest.raises(TypeError, match="every item must be an"):
        await client.push.set_attributes(pairs())


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_what_is_no_pair_later_fails_the_source_and_costs_no_outcome(
    form: str, client: Client, emulator: Emulator
) -> None:
    good: list[Any] = [(f"u{number}", {"n": "1"}) for number in range(1500)]

    async def each() -> AsyncIterator[Any]:
        for pair in [*good, "ab", *good]:
            yield pair

    batch: Any = each() if form == "async" else [*good, "ab", *good]
    emulator.accounts.add(*[name for name, _ in good])
    with pytest.raises(BatchError) as caught:
        await client.push.set_attributes(batch)
    assert isinstance(caught.value.__cause__, TypeError)
    result = caught.value.result
    assert len(result) == 1500
    assert result.unread
    done = [name for name, account in emulator.accounts.items() if account.attributes]
    assert sorted(result.values) == sorted(done)


async def test_nothing_is_left_of_a_source_that_was_interrupted_by_its_own_cancellation(client: Client) -> None:
    """As when it waits for a task that somebody else cancelled."""

    async def source() -> AsyncIterator[str]:
        yield "Mary"
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await client.accounts.delete(source())
    (dispatcher,) = client._dispatchers.values()
    await asyncio.sleep(0)
    assert not dispatcher.lane.owners
    assert dispatcher.lane.idle


async def test_a_batch_that_was_read_to_its_end_is_forgotten(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("u0", "u1")
    await client.accounts.delete(Reading().items(2, waits=True))
    await client.accounts.delete([])
    await client.accounts.delete(Reading().items(0))
    async with client.accounts.delete.stream(Reading().items(0)) as outcomes:
        assert [outcome async for outcome in outcomes] == []
    (dispatcher,) = client._dispatchers.values()
    assert not dispatcher.lane.owners


async def test_a_refused_batch_takes_nothing_more(puppet: Puppet) -> None:
    puppet.respond = refusing(70009)
    reading = Reading()
    async with client_of(puppet) as tim:
        with pytest.raises(CredentialsError) as caught:
            await tim.accounts.delete(reading.items_sync(100_000))
    assert caught.value.result is not None
    assert len(caught.value.result) == reading.taken <= 1500
    assert caught.value.result.unread
