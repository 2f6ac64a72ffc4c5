"""A file that is no list, or broken, or changes, is told in one line, and only what was looked through is sent."""

import gzip
import os
from pathlib import Path

import pytest
from box import at_a_terminal, emulator_apart, lines, start, table

from tim_async.cli.app import run
from tim_async.emulator import Emulator

GET_TAGS = ("push", "get-tags", "--column", "account")
DELETE = ("accounts", "delete", "--column", "account")


emulator = emulator_apart(latency=0.005)


TO_THE_END = "the quotes make no sense (one is not closed, or stands inside of a cell), so all 3 lines up to the end"


@pytest.mark.parametrize(
    "case",
    [
        (
            'account,notes\nMary,"a\nBob,hi\n",\n',
            "row 2, so nothing was sent; the first: the number of cells is wrong: 3",
        ),
        ('account,notes\nMary,"a "b\nBob,hi\n",\n', f"row 2, so nothing was sent; the first: {TO_THE_END}"),
        ('account,notes\nMary,"a\nBob,hi\nx,y\n', f"row 2, so nothing was sent; the first: {TO_THE_END}"),
        ("account,notes\nBob\nMary,1\nBob,2,3\n", "2 rows (2, 4), so nothing was sent; the first: the number of cells"),
    ],
)
def test_a_file_with_a_broken_record_is_refused_where_it_is_for_good(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, str]
) -> None:
    text, told = case
    emulator.accounts.add("Mary", "Bob")
    path = tmp_path / "users.csv"
    path.write_text(text)
    assert run([*DELETE, "--yes", *options, "--from", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tim-async: users.csv has broken records, {told}")
    assert err.endswith("; mend the file, or say --skip-broken to leave them out\n")
    assert err.count("\n") == 1
    assert emulator.statistics() == {}
    assert run([*DELETE, "--yes", "--skip-broken", *options, "--from", str(path)]) == 1
    assert "Bob" in emulator.accounts


def test_a_broken_json_line_is_a_broken_record(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text('{"account": "Mary"}\n{"account": "Bo\n["Bob"]\n')
    assert run(["accounts", "delete", "--yes", *options, "--from", str(path)]) == 2
    assert "users.jsonl has broken records, 2 rows (2, 3), so nothing was sent" in capsys.readouterr().err
    assert emulator.statistics() == {}


def test_what_can_be_done_again_is_done_for_all_sound_rows(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.accounts.add("Mary", "Bob")
    path = tmp_path / "users.csv"
    path.write_text('account,notes\nMary,x\nBob,"a "b\n')
    assert run([*GET_TAGS, *options, "--from", str(path)]) == 1
    assert {line["row"]: line["outcome"] for line in lines(capsys.readouterr().out)} == {2: "Ok", 3: "NotSent"}


@pytest.mark.parametrize(
    "case",
    [
        (gzip.compress(b"Mary\nBob\n" * 1000)[:-5], "users is cut: its gzip data break off; get all of it"),
        (b'"Mary"\n"Bob"\n', "users has its accounts in quotes"),
        (b"user_id\nMary\n", "users begins with 'user_id', which reads like a heading: say --column 'user_id'"),
        (
            "Mary\n玛丽\n".encode("gbk"),
            "users is not UTF-8: line 2 has the byte 0xc2; say in which encoding it is: --encoding gbk",
        ),
        ("Mary\n".encode("utf-16-le"), "users looks like UTF-16-LE, not UTF-8; say --encoding utf-16-le"),
        (b"PAR1", "users is cut: it is Parquet"),
        (b"<html>\n", "users is HTML or XML"),
    ],
)
def test_what_is_no_list_is_one_line_and_no_call(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[bytes, str]
) -> None:
    data, told = case
    path = tmp_path / "users"
    path.write_bytes(data)
    assert run(["accounts", "import-many", *options, "--from", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tim-async: {told}")
    assert err.count("\n") == 1
    assert emulator.statistics() == {}


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (b'["Mary",\n"Bob"]', []),
        (gzip.compress(b"Mary\nBob\n"), []),
        ("Mary\nBob\n".encode("utf-16"), ["--encoding", "utf-16"]),
        (gzip.compress('{"account": "Mary"}\n{"account": "Bob"}\n'.encode("utf-32")), ["--encoding", "utf-32"]),
    ],
)
def test_what_is_a_list_is_read_as_what_it_is(
    emulator: Emulator, options: list[str], tmp_path: Path, data: bytes, more: list[str]
) -> None:
    path = tmp_path / "users"
    path.write_bytes(data)
    assert run(["accounts", "import-many", *options, "--from", str(path), *more]) == 0
    assert list(emulator.accounts) == ["Mary", "Bob"]


def test_what_may_be_a_mistake_is_told_before_anything_is_sent(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "users.csv"
    path.write_text("account\nMary\n1.40E+10\nMary\n")
    notes = (
        "users.csv: 1 row with the account of an earlier row: 4 as 2\n"
        "users.csv: row 3 with an account in scientific notation, as a spreadsheet spoils long numbers, "
        "the first: 1.40E+10\n"
    )
    with start(*GET_TAGS, *options, "--from", str(path)) as process:
        _, err = process.communicate()
    assert err.decode().startswith(f"{notes}3 rows: ")
    code, seen = at_a_terminal(
        *DELETE, *options, "--from", str(path), "--to", str(tmp_path / "o"), answer=b"n\n", columns=200
    )
    assert code == 2
    assert f"{notes}users.csv: delete 2 accounts of app 1400000000 for good? [y/N]" in seen


def test_nobody_to_be_asked_is_told_before_a_file_is_opened(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*DELETE, *options, "--from", str(tmp_path / "nowhere")]) == 2
    assert "nobody is there to be asked" in capsys.readouterr().err


def test_the_question_says_what_is_left_out(emulator: Emulator, options: list[str], tmp_path: Path) -> None:
    emulator.accounts.add("Mary", "Bob")
    path = tmp_path / "users.csv"
    path.write_text('account\nMary\nBob,x\n""\n')
    sending = [*DELETE, *options, "--from", str(path), "--to", str(tmp_path / "o")]
    code, seen = at_a_terminal(*sending, "--skip-broken", answer=b"y\n", columns=200)
    assert "delete 1 account of app 1400000000 for good? (without row 3, which cannot be read)" in seen
    assert (code, list(emulator.accounts)) == (1, ["Bob"])


# What is sent is what was looked through


CHANGED = "accounts.csv was changed after it had been looked through"


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("keep_time", [True, False])
def test_a_file_that_changes_before_the_answer_is_not_sent(
    emulator: Emulator, options: list[str], tmp_path: Path, *, keep_time: bool
) -> None:
    source = table(tmp_path, emulator, 3)
    path = Path(source[1])

    def change() -> None:
        before = path.stat()
        path.write_text(path.read_text().replace("u1", "u9"))
        if keep_time:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    emulator.accounts.add("u9")
    to = tmp_path / "outcomes"
    code, seen = at_a_terminal(
        *DELETE, *options, *source, "--to", str(to), answer=b"y\n", columns=200, meanwhile=change
    )
    assert code == 2
    assert f"tim-async: {CHANGED}; nothing was sent" in seen
    assert emulator.statistics() == {}
    assert not to.exists()


def padded(folder: Path, emulator: Emulator, count: int) -> Path:
    """A file that is read in many blocks. Of its outcomes a pipe holds some hundred lines, so the job waits."""
    emulator.accounts.add(*(f"u{number}" for number in range(count)), "stranger")
    path = folder / "accounts.csv"
    path.write_text("account,pad\n" + "".join(f"u{number},{'x' * 1000}\n" for number in range(count)))
    return path


def test_a_file_that_changes_behind_what_is_read_gives_no_row_that_was_not_counted(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    path = padded(tmp_path, emulator, 10_000)
    with start(*DELETE, "--yes", *options, "--from", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        with path.open("ab") as file:
            file.write(b"stranger,\n")
        outcomes = lines(first + process.stdout.read())
        err = process.stderr.read().decode()
    assert process.returncode == 2
    assert err.startswith(f"tim-async: {CHANGED}; {len(outcomes):,} rows: ")
    assert "; rows after line " in err
    assert len(outcomes) < 10_000
    assert {line["outcome"] for line in outcomes} <= {"Ok", "NotSent"}
    assert "stranger" in emulator.accounts


def test_a_file_that_changes_where_it_was_read_is_told_at_the_end(
    emulator: Emulator, options: list[str], tmp_path: Path
) -> None:
    path = padded(tmp_path, emulator, 3000)
    with start(*DELETE, "--yes", *options, "--from", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        with path.open("r+b") as file:
            file.write(b"account,paD\n")
        outcomes = lines(first + process.stdout.read())
        err = process.stderr.read().decode()
    assert (process.returncode, len(outcomes)) == (2, 3000)
    assert err == f"tim-async: {CHANGED}; 3,000 rows: 3,000 Ok\n"


def test_outcomes_do_not_overwrite_what_is_there(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "outcomes"
    to.write_text("the first run's")
    sending = [*DELETE, "--yes", *options, *table(tmp_path, emulator, 3), "--to", str(to)]
    assert run(sending) == 2
    assert "exists already" in capsys.readouterr().err
    assert (to.read_text(), emulator.statistics()) == ("the first run's", {})
    assert run([*sending, "--force"]) == 0
    assert len(lines(to.read_text())) == 3
