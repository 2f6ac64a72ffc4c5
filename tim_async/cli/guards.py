"""What a command is told so that it does not do more, or go on longer, than its caller means; and the plan."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import click

from tim_async.bulk.report import counted

from .asking import Forbidden

__all__ = ["EXPECTED", "GOING_ON", "PLAN", "Guards", "check_expected", "guards_from", "most_failures"]


class Guards(NamedTuple):
    """What was said of how much may be done."""

    plan: bool = False
    """Nothing is sent."""
    expect: int | None = None
    """Rows of the list."""
    at_most: int | None = None
    """Rows of the list, at most."""
    max_failures: str | None = None
    """A number of rows, or a share such as ``1%``."""
    first: int | None = None
    """Rows that are sent in this start."""


def _failures(text: str) -> str:
    if re.fullmatch(r"\d+|\d+(\.\d+)?%", text) is None or float(text.rstrip("%")) > (100 if "%" in text else 1e18):
        raise click.BadParameter(f"{text!r} is neither a number of rows nor a share such as 1%")
    return text


PLAN = click.Option(
    ["--plan", "--dry-run", "plan"],
    is_flag=True,
    help="Read everything, say what would be sent, where to, and how long it takes; send nothing.",
)

EXPECTED: tuple[click.Option, ...] = (
    click.Option(
        ["--expect"],
        type=click.IntRange(min=1),
        metavar="N",
        help="The number of rows in the list; if it has any other number, nothing is sent.",
    ),
    click.Option(
        ["--expect-at-most"],
        type=click.IntRange(min=1),
        metavar="N",
        help="The most rows that the list may have; if it has more, or none, nothing is sent.",
    ),
)

GOING_ON: tuple[click.Option, ...] = (
    click.Option(
        ["--max-failures"],
        type=_failures,
        metavar="N|P%",
        help="Stop as soon as more rows than this have failed: a number, or a percentage of the rows to be sent.",
    ),
    click.Option(
        ["--first"],
        type=click.IntRange(min=1),
        metavar="N",
        help="Send only so many rows, and leave the others for later: the journal knows which.",
    ),
)


def guards_from(values: dict[str, Any]) -> Guards:
    """What was said, from the values of the options here, which are taken out of *values*."""
    take = values.pop
    return Guards(
        plan=take("plan", False),
        expect=take("expect", None),
        at_most=take("expect_at_most", None),
        max_failures=take("max_failures", None),
        first=take("first", None),
    )


def check_expected(guards: Guards, name: str, rows: int) -> None:
    """Compare a list with what was expected of it.

    Args:
        guards: what was said.
        name: what the list is called.
        rows: how many it has.

    Raises:
        Forbidden: it has another number of rows, or more than it may have, or none.
    """
    has = f"{name} has {counted(rows)}"
    if guards.expect is not None and rows != guards.expect:
        raise Forbidden(
            f"{has}, and --expect says {guards.expect:,}; nothing was sent; look at the list, or the number"
        )
    if guards.at_most is not None and not 0 < rows <= guards.at_most:
        raise Forbidden(
            f"{has}, and --expect-at-most says at least one and no more than {guards.at_most:,}; nothing was sent"
        )


def most_failures(guards: Guards, rows: int) -> int | None:
    """How many rows may fail.

    Args:
        guards: what was said.
        rows: of the list; a share is one of these, or of the ``--first`` ones.
    """
    if guards.max_failures is None:
        return None
    if not guards.max_failures.endswith("%"):
        return int(guards.max_failures)
    whole = rows if guards.first is None else min(rows, guards.first)
    return int(whole * float(guards.max_failures[:-1]) / 100 + 1e-9)  # 0.1 % of 3,000 rows is 3, not 2.999
