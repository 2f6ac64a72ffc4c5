"""The permits of all processes of one host, in a file: SQLite, as memory that they share rather than as a store."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

__all__ = ["PATIENCE", "PermitFile"]

log = logging.getLogger("tim_async")

LEASE: Final = 15.0
"""Seconds after which a permit is free of which nobody has said that its call is over; who is busy renews it."""
RETRY: Final = 0.002
"""Seconds between two tries to get at a file that somebody else holds."""
PATIENCE: Final = 1.0
"""Seconds after which it is told that the file is held by somebody who stands still."""
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tim_async_permits (
    number INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT, owner TEXT, running INTEGER, free_at REAL
)
"""


class PermitFile:
    """The permits of all processes, as one of them sees them.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner = f"{random.getrandbits(64):x}"
        self._database: sqlite3.Connection | None = None
        self._place: tuple[int, int] | None = None

    def check(self) -> None:
        """Raises an `OSError` if the file cannot be used; makes it if there is none."""
        try:
            with closing(self._open()):
                return
        except sqlite3.Error as exc:
            if not _held(exc):
                raise self._unusable(exc) from exc

    def close(self) -> None:
        """Let go of it."""
        if self._database is not None:
            self._database.close()

    async def exchange(self, key: str, back: list[tuple[float, int]], most: int, window: float) -> tuple[int, float]:
        """Writes when permits are free again, and takes one. While somebody else holds the file, the loop goes on.

        Args:
            key: the command.
            back: when, and which; emptied.
            most: permits of the command that may be out at once; 0 to take none.
            window: seconds that a permit rests at least.

        Returns:
            The number of the permit and 0; or 0 and when there may be one.
        """
        began, told = time.monotonic(), False
        while True:
            try:
                return self._exchange(key, back, most, window)
            except sqlite3.Error as exc:
                if not _held(exc):
                    raise self._unusable(exc) from exc
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                log.warning("nothing is sent: %s is held by a process that stands still; end it", self.path)
            await asyncio.sleep(RETRY * random.uniform(0.5, 1.5))

    def _exchange(self, key: str, back: list[tuple[float, int]], most: int, window: float) -> tuple[int, float]:
        if self._database is None:
            self._database = self._open()
        if self._find() != self._place:
            raise OSError(f"the limit cannot be shared: {self.path} was removed or replaced while it was in use")
        with self._database as database:
            ask = database.execute
            ask("BEGIN IMMEDIATE")
            now = time.monotonic()
            database.executemany("UPDATE tim_async_permits SET free_at = ?, running = 0 WHERE number = ?", back)
            # What is further ahead than any permit can be is left over from before the machine was started.
            ask(
                "DELETE FROM tim_async_permits WHERE command = ? AND NOT free_at BETWEEN ? AND ?",
                (key, now, now + LEASE + 2 * window + 60),
            )
            lease = now + LEASE
            ask("UPDATE tim_async_permits SET free_at = ? WHERE owner = ? AND running", (lease, self._owner))
            times = ask("SELECT free_at FROM tim_async_permits WHERE command = ? ORDER BY free_at", (key,)).fetchall()
            number, free_at = 0, now
            if len(times) >= most:
                free_at = times[len(times) - most][0] if most else now
            else:
                insert = "INSERT INTO tim_async_permits (command, owner, running, free_at) VALUES (?, ?, 1, ?)"
                number = ask(insert, (key, self._owner, lease)).lastrowid or 0
        back.clear()
        return number, free_at

    def _open(self) -> sqlite3.Connection:
        """The file, ready for use. It is shared memory rather than a store: nothing waits for a disk."""
        database = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for line in ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = WAL", SCHEMA):
                database.execute(line)
        except BaseException:
            database.close()
            raise
        self._place = self._find()
        return database

    def _find(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _unusable(self, exc: sqlite3.Error) -> OSError:
        return OSError(f"the limit cannot be shared: {self.path} cannot be used ({exc}); it must be a file of its own")


def _held(exc: sqlite3.Error) -> bool:
    """Whether somebody else is at the file."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
