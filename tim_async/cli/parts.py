"""One part of a file, as one of many processes does it: its outcomes are in a place that all of them see."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from tim_async.bulk.files import AccountFile
from tim_async.bulk.partitions.part import Part
from tim_async.bulk.partitions.running import run_partition
from tim_async.bulk.report import Progress, Report, Tally
from tim_async.printable import shown

from .asking import check_somebody_is_there
from .carrying import Command, settings_of
from .clients import connect, operation_of, paced
from .display import Display, view_of
from .ending import end_as_json, why_stopped
from .exits import code_of
from .eyes import Eyes
from .guards import check_expected, most_failures
from .runner import check_whole, tell_of, tell_plan
from .stopping import Stop
from .telling import AS_JSON, note, tell, tell_object

if TYPE_CHECKING:
    from tim_async.client import Client

    from .options import Options

__all__ = ["run_part"]

_AGAIN = "the part is not done; the same command goes on with it"


def run_part(command: Command, options: Options) -> int:
    """Send a command for every row of a part of a file, and put the outcomes where all processes see them.

    Args:
        command: what is sent.
        options: what was asked for; its ``part`` is one, and its ``to`` a folder or a URL. What is expected of the list
            is said of all of it; its plan, and the failures that it may have, are those of the part.

    Returns:
        The exit code; see `tim_async.cli.exits`.

    Raises:
        InputError: the input or an option cannot be used; nothing was sent.
        TIMError: another process works on the part, or its marks cannot be used; nothing was sent.
    """
    operation = operation_of(connect(options.connection), command.endpoint, command.shared)
    guards = options.guards
    if command.care is not None and command.care.asks and not guards.plan:
        check_somebody_is_there(readable=True)
    with AccountFile(
        options.source, column=options.column, needs=command.told.needs, encoding=options.encoding
    ) as file:
        check_expected(guards, shown(file.name), file.count)
        command.told.check_rows(has_arguments=file.look.has_arguments)
        part = Part(file, *(options.part or (0, 1)))
        plan = partial(tell_plan, operation, part, file, command, options)
        if guards.plan:
            plan()
            check_whole(file, command.care)
            note("nothing was sent: this is only the plan")
            return 0
        tell_of(file, command, options, plan=plan)
        return asyncio.run(_carry_out(command, options, part))


async def _carry_out(command: Command, options: Options, part: Part) -> int:
    return await _Run(command, options, part).run()


class _Run:
    """To be made in a loop."""

    def __init__(self, command: Command, options: Options, part: Part) -> None:
        self._command = command
        self._options = options
        self._part = part
        index, of = options.part or (0, 1)
        self._place = f"{str(options.to).rstrip('/')}/part-{index:05}-of-{of:05}.{options.to_format}"
        endpoint = command.endpoint
        self._stop = Stop()
        self._eyes = Eyes(options.speed.rate or endpoint.rate)
        self._display = Display(
            f"{endpoint.method} {index}/{of}",
            part.count,
            1 if endpoint.counts_items else endpoint.limit,
            self._eyes,
            view_of(options.look, Console(stderr=True), crowded=False),
            stopping=lambda: self._stop.signal is not None,
        )

    async def run(self) -> int:
        async with AsyncExitStack() as opened:
            hooks = [self._eyes] if self._display.visible else []
            report = await self._send(paced(self._options, self._command.endpoint, hooks, opened))
        if report is None or (self._stop.signal is not None and report.outcomes is None):
            return self._interrupted(128 + (self._stop.signal or 0))
        code = code_of(report)
        if AS_JSON.get():
            _tell_as_json(code, report)
        else:
            _tell_end(report)
        return code

    def _interrupted(self, code: int) -> int:
        if AS_JSON.get():
            tally = self._display.progress.tally
            tell_object(end_as_json(code, "interrupted", tally.counts, tally.troubles(), what_now=[_AGAIN]))
        else:
            tell(f"tim-async: interrupted; {_AGAIN}")
        return code

    async def _send(self, client: Client) -> Report | None:
        """None: a second signal left no time for a report."""
        command, options = self._command, self._options
        reports: list[Report] = []
        with self._display.showing():
            async with self._stop.watching(client, seconds=options.timeout):
                report = await run_partition(
                    operation_of(client, command.endpoint, command.shared),
                    self._part,
                    self._place,
                    item=command.told.item,
                    on_progress=self._moved,
                    priority=options.priority,
                    settings=settings_of(command, options),
                    max_failures=most_failures(options.guards, self._part.count),
                )
                reports.append(report)
        return reports[0] if reports else None

    def _moved(self, progress: Progress) -> None:
        self._display.progress = progress


def _tell_as_json(code: int, report: Report) -> None:
    what_now = [] if report.outcomes is not None else [_AGAIN]
    told = end_as_json(code, why_stopped(report, report.partition), report.counts, report.troubles, what_now=what_now)
    tell_object({**told, "outcomes": report.outcomes})


def _tell_end(report: Report) -> None:
    tally = Tally()
    tally.counts.update(report.counts)
    if report.outcomes is not None:
        tell(f"{tally}; the outcomes are in {report.outcomes}{', from an earlier start' if report.earlier else ''}")
    else:
        why = why_stopped(report, report.partition)
        tell(f"tim-async: {why}{'; ' if why else ''}{tally}; {_AGAIN}")
    for trouble in report.troubles:
        tell(f"  {trouble}")
