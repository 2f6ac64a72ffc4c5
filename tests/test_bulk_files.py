"""A file is looked through before anything is sent, and what is wrong with it is told in one line."""

import gzip
import io
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tim_async.bulk.files import AccountFile
from tim_async.bulk.reading import InputError, Row
from tim_async.bulk.repeats import Repeat


def told(path: Path, column: str | None = "account") -> str:
    with pytest.raises(InputError) as caught, AccountFile(str(path), column=column):
        pass
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"\xef\xbb\xbfaccount,city\r\nMary,Lyon\r\nMary\r\nJohn,Paris\r\n,Rome\r\nMary,Oslo\r\n")
    return path


def test_the_first_pass_counts_rows_and_finds_repeats_and_the_second_gives_the_same_rows(accounts: Path) -> None:
    with AccountFile(str(accounts), column="account") as opened:
        assert opened.name == "accounts.csv"
        assert opened.count == 5
        assert list(opened.repeats()) == [Repeat(6, 2)]
        numbers = [row.number for row in opened.rows()]
        assert numbers == [2, 3, 4, 5, 6]
        assert [row.number for row in opened.rows()] == numbers


def test_an_iterator_that_is_left_in_the_middle_holds_nothing_open(accounts: Path) -> None:
    with AccountFile(str(accounts), column="account") as opened:
        first, second = opened.rows(), opened.rows()
        assert next(second).number == 2
        assert list(first) == []
    assert list(second) == []


def test_what_can_be_read_only_once_is_read_whole_first(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeding = threading.Thread(target=pipe.write_bytes, args=(b"Mary\nJohn\n",))
    feeding.start()
    with AccountFile(str(pipe)) as opened:
        feeding.join()
        assert opened.count == 2
        assert list(opened.rows()) == [Row(1, "Mary", {}), Row(2, "John", {})]


def test_whether_any_row_brings_an_argument_is_known_after_the_first_pass() -> None:
    for line, known in (b'{"account": "Mary", "argument": []}\n', True), (b'{"account": "Mary"}\n', False):
        with AccountFile("-", stdin=io.BytesIO(b'{"account": "John"}\n' + line)) as opened:
            assert opened.look.has_arguments == known


def test_a_dash_is_standard_input() -> None:
    with AccountFile("-", column="account", stdin=io.BytesIO(b"account\nMary\n")) as opened:
        assert opened.name == "standard input"
        assert list(opened.rows()) == [Row(2, "Mary", {})]


def test_standard_input_is_that_of_the_process_and_is_read_from_where_it_stands() -> None:
    program = "from tim_async.bulk.files import AccountFile\nwith AccountFile('-') as opened: print(*opened.rows())"
    got = subprocess.run([sys.executable, "-c", program], input=b"Mary\n", capture_output=True, check=True)
    assert got.stdout == b"Row(number=1, account='Mary', columns={}, problem='', argument=None)\n"
    half_read = io.BytesIO(b"Mary\nJohn\n")
    half_read.readline()
    with AccountFile("-", stdin=half_read) as opened:
        assert list(opened.rows()) == [Row(1, "John", {})]


def test_a_byte_of_another_encoding_is_told_with_its_line_and_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("account\nMary\nJosé\nAnn\n".encode("latin-1"))
    assert told(path) == (
        "latin.csv is not UTF-8: line 3 has the byte 0xe9; "
        "say in which encoding it is: --encoding windows-1252, or perhaps gbk, big5, shift_jis, windows-1251"
    )
    with AccountFile(str(path), column="account", encoding="windows-1252") as opened:
        assert [row.account for row in opened.rows()] == ["Mary", "José", "Ann"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-16-le", "utf-32-be", "big5"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_any_encoding_can_be_said(tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(pack("account,城市\r\n王小明,北京\r\n李,\r\n".encode(encoding)))
    with AccountFile(str(path), column="account", encoding=encoding) as opened:
        assert list(opened.rows()) == [Row(2, "王小明", {"城市": "北京"}), Row(3, "李", {"城市": ""})]


def test_an_encoding_that_nobody_knows_is_told_before_the_file_is_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean utf-16"), AccountFile("nowhere", encoding="utf-17"):
        pass


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.xlsx"
    path.write_bytes(b"ORC")
    assert told(path) == "accounts.xlsx is ORC; write its accounts as CSV, and say --column NAME"


def test_a_wrong_byte_in_what_was_compressed_is_counted_in_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "accounts.gz"
    path.write_bytes(gzip.compress(b"account\n" + b"Mary\n" * 100_000 + b"Jos\xe9\n"))
    assert told(path).startswith("accounts.gz is not UTF-8: line 100002 has the byte 0xe9; ")


def test_a_cut_at_any_place_gives_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "accounts.gz"
    whole = gzip.compress(b"".join(b"user%d\n" % number for number in range(5000)))
    for place in range(18, len(whole), 997):
        path.write_bytes(whole[:place])
        assert told(path, None) == "accounts.gz is cut: its gzip data break off; get all of it"


def test_lines_that_end_with_a_carriage_return_alone_are_lines_where_all_do() -> None:
    for data, expected in (
        (b"Mary\rJohn\r", ["Mary", "John"]),
        (b'account,n\r"Mary\n",x\rJohn,x\r', ["Mary\n", "John"]),
    ):
        column = "account" if b"account" in data else None
        with AccountFile("-", column=column, stdin=io.BytesIO(data)) as opened:
            assert [row.account for row in opened.rows()] == expected


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(accounts: Path) -> None:
    near = accounts.with_name("acounts.csv")
    assert told(near) == f"there is no file {near}; did you mean {accounts}?"
    far = accounts.parent / "nowhere" / "x"
    assert told(far) == f"there is no file {far}"
    unlike = accounts.with_name("zzz")
    assert told(unlike) == f"there is no file {unlike}"


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert told(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


def test_a_path_that_no_file_can_have_is_told() -> None:
    with pytest.raises(InputError, match="cannot be read"), AccountFile("a\0b"):
        pass


@pytest.mark.usefixtures("counted")
def test_closed_standard_input_is_told() -> None:
    program = "from tim_async.bulk.files import AccountFile\nwith AccountFile('-'): pass"
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)} <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("InputError: standard input is closed\n")


@pytest.mark.usefixtures("counted")
def test_a_full_directory_for_copies_is_told_by_its_name(tmp_path: Path) -> None:
    program = """
import resource
from tim_async.bulk.files import AccountFile
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))
with AccountFile("-"):
    pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"Mary\n" * 4_000_000,
        capture_output=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.stderr.decode().endswith(
        f"InputError: the input cannot be copied to {tmp_path} (File too large); "
        "set TMPDIR to a directory with more room, or give a file\n"
    )


CHANGED = "accounts.csv was changed after it had been looked through"


@pytest.mark.parametrize("new", [b"account\nBob,\n", b"account\n\xff\n", b"account\n" + b"Mary\n" * 11, b""])
def test_a_file_that_changes_after_the_first_pass_gives_no_row_that_was_not_there(tmp_path: Path, new: bytes) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"account\n" + b"Mary\n" * 10)
    with AccountFile(str(path), column="account") as opened:
        opened.check()
        path.write_bytes(new)
        with pytest.raises(InputError, match=CHANGED):
            list(opened.rows())
        with pytest.raises(InputError, match=CHANGED):
            opened.check()


def test_a_copy_of_a_pipe_is_checked_too() -> None:
    with subprocess.Popen([sys.executable, "-c", "print('Mary')"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with AccountFile("-", stdin=process.stdout) as opened:
            opened.check()
            assert [row.account for row in opened.rows()] == ["Mary"]
