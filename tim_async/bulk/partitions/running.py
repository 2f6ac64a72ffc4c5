"""A partition through an operation, on any machine: all of its outcomes are there, or it is done again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, NamedTuple, cast

from msgspec.structs import replace

from tim_async.bulk.api import item_of, job_of
from tim_async.bulk.checking import check_call, source_of
from tim_async.bulk.guards import TooManyFailures, check_rows
from tim_async.bulk.journal.errors import JournalError
from tim_async.bulk.report import Progress, Report, Tally
from tim_async.bulk.rows import InputError, Row
from tim_async.bulk.running import Operation, Running, Task
from tim_async.bulk.source import Source
from tim_async.operations.command import Priority

from .lease import Lease, check_mark, take
from .outcomes import kind_of, mark_of, open_writer, read_records
from .store import Store, store_of

__all__ = ["run_partition"]

_MARGIN = 0.1  # seconds; the last calls of a predecessor may reach the service a little after its end
_SHORTEST = 0.5  # seconds of a lease


async def run_partition(
    operation: Operation,
    source: Source | Iterable[Any],
    outcomes: str | Path,
    *,
    item: Callable[[Row], Any] = item_of,
    on_progress: Callable[[Progress], object] | None = None,
    priority: Priority = "bulk",
    settings: Mapping[str, Any] | None = None,
    max_failures: int | None = None,
    lease: float = 15.0,
    storage_options: Mapping[str, Any] | None = None,
) -> Report:
    """Send every row of a partition through an operation, and put the outcomes where all machines see them.

    Before the first call a mark, ``part.started``, is written beside ``part.outcomes``, which appears at the end,
    complete. If it is there already, nothing is sent. A partition that was started and not finished is done again from
    the beginning, as rows that may have been sent; what must not be sent twice is not, and ends `Unknown`. Two
    processes never work on one partition at once: the mark is a lease, which its owner renews.

        async with Client.from_env(limiter=RedisLimiter(url)) as tim:
            with AccountFile("s/00003.parquet", column="account") as users:
                report = await bulk.run_partition(tim.accounts.delete, users, "s3://bucket/gone/00003.parquet")

    Args:
        operation: see `tim_async.bulk.run`.
        source: the rows of the partition, the same ones at each start; fifty thousand are a good number. See `Part`.
        outcomes: a path in a folder that all processes see, or a URL for fsspec (extra ``remote``). Its suffix decides
            the format: ``.csv``, ``.parquet``, or JSON lines for ``.jsonl`` and anything else.
        item: see `tim_async.bulk.run`.
        on_progress: the same.
        priority: the same.
        settings: the same.
        max_failures: the same. If anything was done, the partition stays stopped, so that no automatic retry gets past
            the guard: in a new start, what failed could not be told from what was done. To go on, pass a number that is
            higher than the failures so far, or None.
        lease: seconds after which others may take over the partition of a process that is gone.
        storage_options: what fsspec's driver takes.

    Returns:
        What became of the rows. `Report.outcomes` says where the outcomes are; if it is None, the partition is not
        done: run it again.

    Raises:
        JournalHeld: another process is working on it.
        JournalUnlike: it was begun as a part of another job.
        JournalError: the marks cannot be read or written. Nothing was sent, in all three cases.
        InputError: the source can be read only once, or there is no such place.
        ValueError: the lease is too short, *max_failures* is negative, or there is no such priority.
        TypeError: the source's items do not have the form that the operation takes, or an argument has the wrong type.
        OSError: there is no room for the outcomes, not even for the first of them.
    """
    check_call(operation, item=item, priority=priority, on_progress=on_progress)
    if not lease >= _SHORTEST:
        raise ValueError(f"a lease lasts {_SHORTEST} s at least, not {lease}")
    check_rows(max_failures=max_failures)
    source = source_of(source)
    if source.fingerprint is None:
        raise InputError(f"{source.name} can be read only once, so it is not a partition; give a list, or a file")
    store, name = await asyncio.to_thread(store_of, outcomes, storage_options)
    place = _Place(store, name, str(outcomes))
    task = Task(operation, source, item, priority, None, on_progress, max_failures=max_failures)
    partition = _Partition(task, place)
    if (earlier := await asyncio.to_thread(partition.told)) is not None:
        # Or what became of another list would be told of this one.
        await check_mark(store, mark_of(name), job_of(operation, source, settings))
        return earlier
    held = await take(store, mark_of(name), job_of(operation, source, settings), lease=lease)
    if (earlier := await asyncio.to_thread(partition.told)) is not None:  # its end came while we looked at its mark
        await held.end("done by another start", sent=True)
        return earlier
    return await partition.run(held)


class _Place(NamedTuple):
    """Where the outcomes will stand."""

    store: Store
    name: str
    whole: str


class _Partition:
    def __init__(self, task: Task, place: _Place) -> None:
        self._task = task
        self._place = place

    def told(self) -> Report | None:
        """What became of it in an earlier start; None if its outcomes are not there yet."""
        store, name, whole = self._place
        try:
            file = store.open(name)
        except FileNotFoundError:
            return None
        tally, last = Tally(), 0
        with file:
            for record in read_records(file, kind_of(name)):
                tally.add(record)
                last = max(last, record.row)
        return self._report(tally, last_row=last, outcomes=whole)

    def _report(
        self, tally: Tally, *, last_row: int = 0, outcomes: str | None = None, stopped_by: Exception | None = None
    ) -> Report:
        """The report of a start that sent nothing."""
        return Report(
            command=job_of(self._task.operation, self._task.source).command,
            source=self._task.source.name,
            total=self._task.source.count,
            counts=dict(tally.counts),
            assumed=tally.assumed,
            open=0 if outcomes else self._task.source.count or 0,
            troubles=tally.troubles(),
            last_row=last_row,
            unread=not outcomes,
            stopped_by=stopped_by,
            journal=None,
            partition=None if outcomes else self._place.whole,
            outcomes=outcomes,
            held_back=False,
            earlier=bool(outcomes),
        )

    async def run(self, held: Lease) -> Report:
        endpoint = self._task.operation.endpoint
        failed, most = held.failed_before, self._task.max_failures
        if most is not None and failed > most:
            await held.end("stopped by the guard of an earlier start", sent=True, failed=failed)
            return self._report(Tally(), stopped_by=TooManyFailures(failed, most, earlier=True))
        async with _kept(held):
            if held.sent_before:  # the calls of the predecessor still count at the service
                await asyncio.sleep(max(1.0, 1.0 / endpoint.rate) + _MARGIN)
            with ExitStack() as opened:
                file = opened.enter_context(_Scratch(self._place))
                report = await self._send(held, file)
                report = await self._put(held, report, file)
            how, applied = "all rows told" if report.outcomes else "stopped", _applied(report)
            guard = report.stopped_by if applied and isinstance(report.stopped_by, TooManyFailures) else None
            await held.end(how, sent=applied, failed=0 if guard is None else guard.failed)
            return report

    async def _send(self, held: Lease, file: IO[bytes]) -> Report:
        with ExitStack() as opened:
            sink = open_writer(file, kind_of(self._place.name), opened).write
            task = self._task._replace(sink=sink, maybe_sent=held.sent_before, promise=held.promise)
            return await Running(task, None).go()

    async def _put(self, held: Lease, report: Report, file: IO[bytes]) -> Report:
        """Bring the outcomes to their place, if all is done that will ever be."""
        report = replace(report, partition=self._place.whole)
        if isinstance(report.stopped_by, OSError):  # the outcomes are lost, so all of it is to be asked again
            return replace(report, open=sum(report.counts.values()))
        last_word = not report.open or (not self._task.operation.endpoint.repeatable and _applied(report))
        if report.stopped_by is not None or report.unread or not last_word:
            return report
        try:
            file.flush()
            await held.confirm()
            await asyncio.to_thread(self._place.store.put, Path(file.name), self._place.name)
        except (OSError, JournalError) as exc:
            return replace(report, stopped_by=exc, open=sum(report.counts.values()))
        return replace(report, outcomes=self._place.whole, open=0)


def _applied(report: Report) -> bool:
    """Whether something was done: not by a call that was refused, nor by one that was never sent."""
    return report.counts["Ok"] + report.counts["Unknown"] > 0


@asynccontextmanager
async def _kept(held: Lease) -> AsyncGenerator[None]:
    """Renew a lease while the block runs."""
    keeping = asyncio.create_task(held.keep())
    try:
        yield
    except Exception:
        await held.end("failed", sent=True)
        raise
    finally:
        # Who is cancelled has no time for a last word: the next one waits for the end of the lease.
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


class _Scratch:
    """A file for outcomes as they come, near their place; it is gone afterwards unless it was moved."""

    def __init__(self, place: _Place) -> None:
        self._file = NamedTemporaryFile(dir=place.store.scratch, prefix=f".{place.name}.", delete=False)  # noqa: SIM115

    def __enter__(self) -> IO[bytes]:
        return cast("IO[bytes]", self._file)

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be flushed has been told
            self._file.close()
        Path(self._file.name).unlink(missing_ok=True)
