"""A file that is read several times, and must be the same each time.

Its bytes are hashed block by block when they are read for the first time. Later each block is compared before anything
of it is handed on: so nothing that was not looked through can get further, whoever writes to the file meanwhile.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import IO, Any

from .rows import InputError
from .source import Fingerprint

__all__ = ["SealedFile"]

_BLOCK = 1024 * 1024  # bytes; each leaves 16 of its hash
_BUFFER = 1024 * 1024


class SealedFile:
    """Bytes that are sealed by the first reading.

    Args:
        stream: a seekable stream, read from where it stands.
        name: what error messages call it.
        ours: nobody else can change it, such as a copy that we have made.
    """

    def __init__(self, stream: IO[bytes], name: str, *, ours: bool = False) -> None:
        self._start = stream.tell()
        self._number = None if ours else _number(stream)
        self._stream = stream if self._number is None else _without_buffer(self._number)
        self._name = name
        self._hashes: list[bytes] = []
        self._whole = False
        self._size = 0
        self._digest = blake2b(digest_size=16)
        self._shape = self._now()

    def open(self) -> io.BufferedReader:
        """All bytes from the first one on; whoever still reads what was opened before gets nonsense.

        Reading it raises `InputError` where the file is not what it was.
        """
        return io.BufferedReader(_Blocks(self._blocks()), _BUFFER)

    def open_anywhere(self) -> io.BufferedReader:
        """All bytes, from which a reader takes what it likes; for the first time after all of them were read once.

        Reading it raises `InputError` where the file is not what it was.
        """
        return io.BufferedReader(_Anywhere(self._block, self.fingerprint.size), _BUFFER)

    def _block(self, place: int) -> bytes:
        self._stream.seek(self._start + place * _BLOCK)
        block = self._read()
        if blake2b(block, digest_size=16).digest() != self._hashes[place]:
            raise self._changed()
        return block

    @property
    def fingerprint(self) -> Fingerprint:
        """Of all bytes; what was not yet read is read for it."""
        if not self._whole:
            self._read_all()
        return Fingerprint(self._size, self._digest.hexdigest())

    def check(self) -> None:
        """Compare all of the file with what was read for the first time.

        Raises:
            InputError: it is not the same.
        """
        if self._now() != self._shape:
            raise self._changed()
        self._read_all()

    def _read_all(self) -> None:
        for _ in self._blocks():
            pass

    def _blocks(self) -> Iterator[bytes]:
        self._stream.seek(self._start)
        place = 0
        while True:
            block = self._read()
            digest = blake2b(block, digest_size=16).digest()
            if place == len(self._hashes) and not self._whole:
                self._hashes.append(digest)
                self._digest.update(block)
                self._size += len(block)
                self._whole = not block  # the empty end has its hash, too: nothing may stand behind it
            elif digest != self._hashes[place]:
                raise self._changed()
            if not block:
                return
            yield block
            place += 1

    def _read(self) -> bytes:
        """A whole block, if there are so many bytes: a single read may bring less."""
        parts: list[bytes] = []
        missing = _BLOCK
        while missing and (part := self._stream.read(missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _now(self) -> tuple[int, int] | None:
        """Size and time of the last change; None for what is not a file."""
        if self._number is None:
            return None
        found = os.fstat(self._number)
        return found.st_size, found.st_mtime_ns

    def _changed(self) -> InputError:
        return InputError(f"{self._name} was changed after it had been looked through")


class _Blocks(io.RawIOBase):
    """Blocks as a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        block = self._block or memoryview(next(self._blocks, b""))
        size = min(len(block), len(buffer))
        buffer[:size], self._block = block[:size], block[size:]
        return size


class _Anywhere(io.RawIOBase):
    """Blocks as a stream in which one can go to and fro."""

    def __init__(self, block_of: Callable[[int], bytes], size: int) -> None:
        self._block_of = block_of
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        number, begin = divmod(self._place, _BLOCK)
        block = memoryview(self._block_of(number))[begin:][: len(buffer)]
        buffer[: len(block)] = block
        self._place += len(block)
        return len(block)


def _number(stream: IO[bytes]) -> int | None:
    try:
        return stream.fileno()
    except OSError:  # it is no file, but bytes in memory
        return None


def _without_buffer(number: int) -> IO[bytes]:
    """The same file without a buffer: what stands there may not be what the file holds by now."""
    return open(number, "rb", buffering=0, closefd=False)
