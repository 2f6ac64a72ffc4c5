"""Commands that write keep a journal: they can be stopped and go on, and tell where they stand."""

import asyncio
import csv
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from box import at_a_terminal, connection, emulator_apart, lines, running, start, table, until

from tim_async import Client, bulk
from tim_async.bulk.journal.lock import Lock
from tim_async.cli.app import run
from tim_async.emulator import DEMO_KEY, Emulator

DELETE = ("accounts", "delete", "--yes", "--column", "account")
JOB = "accounts.csv.accounts-delete.job"


emulator = emulator_apart(latency=0.005)


def key(folder: Path) -> list[str]:
    return ["--secret-key-file", str(folder / "key")]


def stopped(emulator: Emulator, options: list[str], folder: Path, count: int = 300) -> str:
    """A deletion whose time is over before anything is sent; its journal."""
    assert run([*DELETE, *options, *table(folder, emulator, count), "--timeout", "0", "--to", os.devnull]) == 75
    return str(folder / JOB)


def test_a_deletion_keeps_a_journal_beside_its_file_and_the_same_again_sends_nothing_and_tells_all(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*DELETE, *options, *table(tmp_path, emulator, 250), "--to", str(tmp_path / "out.jsonl")]
    assert run(command) == 0
    assert capsys.readouterr().err == "250 rows: 250 Ok\n"
    assert (tmp_path / JOB).exists()
    sent = len(emulator.books.calls)
    (tmp_path / "out.jsonl").write_text("lost\n")
    assert run(command) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{JOB}: accounts.delete, app 1400000000, 250 rows of accounts.csv"
    assert told[2] == "    250 rows done, 0 not sent yet"
    assert told[-1] == "250 rows: 250 Ok"
    assert len(emulator.books.calls) == sent
    assert [line["row"] for line in lines((tmp_path / "out.jsonl").read_text())] == list(range(2, 252))


@pytest.mark.parametrize(
    ("command", "is_kept"), [([*DELETE, "--no-journal"], False), (["push", "get-tags", "--column", "account"], False)]
)
def test_there_is_none_where_it_is_not_wanted_and_for_what_only_reads(
    emulator: Emulator, options: list[str], tmp_path: Path, command: list[str], is_kept: bool
) -> None:
    assert run([*command, *options, *table(tmp_path, emulator, 3)]) == 0
    assert (list(tmp_path.glob("*.job")) != []) == is_kept


def test_to_want_one_and_none_is_a_mistake(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*DELETE, *options, "--from", "x", "--journal", "y", "--no-journal"]) == 2
    assert "contradict" in capsys.readouterr().err


def test_a_signal_leaves_a_job_that_goes_on_by_its_journal_alone(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(Emulator(latency=0.05)) as emulator:
        source = table(tmp_path, emulator, 3_000)
        with start(*DELETE, *connection(emulator, tmp_path), *source, "--rate", "5", "--to", os.devnull) as process:
            until(lambda: emulator.books.calls)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        assert process.returncode == 130
        assert err.decode().splitlines()[-1].startswith("go on:  tim-async resume ")
        assert 0 < len(emulator.accounts) < 3_000
        job = str(tmp_path / JOB)
        assert run(["job", job, "--outcomes", str(tmp_path / "so-far.csv"), "--format", "csv"]) == 0
        told = capsys.readouterr().out.splitlines()
        assert told[1].endswith(": stopped")
        assert told[-1].startswith("go on:  tim-async resume ")
        with (tmp_path / "so-far.csv").open(newline="") as file:
            gone = {row["account"] for row in csv.DictReader(file) if row["outcome"] == "Ok"}
        assert gone.isdisjoint(emulator.accounts)
        assert len(gone) == 3_000 - len(emulator.accounts)
        assert run(["resume", job, *key(tmp_path), "--to", str(tmp_path / "all.jsonl")]) == 0
        assert len(emulator.accounts) == 0
        assert max(len(emulator.books.of(name)) for name in ("u0", "u1400", "u2999")) == 1
    assert {line["outcome"] for line in lines((tmp_path / "all.jsonl").read_text())} == {"Ok"}


def test_what_the_accounts_get_stands_in_the_journal_too(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    emulator.accounts.add("Mary", "John")
    path = tmp_path / "users.csv"
    path.write_text("id,town\nMary,Oslo\nJohn,Lyon\n")
    command = ["push", "set-attributes", "--from", str(path), "--column", "id", "--attribute", "city=town"]
    assert run([*command, "--set", "n:=5", *options, "--timeout", "0"]) == 75
    assert run(["resume", f"{path}.push-set_attributes.job", *key(tmp_path)]) == 1  # a value is a text
    assert run([*command, "--set", "n=5", *options, "--timeout", "0"]) == 75
    assert emulator.accounts["Mary"].attributes == {}
    assert run(["resume", f"{path}.push-set_attributes.job", *key(tmp_path)]) == 0
    assert emulator.accounts["Mary"].attributes == {"city": "Oslo", "n": "5"}


def test_a_finished_journal_of_another_job_makes_room_and_an_open_one_does_not(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path, emulator, 3)
    adding = ["push", "add-tags", "--column", "account", *options, *source, "--to", os.devnull, "--tag"]
    assert [run([*adding, tag]) for tag in ("a", "b", "c")] == [0, 0, 0]
    assert sorted(path.name for path in tmp_path.glob("*.job")) == [
        "accounts.csv.push-add_tags.1.job",
        "accounts.csv.push-add_tags.2.job",
        "accounts.csv.push-add_tags.job",
    ]
    assert run([*adding, "d", "--timeout", "0"]) == 75
    capsys.readouterr()
    assert run([*adding, "e"]) == 2
    assert "is the journal of a job with other options" in capsys.readouterr().err
    assert emulator.accounts["u1"].tags == ["a", "b", "c"]


def test_with_a_wrong_key_it_is_3_and_with_the_right_one_it_goes_on(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, right = table(tmp_path, emulator, 300), (tmp_path / "key").read_text()
    (tmp_path / "key").write_text("not-this-one")
    assert run([*DELETE, *options, *source]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("go on:  tim-async resume ")
    (tmp_path / "key").write_text(right)
    assert run(["resume", str(tmp_path / JOB), *key(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    assert len(emulator.accounts) == 0


def test_a_journal_in_the_hands_of_another_process_is_75(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = stopped(emulator, options, tmp_path)
    lock = Lock(Path(job))
    lock.tell("x", 0)
    capsys.readouterr()
    assert run(["resume", job, *key(tmp_path)]) == 75
    assert f"is held by process {os.getpid()} on " in capsys.readouterr().err
    assert run(["job", job]) == 0
    out = capsys.readouterr().out
    assert f"; at work: process {os.getpid()} on " in out
    assert "go on" not in out
    lock.release(whole=True)
    assert run(["resume", job, *key(tmp_path)]) == 0


def rested(job: str) -> None:
    with closing(sqlite3.connect(job)) as database:
        database.execute("INSERT INTO log (at, runs) VALUES (1, x'90')")
        database.commit()


@pytest.mark.usefixtures("counted")
def test_a_deletion_that_rested_asks_and_where_nobody_is_there_it_is_4(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = stopped(emulator, options, tmp_path, 3)
    rested(job)
    capsys.readouterr()
    assert run(["resume", job, *key(tmp_path)]) == 4
    assert "may have been imported anew since, and would be deleted again; if you want that, add --yes" in " ".join(
        capsys.readouterr().err.split()
    )
    returned, seen = at_a_terminal("resume", job, *key(tmp_path), answer=b"n\n")
    assert (returned, len(emulator.accounts)) == (2, 3)
    assert "nothing more was deleted" in " ".join(seen.split())
    returned, _ = at_a_terminal("resume", job, *key(tmp_path), answer=b"y\n")
    assert (returned, len(emulator.accounts)) == (0, 0)


def test_standard_input_is_kept_beside_the_journal(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.accounts.add("Mary", "John")
    job = tmp_path / "it.job"
    with start(
        "accounts", "delete", "--yes", "--from", "-", "--journal", str(job), *options, "--timeout", "0"
    ) as process:
        process.communicate(b"Mary\nJohn\nnobody\n")
    assert process.returncode == 75
    assert run(["resume", str(job), *key(tmp_path)]) == 1
    assert len(emulator.accounts) == 0
    capsys.readouterr()
    assert run(["job", str(job), "--failures", str(tmp_path / "mend.jsonl")]) == 0
    captured = capsys.readouterr()
    assert "    1 Rejected 70107: the account does not exist" in captured.out
    assert captured.err == "mend.jsonl: 1 row\n"
    assert [line["account"] for line in lines((tmp_path / "mend.jsonl").read_text())] == ["nobody"]


@pytest.mark.usefixtures("counted")
def test_a_copy_of_cut_input_does_not_bar_the_whole_one(emulator: Emulator, options: list[str], tmp_path: Path) -> None:
    emulator.accounts.add("Mary", "John")
    command = ("accounts", "delete", "--yes", "--from", "-", "--journal", str(tmp_path / "it.job"), *options)
    for given, code, left in ((b"Mary\nJo", 4, 2), (b"Mary\nJohn\n", 0, 0), (b"Mary\nJo\n", 2, 0)):
        with start(*command, "--to", os.devnull) as process:
            process.communicate(given)
        assert (process.returncode, len(emulator.accounts)) == (code, left)


@pytest.mark.parametrize("command", ["resume", "job"])
def test_what_is_no_journal_is_told(
    tmp_path: Path, command: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = key(tmp_path) if command == "resume" else []
    assert run([command, str(tmp_path / "none"), *more]) == 2
    (tmp_path / "some").write_text("account\nMary\n" * 20)
    assert run([command, str(tmp_path / "some"), *more]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("none cannot be read: No such file or directory")
    assert second.endswith("some is no journal of tim-async, or only a part of one")


async def by_a_program(emulator: Emulator, folder: Path) -> None:
    async with Client(sdk_app_id=emulator.sdk_app_id, secret_key=DEMO_KEY, base_url=emulator.url) as tim:
        await bulk.run(tim.push.clear_tags, ["u1"], journal=folder / "it.job")
        await bulk.run(tim.push.clear_tags, ["u1", "u2"], journal=folder / "first.job", first=1)
        await bulk.run(tim.push.clear_tags, iter(["u1", "u2"]), journal=folder / "once.job", first=1)
        await bulk.run(tim.push.clear_tags, iter(["u1", "u2"]), journal=folder / "all.job")


def test_a_journal_of_a_program_is_told_but_only_the_program_goes_on(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(by_a_program(emulator, tmp_path))
    told = []
    for name in ("it", "first", "once", "all"):
        assert run(["job", str(tmp_path / f"{name}.job")]) == 0
        told.append(capsys.readouterr().out.splitlines())
    assert "1 row of the items" in told[0][0]
    assert told[1][-1] == "go on:  start its own program again, with the same journal"
    assert told[2][-1] == "it cannot go on: its input could be read only once"
    for lines_told in (told[0], told[3]):
        assert "; done " in lines_told[1]
        assert not [line for line in lines_told if "go on" in line]
    assert run(["resume", str(tmp_path / "it.job"), *key(tmp_path)]) == 2
    assert run(["job", str(tmp_path / "it.job"), "--outcomes", str(tmp_path / "out")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("was not made by this command line: its own program goes on with it")
    assert second.endswith("only the program that gave them can go on")


def test_a_killed_job_says_when_it_was_last_heard_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(Emulator(latency=30)) as emulator:
        source = table(tmp_path, emulator, 300)
        with start(*DELETE, *connection(emulator, tmp_path), *source, "--to", os.devnull) as process:
            until(emulator.statistics)
            process.kill()
        assert run(["job", str(tmp_path / JOB)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "stopped without a goodbye (killed, or the power went), last heard of " in told[1]
    assert told[2] == "    0 rows done, 300 may have been sent, 0 not sent yet"
    assert told[3].startswith("go on:  tim-async resume ")


def test_a_full_disk_leaves_a_job_that_can_be_resumed(emulator: Emulator, options: list[str], tmp_path: Path) -> None:
    with start(*DELETE, *options, *table(tmp_path, emulator, 3), "--to", "/dev/full") as process:
        _, err = process.communicate()
    assert process.returncode == 75
    assert b"the outcomes cannot be written to /dev/full: No space left on device; " in err
    assert run(["resume", str(tmp_path / JOB), *key(tmp_path)]) == 0
    assert run(["job", str(tmp_path / JOB), "--outcomes", str(tmp_path / "out.jsonl")]) == 0
    assert len(lines((tmp_path / "out.jsonl").read_text())) == 3


@pytest.mark.usefixtures("counted")
def test_a_last_line_without_its_end_is_asked_about_before_anything_is_deleted(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.accounts.add("user10", "user1000", "user1")
    path = tmp_path / "cut.txt"
    path.write_text("user10\nuser1")
    command = ["accounts", "delete", "--from", str(path), *options, "--to", os.devnull]
    assert run([*command, "--yes"]) == 4
    assert "user1 may be only the beginning of an account; nothing was sent" in capsys.readouterr().err
    assert at_a_terminal(*command, answer=b"n\n")[0] == 2
    assert len(emulator.accounts) == 3
    assert at_a_terminal(*command, answer=b"y\ny\n")[0] == 0
    assert list(emulator.accounts) == ["user1000"]
    path.write_text("user1000")
    assert run([*command, "--yes", "--no-final-newline-ok", "--no-journal"]) == 0


def test_a_resume_completes_the_outcomes_of_the_first_start_and_overwrites_no_other_file(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out.csv", tmp_path / "dear.jsonl"
    other.write_text("dear to somebody\n")
    source = table(tmp_path, emulator, 3)
    assert run([*DELETE, *options, *source, "--timeout", "0", "--to", str(out), "--format", "csv"]) == 75
    job = str(tmp_path / JOB)
    for words in (["resume", job, *key(tmp_path)], [*DELETE, *options, *source]):
        assert run([*words, "--to", str(other)]) == 2
        assert f"--to {other} exists already" in capsys.readouterr().err
    assert other.read_text() == "dear to somebody\n"
    assert emulator.books.calls == []
    assert run(["resume", job, *key(tmp_path)]) == 0
    with out.open(newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == ["Ok"] * 3
    assert run(["resume", job, *key(tmp_path), "--to", str(other), "--force"]) == 0
    assert len(other.read_text().splitlines()) == 4
    assert run(["resume", job, *key(tmp_path), "--to", str(tmp_path / "new.jsonl"), "--format", "jsonl"]) == 0
    assert [line["outcome"] for line in lines((tmp_path / "new.jsonl").read_text())] == ["Ok"] * 3
