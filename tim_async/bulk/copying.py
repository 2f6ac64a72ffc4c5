"""Input that can be read only once, copied to where it can be read again before anything of it is used."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from filecmp import cmp
from glob import escape
from pathlib import Path
from typing import IO

from .durable import sync_folder
from .rows import InputError

__all__ = ["copied_for_a_while", "copied_to"]

_SPOOLED = 16 * 1024 * 1024  # bytes kept in memory; the rest goes to a temporary file
_BLOCK = 1024 * 1024


def copied_for_a_while(stream: IO[bytes], opened: ExitStack) -> IO[bytes]:
    """A copy that is gone when it is closed.

    Args:
        stream: what is copied, from where it stands.
        opened: closes the copy.

    Raises:
        InputError: there is no room for it.
    """
    with ExitStack() as stack:
        copy = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOLED, mode="w+b"))
        try:
            shutil.copyfileobj(stream, copy, _BLOCK)
        except OSError as exc:
            raise _no_room(tempfile.gettempdir(), exc, "set TMPDIR to a directory with more room") from None
        copy.seek(0)
        opened.push(stack.pop_all())
    return copy


def copied_to(path: Path, stream: IO[bytes]) -> None:
    """Copy all of a stream to a file that only its owner may read. It has this name when it is whole and on the disk.

    What an earlier start copied there stays: a job whose rows are half done needs it.

    Args:
        path: the file.
        stream: what is copied, from where it stands.

    Raises:
        InputError: there is no room for it, or something else stands there.
    """
    _sweep(path)
    try:
        part, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)  # its mode is 0600
    except OSError as exc:
        raise _no_room(str(path.parent), exc, "name a directory with room for it") from None
    try:
        with os.fdopen(part, "wb") as copy:
            flock(copy, LOCK_EX)
            shutil.copyfileobj(stream, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
        _give_name(Path(name), path)
    except OSError as exc:
        raise _no_room(str(path.parent), exc, "name a directory with room for it") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what starts that were killed have left: each holds all accounts that it had read by then."""
    for part in path.parent.glob(f"{escape(path.name)}.*.part"):
        with suppress(OSError), part.open("rb") as left:  # another start writes to it, or was quicker to remove it
            flock(left, LOCK_EX | LOCK_NB)
            part.unlink()


def _give_name(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)  # unlike a rename it never takes the place of what is there
    except FileExistsError:
        if not cmp(part, path, shallow=False):
            raise InputError(
                f"the input is another one than that of an earlier start, which {path} holds; "
                "go on with that one, or remove it to begin anew"
            ) from None
    sync_folder(path.parent)


def _no_room(directory: str, exc: OSError, cure: str) -> InputError:
    return InputError(f"the input cannot be copied to {directory} ({exc.strerror}); {cure}, or give a file")
