"""Writes a file that is there whole, or not at all, and never over anything but an earlier one of its kind."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from tim_async.bulk.rows import InputError

__all__ = ["NoRoom", "check_place", "save"]

_HEAD = 4096  # bytes in which a file of ours says what it is
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class NoRoom(InputError):
    """The disk is full; with more room the same command does it."""


def check_place(path: Path, option: str, mark: str) -> None:
    """Refuse a place where something stands, unless it is an earlier file with the same mark.

    Args:
        path: the place.
        option: of the command line that names it.
        mark: which stands at the beginning of a file that may be replaced.

    Raises:
        InputError: it is taken, or nothing can be written there.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"{path} cannot be written: Is a directory")
        if not stat.S_ISREG(found.st_mode):
            return
        with path.open("rb") as file:
            is_ours = mark.encode() in file.read(_HEAD)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: there is no directory {path.parent}") from None
        return
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror}") from None
    if not is_ours:
        raise InputError(f"{option} {path} exists already, and is no earlier report of this job; give it another name")


def save(path: Path, data: bytes) -> None:
    """Write a file: first beside its place, with ``.new`` at its end, so that what stands there is always whole.

    Args:
        path: its place.
        data: all of it.

    Raises:
        NoRoom: the disk is full. What stood there still does.
        InputError: it cannot be written for another reason.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    is_file = path.is_file() or not path.exists()
    new = path.with_name(f"{path.name}.new") if is_file else path
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            if is_file:
                os.fsync(file.fileno())
        if is_file:
            new.replace(path)
    except OSError as exc:
        if is_file:
            with suppress(OSError):
                new.unlink()
        kind = NoRoom if exc.errno in _FULL else InputError
        raise kind(f"{path} cannot be written: {exc.strerror}; nothing of the job is lost") from None
