"""The service in a box as a process of its own, `tim-async emulator`, and its doors: faults, arrivals, books."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import msgspec

from tim_async.emulator import Fault

__all__ = ["EmulatorProcess", "until"]

TICK = 0.02  # seconds between two looks at another process


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something has happened in another process."""
    while not await happened():  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(TICK)


class EmulatorProcess:
    """One that runs; it ends with the block, or with whoever started it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, *options: str) -> AsyncGenerator[Self]:
        """Start it, and wait until it listens.

        Args:
            *options: of the command line.
        """
        command = [sys.executable, "-m", "tim_async", "emulator", "--port", "0", "--until-eof", *options]
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = (await process.stdout.readline()).decode().strip().removeprefix("listening on ")
            async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout()) as session:
                yield cls(url, session)
        finally:
            process.stdin.close()
            await process.wait()

    async def ask(self, door: str, body: object = None) -> Any:
        """What a door answers."""
        method = "GET" if body is None else "POST"
        async with self._session.request(method, f"/emulator/{door}", json=body) as answer:
            told = json.loads(await answer.read())
            assert answer.status == 200, told
            return told

    async def add(self, accounts: Iterable[str]) -> None:
        """Import accounts."""
        await self.ask("accounts", list(accounts))

    async def set_faults(self, *rules: Fault) -> None:
        """These are all faults from now on; what others held is let go."""
        await self.ask("faults", {"rules": msgspec.to_builtins(rules)})

    async def accounts(self) -> set[str]:
        """Who exists."""
        return set((await self.ask("accounts?limit=1000000"))["accounts"])

    async def calls(self, path: str) -> int:
        """How many calls of a command have come."""
        statistics = await self.ask("statistics")
        return statistics[path]["calls"] if path in statistics else 0

    async def until_calls(self, path: str, count: int) -> None:
        """Wait until so many calls of a command have come."""

        async def come() -> bool:
            return await self.calls(path) >= count

        await until(come)

    async def entries(self, path: str) -> list[tuple[str, int | None]]:
        """Account and code of all that was asked of a command; no code where nothing was done."""
        return [(account, code) for account, code in (await self.ask(f"entries?path={path}"))["entries"]]
