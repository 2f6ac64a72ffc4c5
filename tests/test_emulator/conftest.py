"""Fixtures: a running emulator, and a foreign program that calls it, on a loop for which no machine is too slow."""

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from virtual_time import PatientLoop

from tim_async.emulator import Emulator

from .caller import Caller


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"patient": PatientLoop}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(seed=1) as emulator:
        yield emulator


@pytest.fixture
def call(emulator: Emulator, session: aiohttp.ClientSession) -> Caller:
    return Caller(emulator, session)
