"""What is written out of a journal: each file whole or not at all, and nothing over another."""

import os
import subprocess
from pathlib import Path

import pytest
from box import connection, emulator_apart, lines, start, table
from journals import MEMO, Journal

from tim_async import NotSent
from tim_async.cli.app import run
from tim_async.emulator import Emulator

JOB = "accounts.csv.accounts-delete.job"


emulator = emulator_apart()


@pytest.fixture
def options(emulator: Emulator, tmp_path: Path) -> list[str]:
    words = ["accounts", "delete", "--yes", "--column", "account", "--from", table(tmp_path, emulator, 300)[1]]
    return [*words, *connection(emulator, tmp_path)]


def key(folder: Path) -> list[str]:
    return ["--secret-key-file", str(folder / "key")]


@pytest.fixture
def job(options: list[str], tmp_path: Path) -> str:
    """A deletion that is done."""
    assert run([*options, "--to", os.devnull]) == 0
    return str(tmp_path / JOB)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--outcomes", "x", "--failures", "./x"], "--outcomes and --failures are two files"),
        (["--failures", "x", "--report", "x"], "--failures and --report are two files"),
        (["--outcomes", "-", "--report-json", "-"], "--outcomes and --report-json are two files"),
    ],
)
def test_two_things_do_not_go_to_one_place(
    job: str, words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    before = sorted(tmp_path.iterdir())
    assert run(["job", job, *words]) == 2
    assert capsys.readouterr().err.startswith(f"tim-async: {told}")
    assert sorted(tmp_path.iterdir()) == before
    assert not Path("x").exists()


def test_nowhere_takes_all(job: str) -> None:
    assert run(["job", job, "--outcomes", os.devnull, "--failures", os.devnull]) == 0


@pytest.mark.usefixtures("counted")
def test_standard_output_gets_the_outcomes_and_nothing_else(job: str) -> None:
    with start("job", job, "--outcomes", "-") as process:
        out, err = process.communicate()
    assert [line["row"] for line in lines(out.decode())] == list(range(2, 302))
    assert err.startswith(f"{JOB}: accounts.delete, ".encode())
    assert err.endswith(b"standard output: 300 rows\n")


def test_what_stands_there_is_told_by_the_name_of_its_own_option(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dear").write_text("dear to somebody\n")
    for option in ("--outcomes", "--failures"):
        assert run(["job", job, option, str(tmp_path / "dear")]) == 2
        assert capsys.readouterr().err.endswith(
            f"{option} {tmp_path / 'dear'} exists already; give the outcomes another name\n"
        )
    assert (tmp_path / "dear").read_text() == "dear to somebody\n"


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("words", [["job", "--outcomes"], ["resume", "--to"]])
@pytest.mark.parametrize(("place", "name"), [("/dev/full", "/dev/full"), ("-", "standard output")])
def test_a_full_disk_is_75_and_told_by_its_name(
    job: str, tmp_path: Path, words: list[str], place: str, name: str
) -> None:
    command, option = words
    more = key(tmp_path) if command == "resume" else []
    with Path("/dev/full").open("wb") as full:
        out = full.fileno() if place == "-" else subprocess.DEVNULL
        with start(command, job, option, place, *more, out=out) as process:
            _, err = process.communicate()
    assert process.returncode == 75
    told = f"tim-async: {name} cannot be written: No space left on device; nothing of the job is lost"
    assert err.decode().splitlines()[-1] == told


@pytest.mark.usefixtures("counted")
def test_a_reader_that_goes_away_is_no_full_disk(job: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with start("job", job, "--outcomes", "-", out=writing) as process:
        os.close(reading)
        os.close(writing)
        _, err = process.communicate()
    assert b"cannot be written" not in err


def test_a_resume_that_is_stopped_leaves_the_outcomes_of_the_first_start_as_they_are(
    options: list[str], emulator: Emulator, tmp_path: Path
) -> None:
    out, other = tmp_path / "out.jsonl", tmp_path / "other.jsonl"
    assert run([*options, "--first", "100", "--to", str(out)]) == 0
    job, before = str(tmp_path / JOB), out.read_bytes()
    assert len(before.splitlines()) == 100
    for _ in range(2):  # what was begun bars nothing
        assert run(["resume", job, *key(tmp_path), "--first", "50", "--to", str(other)]) == 0
    assert not other.exists()
    assert run(["resume", job, *key(tmp_path), "--first", "50"]) == 0
    assert out.read_bytes() == before
    assert run(["resume", job, *key(tmp_path)]) == 0
    assert len(out.read_bytes().splitlines()) == 300


def test_where_the_folder_of_the_outcomes_is_gone_the_way_out_is_told(
    options: list[str], emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    assert run([*options, "--first", "100", "--to", str(tmp_path / "gone/out.jsonl")]) == 0
    (tmp_path / "gone/out.jsonl").unlink()
    (tmp_path / "gone").rmdir()
    capsys.readouterr()
    assert run(["resume", str(tmp_path / JOB), *key(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith(f"no directory {tmp_path / 'gone'}; say another place: --to FILE\n")
    assert len(emulator.accounts) == 200


def test_a_journal_holds_no_word_of_a_row_that_cannot_be_read_and_is_told_in_few_lines(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "broken.jsonl", tmp_path / "out.jsonl"
    rows = [f'{{"account":"Mary{number}"{" " * (number % 9)} oops}}' for number in range(100)]
    path.write_text("\n".join(['{"account":"u1"}', *rows]) + "\n")
    command = ["accounts", "delete", "--yes", "--skip-broken", *options[options.index("--sdk-app-id") :]]
    assert run([*command, "--from", str(path), "--to", str(out)]) == 1
    job = f"{path}.accounts-delete.job"
    capsys.readouterr()
    assert run(["job", job, "--report", str(tmp_path / "it.html"), "--outcomes", str(tmp_path / "again.jsonl")]) == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 5
    assert "    100 NotSent: not a JSON line with an account, JSON is malformed: " in told
    for place in (job, tmp_path / "it.html"):
        assert b"Mary" not in Path(place).read_bytes()
    by_row = [sorted(lines(each.read_text()), key=lambda line: line["row"]) for each in (out, tmp_path / "again.jsonl")]
    assert by_row[0] == by_row[1]


def test_a_journal_with_many_reasons_is_told_in_few_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(tmp_path / "it.job", memo=MEMO)
    words = [f"because of {chr(97 + number)}" for number in range(25)]
    journal.start(*((NotSent(0, "", None, "", why, final=True), place, 1) for place, why in enumerate(words)))
    assert run(["job", str(journal.path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "    5 NotSent: for other reasons, the first: because of u" in told
    assert len([line for line in told if "NotSent" in line]) == 21
