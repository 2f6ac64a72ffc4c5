"""What callers hand in: lists, generators and async generators of any length, read as the lane asks for more.

A source is iterated and closed in one task, because a generator may hold a context (a cursor, a cancel scope) that must
be left where it was entered.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, TypeAlias

from tim_async.lane.items import WAITING_MOST, BatchOwner

__all__ = ["Pump", "Source", "source_failed", "source_of"]


class Columns:
    """A dict, read as its accounts and their arguments: pairs would be made only to be taken apart again."""

    def __init__(self, batch: dict[Any, Any]) -> None:
        self.accounts = iter(batch)
        self.arguments = iter(batch.values())


Iterators: TypeAlias = Iterator[Any] | AsyncIterator[Any]
Source: TypeAlias = Iterators | Columns
Give: TypeAlias = Callable[[list[Any], list[Any] | None], None]
"""(accounts, their arguments if the operation takes some) -> these enter the lane."""

BLOCK = 100  # items of an async source that enter the lane together, if they come without a wait in between


Form: TypeAlias = Literal["accounts", "pairs", "both"]
"""What a source holds: accounts, (account, argument) pairs, or either, where an account alone has the argument None."""


def source_of(batch: object, form: Form) -> Source:
    """The iterator of a batch.

    Raises:
        TypeError: it is not a batch; a ``str`` would be taken for a list of its letters.
    """
    pairs = form != "accounts"
    what = "(account, argument) pairs or a mapping of account to argument" if form == "pairs" else "accounts"
    if isinstance(batch, str | bytes | bytearray):
        raise TypeError(f"a batch is an iterable of {what}, not one {type(batch).__name__}; for one account use .one()")
    if pairs and type(batch) is dict:
        return Columns(batch)
    if pairs and isinstance(batch, Mapping):
        return iter(batch.items())
    if isinstance(batch, AsyncIterable):
        return aiter(batch)
    if isinstance(batch, Iterable):
        return iter(batch)
    raise TypeError(f"a batch is an iterable or async iterable of {what}, not {type(batch).__name__}")


def first_that_is_no_pair(block: list[Any]) -> int | None:
    """The place of what is not an (account, argument) pair; a ``str`` of two letters would pass for one."""
    if set(map(type, block)) == {tuple} and set(map(len, block)) == {2}:
        return None  # as nearly always; found out by C code
    for place, pair in enumerate(block):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return place
    return None


def source_failed(error: Exception) -> str:
    """Why the items of a source that failed are not sent."""
    # Not its message, which may be long: that is in __cause__.
    return f"the source failed: {type(error).__name__}"


class Pump:
    """Brings the items of one source to a lane, in the task that calls `run`."""

    def __init__(self, source: Source, owner: BatchOwner, give: Give, form: Form, *, owed: bool = False) -> None:
        """The pump of one source.

        Args:
            source: from `source_of`.
            owner: whose items they become.
            give: lets a block of accounts enter the lane, and their arguments.
            form: what the source holds.
            owed: every item of the source is owed an outcome, for the caller knows how many there are.
        """
        self._source = source
        self._owed = owed
        self._owner = owner
        self._give = give
        self._form = form
        self.changed = asyncio.Event()
        self.failure: Exception | None = None
        """What the source raised, or what was wrong with the form of its items."""
        self.mistaken = False
        """Whether the failure is the form of the very first items: then nothing was given, and the call is wrong."""
        self._block: list[Any] = []
        self._interrupt: asyncio.Timeout | None = None
        owner.notify = self.notify

    def notify(self) -> None:
        """The owner has changed: it could take more, or it takes no more."""
        self.changed.set()
        if self._interrupt is not None and not self._reads_on:
            # At most once: a second one would be an error.
            interrupt, self._interrupt = self._interrupt, None
            interrupt.reschedule(-math.inf)

    @property
    def _reads_on(self) -> bool:
        return self.failure is None and self._owner.takes_more

    async def wait(self) -> None:
        """Wait for the next change; to be called in the same moment in which one saw that there is cause to wait."""
        self.changed.clear()
        await self.changed.wait()

    async def finished(self) -> None:
        """Wait until every item that was taken has its outcome."""
        while not self._owner.finished:
            await self.wait()

    async def run(self) -> None:
        """Read the source to its end, or until the owner takes no more, and close it. See `failure` for what it raised.

        Raises:
            BaseException: only what is not an `Exception`, such as `asyncio.CancelledError`.
        """
        try:
            if isinstance(self._source, AsyncIterator):
                await self._read_async(self._source)
            else:
                await self._read(self._source)
                if self._owed:
                    await self._read_rest(self._source)
        finally:
            await self._close()

    @contextmanager
    def _caught(self) -> Generator[None]:
        """Takes what the caller's own code raises, whatever it is, but no cancellation."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - it is raised again where the batch or the stream ends
            self._fail(exc)

    def _fail(self, error: Exception) -> None:
        """The first error counts."""
        self.failure = self.failure or error
        self._owner.exhausted = False
        self.notify()

    async def _close(self) -> None:
        with self._caught():
            if isinstance(self._source, Generator):
                self._source.close()
            elif isinstance(self._source, AsyncGenerator):
                await self._source.aclose()

    async def _read(self, source: Iterator[Any] | Columns) -> None:
        while self._reads_on:
            most = self._owner.wants_items
            if not most:
                await self.wait()
                continue
            self._pull_block(source, most)
            # Not all that is taken waits: a million items that are refused here must not stop the loop.
            await asyncio.sleep(0)

    async def _read_rest(self, source: Iterator[Any] | Columns) -> None:
        """Nothing more is sent, and the lane refuses what still comes: so each item gets the outcome it is owed."""
        while self.failure is None and not self._owner.exhausted:
            self._pull_block(source, WAITING_MOST)
            await asyncio.sleep(0)

    def _pull_block(self, source: Iterator[Any] | Columns, most: int) -> None:
        block: list[Any] = []
        arguments: list[Any] = []
        with self._caught():
            block.extend(islice(source.accounts if isinstance(source, Columns) else source, most))
            self._owner.exhausted = len(block) < most
        if isinstance(source, Columns):
            with self._caught():
                arguments.extend(islice(source.arguments, len(block)))
            self._enter(block, arguments)
        else:
            self._take(block)

    async def _read_async(self, source: AsyncIterator[Any]) -> None:
        if not self._reads_on:
            return
        try:
            # Not a scope of anyio: that would cancel the source's own clean-up too, at each of its awaits.
            async with asyncio.timeout(None) as self._interrupt:
                await self._pull(source)
        except TimeoutError:
            pass  # interrupted, for nothing more is to be taken
        finally:
            self._interrupt = None
            self._flush()

    async def _pull(self, source: AsyncIterator[Any]) -> None:
        loop = asyncio.get_running_loop()
        block = self._block
        with self._caught():
            async for item in source:
                block.append(item)
                if len(block) == 1:
                    # It runs when the source first lets others run: what came without a wait goes together, and what
                    # came alone goes at once.
                    loop.call_soon(self._flush)
                if len(block) >= BLOCK or self._owner.wants_items <= len(block):
                    self._flush()
                    while self._reads_on and not self._owner.wants_items:
                        await self.wait()
                if not self._reads_on:
                    return
            self._owner.exhausted = True

    def _flush(self) -> None:
        if self._block:
            block = self._block[:]
            self._block.clear()
            self._take(block)

    def _take(self, block: list[Any]) -> None:
        """Give a block to the lane, up to the first item that is not a pair where pairs are needed."""
        if self._form == "accounts":
            self._enter(block, None)
            return
        if self._form == "both":
            block = [item if isinstance(item, tuple | list) else (item, None) for item in block]
        wrong = first_that_is_no_pair(block)
        if wrong is not None:
            self.mistaken = not self._owner.taken
            name = type(block[wrong]).__name__
            self._fail(TypeError(f"every item must be an (account, argument) pair, not {name}"))
            block = [] if self.mistaken else block[:wrong]
        self._enter([pair[0] for pair in block], [pair[1] for pair in block])

    def _enter(self, accounts: list[Any], arguments: list[Any] | None) -> None:
        if accounts:
            with self._caught():  # an argument is the caller's own code too, once it is looked at
                self._give(accounts, arguments)
