"""A file of accounts on disk or from standard input, looked through once before anything is sent.

The first pass finds what would stop the second one in the middle (bytes that are not UTF-8, a column that is not
there), counts the rows for the progress bar, and finds the repeats. Neither pass keeps rows in memory.
"""

from __future__ import annotations

import difflib
import io
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .reading import InputError, Row, read_rows
from .repeats import Repeat, Repeats

__all__ = ["AccountFile"]

_SPOOLED = 16 * 1024 * 1024  # bytes of standard input kept in memory; the rest goes to a temporary file
_STANDARD_INPUT = "-"


class AccountFile:
    """A file of accounts; open it with ``with``, which makes the first pass.

    Args:
        source: a path, or ``-`` for standard input. What can be read only once (a pipe) is copied to a temporary file
            first, because all of it is checked before anything is sent.
        column: the column with the accounts, or None for one account or JSON object per line; see `read_rows`.
        needs: other columns that must be there.
        stdin: what ``-`` stands for; None for the standard input of the process.

    Raises:
        InputError: from ``with``: the file cannot be read, is not UTF-8, or has no such column.
    """

    count: int
    """Rows, sound and broken."""
    has_arguments: bool
    """Whether any row brings an argument of its own."""

    def __init__(
        self, source: str, *, column: str | None = None, needs: Sequence[str] = (), stdin: IO[bytes] | None = None
    ) -> None:
        self.name = "standard input" if source == _STANDARD_INPUT else Path(source).name
        self._source = source
        self._stdin = stdin
        self._column = column
        self._needs = needs
        self._opened = ExitStack()
        self._reading = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            stream = self._open(opened)
            self._bytes = stream if stream.seekable() else _copied(stream, opened)
            self._start = self._bytes.tell()
            self._repeats = opened.enter_context(Repeats())
            self.count, self.has_arguments = 0, False
            for row in self.rows():
                self.count += 1
                self.has_arguments = self.has_arguments or row.argument is not None
                if row.account:
                    self._repeats.add(row.number, row.account)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reading.close()
        self._opened.close()

    def rows(self) -> Iterator[Row]:
        """All rows, from the first one on; ends an iterator that was given before.

        Raises:
            InputError: while iterating: the file has been changed since the first pass and cannot be read any more.
        """
        self._reading.close()
        return self._reading.enter_context(closing(self._read()))

    def _read(self) -> Generator[Row, None, None]:
        self._bytes.seek(self._start)
        # newline="" leaves line breaks inside of quotes as they are.
        text = io.TextIOWrapper(self._bytes, encoding="utf-8", newline="")
        try:
            yield from read_rows(text, column=self._column, needs=self._needs, name=self.name)
        except UnicodeDecodeError:
            raise InputError(self._not_utf8()) from None
        finally:
            text.detach()  # or closing it would close the file

    def repeats(self) -> Iterator[Repeat]:
        """The rows whose account stands in an earlier row too, in no particular order."""
        return iter(self._repeats)

    def _open(self, opened: ExitStack) -> IO[bytes]:
        if self._source == _STANDARD_INPUT:
            return self._stdin or sys.stdin.buffer
        path = Path(self._source)
        try:
            return opened.enter_context(path.open("rb"))
        except FileNotFoundError:
            raise InputError(f"there is no file {self._source}{_near(path)}") from None
        except OSError as exc:
            raise InputError(f"{self._source} cannot be read: {exc.strerror}") from None

    def _not_utf8(self) -> str:
        """Where the first wrong byte is. The decoder works on blocks and cannot tell the line."""
        file = "" if self._source == _STANDARD_INPUT else f" {self._source}"
        self._bytes.seek(self._start)
        for number, line in enumerate(self._bytes, 1):
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                return f"{self.name} is UTF-16, not UTF-8; convert it first: iconv -f UTF-16 -t UTF-8{file}"
            try:
                line.decode()
            except UnicodeDecodeError as exc:
                return (
                    f"{self.name} is not UTF-8: line {number} has the byte 0x{line[exc.start]:02x}; "
                    f"convert it first, for example: iconv -f WINDOWS-1252 -t UTF-8{file}"
                )
        return f"{self.name} was changed while it was read; nothing more was taken from it"


def _copied(stream: IO[bytes], opened: ExitStack) -> IO[bytes]:
    with ExitStack() as stack:
        copy = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOLED, mode="w+b"))
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        opened.push(stack.pop_all())
    return copy


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.absolute().parent.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.with_name(near[0])}?" if near else ""
