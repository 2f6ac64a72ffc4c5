"""Who waits for a permit, and whose turn it is: the queue behind every gate.

The urgent are served before the others. Among equals the event loops take turns, and within a loop it is first come,
first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from .permits import Permit

__all__ = ["Queue", "Waiter"]

S = TypeVar("S", bound=Hashable)
"""What stands for an event loop."""


class Waiter(Generic[S]):
    """One caller who waits for a permit; made in the loop in which it waits.

    Attributes:
        seat: stands for that loop.
        since: when it began to wait.
        urgent: goes before those that are not.
        permit: what it was given; it may not have received it yet.
        future: done when it waits no longer.
    """

    __slots__ = ("future", "permit", "seat", "since", "urgent")

    def __init__(self, seat: S, since: float, *, urgent: bool) -> None:
        self.seat: Final = seat
        self.since: Final = since
        self.urgent: Final = urgent
        self.permit: Permit | None = None
        self.future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()

    async def wait(self, give_up: Callable[[Waiter[S]], None]) -> Permit:
        """Waits for the permit.

        Args:
            give_up: is called if the caller is cancelled; a permit that was given must not be lost.
        """
        try:
            return await self.future
        except asyncio.CancelledError:
            give_up(self)
            raise

    def give(self, permit: Permit) -> None:
        """Serves one who waits in the running loop."""
        self.permit = permit
        self.wake()

    def wake(self) -> None:
        """Hands over the permit, in the loop in which it waits; one who was cancelled meanwhile gives it back."""
        if self.permit is not None and not self.future.done():
            self.future.set_result(self.permit)


class Queue(Generic[S]):
    """The waiters of one command. Who was cancelled counts as waiting until `first` comes across it."""

    def __init__(self) -> None:
        # By loop, the one whose turn it is first.
        self._urgent: dict[S, deque[Waiter[S]]] = {}
        self._normal: dict[S, deque[Waiter[S]]] = {}

    def __bool__(self) -> bool:
        return bool(self._urgent or self._normal)

    def __len__(self) -> int:
        """How many still wait."""
        lines = (*self._urgent.values(), *self._normal.values())
        return sum(not waiter.future.done() for line in lines for waiter in line)

    def add(self, waiter: Waiter[S]) -> None:
        """To the end of its equals in its loop."""
        self._turns(waiter).setdefault(waiter.seat, deque()).append(waiter)

    def first(self) -> Waiter[S] | None:
        """Whose turn it is, of those that still wait."""
        for turns in (self._urgent, self._normal):
            for seat, waiters in list(turns.items()):
                while waiters:
                    if not waiters[0].future.done():
                        return waiters[0]
                    waiters.popleft()
                del turns[seat]
        return None

    def pop(self, waiter: Waiter[S]) -> None:
        """The first has been served; the next one is of another loop, if there is any."""
        turns = self._turns(waiter)
        waiters = turns.pop(waiter.seat)
        waiters.popleft()
        if waiters:
            turns[waiter.seat] = waiters

    def forget(self, seat: S) -> None:
        """A loop is dead, and with it all who waited there."""
        self._urgent.pop(seat, None)
        self._normal.pop(seat, None)

    def _turns(self, waiter: Waiter[S]) -> dict[S, deque[Waiter[S]]]:
        return self._urgent if waiter.urgent else self._normal
