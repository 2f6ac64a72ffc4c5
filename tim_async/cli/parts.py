"""One part of a file, as one of many processes does it: its outcomes are in a place that all of them see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.console import Console

from tim_async.bulk.files import AccountFile
from tim_async.bulk.partitions.part import Part
from tim_async.bulk.partitions.running import run_partition
from tim_async.bulk.report import Progress, Report, Tally
from tim_async.errors import ClientClosed, TIMError

from .asking import check_somebody_is_there
from .carrying import Command, settings_of
from .clients import connect, operation_of
from .exits import code_of
from .progress import Bar, Bars
from .runner import tell_of
from .stopping import Stop
from .telling import in_one_line, tell

if TYPE_CHECKING:
    from tim_async.bulk.running import Operation
    from tim_async.client import Client

    from .options import Options

__all__ = ["run_part"]

_AGAIN = "the part is not done; the same command goes on with it"


def run_part(command: Command, options: Options) -> int:
    """Send a command for every row of a part of a file, and put the outcomes where all processes see them.

    Args:
        command: what is sent.
        options: what was asked for; its ``part`` is one, and its ``to`` a folder or a URL.

    Returns:
        The exit code; see `tim_async.cli.exits`.

    Raises:
        InputError: the input or an option cannot be used; nothing was sent.
        TIMError: another process works on the part, or its marks cannot be used; nothing was sent.
    """
    client = connect(options.connection)
    operation = operation_of(client, command.endpoint, command.shared)
    if command.care is not None and command.care.asks:
        check_somebody_is_there(readable=True)
    with AccountFile(
        options.source, column=options.column, needs=command.told.needs, encoding=options.encoding
    ) as file:
        command.told.check_rows(has_arguments=file.look.has_arguments)
        tell_of(file, command, options)
        index, of = options.part or (0, 1)
        return asyncio.run(_Run(command, options, Part(file, index, of)).run(client, operation))


class _Run:
    def __init__(self, command: Command, options: Options, part: Part) -> None:
        self._command = command
        self._options = options
        self._part = part
        index, of = options.part or (0, 1)
        self._place = f"{str(options.to).rstrip('/')}/part-{index:05}-of-{of:05}.{options.to_format}"
        console = Console(stderr=True)
        self._bars = Bars(console, shown=console.is_terminal, tick=lambda: None)
        self._bar: Bar | None = None

    async def run(self, client: Client, operation: Operation) -> int:
        stop, reports = Stop(), list[Report]()
        with self._bars:
            async with stop.watching(client, seconds=self._options.timeout):
                report = await run_partition(
                    operation,
                    self._part,
                    self._place,
                    item=self._command.told.item,
                    on_progress=self._moved,
                    priority=self._options.priority,
                    settings=settings_of(self._command, self._options),
                )
                reports.append(report)
        if not reports or (stop.signal is not None and reports[0].outcomes is None):
            tell(f"tim-async: interrupted; {_AGAIN}")
            return 128 + (stop.signal or 0)
        self._tell_end(reports[0])
        return code_of(reports[0])

    def _moved(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = self._bars.begin(self._command.endpoint.method, self._part.count, progress.tally)
        self._bar.moved()

    def _tell_end(self, report: Report) -> None:
        tally = Tally()
        tally.counts.update(report.counts)
        error = report.stopped_by
        if report.outcomes is not None:
            tell(f"{tally}; the outcomes are in {report.outcomes}{', from an earlier start' if report.earlier else ''}")
        else:
            why = f"{in_one_line(error) if isinstance(error, TIMError) else error}; "
            tell(f"tim-async: {'' if error is None or isinstance(error, ClientClosed) else why}{tally}; {_AGAIN}")
        for trouble in report.troubles:
            tell(f"  {trouble}")
