"""Accounts that the program itself gives, as a source: a list, a mapping, a generator, or an async iterable."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from hashlib import blake2b
from pathlib import PurePath
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from .rows import NO_COLUMNS, InputError, Row
from .source import Fingerprint

__all__ = ["ItemSource"]


class ItemSource:
    """Accounts, or (account, argument) pairs; ``with`` may be left out.

    A collection (a list, a tuple, a dictionary of accounts and their arguments) can be read again, so a run with a
    journal can be resumed with it, if the program passes it again, in the same order. An iterator, a generator or an
    async iterable can be read only once, and has neither `count` nor `fingerprint`.

    Args:
        items: str accounts, pairs of an account and its argument, or a mapping of them.
        name: what messages call it.

    Raises:
        TypeError: it is a str, bytes or a path, or cannot be iterated.
    """

    columns: Sequence[str] = ()
    column: str | None = None
    description: Mapping[str, Any] = {}
    """Empty: only the program can give the items once more."""

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any], *, name: str = "the items") -> None:
        if isinstance(items, str | bytes | PurePath):
            raise TypeError(
                f"a {type(items).__name__} is not a list of accounts; a file is opened by AccountFile(path)"
            )
        if not isinstance(items, Iterable | AsyncIterable):
            raise TypeError(f"accounts come from something that can be iterated, not {type(items).__name__}")
        self.name = name
        self._items = items
        self._once = not isinstance(items, Iterable) or iter(items) is items
        self._given: Generator[Row, None, None] | None = None
        self._taken = False
        self._seen: Fingerprint | None = None

    @property
    def count(self) -> int | None:
        """The number of items; None if it is not known."""
        return len(self._items) if isinstance(self._items, Sized) and not self._once else None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The number of items, and a hash of all accounts and arguments as JSON; None for what can be read only once.

        Raises:
            InputError: an argument is not JSON.
        """
        if self._seen is None and not self._once:
            self._seen = self._read_through()
        return self._seen

    def rows(self) -> Iterator[Row] | AsyncIterator[Row]:
        """All items, numbered from 1; closes the iterator that an earlier call gave.

        Raises:
            InputError: they can be read only once, and were.
        """
        if self._once and self._taken:
            raise InputError(f"{self.name} can be read only once, and that was done; give a list, or a file")
        self._taken = True
        if not isinstance(self._items, Iterable):
            return self._await(self._items)
        if self._given is not None:
            self._given.close()
        self._given = self._read(self._items)
        return self._given

    def check(self) -> None:
        """Compare all items with what `fingerprint` saw.

        Raises:
            InputError: they have changed.
        """
        if self.fingerprint is not None and self._read_through() != self.fingerprint:
            raise InputError(f"{self.name} were changed after they had been looked through")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def _read(self, items: Iterable[Any]) -> Generator[Row, None, None]:
        pairs = items.items() if isinstance(items, Mapping) else items
        for number, item in enumerate(pairs, 1):
            yield _row(number, item)

    async def _await(self, items: AsyncIterable[Any]) -> AsyncIterator[Row]:
        number = 0
        async for item in items:
            number += 1
            yield _row(number, item)

    def _read_through(self) -> Fingerprint:
        digest, size = blake2b(digest_size=16), 0
        encode = msgspec.json.Encoder(order="deterministic").encode
        for size, account, _, _, argument in self._read(cast("Iterable[Any]", self._items)):
            try:
                digest.update(encode((account, argument)) + b"\n")
            except (TypeError, ValueError) as exc:
                raise InputError(
                    f"{self.name} leave no proof for a later start: what item {size:,} gets is no JSON ({exc})"
                ) from None
        return Fingerprint(size, digest.hexdigest())


def _row(number: int, item: Any) -> Row:
    account, argument = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if isinstance(account, str):
        return Row(number, account, NO_COLUMNS, argument=argument)
    return Row(number, str(account), NO_COLUMNS, f"an account must be a str, not {type(account).__name__}", argument)
