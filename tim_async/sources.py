"""What callers hand in: lists, generators and async generators of any length, read as the lane asks for more.

A source is iterated and closed in one task, because a generator may hold a context (a cursor, a cancel scope) that must
be left where it was entered.
"""

from __future__ import annotations

import asyncio
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
from itertools import islice
from typing import Any, TypeAlias

import anyio

from .feeds import Feed

__all__ = ["Pump", "Source", "source_of"]

Source: TypeAlias = Iterator[Any] | AsyncIterator[Any]

BLOCK = 100  # items of an async source that enter the lane together, if they come without a wait in between


def source_of(batch: object, *, pairs: bool) -> Source:
    """The iterator of a batch.

    Raises:
        TypeError: it is no batch; a ``str`` would be taken for a list of its letters.
    """
    what = "(account, argument) pairs or a mapping of account to argument" if pairs else "accounts"
    if isinstance(batch, str | bytes | bytearray):
        raise TypeError(f"a batch is an iterable of {what}, not one {type(batch).__name__}; for one account use .one()")
    if pairs and isinstance(batch, Mapping):
        return iter(batch.items())
    if isinstance(batch, AsyncIterable):
        return aiter(batch)
    if isinstance(batch, Iterable):
        return iter(batch)
    raise TypeError(f"a batch is an iterable or async iterable of {what}, not {type(batch).__name__}")


def check_pairs(block: list[Any]) -> None:
    """Refuse what is no (account, argument) pair.

    Raises:
        TypeError: a ``str`` of two letters would be taken for an account and its argument.
    """
    for pair in block:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"every item must be an (account, argument) pair, not {type(pair).__name__}")


class Pump:
    """Brings the items of one source to a lane, in the task that calls `run`."""

    def __init__(self, source: Source, feed: Feed, give: Callable[[list[Any]], None], *, pairs: bool) -> None:
        self._source = source
        self._feed = feed
        self._give = give
        self._pairs = pairs
        self.changed = asyncio.Event()
        self._scope: anyio.CancelScope | None = None
        feed.notify = self.notify

    def notify(self) -> None:
        """The feed has changed: it could take more, or it takes no more."""
        self.changed.set()
        if self._scope is not None and not self._feed.takes_more:
            self._scope.cancel()

    async def finished(self) -> None:
        """Wait until every item that was taken has its outcome."""
        while not self._feed.finished:
            self.changed.clear()
            await self.changed.wait()

    async def run(self) -> Exception | None:
        """Read the source to its end, or until the feed takes no more, and close it.

        Returns:
            The source's own error, if it raised one.

        Raises:
            TypeError: the first items are no pairs; nothing was given then.
        """
        source = self._source
        try:
            if isinstance(source, AsyncIterator):
                return await self._read_async(source)
            return await self._read(source)
        finally:
            if isinstance(source, Generator):
                source.close()
            elif isinstance(source, AsyncGenerator):
                await source.aclose()

    async def _read(self, source: Iterator[Any]) -> Exception | None:
        while self._feed.takes_more:
            most = self._feed.wants_items
            if not most:
                self.changed.clear()
                await self.changed.wait()
                continue
            block: list[Any] = []
            error: Exception | None = None
            try:
                block.extend(islice(source, most))
            except Exception as exc:  # noqa: BLE001 - the caller's own code: whatever it raises is his to see
                error = exc
            self._feed.exhausted = len(block) < most and error is None
            error = self._take(block) or error
            if error is not None:
                return error
        return None

    async def _read_async(self, source: AsyncIterator[Any]) -> Exception | None:
        loop = asyncio.get_running_loop()
        block: list[Any] = []
        failed: list[Exception] = []

        def flush() -> None:
            # Scheduled with the first item of a block, it runs when the source first lets others run: what came
            # without a wait goes together, and what came alone goes at once.
            taken = block[:]
            block.clear()
            if taken and (error := self._take(taken)) is not None:
                failed.append(error)
                self.notify_scope()

        with anyio.CancelScope() as self._scope:
            try:
                async for item in source:
                    block.append(item)
                    if len(block) == 1:
                        loop.call_soon(flush)
                    if len(block) >= BLOCK or self._feed.wants_items <= len(block):
                        flush()
                        while not self._feed.wants_items and self._feed.takes_more:
                            self.changed.clear()
                            await self.changed.wait()
                    if failed or not self._feed.takes_more:
                        break
                else:
                    self._feed.exhausted = True
            except Exception as exc:  # noqa: BLE001 - as above
                failed.append(exc)
        self._scope = None
        flush()
        return failed[0] if failed else None

    def notify_scope(self) -> None:
        """Let the source be read no further."""
        if self._scope is not None:
            self._scope.cancel()

    def _take(self, block: list[Any]) -> Exception | None:
        """Give a block to the lane. Returns what is wrong with its form, if anything is.

        Raises:
            TypeError: the same, while nothing was given yet.
        """
        if self._pairs:
            try:
                check_pairs(block)
            except TypeError as exc:
                if not self._feed.taken:
                    raise
                self._feed.exhausted = False
                return exc
        self._give(block)
        return None
