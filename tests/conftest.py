"""Fixtures over the emulator, and the rule that no test leaves a task behind."""

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest
from servers import Puppet, client_of

from tim_async import Client
from tim_async.emulator import Emulator


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
async def client(emulator: Emulator) -> AsyncIterator[Client]:
    """A client of the emulator."""
    async with client_of(emulator) as client:
        yield client


@pytest.fixture
async def puppet() -> AsyncIterator[Puppet]:
    """A server that does what the test says."""
    async with Puppet() as puppet:
        yield puppet
