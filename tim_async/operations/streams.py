"""A batch as a stream: its outcomes in the order of completion, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import copy_context
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from tim_async.errors import APIError, BatchError, ClientClosed, RequestError
from tim_async.lane.items import ignore
from tim_async.lane.owners import ROOM_LEAST, BeforeSend, StreamOwner
from tim_async.outcomes import Outcome
from tim_async.results import BatchResult

from .sources import Pump, source_failed

if TYPE_CHECKING:
    from tim_async.dispatch.dispatcher import Dispatcher

__all__ = ["OutcomeStream", "as_the_caller", "at_hand", "with_result"]

V = TypeVar("V")


def with_result(error: APIError | RequestError, result: BatchResult[Any] | None) -> APIError | RequestError:
    """A copy of an error, with the result of one of the batches that it stopped."""
    if isinstance(error, APIError):
        return type(error)(error.code, error.info, error.path, result)
    twin = copy(error)
    twin.result = result
    return twin


def as_the_caller(before_send: BeforeSend) -> BeforeSend:
    """The same function, which runs in the context of the caller of this, and not in that of a call for many."""
    own = copy_context()

    async def tell(places: Sequence[int]) -> Exception | None:
        try:
            await before_send(places)
        except Exception as exc:  # noqa: BLE001 - the caller's own code may raise anything; it is raised below
            return exc
        return None

    async def run(places: Sequence[int]) -> None:
        telling, caller = asyncio.create_task(tell(places), context=own.copy()), asyncio.current_task()
        try:
            error = await telling
        except asyncio.CancelledError:
            if caller is None or caller.cancelling():
                raise
            error = RuntimeError("before_send was cancelled")  # by itself: nobody cut the call short
        if error is not None:
            raise error

    return run


class OutcomeStream(Generic[V]):
    """Outcomes in the order of completion, in bounded memory.

    ``async with op.stream(batch) as outcomes: async for outcome in outcomes: ...``

    Leaving the block early takes nothing more from the source and withdraws what waits; calls in flight go on to their
    end.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[Dispatcher, StreamOwner, Pump]],
        hold: Callable[[asyncio.Task[Any]], None],
    ) -> None:
        self._begin = begin
        self._hold = hold
        self._parts: tuple[Dispatcher, StreamOwner, Pump] | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._parts is not None:
            raise RuntimeError("a stream is used once; call .stream() again")
        self._parts = dispatcher, owner, pump = self._begin()
        dispatcher.enlist(owner)
        self._reader = asyncio.create_task(pump.run(), name="tim_async source")
        self._reader.add_done_callback(partial(self._read, dispatcher, owner, pump))
        self._hold(self._reader)
        return self

    @staticmethod
    def _read(dispatcher: Dispatcher, owner: StreamOwner, pump: Pump, _reader: asyncio.Task[None]) -> None:
        """The reader has ended."""
        if owner.takes_more:  # and yet nothing will come
            why = "reading was cancelled" if pump.failure is None else source_failed(pump.failure)
            dispatcher.stop(owner, why)
        pump.changed.set()

    async def __aexit__(self, *_raised: object) -> None:
        if self._parts is None or self._reader is None:
            return
        dispatcher, owner, pump = self._parts
        dispatcher.withdraw(owner, "the stream was left")
        dispatcher.lane.forget(owner)
        owner.outcomes.clear()
        # The source is closed in the task that read it, which ends by itself now: a stopped owner takes no more.
        while not self._reader.done():
            await pump.wait()
        owner.notify = ignore  # or the two would hold each other

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[V]:
        """The next outcome.

        Raises:
            APIError: what made every further call pointless, after the last outcome.
            RequestError: the same, where it is not the service that said it: a wrong address, a closed session.
            BatchError: the source or ``before_send`` failed; raised from that error, after the last outcome.
            ClientClosed: the client was closed before all was read and sent; after the last outcome.
            TypeError: the first item of the source has not the form that the operation takes.
        """
        if self._parts is None or self._reader is None:
            raise RuntimeError("enter the stream first: async with ....stream(batch) as outcomes")
        _, owner, pump = self._parts
        while not owner.outcomes:
            if self._reader.done() and owner.finished:
                self._raise_what_ended_it(owner, pump, cancelled=self._reader.cancelled())
                raise StopAsyncIteration
            await pump.wait()
        outcome = owner.outcomes.popleft()
        if owner.most_open - owner.open - len(owner.outcomes) == ROOM_LEAST:  # owner.room, but a million times
            pump.notify()
        return outcome

    def _take_at_hand(self) -> list[Outcome[V]]:
        if self._parts is None:
            return []
        _, owner, pump = self._parts
        had_room = owner.room >= ROOM_LEAST
        outcomes = [*owner.outcomes]
        owner.outcomes.clear()
        if not had_room and owner.room >= ROOM_LEAST:
            pump.notify()
        return outcomes

    @property
    def unread(self) -> bool:
        """Whether the source may hold more items than were taken of it: so far, or, after the end, for good."""
        return self._parts is None or not self._parts[1].exhausted

    @staticmethod
    def _raise_what_ended_it(owner: StreamOwner, pump: Pump, *, cancelled: bool) -> None:
        if pump.failure is not None and pump.mistaken:
            raise pump.failure
        if pump.failure is not None or (cancelled and not owner.cut):
            raise BatchError(BatchResult([], [], owner.stats(), unread=True)) from pump.failure
        if owner.failure is not None:
            raise BatchError(BatchResult([], [], owner.stats(), unread=not owner.exhausted)) from owner.failure
        if owner.error is not None:
            raise with_result(owner.error, None)
        if owner.cut and (owner.stop_reason is not None or not owner.exhausted):
            raise ClientClosed


def at_hand(outcomes: AsyncIterator[Outcome[V]]) -> list[Outcome[V]]:
    """What can be taken of a stream without a wait, in its order: what is answered together comes together.

    Args:
        outcomes: the stream, entered; of any other iterator nothing is taken.
    """
    if not isinstance(outcomes, OutcomeStream):
        return []
    return outcomes._take_at_hand()  # noqa: SLF001 - of this module's own class
