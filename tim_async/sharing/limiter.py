"""The limiter of one process over a budget that it shares with others."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from tim_async.limits import Command
from tim_async.permits import Permit, PermitStatistics, check_rate

from .gate import Common, Gate

__all__ = ["SharedLimiter"]


class SharedLimiter:
    """What `tim_async.redis.RedisLimiter` and `tim_async.FileLimiter` do alike.

    Args:
        common: what its commands share.
    """

    def __init__(self, common: Common) -> None:
        self._common = common
        self._gates: dict[tuple[int, str], Gate] = {}
        self._running: dict[Permit, Gate] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made. Cancelling it costs nothing: its slot goes to the next.

        Args:
            command: the command and its limit; where processes disagree about the rate, each goes by its own.
            urgent: goes before those in this process that are not.
            full: makes no difference, as the pace is everybody's.

        Returns:
            The permit for one call: see `tim_async.limits.Limiter.acquire`.

        Raises:
            ValueError: the rate of the command is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
        """
        gate = self._gate(command)
        permit = await gate.acquire(urgent=urgent)
        self._running[permit] = gate
        return permit

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over. A second report of the same call changes nothing.

        Args:
            permit: as `acquire` gave it; with `written` still None nothing was sent, and its slot goes to the next.
            refused: the service refused the call for its frequency: all processes go slower for some seconds.
        """
        gate = self._running.pop(permit, None)
        if gate is not None:
            gate.end(permit, refused=refused)

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Whoever went by *old* goes by *new* from now on, in this process: tell the others, too.

        Raises:
            ValueError: the rate is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
        """
        check_rate(new.rate)
        self._gate(old).set_rate(new.rate)

    def forget(self, command: Command) -> None:
        """Nothing: what was said of a rate holds for as long as the limiter."""

    def statistics(self, command: Command) -> PermitStatistics:
        """This process's permits of a command at this moment; to be called in the loop."""
        return self._gate(command).slots.permits.statistics(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """End the conversation, after the clients are closed: who still waits gets a `RuntimeError`."""
        self._closed = True
        for gate in self._gates.values():
            await gate.aclose()
        await self._common.books.aclose()

    def _gate(self, command: Command) -> Gate:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the limiter is closed")
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this limiter belongs to another event loop; make one limiter for each loop")
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(command, self._common)
        else:
            gate.lower(command.rate)
        return gate
