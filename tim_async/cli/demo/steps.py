"""What is done in a demonstration: each step a command line that anybody could type."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tim_async.bulk.files import AccountFile
from tim_async.bulk.rows import InputError
from tim_async.service import endpoints
from tim_async.service.endpoints import Endpoint

from .made import COLUMN, write_lists

__all__ = ["Lists", "Step", "steps_of"]

_CITY = "city"


class Lists(NamedTuple):
    """What the demonstration works with."""

    folder: Path
    """For all that is written: lists, journals, the report."""
    source: str | None
    """A list of the reader's own; None for one that is made up."""
    column: str | None
    """Of the reader's own list."""
    encoding: str
    """The same."""
    rows: int
    """Of a list that is made up."""


class Step(NamedTuple):
    """One command for all accounts."""

    title: str
    endpoint: Endpoint[Any, Any]
    words: tuple[str, ...]
    """The command line, but for where it writes to."""
    path: str
    """Of its list."""
    column: str | None
    encoding: str

    @property
    def journal(self) -> str:
        """What its journal is called."""
        return f"{self._name}.job"

    @property
    def file(self) -> AccountFile:
        """Its list, to be opened by ``with``."""
        return AccountFile(self.path, column=self.column, encoding=self.encoding)

    @property
    def words_whole(self) -> tuple[str, ...]:
        """The whole command line."""
        return *self.words, "--to", f"{self._name}.jsonl", "--journal", self.journal

    @property
    def _name(self) -> str:
        return self.title.replace(" ", "-")


def steps_of(lists: Lists, rate: float) -> list[Step]:
    """Make the lists, and say what is done to them.

    Args:
        lists: where they go, or where the reader's own is.
        rate: calls a second of each command.

    Raises:
        InputError: the reader's list cannot be read, or the lists cannot be written.
    """
    everybody, leaving, column, encoding = "everybody.csv", "leaving.csv", lists.column, lists.encoding
    city = ("--attribute", _CITY)
    whatever: tuple[str, ...] = ()
    if lists.source is None:
        column, encoding = COLUMN, "utf-8"
        try:
            write_lists(lists.rows, lists.folder / everybody, lists.folder / leaving)
        except OSError as exc:
            raise InputError(f"{lists.folder} cannot be written: {exc.strerror}; say another: --folder DIR") from None
    else:
        everybody = leaving = str(Path(lists.source).absolute())
        whatever = ("--skip-broken", "--no-final-newline-ok")  # it is only a demonstration
        with AccountFile(everybody, column=column, encoding=encoding) as file:
            if _CITY not in file.columns:
                city = ("--set", f"{_CITY}=somewhere")

    def step(title: str, endpoint: Endpoint[Any, Any], words: tuple[str, ...], path: str) -> Step:
        named = () if column is None else ("--column", column)
        written = () if encoding == "utf-8" else ("--encoding", encoding)
        pace = () if rate == endpoint.rate else ("--rate", f"{rate:.10g}")
        return Step(
            title,
            endpoint,
            (*words, "--from", path, *named, *written, *pace),
            str(lists.folder / path),
            column,
            encoding,
        )

    return [
        step("import", endpoints.ACCOUNTS_IMPORT_MANY, ("accounts", "import-many"), everybody),
        step("set city", endpoints.PUSH_SET_ATTRIBUTES, ("push", "set-attributes", *city), everybody),
        step("delete", endpoints.ACCOUNTS_DELETE, ("accounts", "delete", "--yes", *whatever), leaving),
    ]
