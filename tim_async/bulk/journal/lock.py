"""Keeps a second run out of a journal. The lock is the process's own and ends with it, however it ends.

Beside the journal stands ``FILE.lock``, which says who holds it and how many commits the journal has: a journal that
has fewer was cut or put back from an old copy. https://man7.org/linux/man-pages/man2/flock.2.html
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from .errors import JournalError, JournalFull, JournalHeld

__all__ = ["Holder", "Lock", "holder_of", "is_held"]

_TRIES, _BETWEEN = 20, 0.005  # seconds; whoever only looks whether it is held has it for a moment
_LINE = 512  # bytes; always written whole, and over the same place


class Holder(msgspec.Struct, frozen=True):
    """Who works with a journal, or did last."""

    pid: int
    host: str
    since: str
    """Local time."""
    journal: str = ""
    """The journal's own id."""
    commits: int = 0
    """How many the journal had."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def holder_of(path: Path) -> Holder | None:
    """Who held the journal last; None if nobody did, or if it cannot be told.

    Args:
        path: of the journal.
    """
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError), _beside(path).open("rb") as file:
        return msgspec.json.decode(file.read(_LINE).strip(), type=Holder)
    return None


def is_held(path: Path) -> bool:
    """Whether a process works with the journal at this moment.

    Args:
        path: of the journal.
    """
    try:
        number = os.open(_beside(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(number, shared=True)
    finally:
        os.close(number)


class Lock:
    """Holds a journal until `release`.

    Args:
        path: of the journal, which need not be there yet.

    Raises:
        JournalHeld: another process holds it; the text says which.
        JournalError: the file of the lock cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._take()
        last = holder_of(path)
        self.before = None if last is None or not last.journal else last
        """Who held it last, if that one did not end in good order."""
        self._me = Holder(os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S"))
        try:  # at once, so that whoever comes now is told the right name
            self.tell(*("", 0) if self.before is None else (self.before.journal, self.before.commits))
        except BaseException:
            os.close(self._file)
            raise

    def _take(self) -> int:
        if not self._path.name:
            raise JournalError(f"the journal {self._path} cannot be written: it is no name of a file")
        try:
            number = os.open(_beside(self._path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as exc:  # a NUL in a path is a ValueError
            raise JournalError(f"the journal {self._path} cannot be written: {getattr(exc, 'strerror', exc)}") from None
        for _ in range(_TRIES):
            if _lock(number):
                return number
            time.sleep(_BETWEEN)
        os.close(number)
        raise JournalHeld(f"{self._path} is held by {holder_of(self._path) or 'another process'}")

    def tell(self, journal: str, commits: int) -> None:
        """Write down how many commits the journal has.

        Args:
            journal: the journal's own id.
            commits: in all.

        Raises:
            JournalFull: it cannot be written.
        """
        line = msgspec.json.encode(msgspec.structs.replace(self._me, journal=journal, commits=commits))
        try:
            os.pwrite(self._file, line.ljust(_LINE - 1) + b"\n", 0)
        except OSError as exc:
            raise JournalFull(f"the journal {self._path} cannot be written: {exc.strerror}") from None

    def release(self, *, whole: bool) -> None:
        """Let others have it.

        Args:
            whole: the journal is whole in its one file, so there is nothing to remember.
        """
        if whole:  # the file stays: who removes what another process has opened lets two of them in
            with suppress(OSError):
                os.ftruncate(self._file, 0)
        os.close(self._file)


def _lock(number: int, *, shared: bool = False) -> bool:
    import fcntl  # noqa: PLC0415 - there is none on Windows, where only journals are missing

    try:
        fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
