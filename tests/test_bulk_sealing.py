"""What is read again is what was read first, or it is told that it is not."""

import io
import os
from pathlib import Path

import pytest

from tim_async.bulk.rows import InputError
from tim_async.bulk.sealing import SealedFile

CHANGED = "f was changed after it had been looked through"
BIG = bytes(range(256)) * 16_384  # four blocks of 1 MiB


def rewrite(path: Path, data: bytes) -> None:
    """In place, and as if nothing had happened: of the same time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def all_before_a_change(file: SealedFile) -> bytes:
    """What is given before it is told that the file was changed."""
    blocks: list[bytes] = []
    with pytest.raises(InputError, match=CHANGED):
        blocks.extend(iter(file.open().read1, b""))
    return b"".join(blocks)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(BIG + b"the end")
    return path


@pytest.mark.parametrize("data", [b"", b"x", BIG, BIG + b"the end"])
def test_what_stays_the_same_is_read_as_often_as_one_likes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(data)
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        for _ in range(3):
            assert file.open().read() == data
            file.check()
    with path.open("rb") as stream:
        SealedFile(stream, "f").check()


def test_it_is_read_from_where_it_stands(path: Path) -> None:
    with path.open("rb") as stream:
        stream.seek(len(BIG))
        assert stream.read(4) == b"the "
        file = SealedFile(stream, "f")
        assert file.open().read() == file.open().read() == b"end"
    half_read = io.BytesIO(b"one\ntwo\n")
    half_read.readline()
    file = SealedFile(half_read, "f")
    assert file.open().read() == file.open().read() == b"two\n"


@pytest.mark.parametrize("place", [0, 1_500_000, len(BIG), len(BIG) + 6])
def test_a_byte_that_changes_is_found_before_anything_of_its_block_is_given(path: Path, place: int) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        file.open().read()
        changed = bytearray(path.read_bytes())
        changed[place] ^= 1
        rewrite(path, bytes(changed))
        got = all_before_a_change(file)
        assert got == (BIG + b"the end")[: len(got)]
        assert len(got) <= place
        with pytest.raises(InputError, match=CHANGED):
            file.check()


@pytest.mark.parametrize(
    "new", [BIG + b"the end and more", BIG, BIG[:-5], b""], ids=["grown", "cut", "shorter", "empty"]
)
def test_a_file_that_grows_or_shrinks_is_found(path: Path, new: bytes) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        file.open().read()
        rewrite(path, new)
        with pytest.raises(InputError, match=CHANGED):
            file.check()
        with pytest.raises(InputError, match=CHANGED):
            file.open().read()


def test_a_file_of_whole_blocks_that_grows_is_found_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(BIG)
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        file.open().read()
        with path.open("ab") as more:
            more.write(b"Bob\n")
        got = all_before_a_change(file)
        assert got == BIG


def test_whoever_wrote_the_same_anew_is_found_by_the_time(path: Path) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        file.open().read()
        os.utime(path, ns=(0, 0))
        with pytest.raises(InputError, match=CHANGED):
            file.check()


def test_another_file_that_takes_the_name_changes_nothing(path: Path) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        file.open().read()
        other = path.with_name("other")
        other.write_bytes(b"Bob\n")
        other.replace(path)
        file.check()
        assert file.open().read() == BIG + b"the end"


def test_what_is_ours_is_compared_too_but_asked_for_no_time(path: Path) -> None:
    with path.open("r+b", buffering=0) as stream:
        file = SealedFile(stream, "f", ours=True)
        file.open().read()
        os.utime(path, ns=(0, 0))
        file.check()
        stream.seek(7)
        stream.write(b"!")
        with pytest.raises(InputError, match=CHANGED):
            file.check()


def test_what_is_read_twice_in_the_first_pass_is_compared_as_far_as_it_was_read(path: Path) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        assert file.open().read(10) == BIG[:10]
        assert file.open().read() == BIG + b"the end"
        file.check()


def test_it_is_read_to_and_fro_and_a_byte_that_changed_is_found_there_too(path: Path) -> None:
    with path.open("rb") as stream:
        file = SealedFile(stream, "f")
        anywhere = file.open_anywhere()
        assert anywhere.seek(-7, io.SEEK_END) == len(BIG)
        assert anywhere.read() == b"the end"
        assert anywhere.seek(1_500_000) == 1_500_000
        assert anywhere.read(3_000_000) == (BIG + b"the end")[1_500_000:4_500_000]
        anywhere.seek(10, io.SEEK_CUR)
        assert anywhere.read() == b""
        rewrite(path, BIG + b"the End")
        assert file.open_anywhere().read(5) == BIG[:5]
        with pytest.raises(InputError, match=CHANGED):
            file.open_anywhere().read()
