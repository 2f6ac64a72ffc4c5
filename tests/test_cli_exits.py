"""What a script has to know of how a command ended."""

import errno
import os
from pathlib import Path

import pytest

from tim_async import APIError, CredentialsError, InvalidRequest, RequestTimeout, bulk
from tim_async.bulk.report import Progress
from tim_async.cli.ending import Ending, tell_end
from tim_async.cli.exits import of_error
from tim_async.cli.outcomes import Outcomes
from tim_async.service.codes import Action, Fault, code

REFUSES_THE_APP = next(
    number for number in range(60_000, 80_000) if (code(number).action, code(number).fault) == (Action.STOP, Fault.APP)
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CredentialsError(70009, "", "a/b"), 3),
        (APIError(REFUSES_THE_APP, "", "a/b"), 3),
        (InvalidRequest(40006, "", "a/b"), 2),
        (APIError(99999, "", "a/b"), 2),
        (RequestTimeout("a/b", "no answer"), 2),
        (bulk.JournalFull("full"), 75),
        (bulk.JournalHeld("held"), 75),
        (bulk.JournalRested("rested"), 4),
        (bulk.JournalUnlike("unlike"), 2),
        (bulk.InputError("wrong"), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(error: Exception, expected: int) -> None:
    assert of_error(error) == expected


def not_written(number: int, **more: object) -> bulk.Report:
    """Three rows are done, and their outcomes are not where they should be."""
    done = {
        "command": "accounts.delete",
        "source": "users.csv",
        "total": 3,
        "counts": {"Ok": 3, "Rejected": 0, "Unknown": 0, "NotSent": 0},
        "assumed": 0,
        "open": 0,
        "troubles": [],
        "last_row": 3,
        "unread": False,
        "held_back": False,
        "stopped_by": OSError(number, os.strerror(number)),
        "journal": Path("it.job"),
    }
    return bulk.Report(**{**done, **more})  # type: ignore[arg-type]


FROM_THE_JOURNAL = "the outcomes are in the journal:  tim-async job it.job --outcomes FILE"
GO_ON = "go on:  tim-async resume it.job"


@pytest.mark.parametrize(
    ("report", "code", "what_now"),
    [
        (not_written(errno.ENOSPC), 75, [FROM_THE_JOURNAL]),
        (not_written(errno.EPIPE), 2, [FROM_THE_JOURNAL]),
        (not_written(errno.ENOSPC, journal=None), 2, []),
        (not_written(errno.EPIPE, open=1), 75, [GO_ON]),
        (not_written(errno.ENOSPC, open=1, held_back=True), 2, [GO_ON]),
    ],
)
def test_outcomes_that_the_same_command_writes_where_there_is_room_are_75(
    capsys: pytest.CaptureFixture[str], report: bulk.Report, code: int, what_now: list[str]
) -> None:
    """With ``--first`` it would send the next rows too, and nobody asked for these yet."""
    end = Ending(report, Progress(3), None, report.journal)
    tell_end(end, Outcomes("users.jsonl", "users.csv", force=False))
    assert end.code == code
    why, *told = capsys.readouterr().err.splitlines()
    assert why.startswith("tim-async: the outcomes cannot be written to users.jsonl: ")
    assert told == what_now
