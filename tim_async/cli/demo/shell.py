"""Runs command lines of this package one after the other, as somebody at the same terminal would, for all to see.

What they write goes to standard error, for there it stands in order with the command lines.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from rich.console import Console

from tim_async.cli.telling import tell

__all__ = ["Shell"]


class Shell:
    """A folder in which commands run, each in a process of its own.

    Args:
        folder: where.
        environment: what they find in their environment besides what we find in ours.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = os.environ | environment
        self._process: asyncio.subprocess.Process | None = None
        self.signal: int | None = None
        """The signal that came, if one did: the command that ran then has ended by it, and none is to follow."""

    @contextmanager
    def listening(self) -> Generator[None, None, None]:
        """Hand signals on while the block runs; needs a running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._came, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _came(self, number: int) -> None:
        self.signal = number
        # Ctrl-C comes from the terminal to all that run on it; twice would mean: at once.
        by_the_terminal = number == signal.SIGINT and os.isatty(0)
        if self._process is not None and self._process.returncode is None and not by_the_terminal:
            self._process.send_signal(number)

    async def run(self, *words: str) -> int:
        """Run a command to its end.

        Args:
            words: what stands behind ``tim-async``.

        Returns:
            Its exit code.
        """
        self._process = process = await self._start(words)
        return await process.wait()

    async def run_and_kill(self, *words: str, when: Awaitable[object]) -> int:
        """Run a command, and kill it with -9.

        Args:
            words: what stands behind ``tim-async``.
            when: what is waited for before; it may end before.

        Returns:
            Its exit code; -9 if it was killed.
        """
        self._process = process = await self._start(words)
        moment, end = asyncio.ensure_future(when), asyncio.ensure_future(process.wait())
        await asyncio.wait({moment, end}, return_when=asyncio.FIRST_COMPLETED)
        moment.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        code = await end
        Console(stderr=True).show_cursor()  # a terminal has half a drawing now, and no cursor
        click.echo(err=True)
        return code

    async def _start(self, words: tuple[str, ...]) -> asyncio.subprocess.Process:
        tell("")
        tell(f"$ tim-async {shlex.join(words)}")
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tim_async", *words), cwd=self._folder, env=self._environment, stdout=2
        )
