"""The box around the service: its socket, its waiting, and how it's opened and closed."""

import asyncio
import contextlib
import math
import time
from itertools import pairwise

import aiohttp
import pytest

from tim_async.emulator import Emulator, Faults, on, serve

from .caller import Announced, Caller

GET_TAG = "timpush/get_tag"
MARY = {"To_Account": ["Mary"]}


async def test_it_has_an_address_only_while_it_is_open() -> None:
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.url
    async with emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
        with pytest.raises(RuntimeError, match="already"):
            await emulator.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.url
    await emulator.__aexit__(None, None, None)


async def test_it_can_be_opened_again_on_the_same_port_and_keeps_its_state(session: aiohttp.ClientSession) -> None:
    emulator = Emulator()
    async with emulator:
        emulator.accounts.add("Mary")
        url = emulator.url
    async with emulator:
        assert emulator.url == url
        assert "ErrorList" not in await Caller(emulator, session)(GET_TAG, MARY)


async def test_a_taken_port_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        await Emulator(port=int(emulator.url.rsplit(":")[-1])).__aenter__()


async def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        async with Emulator(host="::1") as emulator:
            assert emulator.url.startswith("http://[::1]:")
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_its_repr_shows_where_it_listens_and_no_key(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    assert repr(emulator) == f"<Emulator {emulator.url}, app 1400000000, 1 accounts>"
    assert repr(Emulator(sdk_app_id=7, secret_key="hush")) == "<Emulator closed, app 7, 0 accounts>"


@pytest.mark.parametrize("seconds", [-0.1, math.inf, math.nan])
def test_a_time_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="latency is a number of seconds"):
        Emulator(latency=seconds)
    with pytest.raises(ValueError, match="jitter is a number of seconds"):
        Emulator(jitter=seconds)
    with pytest.raises(ValueError, match="connect_delay is a number of seconds"):
        Emulator(connect_delay=seconds)
    with pytest.raises(ValueError, match="reimport_after is a number of seconds"):
        Emulator(reimport_after=seconds)


async def test_unknown_paths_and_methods_are_refused_with_status_200(call: Caller, emulator: Emulator) -> None:
    assert await call.code("timpush/rm_tag", {}) == 60009
    async with call.session.post(f"{emulator.url}/v3/{GET_TAG}") as response:
        assert (response.status, (await response.json())["ErrorCode"]) == (200, 60009)
    async with call.session.get(f"{emulator.url}/v4/{GET_TAG}", params=call.query()) as response:
        assert (response.status, (await response.json())["ErrorCode"]) == (200, 60002)


async def test_the_call_after_the_hundredth_of_a_second_is_refused_with_60007(session: aiohttp.ClientSession) -> None:
    clock = [5.0]
    async with Emulator(clock=lambda: clock[0]) as emulator:
        call = Caller(emulator, session)
        codes = [await call.code(GET_TAG, MARY) for _ in range(101)]
        for clock[0] in (5.9, 6.0):
            codes.append(await call.code(GET_TAG, MARY))
    assert codes == [0] * 100 + [60007, 60007, 0]
    sums = emulator.statistics()[GET_TAG]
    assert (sums.calls, sums.refused, sums.accounts) == (103, 2, 101)
    assert sum(arrival.refused for arrival in emulator.arrivals(GET_TAG)) == 2


async def test_signatures_can_be_declared_void_or_expired(call: Caller, emulator: Emulator) -> None:
    usersig = call.query()["usersig"]
    assert await call.code(GET_TAG, MARY, usersig=usersig) == 0
    emulator.void_signatures()
    assert await call.code(GET_TAG, MARY, usersig=usersig) == 70052
    emulator.expire_signatures()
    assert await call.code(GET_TAG, MARY, usersig=usersig) == 70001
    emulator.reset()
    assert await call.code(GET_TAG, MARY, usersig=usersig) == 0


async def test_service_takes_its_time_and_refusals_take_none(session: aiohttp.ClientSession) -> None:
    clock = asyncio.get_running_loop().time
    async with Emulator(latency=0.05, rate=1, clock=clock) as emulator:
        call = Caller(emulator, session)
        begin = clock()
        assert await call.code(GET_TAG, MARY) == 0
        assert clock() - begin >= 0.04 - 0.001
        assert await call.code(GET_TAG, MARY) == 60007


async def test_jitter_and_the_first_call_of_a_connection_arrive_later(session: aiohttp.ClientSession) -> None:
    async with Emulator(connect_delay=0.05, jitter=0.001) as emulator:
        call = Caller(emulator, session)
        begin = time.monotonic()
        await call(GET_TAG, MARY)
        await call(GET_TAG, MARY)
        first, second = (arrival.time for arrival in emulator.arrivals(GET_TAG))
    assert first - begin >= 0.05 - 0.001
    assert emulator.statistics()[GET_TAG].calls == 2
    assert second > first


async def test_arrivals_are_in_order_whatever_the_jitter(session: aiohttp.ClientSession) -> None:
    async with Emulator(jitter=0.02, rate=math.inf) as emulator:
        call = Caller(emulator, session)
        await asyncio.gather(*[call(GET_TAG, MARY) for _ in range(50)])
        times = [arrival.time for arrival in emulator.arrivals(GET_TAG)]
    assert len(times) == 50
    assert all(earlier <= later for earlier, later in pairwise(times))


async def test_a_caller_who_leaves_before_the_call_has_arrived_is_not_counted(emulator: Emulator, call: Caller) -> None:
    _, writer = await asyncio.open_connection(*emulator.url.removeprefix("http://").split(":"))
    writer.write(b"POST /v4/timpush/get_tag HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await call(GET_TAG, MARY)
    assert emulator.statistics()[GET_TAG].calls == 1


async def test_a_call_in_service_is_answered_before_the_emulator_closes(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(latency=0.1, clock=clock) as emulator:
        answer = asyncio.create_task(Caller(emulator, session).code(GET_TAG, MARY))
        await clock.arrived.wait()
    assert await answer == 0


async def test_serving_tells_the_address_and_runs_until_it_is_cancelled(session: aiohttp.ClientSession) -> None:
    emulator, told = Emulator(), asyncio.Queue[str]()
    task = asyncio.create_task(serve(emulator, told.put_nowait))
    assert await told.get() == emulator.url
    assert await Caller(emulator, session).code(GET_TAG, MARY) == 0
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert repr(emulator).startswith("<Emulator closed")


async def test_faults_can_be_changed_at_any_time_and_the_books_tell_what_came_of_them(
    call: Caller, emulator: Emulator
) -> None:
    assert await call.code(GET_TAG, MARY) == 0
    emulator.faults = Faults(rules=[on(GET_TAG, call=1, do="busy"), on(GET_TAG, call=2, do="bad_gateway")])
    assert await call.code(GET_TAG, MARY) == 91000
    async with call.session.post(f"{emulator.url}/v4/{GET_TAG}", params=call.query(), json=MARY) as response:
        assert response.status == 502
    assert emulator.faults.struck == {"busy": 1, "bad_gateway": 1}
    assert [(line.code, line.fault, line.answered) for line in emulator.books.of("Mary")] == [
        (70107, "", True),
        (None, "busy", True),
        (None, "bad_gateway", False),
    ]


async def test_the_doors_for_other_processes_are_beside_the_service(call: Caller) -> None:
    assert await call.control("GET", "statistics") == (200, {})


async def test_an_account_can_be_added_without_a_call(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].tags.append("gold")
    emulator.accounts.add("Mary")
    assert (await call(GET_TAG, MARY))["UserTags"] == [{"To_Account": "Mary", "Tags": ["gold"]}]
