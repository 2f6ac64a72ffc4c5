"""What the limiters have in common that share their limits with other processes: each belongs to one event loop."""

from __future__ import annotations

import asyncio
from typing import Self

from .gates import Gate
from .limiter import Command
from .local import Gates
from .permits import Permit, PermitStatistics

__all__ = ["SharedLimiter"]


class SharedLimiter(Gates):
    """A limiter of one event loop, whose limits other processes use too."""

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of what is shared, after the clients are closed: who still waits gets a `RuntimeError`."""
        self._closed = True
        for gate in self._gates.values():
            gate.close()
            await gate.source.aclose()
        self._running.clear()

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made. Cancelling it costs nothing: what it would have got goes to the next.

        Args:
            command: the command and its limit; where processes disagree about the rate, each goes by its own.
            urgent: goes before those in this process that are not.
            full: makes no difference, as the pace is everybody's.

        Returns:
            The permit for one call: see `tim_async.limits.Limiter.acquire`.

        Raises:
            ValueError: the rate of the command is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
            OSError: the file of a `tim_async.FileLimiter` cannot be used any more.
        """
        return await super().acquire(command, urgent=urgent, full=full)

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Whoever went by *old* goes by *new* from now on, and so does all of this process: change the others, too.

        Args:
            old: as it was given to `acquire`.
            new: the same command at another rate.
            last_word: the rate holds whatever others have said before, be it higher or lower.

        Raises:
            ValueError: the rate is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
        """
        super().change(old, new, last_word=last_word)

    def statistics(self, command: Command) -> PermitStatistics:
        """This process's permits of a command at this moment; to be called in the loop."""
        return super().statistics(command)

    def _gate(self, command: Command) -> Gate:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the limiter is closed")
        if self._loop not in (None, loop):
            raise RuntimeError("this limiter belongs to another event loop; make one limiter for each loop")
        self._loop = loop
        return super()._gate(command)
