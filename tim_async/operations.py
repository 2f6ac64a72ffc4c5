"""Operation objects: each command as a call, as a single item, and as a stream of outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

from .checks import check_accounts, prepare
from .errors import AccountError, APIError, BatchError
from .feeds import FLYING, PRIORITIES, CallFeed, Feed, Item, StreamFeed
from .results import BatchResult, Failure, NotSent, Outcome
from .sources import Pump, source_of

if TYPE_CHECKING:
    from .dispatch import Dispatcher
    from .endpoints import Endpoint

__all__ = ["AccountsOperation", "Host", "OutcomeStream", "PairsOperation", "Priority"]

A = TypeVar("A")
V = TypeVar("V")
Priority: TypeAlias = Literal["interactive", "normal", "bulk"]


class Host(Protocol):
    """What an operation needs of its client."""

    max_in_flight: int

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


def _with_result(error: APIError, result: BatchResult[Any] | None) -> APIError:
    """An error of one's own for every batch that the same answer stopped."""
    return type(error)(error.code, error.info, error.path, result)


class _Operation(Generic[V]):
    """What the operations have in common."""

    def __init__(self, host: Host, endpoint: Endpoint[Any, V]) -> None:
        self._host = host
        self.endpoint = endpoint
        self._pairs = endpoint.prepare is not None

    def __repr__(self) -> str:
        return f"<{self.endpoint.group}.{self.endpoint.method}: {self.endpoint.path}>"

    def _give(self, dispatcher: Dispatcher, feed: Feed, block: list[Any]) -> None:
        """Let a block of items enter the lane; what cannot be sent is settled at once."""
        if not block:
            dispatcher.lane.tell(asyncio.get_running_loop().time())
            return
        endpoint = self.endpoint
        accounts: list[Any] = block
        arguments: list[Any] | None = None
        if self._pairs:
            accounts, arguments = [pair[0] for pair in block], [pair[1] for pair in block]
        problems = check_accounts(accounts, endpoint.account_bytes, endpoint.account_code)
        if arguments is not None and endpoint.prepare is not None:
            arguments = prepare(endpoint.prepare, arguments, problems)
        if problems:
            accounts = [account if isinstance(account, str) else repr(account) for account in accounts]
        dispatcher.lane.add(feed, accounts, arguments, asyncio.get_running_loop().time(), problems)
        dispatcher.wake()

    async def _run(self, batch: object, options: Any, priority: Priority, timeout: float | None) -> BatchResult[V]:
        source = source_of(batch, pairs=self._pairs)
        level = level_of(priority)
        check_seconds("timeout", timeout)
        dispatcher = self._host.dispatcher(self.endpoint)
        loop = asyncio.get_running_loop()
        feed = CallFeed(level, options, now=loop.time(), pairs=self._pairs, patient=timeout is not None)
        pump = Pump(source, feed, lambda block: self._give(dispatcher, feed, block), pairs=self._pairs)
        timer = _end_after(timeout, dispatcher, feed)
        try:
            failure = await pump.run()
            if failure is not None:
                dispatcher.lane.stop(feed, f"the source failed: {type(failure).__name__}", loop.time())
            await pump.finished()
        except BaseException:
            dispatcher.lane.withdraw(feed, "the caller was cancelled", loop.time())
            raise
        finally:
            if timer is not None:
                timer.cancel()
        result: BatchResult[V] = feed.result()
        if failure is not None:
            raise BatchError(result) from failure
        if feed.error is not None:
            raise _with_result(feed.error, result)
        return result

    async def _one(
        self,
        item: Any,
        options: Any,
        priority: Priority,
        timeout: float | None,
        max_wait: float | None,
    ) -> V:
        level = level_of(priority)
        check_seconds("timeout", timeout)
        check_seconds("max_wait", max_wait)
        dispatcher = self._host.dispatcher(self.endpoint)
        loop = asyncio.get_running_loop()
        feed = CallFeed(level, options, now=loop.time(), pairs=self._pairs, patient=timeout is not None)
        feed.exhausted = True
        done = loop.create_future()
        feed.notify = lambda: None if done.done() else done.set_result(None)
        if max_wait is not None and (ahead := dispatcher.wait_ahead(level)) > max_wait:
            account = str(item[0] if self._pairs else item)
            reason = f"about {ahead:.2f} s of waiting are ahead, more than max_wait allows"
            raise AccountError(NotSent(0, account, None, "", reason))
        self._give(dispatcher, feed, [item])
        timers = [_end_after(timeout, dispatcher, feed), _end_after(max_wait, dispatcher, feed, unsent=True)]
        try:
            await done
        except BaseException:
            dispatcher.lane.withdraw(feed, "the caller was cancelled", loop.time())
            raise
        finally:
            for timer in timers:
                if timer is not None:
                    timer.cancel()
        value: V | Failure = feed.values[0]
        if isinstance(value, Failure):
            if feed.error is not None:
                raise _with_result(feed.error, feed.result())
            raise AccountError(value.outcome(0, feed.accounts[0]))
        return value

    def _stream(self, batch: object, options: Any, priority: Priority) -> OutcomeStream[V]:
        source = source_of(batch, pairs=self._pairs)
        level = level_of(priority)

        def begin() -> tuple[Dispatcher, StreamFeed, Pump]:
            dispatcher = self._host.dispatcher(self.endpoint)
            most = 2 * self._host.max_in_flight * 100
            now = asyncio.get_running_loop().time()
            feed = StreamFeed(level, options, now=now, most_open=most, pairs=self._pairs)
            return (
                dispatcher,
                feed,
                Pump(source, feed, lambda block: self._give(dispatcher, feed, block), pairs=self._pairs),
            )

        return OutcomeStream(begin, self._host.hold)


def _end_after(
    seconds: float | None, dispatcher: Dispatcher, feed: CallFeed, *, unsent: bool = False
) -> asyncio.TimerHandle | None:
    """Settle a feed when its time is over; with *unsent* only if its one item has not been sent by then."""
    if seconds is None:
        return None
    loop = asyncio.get_running_loop()

    def end() -> None:
        if feed.finished:
            return
        if unsent:
            item: Item = feed.values[0]
            if item.line is FLYING or item.reached:
                return
        name = "max_wait" if unsent else "timeout"
        dispatcher.lane.withdraw(feed, f"its {name} of {seconds:g} s was over", loop.time())

    return loop.call_at(loop.time() + seconds, end)


class OutcomeStream(Generic[V]):
    """Outcomes in the order of completion, in bounded memory.

    ``async with op.stream(batch) as outcomes: async for outcome in outcomes: ...``

    Leaving the block early takes nothing more from the source and withdraws what waits; calls in flight go on to their
    end.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[Dispatcher, StreamFeed, Pump]],
        hold: Callable[[asyncio.Task[Any]], None],
    ) -> None:
        self._begin = begin
        self._hold = hold
        self._parts: tuple[Dispatcher, StreamFeed, Pump] | None = None
        self._reader: asyncio.Task[Exception | None] | None = None

    async def __aenter__(self) -> Self:
        if self._parts is not None:
            raise RuntimeError("a stream is used once; call .stream() again")
        self._parts = _, _, pump = self._begin()
        self._reader = asyncio.create_task(pump.run(), name="tim_async source")
        self._reader.add_done_callback(lambda _: pump.changed.set())
        self._hold(self._reader)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._parts is None or self._reader is None:
            return
        dispatcher, feed, pump = self._parts
        dispatcher.lane.withdraw(feed, "the stream was left", asyncio.get_running_loop().time())
        feed.outcomes.clear()
        # The source is closed in the task that read it, which ends by itself now: a feed that is stopped takes no more.
        while not self._reader.done():
            pump.changed.clear()
            await pump.changed.wait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[V]:
        """The next outcome.

        Raises:
            APIError: what made every further call pointless, after the last outcome.
            BatchError: the source failed; raised from its error, after the last outcome.
        """
        if self._parts is None or self._reader is None:
            raise RuntimeError("enter the stream first: async with ....stream(batch) as outcomes")
        dispatcher, feed, pump = self._parts
        while not feed.outcomes:
            if self._reader.done():
                self._source_ended(dispatcher, feed)
                if feed.finished and not feed.outcomes:
                    self._raise_what_ended_it(feed)
                    raise StopAsyncIteration
            if not feed.outcomes:
                pump.changed.clear()
                await pump.changed.wait()
        outcome = feed.outcomes.popleft()
        if len(feed.outcomes) + feed.open == feed.most_open - 1:
            pump.notify()
        return outcome

    def _source_ended(self, dispatcher: Dispatcher, feed: StreamFeed) -> None:
        if self._failure is not None and feed.stop_reason is None:
            reason = f"the source failed: {type(self._failure).__name__}"
            dispatcher.lane.stop(feed, reason, asyncio.get_running_loop().time())

    @property
    def _failure(self) -> BaseException | None:
        if self._reader is None or self._reader.cancelled():
            return None
        return self._reader.exception() or self._reader.result()

    def _raise_what_ended_it(self, feed: StreamFeed) -> None:
        if isinstance(self._failure, TypeError) and not feed.taken:
            raise self._failure
        if self._failure is not None:
            raise BatchError(BatchResult([], [], feed.stats(), unread=True)) from self._failure
        if feed.error is not None:
            raise _with_result(feed.error, None)


class AccountsOperation(_Operation[V]):
    """A command that takes accounts alone."""

    async def __call__(
        self,
        batch: Iterable[str] | AsyncIterable[str],
        *,
        priority: Priority = "normal",
        timeout: float | None = None,
    ) -> BatchResult[V]:
        """Send the command for every account of a batch.

        Args:
            batch: accounts, any number of them; read as they can be sent.
            priority: who goes first when the limit is reached.
            timeout: seconds for the whole batch; what is not settled by then is `NotSent` or `Unknown`.

        Returns:
            One outcome for every account, in the order of the batch.

        Raises:
            TypeError: *batch* is no batch, for example one ``str``.
            ValueError: *priority* or *timeout* is impossible.
            APIError: every further call would be pointless; its ``.result`` tells what became of each account.
            BatchError: reading the batch failed; raised from that error, with ``.result``.
            ClientClosed: the client has been closed.
        """
        return await self._run(batch, None, priority, timeout)

    async def one(
        self,
        account: str,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
    ) -> V:
        """Send the command for one account, in one call with whatever else waits.

        Args:
            account: the account.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn; if more are known to be ahead it raises at once.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or its time was over.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        return await self._one(account, None, priority, timeout, max_wait)

    def stream(self, batch: Iterable[str] | AsyncIterable[str], *, priority: Priority = "bulk") -> OutcomeStream[V]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: accounts, any number of them.
            priority: who goes first when the limit is reached.

        Returns:
            An async context manager that gives an async iterator of outcomes, in the order of completion.

        Raises:
            TypeError: *batch* is no batch.
            ValueError: *priority* is impossible.
        """
        return self._stream(batch, None, priority)


class PairsOperation(_Operation[V], Generic[A, V]):
    """A command that takes an argument for each account."""

    async def __call__(
        self,
        batch: Mapping[str, A] | Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
        *,
        priority: Priority = "normal",
        timeout: float | None = None,
    ) -> BatchResult[V]:
        """Send the command for every account of a batch.

        Args:
            batch: account -> argument, or (account, argument) pairs, any number of them; read as they can be sent.
            priority: who goes first when the limit is reached.
            timeout: seconds for the whole batch; what is not settled by then is `NotSent` or `Unknown`.

        Returns:
            One outcome for every item, in the order of the batch.

        Raises:
            TypeError: *batch* is no batch, or holds what is no pair.
            ValueError: *priority* or *timeout* is impossible.
            APIError: every further call would be pointless; its ``.result`` tells what became of each account.
            BatchError: reading the batch failed; raised from that error, with ``.result``.
            ClientClosed: the client has been closed.
        """
        return await self._run(batch, None, priority, timeout)

    async def one(
        self,
        account: str,
        argument: A,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
    ) -> V:
        """Send the command for one account, in one call with whatever else waits.

        Args:
            account: the account.
            argument: what is to be written.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn; if more are known to be ahead it raises at once.

        Returns:
            The value.

        Raises:
            AccountError: the account is not `Ok`, or its time was over.
            APIError: every further call would be pointless.
            ClientClosed: the client has been closed.
        """
        return await self._one((account, argument), None, priority, timeout, max_wait)

    def stream(
        self,
        batch: Mapping[str, A] | Iterable[tuple[str, A]] | AsyncIterable[tuple[str, A]],
        *,
        priority: Priority = "bulk",
    ) -> OutcomeStream[V]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: account -> argument, or (account, argument) pairs, any number of them.
            priority: who goes first when the limit is reached.

        Returns:
            An async context manager that gives an async iterator of outcomes, in the order of completion.

        Raises:
            TypeError: *batch* is no batch.
            ValueError: *priority* is impossible.
        """
        return self._stream(batch, None, priority)
