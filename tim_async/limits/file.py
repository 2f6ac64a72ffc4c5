"""The limiter shared by the processes of one host, without a server: the permits of all of them stand in one file.

Strategy: that of `permits.py`, with the pool in SQLite, as memory that is shared rather than as a store. A process
takes a permit by writing it down, and when the call is over it writes when the permit may be used again. A process that
dies leaves no lock behind, and what it had is free when its lease is over. A host has one monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Final

from .gates import Gate
from .limiter import Command
from .permits import Permit, Permits
from .seats import clock_of
from .shared import SharedLimiter
from .sources import Source

__all__ = ["FileLimiter"]

log = logging.getLogger("tim_async")

LEASE: Final = 15.0
"""Seconds after which a permit is free although its call was not reported as over; a process at work renews it."""
RETRY: Final = 0.002
"""Seconds between two attempts to open a file that another process holds."""
PATIENCE: Final = 500
"""Attempts after which a warning says that a suspended process holds the file: after little more than a second."""
LOOK_AGAIN: Final = 0.25
"""Most seconds between two looks at the file while somebody waits: a call elsewhere may never have been sent."""
HELD: Final = 0, RETRY
BEGIN: Final = "PRAGMA synchronous = OFF", "PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE"  # nothing waits for a disk
SCHEMA: Final = """CREATE TABLE IF NOT EXISTS tim_async_permits
    (number INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT, owner TEXT, free_at REAL)"""
# What is further ahead than any permit can be is left over from before the machine was started.
TIDY: Final = "DELETE FROM tim_async_permits WHERE command = :command AND NOT (free_at > :now AND free_at <= :far)"
RENEW: Final = "UPDATE tim_async_permits SET free_at = :lease WHERE owner = :owner"
BACK: Final = "UPDATE tim_async_permits SET free_at = ?, owner = NULL WHERE number = ?"
FULL: Final = "SELECT free_at FROM tim_async_permits WHERE command = ? ORDER BY free_at DESC LIMIT 1 OFFSET ?"
TAKE: Final = "INSERT INTO tim_async_permits (command, owner, free_at) VALUES (:command, :owner, :lease)"


class FileLimiter(SharedLimiter):
    """The limits of all processes of one host that are given the same file.

        async with FileLimiter("/run/myapp/tim.limit") as limiter, Client(..., limiter=limiter) as tim:
            ...

    No second sees more calls than the service allows (see `tim_async.limits.permits` for the proof), whatever process
    comes, goes or is killed, even while it holds the file. The permits of a killed process are back after 15 s. While a
    process is suspended that holds the file, the others send nothing, and a warning says so; their event loops go on. A
    process that is suspended for 15 s between its permit and its call makes that call in addition to those of others.

    The file must not be on a network share, its directory must be writable, and all processes should use the same
    rates; within one process the lowest holds, and urgent calls go first. A limiter belongs to one event loop.

    Args:
        path: of the file, which is created if there is none; its directory must exist.

    Raises:
        TypeError: *path* is not a path.
        ValueError: *path* is empty.
        OSError: the file cannot be used: its directory is missing or not writable, or it is something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        name = os.fspath(path)
        if not name or "\0" in name:
            raise ValueError(f"path must be that of a file, not {name!r}")
        self._file = _File(Path(name).absolute())
        # Who uses it opens it again: a connection must not go through a fork.
        with contextlib.suppress(BlockingIOError), contextlib.closing(self._file), self._file.transaction():
            pass

    async def aclose(self) -> None:
        """Close the file, after the clients: whoever is still waiting gets a `RuntimeError`."""
        await super().aclose()
        self._file.close()

    def _new_source(self, command: Command) -> Source:
        return _Source(command, self._file)


class _Source(Source):
    """The permits of one command that stand in the file."""

    def __init__(self, command: Command, file: _File) -> None:
        super().__init__(Permits(command.rate))
        self._values = {"command": f"{command.sdk_app_id}:{command.path}", "owner": os.urandom(8).hex()}
        self._file = file
        self._numbers: dict[Permit, int] = {}
        self._back: list[tuple[float, int]] = []

    def attach(self, gate: Gate) -> None:
        self._gate = gate

    def free(self, now: float) -> int:
        return 0  # that is, none is known to be: only the file knows

    def take(self, now: float, leave: int, waited: float) -> Permit | float:
        number, wait = self._exchange(now, self.permits.usable(now) - leave)
        if not number:
            return now + wait
        permit = self.permits.take(now)
        self._numbers[permit] = number
        return permit

    def end(self, permit: Permit, now: float, *, refused: bool) -> None:
        super().end(permit, now, refused=refused)
        free_at = now if permit.written is None else self.permits.reusable_at(permit, now)
        self._back.append((free_at, self._numbers.pop(permit)))
        if len(self._back) == 1 and not self._flush(now):  # else somebody is at it
            asyncio.get_running_loop().call_later(RETRY, self._flush_again)

    async def aclose(self) -> None:
        """Writes down what is over, unless another process holds the file: then the lease ends it."""
        self._flush(clock_of(asyncio.get_running_loop())())
        self._back.clear()

    def _flush(self, now: float) -> bool:
        """Writes down what is over; False if another process holds the file."""
        with contextlib.suppress(OSError):  # who asks next sees it
            if self._back:
                self._exchange(now, 0)
            return not self._back
        return True

    def _flush_again(self) -> None:
        loop = asyncio.get_running_loop()
        if self._flush(clock_of(loop)()):
            self._gate.look_again()
        else:
            loop.call_later(RETRY, self._flush_again)

    def _exchange(self, now: float, most: int) -> tuple[int, float]:
        """Writes down what is over; takes a permit if fewer than `most` are out: its number or 0, and when to look."""
        values = {**self._values, "now": now, "lease": now + LEASE, "far": now + LEASE + 60 + 2 / self.permits.rate}
        try:
            with self._file.transaction() as database:
                database.executemany(BACK, self._back)
                for line in (TIDY, RENEW):
                    database.execute(line, values)
                full = database.execute(FULL, (values["command"], most - 1)).fetchone() if most else (now,)
                number = None if full else database.execute(TAKE, values).lastrowid
        except BlockingIOError:
            return HELD
        self._back.clear()
        return number or 0, max(RETRY, min(LOOK_AGAIN, full[0] - now)) if full else 0


class _File:
    """The file, in the hands of one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._tries = 0

    @contextlib.contextmanager
    def transaction(self) -> Generator[sqlite3.Connection, None, None]:
        """Raises a `BlockingIOError` while another process holds the file, and an `OSError` if it cannot be used."""
        try:
            self._database = self._database or sqlite3.connect(self.path, timeout=0, isolation_level=None)
            self._inode = self._inode or self.path.stat().st_ino
            if not self.path.exists() or self.path.stat().st_ino != self._inode:
                raise OSError(f"the limit cannot be shared: {self.path} was removed or replaced while it was in use")
            with self._database as database:
                for line in (*BEGIN, SCHEMA):
                    database.execute(line)
                self._tries = 0
                yield database
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                why = f"{self.path} cannot be used ({exc}); it must be a file of its own"
                raise OSError(f"the limit cannot be shared: {why}") from exc
            self._tries += 1
            if self._tries == PATIENCE:
                log.warning("nothing is sent: %s is held by a process that stands still; end it", self.path)
            raise BlockingIOError from exc

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
