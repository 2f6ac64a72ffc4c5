"""The one way of every command for a file of accounts: look, ask, send, write, sum up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from tim_async.bulk.api import job_of
from tim_async.bulk.files import AccountFile
from tim_async.bulk.journal.opened import REST
from tim_async.bulk.planning import plan_of
from tim_async.bulk.reading import InputError
from tim_async.bulk.report import counted
from tim_async.bulk.standing import Known
from tim_async.printable import shown

from .asking import Forbidden, ask_first, check_somebody_is_there, is_somebody_there
from .carrying import Care, Carrying, Command, settings_of
from .clients import connect, operation_of
from .guards import check_expected
from .journals import Journal, lines_of
from .outcomes import Outcomes
from .planned import Place, lines_of_plan, plan_as_json
from .telling import note, tell, tell_object

if TYPE_CHECKING:
    from tim_async.bulk.running import Operation
    from tim_async.bulk.source import Source

    from .options import Options

__all__ = ["check_whole", "run_file", "tell_of", "tell_plan"]


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
    guards = options.guards
    operation = operation_of(connect(options.connection), command.endpoint, command.shared)
    journal = Journal(options, command.endpoint)
    outcomes = Outcomes(options.to, options.source, force=options.force or guards.plan or journal.wrote_to(options.to))
    asks = command.care is not None and command.care.asks
    if asks and journal.found is None and not guards.plan:
        check_somebody_is_there(readable=options.source != "-")
    with ExitStack() as opened:
        opened.callback(journal.leave)
        # The first pass over ten million rows takes half a minute.
        with _patience(options):
            file = opened.enter_context(_file(command, options, journal))
        check_expected(guards, shown(file.name), file.count)
        command.told.check_rows(has_arguments=file.look.has_arguments)
        journal.meet(job_of(operation, file, settings_of(command, options)))
        for line in lines_of(journal.found) if journal.found is not None else ():
            note(line)
        plan = partial(tell_plan, operation, file, file, command, options, journal=journal)
        if guards.plan:
            plan()
            check_whole(file, command.care)
            note("nothing was sent: this is only the plan")
            return 0
        if journal.found is None:
            tell_of(file, command, options, plan=plan)
        _check_again(file)
        rested_ok = _may_go_on(journal, options, asks=asks)
        with outcomes.open() if journal.found is None else outcomes.later() as sink:
            carrying = Carrying(command, options, file, journal, outcomes=outcomes, sink=sink)
            return asyncio.run(carrying.run(rested_ok=rested_ok))


def _patience(options: Options) -> AbstractContextManager[object]:
    return nullcontext() if options.look else Console(stderr=True).status("looking through the file")


def tell_plan(
    operation: Operation,
    source: Source,
    file: AccountFile,
    command: Command,
    options: Options,
    *,
    journal: Journal | None = None,
) -> None:
    """Tell what would be sent.

    Args:
        operation: of the command.
        source: the rows that would be sent.
        file: all rows.
        command: what would be sent.
        options: what was asked for.
        journal: what knows of the rows that are done; None for none.
    """
    path = None if journal is None else journal.path
    known = None if journal is None or journal.found is None or path is None else Known(path)
    with _patience(options):
        plan = plan_of(
            operation, source, item=command.told.item, known=known, first=options.guards.first, rate=options.speed.rate
        )
    place = Place(options.connection, options.speed, path)
    if options.look == "json":
        tell_object(plan_as_json(plan, file, place))
    else:
        for line in lines_of_plan(plan, file, place):
            tell(line)


def _file(command: Command, options: Options, journal: Journal) -> AccountFile:
    return AccountFile(
        options.source,
        column=options.column,
        needs=command.told.needs,
        encoding=options.encoding,
        copy=journal.copy,
    )


def tell_of(file: AccountFile, command: Command, options: Options, *, plan: Callable[[], None]) -> None:
    """Tell what was found, before anything is sent; and ask, or refuse, where it is for good.

    Args:
        file: that was looked through.
        command: what is to be sent.
        options: what was asked for.
        plan: tells what would be done, before somebody is asked.

    Raises:
        InputError: nothing may be sent.
    """
    look, name, care = file.look, shown(file.name), command.care
    check_whole(file, care)
    asks = care is not None and care.asks
    if asks:
        plan()
    else:
        for found in look.notes():
            note(f"{name}: {found}")
    if care is not None and not care.whole and look.question():
        _ask_whether_whole(f"{name}: {look.question()}", options)
    if asks:
        _ask(file, command, options)


def check_whole(file: AccountFile, care: Care | None) -> None:
    """Refuse a file with broken records where they are not left out.

    Raises:
        InputError: it has some.
    """
    broken = file.look.broken
    if care is not None and broken.count and not care.skips:
        raise InputError(
            f"{shown(file.name)} has broken records, {broken}, so nothing was sent; the first: "
            f"{shown(broken.example)}; mend the file, or say --skip-broken to leave them out"
        )


def _ask(file: AccountFile, command: Command, options: Options) -> None:
    look = file.look
    skipped = f" (without {look.broken}, which cannot be read)" if look.broken.count else ""
    first = f" (only the first {options.guards.first:,} rows now)" if options.guards.first else ""
    does = "delete" if command.endpoint.method == "delete" else "push to"
    app = options.connection.sdk_app_id
    question = f"{shown(file.name)}: {does} {counted(look.accounts, 'account')} of app {app} for good?{skipped}{first}"
    otherwise = "nothing was deleted" if does == "delete" else "nothing was pushed"
    ask_first(question, readable=options.source != "-", otherwise=otherwise)


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
