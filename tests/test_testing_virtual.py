"""Virtual time: a clock that jumps, and emulator and client that go by it."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from tim_async import Client, Unknown
from tim_async.emulator import Faults
from tim_async.limits.gates import clock_of
from tim_async.testing import VirtualClock, VirtualLoop, virtual_clock, virtual_time
from tim_async.testing.clock import go_by, run

DELETE = "im_open_login_svc/account_delete"


async def test_an_hour_takes_no_time_and_the_loop_gets_its_own_clock_back() -> None:
    loop = asyncio.get_running_loop()
    own = loop.time
    with virtual_clock() as clock:
        assert loop.time() == clock.time() == clock.began == int(clock.began)
        assert clock_of(loop)() == clock.time()
        await asyncio.sleep(3600)
        assert clock.elapsed == pytest.approx(3600)
    assert loop.time == own
    assert clock_of(loop) is time.monotonic
    assert "select" not in vars(vars(loop)["_selector"])


async def test_a_timer_that_outlives_the_block_comes_when_it_would_have() -> None:
    loop = asyncio.get_running_loop()
    with virtual_clock():
        timer = loop.call_later(7200, pytest.fail)
        await asyncio.sleep(3600)
    assert 3500 < timer.when() - loop.time() < 3700
    timer.cancel()


def test_where_no_timer_is_set_what_comes_from_outside_is_waited_for() -> None:
    waited: list[float | None] = []

    def select(timeout: float | None) -> list[Any]:
        waited.append(timeout)
        return []

    selector = SimpleNamespace(select=select)
    loop: Any = SimpleNamespace(_selector=selector)
    clock = VirtualClock(7.0)
    go_by(loop, clock)
    assert selector.select(None) == []
    assert (waited, clock.now) == ([0, None], 7.0)
    selector.select(5.0)
    assert (waited, clock.elapsed) == ([0, None, 0], 5.0)


async def test_an_error_within_ends_the_virtual_time_too() -> None:
    with pytest.raises(LookupError):
        async with virtual_time():
            raise LookupError
    assert "time" not in vars(asyncio.get_running_loop())


def test_a_loop_of_another_make_is_refused() -> None:
    foreign = uvloop.new_event_loop()
    with pytest.raises(RuntimeError, match="virtual time needs one of asyncio's own event loops, not uvloop's"):
        go_by(foreign, VirtualClock())
    foreign.close()
    with pytest.raises(RuntimeError, match="no running event loop"), virtual_clock():
        pass


def test_a_loop_may_be_virtual_from_its_beginning() -> None:
    async def main() -> float:
        assert isinstance(asyncio.get_running_loop(), VirtualLoop)
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(60, abs=0.01)


@pytest.mark.uncounted
async def test_the_limit_is_kept_to_the_second_in_no_time() -> None:
    ids = [f"user-{number}" for number in range(30_000)]
    async with virtual_time() as virtual:
        virtual.emulator.accounts.add(*ids)
        other = virtual.new_client()
        async with asyncio.TaskGroup() as group:
            group.create_task(virtual.client.accounts.delete(ids[::2]))
            group.create_task(other.accounts.delete(ids[1::2]))
        told = virtual.emulator.statistics()[DELETE]
        assert not virtual.emulator.accounts
        assert (told.calls, told.refused) == (300, 0)
        assert 2 < virtual.clock.elapsed < 3.5


@pytest.mark.parametrize(
    "fault", ["hang", "refuse_connection", "reset_before", "reset_after", "half_body", "slow_drip"]
)
async def test_every_break_of_the_connection_is_mended_in_no_time(fault: Any) -> None:
    async with virtual_time(emulator={"latency": 0.02, "faults": Faults(seed=1)}) as virtual:
        virtual.emulator.accounts.add("Mary")
        virtual.emulator.script(virtual.client.accounts.delete, fault)
        assert (await virtual.client.accounts.delete(["Mary"])).ok
        assert len(virtual.emulator.books.done("Mary")) == 1


async def test_the_timeouts_of_calls_and_of_a_batch_are_kept_and_not_waited_for() -> None:
    async with virtual_time(emulator={"seed": 1}) as virtual:
        virtual.emulator.script(virtual.client.accounts.delete, "hang", call=None)
        result = await virtual.client.accounts.delete(["Mary"], timeout=25)
        assert type(result.outcomes[0]) is Unknown
        assert virtual.clock.elapsed == pytest.approx(25, abs=0.1)
        # aiohttp rounds long timeouts up to a whole second of the clock; then comes the back-off.
        first, second, third = (at - virtual.clock.began for at, _ in virtual.emulator.arrivals(DELETE))
        assert first == pytest.approx(0, abs=0.1)
        assert 11 <= second <= 11.2
        assert 22 <= third <= 22.3


async def test_emulator_and_clients_take_what_they_always_take() -> None:
    app: dict[str, Any] = {"sdk_app_id": 7, "secret_key": "k" * 64, "rate": 1}
    async with virtual_time(emulator=app, attempts=1) as virtual:
        assert virtual.emulator.sdk_app_id == virtual.client.sdk_app_id == 7
        assert virtual.emulator.url == "http://localhost"
        assert await virtual.client.accounts.check(["Mary"])
        own = virtual.new_client(identifier="nobody")
        assert isinstance(own, Client)
        assert "open" in repr(virtual.client)
    assert "closed" in repr(virtual.client)
    assert "closed" in repr(own)
