"""A file of accounts on disk or from standard input, looked through once before anything is sent.

The first pass finds what would stop the second one in the middle (bytes of another encoding, a column that is not
there), counts the rows for the progress bar, and finds what may be a mistake. The second one gives the same rows, or
says that the file was changed. Neither pass keeps rows in memory.
"""

from __future__ import annotations

import difflib
import io
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .looking import Look
from .reading import InputError, Row, read_rows
from .recognising import check_bytes, check_encoding, first_wrong_byte, line_end, unpacked
from .repeats import Repeat, Repeats
from .rows import RECORD_MOST
from .sealing import SealedFile

__all__ = ["AccountFile"]

_SPOOLED = 16 * 1024 * 1024  # bytes of standard input kept in memory; the rest goes to a temporary file
_STANDARD_INPUT = "-"


class AccountFile:
    """A file of accounts; open it with ``with``, which makes the first pass.

    Args:
        source: a path, or ``-`` for standard input. What can be read only once (a pipe) is copied to a temporary file
            first, because all of it is checked before anything is sent. What is compressed with gzip or zstd is read
            as what it holds.
        column: the column with the accounts, or None for one account per line or JSON; see `read_rows`.
        needs: other columns that must be there.
        encoding: that of the text.
        stdin: what ``-`` stands for; None for the standard input of the process.

    Raises:
        InputError: from ``with``: the file cannot be read, is no list of accounts, or has no such column.
    """

    look: Look
    """What the first pass found."""

    def __init__(
        self,
        source: str,
        *,
        column: str | None = None,
        needs: Sequence[str] = (),
        encoding: str = "utf-8",
        stdin: IO[bytes] | None = None,
    ) -> None:
        self.name = "standard input" if source == _STANDARD_INPUT else Path(source).name
        self._source = source
        self._stdin = stdin
        self._column = column
        self._needs = needs
        self._encoding = encoding
        self._opened = ExitStack()
        self._reading = ExitStack()

    @property
    def count(self) -> int:
        """Rows, sound and broken."""
        return self.look.count

    def __enter__(self) -> Self:
        check_encoding(self._encoding)
        with ExitStack() as opened:
            stream = self._open(opened)
            copied = not stream.seekable()
            self._sealed = SealedFile(_copied(stream, opened) if copied else stream, self.name, ours=copied)
            self._repeats = opened.enter_context(Repeats())
            self.look = Look(self.rows(), self._repeats)
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
            InputError: while iterating: the file was changed after the first pass. Nothing of it that the first pass
                did not see is given.
        """
        self._reading.close()
        return self._reading.enter_context(closing(self._read()))

    def check(self) -> None:
        """Compare the whole file with what the first pass saw; ends an iterator that was given before.

        Raises:
            InputError: it was changed.
        """
        self._reading.close()
        self._sealed.check()

    def _read(self) -> Generator[Row, None, None]:
        stream = unpacked(self._sealed.open(), self.name)
        head = stream.peek()
        check_bytes(head, self._encoding, self.name)
        # Never translated, and only of one kind: all others stand inside of quotes, or are no line ends at all.
        text = io.TextIOWrapper(stream, self._encoding, newline=line_end(head, self._encoding))
        lines = iter(partial(text.readline, RECORD_MOST + 1), "")
        try:
            yield from read_rows(lines, column=self._column, needs=self._needs, name=self.name)
        except UnicodeDecodeError:
            wrong = first_wrong_byte(unpacked(self._sealed.open(), self.name), self._encoding, self.name)
            raise InputError(wrong) from None

    def repeats(self) -> Iterator[Repeat]:
        """The rows whose account stands in an earlier row too, in no particular order."""
        return iter(self._repeats)

    def _open(self, opened: ExitStack) -> IO[bytes]:
        if self._source == _STANDARD_INPUT:
            return self._stdin or _standard_input()
        path = Path(self._source)
        try:
            return opened.enter_context(path.open("rb"))
        except FileNotFoundError:
            raise InputError(f"there is no file {self._source}{_near(path)}") from None
        except (OSError, ValueError) as exc:  # a NUL in a path is a ValueError
            raise InputError(f"{self._source} cannot be read: {getattr(exc, 'strerror', exc)}") from None


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise InputError("standard input is closed")
    return sys.stdin.buffer


def _copied(stream: IO[bytes], opened: ExitStack) -> IO[bytes]:
    with ExitStack() as stack:
        copy = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOLED, mode="w+b"))
        try:
            shutil.copyfileobj(stream, copy)
        except OSError as exc:
            where = f"{tempfile.gettempdir()} ({exc.strerror})"
            raise InputError(
                f"the input cannot be copied to {where}; set TMPDIR to a directory with more room, or give a file"
            ) from None
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
