"""Rows of the plainest file, one account per line; and what only looks like one, told with what to do.

Any text can be taken for a list, and an account can be nearly any text. So what is known to be something else is
refused: a table, a web page, a heading. Whoever means it gives a table of one column, in which anything may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .records import first_record
from .rows import NO_COLUMNS, RECORD_MOST, InputError, Row, named, row_of, start_of, unseen
from .tables import DELIMITERS

__all__ = ["is_drawn", "list_rows"]

_ANYWAY = "if it is an account, put a line 'account' above it and say --column account"

_HEADINGS = re.compile(
    r"(to|from|im|tim|chat|open|external|u|x)?"
    r"((account|user|member|customer|client|login|player|nick|registration)+(s|ids?|identifiers?|names?|list)?"
    r"|ids?|identifiers?|names?|uuids?|guids?|e?mail|phone|mobile)"
    r"|(用户|用戶|账号|帳號|帐号|账户|帐户|成员)(id|名|名称|账号|列表)?|アカウント(id)?|ユーザー(id)?|사용자(id)?|계정(id)?"
)
"""What stands above a column of accounts, without its spaces, underscores, hyphens, points and brackets."""

_QUOTES = ('""', "''", "“”", "„“", "«»", "‘’", "``")

_DRAWN = r"[-+|=: ]*(--|==)[-+|=: ]*$|-\[|[┌╔╭]"
_SHAPES = (
    (r"<", "is HTML or XML", "write one account per line"),
    (r"[\[\]{}]", "looks like JSON or code", 'write one account per line, or JSON lines: {"account": "Mary"}'),
    (_DRAWN, "looks like a drawn table", "export it as CSV (psql --csv), and say --column NAME"),
    (r".*[|│]", "looks like a table separated by |", "export it as CSV (psql --csv), and say --column NAME"),
    (r"#[ !]|//|--", "begins with a comment", "write one account per line"),
    (r"- |---$|%YAML", "looks like YAML", "write one account per line"),
    (r"(?i:insert into|create table|select|copy|update) ", "looks like SQL", "write one account per line"),
    (r"version https://git-lfs", "is a pointer of Git LFS", "get the file itself with: git lfs pull"),
)


def is_drawn(head: Sequence[str]) -> bool:
    """Whether a file begins like a table that a database's shell draws: with a line of dashes."""
    filled = [line.strip() for line in head if line.strip()]
    return any(re.match(_DRAWN, line) for line in filled[:2])


def list_rows(head: Sequence[str], lines: Iterable[str], *, name: str) -> Iterator[Row]:
    """The rows of a list.

    Args:
        head: its first lines, with their ends.
        lines: the others.
        name: what error messages call the file.

    Raises:
        InputError: while iterating: it is not a list of accounts.
    """
    _check(head, name)
    for number, line in enumerate(chain(head, lines), 1):
        account = line.rstrip("\r\n")
        if len(line) > RECORD_MOST:
            raise InputError(f"{name} is not a list of accounts: line {number} is longer than {RECORD_MOST:,} bytes")
        if not account or account.isspace():
            continue
        # Nearly all are printable, and that is known quickly.
        if not account.isprintable() and (character := unseen(account)):
            raise InputError(_told(name, number, character))
        yield row_of((number, account, NO_COLUMNS, "", None))


def _told(name: str, number: int, character: str) -> str:
    if character == "U+0009":
        return f"{name} looks like a table from line {number} on; give it a heading, and say --column NAME"
    if character in ("U+000A", "U+000D"):
        return f"{name} has line ends of two kinds, a CR alone and a LF, at line {number}; convert it: tr '\\r' '\\n'"
    return f"{name} is not a list of accounts: the character {character}, which is invisible, is in line {number}"


def _check(head: Sequence[str], name: str) -> None:
    filled = [line for line in head if line.strip()]
    if not filled:
        return
    first = filled[0].strip()
    # With a forgotten --column every line of a table would be taken for an account.
    for delimiter in DELIMITERS:
        if len(columns := first_record(filled, delimiter)) > 1:
            there = named([column.strip() for column in columns])
            raise InputError(
                f"{name} looks like a table with the columns {there}; say which one holds the accounts: --column NAME"
            )
    for shape, what, do in _SHAPES:
        if re.match(shape, first) or (shape == _DRAWN and is_drawn(head)):
            raise InputError(f"{name} {what}, and is not a list of accounts: {start_of(first)}; {do}")
    if first.startswith('"') or (len(first) > 1 and first[0] + first[-1] in _QUOTES):
        raise InputError(
            f"{name} has its accounts in quotes: {start_of(first)}; "
            "take the quotes off, or put a line 'account' above them and say --column account"
        )
    if _HEADINGS.fullmatch(re.sub(r"[\s_\-.()\[\]:#]", "", first).casefold()):
        raise InputError(f"{name} begins with {first!r}, which reads like a heading: say --column {first!r}; {_ANYWAY}")
