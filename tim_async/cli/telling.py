"""How a failure is told: in one line, with what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import click

from tim_async.bulk.paths import to_json
from tim_async.errors import ConnectError, CredentialsError, RequestError, TIMError
from tim_async.printable import escaped, one_line

__all__ = ["AS_JSON", "QUIET", "give_up_stdout", "in_one_line", "note", "tell", "tell_object"]

AS_JSON: ContextVar[bool] = ContextVar("as_json", default=False)
"""Whether standard error gets objects instead of lines."""
QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
"""Whether only what went wrong is told."""


def in_one_line(error: TIMError) -> str:
    """What went wrong, what became of it if that is open, and what to check."""
    return str(error) + _more(error)


def tell(line: str) -> None:
    """Print a line on standard error; words of others are made printable."""
    if AS_JSON.get():
        tell_object({"event": "told", "text": line.strip()})
    else:
        click.echo(one_line(line), err=True)


def note(line: str) -> None:
    """Say a line that nobody misses who wants quiet."""
    if not QUIET.get():
        tell(line)


def tell_object(told: Mapping[str, Any]) -> None:
    """Say one object on a line of its own."""
    click.echo(escaped(to_json(told)), err=True)


def _more(error: TIMError) -> str:
    if isinstance(error, CredentialsError):
        return ": check --sdk-app-id, the secret key, --identifier and --region"
    if isinstance(error, RequestError):
        if error.may_have_happened:
            return "; it may have been carried out all the same"
        return "; nothing was sent" if isinstance(error, ConnectError) else "; nothing was carried out"
    return ""


def give_up_stdout() -> None:
    """Let the interpreter's last flush go nowhere: https://docs.python.org/3/library/signal.html#note-on-sigpipe."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
