"""``tim-async demo``: the main job against the service in a box, in processes of their own, at the limit."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import click

from tim_async.bulk.reading import InputError, read_rows
from tim_async.bulk.recognising import check_encoding
from tim_async.cli.options import seconds

from .made import COLUMN

__all__ = ["demo"]


@click.command(short_help="See everything at work, against an emulator.")
@click.option("--accounts", "source", metavar="FILE", help="The accounts.  [default: made up, as many as --rows says]")
@click.option("--column", metavar="NAME", help=f"The column that holds them.  [default: {COLUMN}, if there is one]")
@click.option(
    "--encoding", default="utf-8", show_default=True, metavar="NAME", help="The encoding of the accounts, such as gbk."
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="How many accounts are made up.",
)
@click.option("--latency", type=seconds, default="20ms", show_default=True, help="Service time of a call.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=1e6, max_open=True),
    default=100.0,
    show_default=True,
    help="The limit: calls a second of each command.",
)
@click.option("--folder", metavar="DIR", help="Where lists, journals and the report go.  [default: a new one]")
def demo(
    source: str | None,
    column: str | None,
    encoding: str,
    folder: str | None,
    *,
    rows: int,
    latency: float,
    rate: float,
) -> int:
    """Import accounts, change them and delete them, against an emulator of the service.

    The deletion is killed with -9 halfway, and resumed from its journal. The emulator runs in a process of its own and
    judges the rate limit; at the end its books are compared with what was reported for each account. The exit code is 0
    only if every row got exactly one outcome in every step, all outcomes are true, and no call was over the limit.
    """
    import asyncio

    from .show import demonstrate
    from .steps import Lists

    # Unlike a real deletion a demonstration may guess.
    if source is not None and column is None and _has_column(Path(source), encoding):
        column = COLUMN
    where = Path(tempfile.mkdtemp(prefix="tim-async-demo-") if folder is None else folder)
    if folder is not None:
        _make(where)
    return asyncio.run(demonstrate(Lists(where, source, column, encoding, rows), latency=latency, rate=rate))


def _make(folder: Path) -> None:
    """Raises InputError if it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = next(folder.iterdir(), None)
    except OSError as exc:
        raise InputError(f"--folder {folder}: {exc.strerror}") from None
    if used is not None:
        raise InputError(f"--folder {folder} is not empty: journals of an earlier demonstration would be resumed")


def _has_column(path: Path, encoding: str) -> bool:
    """Whether the first line of a file names the column; what else is wrong with it is told later."""
    check_encoding(encoding)
    if not path.is_file():
        return False
    # A codec may refuse a whole file, whatever is to be done with errors: UTF-16 one without a byte-order mark.
    with (
        suppress(InputError, UnicodeError, OSError),
        path.open(encoding=encoding, errors="replace", newline="") as lines,
    ):
        next(read_rows(lines, column=COLUMN), None)
        return True
    return False
