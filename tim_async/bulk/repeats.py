"""Which rows name an account that an earlier row named, for files of any length.

A set of ten million accounts would take a gigabyte. Here each row leaves sixteen bytes (a hash and the row's number)
in one of 64 parts, which live in memory while they are small and in temporary files when they are not; afterwards the
parts are looked through one by one. Two accounts with the same 64-bit hash would be reported as a repeat: one chance in
400,000 for ten million rows, and then the report is all that is wrong.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import NamedTuple, Self

__all__ = ["Repeat", "Repeats"]

_PARTS = 64
_PENDING = 64 * 1024  # rows noted together: a write for each of them takes longer than to read it
_MOST_IN_MEMORY = 256 * 1024  # bytes of one part, 16 MB of all: a million rows


class Repeat(NamedTuple):
    """A row whose account stands in an earlier row too."""

    number: int
    """The row."""
    first: int
    """The earliest row with the same account."""


class Repeats:
    """Collects the accounts of all rows, and tells which are repeated. Close it to remove the temporary files.

    Args:
        most_in_memory: bytes that each of the 64 parts may hold in memory.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._pending = [array("q") for _ in range(_PARTS)]
        self._left = _PENDING
        with ExitStack() as files:
            self._parts = [
                files.enter_context(SpooledTemporaryFile(max_size=most_in_memory, mode="w+b")) for _ in range(_PARTS)
            ]
            self._files = files.pop_all()

    def add(self, number: int, account: str) -> None:
        """Note that row *number* names *account*."""
        digest = hash(account)
        part = self._pending[digest % _PARTS]
        part.append(digest)
        part.append(number)
        self._left -= 1
        if not self._left:
            self._flush()

    def _flush(self) -> None:
        for part, pending in zip(self._parts, self._pending, strict=True):
            part.write(pending.tobytes())
            del pending[:]
        self._left = _PENDING

    def __iter__(self) -> Iterator[Repeat]:
        """The repeats, in no particular order."""
        self._flush()
        for part in self._parts:
            part.seek(0)
            entries = array("q", part.read())
            digests, numbers = entries[::2], entries[1::2]
            if len(set(digests)) == len(digests):  # the usual case, and quicker
                continue
            first_rows: dict[int, int] = {}
            for digest, number in zip(digests, numbers, strict=True):
                first = first_rows.setdefault(digest, number)
                if first != number:
                    yield Repeat(number, first)

    def close(self) -> None:
        """Remove what is in memory and on disk."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
