"""Who waits for a permit, and whose turn it is: the queue of a gate.

The urgent are served before the others. Among equals the event loops take turns, and within a loop it is first come,
first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from .permits import Permit

if TYPE_CHECKING:
    from .seats import Seat

__all__ = ["Queue", "Waiter"]


class Waiter:
    """One caller who waits for a permit; made in the loop in which it waits.

    Attributes:
        seat: of that loop.
        since: when it began to wait.
        urgent: goes before those that are not.
        permit: what it was given; it may not have received it yet.
        future: done when it waits no longer.
    """

    __slots__ = ("future", "permit", "seat", "since", "urgent")

    def __init__(self, seat: Seat, since: float, *, urgent: bool) -> None:
        self.seat: Final = seat
        self.since: Final = since
        self.urgent: Final = urgent
        self.permit: Permit | None = None
        self.future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        """Hands over the permit, in the loop in which it waits; one who was cancelled meanwhile gives it back."""
        if self.permit is not None and not self.future.done():
            self.future.set_result(self.permit)


class Queue:
    """The waiters of one command. Who was cancelled stays until `first` comes across it."""

    def __init__(self) -> None:
        # The others and the urgent, by loop: the one whose turn it is first.
        self._turns: tuple[dict[Seat, deque[Waiter]], ...] = {}, {}

    def __bool__(self) -> bool:
        return any(self._turns)

    def add(self, waiter: Waiter) -> None:
        """To the end of its equals in its loop."""
        self._turns[waiter.urgent].setdefault(waiter.seat, deque()).append(waiter)

    def first(self) -> Waiter | None:
        """Whose turn it is, of those that still wait."""
        for turns in reversed(self._turns):
            for seat, waiters in list(turns.items()):
                while waiters:
                    if not waiters[0].future.done():
                        return waiters[0]
                    waiters.popleft()
                del turns[seat]
        return None

    def pop(self, waiter: Waiter) -> None:
        """The first has been served; the next one is of another loop, if there is any."""
        turns = self._turns[waiter.urgent]
        waiters = turns.pop(waiter.seat)
        waiters.popleft()
        if waiters:
            turns[waiter.seat] = waiters

    def forget(self, seat: Seat) -> None:
        """A loop is dead, and with it all who waited there."""
        for turns in self._turns:
            turns.pop(seat, None)
