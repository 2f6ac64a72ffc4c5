"""How a failure is told: in one line, with what to do about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tim_async.errors import ConnectError, CredentialsError, RequestError, TIMError
from tim_async.printable import one_line

__all__ = ["give_up_stdout", "in_one_line", "tell"]


def in_one_line(error: TIMError) -> str:
    """What went wrong, what became of it if that is open, and what to check."""
    return str(error) + _more(error)


def tell(line: str) -> None:
    """Say a line on standard error, whoever's words are in it."""
    click.echo(one_line(line), err=True)


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
