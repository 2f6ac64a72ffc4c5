"""Whose context variables something sees: a call nobody's, and the caller's own code those of its caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import aiohttp
import pytest
from servers import Puppet, client_of, yes
from test_statistics import ALARM
from watchers import WHO

from tim_async import CallEvent, Client, Event, TIMError, Watcher
from tim_async.emulator import Emulator
from tim_async.limits.local import Command
from tim_async.limits.permits import Permit

USERS = [f"user{number}" for number in range(250)]


class Seen:
    """In whose context a hook, a limiter and a tracer of the caller's session are called."""

    def __init__(self) -> None:
        self.by: dict[str, set[str]] = {}

    def note(self, where: str) -> None:
        self.by.setdefault(where, set()).add(WHO.get())

    def __call__(self, event: CallEvent) -> None:
        self.note("hook")

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        self.note("limiter asked")
        await asyncio.sleep(0)
        return Permit(0.0)

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        self.note("limiter told")

    def tracer(self) -> aiohttp.TraceConfig:
        async def begins(*_: object) -> None:
            self.note("tracer")

        config = aiohttp.TraceConfig()
        config.on_request_start.append(begins)
        return config


async def one(client: Client) -> None:
    await client.push.get_tags.one("Mary")


async def batch(client: Client) -> None:
    await client.push.get_tags(USERS)


async def stream(client: Client) -> None:
    async with client.push.get_tags.stream(USERS) as outcomes:
        assert len([outcome async for outcome in outcomes]) == len(USERS)


async def bare_call(client: Client) -> None:
    await client.call("timpush/get_tag", {"To_Account": ["Mary"]})


async def with_timeout(client: Client) -> None:
    with suppress(TIMError):
        await client.push.get_tags.one("Mary", timeout=0)


WAYS = [one, batch, stream, bare_call, with_timeout]


async def as_user(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    WHO.set(name)
    await ask()


@pytest.mark.parametrize("limited", [True, False], ids=["limited", "without a limiter"])
async def test_a_call_is_made_in_nobodys_context_whoever_woke_the_client(emulator: Emulator, limited: bool) -> None:
    emulator.accounts.add("Mary", *USERS)
    seen = Seen()
    async with (
        aiohttp.ClientSession(trace_configs=[seen.tracer()]) as session,
        client_of(emulator, hooks=[seen], limiter=seen if limited else None, session=session) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(3):
            for way in WAYS:
                group.create_task(as_user(f"{way.__name__} {number}", partial(way, client)))
    asked = {"limiter asked", "limiter told"} if limited else set()
    assert seen.by == {where: {"nobody"} for where in {"hook", "tracer"} | asked}


async def test_no_event_is_told_in_the_context_of_whoever_brought_it_about(puppet: Puppet) -> None:
    seen: dict[str, set[str]] = {}

    class Seeing(Watcher):
        def __call__(self, event: Event, /) -> None:
            seen.setdefault(type(event).__name__, set()).add(WHO.get())

    async with client_of(puppet, hooks=[Seeing()]) as client:
        task = asyncio.create_task(as_user("Mary", lambda: client.accounts.delete(["Mary"])))
        (await puppet.call()).answer({"ErrorCode": 60007})
        WHO.set("the one who raises the alarm, and then closes")
        client.over_limit_alarm(ALARM)
        call = await puppet.call()
        call.answer(yes(call))
        await task
    assert seen == {
        kind: {"nobody"}
        for kind in ("CallBegun", "CallEvent", "RepeatEvent", "PauseBegun", "PauseEnded", "LaneSlowed", "LaneEvent")
    }


async def test_a_call_that_is_cut_short_is_told_in_nobodys_context(puppet: Puppet) -> None:
    seen = Seen()
    async with client_of(puppet, hooks=[seen], close_timeout=0) as client:
        task = asyncio.create_task(as_user("Mary", lambda: client.push.get_tags(USERS)))
        await puppet.call()
        await as_user("the closer", client.aclose)
        await task
    assert seen.by == {"hook": {"nobody"}}


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "batch"])
async def test_a_source_runs_in_its_callers_context_to_its_end(
    emulator: Emulator, streamed: bool, is_async: bool
) -> None:
    emulator.accounts.add("Mary", *USERS)
    seen: set[str] = set()

    def accounts() -> Iterator[str]:
        try:
            for account in USERS:
                seen.add(WHO.get())
                yield account
        finally:
            seen.add(f"closed by {WHO.get()}")

    async def later() -> AsyncIterator[str]:
        for account in accounts():
            await asyncio.sleep(0)
            yield account

    async with client_of(emulator) as client:

        async def ask() -> None:
            source = later() if is_async else accounts()
            if streamed:
                async with client.push.get_tags.stream(source) as outcomes:
                    assert len([outcome async for outcome in outcomes]) == len(USERS)
            else:
                assert len(await client.push.get_tags(source)) == len(USERS)

        await asyncio.create_task(as_user("somebody else", lambda: client.push.get_tags.one("Mary")))
        await asyncio.create_task(as_user("Mary", ask))
    assert seen == {"Mary", "closed by Mary"}


async def test_what_is_called_before_sending_runs_in_its_callers_context(emulator: Emulator) -> None:
    seen: set[str] = set()

    async def before(places: Sequence[int]) -> None:
        await asyncio.sleep(0)
        seen.add(WHO.get())
        WHO.set("changed, which concerns no other call")

    async with client_of(emulator) as client:

        async def ask() -> None:
            async with client.push.get_tags.stream(USERS, before_send=before) as outcomes:
                assert len([outcome async for outcome in outcomes]) == len(USERS)

        await asyncio.create_task(as_user("Mary", ask))
    assert seen == {"Mary"}
