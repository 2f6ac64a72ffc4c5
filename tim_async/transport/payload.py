"""The body of a call: it knows when it goes out, and stays here where the connection is not what it should be.

A connection that waited in the pool may have been closed meanwhile, or hold bytes that nobody asked for. aiohttp would
take these for the answer to the next call, which is somebody else's. So just before the body is written, it is looked
whether anything has come: on this side of the kernel, and behind it.
"""

from __future__ import annotations

import asyncio
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler

from tim_async.limits.gates import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.abc import AbstractStreamWriter

    from tim_async.limits.permits import Permit

__all__ = ["Body"]

TURNS_MOST: Final = 5
"""Turns of the loop after which what has come was read: an answer, the end, or a ticket of TLS, which is neither."""
EARLY: Final = "bytes came before anything was asked, and were dropped with their connection"
_POLL: Final[Any] = getattr(select, "poll", None)  # Windows has none
CLOSED: Final = "the connection was closed before the call was written"


class Body(aiohttp.BytesPayload):
    """A body that notes on its permit when it goes out, which is when a connection is open: the limit counts from then.

    Args:
        value: what is sent.
        permit: `written` stays None as long as no byte of the call has left.
        seen: what connections were used before.
    """

    def __init__(self, value: bytes, permit: Permit, seen: WeakSet[Any]) -> None:
        super().__init__(value, content_type="application/json")
        self.permit = permit
        self.prepared = False
        """Whether a request was made of it; who fakes replies makes none."""
        self.connected = False
        """Whether a connection was there for it."""
        self.refused = ""
        """Why it was not written, though a connection was there."""
        self._seen = seen

    def __deepcopy__(self, memo: object) -> Self:
        # aioresponses copies what it is called with, and would not stop at the permit and the connections.
        return self

    @property
    def size(self) -> int | None:
        """Length in bytes; aiohttp asks for it when it makes the request."""
        self.prepared = True
        return super().size

    @property
    def unsent(self) -> bool:
        """Whether it is certain that nothing was written."""
        return self.prepared and self.permit.written is None

    def drop(self) -> str:
        """Nothing more is to be written: an answer is there already. Returns what to say of it."""
        self.refused = self.refused or EARLY
        return self.refused

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it, unless the connection is not as one that waits for a call should be.

        Raises:
            aiohttp.ClientConnectionResetError: nothing was written, and the connection is closed.
        """
        self.connected = True
        protocol = getattr(writer, "protocol", None)
        if isinstance(protocol, ResponseHandler):
            transport = protocol.transport
            if transport is None or transport.is_closing() or protocol.should_close or _unread(transport):
                self.refused = self.refused or await _unfit(protocol)
            if self.refused:
                if protocol.transport is not None:
                    protocol.transport.abort()
                raise aiohttp.ClientConnectionResetError(self.refused)
        self.permit.fresh = protocol not in self._seen
        if self.permit.fresh:
            # What cannot be remembered counts as new, which costs a little time; it must never cost the call.
            with suppress(TypeError):
                self._seen.add(protocol)
        self.permit.written = clock_of(asyncio.get_running_loop())()
        await super().write_with_length(writer, content_length)


async def _unfit(protocol: ResponseHandler) -> str:
    """Why a connection cannot take a call; empty if it can."""
    turns = 0
    while _is_open(protocol) and not protocol.should_close and _unread(protocol.transport):
        if turns == TURNS_MOST:
            return EARLY
        turns += 1
        await asyncio.sleep(0)
    if not _is_open(protocol):
        return CLOSED
    return EARLY if protocol.should_close else ""


def _is_open(protocol: ResponseHandler) -> bool:
    return protocol.transport is not None and not protocol.transport.is_closing()


def _unread(transport: Any, poll: Callable[[], Any] | None = _POLL) -> bool:
    """Whether the kernel holds bytes, or the end, that the loop has not read yet; False where that can't be known."""
    connection = transport.get_extra_info("socket")
    if connection is None or poll is None:
        return False
    poller = poll()
    try:
        poller.register(connection.fileno(), 1)  # select.POLLIN, which Windows lacks
        return bool(poller.poll(0))
    except (OSError, ValueError):
        return False
