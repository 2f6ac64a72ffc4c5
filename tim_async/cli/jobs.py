"""``tim-async job`` and ``tim-async resume``: where a job stands, and how it goes on. All they need is its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from tim_async.bulk.journal.errors import JournalBroken
from tim_async.bulk.reading import InputError
from tim_async.bulk.writing import Format
from tim_async.printable import one_line
from tim_async.service.endpoints import ENDPOINTS, Endpoint

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


class _Whom(msgspec.Struct):
    sdk_app_id: int
    identifier: str
    region: str
    base_url: str | None


class _Memo(msgspec.Struct):
    """What the first start left for this: see `carrying`."""

    shared: dict[str, Any]
    said: dict[str, Any]
    encoding: str
    priority: Literal["interactive", "normal", "bulk"]
    connection: _Whom
    to: str | None = None
    to_format: Format = "jsonl"


def _resume(journal: str, **said: Any) -> int:
    from tim_async.bulk.opening import path_of
    from tim_async.bulk.standing import standing_of

    from .runner import run_file

    standing = standing_of(journal)
    row = next((row for row in ENDPOINTS if [row.group, row.method] == standing.memo.get("command")), None)
    if row is None or (path := path_of(standing.source["description"])) is None:
        raise InputError(f"{standing.path} was not made by this command line: its own program goes on with it")
    try:
        memo = msgspec.convert(standing.memo, _Memo)
        command = _command(row, memo)
    except msgspec.ValidationError as exc:
        raise JournalBroken(f"{standing.path} is damaged: memo: {exc}") from None
    return run_file(command, _options(standing, memo, journal, path, said))


def _command(row: Endpoint[Any, Any], memo: _Memo) -> Command:
    from .carrying import Care, Command

    argument = argument_of(row)
    told = Told(account_of) if argument is None else argument.tell(said_again(memo.said))
    return Command(row, told, memo.said, memo.shared, Care(asks=True, skips=True, whole=True))


def _options(standing: Standing, memo: _Memo, journal: str, path: str, said: dict[str, Any]) -> Options:
    to = said["to"] or memo.to
    return Options(
        source=path,
        column=standing.source["column"],
        to=to,
        to_format=said["to_format"] or memo.to_format,
        priority=memo.priority,
        timeout=said["timeout"],
        connection=Connection(
            **msgspec.structs.asdict(memo.connection),
            secret_key=secret_key_from(said["secret_key_file"]),
            proxy=said["proxy"],
        ),
        encoding=memo.encoding,
        journal=journal,
        resumes=True,
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
