"""Fixtures over the emulator, the loop that a test runs on, and the rule that no test leaves a task behind.

What helps a test stands beside this file, each with its own words at its head:

    desk             a lane, its answers written by hand and its clock told: for rules of judging
    simulation       a lane against a service with every fault, which knows the truth: for what must never happen
    virtual_time     the loops behind ``pytest.mark.clock``
    virtual_service  a service without sockets, on such a loop, at the far end of a limiter; arrivals: judging it
    servers          a server that does what the test says (Puppet), and a client of it or of an emulator
    box, tracked     a server in a thread; programs and terminals as processes of their own
    redis_server     a real server, which can be killed and held; told_redis: one that is told the time
    journals         journals of jobs, written by hand; browser: Chromium, which tells what a page loads and shows
    pages            what the service's pages show of each command
    ports, thorough  what is safe to share with tests that run at the same time; how many examples are tried
"""

import asyncio
import gc
import inspect
import os
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aioresponses.core
import pytest
import thorough
from aiohttp import ClientResponse
from box import connection
from coverage import Coverage
from coverage.exceptions import CoverageWarning
from servers import Puppet, client_of
from virtual_time import PatientLoop, VirtualLoop

from tim_async import Client
from tim_async.emulator import Emulator

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "real": asyncio.new_event_loop,
    "patient": PatientLoop,
    "virtual": VirtualLoop,
}


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all tests are collected: nothing of what is made for them is garbage
    thorough.load()
    config.addinivalue_line("markers", "clock(name): the loop's clock: real, patient or virtual (virtual_time.py)")
    config.addinivalue_line("markers", "uncounted: the gate does not count what it runs: plainer tests run it too")


def pytest_collection_finish() -> None:
    """The collected tests stay to the end; without them every look for garbage takes a quarter of its time."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """A process of pytest-xdist has ten seconds to end, and is killed with what it knows if it is slower than that."""
    if (measured := Coverage.current()) is not None:
        measured.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Thousands of runs through lines that other tests run too take three times as long where somebody counts lines."""
    measured = Coverage.current()
    if measured is None or item.get_closest_marker("uncounted") is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CoverageWarning)  # of modules that were imported before: they were counted
            measured.start()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores, for many tests wait; with one core none, and the tests run as ever.

    So a test has no less of a core than on the slow machine (``slow_machine.sh``), on which all must pass.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return 0 if cores == 1 else min(cores * 3 // 2, WORKERS_MOST)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Tests that run side by side must have the same names in every process: compressed bytes hold the time."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    mark = item.get_closest_marker("clock")
    name = "real" if mark is None else mark.args[0]
    return {name: LOOPS[name]}


WORKERS_MOST = 12  # each of them has to collect all tests


class _Response(ClientResponse):
    """aioresponses 0.7.9 does not know the argument that aiohttp 3.14 made a required one (its issue 289)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def fake_replies() -> Iterator[aioresponses.aioresponses]:
    """Replies that no server can give."""
    with pytest.MonkeyPatch.context() as patch, aioresponses.aioresponses() as fake:
        patch.setattr(aioresponses.core, "ClientResponse", _Response)
        yield fake


MEASURING = "COVERAGE_PROCESS_CONFIG"
MEASURED = os.environ.get(MEASURING)


@pytest.fixture(scope="session", autouse=True)
def _quick_processes() -> Iterator[None]:
    """What tests start begins quicker: nobody counts its lines, and it reads no roots of trust, for it calls nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MEASURING, raising=False)
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate counts the lines that processes of this test run: for lines that no test runs in its own process."""
    if MEASURED is not None:
        monkeypatch.setenv(MEASURING, MEASURED)


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    yield
    for _ in range(5):  # what was cancelled or answered at the very end has its last callbacks yet to run
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"the test left tasks behind: {left}"


@pytest.fixture(autouse=True)
def _tidy(request: pytest.FixtureRequest) -> None:
    """Set up first, and so looked at last."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("_no_task_left")


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """The service in a box, empty."""
    async with Emulator(seed=1) as emulator:
        yield emulator


@pytest.fixture
def options(emulator: Emulator, tmp_path: Path) -> list[str]:
    """Those with which a command line reaches the emulator of the test, which is one apart (box.py)."""
    return connection(emulator, tmp_path)


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[Client]:
    """A client of the emulator."""
    async with client_of(emulator) as client:
        yield client


@pytest.fixture
async def puppet() -> AsyncIterator[Puppet]:
    """A server that does what the test says."""
    async with Puppet() as puppet:
        yield puppet
