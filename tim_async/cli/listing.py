"""``tim-async commands``: the endpoint table."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tim_async.service.endpoints import ENDPOINTS, Endpoint

from .commands import name_of

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["commands"]

_WIDE = 140  # columns of a terminal that has room for the pages too


class Line(msgspec.Struct, frozen=True):
    """What is told of one command."""

    command: str
    """As the command line spells it."""
    path: str
    accounts_per_call: int | None
    """None where a call takes no accounts."""
    per_second: float
    counts: str
    """What the limit counts: ``calls`` or ``accounts``."""
    retry_safe: bool
    """Whether it is sent again where it is open whether a call was carried out."""
    page: str


def _line(row: Endpoint[Any, Any]) -> Line:
    return Line(
        f"{name_of(row.group)} {name_of(row.method)}",
        row.path,
        None if row.plain else row.limit,
        row.rate,
        "accounts" if row.counts_items else "calls",
        row.repeatable,
        row.page,
    )


@click.command(short_help="List all commands, with their limits and pages.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
def commands(*, as_json: bool) -> None:
    """List all commands, with their limits and the service's pages.

    If the output is not a terminal: one line for each, without a heading, separated by tabs. The columns are
    command, path, accounts a call, calls (or accounts) a second, whether it is sent again after a lost answer, page.
    """
    if as_json:
        text = msgspec.json.format(msgspec.json.encode([_line(row) for row in ENDPOINTS]), indent=2).decode()
    elif sys.stdout.isatty():
        _draw()
        return
    else:
        text = "\n".join("\t".join(_cells(_line(row))) for row in ENDPOINTS)
    click.echo(text)


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.command,
        line.path,
        "-" if line.accounts_per_call is None else str(line.accounts_per_call),
        f"{line.per_second:g}{'' if line.counts == 'calls' else f' {line.counts}'}",
        "yes" if line.retry_safe else "no",
        line.page,
    )


def _draw() -> None:
    from rich.console import Console

    console = Console(highlight=False)
    wide = console.width >= _WIDE
    console.print(_table(wide=wide))
    console.print(
        "\nper call: the most accounts in one. per s: calls a second (*: accounts). again: sent again where it is open"
        " whether a call was carried out." + ("" if wide else " Paths are links to the pages; see also --json.")
    )


def _table(*, wide: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("", "path", *(("page",) if wide else ())):
        table.add_column(heading, no_wrap=True)
    for heading in ("per call", "per s", "again"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, rows in groupby(ENDPOINTS, key=lambda row: row.group):
        table.add_row(f"[bold]{name_of(name)}[/]")
        for row in rows:
            _, path, accounts, _, again, page = _cells(_line(row))
            rate = f"{row.rate:g}{'*' if row.counts_items else ' '}"
            linked = f"[link={page}]{path}[/link]"
            table.add_row(name_of(row.method), linked, *((page,) if wide else ()), accounts, rate, again)
    return table
