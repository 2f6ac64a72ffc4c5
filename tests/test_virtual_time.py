"""The clocks of the tests' own loops: what makes them go, and what does not."""

import asyncio
import socket
import time

import pytest
from virtual_time import PATIENT_TURN, PatientLoop, VirtualLoop


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.clock("patient")
async def test_the_patient_clock_goes_while_the_loop_waits_and_not_while_it_works() -> None:
    began, really = now(), time.monotonic()
    while time.monotonic() - really < 0.02:
        pass
    assert now() == began
    await asyncio.sleep(0.03)
    assert 0.03 <= now() - began <= 0.03 + 10 * PATIENT_TURN
    assert time.monotonic() - really >= 0.05


@pytest.mark.clock("patient")
async def test_what_comes_before_the_timer_takes_no_time_on_the_patient_clock() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    began = now()
    asyncio.get_running_loop().call_later(3600, pytest.fail)
    waiting = asyncio.create_task(reader.readexactly(1))
    await asyncio.sleep(0)
    with theirs:
        await asyncio.to_thread(theirs.send, b"x")
        assert await waiting == b"x"
    assert now() - began <= 50 * PATIENT_TURN
    writer.close()
    await writer.wait_closed()


@pytest.mark.clock("patient")
async def test_a_task_that_never_waits_does_not_stop_the_patient_clock() -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, over.set)
    turns = 0
    while not over.is_set():
        await asyncio.sleep(0)
        turns += 1
    assert turns == pytest.approx(0.01 / PATIENT_TURN, abs=3)


@pytest.mark.clock("virtual")
async def test_an_hour_on_the_virtual_clock_takes_no_time() -> None:
    began, really = now(), time.monotonic()
    await asyncio.sleep(3600)
    assert now() - began == pytest.approx(3600)
    assert time.monotonic() - really < 60


async def test_without_the_marker_a_test_has_the_real_clock() -> None:
    assert not isinstance(asyncio.get_running_loop(), PatientLoop | VirtualLoop)
    assert now() == pytest.approx(time.monotonic(), abs=10)
