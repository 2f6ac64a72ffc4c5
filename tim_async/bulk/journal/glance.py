"""Looks at a journal whatever others do with it meanwhile: what is read is of one moment, and nothing is left behind.

A journal at work is read as SQLite reads it while somebody writes. One at rest is read as a bare file, which must not
change: where a run begins during that, it is read once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

from .errors import JournalBroken, JournalError
from .lock import holder_of, is_held
from .store import Store

__all__ = ["look"]

_TRIES = 5  # starts of runs during one look after the other; each of these waited for a second before it sent

T = TypeVar("T")


class _Mark(NamedTuple):
    """What shows that somebody began to work with a journal, or ended."""

    held_by: str
    has_wal: bool
    changed: tuple[int, int, int] | None
    """Which file it is, its size, and when it was written."""

    @property
    def at_work(self) -> bool:
        return bool(self.held_by) and self.has_wal


def look(path: Path, read: Callable[[Store, str], T]) -> T:
    """Read from a journal at one moment.

    Args:
        path: of the journal.
        read: takes the journal, and which process works with it at this moment; empty if none does. It may be called
            more than once, and what it gives the last time counts.

    Raises:
        JournalError: it cannot be read, or is none.
    """
    for left in reversed(range(_TRIES)):
        before = _mark(path)
        try:
            with closing(Store(path, writes=False)) as store, store.still():
                found = read(store, before.held_by)
            if before.at_work or _mark(path) == before:
                return found
        except (JournalError, sqlite3.Error) as exc:
            if not left or _mark(path) == before:
                raise exc if isinstance(exc, JournalError) else JournalBroken(f"{path} is damaged: {exc}") from None
    raise JournalError(f"the journal {path} is taken by one run after the other: look once more")


def _mark(path: Path) -> _Mark:
    held_by = str(holder_of(path) or "another process") if is_held(path) else ""
    has_wal = path.with_name(path.name + "-wal").exists()
    try:
        told = path.stat()
    except OSError:
        return _Mark(held_by, has_wal, None)
    return _Mark(held_by, has_wal, (told.st_ino, told.st_size, told.st_mtime_ns))
