"""The one way of every command for a file of accounts: look, ask, send, write, sum up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace
from rich.console import Console

from tim_async.bulk.api import job_of, run
from tim_async.bulk.exporting import export_outcomes
from tim_async.bulk.files import AccountFile
from tim_async.bulk.journal.errors import JournalRested
from tim_async.bulk.journal.opened import REST
from tim_async.bulk.reading import InputError
from tim_async.bulk.report import Progress, Report, shown
from tim_async.bulk.standing import Known
from tim_async.bulk.writing import Record, make_writer
from tim_async.client import Client
from tim_async.errors import ClientClosed, TIMError

from .asking import Forbidden, ask_first, check_somebody_is_there, is_somebody_there
from .clients import connect, operation_of
from .exits import code_of
from .journals import Journal, go_on, lines_of
from .outcomes import Outcomes
from .progress import Bar, Bars
from .stopping import Stop
from .telling import in_one_line, tell

if TYPE_CHECKING:
    from tim_async.bulk.running import Operation
    from tim_async.service.endpoints import Endpoint

    from .arguments import Told
    from .options import Options

__all__ = ["Care", "Command", "run_file", "settings_of", "tell_of"]


class Care(NamedTuple):
    """What is done before a command that cannot be undone."""

    asks: bool
    """The person at the terminal is asked."""
    skips: bool
    """Broken records are left out; else a file that has some is refused."""
    whole: bool
    """A last line without its line end is no sign that the input was cut there."""


class Command(NamedTuple):
    """A command for a file of accounts."""

    endpoint: Endpoint[Any, Any]
    told: Told
    """What each account gets."""
    said: Mapping[str, Any]
    """The same as it was said, as JSON."""
    shared: Mapping[str, Any]
    """What all items of a call share, by the names of the row's options."""
    care: Care | None = None
    """What is done before, because it cannot be undone; None where it can."""


def run_file(command: Command, options: Options) -> int:
    """Send a command for every row of a file, and write the outcomes.

    Args:
        command: what is sent.
        options: what was asked for.

    Returns:
        The exit code; see `tim_async.cli.exits`. What is known is written.

    Raises:
        InputError: the input or an option cannot be used; nothing was sent.
        TIMError: the journal cannot be used; nothing was sent.
    """
    # What is wrong with the options is told before a long file is looked through.
    client = connect(options.connection)
    operation = operation_of(client, command.endpoint, command.shared)
    journal = Journal(options, command.endpoint)
    outcomes = Outcomes(options.to, options.source, force=options.force or journal.found is not None)
    asks = command.care is not None and command.care.asks
    if asks and journal.found is None:
        check_somebody_is_there(readable=options.source != "-")
    with ExitStack() as opened:
        # The first pass over ten million rows takes half a minute.
        with Console(stderr=True).status("looking through the file"):
            file = opened.enter_context(_file(command, options, journal))
        command.told.check_rows(has_arguments=file.look.has_arguments)
        journal.meet(job_of(operation, file, settings_of(command, options)))
        if journal.found is None:
            tell_of(file, options, command.care)
        else:
            for line in lines_of(journal.found):
                tell(line)
        _check_again(file)
        rested_ok = _may_go_on(journal, options, asks=asks)
        with outcomes.open() as sink:
            run = _Run(command, operation, options, file, journal, outcomes=outcomes, sink=sink)
            return asyncio.run(run.run(client, rested_ok=rested_ok))


def _file(command: Command, options: Options, journal: Journal) -> AccountFile:
    return AccountFile(
        options.source,
        column=options.column,
        needs=command.told.needs,
        encoding=options.encoding,
        copy=journal.copy,
    )


def settings_of(command: Command, options: Options) -> dict[str, Any]:
    """What decides what is sent for a row, beside the row: a journal belongs to it."""
    return {"column": options.column, "encoding": options.encoding, "said": command.said}


def _memo(command: Command, options: Options) -> dict[str, Any]:
    """What ``tim-async resume`` needs; neither the key nor a proxy, whose URL may hold a password."""
    whom = options.connection
    return {
        "path": command.endpoint.path,
        "command": [command.endpoint.group, command.endpoint.method],
        "shared": command.shared,
        "said": command.said,
        "encoding": options.encoding,
        "priority": options.priority,
        "connection": {
            "sdk_app_id": whom.sdk_app_id,
            "identifier": whom.identifier,
            "region": whom.region,
            "base_url": whom.base_url,
        },
    }


def tell_of(file: AccountFile, options: Options, care: Care | None) -> None:
    """Tell what was found, before anything is sent; and ask, or refuse, where it is for good."""
    look, name = file.look, shown(file.name)
    if care is not None and look.broken.count and not care.skips:
        raise InputError(
            f"{name} has broken records, {look.broken}, so nothing was sent; the first: {shown(look.broken.example)}; "
            "mend the file, or say --skip-broken to leave them out"
        )
    for note in look.notes():
        tell(f"{name}: {note}")
    if care is not None and not care.whole and look.question():
        _ask_whether_whole(f"{name}: {look.question()}", options)
    if care is not None and care.asks:
        accounts = "1 account" if look.accounts == 1 else f"{look.accounts:,} accounts"
        skipped = f" (without {look.broken}, which cannot be read)" if look.broken.count else ""
        question = f"{name}: delete {accounts} of app {options.connection.sdk_app_id} for good?{skipped}"
        ask_first(question, readable=options.source != "-", otherwise="nothing was deleted")


def _ask_whether_whole(doubt: str, options: Options) -> None:
    readable = options.source != "-"
    if options.yes or not is_somebody_there(readable=readable):
        raise Forbidden(f"{doubt}; nothing was sent; if it is whole, say --no-final-newline-ok")
    ask_first(f"{doubt}. Is it whole?", readable=readable, otherwise="nothing was deleted")


def _check_again(file: AccountFile) -> None:
    """Somebody may have taken an hour to answer."""
    try:
        file.check()
    except InputError as exc:
        raise InputError(f"{exc}; nothing was sent") from None


def _may_go_on(journal: Journal, options: Options, *, asks: bool) -> bool:
    """Whether a deletion may go on, however long it rested: asked where somebody is there to answer."""
    readable = options.source != "-"
    if options.yes or not (asks and journal.rests(REST) and is_somebody_there(readable=readable)):
        return options.yes
    ask_first(
        "it rested for more than an hour: accounts may have been imported anew since. Go on all the same?",
        readable=readable,
        otherwise="nothing more was deleted",
    )
    return True


class _Run:
    """One file through one command."""

    def __init__(
        self,
        command: Command,
        operation: Operation,
        options: Options,
        file: AccountFile,
        journal: Journal,
        *,
        outcomes: Outcomes,
        sink: IO[bytes],
    ) -> None:
        self._command = command
        self._operation = operation
        self._options = options
        self._file = file
        self._journal = journal
        self._outcomes = outcomes
        self._sink = sink
        self._writer = make_writer(sink, options.to_format, seen=sink.isatty())
        self._progress = Progress(file.count)
        self._bar: Bar | None = None
        console = Console(stderr=True)
        # On one and the same terminal the bar and the outcomes would overwrite each other.
        visible = console.is_terminal and not outcomes.is_at_a_terminal
        self._bars = Bars(console, shown=visible, tick=sink.flush)

    async def run(self, client: Client, *, rested_ok: bool) -> int:
        stop = Stop()
        try:
            report = await self._send(client, stop, rested_ok=rested_ok)
        except JournalRested as exc:
            raise JournalRested(f"{exc}; if you want that, add --yes") from None
        code = self._end(report, stop)
        if report is None or report.resumable:
            self._tell_how_to_go_on()
        elif self._journal.found is not None and self._options.tells_outcomes:
            export_outcomes(Known(report.journal or ""), self._file, self._sink, self._options.to_format)
        return code

    async def _send(self, client: Client, stop: Stop, *, rested_ok: bool) -> Report | None:
        """None: a second signal left no time for a report."""
        command, options = self._command, self._options
        reports: list[Report] = []
        with self._bars:
            async with stop.watching(client, seconds=options.timeout):
                report = await run(
                    self._operation,
                    self._file,
                    journal=self._journal.path,
                    item=command.told.item,
                    sink=self._writes(),
                    on_progress=self._moved,
                    priority=options.priority,
                    settings=settings_of(command, options),
                    memo=_memo(command, options),
                    rested_ok=rested_ok,
                )
                reports.append(report)
            failure = self._flushed()
        return replace(reports[0], stopped_by=reports[0].stopped_by or failure) if reports else None

    def _writes(self) -> Callable[[Record], object] | None:
        """What is told of each row; where a job goes on, all of it is written at its end, with what was done before."""
        return self._writer.write if self._options.tells_outcomes and self._journal.found is None else None

    def _moved(self, progress: Progress) -> None:
        if self._bar is None:
            self._progress = progress
            self._bar = self._bars.begin(self._command.endpoint.method, self._file.count, progress.tally)
        self._bar.moved()

    def _flushed(self) -> OSError | None:
        """The last of the outcomes is written; why it is not, if it cannot be."""
        draw = self._sink.flush if self._bar is None else self._bar.draw
        try:
            draw()
        except OSError as exc:
            return exc
        return None

    def _end(self, report: Report | None, stop: Stop) -> int:
        """Tell how it ended, in one line and what went wrong; the exit code."""
        error = None if report is None else report.stopped_by
        if report is None or stop.signal is not None:
            tell(f"tim-async: interrupted; {self._sum()}")
            return 128 + (stop.signal or 0)
        if error is None or isinstance(error, ClientClosed):
            tell(self._sum())
            for trouble in report.troubles:
                tell(f"  {trouble}")
        elif isinstance(error, OSError):
            self._outcomes.give_up()
            tell(f"tim-async: the outcomes cannot be written to {self._outcomes}: {error.strerror}; {self._sum()}")
        else:
            told = in_one_line(error) if isinstance(error, TIMError) else str(error)
            tell(f"tim-async: {told}; {self._sum()}")
        return code_of(report)

    def _sum(self) -> str:
        progress = self._progress
        unread = f"; rows after line {progress.last_row:,} were not read" if progress.unread else ""
        return f"{progress.tally}{unread}"

    def _tell_how_to_go_on(self) -> None:
        if self._journal.path is not None:
            tell(go_on(self._journal.path))
