"""The limiter shared by processes: one budget per app and command, kept in Redis or Valkey.

Strategy: nobody is told "no, try again", which wakes at once all who wait and costs up to 110 round trips a call. A
process *books*: one script says when its next slots are. So a round trip is good for up to five calls, processes are
served in turn, and nothing polls. The rooms:

* `slots`    pure: what a slot pays for
* `booking`  the scripts, and the conversation with Redis
* `common`   what all commands share, and who hears that Redis is lost
* `gate`     one command in one process: who waits, when to book, what to do without Redis
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tim_async.limits.local import Command
from tim_async.limits.permits import Permit, PermitStatistics
from tim_async.printable import sturdy

from .booking import Books
from .common import Common
from .gate import Gate

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

__all__ = ["RedisLimiter"]


class RedisLimiter:
    """The limits of all processes that share one Redis or Valkey (6 or newer) and are given the same arguments.

        limiter = RedisLimiter("redis://127.0.0.1:6379/0", processes=4)
        async with Client(..., limiter=limiter) as tim:
            ...
        await limiter.aclose()

    **What holds.** All processes together have at most as many slots in any ``window / margin`` (1.02 s at 0.98; 0.1 s
    more than a window for one or a few calls a second) as the service allows calls in a window, and a process calls
    only while it has had more slots in that time than it has permits in use or at rest. Hence no window at the service,
    fixed or sliding, sees more calls than it allows, as long as no call is later than the difference covers: 20 ms at
    0.98, for timers, network and service together. A call that is later (a handshake, a lost packet, a stalled process)
    costs its process the next slots, until it is paid for; a process that works alone is so proven for any jitter.

    **What does not.** Late calls of a process whose next slots come too late to pay for them, or never, because it has
    nothing more to do: as many calls as were late may then come on top of what others send. ``FLUSHALL`` on a running
    server: what is booked ahead, half a second, comes on top. A failover to a replica that lags: the same for what it
    did not get.

    **Without Redis** each process keeps to its static share, ``rate / processes``. It begins when all slots that
    anybody can have booked are past, and a window more; on the way back it waits a window again, and whoever finds
    that nobody books keeps the budget shut until the others must have noticed. So the shares and the slots never meet,
    but for a process that loses Redis while others keep it: its share adds to theirs. Where the limit allows fewer
    calls in a window than there are processes, a share is one call in several windows, and that the processes' calls
    do not fall into the same one is then left to chance.

    Args:
        redis: a URL as `redis.asyncio.Redis.from_url` takes it, or a client, which is not closed:
            `redis.asyncio.Redis`, `redis.asyncio.RedisCluster`, or what `redis.asyncio.Sentinel.master_for` gives.
        processes: most processes that use the budget at the same time.
        margin: share of the limit that is used at most, above 0 and below 1.
        prefix: of the keys, which are ``{prefix:sdk_app_id:path}`` and the same with ``:slow``.
        timeout: seconds after which an answer of Redis does not count any more.

    Raises:
        TypeError: *redis* is neither a URL nor such a client (but a sentinel itself, or a client that blocks).
        ValueError: an argument is impossible.
        ImportError: the package redis is missing (on import).
    """

    def __init__(
        self,
        redis: str | Redis | RedisCluster,
        *,
        processes: int,
        margin: float = 0.98,
        prefix: str = "tim_async",
        timeout: float = 1.0,
    ) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, not {processes!r}")
        if not 0 < margin < 1:
            raise ValueError(f"margin must be between 0 and 1, not {margin!r}")
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        books = Books(redis, prefix=prefix, timeout=timeout)
        self._common = Common(books, processes=processes, margin=margin, timeout=timeout)
        self._gates: dict[tuple[int, str], Gate] = {}
        self._running: dict[Permit, Gate] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @sturdy
    def __repr__(self) -> str:
        state = "closed" if self._closed else "without Redis" if self._common.without else "shared"
        return f"<RedisLimiter of {self._common.processes} processes: {state}>"

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
            The permit for one call: see `tim_async.limits.local.Limiter.acquire`.

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
        """Whoever went by *old* goes by *new* from now on, and so does all of this process: tell the others, too.

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
        """Nothing: what was said of a rate holds for as long as the limiter."""

    def statistics(self, command: Command) -> PermitStatistics:
        """This process's permits of a command at this moment; to be called in the loop."""
        return self._gate(command).slots.permits.statistics(asyncio.get_running_loop().time())

    def listen(self, told: Callable[[str | None], None]) -> Callable[[], None]:
        """Tell somebody when Redis is lost, and when it is back.

        Args:
            told: called with the reason, and with None when it is back.

        Returns:
            What ends it.
        """
        listeners = self._common.listeners
        listeners.append(told)
        return partial(listeners.remove, told)

    async def aclose(self) -> None:
        """End the conversation with Redis, after the clients are closed: who still waits gets a `RuntimeError`."""
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
