"""What is asked of the place where a budget is kept: to book slots, and to take them back."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from tim_async.limits import Command

__all__ = ["AHEAD", "Booking", "Books", "OutOfReach", "Terms"]

AHEAD: Final = 0.5
"""Seconds from now within which runs end: what is booked ahead delays others, and the beginning without the budget."""


class OutOfReach(Exception):
    """The budget can't be reached, or is of no use, for now: each process keeps to its share."""


class Terms(NamedTuple):
    """What a booking asks for.

    Attributes:
        spacing: seconds between two slots.
        queue: slots that all processes together may have booked beyond `AHEAD`.
        settle: seconds for which the budget stays shut if others may be without it.
    """

    spacing: float
    queue: int
    settle: float


class Booking(NamedTuple):
    """What was booked.

    Attributes:
        start: the first slot, seconds of the loop's clock; if there are none, when the next would be.
        slots: the slots, the same.
        end: the slot after the last, microseconds of the clock of the place.
        spacing: microseconds between two slots.
        booked: bookings by anybody so far.
        seconds: what the question took.
    """

    start: float
    slots: list[float]
    end: int
    spacing: int
    booked: int
    seconds: float


class Books(Protocol):
    """One budget, as one process asks for it."""

    async def book(self, command: Command, n: int, terms: Terms, *, seen: int = -2, refused: float = -1.0) -> Booking:
        """Book up to `n` slots; with 0 only ask.

        Args:
            command: whose budget.
            n: slots.
            terms: on which terms.
            seen: the count of a booking: if nobody has booked since, the budget stays shut for a while.
            refused: seconds since a call was made that the service refused for its frequency; negative if none was.

        Raises:
            OutOfReach: for now.
        """
        ...

    async def give_back(self, command: Command, end: int, count: int, spacing: int) -> bool:
        """Give back the last `count` slots of a run.

        Args:
            command: whose budget.
            end: of the run.
            count: slots.
            spacing: of the run.

        Returns:
            Whether they can be booked again; not if others have booked after them.

        Raises:
            OutOfReach: for now.
        """
        ...

    async def aclose(self) -> None:
        """End the conversation."""
        ...
