"""What the commands of one shared limiter share, and who is told when Redis is lost and when it is back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from tim_async.limits.local import LocalLimiter
from tim_async.printable import one_line

from .booking import Books

if TYPE_CHECKING:
    from .gate import Gate

__all__ = ["Common"]

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
        self.local = LocalLimiter()
        self.without: set[Gate] = set()
        self.listeners: list[Callable[[str | None], None]] = []
        """Told the trouble when Redis is lost, and None when it is back."""

    def lost(self, gate: Gate, trouble: Exception) -> None:
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
            for told in list(self.listeners):
                told(words)

    def found(self, gate: Gate) -> None:
        """It can again."""
        self.without.discard(gate)
        if not self.without:
            log.warning("the shared rate limit is back")
            for told in list(self.listeners):
                told(None)
