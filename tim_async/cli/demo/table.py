"""How a demonstration went, beside what the emulator says: a table, and whether all of it is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tim_async.bulk.files import AccountFile
from tim_async.bulk.report import KINDS
from tim_async.bulk.standing import Known

from .apart import Apart, Arrivals
from .judged import Judged, judge
from .steps import Step

__all__ = ["Done", "look_at", "tell_all"]


class Done(NamedTuple):
    """How a step went."""

    step: Step
    rows: int
    """Of its list."""
    counts: dict[str, int]
    arrivals: Arrivals
    judged: Judged


async def look_at(step: Step, emulator: Apart, folder: Path) -> Done:
    """What was told of a step, beside what the emulator says."""
    known = Known(folder / step.journal)
    with step.file as file:
        judged = judge(_told(known, file), await emulator.done(step.endpoint.path))
        arrivals = await emulator.arrivals(step.endpoint.path)
        return Done(step, file.count, known.standing.counts, arrivals, judged)


def _told(known: Known, file: AccountFile) -> Iterator[tuple[str, str, bool]]:
    rows = zip(file.rows(), known.rows(), strict=False)
    return ((row.account, end.outcome, end.assumed) for row, (end, _) in rows if end is not None)


def tell_all(done: list[Done], rate: float, report: Path) -> int:
    """Tell how it went.

    Args:
        done: each step.
        rate: calls a second of each command, that were allowed.
        report: of the last step.

    Returns:
        0: every row got exactly one outcome in every step, what was told is true, and no call was refused for being
        over the limit. 1: not so.
    """
    console = Console(highlight=False, markup=False)
    console.print()
    console.print(_table(done, rate))
    console.print()
    refused = sum(each.arrivals.refused for each in done)
    complete = all(sum(each.counts.values()) == each.rows for each in done)
    fair = all(each.judged.fair for each in done)
    console.print(
        "Every row got exactly one outcome in every step. The emulator's books:"
        if complete
        else "Some rows got no outcome. The emulator's books:"
    )
    for line in _lines_of_books(done):
        console.print(line)
    console.print(f"Calls over the limit of {rate:,.10g} a second: {refused:,}.")
    console.print()
    console.print(f"The report of the deletion:  {report.absolute().as_uri()}", soft_wrap=True)
    return 0 if complete and fair and not refused else 1


def _lines_of_books(done: list[Done]) -> Iterator[str]:
    for step, _, _, _, judged in done:
        wrong = f"; {judged.false:,} of the Ok it did not, and {judged.untold:,} are not told"
        yield f"{step.title:8}  {judged.right:,} done by the emulator{', all told Ok' if judged.fair else wrong}."
        if judged.assumed:
            yield f"          {judged.assumed:,} told Ok for being gone when asked again: they never were."


def _table(done: list[Done], rate: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("", "rows", "calls", "refused", "per s", "of limit", *KINDS):
        # Only "of limit" may be broken, or eighty columns are not enough for millions of rows.
        table.add_column(heading, justify="right" if heading else "left", no_wrap=heading != "of limit")
    group = "," if max(each.rows for each in done) < 1_000_000 else ""  # or the table is wider than 80 columns
    for step, rows, counts, came, _ in done:
        table.add_row(
            step.title,
            f"{rows:{group}}",
            f"{len(came.arrivals):{group}}",
            f"{came.refused:{group}}",
            *(("-", "-") if came.rate is None else (f"{came.rate:.1f}", f"{came.rate / rate:.1%}")),
            *(f"{counts[kind]:{group}}" for kind in KINDS),
        )
    return table
