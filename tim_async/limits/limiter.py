"""The protocol of a limiter: what a dispatcher asks of it, and what some can do beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from .permits import Permit, PermitStatistics

__all__ = ["Adjustable", "Command", "Limiter", "Observable", "Shared", "Slowable"]


class Command(msgspec.Struct, frozen=True, weakref=True):
    """What a limit belongs to: one command of one app.

    Attributes:
        sdk_app_id: the app.
        path: the command, for example ``timpush/get_tag``.
        rate: calls per second that the service allows.
    """

    sdk_app_id: int
    path: str
    rate: float


class Limiter(Protocol):
    """Decides when a call may be made."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made. Cancelling it costs nothing: neither a token nor a permit is lost.

        Args:
            command: the command and its limit.
            urgent: somebody is waiting for the answer: it goes before calls that are not urgent, and skips their pace.
            full: the call carries as much as it may, so nothing is gained by waiting for more.

        Returns:
            The permit for one call. The caller marks on it when the call was written and answered, and passes it to
            `report`, whatever happens.

        Raises:
            ValueError: the rate of the command is not a positive number.
        """
        ...

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over.

        Args:
            permit: as `acquire` gave it; with `written` still None nothing was sent, and it may be used again at once.
            refused: the service refused the call for its frequency.
        """
        ...


@runtime_checkable
class Observable(Limiter, Protocol):
    """A limiter that knows how many permits it has."""

    def statistics(self, command: Command) -> PermitStatistics:
        """The permits of a command at this moment."""
        ...


@runtime_checkable
class Slowable(Limiter, Protocol):
    """A limiter that can be warned that a limit is near."""

    def slow(self, command: Command) -> None:
        """Let fewer calls of a command through for some seconds."""
        ...


@runtime_checkable
class Adjustable(Limiter, Protocol):
    """A limiter whose rates can be changed while it is used."""

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Replace *old* by *new*; that takes effect at once, also for those who are waiting.

        Args:
            old: as it was given to `acquire`, if it ever was.
            new: the same command at another rate.
            last_word: the rate holds whatever others have set before, higher or lower.

        Raises:
            ValueError: the rate is not a positive number.
        """
        ...

    def forget(self, command: Command) -> None:
        """The user of this rate has gone."""
        ...


@runtime_checkable
class Shared(Limiter, Protocol):
    """A limiter whose limit is kept elsewhere, and may be out of reach."""

    def listen(self, told: Callable[[str | None], None]) -> Callable[[], None]:
        """Report when the limit is out of reach, and when it is back.

        Args:
            told: called with the reason, and with None when it is back.

        Returns:
            A function that ends it.
        """
        ...
