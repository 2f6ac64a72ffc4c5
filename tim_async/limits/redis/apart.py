"""What a process does while Redis is out of reach: it keeps to its static share of each limit, and warns once.

The permits of the share are those of a `LocalLimiter`; who gets them is decided by the gate's own queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from tim_async.limits.local import Command, LocalLimiter
from tim_async.limits.permits import Permit
from tim_async.limits.waiters import Queue
from tim_async.printable import one_line

from .booking import Books

__all__ = ["Common", "Share"]

log = logging.getLogger("tim_async")


class Common:
    """What the commands of one limiter share.

    Args:
        books: the conversation with Redis.
        processes: that share the budget.
        margin: the share of the limit that is used.
        timeout: seconds after which Redis is held to be gone.
    """

    def __init__(self, books: Books, *, processes: int, margin: float, timeout: float) -> None:
        self.books = books
        self.processes = processes
        self.margin = margin
        self.timeout = timeout
        self.local: Final = LocalLimiter()
        self.without: set[object] = set()
        self.listeners: list[Callable[[str | None], None]] = []
        """Called with the trouble when Redis is lost, and with None when it is back."""

    def lost(self, gate: object, trouble: Exception) -> None:
        """A command can't reach Redis."""
        first = not self.without
        self.without.add(gate)
        if first:
            words = one_line(f"{type(trouble).__name__}: {trouble}".removesuffix(": "))
            log.warning(
                "the shared rate limit is out of reach (%s); until it is back, this process keeps to 1/%d of it",
                words,
                self.processes,
            )
            self._tell(words)

    def found(self, gate: object) -> None:
        """It can again."""
        self.without.discard(gate)
        if not self.without:
            log.warning("the shared rate limit is back")
            self._tell(None)

    def _tell(self, trouble: str | None) -> None:
        for listener in list(self.listeners):
            listener(trouble)


class Share:
    """The static share of one command.

    Args:
        common: knows how many share the limit.
        queue: who waits.
        changed: is set whenever somebody may have come.
    """

    def __init__(self, common: Common, queue: Queue[None], changed: asyncio.Event) -> None:
        self._common = common
        self._queue = queue
        self._changed = changed
        self._used = False

    async def hand_out(self, command: Command, quiet: float) -> None:
        """Serves those who wait, until it is cancelled.

        Args:
            command: at the rate of all processes together.
            quiet: seconds before it begins, in which slots that were booked by anybody go by.
        """
        self._used = True
        await asyncio.sleep(quiet)
        local, part = self._common.local, self._part(command)
        while True:
            self._changed.clear()
            first = self._queue.first()
            if first is None:
                await self._changed.wait()
                continue
            permit = await local.acquire(part, urgent=first.urgent)
            first = self._queue.first()
            if first is None:
                local.report(permit)
            else:
                first.give(permit)

    def end(self, permit: Permit, *, refused: bool) -> None:
        """A call of the share is over."""
        self._common.local.report(permit, refused=refused)

    def resting(self, command: Command) -> int:
        """Permits of the share that are not back yet."""
        return self._common.local.statistics(self._part(command)).resting if self._used else 0

    def _part(self, command: Command) -> Command:
        return Command(command.sdk_app_id, command.path, command.rate / self._common.processes)
