"""Where marks and outcomes stand: a folder that all processes see, or an object store (fsspec, extra ``remote``)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar
from urllib.request import url2pathname

from tim_async.bulk.durable import sync_folder
from tim_async.bulk.journal.errors import JournalError, JournalFull
from tim_async.bulk.rows import InputError

__all__ = ["Store", "store_of"]

T = TypeVar("T")


class Store(Protocol):
    """Small files by name, beside each other. Whoever reads one sees all of it or nothing, but for a new mark."""

    scratch: str
    """A folder on this machine, for what is written piece by piece before it is put."""

    def read(self, name: str) -> bytes | None:
        """What stands there; None if nothing does.

        Raises:
            JournalError: that cannot be found out.
        """
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Write what is not there yet; False if it is.

        Raises:
            JournalError: it cannot be written.
        """
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Write over what stands there.

        Raises:
            JournalFull: it cannot be written.
        """
        ...

    def put(self, path: Path, name: str) -> None:
        """Bring a whole file there; it may be moved.

        Raises:
            JournalFull: it cannot be written.
        """
        ...

    def open(self, name: str) -> IO[bytes]:
        """Read what stands there.

        Raises:
            FileNotFoundError: nothing does.
            JournalError: it cannot be read.
        """
        ...


def store_of(place: str | Path, options: Mapping[str, Any] | None = None) -> tuple[Store, str]:
    """The store in which something stands, and its name there.

    Args:
        place: a path, or a URL such as ``s3://bucket/folder/name``.
        options: what fsspec's driver takes; the credentials are its own business.

    Raises:
        InputError: there is no such store, or what it needs is not installed.
    """
    text = os.fspath(place)
    if text.startswith("file://"):
        text = url2pathname(text.removeprefix("file://"))
    folder, _, name = text.rpartition("/")
    if not name:
        raise InputError(f"{text!r} is not a place for outcomes: it has no name")
    if "://" not in text:
        return _Folder(Path(text).parent), name
    return _Remote(folder, dict(options or {})), name


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.scratch = str(folder)
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}; make it, where all processes see it")

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise JournalError(f"{self._folder / name} cannot be read: {exc.strerror}") from None

    def create(self, name: str, data: bytes) -> bool:
        try:
            with (self._folder / name).open("xb") as file:
                _write(file, data)
            sync_folder(self._folder)
        except FileExistsError:
            return False
        except OSError as exc:
            raise JournalError(f"{self._folder / name} cannot be written: {exc.strerror}") from None
        return True

    def replace(self, name: str, data: bytes) -> None:
        new = self._folder / f"{name}.new"
        try:
            with new.open("wb") as file:
                _write(file, data)
            new.replace(self._folder / name)
        except OSError as exc:
            raise JournalFull(f"{self._folder / name} cannot be written: {exc.strerror}") from None

    def put(self, path: Path, name: str) -> None:
        try:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(self._folder / name)
            sync_folder(self._folder)
        except OSError as exc:
            raise JournalFull(f"{self._folder / name} cannot be written: {exc.strerror}") from None

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._folder / name).open("rb")
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise JournalError(f"{self._folder / name} cannot be read: {exc.strerror}") from None


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


class _Remote:
    """Creates by a conditional put where the driver of the store has it (S3, Google, Azure), else after a look."""

    def __init__(self, folder: str, options: dict[str, Any]) -> None:
        self.scratch = tempfile.gettempdir()
        self._folder = folder
        try:
            import fsspec  # noqa: PLC0415 - it needs an extra

            self._files, self._path = fsspec.core.url_to_fs(folder, **options)
        except ImportError as exc:
            extra = "pip install 'tim-async[remote]'" if exc.name == "fsspec" else exc
            raise InputError(f"{folder} needs a package: {extra}") from None
        except ValueError as exc:
            raise InputError(f"{folder} is not a place that fsspec knows: {exc}") from None
        self._files.use_listings_cache = False

    def read(self, name: str) -> bytes | None:
        try:
            return self._told("read", name, lambda path: bytes(self._files.cat_file(path)), JournalError)
        except FileNotFoundError:
            return None

    def create(self, name: str, data: bytes) -> bool:
        try:
            self._told("written", name, lambda path: self._files.pipe_file(path, data, mode="create"), JournalError)
        except FileExistsError:
            return False
        return True

    def replace(self, name: str, data: bytes) -> None:
        self._told("written", name, lambda path: self._files.pipe_file(path, data), JournalFull)

    def put(self, path: Path, name: str) -> None:
        self._told("written", name, lambda there: self._files.put_file(str(path), there), JournalFull)

    def open(self, name: str) -> IO[bytes]:
        found: IO[bytes] = self._told("read", name, lambda path: self._files.open(path, "rb"), JournalError)
        return found

    def _told(self, done: str, name: str, do: Callable[[str], T], kind: type[JournalError]) -> T:
        try:
            return do(f"{self._path}/{name}")
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as exc:  # noqa: BLE001 - each driver has errors of its own
            raise kind(f"{self._folder}/{name} cannot be {done}: {exc}") from None
