"""Single calls: a command that takes no accounts, or any command by its path; the answer goes to standard output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from tim_async.bulk.reading import InputError
from tim_async.client import Client
from tim_async.errors import TIMError
from tim_async.printable import escaped, one_line

from .clients import connect
from .options import Connection
from .stopping import Stop
from .telling import give_up_stdout, in_one_line, tell

__all__ = ["run_call"]


def run_call(connection: Connection, ask: Callable[[Client], Awaitable[Any]]) -> int:
    """Make one call, and print its answer: text as one line, all else as JSON.

    Args:
        connection: whom to call.
        ask: makes the call.

    Returns:
        0: it is done. 130, 143: a signal came.

    Raises:
        InputError: an option is impossible, or the answer cannot be written.
        TIMError: the service said no, or no trustworthy answer came.
    """
    try:
        end = asyncio.run(_run(connect(connection), ask))
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None
    return _tell(end)


class _End(NamedTuple):
    signal: int | None
    failure: TIMError | None
    became: str
    """What became of the call, for one who interrupted it."""


async def _run(client: Client, ask: Callable[[Client], Awaitable[Any]]) -> _End:
    stop = Stop()
    became = "it may have been carried out"
    failure: TIMError | None = None
    async with stop.watching(client):
        try:
            answer = await ask(client)
        except TIMError as exc:
            failure, became = exc, in_one_line(exc)
            stop.leave()  # a call whose time is over may still be in flight, and would be waited for
        else:
            became = "it had been carried out"
            _print(answer)
    return _End(stop.signal, failure, became)


def _tell(end: _End) -> int:
    if end.signal is not None:
        tell(f"tim-async: interrupted; {end.became}")
        return 128 + end.signal
    if end.failure is not None:
        raise end.failure
    tell("Ok")
    return 0


def _print(value: Any) -> None:
    if value is None:
        return
    text = one_line(value).encode() if isinstance(value, str) else escaped(msgspec.json.encode(value))
    try:
        sys.stdout.buffer.write(text + b"\n")
        sys.stdout.buffer.flush()
    except OSError as exc:
        give_up_stdout()
        raise InputError(f"it was carried out, but the answer cannot be written: {exc.strerror}") from None
