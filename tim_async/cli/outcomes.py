"""Where the outcomes of a file go: never over the file that is read, nor over anything that somebody may still need."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tim_async.bulk.reading import InputError

from .saving import not_written, try_place, whole
from .telling import give_up_stdout

__all__ = ["Outcomes", "is_output", "is_standard"]

_STANDARD = "-"
_TO = "--to"


def is_standard(to: str) -> bool:
    """Whether outcomes go to what is open already, which no later process can open anew."""
    return to == _STANDARD or not stat.S_ISREG(found.st_mode if (found := _found(to)) is not None else stat.S_IFREG)


def is_output(to: str) -> bool:
    """Whether it is a name of standard output."""
    place, output = _found(to), _found(1)
    # /dev/stdout is a name for what is open already: to open it anew would empty the file behind it.
    return to == _STANDARD or (place is not None and output is not None and os.path.samestat(place, output))


class Outcomes:
    """The place for the outcomes, which is looked at before the accounts are, and opened after that.

    Args:
        to: a path; None or ``-`` for standard output.
        source: what the accounts are read from, a path or ``-``.
        force: whether what stands there may be overwritten.
        option: of the command line that names it; only beside ``--to`` there is a ``--force``.

    Raises:
        InputError: it is the file that is read, or holds something, or cannot be written.
    """

    def __init__(self, to: str | None, source: str, *, force: bool, option: str = _TO) -> None:
        self._option = option
        read = _found(0 if source == _STANDARD else source)
        place = None if to in (None, _STANDARD) else _found(str(to))
        output = _found(1)
        self._path = None if to is None or is_output(to) else Path(to)
        self._mode = "wb" if force or (place is not None and not stat.S_ISREG(place.st_mode)) else "xb"
        if self._path is None:
            if sys.stdout is None:
                raise InputError(f"standard output is closed; say where the outcomes go: {option} FILE")
            if _is_same_file(read, output):
                raise InputError("standard output goes into the file that is read; give the outcomes another name")
        elif _is_same_file(read, place):
            raise InputError(f"{option} {to} is the file that is read; give the outcomes another name")
        elif place is not None and self._mode == "xb":
            raise self._taken()
        elif place is not None and stat.S_ISDIR(place.st_mode):
            raise self._unfit("Is a directory")
        elif not self._path.parent.is_dir():
            raise self._unfit(f"there is no directory {self._path.parent}")

    def __str__(self) -> str:
        return "standard output" if self._path is None else str(self._path)

    @property
    def is_at_a_terminal(self) -> bool:
        """Whether they go to the terminal."""
        return self._path is None and sys.stdout.isatty()

    @contextmanager
    def open(self) -> Generator[IO[bytes], None, None]:
        """A stream for them.

        Raises:
            InputError: it cannot be written.
        """
        if self._path is None:
            yield sys.stdout.buffer
            return
        try:
            sink = self._path.open(self._mode)
        except FileExistsError:
            raise self._taken() from None
        except OSError as exc:
            raise self._unfit(str(exc.strerror)) from None
        try:
            yield sink
        finally:
            # Whatever could be written has been flushed; a full disk has been told, and would raise here once more.
            with suppress(OSError):
                sink.close()

    @contextmanager
    def later(self) -> Generator[None, None, None]:
        """In place of `open` where nothing is written before the end, and then by `whole`.

        Raises:
            InputError: it cannot be written; that is known now.
        """
        if self._path is not None:
            try_place(self._path)
        yield

    @contextmanager
    def whole(self) -> Generator[IO[bytes], None, None]:
        """A stream for all outcomes of a journal: they are there whole, or what stood there before still is.

        Raises:
            NoRoom: the disk is full.
            InputError: they cannot be written for another reason.
        """
        if self._path is not None:
            if self._mode == "xb" and os.path.lexists(self._path):
                raise self._taken()
            with whole(self._path) as sink:
                yield sink
            return
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as exc:
            self.give_up()
            raise not_written(self, exc) from None

    def give_up(self) -> None:
        """After an error nothing more is written."""
        if self._path is None:
            give_up_stdout()

    def _taken(self) -> InputError:
        or_force = ", or overwrite it with --force" if self._option == _TO else ""
        return InputError(f"{self._option} {self} exists already; give the outcomes another name{or_force}")

    def _unfit(self, why: str) -> InputError:
        return InputError(f"{self} cannot be written: {why}; say another place: {self._option} FILE")


def _found(place: str | int) -> os.stat_result | None:
    """What stands at a path, or is open under a number; None if nothing is."""
    try:
        return os.stat(place)  # noqa: PTH116 - a number is no path
    except OSError:
        return None


def _is_same_file(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    """Whether both are one file. A terminal or /dev/null may well be read and written."""
    return one is not None and other is not None and stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)
