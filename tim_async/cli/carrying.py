"""Carries out a command for a file that was looked through: sends, shows it, and writes the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace
from rich.console import Console

from tim_async.bulk.api import run
from tim_async.bulk.exporting import export_outcomes
from tim_async.bulk.journal.errors import JournalRested
from tim_async.bulk.report import Progress, Report
from tim_async.bulk.standing import Known
from tim_async.bulk.timeline import Timeline
from tim_async.bulk.writing import Record, make_writer
from tim_async.client import Client

from .clients import operation_of, paced
from .display import Display, view_of
from .ending import Ending, tell_end
from .eyes import Eyes
from .guards import most_failures
from .outcomes import Outcomes, is_standard
from .stopping import Stop
from .telling import tell

if TYPE_CHECKING:
    from tim_async.bulk.files import AccountFile
    from tim_async.service.endpoints import Endpoint

    from .arguments import Told
    from .journals import Journal
    from .options import Options

__all__ = ["Care", "Carrying", "Command", "settings_of"]


class Care(NamedTuple):
    """What is done before a command that cannot be undone."""

    asks: bool
    """The person at the terminal is asked."""
    skips: bool
    """Broken records are left out; else a file that has some is refused."""
    whole: bool
    """A last line without its line end does not mean that the input was cut there."""


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
        "to": None if options.to is None or is_standard(options.to) else str(Path(options.to).absolute()),
        "to_format": options.to_format,
        "connection": {
            "sdk_app_id": whom.sdk_app_id,
            "identifier": whom.identifier,
            "region": whom.region,
            "base_url": whom.base_url,
        },
    }


class Carrying:
    """One file through one command.

    Args:
        command: what is sent.
        options: what was asked for.
        file: the rows.
        journal: what is known of them already.
        outcomes: where the outcomes go.
        sink: the same, opened; None where a job goes on: then all of them are written at its end.
    """

    def __init__(
        self,
        command: Command,
        options: Options,
        file: AccountFile,
        journal: Journal,
        *,
        outcomes: Outcomes,
        sink: IO[bytes] | None,
    ) -> None:
        self._command = command
        self._options = options
        self._file = file
        self._journal = journal
        self._outcomes = outcomes
        self._sink = sink
        # What a journal keeps need not scroll by; who wants to have it says --to.
        kept = journal.path is not None and options.to is None and outcomes.is_at_a_terminal
        self._tells = options.tells_outcomes and not kept
        endpoint = command.endpoint
        rate = options.speed.rate or endpoint.rate
        per_call = endpoint.limit
        self._stop: Stop | None = None
        self._eyes = Eyes(rate)
        self._timeline = Timeline()
        view = view_of(options.look, Console(stderr=True), crowded=self._tells and outcomes.is_at_a_terminal)
        self._display = Display(
            endpoint.method,
            file.count,
            1 if endpoint.counts_items else per_call,
            self._eyes,
            view,
            stopping=lambda: self._stop is not None and self._stop.signal is not None,
        )

    async def run(self, *, rested_ok: bool) -> int:
        """Do it.

        Args:
            rested_ok: however long the journal rested.

        Returns:
            The exit code.
        """
        stop = self._stop = Stop()
        try:
            async with AsyncExitStack() as opened:
                report = await self._send(self._client(opened), stop, rested_ok=rested_ok)
        except JournalRested as exc:
            raise JournalRested(f"{exc}; if you want that, add --yes") from None
        end = Ending(report, self._display.progress, stop.signal, self._journal.path)
        # Without it the sum of what an earlier start did would look like that of this one, also to who wants quiet.
        if report is not None and (line := self._journal.nothing_to_send(resumes=self._options.resumes)):
            tell(line)
        tell_end(end, self._outcomes)
        if self._sink is None and report is not None and self._tells and not report.resumable:
            with self._outcomes.whole() as sink:
                export_outcomes(Known(report.journal or ""), self._file, sink, self._options.to_format)
        return end.code

    def _client(self, opened: AsyncExitStack) -> Client:
        hooks = [*([self._eyes] if self._display.visible else []), *([self._timeline] if self._journal.path else [])]
        return paced(self._options, self._command.endpoint, hooks, opened)

    async def _send(self, client: Client, stop: Stop, *, rested_ok: bool) -> Report | None:
        """None: a second signal left no time for a report."""
        command, options, guards = self._command, self._options, self._options.guards
        reports: list[Report] = []
        with self._display.showing():
            async with stop.watching(client, seconds=options.timeout):
                report = await run(
                    operation_of(client, command.endpoint, command.shared),
                    self._file,
                    journal=self._journal.path,
                    item=command.told.item,
                    sink=self._writes(),
                    on_progress=self._moved,
                    priority=options.priority,
                    settings=settings_of(command, options),
                    memo=_memo(command, options),
                    rested_ok=rested_ok,
                    first=guards.first,
                    max_failures=most_failures(guards, self._file.count),
                    timeline=self._timeline,
                )
                reports.append(report)
            failure = self._flushed()
        return replace(reports[0], stopped_by=reports[0].stopped_by or failure) if reports else None

    def _writes(self) -> Callable[[Record], object] | None:
        """What is told of each row; where a job goes on, all of it is written at its end, with what was done before."""
        if not self._tells or self._sink is None:
            return None
        return make_writer(self._sink, self._options.to_format, seen=self._sink.isatty()).write

    def _moved(self, progress: Progress) -> None:
        self._display.progress = progress
        if self._sink is not None:
            self._sink.flush()

    def _flushed(self) -> OSError | None:
        """The last of the outcomes is written; why it is not, if it cannot be."""
        try:
            if self._sink is not None:
                self._sink.flush()
        except OSError as exc:
            return exc
        return None
