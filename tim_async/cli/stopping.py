"""Ctrl-C and the signal TERM, and the end of the time: what is in flight is finished, then the job ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tim_async.client import Client

__all__ = ["CLOSE_SECONDS", "Stop"]

CLOSE_SECONDS = 5.0
"""The service answers or gives up within three seconds; nobody who pressed Ctrl-C waits longer."""


class Stop:
    """Ends the jobs of a client early.

    The first signal closes the client, which finishes the calls in flight; a second one cancels the task that waits.
    """

    signal: int | None = None
    """The signal that came, if one did."""

    def __init__(self) -> None:
        self._closing: asyncio.Task[None] | None = None

    def _close(self, client: Client) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(client.aclose())

    @contextmanager
    def watching(self, client: Client, *, seconds: float | None = None) -> Generator[None, None, None]:
        """Watch for signals while the block runs, in the task that is to be cancelled by the second one.

        Args:
            client: what is closed.
            seconds: close it after this time too.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def came(number: int) -> None:
            if self.signal is None:
                self.signal = number
                self._close(client)
            elif task is not None:
                task.cancel()

        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, came, number)
        timer = None if seconds is None else loop.call_later(seconds, self._close, client)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            for number in numbers:
                loop.remove_signal_handler(number)
