"""What the limiters have in common that belong to one event loop and share their limits with other processes.

A gate for each command, and the permits that are out. The gate knows where permits come from: Redis, or a file.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, Protocol, Self, TypeVar

from .local import Command
from .permits import Permit, PermitStatistics

__all__ = ["SharedGate", "SharedLimiter"]


class SharedGate(Protocol):
    """One command in one process; all times are those of the loop."""

    async def acquire(self, *, urgent: bool) -> Permit:
        """Waits for a permit."""
        ...

    def end(self, permit: Permit, *, refused: bool) -> None:
        """The call is over."""
        ...

    def lower(self, rate: float) -> None:
        """Makes `rate` the limit, unless it is lower already."""
        ...

    def set_rate(self, rate: float) -> None:
        """Makes `rate` the limit, up or down."""
        ...

    def statistics(self) -> PermitStatistics:
        """This process's permits now."""
        ...


G = TypeVar("G", bound=SharedGate)


class SharedLimiter(ABC, Generic[G]):
    """A limiter of one event loop, whose limits other processes use too."""

    def __init__(self) -> None:
        self._gates: dict[tuple[int, str], G] = {}
        self._running: dict[Permit, G] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of what is shared, after the clients are closed: who still waits gets a `RuntimeError`."""

    @abstractmethod
    def _new_gate(self, command: Command) -> G: ...

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
        gate = self._gate(command)
        permit = await gate.acquire(urgent=urgent)
        self._running[permit] = gate
        return permit

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over. A second report of the same call changes nothing.

        Args:
            permit: as `acquire` gave it; with `written` still None nothing was sent, and it goes to the next.
            refused: the service refused the call for its frequency: fewer calls for some seconds.
        """
        gate = self._running.pop(permit, None)
        if gate is not None and not self._closed:
            gate.end(permit, refused=refused)

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Whoever went by *old* goes by *new* from now on, and so does all of this process: change the others, too.

        Args:
            old: as it was given to `acquire`.
            new: the same command at another rate.
            last_word: makes no difference, as each process goes by its own rate.

        Raises:
            ValueError: the rate is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
        """
        self._gate(old).set_rate(new.rate)

    def forget(self, command: Command) -> None:
        """Nothing: a rate holds until it is changed."""

    def statistics(self, command: Command) -> PermitStatistics:
        """This process's permits of a command at this moment; to be called in the loop."""
        return self._gate(command).statistics()

    def _gate(self, command: Command) -> G:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the limiter is closed")
        if self._loop not in (None, loop):
            raise RuntimeError("this limiter belongs to another event loop; make one limiter for each loop")
        self._loop = loop
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = self._new_gate(command)
        else:
            gate.lower(command.rate)
        return gate
