"""A failure is one line: what went wrong, what became of it, what to check."""

import subprocess
import sys

import pytest

from tim_async import BadStatus, ConnectError, CredentialsError, InvalidRequest, RequestTimeout, TIMError
from tim_async.cli.telling import in_one_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            CredentialsError(70003, "two\nlines", "a/b"),
            ": two lines: check --sdk-app-id, the secret key, --identifier and --region",
        ),
        (InvalidRequest(90033, "bad", "a/b"), ": bad"),
        (ConnectError("a/b", "refused"), "a/b: refused; nothing was sent"),
        (BadStatus("a/b", 404), "a/b: HTTP status 404 instead of 200; nothing was carried out"),
        (RequestTimeout("a/b", "late"), "a/b: late; it may have been carried out all the same"),
    ],
)
def test_it_ends_with_what_is_known_and_what_to_do(error: TIMError, line: str) -> None:
    told = in_one_line(error)
    assert told.endswith(line)
    assert "\n" not in told


def test_output_that_nobody_reads_is_given_up_without_a_word() -> None:
    program = """
import sys
from contextlib import suppress
from tim_async.cli.telling import give_up_stdout
sys.stdin.read()
with suppress(BrokenPipeError):  # raised here only where standard output is not buffered
    print("x")
give_up_stdout()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
