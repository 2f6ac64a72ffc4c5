"""``tim-async job`` and ``tim-async resume``: where a job stands, and how it goes on. All they need is its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tim_async.bulk.reading import InputError
from tim_async.printable import one_line
from tim_async.service.endpoints import ENDPOINTS

from .arguments import Told, account_of, argument_of, said_again
from .exports import EXPORTS, Exports, check_places
from .guards import GOING_ON, PLAN, guards_from
from .limiters import SPEED, speed_from
from .options import DISPLAY, KEY_FILE, PROXY, TIMEOUT, Connection, Options, format_option, look_from, secret_key_from
from .reports import REPORTS, Reports

if TYPE_CHECKING:
    from tim_async.bulk.standing import Standing

    from .carrying import Command

__all__ = ["job", "resume"]

_TO: tuple[click.Option, ...] = (
    click.Option(
        ["--to"],
        metavar="FILE",
        help="A file for the outcomes of all rows, once they are done.  [default: the one of the first start, if any]",
    ),
    click.Option(["--force"], is_flag=True, help="Overwrite any existing file."),
    format_option("One JSON object per line, or CSV.  [default: as at the first start]", None),
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
        click.Option(["--yes"], is_flag=True, help="Do not ask first, however long a deletion has rested."),
        PLAN,
        *GOING_ON,
        *DISPLAY,
        TIMEOUT,
        *SPEED,
        KEY_FILE,
        PROXY,
    ],
    callback=_resume,
    help="Resume a job that was stopped or killed, from its journal. What may have been sent is sent again first; what "
    "must not be sent twice is not, and ends Unknown.",
    short_help="Resume a job that was stopped or killed.",
)


def _job(journal: str, **said: Any) -> None:
    from tim_async.bulk.standing import Known, standing_of

    from .journals import lines_of, lines_of_going_on

    exports = Exports(said["outcomes"], said["failures"], said["to_format"])
    reports = Reports(said["report"], said["report_json"], said["with_accounts"])
    taken = check_places(exports.places | reports.places)
    reports.check()
    known = Known(journal) if exports.places else None
    standing = standing_of(journal) if known is None else known.standing
    for line in (*lines_of(standing), *lines_of_going_on(standing)):
        click.echo(one_line(line), err=taken)
    if known is not None:
        exports.write(known)
    reports.write(journal)


job = click.Command(
    "job",
    params=[
        click.Argument(["journal"], metavar="JOURNAL"),
        *EXPORTS,
        *REPORTS,
    ],
    callback=_job,
    help="Show where a job stands, from its journal; also while it runs.",
    short_help="Show where a job stands, and what became of its rows.",
)
