"""A file is looked through before anything is sent, and what is wrong with it is told in one line."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

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
    path.write_bytes(b'\xef\xbb\xbfaccount,city\r\nMary,Lyon\r\n"Mary,\r\nJohn,Paris\r\n,Rome\r\nMary,Oslo\r\n')
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
            assert opened.has_arguments == known


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


def test_standard_input_has_no_name_to_convert() -> None:
    with pytest.raises(InputError, match=r"-t UTF-8$"), AccountFile("-", stdin=io.BytesIO(b"\xe9")):
        pass


def test_a_byte_that_is_not_utf8_is_told_with_its_line_and_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("account\nMary\nJosé\nAnn\n".encode("latin-1"))
    assert told(path) == (
        "latin.csv is not UTF-8: line 3 has the byte 0xe9; "
        "convert it first, for example: iconv -f WINDOWS-1252 -t UTF-8 " + str(path)
    )


def test_utf16_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("account\nMary\n", encoding="utf-16")
    assert told(path) == f"excel.csv is UTF-16, not UTF-8; convert it first: iconv -f UTF-16 -t UTF-8 {path}"


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(accounts: Path) -> None:
    near = accounts.with_name("acounts.csv")
    assert told(near) == f"there is no file {near}; did you mean {accounts}?"
    far = accounts.parent / "nowhere" / "x"
    assert told(far) == f"there is no file {far}"
    unlike = accounts.with_name("zzz")
    assert told(unlike) == f"there is no file {unlike}"


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert told(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


def test_a_file_that_changes_into_something_else_stops_the_second_pass(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"account\n" + b"Mary\n" * 10)
    with AccountFile(str(path), column="account") as opened:
        path.write_bytes(b"account\n\xff\n")
        with pytest.raises(InputError, match="line 2 has the byte 0xff"):
            list(opened.rows())


class Mended(io.BytesIO):
    """Bytes that are wrong in the first pass, and right when the wrong line is looked for: somebody wrote meanwhile."""

    def __iter__(self) -> Self:
        self.getbuffer()[:] = b"y" * len(self.getvalue())
        return self


def test_a_file_that_was_mended_between_two_looks_is_told_as_changed() -> None:
    with pytest.raises(InputError, match="was changed while it was read"), AccountFile("-", stdin=Mended(b"\xff\n")):
        pass
