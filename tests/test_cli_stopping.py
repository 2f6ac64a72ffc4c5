"""Signals and the end of the time close the client; a second signal does not wait."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from servers import Puppet, client_of, yes

from tim_async import Client, ClientClosed
from tim_async.cli.stopping import Stop
from tim_async.emulator import DEMO_KEY, Emulator

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is


def client(emulator: Emulator) -> Client:
    return Client(sdk_app_id=emulator.sdk_app_id, secret_key=DEMO_KEY, base_url=emulator.url)


async def rest(tim: Client) -> None:
    """Read tags until the client is closed."""
    async with tim.push.get_tags.stream(f"u{number}" for number in range(1_000_000)) as outcomes:
        with suppress(ClientClosed):
            async for _ in outcomes:
                pass


@pytest.fixture(autouse=True)
def hangups() -> Iterator[None]:
    """HUP ends processes, as it does where nobody said nohup."""
    interrupt = signal.getsignal(signal.SIGINT)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
    signal.signal(signal.SIGINT, interrupt)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_closes_the_client(number: signal.Signals) -> None:
    stop = Stop()
    async with Emulator() as emulator:
        tim = client(emulator)
        async with stop.watching(tim):
            signal.raise_signal(number)
            await rest(tim)
        assert "closed" in repr(tim)
    assert stop.signal == number
    # One more Ctrl-C ends the process as it is, without Python's words about it.
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL


async def test_the_end_of_the_time_closes_the_client_and_is_no_signal() -> None:
    stop = Stop()
    async with Emulator() as emulator:
        tim = client(emulator)
        async with stop.watching(tim, seconds=0.01):
            await rest(tim)
    assert stop.signal is None


async def test_no_time_at_all_closes_the_client_before_anything_is_sent() -> None:
    async with Emulator() as emulator, Stop().watching(client(emulator), seconds=0):
        assert not emulator.books.calls


async def test_a_second_signal_leaves_the_block_at_once_and_the_code_behind_it_goes_on() -> None:
    stop = Stop()
    async with Emulator(latency=30) as emulator:
        tim = client(emulator)
        async with stop.watching(tim):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            await tim.push.get_tags(["u1"])
        assert stop.signal == signal.SIGINT


async def test_a_second_hangup_waits_for_what_is_in_flight() -> None:
    stop = Stop()
    async with Puppet() as service:
        tim = client_of(service)
        async with stop.watching(tim):
            asking = asyncio.create_task(tim.push.get_tags(["u1"]))
            call = await service.call()
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0)
            call.answer(yes(call))
            assert (await asking).ok
    assert stop.signal == signal.SIGHUP


async def test_under_nohup_a_hangup_is_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Stop()
    async with Emulator() as emulator:
        tim = client(emulator)
        async with stop.watching(tim):
            signal.raise_signal(signal.SIGHUP)
            assert len(await tim.push.get_tags(["u1"])) == 1
    assert stop.signal is None
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


async def test_time_that_is_left_over_does_nothing() -> None:
    async with Emulator() as emulator:
        tim = client(emulator)
        async with Stop().watching(tim, seconds=3600):
            assert len(await tim.push.get_tags(["u1"])) == 1


async def test_a_signal_after_the_end_of_the_time_closes_no_second_time() -> None:
    stop = Stop()
    async with Emulator() as emulator:
        tim = client(emulator)
        async with stop.watching(tim, seconds=0.01):
            await rest(tim)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
    assert stop.signal == signal.SIGINT


async def test_afterwards_signals_do_what_they_did_before() -> None:
    async with Emulator() as emulator, Stop().watching(client(emulator)):
        pass
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
