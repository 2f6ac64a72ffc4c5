"""A file of accounts on disk or from standard input, looked through once before anything is sent.

The first pass finds what would stop the second one in the middle (bytes of another encoding, a column that is not
there), counts the rows for the progress bar, and finds what may be a mistake. The second one gives the same rows, or
says that the file was changed. Neither pass keeps rows in memory.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .copying import copied_for_a_while, copied_to
from .looking import Look
from .reading import InputError, Row
from .recognising import check_encoding
from .repeats import Repeat, Repeats
from .rows import Reading
from .sealing import SealedFile
from .source import Fingerprint
from .texts import read_text

__all__ = ["AccountFile"]

_STANDARD_INPUT = "-"


class AccountFile:
    """A file of accounts; open it with ``with``, which makes the first pass.

    Args:
        source: a path, or ``-`` for standard input. What can be read only once (a pipe) is copied first, because all of
            it is checked before anything is sent. Files compressed with gzip or zstd are unpacked while they are read.
            Parquet is recognised by its first bytes, and needs the extra ``parquet``.
        column: the column with the accounts, for CSV and Parquet, or None for one account per line or JSON; see
            `read_rows`.
        needs: other columns that must be there.
        encoding: of the text.
        argument: the column of a Parquet file whose values (text, numbers, lists, maps and structs) are the accounts'
            arguments. None: the column named ``argument``, if there is one.
        copy: the file to which standard input, or anything else that can be read only once, is copied: with mode 0600,
            and completely before ``with`` goes on. It stays, and another process can read it by `description`. What an
            earlier start copied there is never overwritten. None: a temporary file, which is removed afterwards.
        stdin: what ``-`` stands for; None for the standard input of the process.

    Raises:
        InputError: from ``with``: the file cannot be read, is not a list of accounts, or has no such column.
    """

    look: Look
    """What the first pass found."""
    columns: Sequence[str] = ()
    """The names of all columns in their order, that of the accounts too; empty where there are none."""

    def __init__(
        self,
        source: str | Path,
        *,
        column: str | None = None,
        needs: Sequence[str] = (),
        encoding: str = "utf-8",
        argument: str | None = None,
        copy: str | Path | None = None,
        stdin: IO[bytes] | None = None,
    ) -> None:
        self.name = "standard input" if source == _STANDARD_INPUT else Path(source).name
        self.column = column
        self._source = str(source)
        self._path = None if source == _STANDARD_INPUT else Path(source)
        self._argument = argument
        self._copy = None if copy is None else Path(copy)
        self._stdin = stdin
        self._needs = needs
        self._encoding = encoding
        self._opened = ExitStack()
        self._reading = ExitStack()
        self._sealed: SealedFile | None = None

    @property
    def count(self) -> int:
        """Rows, sound and broken."""
        self._first_pass_done()
        return self.look.count

    @property
    def fingerprint(self) -> Fingerprint:
        """Of all bytes as they stand on the disk, compressed ones as they are."""
        return self._first_pass_done().fingerprint

    @property
    def description(self) -> Mapping[str, Any]:
        """How `open_source` opens it again; empty for what was read from a pipe and has no copy."""
        if self._path is None:
            return {}
        return {
            "kind": "file",
            "path": str(self._path.absolute()),
            "column": self.column,
            "needs": list(self._needs),
            "encoding": self._encoding,
            "argument": self._argument,
        }

    def __enter__(self) -> Self:
        check_encoding(self._encoding)
        with ExitStack() as opened:
            stream = self._open(opened)
            again = self._again(stream, opened)
            self._sealed = SealedFile(again, self.name, ours=self._path is None and again is not stream)
            self._repeats = opened.enter_context(Repeats())
            self.look = Look(self._read(accounts_only=True), self._repeats)
            if self._unterminated:
                self.look.unterminated = self.look.last
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reading.close()
        self._opened.close()

    def rows(self) -> Iterator[Row]:
        """All rows, from the first one on; closes the iterator that an earlier call gave.

        Raises:
            InputError: while iterating: the file was changed after the first pass. Nothing of it that the first pass
                did not see is given.
        """
        self._reading.close()
        return self._reading.enter_context(closing(self._read()))

    def check(self) -> None:
        """Compare the whole file with what the first pass saw; closes the iterator that `rows` gave.

        Raises:
            InputError: it was changed.
        """
        self._reading.close()
        self._first_pass_done().check()

    @contextmanager
    def as_it_was(self, then: Fingerprint) -> Generator[Iterator[Row], None, None]:
        """Its rows without a first pass, for those who know from an earlier one what it holds.

        Args:
            then: what the earlier one saw.

        Yields:
            The rows; they may lack columns that are not needed.

        Raises:
            InputError: also while iterating: it cannot be read, or it has changed.
        """
        with ExitStack() as opened:
            self._sealed = SealedFile(self._again(self._open(opened), opened), self.name)
            if self._sealed.fingerprint != then:
                raise InputError(f"{self.name} is not the same input as before, byte for byte")
            yield opened.enter_context(closing(self._read(accounts_only=True)))

    def _first_pass_done(self) -> SealedFile:
        if self._sealed is None:
            raise RuntimeError(f"open {self.name} first: with AccountFile(...) as file: ...")
        return self._sealed

    def _read(self, *, accounts_only: bool = False) -> Generator[Row, None, None]:
        sealed = self._first_pass_done()
        reading = self._reader(sealed)(
            sealed, column=self.column, needs=self._needs, name=self.name, accounts_only=accounts_only
        )
        self.columns = reading.columns
        yield from reading.rows
        self._unterminated = reading.unterminated()

    def _reader(self, sealed: SealedFile) -> Callable[..., Reading]:
        """What reads files of this kind."""
        if sealed.open().peek().startswith(b"PAR1"):
            return partial(_parquet(self.name), argument=self._argument)
        if self._argument is not None:
            raise InputError(f"{self.name} is no Parquet, so it has no column for arguments; give JSON lines")
        return partial(read_text, encoding=self._encoding)

    def repeats(self) -> Iterator[Repeat]:
        """The rows whose account is in an earlier row too, in no particular order."""
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

    def _again(self, stream: IO[bytes], opened: ExitStack) -> IO[bytes]:
        """The stream, or a copy of it, that can be read more than once."""
        if self._copy is not None and (self._path is None or not stream.seekable()):
            copied_to(self._copy, stream)
            self._path = self._copy
            return opened.enter_context(self._copy.open("rb"))
        if stream.seekable():
            return stream
        self._path = None
        return copied_for_a_while(stream, opened)


def _parquet(name: str) -> Callable[..., Reading]:
    try:
        from .parquet import read_parquet  # noqa: PLC0415 - it needs an extra
    except ImportError:
        raise InputError(
            f"{name} is Parquet, which needs pyarrow; get it with: pip install 'tim-async[parquet]'"
        ) from None
    return read_parquet


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise InputError("standard input is closed")
    return sys.stdin.buffer


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.absolute().parent.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.with_name(near[0])}?" if near else ""
