"""A server in a thread, for tests whose subject runs its own event loop; and a command line that talks to it."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tim_async.emulator import DEMO_KEY, Emulator

TICK = 0.02  # seconds between two looks


class Server(Protocol):
    """Whatever listens somewhere while it is open."""

    @property
    def url(self) -> str:
        """Where it listens."""
        ...


S = TypeVar("S", bound=AbstractAsyncContextManager[Any])


@contextmanager
def running(server: S) -> Generator[S, None, None]:
    """Serve while the block runs."""
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield server
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def emulator_apart(latency: float = 0.0) -> Any:
    """The fixture of an emulator in a thread, under the name that it is given.

    Args:
        latency: of its answers, seconds.
    """

    @pytest.fixture
    def emulator() -> Iterator[Emulator]:
        with running(Emulator(latency=latency)) as served:
            yield served

    return emulator


def until(happened: Callable[[], object]) -> None:
    """Wait until something has happened elsewhere, of which nobody tells; whoever asks without end holds it up."""
    nobody_tells = threading.Event()
    while not happened():
        nobody_tells.wait(TICK)


def connection(server: Server, folder: Path) -> list[str]:
    """The options with which the command line reaches an emulator, or what stands for it."""
    key = folder / "key"
    key.write_text(DEMO_KEY + "\n")
    return [
        *("--sdk-app-id", "1400000000"),
        *("--secret-key-file", str(key)),
        *("--base-url", server.url),
    ]


def table(folder: Path, emulator: Emulator, count: int) -> list[str]:
    """A file of so many accounts, which are imported; the option that reads it."""
    names = [f"u{number}" for number in range(count)]
    emulator.accounts.add(*names)
    path = folder / "accounts.csv"
    path.write_text("\n".join(["account", *names]) + "\n")
    return ["--from", str(path)]


def lines(text: str | bytes) -> list[dict[str, Any]]:
    """Outcomes as JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def start(*arguments: str, out: int = subprocess.PIPE) -> Generator["subprocess.Popen[bytes]", None, None]:
    """``python -m tim_async`` with these arguments, and pipes at its ends; the block waits for its end."""
    with running_process([sys.executable, "-m", "tim_async", *arguments], subprocess.PIPE, out) as process:
        yield process


@contextmanager
def running_process(
    command: list[str], end: int, out: int | None = None
) -> Generator["subprocess.Popen[bytes]", None, None]:
    """A process with its three ends; the block waits for its end, unless the test fails."""
    out = end if out is None else out
    with subprocess.Popen(command, stdin=end, stdout=out, stderr=end, start_new_session=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


AT_A_TERMINAL = (
    # Makes standard input the controlling terminal, as it is for somebody who sits there.
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'tim_async', *sys.argv[1:]])"
)


def at_a_terminal(
    *arguments: str, answer: bytes = b"", columns: int = 80, meanwhile: Callable[[], object] = lambda: None
) -> tuple[int, str]:
    """``python -m tim_async`` as somebody at a terminal runs it, who answers its one question.

    Args:
        *arguments: of the command line.
        answer: to the question.
        columns: of the terminal.
        meanwhile: what happens between the question and the answer.

    Returns:
        The exit code, and all that was seen.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    seen = b""
    try:
        with running_process([sys.executable, "-c", AT_A_TERMINAL, *arguments], theirs) as process:
            os.close(theirs)
            while block := read_terminal(ours):
                seen += block
                if answer and b"[y/N]" in seen:
                    meanwhile()
                    os.write(ours, answer)
                    answer = b""
    finally:
        os.close(ours)
    return process.returncode, seen.decode().replace("\r\n", "\n")


def read_terminal(terminal: int) -> bytes:
    """What is written to a terminal; nothing when nobody has it open any more, which Linux calls an error."""
    try:
        return os.read(terminal, 10_000)
    except OSError:
        return b""


def rest_of(terminal: int) -> bytes:
    """All that is written to a terminal until nobody has it open any more."""
    return b"".join(iter(lambda: read_terminal(terminal), b""))
