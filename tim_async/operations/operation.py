"""Operations: a command for any number of accounts, as a call, as a single request, and as a stream of outcomes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterable, Hashable, Iterable, Mapping, Sized
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from tim_async.errors import BatchError
from tim_async.lane.items import EVERY_ACCOUNT, BatchOwner, ignore
from tim_async.lane.owners import BeforeSend, CallOwner, StreamOwner
from tim_async.results import BatchResult, Retryable
from tim_async.service.checks import check_accounts, prepare

from .command import Command, Host, Priority, check_seconds, level_of
from .sources import Form, Pump, source_failed, source_of
from .streams import OutcomeStream, as_the_caller, with_result

if TYPE_CHECKING:
    from tim_async.dispatch.dispatcher import Dispatcher
    from tim_async.service.endpoints import Endpoint

__all__ = ["AccountsOperation", "BeforeSend", "Operation", "PairsOperation"]

A = TypeVar("A")
V = TypeVar("V")
Batch = TypeVar("Batch")


class Operation(Command[V], Generic[Batch, V]):
    """A command for a batch of accounts, or of accounts with an argument for each."""

    _form: Form | None = None
    """What a batch may hold; None: accounts, or pairs if the command takes an argument for each."""

    async def __call__(
        self,
        batch: Batch,
        *,
        priority: Priority = "normal",
        timeout: float | None = None,
        maybe_sent: bool = False,
    ) -> BatchResult[V]:
        """Send the command for every account of a batch.

        Args:
            batch: accounts; or, for a command that takes an argument for each, a mapping of account -> argument, or
                (account, argument) pairs. Any number of them, also from a generator; read as they can be sent.
            priority: who goes first when the limit is reached.
            timeout: seconds for the whole batch; what has no outcome by then is `NotSent` or `Unknown`.
            maybe_sent: whether the items may have been sent before by a process whose answers are lost. Answers
                are then judged as those to a repeat, and what ends without an answer is `Unknown`. What must not be
                sent twice is not sent, and is `Unknown`.

        Returns:
            One outcome for every item, in the order of the batch.

        Raises:
            TypeError: *batch* is not a batch, for example one ``str``, or an item is not a pair where pairs are needed.
            ValueError: *priority* or *timeout* is impossible.
            APIError: every further call would be pointless; its ``.result`` has the outcome of each account.
            BatchError: reading the batch failed; raised from that error, with ``.result``.
            ClientClosed: the client has been closed.
        """
        source = source_of(batch, self._form_of_items)
        level = level_of(priority)
        check_seconds("timeout", timeout)
        dispatcher = self._host.dispatcher(self.endpoint)
        now = asyncio.get_running_loop().time()
        owner = CallOwner(level, self._options, now=now, pairs=self._pairs, patient=timeout is not None)
        _mark(owner, batch, maybe_sent=maybe_sent)
        give = partial(self._give, dispatcher, owner)
        pump = Pump(source, owner, give, self._form_of_items, owed=isinstance(batch, Sized))
        await _run(pump, dispatcher, owner, timeout)
        if pump.failure is not None and pump.mistaken:
            raise pump.failure
        result: BatchResult[V] = result_of(owner)
        if pump.failure is not None:
            raise BatchError(result) from pump.failure
        if owner.error is not None:
            raise with_result(owner.error, result)
        return result

    def stream(
        self,
        batch: Batch,
        *,
        priority: Priority = "bulk",
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[V]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: as for a call, any number of items.
            priority: who goes first when the limit is reached.
            maybe_sent: whether the items may have been sent before, as for a call.
            before_send: an async function that is awaited before the first byte of a call is written. It gets the
                places (from 0) of those of its items that go out for the first time. If it raises, these items end
                `NotSent` and the stream stops: after the last outcome it raises `BatchError` from that error.

        Returns:
            An async context manager whose value is an async iterator of outcomes, in the order of completion; the
            outcomes of one account come in the order of its writes.

        Raises:
            TypeError: *batch* is not a batch, or *before_send* is not a function.
            ValueError: *priority* is impossible.
        """
        form = self._form_of_items
        source = source_of(batch, form)
        level = level_of(priority)
        if before_send is not None and not callable(before_send):
            raise TypeError(f"before_send must be an async function, not {type(before_send).__name__}")

        def begin() -> tuple[Dispatcher, StreamOwner, Pump]:
            dispatcher = self._host.dispatcher(self.endpoint)
            most = 2 * self._host.max_in_flight * 100
            now = asyncio.get_running_loop().time()
            owner = StreamOwner(level, self._options, now=now, most_open=most, pairs=self._pairs)
            _mark(owner, batch, maybe_sent=maybe_sent)
            owner.before_send = None if before_send is None else as_the_caller(before_send)
            return dispatcher, owner, Pump(source, owner, partial(self._give, dispatcher, owner), form)

        return OutcomeStream(begin, self._host.hold)

    @property
    def _form_of_items(self) -> Form:
        return self._form or ("pairs" if self._pairs else "accounts")

    def _give(self, dispatcher: Dispatcher, owner: BatchOwner, given: list[Any], arguments: list[Any] | None) -> None:
        """Let a block of items enter the lane; what cannot be sent is settled at once."""
        endpoint = self.endpoint
        accounts, problems = check_accounts(given, endpoint.account_bytes, endpoint.account_code)
        if arguments is not None and endpoint.prepare is not None:
            arguments = prepare(endpoint.prepare, arguments, problems)
        dispatcher.lane.add(owner, accounts, arguments, asyncio.get_running_loop().time(), problems)
        dispatcher.wake()


class AccountsOperation(Operation[Iterable[str] | AsyncIterable[str], V]):
    """A command that takes accounts alone."""

    async def one(
        self,
        account: str,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> V:
        """Send the command for one account, in one call with whatever else is waiting.

        Args:
            account: the account.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: most seconds to wait for its turn; raises at once if it is known to take longer.
            maybe_sent: whether it may have been sent before, as for a batch.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or the time ran out.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        asked = self._ask(account, None, priority, timeout, max_wait=max_wait, maybe_sent=maybe_sent)
        try:
            return asked.value(await asked.waiter)
        finally:
            asked.leave()


class PairsOperation(
    Operation[Mapping[str, A] | Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]], V], Generic[A, V]
):
    """A command that takes an argument for each account."""

    if TYPE_CHECKING:
        # Overloads, because mypy finds the type of {"Bob": {...}} only where it has but one to look for.

        @overload
        async def __call__(
            self,
            batch: Mapping[str, A],
            *,
            priority: Priority = "normal",
            timeout: float | None = None,
            maybe_sent: bool = False,
        ) -> BatchResult[V]: ...

        @overload
        async def __call__(
            self,
            batch: Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
            *,
            priority: Priority = "normal",
            timeout: float | None = None,
            maybe_sent: bool = False,
        ) -> BatchResult[V]: ...

        async def __call__(self, batch: Any, **options: Any) -> BatchResult[V]:  # noqa: D102 - inherited
            raise NotImplementedError

        @overload
        def stream(
            self,
            batch: Mapping[str, A],
            *,
            priority: Priority = "bulk",
            maybe_sent: bool = False,
            before_send: BeforeSend | None = None,
        ) -> OutcomeStream[V]: ...

        @overload
        def stream(
            self,
            batch: Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
            *,
            priority: Priority = "bulk",
            maybe_sent: bool = False,
            before_send: BeforeSend | None = None,
        ) -> OutcomeStream[V]: ...

        def stream(self, batch: Any, **options: Any) -> OutcomeStream[V]:  # noqa: D102 - inherited
            raise NotImplementedError

    def __init__(self, host: Host, endpoint: Endpoint[A, V], **shared: Hashable) -> None:
        super().__init__(host, endpoint, **shared)  # here for the type of the argument

    async def one(
        self,
        account: str,
        argument: A,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> V:
        """Send the command for one account, in one call with whatever else is waiting.

        Args:
            account: the account.
            argument: what to write.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: most seconds to wait for its turn; raises at once if it is known to take longer.
            maybe_sent: whether it may have been sent before, as for a batch.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or the time ran out.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        asked = self._ask(account, argument, priority, timeout, max_wait=max_wait, maybe_sent=maybe_sent)
        try:
            return asked.value(await asked.waiter)
        finally:
            asked.leave()


async def _run(pump: Pump, dispatcher: Dispatcher, owner: CallOwner, timeout: float | None) -> None:
    """Read a batch and wait until each of its items has its outcome, or its time is over."""
    # Known to the lane before it has an item: a client that closes must reach a source that gave nothing yet.
    dispatcher.enlist(owner)
    timer = None
    if timeout is not None and timeout < math.inf:
        why = f"its timeout of {timeout:g} s was over"
        timer = asyncio.get_running_loop().call_later(timeout, dispatcher.withdraw, owner, why)
    try:
        await pump.run()
        if pump.failure is not None:
            dispatcher.stop(owner, source_failed(pump.failure))
        await pump.finished()
    except BaseException:
        dispatcher.withdraw(owner, "the caller was cancelled")
        raise
    finally:
        dispatcher.lane.forget(owner)
        owner.notify = ignore  # or the two would hold each other, and with them the outcomes of millions
        if timer is not None:
            timer.cancel()


def _mark(owner: BatchOwner, batch: object, *, maybe_sent: bool) -> None:
    """Note for which accounts of a batch a call may have been applied before."""
    if maybe_sent:
        owner.maybe_sent = EVERY_ACCOUNT
    elif isinstance(batch, Retryable):
        owner.maybe_sent = batch.maybe_sent


def result_of(owner: CallOwner) -> BatchResult[Any]:
    """The merged result of a batch, all of whose places have their outcomes."""
    return BatchResult(owner.accounts, owner.values, owner.stats(), unread=not owner.exhausted, pairs=owner.pairs)
