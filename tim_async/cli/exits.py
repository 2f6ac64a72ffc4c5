"""The exit codes: what a script, or what runs jobs again and again, has to know of how a command ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tim_async.bulk.guards import TooManyFailures
from tim_async.bulk.journal.errors import JournalFull, JournalHeld, JournalRested
from tim_async.bulk.rows import InputError
from tim_async.errors import APIError, ClientClosed, CredentialsError, TIMError
from tim_async.service.codes import Action, Code, Fault, code

from .asking import Forbidden
from .saving import NoRoom, is_full

if TYPE_CHECKING:
    from tim_async.bulk.report import Report

__all__ = ["FULL_STOP", "GUARD", "INTERRUPTED", "NOT_ALL_OK", "RESUMABLE", "TABLE", "WRONG", "code_of", "of_error"]

NOT_ALL_OK: Final = 1
WRONG: Final = 2
FULL_STOP: Final = 3
GUARD: Final = 4
RESUMABLE: Final = 75
"""EX_TEMPFAIL of sysexits.h."""
INTERRUPTED: Final = 130

TABLE: Final = (
    "Exit codes: 0 all is well. 1 done, and some accounts did not end Ok. 2 the command or the input is wrong, or a "
    "single call failed. 3 the credentials are wrong, or the service refuses the whole app. 4 a guard forbade it. "
    "75 the same command can go on: the disk was full, the journal is in use, no answers came. 129, 130, 143 a lost "
    "terminal, Ctrl-C, the signal TERM."
)


def of_error(error: Exception) -> int:
    """The exit code for what ended a command."""
    if isinstance(error, JournalFull | JournalHeld | NoRoom):
        return RESUMABLE
    if isinstance(error, JournalRested | Forbidden | TooManyFailures):
        return GUARD
    if isinstance(error, CredentialsError) or (isinstance(error, APIError) and _stops_the_app(code(error.code))):
        return FULL_STOP
    return WRONG


def _stops_the_app(verdict: Code) -> bool:
    return verdict.action is Action.STOP and verdict.fault is Fault.APP


def code_of(report: Report) -> int:
    """The exit code of a run that no signal ended."""
    error = report.stopped_by
    if isinstance(error, TIMError | InputError) and not isinstance(error, ClientClosed):
        return of_error(error)
    if report.resumable and not report.held_back:
        return RESUMABLE
    if isinstance(error, OSError):
        # All outcomes stand in the journal: with more room the same command writes them.
        return RESUMABLE if report.journal is not None and is_full(error) and not report.held_back else WRONG
    is_fine = not report.troubles if report.held_back else report.ok
    return 0 if is_fine else NOT_ALL_OK
