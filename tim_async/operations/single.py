"""A single request: from when it was asked until its answer is here, or the caller has left."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from tim_async.errors import AccountError
from tim_async.lane.items import IN_FLIGHT
from tim_async.lane.owners import Singles
from tim_async.outcomes import Assumed, Failure, NotSent, Stats, bare
from tim_async.results import BatchResult

from .streams import with_result

if TYPE_CHECKING:
    from tim_async.dispatch.dispatcher import Dispatcher

__all__ = ["Single"]

V = TypeVar("V")


class Single(msgspec.Struct, Generic[V], gc=False, eq=False):
    """A request that waits.

    ``try: return asked.value(await asked.waiter)``, and ``finally: asked.leave()``. A context manager would cost a
    third more: one more object for each that waits, which the garbage collector visits.
    """

    dispatcher: Dispatcher
    singles: Singles
    waiter: asyncio.Future[V | Failure | Assumed]
    account: str
    pairs: bool
    timers: list[asyncio.TimerHandle] | None = None

    def end_after(self, timeout: float | None, max_wait: float | None) -> None:
        """Settle it when its time is over; at *max_wait* only if it has not been sent by then."""
        self.timers = []
        for seconds, end in ((timeout, self._end), (max_wait, self._end_unsent)):
            if seconds is not None and seconds < math.inf:
                loop = self.waiter.get_loop()
                self.timers.append(loop.call_at(loop.time() + seconds, end, seconds))

    def _end(self, seconds: float, name: str = "timeout") -> None:
        self.dispatcher.withdraw_one(self.singles, self.waiter, f"its {name} of {seconds:g} s was over")

    def _end_unsent(self, seconds: float) -> None:
        item = self.singles.waiting.get(self.waiter)
        if item is not None and item.queue is not IN_FLIGHT and not item.reached:
            self._end(seconds, "max_wait")

    def leave(self) -> None:
        """Stop waiting, with or without an answer."""
        for timer in self.timers or ():
            timer.cancel()
        if self.waiter in self.singles.waiting:
            self.dispatcher.withdraw_one(self.singles, self.waiter, "the caller was cancelled")

    def value(self, value: V | Failure | Assumed) -> V:
        """The value that came.

        Raises:
            AccountError: a failure came.
            APIError: the failure is that every further call would be pointless.
        """
        if not isinstance(value, Failure):
            return bare(value)
        if self.singles.error is not None:
            raise with_result(self.singles.error, self._result(value))
        raise AccountError(value.outcome(0, self.account))

    def _result(self, failure: Failure) -> BatchResult[Any]:
        calls = int(failure.kind is not NotSent)
        return BatchResult([self.account], [failure], Stats(calls, 0, 1, 0.0, 0.0), pairs=self.pairs)
