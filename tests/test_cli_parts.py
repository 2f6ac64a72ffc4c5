"""One part of a file from the command line: who else has it, where its outcomes are, and how it ends."""

import resource
import signal
import threading
from pathlib import Path

import pytest
from box import connection, emulator_apart, lines, running, start, table

from tim_async.cli.app import run
from tim_async.emulator import Emulator

TICK = threading.Event()  # never set: other processes ring no bell
DELETE = ("accounts", "delete", "--yes", "--column", "account")


emulator = emulator_apart(latency=0.005)


@pytest.fixture
def command(emulator: Emulator, tmp_path: Path) -> list[str]:
    (tmp_path / "gone").mkdir()
    return [*DELETE, *connection(emulator, tmp_path), *table(tmp_path, emulator, 400), "--to", f"{tmp_path}/gone/"]


def test_the_parts_make_the_whole_and_a_part_that_is_done_is_not_done_again(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [run([*command, "--part", f"{index}/3"]) for index in range(3)] == [0, 0, 0]
    assert len(emulator.accounts) == 0
    told = capsys.readouterr().err
    assert f" Ok; the outcomes are in {tmp_path}/gone/part-00000-of-00003.jsonl\n" in told
    found = [line for path in sorted((tmp_path / "gone").glob("*.jsonl")) for line in lines(path.read_text())]
    assert sorted(line["row"] for line in found) == list(range(2, 402))
    sent = len(emulator.books.calls)
    assert run([*command, "--part", "2/3"]) == 0
    assert "part-00002-of-00003.jsonl, from an earlier start\n" in capsys.readouterr().err
    assert len(emulator.books.calls) == sent
    assert run([*command, "--part", "0/1", "--format", "csv"]) == 1
    assert "  Rejected 70107, 400 rows" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.job"))


def test_outcomes_of_another_list_or_command_are_not_told_of_this_one(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = tmp_path / "others.csv"
    others.write_text("account\nu1\nu2\n")
    importing = ["accounts", "import-many", *command[3:], "--part", "0/1"]
    assert run(importing) == 0
    capsys.readouterr()
    for words, told in (
        ([*importing, "--from", str(others)], "is the journal of another input"),
        ([*command, "--part", "0/1"], "is the journal of accounts.import_many, not of accounts.delete"),
    ):
        assert run(words) == 2
        assert f"part-00000-of-00001.started {told}" in capsys.readouterr().err
    assert len(emulator.accounts) == 400
    (tmp_path / "gone" / "part-00000-of-00001.started").unlink()  # whoever tidies up is believed
    assert run(importing) == 0
    assert ", from an earlier start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--part", "3"], "'3' is not a part such as 3/16"),
        (["--part", "3/3"], "there is no part 3/3; parts are counted from 0 to 2"),
        (["--part", "0/0"], "there is no part 0/0; parts are counted from 0"),
        (["--part", "0/3", "--journal", "x"], "--part keeps no journal"),
        (["--part", "0/3", "--force"], "overwrites nothing"),
        (["--part", "0/3", "--first", "9"], "--first needs a journal"),
        (["--part", "0/3", "--to", "-"], "--part needs --to"),
        (["--part", "0/3", "--from", "-"], "not standard input"),
        (["--part", "0/3", "--to", "/no/such/folder"], "there is no folder /no/such/folder"),
    ],
)
def test_what_does_not_go_together_is_told(
    emulator: Emulator, command: list[str], more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, *more]) == 2
    assert told in capsys.readouterr().err
    assert emulator.books.calls == []


def test_a_wrong_key_leaves_the_part_to_be_done(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("wrong" * 12)
    assert run([*command, "--part", "0/2"]) == 3
    assert "the part is not done; the same command goes on with it" in capsys.readouterr().err


def test_a_part_whose_time_is_over_can_be_resumed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--part", "0/2", "--timeout", "0"]) == 75
    assert "the part is not done" in capsys.readouterr().err


def test_a_full_disk_under_the_outcomes_is_75_for_the_part_is_to_be_done_again(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        assert run([*command, "--part", "0/1"]) == 75
        assert len(emulator.accounts) == 0
        told = capsys.readouterr().err
        assert run([*command, "--part", "0/1", "--json"]) == 75
        (end,) = lines(capsys.readouterr().err)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    why = f"the outcomes cannot be written to {tmp_path}/gone/part-00000-of-00001.jsonl: File too large"
    assert told.splitlines()[0].startswith(f"tim-async: {why}; 400 rows: ")
    assert (end["stopped_by"], end["outcomes"], end["exit"]) == (why, None, 75)
    assert end["what_now"] == ["the part is not done; the same command goes on with it"]
    assert run([*command, "--part", "0/1"]) == 0  # they are gone, and that may have been us
    assert "400 rows: 400 Ok; the outcomes are in" in capsys.readouterr().err


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_is_told_and_the_part_goes_on_later(
    command: list[str], tmp_path: Path, signals: int, json: bool
) -> None:
    with running(Emulator(latency=60.0)) as slow:
        words = [*command, *connection(slow, tmp_path), "--part", "0/1", *(["--json"] if json else [])]
        with start(*words) as process:
            while not slow.books.calls:
                assert process.poll() is None
                TICK.wait(0.02)
            for _ in range(signals):
                process.send_signal(signal.SIGINT)
                TICK.wait(0.2)  # or both are one signal, which the test would not mind
            _, told = process.communicate()
    assert process.returncode == 130
    again = "the part is not done; the same command goes on with it"
    if json:
        end = lines(told)[-1]
        assert (end["event"], end["exit"], end["stopped_by"], end["what_now"]) == ("end", 130, "interrupted", [again])
    else:
        assert told.endswith(f"tim-async: interrupted; {again}\n".encode())


def test_where_nobody_can_be_asked_a_part_is_not_deleted(
    emulator: Emulator, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*(word for word in command if word != "--yes"), "--part", "0/2"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert emulator.books.calls == []


def test_the_plan_of_a_part_is_its_own_and_sends_nothing(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in command if word != "--yes"]
    assert run([*words, "--part", "1/3", "--plan"]) == 0
    told = capsys.readouterr().err
    assert told.endswith("nothing was sent: this is only the plan\n")
    assert told.startswith("accounts.csv, part 1/3: ")
    assert " of all 400 rows, 400 accounts\n" in told
    [rows] = [line for line in told.splitlines() if " in 2 calls" in line or " in 1 call" in line]
    assert int(rows.split()[0]) < 200
    assert emulator.books.calls == []
    assert list((tmp_path / "gone").iterdir()) == []


@pytest.mark.parametrize("guard", [["--expect", "399"], ["--expect-at-most", "399"]])
def test_what_is_expected_of_the_list_is_expected_of_all_of_it(
    emulator: Emulator, command: list[str], guard: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--part", "0/3", *guard]) == 4
    assert "has 400 rows" in capsys.readouterr().err
    assert emulator.books.calls == []
    assert run([*command, "--part", "0/3", "--expect", "400"]) == 0


def test_a_part_with_too_many_failures_is_stopped_by_the_guard(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.accounts.clear()
    assert run([*command, "--part", "0/1", "--max-failures", "1%"]) == 4
    assert "400 Rejected; the part is not done; the same command goes on with it" in capsys.readouterr().err
    assert not list((tmp_path / "gone").glob("*.jsonl"))


def test_parts_share_a_limit_and_say_how_they_stand(
    emulator: Emulator, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limiter = tmp_path / "budget"
    assert run([*command, "--part", "0/1", "--limiter", f"file:{limiter}", "--json"]) == 0
    told = lines(capsys.readouterr().err)
    assert [line["event"] for line in told] == ["end"]
    assert (told[0]["exit"], told[0]["counts"]["Ok"], told[0]["stopped_by"]) == (0, 400, None)
    assert told[0]["outcomes"] == f"{tmp_path}/gone/part-00000-of-00001.jsonl"
    assert told[0]["what_now"] == []
    assert limiter.exists()
