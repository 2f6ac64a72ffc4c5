"""The limiter shared by the processes of one host, without a server: one budget per app and command, kept in a file.

Strategy: that of `tim_async.sharing`. A booking is one short transaction of SQLite, some 50 microseconds every few
calls; a process that dies in the middle of it leaves nothing behind, for its lock ends with it. All processes of a host
have one monotonic clock, so nobody's clock has to be compared, and none can be set.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from .limits import Command
from .sharing.books import AHEAD, Booking, Terms
from .sharing.gate import Common
from .sharing.limiter import SharedLimiter

__all__ = ["FileLimiter"]

log = logging.getLogger("tim_async")

T = TypeVar("T")

PROCESSES: Final = 64
"""More may share a file: then some of them wait until those before them have booked."""
PATIENCE: Final = 1.0
"""Seconds after which it is told that the file is held by somebody who stands still."""
RETRY: Final = 0.001, 0.05
"""Seconds between two tries to get at a file that somebody else holds, at first and at most."""
QUIET: Final = 2.0
SLOWER: Final = 0.9
SLOWEST: Final = 0.1
RECOVERY: Final = 0.05
"""A refusal takes a tenth off everybody's pace, which after two seconds grows by a twentieth of the limit a second."""
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
LEFT_OVER: Final = 60.0
"""Seconds further ahead than anybody may book, from which on a time is one of before the machine was started."""
NEVER: Final = 10**15
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tim_async_budget (
    key TEXT PRIMARY KEY, boot TEXT NOT NULL, next INTEGER NOT NULL, booked INTEGER NOT NULL,
    share REAL NOT NULL, slow_until INTEGER NOT NULL
)
"""


class FileLimiter(SharedLimiter):
    """The limits of all processes of one host that are given the same file.

        async with FileLimiter("/run/myapp/tim.limit") as limiter, Client(..., limiter=limiter) as tim:
            ...

    **What holds.** All processes together have at most as many slots in any ``window / margin`` (1.02 s at 0.98) as the
    service allows calls in a window, whoever comes, goes or is killed, also with the file in its hands: see
    `tim_async.redis.RedisLimiter`, which shares this part. A process that stands still while it holds the file
    (SIGSTOP, a debugger) lets the others wait until it goes on or ends: they send nothing meanwhile, and a warning says
    so. The event loop is never kept waiting.

    **What does not.** Nothing is shared with other hosts, so the file must not be on a network share. If the file is
    removed or replaced while it is in use, the calls of those who used it fail; who comes then begins a new budget,
    with up to half a second of the old one booked.

    An event loop needs a limiter of its own; several of one process may use one file. SQLite keeps two more files
    beside it, so the directory must be writable.

    Args:
        path: of the file, which is made if there is none; its directory must exist.
        margin: share of the limit that is used at most, above 0 and below 1.

    Raises:
        TypeError: *path* is no path.
        ValueError: *path* is empty, or *margin* is impossible.
        OSError: the file cannot be used: its directory is missing or not writable, or it is something else.
    """

    def __init__(self, path: str | os.PathLike[str], *, margin: float = 0.98) -> None:
        if not 0 < margin < 1:
            raise ValueError(f"margin must be between 0 and 1, not {margin!r}")
        name = os.fspath(path)
        if not name or "\0" in name:
            raise ValueError(f"path must be that of a file, not {name!r}")
        self._path = Path(name).absolute()
        books = FileBooks(self._path)
        books.check()
        super().__init__(Common(books, processes=PROCESSES, margin=margin, timeout=PATIENCE))

    def __repr__(self) -> str:
        return f"<FileLimiter of {self._path}{': closed' if self._closed else ''}>"


class _Row(NamedTuple):
    """One budget. Times are microseconds of the host's monotonic clock."""

    next: int
    booked: int
    share: float
    slow_until: int

    def pace(self, now: int) -> tuple[float, float]:
        """The share of the limit that is in use; and seconds since the last refusal."""
        left = (self.slow_until - now) / 1e6
        whole = QUIET + (1 - self.share) / RECOVERY
        if not 0 < left <= whole:
            return 1.0, math.inf
        return max(self.share, 1 - left * RECOVERY), whole - left

    def refuse(self, now: int, ago: float) -> _Row:
        """After a refusal of a call made `ago` seconds ago; one booked before the last was known says nothing new."""
        share, since = self.pace(now)
        if not 0 <= ago < since - AHEAD:
            return self
        share = max(SLOWEST, SLOWER * share)
        return self._replace(share=share, slow_until=now + math.ceil(1e6 * (QUIET + (1 - share) / RECOVERY)))

    def book(self, now: int, n: int, spacing: int, queue: int) -> tuple[_Row, int, int]:
        """Books up to `n` slots: the row after that, the first slot, and how many there are."""
        ahead = round(AHEAD * 1e6)
        most = ahead + queue * spacing
        start = max(now, self.next)
        if start > now + most + n * spacing + LEFT_OVER * 1e6:
            start = now + spacing
        count = 0
        if n and start <= now + most:
            count = max(1, min(n, (now + ahead - start) // spacing))
        return self._replace(next=start + count * spacing, booked=self.booked + (count > 0)), start, count


class FileBooks:
    """The budgets in one file, as one process asks for them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._boot = BOOT.read_text() if BOOT.exists() else ""

    def check(self) -> None:
        """Raises an `OSError` if the file cannot be used; makes it if there is none."""
        try:
            with closing(self._open()):
                return
        except sqlite3.Error as exc:
            if not _held(exc):
                raise self._unusable(exc) from exc

    async def book(self, command: Command, n: int, terms: Terms, *, seen: int = -2, refused: float = -1.0) -> Booking:
        """Book up to `n` slots: see `Books.book`. There is no doing without the file, so *seen* says nothing."""

        def write(database: sqlite3.Connection) -> tuple[int, int, int, int]:
            now = time.monotonic_ns() // 1000
            row = self._read(database, command, now).refuse(now, refused)
            spacing = math.ceil(terms.spacing * 1e6 / row.pace(now)[0])
            row, start, count = row.book(now, n, spacing, terms.queue)
            self._write(database, command, row)
            return start, count, spacing, row.booked

        began = time.monotonic()
        start, count, spacing, booked = await self._ask(write)
        slots = [(start + place * spacing) / 1e6 for place in range(count)]
        return Booking(start / 1e6, slots, start + count * spacing, spacing, booked, time.monotonic() - began)

    async def give_back(self, command: Command, end: int, count: int, spacing: int) -> bool:
        """Give back the last `count` slots of a run: see `Books.give_back`."""

        def write(database: sqlite3.Connection) -> bool:
            row = self._read(database, command, time.monotonic_ns() // 1000)
            if row.next != end:
                return False
            self._write(database, command, row._replace(next=end - count * spacing))
            return True

        return await self._ask(write)

    async def aclose(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    async def _ask(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction. While somebody else holds the file, the loop goes on."""
        began, told, wait = time.monotonic(), False, RETRY[0]
        while True:
            try:
                if self._database is None:
                    self._database = self._open()
                self._check_place()
                self._database.execute("BEGIN IMMEDIATE")
                with self._database:
                    return write(self._database)
            except sqlite3.Error as exc:
                if not _held(exc):
                    raise self._unusable(exc) from exc
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                log.warning("nothing is sent: %s is held by a process that stands still; end it", self._path)
            await asyncio.sleep(wait * random.uniform(0.5, 1))
            wait = min(2 * wait, RETRY[1])

    def _open(self) -> sqlite3.Connection:
        """The file, ready for use. It is shared memory rather than a store: nothing waits for a disk."""
        database = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for line in ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = WAL", SCHEMA):
                database.execute(line)
            self._file = self._place()
        except BaseException:
            database.close()
            raise
        return database

    def _place(self) -> tuple[int, int] | None:
        """Which file it is; None if there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _check_place(self) -> None:
        if self._place() != self._file:
            raise OSError(f"the limit cannot be shared: {self._path} was removed or replaced while it was in use")

    def _unusable(self, exc: sqlite3.Error) -> OSError:
        return OSError(f"the limit cannot be shared: {self._path} cannot be used ({exc}); it must be a file of its own")

    def _read(self, database: sqlite3.Connection, command: Command, now: int) -> _Row:
        found = database.execute(
            "SELECT boot, next, booked, share, slow_until FROM tim_async_budget WHERE key = ?", (_key(command),)
        ).fetchone()
        if found is None:
            return _Row(now, 0, 1.0, 0)
        boot, *numbers = found
        row = _Row(*numbers)
        return row if boot == self._boot else _Row(now + NEVER, row.booked, 1.0, 0)

    def _write(self, database: sqlite3.Connection, command: Command, row: _Row) -> None:
        database.execute(
            "INSERT OR REPLACE INTO tim_async_budget VALUES (?, ?, ?, ?, ?, ?)", (_key(command), self._boot, *row)
        )


def _key(command: Command) -> str:
    return f"{command.sdk_app_id}:{command.path}"


def _held(exc: sqlite3.Error) -> bool:
    """Whether somebody else is at the file."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
