"""A server in a process of its own, so that its work is not counted as the client's."""

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Concatenate, ParamSpec

__all__ = ["apart"]

P = ParamSpec("P")

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
