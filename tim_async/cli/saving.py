"""Writes a file that is there whole, or not at all, and never over anything but an earlier one of its kind."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tim_async.bulk.rows import InputError

__all__ = ["NoRoom", "check_place", "is_full", "not_written", "save", "try_place", "whole"]

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
        raise InputError(
            f"{option} {path} exists already, and is not an earlier report of this job; give it another name"
        )


@contextmanager
def whole(path: Path) -> Generator[IO[bytes], None, None]:
    """A file that is written first beside its place, with ``.new`` at its end: what stands there is always whole.

    Args:
        path: its place. What is not a file, such as a device or a pipe, is written as it is.

    Yields:
        A stream for all of it. What is raised inside of the block leaves the place as it was.

    Raises:
        NoRoom: the disk is full. What stood there still does.
        InputError: it cannot be written for another reason.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    new = _beside(path)
    try:
        with (new or path).open("wb") as file:
            yield file
            file.flush()
            if new is not None:
                os.fsync(file.fileno())
        if new is not None:
            new.replace(path)
    except BaseException as exc:
        if new is not None:
            with suppress(OSError):
                new.unlink()
        if isinstance(exc, OSError):
            raise not_written(path, exc) from None
        raise


def save(path: Path, data: bytes) -> None:
    """Write a file that is there whole, or not at all; see `whole`.

    Args:
        path: its place.
        data: all of it.

    Raises:
        NoRoom: the disk is full. What stood there still does.
        InputError: it cannot be written for another reason.
    """
    with whole(path) as file:
        file.write(data)


def try_place(path: Path) -> None:
    """Find out whether `whole` can write at a place, long before it does.

    Args:
        path: the place.

    Raises:
        NoRoom: the disk is full.
        InputError: it cannot be written for another reason.
    """
    path = Path(os.path.realpath(path))
    if (new := _beside(path)) is not None:
        try:
            new.open("wb").close()
            new.unlink()
        except OSError as exc:
            raise not_written(path, exc) from None


def not_written(place: object, error: OSError) -> InputError:
    """What is raised where something of a job cannot be written, which can be had from its journal again.

    Args:
        place: where to.
        error: why not.
    """
    kind = NoRoom if is_full(error) else InputError
    return kind(f"{place} cannot be written: {error.strerror}; nothing of the job is lost")


def is_full(error: OSError) -> bool:
    """Whether there was no room for what was to be written."""
    return error.errno in _FULL


def _beside(path: Path) -> Path | None:
    """Where a file is written before it has its name; None for what is not a file, and has to be written as it is."""
    return path.with_name(f"{path.name}.new") if path.is_file() or not path.exists() else None
