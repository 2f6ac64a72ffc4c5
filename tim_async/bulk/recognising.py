"""What a file is, by its first bytes: before anybody believes that it is a list.

Compressed files are read as they are; of all else it is told what it is and what to do.
"""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import re
import zlib
from functools import partial
from importlib import import_module
from itertools import chain
from types import ModuleType
from typing import IO, Any, cast

from .rows import InputError

__all__ = ["check_bytes", "check_encoding", "first_wrong_byte", "line_end", "unpacked"]

_GZIP = re.compile(rb"\x1f\x8b")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")

_SHEET = "save it as CSV UTF-8, and say --column NAME"
_COLUMNS = "write its accounts as CSV, and say --column NAME"
_PIPE = "is compressed; hand over its text: {} {} | tim-async ... --from -"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        rb"PK\x03\x04(?s:.*)(\[Content_Types\]|_rels/|xl/|word/)",
        f"is a workbook of Excel (or a like document); {_SHEET}",
    ),
    (rb"PK\x03\x04(?s:.*)mimetypeapplication/vnd\.oasis", f"is a document of LibreOffice; {_SHEET}"),
    (rb"PK(\x03\x04|\x05\x06)", _PIPE.format("unzip -p", "FILE")),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"is a workbook of an old Excel; {_SHEET}"),
    (rb"PAR1", "is Parquet that was compressed once more; unpack it"),
    (rb"PARE", f"is encrypted Parquet; {_COLUMNS}"),
    (rb"ARROW1|FEA1", f"is Arrow; {_COLUMNS}"),
    (rb"ORC", f"is ORC; {_COLUMNS}"),
    (rb"Obj\x01", f"is Avro; {_COLUMNS}"),
    (rb"SQLite format 3\0", f"is a database of SQLite; {_COLUMNS}: sqlite3 -csv -header FILE 'select ...'"),
    (rb"%PDF", f"is a PDF; {_COLUMNS}"),
    (rb"\{\\rtf", "is RTF; save it as plain text, one account per line"),
    (rb"BZh[1-9]1AY&SY", _PIPE.format("bzip2 -dc", "FILE")),
    (rb"\xfd7zXZ\0", _PIPE.format("xz -dc", "FILE")),
    (rb"\x04\x22\x4d\x18", _PIPE.format("lz4 -dc", "FILE")),
    (rb"7z\xbc\xaf\x27\x1c", _PIPE.format("7z x -so", "FILE")),
    (rb"Rar!\x1a\x07", _PIPE.format("unrar p -inul", "FILE")),
    (rb"(?s:.{257})ustar", "is a tar archive; hand over the file in it: tar -xOf FILE | tim-async ... --from -"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "is a picture; write its accounts as text, one per line"),
    (rb"\x7fELF|MZ\x90", "is a program; say --from FILE with the file of the accounts"),
)
_MARKS: tuple[tuple[bytes, tuple[str, ...]], ...] = (  # the longer ones first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF32_LE, ("utf-32", "utf-32-le")),
    (codecs.BOM_UTF32_BE, ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF8, ("utf-8", "utf-8-sig")),
    (codecs.BOM_UTF16_LE, ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, ("utf-16", "utf-16-be")),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_HIGH = re.compile(rb"([\xa1-\xf7][\xa1-\xfe])|[\x80-\xff]")  # a character of GB 2312, the usual part of GBK; or not
_BLOCK = 64 * 1024
_USUAL = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gbk", "gb18030", "gb2312", "big5", "shift_jis", "euc-jp"),
    *("euc-kr", "windows-1251", "windows-1252", "windows-1256", "windows-874", "latin-1", "koi8-r"),
)
_LOCAL = ("gbk", "big5", "shift_jis", "windows-1251", "windows-1252")
_NO_FILES = {"idna", "punycode"}  # encodings of names


class _Unpacked(io.RawIOBase):
    """A stream without its compression; what is damaged, or has no end, is told in one line."""

    def __init__(self, stream: IO[bytes], damage: tuple[type[Exception], ...], what: str, name: str) -> None:
        self._stream = stream
        self._damage = damage
        self._what = what
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            block = self._stream.read(len(buffer))
        except EOFError:
            raise InputError(f"{self._name} is cut: its {self._what} data break off; get all of it") from None
        except self._damage as exc:
            raise InputError(f"{self._name} is damaged: its {self._what} data make no sense ({exc})") from None
        buffer[: len(block)] = block
        return len(block)


def unpacked(stream: io.BufferedReader, name: str) -> io.BufferedReader:
    """The stream itself, or what it holds if it is compressed with gzip or zstd. It is read piece by piece.

    Args:
        stream: bytes from the first one on.
        name: what error messages call the file.

    Raises:
        InputError: it is zstd, and the package for it is not there. While it is read: it is cut or damaged.
    """
    head = stream.peek(4)
    raw: _Unpacked | None = None
    if _GZIP.match(head):
        packed = cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="rb"))  # typed as what it inherits, not as IO
        raw = _Unpacked(packed, (gzip.BadGzipFile, zlib.error), "gzip", name)
    elif _ZSTD.match(head):
        zstd = _zstd(name)
        raw = _Unpacked(zstd.open(stream, "rb"), (zstd.ZstdError,), "zstd", name)
    return stream if raw is None else io.BufferedReader(raw, io.DEFAULT_BUFFER_SIZE * 128)


def _zstd(name: str) -> ModuleType:
    for module in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(module)
        except ImportError:
            continue
    raise InputError(f"{name} is compressed with zstd; hand over its text: zstd -dc FILE | tim-async ... --from -")


def check_encoding(encoding: str) -> None:
    """Refuse what is not an encoding of text.

    Raises:
        InputError: nobody knows it.
    """
    try:
        "".encode(encoding)
        known = codecs.lookup(encoding).name not in _NO_FILES
    except (LookupError, ValueError):
        known = False
    if not known:
        near = difflib.get_close_matches(encoding.casefold(), _USUAL, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are for example utf-16, gbk and windows-1252"
        raise InputError(f"{encoding!r} is not an encoding of text; {hint}")


def check_bytes(head: bytes, encoding: str, name: str) -> None:
    """Refuse what is not text, or not in this encoding, as far as the first bytes tell.

    Args:
        head: the first bytes.
        encoding: the encoding in which it is going to be read.
        name: what error messages call the file.

    Raises:
        InputError: it is something else.
    """
    if _GZIP.match(head) or _ZSTD.match(head):
        raise InputError(f"{name} is compressed twice; undo one of them")
    for magic, what in _MAGIC:
        if re.match(magic, head):
            raise InputError(f"{name} {what}")
    said = codecs.lookup(encoding).name
    for mark, meant in _MARKS:
        if head.startswith(mark):
            if said in meant:
                return
            do = "leave out --encoding" if meant[0] == "utf-8" else f"say --encoding {meant[0]}"
            raise InputError(f"{name} is {meant[0].upper()}, its first bytes say, not {said.upper()}; {do}")
    if said in ("utf-16", "utf-32"):
        raise InputError(f"{name} has no byte-order mark; say --encoding {said}-le or {said}-be, whichever it is")
    if b"\0" in head and said not in _WIDE:
        _check_nul(head, said, name)


def _check_nul(head: bytes, said: str, name: str) -> None:
    """Refuse what has too many NUL bytes for a text; a few of them are their rows' affair."""
    if head.count(b"\0") * 4 < len(head) and _decoded(head, said) is not None:
        return
    wide = {encoding: text for encoding in _WIDE if (text := _decoded(head[:_BLOCK], encoding)) and _is_plain(text)}
    if not wide:
        raise InputError(f"{name} has NUL bytes, so it is not text; write its accounts as text, one per line")
    best = max(wide, key=lambda encoding: sum(map(str.isascii, wide[encoding])) / len(wide[encoding]))
    raise InputError(f"{name} looks like {best.upper()}, not {said.upper()}; say --encoding {best}")


def _decoded(head: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _is_plain(text: str) -> bool:
    return all(line.isprintable() for line in re.split(r"[\r\n\t]", text))


def line_end(head: bytes, encoding: str) -> str:
    """What ends the first line of a file: a line feed, perhaps behind a carriage return, or that alone, as it once was.

    Where another line ends in another way, nobody can tell what it is; so that is not a line end.

    Args:
        head: its first bytes.
        encoding: their encoding.
    """
    text = codecs.getincrementaldecoder(encoding)("ignore").decode(head)
    found = re.search("\r\n|\r|\n", text)
    return "\r" if found and found[0] == "\r" else "\n"


def first_wrong_byte(stream: IO[bytes], encoding: str, name: str) -> str:
    """What is told of a file that is not in its encoding: where, and what to do.

    Args:
        stream: its bytes from the first one on, no longer compressed.
        encoding: in which it cannot be read.
        name: what error messages call it.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line, said = 1, codecs.lookup(encoding).name.upper()
    for block in chain(iter(partial(stream.read, _BLOCK), b""), [b""]):
        try:
            line += decoder.decode(block, final=not block).count("\n")
        except UnicodeDecodeError as exc:
            before, wrong = exc.object[: exc.start], exc.object[exc.start :]
            line += before.decode(encoding, "replace").count("\n")
            return f"{name} is not {said}: line {line} has the byte 0x{wrong[0]:02x}; {_other(wrong, said)}"
    return f"{name} is not {said}"


def _other(wrong: bytes, said: str) -> str:
    if said != "UTF-8":
        return "say another --encoding"
    found = _HIGH.findall(wrong)
    best = "gbk" if 5 * sum(map(bool, found)) >= 4 * len(found) else "windows-1252"
    others = ", ".join(other for other in _LOCAL if other != best)
    return f"say in which encoding it is: --encoding {best}, or perhaps {others}"
