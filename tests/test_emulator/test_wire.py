"""Faults, seen from the other end of a real connection."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator, Fault, Faults, Kind, on

from .caller import Announced, Caller

DELETE = "im_open_login_svc/account_delete"
MARY = {"DeleteItem": [{"UserID": "Mary"}]}


async def raw(call: Caller, body: Any = MARY, path: str = DELETE) -> tuple[int, str, bytes]:
    """One call, without an opinion on its answer."""
    url = f"{call.emulator.url}/v4/{path}"
    async with call.session.post(url, params=call.query(), data=json.dumps(body).encode()) as response:
        return response.status, response.content_type, await response.read()


def strike(call: Caller, do: Kind, *, applied: bool | None = None, seconds: float | None = None) -> None:
    call.emulator.accounts.add("Mary")
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do=do, applied=applied, seconds=seconds)])


async def leave(call: Caller, clock: Announced) -> None:
    """One call, given up as soon as it has arrived."""
    calling = asyncio.create_task(raw(call))
    await clock.arrived.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


def truth(call: Caller) -> tuple[bool, int | None, str, bool]:
    """Whether Mary is still there, and what the books say of the first call with her."""
    line = call.emulator.books.of("Mary")[0]
    return "Mary" in call.emulator.accounts, line.code, line.fault, line.answered


async def test_a_reset_before_leaves_everything_as_it_was(call: Caller) -> None:
    strike(call, "reset_before")
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await raw(call)
    assert truth(call) == (True, None, "reset_before", False)


async def test_a_reset_after_loses_the_answer_of_what_was_done(call: Caller) -> None:
    strike(call, "reset_after")
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await raw(call)
    assert truth(call) == (False, 0, "reset_after", False)
    assert [item["ResultCode"] for item in (await call(DELETE, MARY))["ResultItem"]] == [70107]
    assert [line.code for line in call.emulator.books.of("Mary", DELETE)] == [0, 70107]


@pytest.mark.parametrize("applied", [True, False])
async def test_a_call_that_hangs_ends_when_the_caller_goes_away(session: aiohttp.ClientSession, applied: bool) -> None:
    clock = Announced()
    async with Emulator(clock=clock) as emulator:
        call = Caller(emulator, session)
        strike(call, "hang", applied=applied)
        await leave(call, clock)
        assert truth(call) == (not applied, 0 if applied else None, "hang", False)


async def test_a_call_that_hangs_for_some_time_is_reset_then(call: Caller) -> None:
    strike(call, "hang", seconds=0.02)
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await raw(call)


async def test_a_call_that_hangs_does_not_keep_the_emulator_open(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(faults=Faults({"hang": 1}), clock=clock) as emulator:
        hanging = asyncio.create_task(raw(Caller(emulator, session)))
        await clock.arrived.wait()
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await hanging


async def test_an_answer_that_is_held_comes_when_other_faults_are_set(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(clock=clock) as emulator:
        call = Caller(emulator, session)
        strike(call, "hold")
        held = asyncio.create_task(raw(call))
        await clock.arrived.wait()
        assert [item["ResultCode"] for item in (await call(DELETE, MARY))["ResultItem"]] == [70107]
        emulator.faults = emulator.faults  # the same are no others
        assert (await call.control("GET", "faults"))[1]["struck"] == {"hold": 1}
        assert truth(call) == (False, 0, "hold", False)
        assert not held.done()
        assert await call.control("POST", "faults", {}) == (200, {})
        status, _, body = await held
        assert (status, json.loads(body)["ErrorCode"]) == (200, 0)
        assert truth(call) == (False, 0, "hold", True)


async def test_faults_that_end_during_the_service_hold_nothing_after_it(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(latency=0.05, clock=clock) as emulator:
        call = Caller(emulator, session)
        strike(call, "hold")
        calling = asyncio.create_task(raw(call))
        await clock.arrived.wait()
        emulator.faults = Faults()
        await calling
        assert truth(call) == (False, 0, "hold", True)


async def test_an_answer_that_is_held_for_some_time_comes_then(call: Caller) -> None:
    strike(call, "hold", seconds=0.02)
    status, _, body = await raw(call)
    assert (status, json.loads(body)["ErrorCode"]) == (200, 0)
    assert truth(call) == (False, 0, "hold", True)


async def test_an_answer_that_is_held_ends_with_its_caller(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(clock=clock) as emulator:
        call = Caller(emulator, session)
        strike(call, "hold")
        await leave(call, clock)
        await call.control("GET", "faults")  # which takes longer than to hear that a caller has left
        assert emulator.faults.struck == {"hold": 1}
        emulator.faults = Faults()
    assert truth(call) == (False, 0, "hold", False)


async def test_an_answer_in_drops_is_a_whole_answer(call: Caller) -> None:
    strike(call, "slow_drip", seconds=0.02)
    begin = time.monotonic()
    status, _, body = await raw(call)
    assert (status, json.loads(body)["ErrorCode"]) == (200, 0)
    assert time.monotonic() - begin >= 0.02
    assert truth(call) == (False, 0, "slow_drip", True)


async def test_a_caller_who_has_had_enough_of_drops_was_not_answered(session: aiohttp.ClientSession) -> None:
    clock = Announced()
    async with Emulator(clock=clock) as emulator:
        call = Caller(emulator, session)
        strike(call, "slow_drip", seconds=0.5)
        await leave(call, clock)
    assert truth(call) == (False, 0, "slow_drip", False)


@pytest.mark.parametrize("applied", [True, False, None])
async def test_half_an_answer_is_cut_off(call: Caller, applied: bool | None) -> None:
    strike(call, "half_body", applied=applied)
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw(call)
    assert truth(call) == (applied is False, None if applied is False else 0, "half_body", False)


async def test_an_answer_may_be_no_json(call: Caller) -> None:
    strike(call, "not_json")
    status, kind, body = await raw(call)
    assert (status, kind) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(body)
    assert truth(call) == (False, 0, "not_json", False)


@pytest.mark.parametrize("applied", [True, False])
async def test_a_gateway_may_answer_in_html(call: Caller, applied: bool) -> None:
    strike(call, "bad_gateway", applied=applied)
    status, kind, body = await raw(call)
    assert (status, kind, body.startswith(b"<html>")) == (502, "text/html", True)
    assert truth(call) == (not applied, 0 if applied else None, "bad_gateway", False)


async def test_connections_are_refused_for_a_while_and_then_work_again(call: Caller, emulator: Emulator) -> None:
    assert await call.code(DELETE, {"DeleteItem": [{"UserID": "idle"}]}) == 0
    strike(call, "refuse_connection", seconds=0.2)
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await raw(call)
    url = emulator.url
    with pytest.raises(aiohttp.ClientConnectorError):
        await raw(call)
    assert truth(call) == (True, None, "refuse_connection", False)
    sockets = emulator._sockets
    assert sockets is not None
    assert sockets._reopening is not None
    await sockets._reopening
    assert await call.code(DELETE, MARY) == 0
    assert emulator.url == url


async def test_it_can_be_closed_while_connections_are_refused(session: aiohttp.ClientSession) -> None:
    async with Emulator(faults=Faults(rules=[Fault(do="refuse_connection", seconds=60)])) as emulator:
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await raw(Caller(emulator, session))


@pytest.mark.parametrize("do", ["hang", "half_body", "slow_drip", "reset_after"])
async def test_a_caller_who_left_during_the_service_is_missed_by_nobody(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, do: Kind
) -> None:
    rule, clock = Fault(do=do, applied=True if do == "hang" else None), Announced()
    async with Emulator(latency=0.1, faults=Faults(rules=[rule]), clock=clock) as emulator:
        emulator.accounts.add("Mary")
        await leave(Caller(emulator, session), clock)
    [line] = emulator.books.of("Mary")
    assert (line.code, line.answered) == (0, False), "done all the same"
    assert not caplog.records
