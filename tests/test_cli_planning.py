"""The plan and the guards of the command line: nothing is sent before they are content, and an exit code tells."""

import json
import sys
from pathlib import Path

import pytest
from box import at_a_terminal, emulator_apart, lines, running_process, table
from redis_server import RedisServer

from tim_async.cli.app import run
from tim_async.emulator import Emulator

DELETE = ("accounts", "delete", "--column", "account")
JOB = "accounts.csv.accounts-delete.job"
# Ends the process with 99 at the first socket.
NO_SOCKETS = (
    "import os, sys; from tim_async.cli.app import run;"
    "sys.addaudithook(lambda event, _: os._exit(99) if event.startswith('socket.') else None);"
    "sys.exit(run(sys.argv[1:]))"
)


emulator = emulator_apart(latency=0.005)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    "more", [["--plan"], ["--dry-run", "--json"], ["--plan", "--limiter", "redis://:hush@nowhere"]]
)
def test_a_plan_opens_no_socket_and_leaves_nothing_behind(
    emulator: Emulator, options: list[str], tmp_path: Path, more: list[str]
) -> None:
    source = table(tmp_path, emulator, 250)
    before = sorted(tmp_path.iterdir())
    command = [sys.executable, "-c", NO_SOCKETS, *DELETE, *options, *source, *more]
    with running_process(command, -1) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (0, b"")
    for told in (b"250 rows", b"3 calls", b"1400000000", b"administrator", emulator.url.encode(), JOB.encode()):
        assert told in err or "--json" in more
    assert b"hush" not in err
    if "--json" in more:
        plan = lines(err)[0]
        assert (plan["event"], plan["calls"], plan["seconds"]) == ("plan", 3, 0.03)
        assert len(json.loads(plan["first_call"])["DeleteItem"]) == 100
    assert sorted(tmp_path.iterdir()) == before


def test_the_plan_names_what_cannot_be_sent_and_what_is_done_already(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 3)
    with Path(source[1]).open("a") as file:
        file.write("u1\n" + "z" * 40 + "\nx,y\n")
    assert run([*DELETE, *options, *source, "--plan"]) == 2
    assert "say --skip-broken" in capsys.readouterr().err
    command = [*DELETE, *options, *source, "--skip-broken"]
    assert run([*command, "--yes", "--first", "2"]) == 0
    assert "go on:" in capsys.readouterr().err
    assert run([*command, "--plan", "--first", "1"]) == 0
    told = capsys.readouterr().err
    assert "6 rows, 2 of them done or begun for good before" in told
    assert "2 rows that cannot be sent:" in told
    assert "NotSent 70402, row 6: the account is 40 bytes long" in told
    assert "1 row in 1 call, 1 row later (--first): 0 s at 100 calls/s" in told
    assert "1 row with the account of an earlier row: 5 as 3" in told
    assert len(emulator.accounts) == 1


def test_a_plan_leaves_the_journal_of_a_job_that_is_done_where_it_is(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*DELETE, *options, *table(tmp_path, emulator, 3), "--yes"]) == 0
    assert run([*DELETE, *options, *table(tmp_path, emulator, 3), "--plan"]) == 0
    assert "0 rows in 0 calls" in capsys.readouterr().err
    assert run([*DELETE, *options, *table(tmp_path, emulator, 4), "--plan"]) == 0
    assert "4 rows in 1 call" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.job")] == [JOB]


@pytest.mark.parametrize(
    "case",
    [
        (10, ["--expect", "10"], 0),
        (10, ["--expect-at-most", "10"], 0),
        (5, ["--expect", "10"], 4),
        (11, ["--expect", "10"], 4),
        (11, ["--expect-at-most", "10"], 4),
        (0, ["--expect-at-most", "10"], 4),
        (0, ["--expect", "10"], 4),
    ],
)
def test_a_list_of_another_length_than_expected_is_4_and_nothing_is_sent(
    emulator: Emulator,
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    case: tuple[int, list[str], int],
) -> None:
    rows, guard, code = case
    assert run([*DELETE, "--yes", *options, *table(tmp_path, emulator, rows), *guard]) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert len(emulator.accounts) == (rows if code else 0)


@pytest.mark.parametrize("case", [("1%", 4), ("2%", 1), ("5", 4), ("6", 1), ("0", 4)])
def test_more_failures_than_allowed_are_4_and_the_journal_knows_all(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, int]
) -> None:
    most, code = case
    source = table(tmp_path, emulator, 294)
    with Path(source[1]).open("a") as file:
        file.write("".join(f"nobody{number}\n" for number in range(6)))
    assert run([*DELETE, "--yes", *options, *source, "--max-failures", most]) == code
    told = capsys.readouterr().err
    assert ("that may fail; 300 rows: 294 Ok, 6 Rejected" in told) == (code == 4)
    assert "  Rejected 70107, 6 rows (296, " in told


def test_the_share_of_failures_is_one_of_the_first_rows(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 1)
    Path(source[1]).write_text("account\nnobody\n" + "".join(f"u{number}\n" for number in range(300)))
    assert run([*DELETE, "--yes", *options, *source, "--max-failures", "1%", "--first", "50"]) == 4
    assert "more than the 0 that may fail" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--max-failures", "some"],
        ["--max-failures", "101%"],
        ["--first", "0"],
        ["--expect", "0"],
        ["--rate", "0"],
        ["--rate", "fast"],
        ["--rate", "nan"],
        ["--limiter", "http://x"],
        ["--limiter", "redis://[x"],
        ["--limiter", "file:/nowhere/at/all"],
        ["--quiet", "--json"],
    ],
)
def test_a_guard_that_makes_no_sense_is_one_line(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    assert run([*DELETE, "--yes", *options, *table(tmp_path, emulator, 3), *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert len(emulator.accounts) == 3


def test_a_shared_limit_and_a_lower_one(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RedisServer() as server:
        shared = ["--limiter", server.url]
        for more in (shared, ["--limiter", f"file:{tmp_path / 'limit'}", "--limiter-processes", "2", "--rate", "50"]):
            command = ["push", "get-tags", "--column", "account", *options, *table(tmp_path, emulator, 300), *more]
            assert run(command) == 0
    assert (tmp_path / "limit").exists()
    assert capsys.readouterr().err == "300 rows: 300 Ok\n" * 2


@pytest.mark.usefixtures("counted")
def test_a_limit_in_redis_without_its_package_is_one_line(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    script = "import sys; sys.modules['redis'] = None; from tim_async.cli.app import run; sys.exit(run(sys.argv[1:]))"
    more = ["--yes", "--limiter", "redis://127.0.0.1/0", *options, *table(tmp_path, emulator, 3)]
    with running_process([sys.executable, "-c", script, *DELETE, *more], -1) as process:
        _, err = process.communicate()
    assert (process.returncode, err.count(b"\n"), len(emulator.accounts)) == (2, 1, 3)
    assert b"pip install 'tim-async[redis]'" in err


def test_the_question_shows_the_plan(emulator: Emulator, options: list[str], tmp_path: Path) -> None:
    code, seen = at_a_terminal(*DELETE, *options, *table(tmp_path, emulator, 250), "--first", "9", answer=b"n\n")
    seen = " ".join(seen.split())
    assert code == 2
    assert "9 rows in 1 call, 241 rows later (--first)" in seen
    assert "for good? (only the first 9 rows now)" in seen


@pytest.mark.parametrize("account", ["nobody", "longer" * 9])
def test_a_failure_at_a_terminal_says_how_to_mend_it(
    emulator: Emulator, options: list[str], tmp_path: Path, account: str
) -> None:
    source = table(tmp_path, emulator, 1)
    Path(source[1]).write_text(f"account\n{account}\n")
    code, seen = at_a_terminal(*DELETE, "--yes", *options, *source, columns=200)
    assert code == 1
    assert "what failed, to be mended:  tim-async job " in seen
    assert '"outcome"' not in seen  # the journal has them


def test_as_json_all_lines_are_objects_and_quiet_tells_only_the_end(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 3)
    with Path(source[1]).open("a") as file:
        file.write("u1\n")
    command = ["push", "get-tags", "--column", "account", *options, *source]
    assert run([*command, "--json"]) == 0
    told = lines(capsys.readouterr().err)
    assert [each["event"] for each in told] == ["told", "end"]
    assert (told[-1]["exit"], told[-1]["counts"]["Ok"]) == (0, 4)
    assert run([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == "4 rows: 4 Ok\n"
