"""An emulator in a thread, for tests whose subject runs its own event loop; and a command line that talks to it."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tim_async.emulator import DEMO_KEY, Emulator, serve


@contextmanager
def running(emulator: Emulator) -> Generator[Emulator, None, None]:
    """Serve while the block runs."""
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        serving = asyncio.create_task(serve(emulator, lambda _: ready.set()))
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield emulator
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def connection(emulator: Emulator, folder: Path) -> list[str]:
    """The options with which the command line reaches an emulator."""
    key = folder / "key"
    key.write_text(DEMO_KEY + "\n")
    return [
        *("--sdk-app-id", str(emulator.sdk_app_id)),
        *("--secret-key-file", str(key)),
        *("--base-url", emulator.url),
    ]


@contextmanager
def start(*arguments: str) -> Generator["subprocess.Popen[bytes]", None, None]:
    """``python -m tim_async`` with these arguments, and pipes at its ends; the block waits for its end."""
    with running_process([sys.executable, "-m", "tim_async", *arguments], subprocess.PIPE) as process:
        yield process


@contextmanager
def running_process(command: list[str], end: int) -> Generator["subprocess.Popen[bytes]", None, None]:
    """A process with its three ends; the block waits for its end, unless the test fails."""
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
