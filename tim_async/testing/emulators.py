"""The emulator in a thread of its own: it answers whatever the test's own loop does, and needs none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from tim_async.emulator import Emulator

__all__ = ["running_emulator"]


@contextmanager
def running_emulator(**options: Any) -> Generator[Emulator]:
    """An emulator that listens within the block, for tests of any kind, and for other processes.

    Args:
        **options: what `Emulator` takes.

    Raises:
        TypeError: there is no such option.
        ValueError: an option is impossible.
        OSError: its address is taken.
    """
    emulator = Emulator(**options)
    told: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event] | Exception] = SimpleQueue()

    async def main() -> None:
        over = asyncio.Event()
        try:
            await emulator.__aenter__()
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is raised where the emulator was wanted
            told.put(exc)
            return
        told.put((asyncio.get_running_loop(), over))
        await over.wait()
        await emulator.__aexit__(None, None, None)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="tim_async emulator", daemon=True)
    thread.start()
    answer = told.get()
    if isinstance(answer, Exception):
        thread.join()
        raise answer
    loop, over = answer
    try:
        yield emulator
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
