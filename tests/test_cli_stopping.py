"""Signals and the end of the time close the client; a second signal does not wait."""

import asyncio
import signal

import pytest

from tim_async import Client
from tim_async.cli.stopping import Stop
from tim_async.emulator import DEMO_KEY, Emulator


def client(emulator: Emulator) -> Client:
    return Client(sdk_app_id=emulator.sdk_app_id, secret_key=DEMO_KEY, base_url=emulator.url)


async def rest(tim: Client) -> None:
    """Read tags until the client is closed."""
    async with tim.push.get_tags.stream(f"u{number}" for number in range(1_000_000)) as outcomes:
        async for _ in outcomes:
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_closes_the_client(number: signal.Signals) -> None:
    stop = Stop()
    async with Emulator() as emulator, client(emulator) as tim:
        with stop.watching(tim):
            signal.raise_signal(number)
            await rest(tim)
        assert "clos" in repr(tim)
    assert stop.signal == number


async def test_the_end_of_the_time_closes_the_client_and_is_no_signal() -> None:
    stop = Stop()
    async with Emulator() as emulator, client(emulator) as tim:
        with stop.watching(tim, seconds=0):
            await rest(tim)
    assert stop.signal is None


async def test_a_second_signal_cancels_what_waits() -> None:
    stop = Stop()

    async def waiting(tim: Client) -> None:
        with stop.watching(tim):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()

    async with Emulator() as emulator, client(emulator) as tim:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(waiting(tim))
    assert stop.signal == signal.SIGINT


async def test_time_that_is_left_over_does_nothing() -> None:
    async with Emulator() as emulator, client(emulator) as tim:
        with Stop().watching(tim, seconds=3600):
            await tim.push.get_tags(["u1"])
        assert await tim.push.get_tags([]) is not None


async def test_the_end_of_the_time_after_a_signal_closes_once() -> None:
    stop = Stop()
    async with Emulator() as emulator, client(emulator) as tim:
        with stop.watching(tim, seconds=0):
            signal.raise_signal(signal.SIGINT)
            await rest(tim)
            await asyncio.sleep(0)
    assert stop.signal == signal.SIGINT
