"""Text out of a file: unpacked, decoded, and cut into lines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial

from .reading import read
from .recognising import check_bytes, first_wrong_byte, line_end, unpacked
from .rows import RECORD_MOST, InputError, Reading, Row
from .sealing import SealedFile

__all__ = ["read_text"]


def read_text(
    file: SealedFile, *, column: str | None, needs: Sequence[str], encoding: str, name: str, accounts_only: bool = False
) -> Reading:
    """Read CSV, JSON, or one account per line.

    Args:
        file: its bytes, perhaps compressed with gzip or zstd.
        column: the column with the accounts; see `read`.
        needs: other columns that must be there.
        encoding: that of the text.
        name: what error messages call the file.
        accounts_only: the rows may come without their other columns.

    Raises:
        InputError: also while iterating: it is not such a file, or it was changed.
    """
    stream = unpacked(file.open(), name)
    head = stream.peek()
    check_bytes(head, encoding, name)
    # Never translated, and only of one kind: all others stand inside of quotes, or are no line ends at all.
    text = io.TextIOWrapper(stream, encoding, newline=line_end(head, encoding))
    lines = iter(partial(text.readline, RECORD_MOST + 1), "")

    def wrong() -> InputError:
        return InputError(first_wrong_byte(unpacked(file.open(), name), encoding, name))

    try:
        reading = read(lines, column=column, needs=needs, name=name, accounts_only=accounts_only)
    except UnicodeDecodeError:
        raise wrong() from None

    def decoded() -> Iterator[Row]:
        try:
            yield from reading.rows
        except UnicodeDecodeError:
            raise wrong() from None

    return reading._replace(rows=decoded())
