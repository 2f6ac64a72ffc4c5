"""Fixtures: a running emulator, and a foreign program that calls it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tim_async.emulator import Emulator

from .caller import Caller


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
