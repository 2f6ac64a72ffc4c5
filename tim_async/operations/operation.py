"""Operation objects: each command as a call, as a single item, and as a stream of outcomes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterable, Hashable, Iterable, Mapping, Sized
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar, overload

from tim_async.errors import AccountError, BatchError
from tim_async.lane.feeds import BeforeSend, CallFeed, StreamFeed
from tim_async.lane.items import EVERY_ACCOUNT, PRIORITIES, Accounts, BatchFeed, nobody
from tim_async.outcomes import Assumed, Failure, NotSent
from tim_async.printable import sturdy
from tim_async.results import BatchResult, Retryable
from tim_async.service.checks import Problems, check_account, check_accounts, prepare

from .single import Single
from .sources import Pump, Source, source_failed, source_of
from .streams import OutcomeStream, with_result

if TYPE_CHECKING:
    from tim_async.dispatch import Dispatcher
    from tim_async.service.endpoints import Endpoint

__all__ = ["AccountsOperation", "BeforeSend", "Host", "Operation", "OutcomeStream", "PairsOperation", "Priority"]

A = TypeVar("A")
V = TypeVar("V")
Priority: TypeAlias = Literal["interactive", "normal", "bulk"]


class Host(Protocol):
    """What an operation needs of its client."""

    max_in_flight: int
    sdk_app_id: int

    def dispatcher(self, endpoint: Endpoint[Any, Any]) -> Dispatcher:
        """The one dispatcher of a command; opens the client."""
        ...

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it ends, and end it when the client closes."""
        ...


def level_of(priority: str) -> int:
    """The urgency of a priority's name.

    Raises:
        ValueError: there is no such priority.
    """
    if priority not in PRIORITIES:
        raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
    return PRIORITIES[priority]


def check_seconds(name: str, seconds: float | None) -> None:
    """Refuse what is no length of time.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative or not a number.
    """
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError(f"{name} must not be negative: {seconds}")


def result_of(feed: CallFeed) -> BatchResult[Any]:
    """The merged result of a batch of which every place has its outcome."""
    return BatchResult(feed.accounts, feed.values, feed.stats(), unread=not feed.exhausted, pairs=feed.pairs)


def _maybe_sent(batch: object, *, every: bool) -> Accounts:
    """The accounts of a batch of which a call may have been applied before."""
    if every:
        return EVERY_ACCOUNT
    return batch.maybe_sent if isinstance(batch, Retryable) else frozenset()


class Operation(Generic[V]):
    """What the operations have in common."""

    def __init__(self, host: Host, endpoint: Endpoint[Any, V], options: Hashable = None) -> None:
        self._host = host
        self.endpoint = endpoint
        self._options = options
        self._pairs = endpoint.prepare is not None

    @sturdy
    def __repr__(self) -> str:
        return f"<{self.endpoint.group}.{self.endpoint.method}: {self.endpoint.path}>"

    @property
    def options(self) -> Hashable:
        """What all its items share: a tuple in the order of the names in the row's ``options``; None for nothing."""
        return self._options

    @property
    def sdk_app_id(self) -> int:
        """The app of its client."""
        return self._host.sdk_app_id

    def _source(self, batch: object) -> Source:
        """The items of a batch."""
        return source_of(batch, pairs=self._pairs)

    def _give(self, dispatcher: Dispatcher, feed: BatchFeed, given: list[Any], arguments: list[Any] | None) -> None:
        """Let a block of items enter the lane; what cannot be sent is settled at once."""
        endpoint = self.endpoint
        accounts, problems = check_accounts(given, endpoint.account_bytes, endpoint.account_code)
        if arguments is not None and endpoint.prepare is not None:
            arguments = prepare(endpoint.prepare, arguments, problems)
        dispatcher.lane.add(feed, accounts, arguments, asyncio.get_running_loop().time(), problems)
        dispatcher.wake()

    async def _run(
        self, batch: object, options: Any, priority: Priority, timeout: float | None, *, maybe_sent: bool = False
    ) -> BatchResult[V]:
        source = self._source(batch)
        level = level_of(priority)
        check_seconds("timeout", timeout)
        dispatcher = self._host.dispatcher(self.endpoint)
        loop = asyncio.get_running_loop()
        feed = CallFeed(level, options, now=loop.time(), pairs=self._pairs, patient=timeout is not None)
        feed.maybe_sent = _maybe_sent(batch, every=maybe_sent)
        owed = isinstance(batch, Sized)
        pump = Pump(source, feed, partial(self._give, dispatcher, feed), pairs=self._pairs, owed=owed)
        # Known to the lane before it has an item: a client that closes must reach a source that gave nothing yet.
        dispatcher.lane.enlist(feed)
        timer = _end_after(timeout, dispatcher, feed)
        try:
            await pump.run()
            if pump.failure is not None:
                dispatcher.stop(feed, source_failed(pump.failure))
            await pump.finished()
        except BaseException:
            dispatcher.withdraw(feed, "the caller was cancelled")
            raise
        finally:
            dispatcher.lane.forget(feed)
            feed.notify = nobody  # or the two would hold each other, and with them the outcomes of millions
            if timer is not None:
                timer.cancel()
        if pump.failure is not None and pump.mistaken:
            raise pump.failure
        result: BatchResult[V] = result_of(feed)
        if pump.failure is not None:
            raise BatchError(result) from pump.failure
        if feed.error is not None:
            raise with_result(feed.error, result)
        return result

    def _ask(
        self,
        account: Any,
        argument: Any,
        options: Any,
        priority: Priority,
        *,
        timeout: float | None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> Single[V]:
        """A single request that waits from now on."""
        level = level_of(priority)
        timed = timeout is not None or max_wait is not None
        if timed:
            check_seconds("timeout", timeout)
            check_seconds("max_wait", max_wait)
        dispatcher = self._host.dispatcher(self.endpoint)
        if max_wait is not None and (ahead := dispatcher.wait_ahead(level)) > max_wait:
            reason = f"about {ahead:.2f} s of waiting are ahead, more than max_wait allows"
            raise AccountError(NotSent(0, str(account), None, "", reason))
        account, argument = self._prepared(account, argument)
        singles = dispatcher.lane.singles(level, options, patient=timeout is not None, maybe_sent=maybe_sent)
        waiter: asyncio.Future[V | Failure | Assumed] = asyncio.get_running_loop().create_future()
        dispatcher.ask(singles, waiter, account, argument)
        asked = Single(dispatcher, singles, waiter, account, self._pairs)
        if timed:
            asked.end_after(timeout, max_wait)
        return asked

    def _prepared(self, account: Any, argument: Any) -> tuple[str, Any]:
        """A single item, checked and copied.

        Raises:
            AccountError: it cannot be sent.
        """
        endpoint = self.endpoint
        account, problem = check_account(account, endpoint.account_bytes, endpoint.account_code)
        if endpoint.prepare is not None and problem is None:
            problems: Problems = {}
            (argument,) = prepare(endpoint.prepare, [argument], problems)
            problem = problems.get(0)
        if problem is not None:
            raise AccountError(NotSent(0, account, problem.code, "", problem.reason, final=True))
        return account, argument

    def _stream(
        self,
        batch: object,
        options: Any,
        priority: Priority,
        *,
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[V]:
        source = self._source(batch)
        level = level_of(priority)
        if before_send is not None and not callable(before_send):
            raise TypeError(f"before_send must be an async function, not {type(before_send).__name__}")

        def begin() -> tuple[Dispatcher, StreamFeed, Pump]:
            dispatcher = self._host.dispatcher(self.endpoint)
            most = 2 * self._host.max_in_flight * 100
            now = asyncio.get_running_loop().time()
            feed = StreamFeed(level, options, now=now, most_open=most, pairs=self._pairs)
            feed.maybe_sent = _maybe_sent(batch, every=maybe_sent)
            feed.before_send = before_send
            return dispatcher, feed, Pump(source, feed, partial(self._give, dispatcher, feed), pairs=self._pairs)

        return OutcomeStream(begin, self._host.hold)


def _end_after(seconds: float | None, dispatcher: Dispatcher, feed: CallFeed) -> asyncio.TimerHandle | None:
    """Settle a batch when its time is over."""
    if seconds is None or seconds == math.inf:
        return None
    loop = asyncio.get_running_loop()
    return loop.call_at(loop.time() + seconds, dispatcher.withdraw, feed, f"its timeout of {seconds:g} s was over")


class AccountsOperation(Operation[V]):
    """A command that takes accounts alone."""

    async def __call__(
        self,
        batch: Iterable[str] | AsyncIterable[str],
        *,
        priority: Priority = "normal",
        timeout: float | None = None,
        maybe_sent: bool = False,
    ) -> BatchResult[V]:
        """Send the command for every account of a batch.

        Args:
            batch: accounts, any number of them; read as they can be sent.
            priority: who goes first when the limit is reached.
            timeout: seconds for the whole batch; what is not settled by then is `NotSent` or `Unknown`.
            maybe_sent: whether the items may have been sent before, by somebody whose answers are lost: what a repeat
                answers is then understood so, and what ends without an answer is `Unknown`. What must not be sent twice
                is not sent, and `Unknown`.

        Returns:
            One outcome for every account, in the order of the batch.

        Raises:
            TypeError: *batch* is no batch, for example one ``str``.
            ValueError: *priority* or *timeout* is impossible.
            APIError: every further call would be pointless; its ``.result`` tells what became of each account.
            BatchError: reading the batch failed; raised from that error, with ``.result``.
            ClientClosed: the client has been closed.
        """
        return await self._run(batch, self._options, priority, timeout, maybe_sent=maybe_sent)

    async def one(
        self,
        account: str,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> V:
        """Send the command for one account, in one call with whatever else waits.

        Args:
            account: the account.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn; if more are known to be ahead it raises at once.
            maybe_sent: whether it may have been sent before, as for a batch.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or its time was over.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        asked = self._ask(
            account, None, self._options, priority, timeout=timeout, max_wait=max_wait, maybe_sent=maybe_sent
        )
        try:
            return asked.value(await asked.waiter)
        finally:
            asked.leave()

    def stream(
        self,
        batch: Iterable[str] | AsyncIterable[str],
        *,
        priority: Priority = "bulk",
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[V]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: accounts, any number of them.
            priority: who goes first when the limit is reached.
            maybe_sent: whether the items may have been sent before, as for a batch.
            before_send: an async function, called with the places (from 0) of the items of a call that go out for the
                first time, and awaited before a byte of it is written. If it raises, these items end `NotSent` and the
                stream stops: it raises `BatchError` from that error after the last outcome.

        Returns:
            An async context manager that gives an async iterator of outcomes, in the order of completion; those of one
            account come in the order of its writes.

        Raises:
            TypeError: *batch* is no batch, or *before_send* is no function.
            ValueError: *priority* is impossible.
        """
        return self._stream(batch, self._options, priority, maybe_sent=maybe_sent, before_send=before_send)


class PairsOperation(Operation[V], Generic[A, V]):
    """A command that takes an argument for each account."""

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

    # Two overloads, because mypy finds the type of {"Bob": {...}} only where it has but one type to look for.
    async def __call__(
        self,
        batch: Mapping[str, A] | Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
        *,
        priority: Priority = "normal",
        timeout: float | None = None,
        maybe_sent: bool = False,
    ) -> BatchResult[V]:
        """Send the command for every account of a batch.

        Args:
            batch: account -> argument, or (account, argument) pairs, any number of them; read as they can be sent.
            priority: who goes first when the limit is reached.
            timeout: seconds for the whole batch; what is not settled by then is `NotSent` or `Unknown`.
            maybe_sent: whether the items may have been sent before, by somebody whose answers are lost: what a repeat
                answers is then understood so, and what ends without an answer is `Unknown`. What must not be sent twice
                is not sent, and `Unknown`.

        Returns:
            One outcome for every item, in the order of the batch.

        Raises:
            TypeError: *batch* is no batch, or holds what is no pair.
            ValueError: *priority* or *timeout* is impossible.
            APIError: every further call would be pointless; its ``.result`` tells what became of each account.
            BatchError: reading the batch failed; raised from that error, with ``.result``.
            ClientClosed: the client has been closed.
        """
        return await self._run(batch, self._options, priority, timeout, maybe_sent=maybe_sent)

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
        """Send the command for one account, in one call with whatever else waits.

        Args:
            account: the account.
            argument: what is to be written.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn; if more are known to be ahead it raises at once.
            maybe_sent: whether it may have been sent before, as for a batch.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or its time was over.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        asked = self._ask(
            account, argument, self._options, priority, timeout=timeout, max_wait=max_wait, maybe_sent=maybe_sent
        )
        try:
            return asked.value(await asked.waiter)
        finally:
            asked.leave()

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

    def stream(
        self,
        batch: Mapping[str, A] | Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
        *,
        priority: Priority = "bulk",
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[V]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: account -> argument, or (account, argument) pairs, any number of them.
            priority: who goes first when the limit is reached.
            maybe_sent: whether the items may have been sent before, as for a batch.
            before_send: an async function, called with the places (from 0) of the items of a call that go out for the
                first time, and awaited before a byte of it is written. If it raises, these items end `NotSent` and the
                stream stops: it raises `BatchError` from that error after the last outcome.

        Returns:
            An async context manager that gives an async iterator of outcomes, in the order of completion; those of one
            account come in the order of its writes.

        Raises:
            TypeError: *batch* is no batch, or *before_send* is no function.
            ValueError: *priority* is impossible.
        """
        return self._stream(batch, self._options, priority, maybe_sent=maybe_sent, before_send=before_send)
