"""What a script has to know of how a command ended."""

import pytest

from tim_async import APIError, CredentialsError, InvalidRequest, RequestTimeout, bulk
from tim_async.cli.exits import of_error
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
