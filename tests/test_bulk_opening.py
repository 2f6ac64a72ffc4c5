"""A source says how another process opens it again, and what proves that it is the same."""

import fcntl
import gzip
import hashlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tim_async.bulk.files import AccountFile
from tim_async.bulk.opening import open_source
from tim_async.bulk.rows import InputError
from tim_async.bulk.source import Source

TABLE = "account,city\n王小明,Lyon\nJohn,\n"


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def test_a_file_is_opened_again_by_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(TABLE.encode("gbk"))
    (tmp_path / "users.csv.gz").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    with AccountFile("users.csv.gz", column="account", needs=["city"], encoding="gbk") as file:
        source: Source = file
        rows, description = list(file.rows()), file.description
        assert source.fingerprint == (len(data), digest(data))
        assert (source.count, source.columns, source.column) == (2, ["account", "city"], "account")
    monkeypatch.chdir("/")
    with open_source(description) as again:
        assert list(again.rows()) == rows
        assert (again.fingerprint, again.description) == (file.fingerprint, description)


@pytest.mark.uncounted
def test_one_byte_that_changed_is_another_fingerprint_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    path.write_bytes(b"user%07d\n" * 100_000 % tuple(range(100_000)))
    before = path.stat()
    with AccountFile(path) as file:
        pass
    with path.open("r+b") as writing:
        writing.seek(-3, os.SEEK_END)
        writing.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with open_source(file.description) as again:
        assert again.fingerprint.size == file.fingerprint.size
        assert again.fingerprint.digest != file.fingerprint.digest


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ({}, "the accounts did not come from a file, so only the program that gave them can go on"),
        ({"kind": "queue"}, "no source can be opened by this description: Invalid value 'queue' - at `$.kind`"),
        ({"kind": "file"}, "no source can be opened by this description: Object missing required field `path`"),
    ],
)
def test_what_describes_no_source_is_told(description: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        open_source(description)
    assert str(caught.value) == told


# Standard input


def test_standard_input_is_copied_for_its_owner_alone_and_read_again_from_there(tmp_path: Path) -> None:
    copy = tmp_path / "users.job.input"
    with AccountFile("-", copy=copy, stdin=io.BytesIO(b"Mary\nJohn\n")) as file:
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert copy.read_bytes() == b"Mary\nJohn\n"
        assert file.name == "standard input"
        assert file.count == 2
    with open_source(file.description) as again:
        assert [row.account for row in again.rows()] == ["Mary", "John"]
        assert again.fingerprint == file.fingerprint
    assert list(tmp_path.iterdir()) == [copy]


def test_a_copy_of_an_earlier_start_is_never_overwritten(tmp_path: Path) -> None:
    copy = tmp_path / "users.job.input"
    for _ in range(2):
        with AccountFile("-", copy=copy, stdin=io.BytesIO(b"Mary\n")) as file:
            assert file.count == 1
    with pytest.raises(InputError) as caught, AccountFile("-", copy=copy, stdin=io.BytesIO(b"Eve\n")):
        pass
    assert str(caught.value) == (
        f"the input is another one than that of an earlier start, which {copy} holds; "
        "go on with that one, or remove it to begin anew"
    )
    assert copy.read_bytes() == b"Mary\n"
    assert list(tmp_path.iterdir()) == [copy]


def test_what_a_killed_start_had_copied_is_removed_by_the_next_unless_it_is_still_written(tmp_path: Path) -> None:
    copy, written, left = (tmp_path / name for name in ("copy", "copy.a.part", "copy.b.part"))
    left.write_bytes(b"Ma")
    with written.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with AccountFile("-", copy=copy, stdin=io.BytesIO(b"Mary\n")):
            pass
    assert set(tmp_path.iterdir()) == {copy, written}


def test_what_comes_from_a_pipe_without_a_copy_cannot_be_opened_again() -> None:
    with AccountFile("-", stdin=io.BytesIO(b"Mary\n")) as file:
        assert file.description == {}


def test_a_file_needs_no_copy(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(b"Mary\n")
    with AccountFile(tmp_path / "ids", copy=tmp_path / "copy") as file:
        assert file.description["path"] == str(tmp_path / "ids")
    assert not (tmp_path / "copy").exists()


COPY = """
import resource, sys
from tim_async.bulk.files import AccountFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
with AccountFile("-", copy=sys.argv[1]):
    pass
"""


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("name", "why"), [("copy", "File too large"), ("nowhere/copy", "No such file or directory")])
def test_no_room_for_the_copy_is_told_with_its_directory_and_leaves_nothing(
    tmp_path: Path, name: str, why: str
) -> None:
    copy = tmp_path / name
    done = subprocess.run(
        [sys.executable, "-c", COPY, str(copy)], input=b"Mary\n" * 400_000, capture_output=True, check=False
    )
    assert done.stderr.decode().endswith(
        f"InputError: the input cannot be copied to {copy.parent} ({why}); "
        "name a directory with room for it, or give a file\n"
    )
    assert list(tmp_path.iterdir()) == []
