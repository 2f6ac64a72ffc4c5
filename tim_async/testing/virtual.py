"""Emulator and client in the loop of the test, on a clock that jumps over all waiting."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tim_async.client import Client
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.local import LocalLimiter

from .clock import VirtualClock, virtual_clock

__all__ = ["VirtualTime", "virtual_time"]


class VirtualTime:
    """What there is within `virtual_time`.

    Attributes:
        emulator: the service in a box.
        clock: of the loop; ``clock.elapsed`` is the number of seconds that have passed on it.
        client: a client of the emulator, with the timeouts of every client.
    """

    def __init__(
        self, emulator: Emulator, clock: VirtualClock, session: aiohttp.ClientSession, own: Mapping[str, Any]
    ) -> None:
        self.emulator = emulator
        self.clock = clock
        self._own: dict[str, Any] = {"base_url": emulator.url, "session": session, "limiter": LocalLimiter(), **own}
        self._clients: list[Client] = []
        self.client = self.new_client()

    def new_client(self, **options: Any) -> Client:
        """One more client of the emulator; it shares the limit with the others.

        Args:
            **options: what `Client` takes.
        """
        client = Client(**(self._own | options))
        self._clients.append(client)
        return client

    async def aclose(self) -> None:
        """Close the clients."""
        await asyncio.gather(*(client.aclose() for client in self._clients))


@asynccontextmanager
async def virtual_time(*, emulator: Mapping[str, Any] | None = None, **client: Any) -> AsyncGenerator[VirtualTime]:
    """Emulator and client on virtual time: limits, back-off and timeouts are all kept, and take no time.

    It can be used in any test that runs on asyncio, also without pytest. ::

        async with virtual_time() as virtual:
            virtual.emulator.accounts.add("Mary")
            virtual.emulator.script(virtual.client.accounts.delete, "hang")
            assert (await virtual.client.accounts.delete(["Mary"])).ok
            assert virtual.clock.elapsed > 10  # the call timeout, and no second of it was waited

    Args:
        emulator: what `Emulator` takes.
        **client: what `Client` takes, for all clients in the block.

    Raises:
        RuntimeError: the running loop is not one of asyncio's own, or there is none.
    """
    options = dict(emulator or {})
    key, app = options.get("secret_key", DEMO_KEY), options.get("sdk_app_id", 1400000000)
    with tempfile.TemporaryDirectory(prefix="tim-") as folder, virtual_clock() as clock:
        path = str(Path(folder) / "tim.sock")
        own = {"sdk_app_id": app, "secret_key": key, **client}
        # Over a Unix socket what was written is there at once; over TCP it may be on its way while the clock jumps.
        connector = aiohttp.UnixConnector(path, limit=0)
        async with (
            Emulator(unix_socket=path, clock=clock.time, **options) as box,
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            virtual = VirtualTime(box, clock, session, own)
            try:
                yield virtual
            finally:
                await virtual.aclose()
