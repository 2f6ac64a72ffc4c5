"""Processes of their own: for a server, whose work is not the client's, and for what must begin with a fresh memory."""

import asyncio
import multiprocessing
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Concatenate, ParamSpec, TypeVar

from tim_async.emulator import Emulator, serve

__all__ = ["apart", "emulate", "fresh"]

P = ParamSpec("P")
T = TypeVar("T")

START = 20.0


@contextmanager
def apart(
    server: Callable[Concatenate[Callable[[str], object], P], None], *args: P.args, **kw: P.kwargs
) -> Generator[str, None, None]:
    """Run `server(listening, *args, **kw)` in another process for the length of the block.

    Args:
        server: A function of a module (it is imported anew over there) that calls `listening` once with its url and
            runs until the process is ended.
        *args: Handed on.
        **kw: Handed on.

    Yields:
        The url.

    Raises:
        RuntimeError: It did not say within 20 seconds that it listens.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs, server, args, kw), daemon=True)
    process.start()
    try:
        if not ours.poll(START):
            raise RuntimeError(f"{server.__name__} did not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _run(pipe: Connection, server: Callable[..., None], args: tuple[object, ...], kw: dict[str, object]) -> None:
    server(pipe.send, *args, **kw)


@contextmanager
def fresh() -> Generator[ProcessPoolExecutor, None, None]:
    """A process that begins with nothing, for the length of the block: `process.submit(function, *args).result()`."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        yield process


def emulate(
    listening: Callable[[str], object],
    *,
    latency: float,
    jitter: float = 0.0,
    connect_delay: float = 0.0,
    rate: float = 100.0,
    accounts: int = 0,
) -> None:
    """The emulator, until the process ends.

    Args:
        listening: Called once with its url.
        latency: Service time, seconds.
        jitter: Seconds by which calls reach it later at most.
        connect_delay: Seconds by which connections open later.
        rate: Calls per second that it allows.
        accounts: How many accounts it knows: user-000000000 and so on.
    """
    emulator = Emulator(
        latency=latency, jitter=jitter, connect_delay=connect_delay, rate=rate, keep_books=False, seed=1
    )
    emulator.accounts.add(*(f"user-{place:09d}" for place in range(accounts)))
    asyncio.run(serve(emulator, listening))
