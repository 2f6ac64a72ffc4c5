"""The limiter shared by processes: one budget per app and command, kept in Redis or Valkey.

In: a command and its rate. Out: a permit at the time of a slot, and one of all processes'. A process *books*: one
script says when its next slots are. So a round trip is good for up to five calls, processes are served in turn, and
there is no polling::

    gate ──▶ source  gives a slot at its time, or the static share while Redis is gone ──▶ slots  what a slot pays for
              └──▶ booking  the script, and the conversation with Redis
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tim_async.limits.limiter import Command
from tim_async.limits.shared import SharedLimiter
from tim_async.limits.sources import Source
from tim_async.printable import sturdy

from .booking import Books
from .source import SlotSource

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

__all__ = ["RedisLimiter"]


class RedisLimiter(SharedLimiter):
    """The limits of all processes that share one Redis or Valkey (6 or newer) and are given the same arguments.

        limiter = RedisLimiter("redis://127.0.0.1:6379/0", processes=4)
        async with Client(..., limiter=limiter) as tim:
            ...
        await limiter.aclose()

    **What holds.** All processes together have at most as many slots in any ``window / margin`` (1.02 s at 0.98; 0.1 s
    more than a window for one or a few calls a second) as the service allows calls in a window, and a process calls
    only while it has had more slots in that time than it has permits in use or at rest. So no window at the service,
    fixed or sliding, sees more calls than it allows, as long as no call is later than the difference covers: 20 ms at
    0.98, for timers, network and service together. A call that is later (a handshake, a lost packet, a stalled process)
    costs its process the next slots, until it is paid for; for a process that works alone this holds with any jitter.

    **What does not.** Late calls of a process whose next slots come too late to pay for them, or never, because it has
    nothing more to do: as many calls as were late may then come on top of what others send. ``FLUSHALL`` on a running
    server: what is booked ahead, half a second, comes on top. A failover to a replica that lags: the same for what it
    did not get.

    **Without Redis** each process keeps to its static share, ``rate / processes``. The share begins one window after
    the last slot that anybody can have booked. When Redis is back the process waits a window again, and if it finds no
    bookings it keeps the budget shut until the others must have noticed. So shares and slots are never used at the
    same time, except when one process loses Redis and others keep it: then its share adds to theirs. If the limit
    allows fewer calls in a window than there are processes, a share is one call in several windows, and it is left to
    chance that the processes' calls do not fall into the same one.

    Args:
        redis: a URL as `redis.asyncio.Redis.from_url` takes it, or a client, which is not closed:
            `redis.asyncio.Redis`, `redis.asyncio.RedisCluster`, or what `redis.asyncio.Sentinel.master_for` gives.
        processes: the most processes that use the budget at the same time.
        margin: the largest share of the limit that is used, above 0 and below 1.
        prefix: of the keys, which are ``{prefix:sdk_app_id:path}`` and the same with ``:slow``.
        timeout: seconds to wait for an answer of Redis.

    Raises:
        TypeError: *redis* is neither a URL nor such a client (a sentinel itself, for example, or a blocking client).
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
        super().__init__()
        self._books = Books(redis, processes=processes, margin=margin, prefix=prefix, timeout=timeout)

    @sturdy
    def __repr__(self) -> str:
        state = "closed" if self._closed else "without Redis" if self._books.without else "shared"
        return f"<RedisLimiter of {self._books.processes} processes: {state}>"

    def listen(self, listener: Callable[[str | None], None]) -> Callable[[], None]:
        """Report when Redis is lost, and when it is back.

        Args:
            listener: called with the reason, and with None when it is back.

        Returns:
            A function that ends it.
        """
        listeners = self._books.listeners
        listeners.append(listener)
        return partial(listeners.remove, listener)

    async def aclose(self) -> None:
        """Close it, after the clients: whoever is still waiting gets a `RuntimeError`."""
        await super().aclose()
        await self._books.aclose()

    def _new_source(self, command: Command) -> Source:
        return SlotSource(command, self._books)
