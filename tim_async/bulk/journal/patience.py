"""Waits for threads that hold a journal: whoever is cancelled must not leave before it is closed."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import anyio

__all__ = ["to_its_end"]

T = TypeVar("T")


async def to_its_end(future: asyncio.Future[T]) -> T:
    """Wait for what a thread does, however often whoever waits is cancelled.

    Args:
        future: of the thread's work.

    Returns:
        What it gave.

    Raises:
        asyncio.CancelledError: whoever waits was cancelled; raised when the work is done.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as exc:
                cancelled = exc
    if cancelled is not None:
        raise cancelled
    return future.result()
