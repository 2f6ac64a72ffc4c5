"""``tim-async demo``: the main job against the service in a box, in another process, at the limit."""

from __future__ import annotations

from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path

import click

from tim_async.bulk.files import AccountFile
from tim_async.bulk.reading import InputError, read_rows

from .options import seconds

__all__ = ["demo"]

_COLUMN = "account"


@click.command(short_help="See it all at work, against an emulator.")
@click.option("--accounts", "source", metavar="FILE", help="The accounts.  [default: 300 that come with the package]")
@click.option("--column", metavar="NAME", help=f"The column that holds them.  [default: {_COLUMN}, if there is one]")
@click.option("--latency", type=seconds, default="20ms", show_default=True, help="Service time of a call.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=100.0,
    show_default=True,
    help="The limit: calls a second of each command.",
)
def demo(source: str | None, column: str | None, latency: float, rate: float) -> int:
    """Import, tag, read and delete the accounts of a file, against an emulator of the service.

    The emulator runs in a process of its own and judges the rate limit by itself. The exit code is 0 only if every row
    got exactly one outcome in every step, and no call was over the limit.
    """
    import asyncio

    from .demonstration import demonstrate

    with as_file(files("tim_async.cli") / "accounts.csv") as shipped:
        path = source or str(shipped)
        # Unlike a real deletion a demonstration may guess.
        if column is None and _has_column(Path(path)):
            column = _COLUMN
        with AccountFile(path, column=column) as file:
            return asyncio.run(demonstrate(file, latency=latency, rate=rate))


def _has_column(path: Path) -> bool:
    """Whether the first line of a file names the column; what else is wrong with it is told later."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace", newline="") as lines, suppress(InputError):
        next(read_rows(lines, column=_COLUMN), None)
        return True
    return False
