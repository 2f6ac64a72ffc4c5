"""What a run needs of the accounts it is given: rows that can be read again, and proof that they are still the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .rows import Row

__all__ = ["Fingerprint", "Source"]


class Fingerprint(NamedTuple):
    """What tells one input from another."""

    size: int
    """Bytes as they stand on the disk, a compressed file's compressed; items, where there is no file."""
    digest: str
    """BLAKE2b-128 over all bytes (or over all items), as 32 hexadecimal digits."""


class Source(Protocol):
    """Accounts from somewhere, already opened and looked through.

    A row's *place* is how many rows stand before it, broken ones included: a journal knows rows by their places, so
    every reading gives the same rows in the same order.
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def count(self) -> int | None:
        """Rows, sound and broken; None if that is not known before the end."""
        ...

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Of all of it, known from the first pass on; None for what can be read only once."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """How another process can open it again, as JSON: absolute path, column, encoding, needs and the like.

        Empty if only the program itself can provide it again.
        """
        ...

    @property
    def columns(self) -> Sequence[str]:
        """The names of all columns in their order, that of the accounts too; empty where there are none."""
        ...

    @property
    def column(self) -> str | None:
        """The column that holds the accounts; None where there are no columns."""
        ...

    def rows(self) -> Iterator[Row] | AsyncIterator[Row]:
        """All rows, from the first one on; closes the iterator that an earlier call gave.

        What has no `fingerprint` may be read only once, and raises `InputError` the second time.

        Raises:
            InputError: while iterating: it is not what it was in the first pass.
        """
        ...

    def check(self) -> None:
        """Compare all of it with what the first pass saw.

        Raises:
            InputError: it was changed.
        """
        ...
