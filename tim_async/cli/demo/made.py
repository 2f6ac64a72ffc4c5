"""Lists of any length for a demonstration, made of the accounts that come with the package."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files
from itertools import chain, count, islice
from pathlib import Path

__all__ = ["COLUMN", "write_lists"]

COLUMN = "account"
_STRANGER_EVERY = 1_000  # rows


def _people() -> Iterator[tuple[str, str]]:
    """Accounts and their cities, without an end; each account once. Some are longer than the service takes."""
    lines = (files("tim_async.cli") / "accounts.csv").read_text(encoding="utf-8").splitlines()
    people = [(row[COLUMN], row["city"]) for row in csv.DictReader(lines)]
    return chain.from_iterable(
        ((f"{account}-{turn}" if turn else account, city) for account, city in people) for turn in count()
    )


def write_lists(rows: int, everybody: Path, leaving: Path) -> None:
    """Write the two lists of a demonstration.

    Args:
        rows: of the first list.
        everybody: the accounts and their cities.
        leaving: the same accounts, with some among them that never were.
    """
    with (
        everybody.open("w", encoding="utf-8", newline="") as first,
        leaving.open("w", encoding="utf-8", newline="") as second,
    ):
        lists, shorter = csv.writer(first), csv.writer(second)
        lists.writerow([COLUMN, "city"])
        shorter.writerow([COLUMN])
        for number, (account, city) in enumerate(islice(_people(), rows), 1):
            lists.writerow([account, city])
            shorter.writerow([account])
            if number % _STRANGER_EVERY == 0:
                shorter.writerow([f"never-was-{number // _STRANGER_EVERY}"])
