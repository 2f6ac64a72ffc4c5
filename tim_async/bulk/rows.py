"""What all readers of files of accounts give: rows, sound or broken, with the line on which they begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

__all__ = [
    "NO_COLUMNS",
    "RECORD_MOST",
    "InputError",
    "Problem",
    "Reading",
    "Row",
    "RowError",
    "bare",
    "named",
    "row_of",
    "start_of",
    "unseen",
]

RECORD_MOST = 4 * 1024 * 1024
"""Bytes of one record: a longer one is missing a quote or a line end."""

NO_COLUMNS: Mapping[str, str] = {}

_MOST_NAMED = 5  # columns in a message
_MOST_SHOWN = 40  # characters of a text in a message
_UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]")


class InputError(ValueError):
    """The input cannot be used at all; the text says in one line what is wrong and what to do."""


class RowError(ValueError):
    """One row cannot be used; the text says why."""


class Problem(str):
    """Why a row cannot be used, and how it begins, for the person who is about to send it.

    Args:
        why: it cannot be used.
        text: what stands there.
    """

    __slots__ = ("why",)
    why: str
    """The same without a word of the row, which may name somebody: journals and reports keep this."""

    def __new__(cls, why: str, text: str) -> Self:  # noqa: D102 - see the class
        problem = super().__new__(cls, f"{why}: {start_of(text)}")
        problem.why = why
        return problem


def bare(problem: str) -> str:
    """A problem of a row without a word of the row."""
    return problem.why if isinstance(problem, Problem) else problem


class Row(NamedTuple):
    """One row of the file."""

    number: int
    """The line in the file on which it begins, from 1."""
    account: str
    """Exactly as it stands in the file: spaces around it may belong to it. Empty if it could not be read."""
    columns: Mapping[str, str]
    """The other columns by name; empty where the file is not CSV."""
    problem: str = ""
    """Why the row cannot be used; empty when it is sound."""
    argument: Any = None
    """What a JSON line says of the account; None if it says nothing, and in other files."""


row_of: Callable[[tuple[int, str, Mapping[str, str], str, Any]], Row] = partial(tuple.__new__, Row)
"""A row of its five fields: twice as quick as to call `Row`, which counts where there are millions."""


class Reading(NamedTuple):
    """One reading of a file, from its first row on."""

    columns: Sequence[str]
    """The names of all columns in their order; empty where there are none."""
    rows: Iterator[Row]
    unterminated: Callable[[], bool] = bool
    """Whether the last line has no line end; known when there are no more rows. `bool`, where rows are no lines: no."""


def unseen(text: str) -> str:
    """The first invisible character in a text that nobody would type, by its name in Unicode; empty if there is none.

    Control characters, line ends of all kinds, and the byte-order mark.
    """
    found = _UNSEEN.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def start_of(text: str) -> str:
    """The beginning of a text, for a message."""
    text = text.strip()
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def named(columns: Sequence[str]) -> str:
    """Columns in a message: no more than five of them."""
    more = ", …" if len(columns) > _MOST_NAMED else ""
    return ", ".join(repr(start_of(column)) for column in columns[:_MOST_NAMED]) + more
