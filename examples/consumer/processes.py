"""The processes that are started, killed and started again: the emulator, the brokers, the consumer."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["HERE", "MissingProgramError", "Process", "free_port", "nats_server", "until"]

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache" / "nats-server"
PATIENCE = 120.0  # seconds for anything at all, on however slow a machine


class MissingProgramError(Exception):
    """A program is not installed; the text says how to get it."""


class Process:
    """A program, which ends when we do.

    Args:
        command: the program and its arguments.
        environment: what its environment holds beside ours.
        log: where its output goes; None: it is thrown away, but for a first line that somebody asks for.
    """

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None, log: Path | None = None) -> None:
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, first_line: bool = False) -> str:
        """Start it.

        Args:
            first_line: whether to wait for the first line that it prints.

        Returns:
            That line, or an empty string.
        """
        with (self._log or Path(os.devnull)).open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if first_line else log,
                stderr=log,
                text=True,
            )
        output = self._process.stdout
        return output.readline().strip() if output is not None else ""

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        if self._process is None:
            return
        self._process.kill()
        with self._process:  # closes its pipes
            pass
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()


def nats_server() -> str:
    """The path of the program: `NATS_SERVER`, or where packages and we put it.

    Raises:
        MissingProgramError: it is not here.
    """
    places = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + str(CACHE / "usr" / "sbin")
    found = shutil.which(os.environ.get("NATS_SERVER", "nats-server"), path=places)
    if found is None:
        raise MissingProgramError(f"nats-server is missing; this unpacks Debian's: {HERE / 'get_nats_server'}")
    return found


def free_port() -> int:
    """One below those that the system gives to outgoing connections: a server that is killed gets it back."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


async def until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something has happened in another process.

    Raises:
        TimeoutError: it has not.
    """
    deadline = time.monotonic() + PATIENCE
    while not await happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:g} s in vain: {what}")
        await asyncio.sleep(0.02)
