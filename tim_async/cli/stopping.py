"""Ctrl-C, the signals TERM and HUP, and the end of the time: what is in flight is finished, then the job ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tim_async.client import Client

__all__ = ["CLOSE_SECONDS", "Stop"]

CLOSE_SECONDS = 5.0
"""The service answers or gives up within three seconds; nobody who pressed Ctrl-C waits longer."""


class Stop:
    """Ends the jobs of a client early.

    The first signal closes the client, which takes no more rows and finishes the calls in flight. A second one, unless
    it is HUP, leaves the block at once; the code behind the block goes on. Each is good for one block.
    """

    signal: int | None = None
    """The signal that came, if one did."""

    def __init__(self) -> None:
        self._closing: asyncio.Task[None] | None = None
        self._scope = anyio.CancelScope()

    @asynccontextmanager
    async def watching(self, client: Client, *, seconds: float | None = None) -> AsyncGenerator[None]:
        """Open a client, watch for signals while the block runs, and close the client.

        Args:
            client: what is opened and closed.
            seconds: close it after this time too.
        """
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup the job survives its terminal
            numbers.append(signal.SIGHUP)
        with self._scope:
            for number in numbers:
                loop.add_signal_handler(number, self._came, number, client)
            timer = loop.call_later(seconds, self._close, client) if seconds else None
            try:
                async with client:
                    if seconds == 0:  # at once, and not as soon as the loop comes to it: nothing may be sent
                        await client.aclose()
                    yield
            finally:
                if timer is not None:
                    timer.cancel()
                for number in numbers:
                    loop.remove_signal_handler(number)
                if self.signal is not None:  # a third Ctrl-C, in the last moments, ends it without a traceback
                    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def leave(self) -> None:
        """Leave the block at once, as after a second signal: calls in flight are cut short."""
        self._scope.cancel()

    def _came(self, number: int, client: Client) -> None:
        if number == signal.SIGHUP:
            _let_go_of_the_terminal()
        if self.signal is None:
            self.signal = number
            self._close(client)
        elif number != signal.SIGHUP:  # which comes twice when a terminal is closed: from the shell, and from its end
            self.leave()

    def _close(self, client: Client) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(client.aclose())


def _let_go_of_the_terminal() -> None:
    """Let what is written to a terminal that is gone go nowhere, or the first word to it would end the job."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), number)
