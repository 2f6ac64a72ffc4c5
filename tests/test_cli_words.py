"""Whatever the service, a file or its name says, it does not steer the terminal of the one who reads it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box import at_a_terminal, connection, running, start
from servers import Call, Puppet

from tim_async.cli.app import run

# A title, a colour in its two forms, a forged line, and text that runs backwards.
HOSTILE = "no\x1b]0;owned\x07\x1b[35m\x9b35m\x9d0;owned\x9c\r\nERROR forged\u2028\u202e[red]tail"
STEERS = ("\x1b]", "\x1b[35m", "\x9b", "\x9c", "\x9d", "\x07", "\u202e", "\u2028", "\rERROR", "\nERROR", "\nforged")


def answer(call: Call) -> dict[str, Any]:
    match call.path:
        case "im_open_login_svc/account_delete":
            rows = [{"UserID": account, "ResultCode": 70107, "ResultInfo": HOSTILE} for account in call.accounts]
            return {"ErrorCode": 0, "ErrorInfo": HOSTILE, "ResultItem": rows}
        case "im_open_login_svc/account_check":
            return {"ErrorCode": 70169 if call.body.get("CheckItem") == [] else 70003, "ErrorInfo": HOSTILE}
        case "timpush/push":
            return {"ErrorCode": 0, "TaskId": HOSTILE}
        case _:
            return {"ErrorCode": 0, "ErrorInfo": HOSTILE, HOSTILE: [HOSTILE]}


@pytest.fixture
def options(tmp_path: Path) -> Iterator[list[str]]:
    with running(Puppet(answer)) as puppet:
        yield connection(puppet, tmp_path)


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    file = tmp_path / "ids\u202e.txt"
    file.write_text("Mary\nTo\u202em\n")
    return str(file)


def assert_steers_nothing(seen: str) -> None:
    for steers in STEERS:
        assert steers not in seen, ascii(seen)


@pytest.mark.parametrize("to_format", ["jsonl", "csv"])
def test_outcomes_at_a_terminal(to_format: str, options: list[str], accounts: str) -> None:
    code, seen = at_a_terminal(
        *("accounts", "delete", "--from", accounts, "--format", to_format, *options), answer=b"y\n"
    )
    assert code == 1
    assert "Rejected 70107, 2 rows" in seen
    assert_steers_nothing(seen)


def test_a_call_that_is_refused_at_a_terminal(options: list[str], accounts: str) -> None:
    code, seen = at_a_terminal("accounts", "check", "--from", accounts, *options)
    assert code == 3
    assert "answered 70003" in seen
    assert_steers_nothing(seen)


def test_the_answer_of_a_call_at_a_terminal(options: list[str], tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")
    code, seen = at_a_terminal("call", "a_service/a_command", "--body", str(body), *options)
    assert code == 0
    assert_steers_nothing(seen)
    assert json.loads(seen.splitlines()[0])["ErrorInfo"] == HOSTILE


def test_a_task_id_at_a_terminal(options: list[str]) -> None:
    code, seen = at_a_terminal("push", "send", "--title", "a", "--desc", "b", "--yes", *options)
    assert code == 0, seen
    assert_steers_nothing(seen)


BAD = "owned\x1b[35m\x9b\u202e\r\nERROR"


@pytest.mark.parametrize(
    "arguments",
    [
        ["accounts", "check", "--from", f"{BAD}.txt"],
        ["accounts", "check", "--from", "ids.txt"],  # there is one of nearly this name
        ["accounts", "check", "--from", "ids.csv", "--column", BAD],
        ["accounts", "check", "--from", "ids.csv", "--column", "city"],  # there is one of nearly this name
        ["accounts", "check", "--from", "x", "--timeout", BAD],
        ["accounts", "check", "--from", "x", "--region", "\x1b[m\u202e\r\n"],
        ["accounts", "check", "--from", "x", "--identifier", BAD],
        ["accounts", "check", "--from", "x", "--secret-key-file", BAD],
        ["accounts", "check", f"--{BAD}"],
        ["accounts", BAD, BAD],
        [BAD],
        ["call", "a/b", "--body", BAD],
    ],
    ids=ascii,
)
def test_a_mistake_on_the_command_line_is_one_line(
    arguments: list[str],
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids\u202e.txt").touch()
    (tmp_path / "ids.csv").write_text("account,c\u202eity\x1b[35m\nMary,x\n", encoding="utf-8")
    whom = (options[:4] if "--region" in arguments else options) if arguments[0] in {"accounts", "call"} else []
    assert run([*arguments[:2], *whom, *arguments[2:]]) == 2
    told = capsys.readouterr().err
    assert told.startswith("tim-async: ")
    assert "\\x1b" in told or "\\u202e" in told
    assert told.removesuffix("\n").isprintable()


def test_what_is_piped_says_the_same_as_ever(options: list[str], accounts: str) -> None:
    with start("accounts", "delete", "--from", accounts, "--yes", "--format", "csv", *options) as process:
        out, _ = process.communicate()
    assert "To\u202em" in out.decode()
    assert HOSTILE in out.decode()
