"""The dispatchers of a client, one for each command that was used; and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from tim_async.dispatch.dispatcher import Dispatcher
from tim_async.dispatch.events import Hook
from tim_async.dispatch.telling import check_hooks, listen
from tim_async.dispatch.watch import lane_for
from tim_async.errors import APIError
from tim_async.lane.health import Health
from tim_async.lane.judging import Lane
from tim_async.lane.waiting import CLOSED
from tim_async.limits.local import Limiter
from tim_async.limits.rates import Rates
from tim_async.service.endpoints import Endpoint
from tim_async.transport.post import Transport

__all__ = ["Dispatchers", "running_loop"]

log = logging.getLogger("tim_async")

GRACE = 1.0  # seconds that a source may take to end after it was cancelled


class Dispatchers(dict[tuple[str, str, str, bool], Dispatcher]):
    """Lane of a row -> its dispatcher."""

    kind: type[Dispatcher] = Dispatcher

    def __init__(
        self,
        transport: Transport,
        rates: Rates,
        *,
        sdk_app_id: int,
        max_in_flight: int,
        attempts: int,
        linger: float,
        hooks: Sequence[Hook],
    ) -> None:
        super().__init__()
        self._transport = transport
        self._rates = rates
        self._sdk_app_id = sdk_app_id
        self._max_in_flight = max_in_flight
        self._attempts = attempts
        self._linger = linger
        self._hooks = check_hooks(hooks)
        self._lane_kind = lane_for(self._hooks)
        self._health = Health()
        self.sources: set[asyncio.Task[Any]] = set()
        """The tasks that read the sources of streams."""

    def listen_to(self, limiter: Limiter | None) -> None:
        """Let the watchers among the hooks hear what becomes of a shared limit, until all is closed."""
        self._leave_limiter = listen(limiter, self._hooks)

    def add(self, endpoint: Endpoint[Any, Any], limiter: Limiter | None) -> Dispatcher:
        """Make the dispatcher of a command."""
        dispatcher = self[endpoint.lane] = self.kind(
            self.lane(endpoint),
            self._transport,
            limiter,
            self._rates,
            sdk_app_id=self._sdk_app_id,
            max_in_flight=self._max_in_flight,
            hooks=self._hooks,
            stop_all=self._stop_all,
            wake_all=self._wake_all,
        )
        return dispatcher

    def lane(self, endpoint: Endpoint[Any, Any]) -> Lane:
        """Make the lane of a command."""
        return self._lane_kind(endpoint, self._health, attempts=self._attempts, linger=self._linger)

    def of_path(self, path: str) -> list[Dispatcher]:
        """Those of a command: a typed row and a bare call of the same path have one each."""
        return [dispatcher for dispatcher in self.values() if dispatcher.command.path == path]

    def _stop_all(self, error: APIError) -> None:
        now = asyncio.get_running_loop().time()
        for dispatcher in self.values():
            dispatcher.lane.stop_all(error, now)

    def _wake_all(self) -> None:
        for dispatcher in self.values():
            dispatcher.wake()

    async def close(self, seconds: float) -> None:
        """End all: calls in flight finish, and what waits may still be sent.

        Args:
            seconds: until what is still open ends `NotSent`, or `Unknown` where its call is in flight.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        lanes = [dispatcher.lane for dispatcher in self.values()]
        for lane in lanes:
            lane.cut(loop.time())
        try:
            while (tasks := self._tasks()) and loop.time() < deadline:
                await asyncio.wait(tasks, timeout=deadline - loop.time())
        finally:
            # Also when the loop itself is shut down meanwhile.
            for lane in lanes:
                for owner in list(lane.owners):
                    lane.stop(owner, CLOSED, loop.time())
            await _end(self._tasks())
            for dispatcher in self.values():
                dispatcher.leave()
            self._leave_limiter()

    def _tasks(self) -> set[asyncio.Task[Any]]:
        return self.sources.union(*(dispatcher.tasks for dispatcher in self.values()))


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=GRACE)
        if left:
            log.warning("closed, though a source has not ended within %g s after it was cancelled", GRACE)
    # The last callbacks of these tasks have yet to run: they settle what was cut short.
    await asyncio.sleep(0)


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop in which the caller runs.

    Raises:
        RuntimeError: there is none; the caller runs under Trio, or in no coroutine at all.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no asyncio event loop runs here: call the client from a coroutine that asyncio.run() runs; "
            "under Trio, do so in a thread (trio.to_thread.run_sync) or with trio-asyncio"
        ) from None
