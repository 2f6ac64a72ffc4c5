"""A file goes through a command: outcomes come out, the exit code tells, and nothing is lost."""

import csv
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import (
    AT_A_TERMINAL,
    at_a_terminal,
    connection,
    emulator_apart,
    lines,
    running,
    running_process,
    start,
    table,
    until,
)

from tim_async.cli.app import run
from tim_async.emulator import Emulator

GET_TAGS = ("push", "get-tags", "--column", "account")
DELETE = ("accounts", "delete", "--column", "account")


emulator = emulator_apart(latency=0.005)


def test_all_ok_is_0_and_outcomes_go_to_standard_output(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*GET_TAGS, *options, *table(tmp_path, emulator, 250)]) == 0
    captured = capsys.readouterr()
    assert sorted(line["row"] for line in lines(captured.out)) == list(range(2, 252))
    assert captured.err == "250 rows: 250 Ok\n"


def test_not_all_ok_is_1_and_what_went_wrong_is_told_with_its_rows(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 2)
    with Path(source[1]).open("a") as file:
        file.write("nobody\nx,y\n\n\nu1\n" + "z" * 40 + '\n"open\nu2\n')
    to = tmp_path / "outcomes.csv"
    sending = [*DELETE, "--yes", "--skip-broken", *options, *source]
    assert run([*sending, "--to", str(to), "--format", "csv"]) == 1
    captured = capsys.readouterr()
    with to.open(newline="") as file:
        outcomes = {int(row["row"]): row["outcome"] for row in csv.DictReader(file)}
    assert outcomes == {2: "Ok", 3: "Ok", 4: "Rejected", 5: "NotSent", 8: "Ok", 9: "NotSent", 10: "NotSent"}
    assert captured.out == ""
    before, first, *rest = captured.err.splitlines()
    assert before == "accounts.csv: 1 row with the account of an earlier row: 8 as 3"
    assert first == "7 rows: 3 Ok, 1 Rejected, 3 NotSent"
    assert {line.partition(":")[0].strip() for line in rest} == {
        "NotSent, row 5",
        "NotSent, row 10",
        "Rejected 70107, row 4",
        "NotSent 70402, row 9",
    }
    assert "  NotSent, row 5: the number of cells is wrong: 2 instead of 1" in rest
    assert "u2" not in {line["account"] for line in csv.DictReader(to.read_text().splitlines())}


def test_accounts_may_come_from_standard_input(emulator: Emulator, options: list[str]) -> None:
    emulator.accounts.add("Mary")
    with start("push", "get-tags", "--from", "-", *options) as process:
        out, err = process.communicate(b"Mary\n")
    assert process.returncode == 0
    assert [line["account"] for line in lines(out)] == ["Mary"]
    assert err == b"1 row: 1 Ok\n"


def test_the_end_of_the_time_is_1_and_says_from_where_on_nothing_was_read(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Three seconds at the limit, of which what was taken may use some.
    assert run([*GET_TAGS, *options, *table(tmp_path, emulator, 30_000), "--timeout", "20ms"]) == 1
    captured = capsys.readouterr()
    outcomes = lines(captured.out)
    assert len({line["row"] for line in outcomes}) == len(outcomes) < 30_000
    assert f"rows after line {max(line['row'] for line in outcomes):,} were not read" in captured.err


def test_wrong_credentials_are_3_and_one_line_that_says_what_to_check(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options[3:4] = [str(tmp_path / "wrong")]
    (tmp_path / "wrong").write_text("a-wrong-key")
    assert run([*GET_TAGS, *options, *table(tmp_path, emulator, 3)]) == 3
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "check --sdk-app-id, the secret key, --identifier and --region; 3 rows" in captured.err
    assert [line["outcome"] for line in lines(captured.out)] != ["Ok"] * 3
    assert "a-wrong-key" not in captured.err + captured.out


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--region", "moon"], "region must be one of"),
        (["--base-url", "http://example.com"], "http"),
        (["--sdk-app-id", "0"], "sdk_app_id must be"),
    ],
)
def test_an_impossible_option_is_2(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], told: str
) -> None:
    rest = options[:4] if wrong[0] == "--region" else options
    assert run([*GET_TAGS, *rest, *wrong, "--from", str(tmp_path / "x")]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_outcomes_do_not_overwrite_the_file_that_is_read(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 3)
    assert run([*GET_TAGS, *options, *source, "--to", source[1]]) == 2
    assert "is the file that is read" in capsys.readouterr().err
    assert Path(source[1]).read_text().startswith("account")
    assert emulator.statistics() == {}


def test_a_place_where_outcomes_cannot_be_written_is_told_before_anything_is_sent(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*GET_TAGS, *options, *table(tmp_path, emulator, 3), "--to", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err
        == f"tim-async: {tmp_path} cannot be written: Is a directory; say another place: --to FILE\n"
    )
    assert emulator.statistics() == {}


def test_a_disk_that_is_full_ends_the_job_with_one_line(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*GET_TAGS, *options, *table(tmp_path, emulator, 3), "--to", "/dev/full"]) == 2
    assert "the outcomes cannot be written to /dev/full: No space left on device; 3 rows" in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_the_job_with_one_line(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    with start(*GET_TAGS, *options, *table(tmp_path, emulator, 3)) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate()
    assert process.returncode == 2
    assert err.decode().startswith("tim-async: the outcomes cannot be written to standard output: Broken pipe; ")
    assert err.count(b"\n") == 1


def test_nobody_deletes_without_being_asked_or_saying_yes(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    with start(*DELETE, *options, *table(tmp_path, emulator, 3)) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    assert b"say --yes if you mean it" in err
    assert len(emulator.accounts) == 3


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 2)])
def test_at_a_terminal_delete_asks(
    emulator: Emulator, options: list[str], tmp_path: Path, answer: bytes, code: int
) -> None:
    arguments = [*DELETE, *options, *table(tmp_path, emulator, 3), "--to", str(tmp_path / "o.jsonl")]
    returned, seen = at_a_terminal(*arguments, answer=answer)
    assert returned == code
    assert "accounts.csv: delete 3 accounts of app 1400000000 for good?" in " ".join(seen.split())
    assert len(emulator.accounts) == (0 if code == 0 else 3)
    # At a terminal there is a bar, too.
    assert ("3/3" in seen) == (code == 0)


@pytest.fixture
def hangups() -> Iterator[None]:
    """HUP ends processes, as it does where nobody said nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_job_with_what_is_known_written_and_one_line(tmp_path: Path, number: int, code: int) -> None:
    with running(Emulator(latency=0.05)) as emulator:
        source = table(tmp_path, emulator, 5_000)
        with start(*GET_TAGS, *connection(emulator, tmp_path), *source, "--rate", "5") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline()
            process.send_signal(number)
            outcomes = lines(first + process.stdout.read())
            err = process.stderr.read()
        assert process.returncode == code
        assert len({line["row"] for line in outcomes}) == len(outcomes) < 5_000
        assert max(line["row"] for line in outcomes) == len(outcomes) + 1
        assert {line["outcome"] for line in outcomes} <= {"Ok", "NotSent"}
        assert err.decode().startswith(f"tim-async: interrupted; {len(outcomes):,} rows: ")
        assert err.count(b"\n") == 1


def test_a_second_signal_does_not_wait_and_what_was_on_its_way_is_unknown(tmp_path: Path) -> None:
    with running(Emulator(latency=30)) as emulator:
        source = table(tmp_path, emulator, 300)
        fifo = tmp_path / "outcomes"
        os.mkfifo(fifo)
        arguments = (*GET_TAGS, *connection(emulator, tmp_path), *source, "--to", str(fifo))
        with start(*arguments) as process, fifo.open("rb") as outcomes:
            until(lambda: emulator.statistics().get("timpush/get_tag"))
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            written = lines(outcomes.read())
            _, err = process.communicate()
    assert process.returncode in {130, 143}
    assert sorted(line["row"] for line in written) == list(range(2, 302))
    assert "Unknown" in {line["outcome"] for line in written}
    assert err.count(b"\n") == 1


@pytest.mark.usefixtures("counted")
@pytest.mark.usefixtures("hangups")
def test_a_terminal_that_is_closed_ends_the_job_with_what_is_known_written(emulator: Emulator, tmp_path: Path) -> None:
    source = table(tmp_path, emulator, 5_000)
    fifo = tmp_path / "outcomes"
    os.mkfifo(fifo)  # which holds some hundred lines, so that the job waits until it is read
    arguments = [*DELETE, "--yes", *connection(emulator, tmp_path), *source, "--rate", "5", "--to", str(fifo)]
    ours, theirs = pty.openpty()
    with running_process([sys.executable, "-c", AT_A_TERMINAL, *arguments], theirs) as process:
        os.close(theirs)
        with fifo.open("rb") as reader:
            first = reader.readline()
            os.close(ours)
            written = lines(first + reader.read())
    assert process.returncode == 129
    assert {line["outcome"] for line in written} <= {"Ok", "NotSent"}
    assert len({line["row"] for line in written}) == len(written) < 5_000
    assert sum(line["outcome"] == "Ok" for line in written) == 5_000 - len(emulator.accounts)


@pytest.mark.usefixtures("hangups")
def test_under_nohup_the_job_survives_its_terminal(emulator: Emulator, tmp_path: Path) -> None:
    source = table(tmp_path, emulator, 3000)
    command = ["nohup", sys.executable, "-m", "tim_async", *DELETE, "--yes", *connection(emulator, tmp_path), *source]
    with running_process(command, subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert len(lines(first + process.stdout.read())) == 3000
    assert (process.returncode, len(emulator.accounts)) == (0, 0)
