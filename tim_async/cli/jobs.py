"""``tim-async job`` and ``tim-async resume``: where a job stands, and how it goes on. All they need is its journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tim_async.bulk.reading import InputError
from tim_async.service.endpoints import ENDPOINTS

from .arguments import Told, account_of, argument_of, said_again
from .guards import GOING_ON, PLAN, guards_from
from .limiters import SPEED, speed_from
from .options import DISPLAY, KEY_FILE, PROXY, TIMEOUT, Connection, Options, look_from, secret_key_from
from .reports import REPORTS, Reports

if TYPE_CHECKING:
    from tim_async.bulk.standing import Known, Standing
    from tim_async.bulk.writing import Format, Sink

    from .carrying import Command

__all__ = ["job", "resume"]

_TO: tuple[click.Option, ...] = (
    click.Option(
        ["--to"],
        metavar="FILE",
        help="A file for the outcomes of all rows, once they are done.  [default: the one of the first start, if any]",
    ),
    click.Option(["--force"], is_flag=True, help="Overwrite what stands there, whoever wrote it."),
    click.Option(
        ["--format", "to_format"],
        type=click.Choice(["jsonl", "csv"]),
        help="One JSON object per line, or CSV.  [default: as at the first start]",
    ),
)
_FORMAT = click.Option(
    ["--format", "to_format"],
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="One JSON object per line, or CSV.",
)


def _resume(journal: str, **said: Any) -> int:
    from tim_async.bulk.standing import standing_of

    from .runner import run_file

    standing = standing_of(journal)
    return run_file(_command(standing), _options(standing, journal, said))


def _command(standing: Standing) -> Command:
    from .carrying import Care, Command

    memo = standing.memo
    row = next((row for row in ENDPOINTS if [row.group, row.method] == memo.get("command")), None)
    if row is None:
        raise InputError(f"{standing.path} was not made by this command line: its own program goes on with it")
    argument = argument_of(row)
    told = Told(account_of) if argument is None else argument.tell(said_again(memo["said"]))
    return Command(row, told, memo["said"], memo["shared"], Care(asks=True, skips=True, whole=True))


def _options(standing: Standing, journal: str, said: dict[str, Any]) -> Options:
    memo = standing.memo
    to = said["to"] or memo.get("to")
    return Options(
        source=standing.source["description"]["path"],
        column=standing.source["column"],
        to=to,
        to_format=said["to_format"] or memo.get("to_format", "jsonl"),
        priority=memo["priority"],
        timeout=said["timeout"],
        connection=Connection(
            **memo["connection"], secret_key=secret_key_from(said["secret_key_file"]), proxy=said["proxy"]
        ),
        encoding=memo["encoding"],
        journal=journal,
        force=said["force"],
        tells_outcomes=to is not None,
        yes=said["yes"],
        guards=guards_from(said),
        speed=speed_from(said),
        look=look_from(said),
    )


resume = click.Command(
    "resume",
    params=[
        click.Argument(["journal"], metavar="JOURNAL"),
        *_TO,
        click.Option(["--yes"], is_flag=True, help="Do not ask first, however long a deletion rested."),
        PLAN,
        *GOING_ON,
        *DISPLAY,
        TIMEOUT,
        *SPEED,
        KEY_FILE,
        PROXY,
    ],
    callback=_resume,
    help="Go on with a job that was stopped or killed, by its journal. What may have been sent is asked again first; "
    "what must not be sent twice is not, and is told as Unknown.",
    short_help="Go on with a job that was stopped or killed.",
)


def _job(
    journal: str,
    outcomes: str | None,
    failures: str | None,
    to_format: Format,
    **reports: Any,
) -> None:
    from tim_async.bulk.exporting import export_failures, export_outcomes
    from tim_async.bulk.standing import Known, standing_of

    from .journals import go_on, lines_of

    wanted = Reports(reports["report"], reports["report_json"], reports["with_accounts"])
    wanted.check()
    known = None if outcomes is None and failures is None else Known(journal)
    standing = standing_of(journal) if known is None else known.standing
    for line in lines_of(standing):
        click.echo(line, err=wanted.takes_stdout)
    if not standing.finished and not standing.held_by:
        click.echo(go_on(standing.path), err=wanted.takes_stdout)
    if known is not None and outcomes is not None:
        _export(known, outcomes, lambda source, sink: export_outcomes(known, source, sink, to_format))
    if known is not None and failures is not None:
        _export(known, failures, lambda source, sink: export_failures(known, source, sink))
    wanted.write(journal)


def _export(known: Known, to: str, write: Callable[[Any, Sink], int]) -> None:
    from tim_async.bulk.opening import open_source

    from .outcomes import Outcomes

    description = known.standing.source["description"]
    with (
        open_source(description) as source,
        Outcomes(to, str(description.get("path", "-")), force=False).open() as sink,
    ):
        count = write(source, sink)
    click.echo(f"{Path(to).name}: {count:,} row{'' if count == 1 else 's'}", err=True)


job = click.Command(
    "job",
    params=[
        click.Argument(["journal"], metavar="JOURNAL"),
        click.Option(["--outcomes"], metavar="FILE", help="A new file for the outcomes of all rows that have one."),
        click.Option(
            ["--failures"],
            metavar="FILE",
            help="A new file for the rows that failed for good, as they were in the input, with code and reason: "
            "to be mended and fed in again. CSV for a table, else JSON lines.",
        ),
        _FORMAT,
        *REPORTS,
    ],
    callback=_job,
    help="Tell where a job stands, by its journal; also while it runs.",
    short_help="Tell where a job stands, and what became of its rows.",
)
