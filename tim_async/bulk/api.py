"""A whole run: a source through an operation, with a journal or without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tim_async.operations.command import Priority

from .checking import check_call, source_of
from .guards import check_rows
from .journal.opened import Job, Opened, open_journal
from .journal.patience import to_its_end
from .report import Progress, Report
from .rows import InputError, Row
from .running import Operation, Running, Task
from .source import Source
from .timeline import Timeline
from .writing import Record

__all__ = ["item_of", "job_of", "run"]

_DELETES = ("delete", "remove", "clear")
_BY_CHANCE = {"msg_random"}  # another one at each start


def item_of(row: Row) -> Any:
    """What an operation takes for a row: the account, or an (account, argument) pair if the row has an argument."""
    return row.account if row.argument is None else (row.account, row.argument)


async def run(
    operation: Operation,
    source: Source | Iterable[Any] | AsyncIterable[Any],
    *,
    journal: str | Path | None = None,
    item: Callable[[Row], Any] = item_of,
    sink: Callable[[Record], object] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    priority: Priority = "bulk",
    settings: Mapping[str, Any] | None = None,
    memo: Mapping[str, Any] | None = None,
    rested_ok: bool = False,
    first: int | None = None,
    max_failures: int | None = None,
    timeline: Timeline | None = None,
) -> Report:
    """Send every row of a source through an operation.

    With a journal a run can be stopped or killed at any moment: the same call with the same journal resumes it. Rows
    that may have been sent are sent again first, and their answers are judged as those to a repeat; what must not be
    sent twice is not, and ends `Unknown`. If all rows are done already, nothing is sent, and the start does not count.

        async with Client.from_env() as tim:
            with AccountFile("users.csv", column="account") as users:
                report = await bulk.run(tim.accounts.delete, users, journal="users.job")
        print(report.counts, report.open)

    Args:
        operation: of an open client; one that has options is bound to them first: ``tim.push.send_to.of(...)``.
        source: the accounts: an `AccountFile` inside its ``with`` block, or any iterable, see `ItemSource`.
        journal: the file that records the outcome of each row, on a local disk. None: there is none, and the run cannot
            be resumed.
        item: turns a row into what the operation takes: an account, or an (account, argument) pair; raises `RowError`
            for a row that cannot be used, which ends `NotSent`.
        sink: called with the `Record` of every row that gets its outcome in this start; what it raises ends the run.
        on_progress: called up to ten times a second while outcomes come, and at the end.
        priority: who goes first when several want the same command.
        settings: what else decides what is sent for a row, as JSON; a resume with different ones is refused.
        memo: what else the journal keeps, as JSON, for its readers.
        rested_ok: resume a deletion whose journal has rested for more than an hour.
        first: send only so many rows and hold the others back; the journal knows what is left. Rows that may have been
            sent by an earlier start do not count.
        max_failures: stop as soon as more rows than this have failed in this start, see `TooManyFailures`. Calls in
            flight are finished.
        timeline: one of the hooks of the operation's client: then the journal keeps what the calls did, second by
            second, for the report.

    Returns:
        What became of the rows; also after a stop, see `Report.stopped_by`.

    Raises:
        JournalError: the journal cannot be used: `JournalHeld` by another process, `JournalBroken`, `JournalUnlike` for
            another job, `JournalRested` if somebody has to confirm first, `JournalFull`. Nothing was sent.
        TypeError: the source's items do not have the form that the operation takes, or an argument has the wrong type.
        ValueError: a number of rows is negative, there is no such priority, or the timeline watches another run at
            this moment.
    """
    check_call(operation, item=item, priority=priority, sink=sink, on_progress=on_progress)
    check_rows(first=first, max_failures=max_failures)
    if timeline is not None and not isinstance(timeline, Timeline):
        raise TypeError(f"timeline must be a bulk.Timeline(), not {timeline!r}")
    source = source_of(source)
    task = Task(operation, source, item, priority, sink, on_progress, first, max_failures, timeline=timeline)
    if journal is None:
        return await Running(task, None).go()
    opening = partial(
        open_journal,
        Path(journal),
        job_of(operation, source, settings),
        _opening(source, memo),
        window=max(1.0, 1.0 / operation.endpoint.rate),
        rested_ok=rested_ok,
        deletes=operation.endpoint.method.startswith(_DELETES),
    )
    opened = await _opened(opening)
    try:
        running = Running(task, opened)
    except BaseException:
        opened.close("refused before anything was sent")
        raise
    return await running.go()


async def _opened(opening: Callable[[], Opened]) -> Opened:
    future = asyncio.get_running_loop().run_in_executor(None, opening)
    try:
        return await to_its_end(future)
    except asyncio.CancelledError:
        if future.exception() is None:
            future.result().close("cancelled before anything was sent")
        raise


def _opening(source: Source, memo: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a journal begins with, beside its job."""
    read = {"name": source.name, "count": source.count, "description": dict(source.description)}
    return {
        "source": {**read, "columns": list(source.columns), "column": source.column},
        "memo": msgspec.to_builtins(dict(memo or {})),
    }


def job_of(operation: Operation, source: Source, settings: Mapping[str, Any] | None = None) -> Job:
    """What a run would do, and to which rows: a journal belongs to one such job.

    Args:
        operation: see `run`.
        source: see `run`.
        settings: see `run`.

    Raises:
        InputError: an option or a setting holds text that JSON cannot hold, so it can be neither sent nor kept.
    """
    endpoint, mark = operation.endpoint, source.fingerprint
    options = {name: value for name, value in operation.options.items() if name not in _BY_CHANCE}
    job = Job(
        f"{endpoint.group}.{endpoint.method}",
        operation.sdk_app_id,
        msgspec.to_builtins(options),
        msgspec.to_builtins(dict(settings or {})),
        None if mark is None else mark.size,
        None if mark is None else mark.digest,
    )
    try:
        msgspec.json.encode(job)
    except UnicodeEncodeError:
        raise InputError(
            "what each row gets is not valid Unicode (half a surrogate pair: a byte of another encoding)"
        ) from None
    return job
