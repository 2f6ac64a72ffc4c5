"""What the service's pages show of each command: a request, and what comes back when all, some or none of it is well.

One file for each row of the table stands in ``samples``; `answer_for` makes of such an answer one for other accounts.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from tim_async.service.endpoints import Endpoint

__all__ = ["SAMPLES", "Page", "answer_for", "page_of", "pages"]

SAMPLES = Path(__file__).parent / "samples"


class Partial(msgspec.Struct):
    """An answer in which some accounts failed."""

    answer: dict[str, Any]
    values: dict[str, Any] | None
    errors: dict[str, tuple[int, str]]


class Whole(msgspec.Struct):
    """An answer that refuses the whole call."""

    answer: dict[str, Any]
    errors: dict[str, tuple[int, str]]


class Page(msgspec.Struct):
    """One command."""

    items: list[Any]
    """Accounts, or pairs of account and argument."""
    options: list[Any] | None
    request: dict[str, Any]
    answer: dict[str, Any]
    values: dict[str, Any] | None
    """By account; None if the answer names only those that failed."""
    whole: Whole
    partial: Partial | None = None

    @property
    def accounts(self) -> list[str]:
        """Of the items."""
        return [item if isinstance(item, str) else item[0] for item in self.items]

    @property
    def arguments(self) -> list[Any]:
        """Of the items; None where there is none."""
        return [None if isinstance(item, str) else item[1] for item in self.items]

    def shared(self, row: Endpoint[Any, Any]) -> tuple[Any, ...] | None:
        """The options as the operations hand them over: hashable, and a message as the bytes of its JSON."""
        if self.options is None:
            return None
        pairs = zip(row.options, self.options, strict=True)
        return tuple(_option(name, value) for name, value in pairs)


def _option(name: str, value: Any) -> Any:
    if name == "offline_push_info":
        return value.encode()
    return tuple(value) if isinstance(value, list) else value


def pages() -> set[str]:
    """The paths of which there is a page."""
    names = (file.stem for file in SAMPLES.glob("*.json"))
    return {name.replace(".", "/", 1) for name in names if "." in name}


def page_of(row: Endpoint[Any, Any]) -> Page:
    """The page of a row."""
    return msgspec.json.decode((SAMPLES / f"{row.path.replace('/', '.')}.json").read_bytes(), type=Page)


def answer_for(page: Page, accounts: list[str]) -> bytes:
    """The page's good answer as it would be for these accounts: all get the lot of the page's first one."""
    first = page.accounts[0]
    answer = {key: _grown(value, first, accounts) for key, value in page.answer.items()}
    return json.dumps(answer).encode()


def _grown(value: Any, first: str, accounts: list[str]) -> Any:
    if not isinstance(value, list):
        return value
    rows = [row for row in value if isinstance(row, dict) and first in row.values()]
    return [
        {key: account if each == first else each for key, each in row.items()} for row in rows for account in accounts
    ]
