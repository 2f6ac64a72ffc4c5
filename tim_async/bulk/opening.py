"""A source opened again by what its description says, as another process must that goes on with a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .files import AccountFile
from .recognising import check_encoding
from .rows import InputError

__all__ = ["open_source", "path_of"]


class _File(msgspec.Struct, tag_field="kind", tag="file", forbid_unknown_fields=True):
    """The description of an `AccountFile`."""

    path: str
    column: str | None = None
    needs: list[str] = []
    encoding: str = "utf-8"
    argument: str | None = None


def path_of(description: Mapping[str, Any]) -> str | None:
    """The absolute path of the file that was described; None if it is not a file's description.

    Args:
        description: what the journal of a run keeps of its source.
    """
    return description["path"] if description.get("kind") == "file" else None


def open_source(description: Mapping[str, Any]) -> AccountFile:
    """The file that was described, to be opened with ``with``.

    Its `AccountFile.fingerprint` shows whether it is still the same file.

    Args:
        description: what `AccountFile.description` said, perhaps to another process.

    Raises:
        InputError: there is nothing to open: the program must provide the accounts again.
    """
    if not description:
        raise InputError("the accounts did not come from a file, so only the program that gave them can go on")
    try:
        file = msgspec.convert(description, _File)
    except msgspec.ValidationError as exc:
        raise InputError(f"no source can be opened by this description: {exc}") from None
    check_encoding(file.encoding)
    return AccountFile(file.path, column=file.column, needs=file.needs, encoding=file.encoding, argument=file.argument)
