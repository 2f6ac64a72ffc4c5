"""An emulator in a process of its own, which judges by itself, and what it says of the calls that came."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from tim_async.bulk.reading import InputError

__all__ = ["Apart", "Arrivals", "emulator_apart"]

_SECONDS_LEAST = 2  # for a rate: three calls in a moment say nothing of the limit
_LOOKS_EVERY = 0.05  # seconds
_BREAK = 0.5  # seconds without a call, of which the limit is not the reason


class Arrivals(msgspec.Struct):
    """The calls of one command, as the emulator saw them."""

    arrivals: list[tuple[float, bool]]
    """When each arrived, seconds; and whether it was refused for being over the limit."""

    @property
    def refused(self) -> int:
        """Calls over the limit."""
        return sum(refused for _, refused in self.arrivals)

    @property
    def rate(self) -> float | None:
        """Calls in a second, over the whole seconds of the longest stretch without a break; None if it is too short."""
        stretch = max(self._stretches(), key=len, default=[])
        if not stretch:
            return None
        first, last = stretch[0], stretch[-1]
        # Whole seconds, for a part of one may hold all the calls that a second allows. Two hundred calls, a hundred a
        # second, span one interval less than two seconds: so a little may be missing.
        seconds = int(last - first + 0.05)
        return sum(at < first + seconds for at in stretch) / seconds if seconds >= _SECONDS_LEAST else None

    def _stretches(self) -> Iterator[list[float]]:
        stretch: list[float] = []
        for at, _ in self.arrivals:
            if stretch and at - stretch[-1] > _BREAK:
                yield stretch
                stretch = []
            stretch.append(at)
        yield stretch


class _Entries(msgspec.Struct):
    entries: list[tuple[str, int | None]]


class Apart:
    """An emulator that runs in another process.

    Args:
        url: where it is.
        session: with which it is asked.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def _ask(self, door: str, path: str, kind: type[Any]) -> Any:
        async with self._session.get(f"{self.url}/emulator/{door}", params={"path": path}) as answer:
            return msgspec.json.decode(await answer.read(), type=kind)

    async def arrivals(self, path: str) -> Arrivals:
        """The calls of a command that came.

        Args:
            path: ``service/command``.
        """
        arrivals: Arrivals = await self._ask("arrivals", path, Arrivals)
        return arrivals

    async def came(self, path: str, calls: int) -> int:
        """Wait until so many calls of a command came.

        Returns:
            How many there are.
        """
        while (count := len((await self.arrivals(path)).arrivals)) < calls:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(_LOOKS_EVERY)
        return count

    async def done(self, path: str) -> list[str]:
        """The accounts for which a command was carried out, in the order in which it was; again for each time.

        Args:
            path: ``service/command``.
        """
        entries: _Entries = await self._ask("entries", path, _Entries)
        return [account for account, code in entries.entries if code == 0]


@asynccontextmanager
async def emulator_apart(latency: float, rate: float) -> AsyncGenerator[Apart]:
    """Run an emulator while the block runs; it ends with this process, however that ends.

    Args:
        latency: service time of a call, seconds.
        rate: calls a second of each command.

    Raises:
        InputError: it does not start.
    """
    ours, theirs = socket.socketpair()
    # Away from our terminal: Ctrl-C is not for it, which has to answer the calls in flight.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tim_async", "emulator", "--until-eof"),
        *("--port", "0", "--latency", str(latency), "--rate", str(rate)),
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        start_new_session=True,
    )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        listening = (await reader.readline()).decode().strip()
        if not listening:
            raise InputError("the emulator did not start")
        async with aiohttp.ClientSession() as session:
            yield Apart(listening.removeprefix("listening on "), session)
    finally:
        writer.close()
        await process.wait()
