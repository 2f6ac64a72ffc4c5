"""What all lanes of one client know about the app's standing with the service. Pure: it is told the time."""

from __future__ import annotations

import math

from tim_async.errors import APIError

from .retry import Budget, Pause

__all__ = ["Health"]

UNPROVEN_MOST = 4  # calls in flight before the first good answer: a wrong key costs a handful of calls, not a hundred


class Health:
    """The standing of one app, as its client has seen it."""

    def __init__(self) -> None:
        self.proven = False
        """Whether the credentials ever had a good answer."""
        self.suspect: APIError | None = None
        """The refusal of the credentials or the app that nothing has disproved yet."""
        self.locked_until = -math.inf
        """Until then nothing is sent at all: trying a locked account prolongs the lock."""
        self.in_flight = 0
        self.pause = Pause()
        self.budget = Budget()

    def good(self, now: float) -> None:
        """The service has said yes to these credentials."""
        self.proven = True
        self.suspect = None
        self.pause.answered(now)

    def refused(self, error: APIError, wait: float, now: float) -> None:
        """The service has said no to the credentials or the app."""
        self.suspect = error
        if wait:
            self.locked_until = now + wait

    def locked(self, now: float) -> APIError | None:
        """What locked the account, while it is locked."""
        return self.suspect if now < self.locked_until else None

    @property
    def full(self) -> bool:
        """Whether no further call may leave before one is answered."""
        most = 1 if self.suspect else math.inf if self.proven else UNPROVEN_MOST
        return self.in_flight >= most
