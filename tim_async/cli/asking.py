"""The question before what cannot be undone."""

from __future__ import annotations

import os

import click

from tim_async.bulk.reading import InputError
from tim_async.printable import one_line

__all__ = [
    "NO_LINE_END",
    "SKIP_BROKEN",
    "YES",
    "Forbidden",
    "ask_first",
    "check_somebody_is_there",
    "is_somebody_there",
]

YES = click.Option(["--yes"], is_flag=True, help="Do not ask first.")
SKIP_BROKEN = click.Option(
    ["--skip-broken"], is_flag=True, help="Leave out records that cannot be read, instead of refusing the file."
)
NO_LINE_END = click.Option(
    ["--no-final-newline-ok"],
    is_flag=True,
    help="The last line has no line end, and is complete nevertheless. Without this you are asked about it, also with "
    "--yes: the input may have been cut there, and half an account is another account.",
)


class Forbidden(InputError):
    """A guard forbids it, and nobody is there to be asked."""


def is_somebody_there(*, readable: bool) -> bool:
    """Whether somebody could be asked.

    Args:
        readable: whether an answer could be read from standard input: it is taken where it brings the accounts.
    """
    return readable and os.isatty(0)


def check_somebody_is_there(*, readable: bool) -> None:
    """Refuse to go on where nobody could be asked: told before a long file is looked through.

    Args:
        readable: whether an answer could be read from standard input: it is taken where it brings the accounts.

    Raises:
        InputError: nobody is there.
    """
    if not is_somebody_there(readable=readable):
        raise InputError("this cannot be undone, and nobody is there to be asked; say --yes if you mean it")


def ask_first(question: str, *, readable: bool, otherwise: str) -> None:
    """Ask the person at the terminal, and go on only after a yes.

    Args:
        question: what they are asked.
        readable: whether an answer could be read from standard input.
        otherwise: what is told after a no.

    Raises:
        InputError: the answer was no, or nobody is there.
    """
    check_somebody_is_there(readable=readable)
    if not click.confirm(one_line(question), err=True):
        raise InputError(otherwise)
