"""One part of a list: the rows of those accounts that fall to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, cast
from zlib import crc32

from tim_async.bulk.rows import InputError, Row
from tim_async.bulk.source import Fingerprint, Source

__all__ = ["Part"]


class Part:
    """One of several parts of a source. All rows of an account are in the same part, in their order.

    Args:
        source: all of the rows, opened; each process opens its own.
        index: which part, from 0.
        of: how many there are.

    Raises:
        InputError: there is no such part, or the source can be read only once.
    """

    description: Mapping[str, Any] = {}

    def __init__(self, source: Source, index: int, of: int) -> None:
        if not 0 <= index < of:
            raise InputError(f"there is no part {index}/{of}; parts are counted from 0: 0/{of} to {of - 1}/{of}")
        if source.fingerprint is None:
            raise InputError(f"{source.name} can be read only once, so it has no parts; give a list, or a file")
        self.name = f"{source.name}, part {index}/{of}"
        self._source = source
        self._whole = source.fingerprint
        self._index = index
        self._of = of
        self._count: int | None = None
        self._given: Generator[Row, None, None] | None = None

    @property
    def count(self) -> int:
        """Rows of this part; the first time they are read for that."""
        if self._count is None:
            self._count = sum(1 for _ in self._read())
        return self._count

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the whole source, with the part."""
        return Fingerprint(self._whole.size, f"{self._whole.digest} {self._index}/{self._of}")

    @property
    def columns(self) -> Sequence[str]:
        """Those of the source."""
        return self._source.columns

    @property
    def column(self) -> str | None:
        """That of the source."""
        return self._source.column

    def rows(self) -> Iterator[Row]:
        """The rows of this part, with their numbers in the whole source; closes the iterator that an earlier call gave.

        Raises:
            InputError: while iterating: the source was changed.
        """
        if self._given is not None:
            self._given.close()
        self._given = self._read()
        return self._given

    def check(self) -> None:
        """Compare the source with what its first pass saw.

        Raises:
            InputError: it was changed.
        """
        self._source.check()

    def _read(self) -> Generator[Row, None, None]:
        rows = cast("Iterator[Row]", self._source.rows())  # what has a fingerprint is not read asynchronously
        for row in rows:
            # Of what is no UTF-8 (a lone surrogate) there are rows too: they have their outcome like the others.
            if crc32(row.account.encode(errors="surrogatepass")) % self._of == self._index:
                yield row
