"""Where the permits of a command come from: the source below a gate.

It answers one question, may one call go now, and takes back what was given. Who waits, and whose turn it is, is the
gate's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .permits import Permit, Permits

if TYPE_CHECKING:
    from .gates import Gate

__all__ = ["Source"]


class Source:
    """The permits of a process that shares its limit with no other.

    Args:
        permits: that there are; a pool in which the process's calls are counted, wherever else they are.

    Attributes:
        paced: permits come in clumps, so callers have to keep a pace.
    """

    paced = True

    def __init__(self, permits: Permits) -> None:
        self.permits = permits

    def attach(self, gate: Gate) -> None:
        """Who asks, and is told when there may be a permit before its time, or when there will be none."""

    def free(self, now: float) -> int:
        """Permits that are known to be free."""
        return self.permits.available(now)

    def take(self, now: float, leave: int, waited: float) -> Permit | float:
        """May one call go now?

        Args:
            now: seconds of the gate's clock, as all times.
            leave: permits to leave for others.
            waited: seconds for which the caller has waited.

        Returns:
            Its permit; or when to ask again, if `Gate.look_again` is not called before.

        Raises:
            OSError: what is shared cannot be used.
        """
        if self.permits.available(now) > leave:
            return self.permits.take(now)
        return self.permits.next_at(now, leave)

    def end(self, permit: Permit, now: float, *, refused: bool) -> None:
        """The call of a permit is over: see `Permits.end`."""
        self.permits.end(permit, now, refused=refused)

    def set_rate(self, rate: float, now: float) -> None:
        """Makes `rate` calls per second the limit; what is in use still counts."""
        self.permits.set_rate(rate, now)

    async def aclose(self) -> None:
        """Nothing more is asked, and nothing is handed back."""
