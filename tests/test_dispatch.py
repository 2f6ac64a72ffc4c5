"""The dispatcher: slot, token, and only then the choice of the items; nothing is lost, whatever ends."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from servers import Puppet, client_of, refuse, yes

from tim_async import AccountError, BatchError, CallEvent, Client, CredentialsError, NotSent, Ok, Unknown
from tim_async.dispatch.dispatcher import Dispatcher
from tim_async.emulator import Emulator
from tim_async.limits.local import Command
from tim_async.limits.permits import Permit
from tim_async.service.usersig import read

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

DELETE = "im_open_login_svc/account_delete"


class Hand:
    """A limiter whose permits the test hands out."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[bool, bool, asyncio.Future[Permit]]] = asyncio.Queue()
        self.waiting = 0
        self.reports: list[tuple[Permit, bool]] = []

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((urgent, full, waiter))
        self.waiting += 1
        try:
            return await waiter
        finally:
            self.waiting -= 1

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        self.reports.append((permit, refused))

    async def give(self) -> tuple[bool, bool]:
        """Let the one that asks have a permit; says how urgent and how full it asked."""
        urgent, full, waiter = await self.asked.get()
        while waiter.done():
            urgent, full, waiter = await self.asked.get()
        waiter.set_result(Permit(asyncio.get_running_loop().time()))
        return urgent, full


class Slow:
    """A limiter that lets every call wait for 10 ms."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        await asyncio.sleep(0.01)
        return Permit(asyncio.get_running_loop().time())

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """Nobody counts."""


class Broken:
    """A limiter that fails, with a secret on its lips."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        raise ConnectionError("redis://:password@cache")

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        raise NotImplementedError


def dispatcher_of(client: Client) -> Dispatcher:
    (dispatcher,) = client._dispatchers.values()
    return dispatcher


def asked_for(client: Client, name: str, **options: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(client.push.get_tags.one(name, **options))


# The token, and late binding


async def test_items_that_come_while_the_token_is_awaited_go_with_it_the_most_urgent_first(puppet: Puppet) -> None:
    hand = Hand()
    puppet.respond = yes
    async with client_of(puppet, limiter=hand) as tim:
        bulk = asyncio.create_task(tim.push.get_tags([f"u{number}" for number in range(99)], priority="bulk"))
        _, _, first_asked = await hand.asked.get()
        one = asked_for(tim, "Mary")
        assert await hand.give() == (True, False)
        assert first_asked.cancelled()
        assert await one == ("tag of Mary",)
        assert (await bulk).ok
    (call,) = puppet.calls
    assert call.accounts[0] == "Mary"
    assert len(call.accounts) == 100


async def test_a_call_that_has_become_full_asks_again_as_full(puppet: Puppet) -> None:
    hand = Hand()
    puppet.respond = yes
    async with client_of(puppet, limiter=hand) as tim:
        first = asyncio.create_task(tim.push.get_tags(["a"]))
        assert (await hand.asked.get())[:2] == (False, False)
        second = asyncio.create_task(tim.push.get_tags([f"u{number}" for number in range(99)]))
        assert await hand.give() == (False, True)
        assert (await first).ok
        assert (await second).ok
    assert len(puppet.calls) == 1


async def test_less_urgent_items_do_not_make_it_ask_again(puppet: Puppet) -> None:
    hand = Hand()
    puppet.respond = yes
    async with client_of(puppet, limiter=hand) as tim:
        one = asked_for(tim, "Mary")
        urgent, full, waiter = await hand.asked.get()
        batch = asyncio.create_task(tim.push.get_tags(["a"]))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiter.done()
        waiter.set_result(Permit(0.0))
        await one
        assert (urgent, full) == (True, False)
        assert (await batch).ok
    assert len(puppet.calls) == 1


async def test_when_nothing_waits_any_more_no_token_is_awaited(puppet: Puppet) -> None:
    hand = Hand()
    async with client_of(puppet, limiter=hand) as tim:
        task = asked_for(tim, "Mary")
        _, _, waiter = await hand.asked.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert waiter.cancelled()
    assert not hand.waiting
    assert puppet.calls == []


async def test_a_permit_that_nobody_needs_any_more_is_given_back(puppet: Puppet) -> None:
    hand = Hand()
    async with client_of(puppet, limiter=hand) as tim:
        task = asked_for(tim, "Mary")
        _, _, waiter = await hand.asked.get()
        permit = Permit(0.0)
        task.cancel()
        waiter.set_result(permit)  # both are on their way, the cancellation first
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(5):
            await asyncio.sleep(0)
        assert hand.reports == [(permit, False)]
        assert permit.written is None
        assert repr(dispatcher_of(tim).lane).startswith("<Lane timpush/get_tag: 0 ready")
    assert puppet.calls == []


async def test_every_permit_is_handed_back_with_what_is_known_of_its_call(puppet: Puppet) -> None:
    hand = Hand()
    async with client_of(puppet, limiter=hand, attempts=2) as tim:
        task = asked_for(tim, "Mary")
        await hand.give()
        call = await puppet.call()
        call.answer(refuse(60007))
        await hand.give()
        call = await puppet.call()
        call.reset()
        await hand.give()
        call = await puppet.call()
        call.answer(yes(call))
        assert await task == ("tag of Mary",)
    permits = [permit for permit, _ in hand.reports]
    assert [refused for _, refused in hand.reports] == [True, False, False]
    assert [permit.answered is not None for permit in permits] == [True, False, True]
    assert [permit.fresh for permit in permits] == [True, False, True]
    assert all(permit.written is not None for permit in permits)


async def test_the_limit_holds_for_what_is_sent(emulator: Emulator) -> None:
    names = [f"u{number}" for number in range(3000)]
    emulator.accounts.add(*names)
    async with client_of(emulator) as tim:
        result = await tim.accounts.delete(names)
    assert result.ok
    assert emulator.statistics()[DELETE].refused == 0


async def test_single_calls_share_one_token_when_they_come_together(puppet: Puppet) -> None:
    hand = Hand()
    puppet.respond = yes
    async with client_of(puppet, limiter=hand) as tim:
        tasks = [asked_for(tim, f"u{number}") for number in range(100)]
        assert await hand.give() == (True, True)
        await asyncio.gather(*tasks)
    assert len(puppet.calls) == 1


# Without a limiter, where a call's own task goes on with the next call


async def prove(tim: Client, puppet: Puppet) -> None:
    """A first good answer: until then every answer wakes every dispatcher."""
    task = asked_for(tim, "Mary")
    call = await puppet.call()
    call.answer(yes(call))
    await task


async def test_halves_of_a_refused_call_go_together(puppet: Puppet) -> None:
    async with client_of(puppet, limiter=None) as tim:
        await prove(tim, puppet)
        task = asyncio.create_task(tim.push.set_attributes({name: {"n": "1"} for name in "abcd"}))
        refused = await puppet.call()
        refused.answer(refuse(90033))
        halves = [await puppet.call(), await puppet.call()]
        assert sorted(half.accounts for half in halves) == [["a", "b"], ["c", "d"]]
        for half in halves:
            half.answer(yes(half))
        assert (await task).ok


async def test_an_item_in_back_off_does_not_wait_for_the_end_of_another_call(puppet: Puppet) -> None:
    async with client_of(puppet, limiter=None) as tim:
        await prove(tim, puppet)
        batch = asyncio.create_task(tim.push.set_attributes({"a": {"n": "1"}, "b": {"n": "1"}}))
        first = await puppet.call()
        behind = asyncio.create_task(tim.push.set_attributes.one("b", {"n": "2"}))
        await asyncio.sleep(0)
        first.answer({"ErrorCode": 0, "ErrorList": [{"To_Account": "a", "ErrorCode": 70500}]})
        slow, again = await puppet.call(), await puppet.call()
        assert (slow.accounts, again.accounts) == (["b"], ["a"])
        again.answer(yes(again))
        assert (await batch).ok
        slow.answer(yes(slow))
        await behind


# What ends


async def test_a_limiter_that_fails_ends_what_waits_and_tells_no_secret(
    puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(puppet, limiter=Broken()) as tim:
        result = await tim.accounts.delete(["a", "b"])
        assert [type(outcome) for outcome in result] == [NotSent, NotSent]
        assert result.retryable() == ["a", "b"]
        assert result.errors[0].reason == "the limiter failed: ConnectionError"
        with pytest.raises(AccountError, match="the limiter failed"):
            await tim.accounts.delete.one("Mary")
        async with tim.accounts.delete.stream(["c"]) as outcomes:
            assert [type(outcome) async for outcome in outcomes] == [NotSent]
    assert "ConnectionError" in caplog.text
    assert "password" not in caplog.text


@pytest.mark.parametrize("limiter", [None, ...])
async def test_a_call_that_foreign_hands_cut_short_is_asked_again(limiter: Any, puppet: Puppet) -> None:
    async with client_of(puppet, limiter=limiter) as tim:
        first = asked_for(tim, "Tom")
        call = await puppet.call()
        call.answer(yes(call))
        await first
        task = asked_for(tim, "Mary")
        await puppet.call()
        for running in list(dispatcher_of(tim)._calls):
            running.cancel()
        again = await puppet.call()
        again.answer(yes(again))
        assert await task == ("tag of Mary",)


async def test_a_trouble_of_our_own_is_logged_by_its_type_and_loses_nothing(
    puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        """A session whose every call fails in a way that nobody foresaw."""

        closed = False

        def post(self, *_: Any, **__: Any) -> Any:
            raise LookupError("with a usersig=in it")

    session: Any = Failing()
    async with client_of(puppet, session=session, attempts=2) as tim:
        result = await tim.accounts.delete(["Mary"])
    assert [type(outcome) for outcome in result] == [Unknown]
    assert result.stats.calls == 2
    assert "LookupError in the client itself" in caplog.text
    assert "usersig" not in caplog.text


async def test_a_source_that_fails_ends_what_waits_for_a_token(puppet: Puppet) -> None:
    def failing() -> Iterator[str]:
        yield "Mary"
        raise LookupError

    hand = Hand()
    async with client_of(puppet, limiter=hand) as tim:
        with pytest.raises(BatchError) as caught:
            await tim.accounts.delete(failing())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not hand.waiting
    assert caught.value.result.retryable() == ["Mary"]


@pytest.mark.parametrize("limiter", [None, ...])
async def test_a_signature_that_is_refused_is_made_anew_once(limiter: Any, puppet: Puppet) -> None:
    async with client_of(puppet, limiter=limiter, max_in_flight=2) as tim:
        signer = tim._transport.signer
        signer.current(time.time() - 100)  # so that the present signature is an old one
        tasks = [asyncio.create_task(tim.push.get_tags([f"u{n}" for n in range(150)]))]
        first, second = await puppet.call(), await puppet.call()
        old = read(first.query["usersig"]).time
        for call in (first, second):
            call.answer(refuse(70001))
        puppet.respond = yes
        assert (await tasks[0]).ok
        assert [read(call.query["usersig"]).time > old for call in puppet.calls] == [False, False, True, True]


async def test_a_fresh_signature_that_is_refused_gets_another_try_and_no_third(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        for _ in range(2):
            (await puppet.call()).answer(refuse(70001))
        with pytest.raises(CredentialsError):
            await task
    assert len(puppet.calls) == 2


async def test_an_idle_client_runs_no_task(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    await client.accounts.delete.one("Mary")
    for _ in range(5):
        await asyncio.sleep(0)
    assert dispatcher_of(client).tasks == set()


# Told


async def test_each_call_is_told_in_the_log_only_if_something_went_wrong(
    puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tim_async")
    async with client_of(puppet) as tim:
        task = asked_for(tim, "Mary")
        call = await puppet.call()
        call.answer(refuse(91000))
        call = await puppet.call()
        call.answer(yes(call))
        await task
    assert [record.getMessage() for record in caplog.records if record.name == "tim_async"] == [
        "timpush/get_tag: call of 1 items, attempt 1: internal error"
    ]


async def test_seconds_of_waiting_for_tokens_are_counted(puppet: Puppet) -> None:
    events: list[CallEvent] = []
    puppet.respond = yes
    async with client_of(puppet, hooks=[events.append], limiter=Slow()) as tim:
        result = await tim.accounts.delete([f"u{number}" for number in range(300)])
    assert result.ok
    waited = sum(event.seconds_waited for event in events)
    assert waited == pytest.approx(3 * 0.01, abs=0.001)
    assert result.stats.seconds_waited == pytest.approx(waited, abs=1e-5)


async def test_what_is_ahead_of_an_item_is_counted_by_its_urgency(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        task = asyncio.create_task(tim.accounts.delete([f"u{number}" for number in range(1000)]))
        await puppet.call()
        dispatcher = dispatcher_of(tim)
        assert dispatcher.wait_ahead(0) == 0
        assert dispatcher.wait_ahead(1) == pytest.approx(9 / 100)
        await tim.aclose()
        result = await task
    async with client_of(puppet, max_in_flight=1, close_timeout=0, limiter=None) as tim:
        task = asyncio.create_task(tim.accounts.delete([f"u{number}" for number in range(1000)]))
        await puppet.call()
        assert dispatcher_of(tim).wait_ahead(1) == 0
        await tim.aclose()
        await task
    assert {type(outcome) for outcome in result} == {Unknown, NotSent}
    assert Ok not in map(type, result)


# Hooks


async def test_a_hook_is_told_of_every_call(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    events: list[CallEvent] = []
    async with client_of(emulator, hooks=[events.append]) as tim:
        await tim.accounts.delete(["Mary", "Tom"])
    first = events[0]
    assert (first.path, first.items, first.attempt, first.code, first.error) == (DELETE, 2, 1, 0, "")
    assert first.seconds >= 0
    assert first.seconds_waited >= 0


async def test_a_hook_is_told_what_went_wrong(puppet: Puppet) -> None:
    events: list[CallEvent] = []
    async with client_of(puppet, hooks=[events.append], close_timeout=0) as tim:
        task = asyncio.create_task(tim.accounts.delete(["Mary"]))
        refused = await puppet.call()
        refused.answer({"ErrorCode": 60007})
        busy = await puppet.call()
        busy.answer({"ErrorCode": 91000, "ErrorInfo": "busy"})
        lost = await puppet.call()
        lost.reset()
        good = await puppet.call()
        good.answer(yes(good))
        assert (await task).ok
    assert [(event.attempt, event.code) for event in events] == [(1, 60007), (1, 91000), (2, None), (3, 0)]
    assert events[0].error
    assert events[1].error == "busy"
    assert events[2].error.startswith(DELETE)


async def test_a_hook_that_raises_costs_nothing_but_a_queue_in_the_log(
    puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: CallEvent) -> None:
        raise LookupError(event.path)

    events: list[CallEvent] = []
    puppet.respond = yes
    async with client_of(puppet, hooks=[broken, events.append]) as tim:
        assert await tim.push.get_tags.one("Mary") == ("tag of Mary",)
    assert len(events) == 1
    (record,) = [record for record in caplog.records if record.name == "tim_async"]
    assert record.levelno == logging.ERROR
    assert "a hook raised" in record.message
