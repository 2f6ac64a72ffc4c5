"""What a file is shows in its first bytes, and what is said of it is what helps."""

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import cast

import pytest

from tim_async.bulk.recognising import check_bytes, check_encoding, first_wrong_byte, line_end, unpacked
from tim_async.bulk.rows import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"user%d\n" % number for number in range(100_000))


def told(head: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(InputError) as caught:
        check_bytes(head, encoding, "f")
    return str(caught.value)


def read(data: bytes) -> bytes:
    return unpacked(io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data))), "f").read()  # as good as a raw one


def not_read(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(data)
    return str(caught.value)


# Compression


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        b"",
        gzip.compress(TEXT),
        gzip.compress(TEXT[:50_001]) + gzip.compress(TEXT[50_001:]),
        zstd.compress(TEXT),
        zstd.compress(TEXT[:50_001]) + zstd.compress(TEXT[50_001:]),
        b"\x50\x2a\x4d\x18\x01\0\0\0x" + zstd.compress(TEXT),
    ],
    ids=["text", "nothing", "gzip", "two of gzip", "zstd", "two of zstd", "zstd behind a note"],
)
def test_gzip_and_zstd_are_read_as_what_they_hold(data: bytes) -> None:
    assert read(data) == (TEXT if data else b"")


@pytest.mark.parametrize(("data", "what"), [(gzip.compress(TEXT), "gzip"), (zstd.compress(TEXT), "zstd")])
def test_what_is_cut_is_told_wherever_it_is_cut(data: bytes, what: str) -> None:
    for place in (20, len(data) // 3, len(data) - 9, len(data) - 1):
        assert not_read(data[:place]) == f"f is cut: its {what} data break off; get all of it"


def test_what_is_damaged_is_told() -> None:
    data = gzip.compress(TEXT)
    assert not_read(data[:-8] + b"12345678").startswith("f is damaged: its gzip data make no sense (CRC check failed")
    assert not_read(data[:1000] + b"\xff" * 50 + data[1050:]).startswith("f is damaged: its gzip data make no sense (")
    assert not_read(data + b"junk").startswith("f is damaged: its gzip data make no sense (")
    assert not_read(b"\x28\xb5\x2f\xfdxxxxxxxx").startswith("f is damaged: its zstd data make no sense (")


def test_what_is_compressed_is_never_held_whole() -> None:
    """A hundred megabytes of nothing in a hundred kilobytes."""
    stream = unpacked(io.BufferedReader(cast("io.RawIOBase", io.BytesIO(gzip.compress(bytes(100_000_000))))), "f")
    assert len(stream.peek()) <= 1024 * 1024


@pytest.mark.usefixtures("counted")
def test_without_the_package_for_zstd_it_is_told_what_to_do() -> None:
    program = """
import io, sys
sys.modules["compression.zstd"] = sys.modules["backports.zstd"] = None
from tim_async.bulk.recognising import unpacked
unpacked(io.BufferedReader(io.BytesIO(b"\\x28\\xb5\\x2f\\xfd")), "f")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.endswith(
        "f is compressed with zstd; hand over its text: zstd -dc FILE | tim-async ... --from -\n"
    )


# What is no text


def archive(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, "application/vnd.oasis.opendocument.spreadsheet")
    return data.getvalue()


@pytest.mark.parametrize(
    ("head", "what", "do"),
    [
        (archive("[Content_Types].xml", "xl/workbook.xml"), "is a workbook of Excel", "save it as CSV UTF-8"),
        (archive("mimetype", "content.xml"), "is a document of LibreOffice", "save it as CSV UTF-8"),
        (archive("users.csv"), "is compressed", "unzip -p FILE | tim-async ... --from -"),
        (archive(), "is compressed", "unzip -p"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of an old Excel", "save it as CSV UTF-8"),
        (b"PAR1\x15\x04", "is Parquet", "compressed once more"),
        (b"ARROW1\0\0", "is Arrow", "as CSV"),
        (b"ORC\x08", "is ORC", "as CSV"),
        (b"Obj\x01\x04", "is Avro", "as CSV"),
        (b"SQLite format 3\0", "is a database of SQLite", "sqlite3 -csv -header FILE"),
        (b"%PDF-1.7\n", "is a PDF", "as CSV"),
        (b"{\\rtf1", "is RTF", "save it as plain text"),
        (b"BZh91AY&SYxx", "is compressed", "bzip2 -dc FILE"),
        (b"\xfd7zXZ\0\0", "is compressed", "xz -dc FILE"),
        (b"\x04\x22\x4d\x18", "is compressed", "lz4 -dc FILE"),
        (b"7z\xbc\xaf\x27\x1c", "is compressed", "7z x -so FILE"),
        (b"Rar!\x1a\x07\0", "is compressed", "unrar p -inul FILE"),
        (b"users.csv" + bytes(248) + b"ustar\0", "is a tar archive", "tar -xOf FILE"),
        (b"\x89PNG\r\n", "is a picture", "as text"),
        (b"\x7fELF", "is a program", "--from FILE"),
        (gzip.compress(TEXT), "is compressed twice", "undo one"),
        (zstd.compress(TEXT), "is compressed twice", "undo one"),
        (bytes(range(256)) + bytes(500), "has NUL bytes, so it is not text", "as text"),
    ],
)
def test_what_is_no_text_is_told_by_its_name_and_what_to_do(head: bytes, what: str, do: str) -> None:
    message = told(head)
    assert message.startswith(f"f {what}")
    assert do in message
    assert "\n" not in message


# Encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_says_what_to_say(encoding: str) -> None:
    head = "Mary\n玛丽\n".encode(encoding)
    said = f"f is {encoding.upper()}, its first bytes say, not UTF-8; say --encoding {encoding}"
    assert told(head) == said
    check_bytes(head, encoding, "f")
    check_bytes(head, f"{encoding}-le", "f")
    assert told(head, f"{encoding}-be").endswith(f"say --encoding {encoding}")


def test_a_byte_order_mark_of_utf8_is_told_to_those_who_say_something_else() -> None:
    head = "\ufeffMary".encode()
    check_bytes(head, "UTF8", "f")
    check_bytes(head, "utf-8-sig", "f")
    assert told(head, "gbk") == "f is UTF-8, its first bytes say, not GBK; leave out --encoding"


@pytest.mark.parametrize("text", ["Mary\nBob\n", "玛丽\n鲍勃\n", "Łódź\r\nМария\r\nيوسف", "M"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_the_zeros_tell(text: str, encoding: str) -> None:
    head = text.encode(encoding)
    assert told(head) == f"f looks like {encoding.upper()}, not UTF-8; say --encoding {encoding}"
    check_bytes(head, encoding, "f")


def test_without_a_mark_nobody_knows_which_utf16_it_is() -> None:
    assert (
        told(b"M\0a\0", "utf-16") == "f has no byte-order mark; say --encoding utf-16-le or utf-16-be, whichever it is"
    )


def is_refused(check: Callable[[], None]) -> bool:
    try:
        check()
    except InputError:
        return True
    return False


def test_a_few_zeros_are_their_rows_affair() -> None:
    assert not is_refused(lambda: check_bytes(b"Mary\nB\0ob\n", "utf-8", "f"))
    assert not is_refused(lambda: check_bytes(b"", "utf-8", "f"))
    assert not is_refused(lambda: check_bytes("玛丽\n".encode("gbk"), "gbk", "f"))
    assert is_refused(lambda: check_bytes(b"M\0a\0", "utf-16", "f"))


@pytest.mark.parametrize(
    ("text", "encoding", "line", "byte", "best"),
    [
        ("Mary\n玛丽,北京\n鲍勃\n", "gbk", 2, 0xC2, "gbk"),
        ("José\nMüller\n", "latin-1", 1, 0xE9, "windows-1252"),
        ("a\n" * 70_000 + "é", "latin-1", 70_001, 0xE9, "windows-1252"),
        ("玛\n丽", "gb18030", 1, 0xC2, "gbk"),
    ],
)
def test_a_wrong_byte_is_told_with_its_line_and_the_likely_encoding(
    text: str, encoding: str, line: int, byte: int, best: str
) -> None:
    message = first_wrong_byte(io.BytesIO(text.encode(encoding)), "utf-8", "f")
    assert message.startswith(
        f"f is not UTF-8: line {line} has the byte 0x{byte:02x}; say in which encoding it is: --encoding {best}, or "
    )


def test_another_encoding_may_be_wrong_too() -> None:
    message = first_wrong_byte(io.BytesIO(b"Mary\nJos\xff\n"), "gbk", "f")
    assert message == "f is not GBK: line 2 has the byte 0xff; say another --encoding"
    assert first_wrong_byte(io.BytesIO(b"Mary"), "utf-8", "f") == "f is not UTF-8"


@pytest.mark.parametrize(
    ("encoding", "hint"),
    [
        ("utf-17", "did you mean utf-16?"),
        ("GBK2", "did you mean gbk?"),
        ("window-1252", "did you mean windows-1252?"),
        ("", "known are for example"),
        ("rot13", "known are for example"),
        ("base64", "known are for example"),
        ("idna", "known are for example"),
        ("a\0b", "known are for example"),
    ],
)
def test_what_is_no_encoding_of_text_is_told(encoding: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check_encoding(encoding)
    assert str(caught.value).startswith(f"{encoding!r} is not an encoding of text; {hint}")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "gbk", "GB18030", "cp1252", "utf_16_le"])
def test_what_python_knows_is_an_encoding(encoding: str) -> None:
    assert not is_refused(lambda: check_encoding(encoding))


@pytest.mark.parametrize(
    ("text", "end"),
    [("a\nb", "\n"), ("a\r\nb", "\n"), ("a\rb\r", "\r"), ("a\rb\n", "\r"), ("a\nb\r", "\n"), ("a", "\n"), ("", "\n")],
)
def test_the_first_line_end_tells_what_ends_lines(text: str, end: str) -> None:
    for encoding in ("utf-8", "utf-16-le", "utf-32-be"):
        assert line_end(text.encode(encoding), encoding) == end
    assert line_end(text.encode() + b"\xff", "utf-8") == end
