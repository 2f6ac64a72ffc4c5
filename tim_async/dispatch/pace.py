"""The rate by which a command goes: what is known of it may change while calls wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tim_async.lane.judging import Lane
from tim_async.limits.local import Adjustable, Command, Limiter, Slowable
from tim_async.limits.rates import Rates
from tim_async.service.endpoints import Endpoint

__all__ = ["Pace"]


class Pace:
    """By which rate one command goes.

    Args:
        lane: of the command; the size of its calls may depend on the rate.
        rates: what is known of all rates.
        limiter: told of each change.
        sdk_app_id: the app.
        clock: seconds.
    """

    def __init__(
        self, lane: Lane, rates: Rates, limiter: Limiter | None, sdk_app_id: int, clock: Callable[[], float]
    ) -> None:
        self._lane = lane
        self._row = lane.endpoint
        self._rates = rates
        self._limiter = limiter
        self._clock = clock
        lane.endpoint, rate, self._until = self._paced()
        self.command = Command(sdk_app_id, lane.endpoint.path, rate)
        """What the limiter is asked for."""

    @property
    def has_last_word(self) -> bool:
        """Whether the rate was given by `Client.set_limit`."""
        return self._rates.is_last_word(self._row.path)

    def slow(self) -> None:
        """Let fewer calls through for some seconds."""
        if isinstance(self._limiter, Slowable):
            self._limiter.slow(self.command)

    def keep(self, *, last_word: bool = False) -> bool:
        """Go by what is known now of the rate; it holds for calls that wait, too.

        Args:
            last_word: it holds for whoever shares the limiter, whatever was said before.

        Returns:
            Whether anything may be different now.
        """
        self._lane.endpoint, rate, self._until = self._paced()
        if rate == self.command.rate and not last_word:
            return False
        old, self.command = self.command, Command(self.command.sdk_app_id, self.command.path, rate)
        if isinstance(self._limiter, Adjustable):
            self._limiter.change(old, self.command, last_word=last_word)
        return True

    def keep_up(self) -> bool:
        """After an alarm the known rate holds again. Returns as `keep`."""
        return self._clock() >= self._until and self.keep(last_word=self.has_last_word)

    def leave(self) -> None:
        """The client is closed: its rate no longer counts for others."""
        if isinstance(self._limiter, Adjustable):
            self._limiter.forget(self.command)

    def _paced(self) -> tuple[Endpoint[Any, Any], float, float]:
        """The row as it is used at the rate that holds now; that rate in calls a second; and until when it holds."""
        rate, until = self._rates.of(self._row.path, self._row.rate, self._clock())
        return *self._row.paced(rate), until
