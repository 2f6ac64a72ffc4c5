"""The dispatcher of a lane: it waits for a free slot, then for a token, and only then lets the lane seal a chunk.

Strategy: one task per lane while anything waits there, and one task per call in flight. The choice of items comes last,
so that an urgent item which arrives while a token is awaited still goes first. An idle lane has no task at all.
This is the only place that starts tasks; a client holds every one of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

import anyio

from tim_async.errors import APIError, BadStatus, ConnectError, InvalidReply, RequestError
from tim_async.lane.judging import Lane
from tim_async.lane.statistics import LaneStatistics
from tim_async.limits.gates import clock_of
from tim_async.limits.local import Command, Limiter
from tim_async.limits.permits import Permit
from tim_async.limits.rates import Rates
from tim_async.service.codes import Action
from tim_async.service.endpoints import Unreadable

from .pace import Pace
from .tally import Tally
from .watch import Watch

if TYPE_CHECKING:
    from tim_async.lane.items import Chunk, Owner
    from tim_async.lane.owners import Singles, Waiter
    from tim_async.lane.waiting import FirstSendings
    from tim_async.service.endpoints import Answer
    from tim_async.transport.post import Transport

    from .events import Hook
    from .watch import Begun

__all__ = ["Dispatcher"]

log = logging.getLogger("tim_async")


class Dispatcher:
    """The waiting half of one command: everything that its lane must not do."""

    def __init__(
        self,
        lane: Lane,
        transport: Transport,
        limiter: Limiter | None,
        rates: Rates,
        *,
        sdk_app_id: int,
        max_in_flight: int,
        hooks: Sequence[Hook],
        stop_all: Callable[[APIError], None],
        wake_all: Callable[[], None],
    ) -> None:
        self.lane = lane
        self._clock = asyncio.get_running_loop().time
        self._permit_clock = clock_of(asyncio.get_running_loop())
        self._pace = Pace(lane, rates, limiter, sdk_app_id, self._clock)
        self._transport = transport
        self._limiter = limiter
        self._max_in_flight = max_in_flight
        self._stop_all = stop_all
        self._wake_all = wake_all
        self._watch = Watch(lane, hooks, self._clock, self.statistics)
        self._call_name = f"tim_async {self.command.path} call"
        self._task: asyncio.Task[None] | None = None
        self._calls: dict[asyncio.Task[None], tuple[Chunk, Permit, Begun | None]] = {}
        self._tally = Tally()
        self._changed = asyncio.Event()
        self._token_scope: anyio.CancelScope | None = None
        self._token_for = (False, False)
        if self._pace.has_last_word:
            self.keep_pace(last_word=True)

    @property
    def command(self) -> Command:
        """The command, at the rate that holds now."""
        return self._pace.command

    def wake(self) -> None:
        """Something has changed in the lane: items came, an answer came, or a gate opened."""
        if self.lane.in_flight < self._max_in_flight:  # else nothing can follow from it before a call ends
            self._changed.set()
        if (self._task is None or self._task.done()) and not self.lane.idle:
            # A context of its own: whoever wakes it is not the one for whom it makes its calls.
            self._task = asyncio.create_task(self._run(), name=f"tim_async {self.command.path}", context=Context())
            self._task.add_done_callback(self._stopped)
        elif self._token_scope is not None and (self.lane.idle or self.lane.urgent() > self._token_for):
            # While a token was awaited, all that waits was withdrawn, or something more urgent came: then the token is
            # asked for again, as urgent.
            self._token_scope.cancel()

    def enlist(self, owner: Owner) -> None:
        """Know an owner from now on, and who brings it: see `Lane.enlist`."""
        if self._watch.askers is not None:
            self._watch.askers.remember_owner(owner)
        self.lane.enlist(owner)

    def stop(self, owner: Owner, why: str) -> None:
        """Send nothing more of an owner: see `Lane.stop`."""
        self.lane.stop(owner, why, self._clock())
        self.wake()

    def withdraw(self, owner: Owner, why: str) -> None:
        """Settle every item of an owner at once: see `Lane.withdraw`."""
        self.lane.withdraw(owner, why, self._clock())
        self.wake()

    def ask(self, owner: Singles, place: Waiter, account: str, argument: Any) -> None:
        """Give a single request: see `Lane.ask`."""
        if self._watch.askers is not None:
            self._watch.askers.remember(place)
        self.lane.ask(owner, place, account, argument, self._clock())
        self.wake()

    def withdraw_one(self, owner: Singles, place: Waiter, why: str) -> None:
        """Settle a single request at once: see `Lane.withdraw_one`."""
        self.lane.withdraw_one(owner, place, why, self._clock())
        self.wake()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What runs for this lane."""
        return {*self._calls} if self._task is None or self._task.done() else {*self._calls, self._task}

    def statistics(self) -> LaneStatistics:
        """How the command stands at this moment."""
        if self._pace.keep_up():
            self.wake()
        return self._tally.statistics(self.lane, self._limiter, self.command, self._clock())

    def told(self) -> None:
        """The service has sounded its alarm: keep to the limit that it names, and go slower for some seconds."""
        self.keep_pace()
        self._pace.slow()
        Context().run(self._watch.slowed, "the service's alarm")

    def keep_pace(self, *, last_word: bool = False) -> None:
        """Go by what is known now of the rate: see `Pace.keep`."""
        if self._pace.keep(last_word=last_word):
            self.wake()

    def leave(self) -> None:
        """The client is closed."""
        Context().run(self._watch.close)
        self._pace.leave()

    def wait_ahead(self, level: int) -> float:
        """Seconds for which an item of this urgency would wait for its turn, as far as is known; often less."""
        now = self._clock()
        calls = sum(self.lane.schedule.ready[: level + 1]) // self.lane.endpoint.limit
        paced = calls / self.command.rate if self._limiter is not None else 0.0
        return paced + self.lane.closed_for(now)

    async def _run(self) -> None:
        clock = self._clock
        # What is asked for in the same turn of the loop goes together.
        await asyncio.sleep(0)
        while not self.lane.idle:
            self._changed.clear()
            self.lane.tick(clock())
            wakeup = self.lane.next_wakeup(clock())
            if self.lane.in_flight >= self._max_in_flight or wakeup is None:
                await self._changed.wait()
            elif wakeup > clock():
                await self._wait_until(wakeup)
            else:
                await self._next_call()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """The dispatcher has ended; if not because nothing waits, then what waits ends unsent."""
        if task.cancelled():
            why = "the client was stopped"
        elif (error := task.exception()) is not None:
            # Its words are the limiter's, and may hold the password of a Redis: only its type is told.
            why = f"the limiter failed: {type(error).__name__}"
            log.error("%s: nothing is sent, %s", self.command.path, why)
        else:
            return
        for owner in list(self.lane.owners):
            self.lane.stop(owner, why, task.get_loop().time())

    async def _wait_until(self, when: float) -> None:
        timer = asyncio.get_running_loop().call_at(when, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()

    async def _next_call(self) -> None:
        """Wait for the token; then, and not before, choose the items."""
        if self._pace.keep_up():
            self.wake()
        began = self._clock()
        permit = Permit(began) if self._limiter is None else await self._token(self._limiter)
        sealed = self._clock()
        chunk = self.lane.seal(sealed) if permit is not None else None
        if chunk is None or permit is None:
            # What waited was withdrawn meanwhile, must wait longer, or was joined by something more urgent.
            self._report(permit)
            return
        waited = sealed - began
        self._tally.sealed(sealed, waited)
        for owner in chunk.owners:
            owner.seconds_waited += waited
        context = Context()
        begun = self._watch.sealed(chunk, sealed, waited, self._transport.server)
        task = asyncio.create_task(self._run_calls(chunk, permit, begun), name=self._call_name, context=context)
        self._calls[task] = chunk, permit, begun
        task.add_done_callback(self._ended, context=context)

    async def _token(self, limiter: Limiter) -> Permit | None:
        """A permit for the next call; None if something more urgent came meanwhile."""
        urgent, full = self._token_for = self.lane.urgent()
        permit = None
        try:
            with anyio.CancelScope() as self._token_scope:
                permit = await limiter.acquire(self.command, urgent=urgent, full=full)
        finally:
            self._token_scope = None
        return permit

    async def _run_calls(self, chunk: Chunk, permit: Permit, begun: Begun | None) -> None:
        """One call; and where no token is awaited one after the other: a task for each would be a tenth of its cost."""
        await self._call(chunk, permit, begun)
        task = asyncio.current_task()
        if self._limiter is None and not self.lane.linger and task is not None:
            while (following := self._next_at_once(task)) is not None:
                await self._call(*following)
        self.wake()

    def _next_at_once(self, task: asyncio.Task[None]) -> tuple[Chunk, Permit, Begun | None] | None:
        """The next chunk, if one may leave now; for the task that has ended a call."""
        now = self._clock()
        self.lane.tick(now)
        chunk = self.lane.seal(now)
        if chunk is None:
            return None
        self._tally.sealed(now, 0.0)
        begun = self._watch.sealed(chunk, now, 0.0, self._transport.server)
        self._calls[task] = following = chunk, Permit(now), begun
        if self.lane.in_flight < self._max_in_flight and not self.lane.idle:
            self.wake()  # an answer may bring more than one call, or a time to wait for
        return following

    async def _call(self, chunk: Chunk, permit: Permit, begun: Begun | None) -> None:
        told = self.lane.first_sendings(chunk)
        if told and not await self._announced(told):
            self._call_off(chunk, permit)
            return
        self._watch.sends(begun)
        signer = self._transport.signer
        signer.current(time.time())  # signs now if it is time to, so that the version is the call's own
        version = signer.version
        answer = await self._ask(chunk, permit)
        self._settle(chunk, permit, begun, answer, version)

    async def _announced(self, told: FirstSendings) -> bool:
        """Tell those who want to know what is about to be sent; False if one of them forbade it."""
        for owner, before_send, places in told:
            try:
                await before_send(places)
            except Exception as exc:  # noqa: BLE001 - the caller's own code may raise anything; he gets it back
                owner.failure = owner.failure or exc
                self.stop(owner, f"before_send failed: {type(exc).__name__}")
            except BaseException:
                owner.announced.difference_update(places)  # whoever was interrupted may not have understood
                raise
        return all(owner.failure is None for owner, _, _ in told)

    def _call_off(self, chunk: Chunk, permit: Permit) -> None:
        chunk.settled = True
        self._report(permit)
        self.lane.call_off(chunk, self._clock())
        self.wake()

    def _settle(
        self, chunk: Chunk, permit: Permit, begun: Begun | None, answer: Answer | RequestError, version: int
    ) -> None:
        """Hand the answer to the lane, the permit back to the limiter, and wake whoever may go on now."""
        chunk.settled = True
        now = self._clock()
        action = None
        if not isinstance(answer, RequestError) and answer.code:
            action = self.lane.endpoint.verdict(answer.code).action
        throttled = isinstance(answer, BadStatus) and answer.throttled
        refused = throttled or action is Action.PAUSE
        if throttled or not isinstance(answer, RequestError):
            permit.answered = self._permit_clock()
        self._report(permit, refused=refused)
        self._tally.refused += refused
        health = self.lane.health
        gated = not health.proven or health.suspect is not None
        if action is Action.RESIGN:
            self._sign_anew(version)
        effect = self.lane.settle(chunk, answer, now, resigned=action is Action.RESIGN)
        if effect.stop_all is not None:
            self._stop_all(effect.stop_all)
        if gated or effect.wide:
            self._wake_all()
        elif self._limiter is not None:
            self.wake()
        self._watch.settled(chunk, begun, answer, effect, now)

    def _report(self, permit: Permit | None, *, refused: bool = False) -> None:
        if permit is not None and self._limiter is not None:
            self._limiter.report(permit, refused=refused)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A call's task has ended; if it was cut short, its items hear of it here."""
        chunk, permit, begun = self._calls.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Its words are not ours, so they may hold a URL: only its type is told.
            log.error("%s: a call ended with %s in the client itself", self.command.path, type(error).__name__)
        if not chunk.settled:
            kind = ConnectError if permit.written is None else RequestError
            lost = kind(self.command.path, "the call was cut short")
            self._settle(chunk, permit, begun, lost, self._transport.signer.version)
            self.wake()

    async def _ask(self, chunk: Chunk, permit: Permit) -> Answer | RequestError:
        endpoint = self.lane.endpoint
        body = endpoint.encode(chunk.accounts, chunk.arguments, chunk.options)
        try:
            return endpoint.decode(await self._transport.send(endpoint.path, body, permit))
        except Unreadable as exc:
            return InvalidReply(endpoint.path, str(exc))
        except RequestError as exc:
            return exc

    def _sign_anew(self, version: int) -> None:
        """Sign anew, unless that was done since, or moments ago: that one gets another try, and the lane no third."""
        signer = self._transport.signer
        if signer.version == version:
            signer.renew(time.time())
