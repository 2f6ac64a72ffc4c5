"""What the limiters have in common that share their limits with other processes: each belongs to one event loop."""

from __future__ import annotations

import asyncio
from typing import Self

from .gates import Gate
from .limiter import Command
from .local import BaseLimiter
from .permits import Permit

__all__ = ["SharedLimiter"]


class SharedLimiter(BaseLimiter):
    """A limiter of one event loop, whose limits other processes use too; used elsewhere it raises a `RuntimeError`."""

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close it, after the clients: whoever is still waiting gets a `RuntimeError`."""
        self._closed = True
        for gate in self._gates.values():
            gate.close()
            await gate.source.aclose()
        self._running.clear()

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made. Cancelling it costs nothing: what it would have got goes to the next.

        Args:
            command: the command and its limit; if processes disagree about the rate, each uses its own.
            urgent: goes before calls of this process that are not urgent.
            full: makes no difference, because the pace is shared.

        Returns:
            The permit for one call: see `tim_async.limits.Limiter.acquire`.

        Raises:
            ValueError: the rate of the command is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
            OSError: the file of a `tim_async.FileLimiter` can no longer be used.
        """
        return await super().acquire(command, urgent=urgent, full=full)

    def _gate(self, command: Command) -> Gate:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the limiter is closed")
        if self._loop not in (None, loop):
            raise RuntimeError("this limiter belongs to another event loop; make one limiter for each loop")
        self._loop = loop
        return super()._gate(command)
