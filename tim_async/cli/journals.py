"""The journal of a command: where it is, what is in it already, and what is told of it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tim_async.bulk.journal.errors import JournalHeld, JournalUnlike
from tim_async.bulk.journal.opened import Job, check_same
from tim_async.bulk.standing import Standing, standing_of

from .telling import tell

if TYPE_CHECKING:
    from tim_async.service.endpoints import Endpoint

    from .options import Options

__all__ = ["Journal", "go_on", "lines_of"]


def go_on(path: Path) -> str:
    """The line with which a run is resumed."""
    return f"go on:  tim-async resume {shlex.quote(os.path.relpath(path))}"


class Journal:
    """The journal that a command was told to keep, or keeps by itself.

    Args:
        options: what was asked for.
        endpoint: the command.

    Raises:
        JournalHeld: another process works with it.
        JournalError: what stands there is no journal.
    """

    def __init__(self, options: Options, endpoint: Endpoint[Any, Any]) -> None:
        source = Path(options.source)
        is_file = source.is_file()
        beside = source.with_name(f"{source.name}.{endpoint.group}-{endpoint.method.strip('_')}.job")
        self._by_itself = options.journal is None
        self.path = None if options.journal is None else Path(options.journal)
        if self._by_itself and endpoint.writes and is_file and not options.no_journal:
            self.path = beside
        self._looks_only = options.guards.plan
        copied = self.path is not None and not is_file and not self._looks_only
        self.copy = self.path.with_name(f"{self.path.name}.input") if self.path is not None and copied else None
        """Where input that can be read only once is kept; None where there is no need."""
        self._had_copy = self.copy is not None and self.copy.exists()
        self.found: Standing | None = None
        """What is in it already; None for a new one."""
        if self.path is not None and self.path.exists():
            self.found = standing_of(self.path)
            if self.found.held_by:
                raise JournalHeld(f"{self.path} is held by {self.found.held_by}")

    def meet(self, job: Job) -> None:
        """Compare what is in it with what is to be done.

        Where a command keeps a journal by itself, a finished one of another job makes room for the new one.

        Args:
            job: what is to be done.

        Raises:
            JournalUnlike: it is the journal of another job.
        """
        if self.path is None or self.found is None:
            return
        try:
            check_same(self.path, self.found.job, job)
        except JournalUnlike:
            if not (self._by_itself and self.found.finished):
                raise
            self.found = None
            if self._looks_only:
                return
            tell(f"{self.path.name} is of another job, which is done; it is {_retired(self.path).name} now")

    def wrote_to(self, to: str | None) -> bool:
        """Whether an earlier start wrote its outcomes there: they come once more, with all others."""
        return to is not None and self.found is not None and self.found.memo.get("to") == str(Path(to).absolute())

    def leave(self) -> None:
        """Nothing was sent: a copy of the input that was made for it would bar the right one, when it comes."""
        if self.copy is not None and self.path is not None and not self._had_copy and not self.path.exists():
            self.copy.unlink(missing_ok=True)

    def rests(self, seconds: float) -> bool:
        """Whether nobody wrote to it for so long."""
        last = None if self.found is None else self.found.last_commit
        return last is not None and time.time() - last > seconds


def _retired(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return path.rename(free)


def lines_of(standing: Standing) -> Iterator[str]:
    """Where a job stands, in a few lines."""
    job, total = standing.job, standing.total
    rows = "rows that could be read only once" if total is None else f"{total:,} rows"
    yield f"{standing.path.name}: {job.command}, app {job.app}, {rows} of {standing.source['name']}"
    again = f", {len(standing.starts)} starts" if len(standing.starts) > 1 else ""
    yield from (f"    begun {_moment(first.began)}{again}; {_end(standing)}" for first in standing.starts[:1])
    left = "" if total is None else f", {total - standing.done - standing.maybe - _still_open(standing):,} not sent yet"
    maybe = f", {standing.maybe:,} may have been sent" if standing.maybe else ""
    idle = f", {_still_open(standing):,} to be sent again" if _still_open(standing) else ""
    yield f"    {standing.done:,} rows done{maybe}{idle}{left}"
    for ending, count in standing.endings:
        code = "" if ending.code is None else f" {ending.code}"
        why = ending.reason or ending.info or ("it was so already when asked again" if ending.assumed else "")
        yield f"    {count:,} {ending.outcome}{code}{': ' if why else ''}{why}"


def _still_open(standing: Standing) -> int:
    return sum(count for ending, count in standing.endings if not ending.final)


def _end(standing: Standing) -> str:
    ended, how = standing.starts[-1].ended, standing.starts[-1].how
    if standing.held_by:
        return f"at work: {standing.held_by}"
    if ended is None:
        last = "" if standing.last_commit is None else f", last heard of {_moment(standing.last_commit)}"
        return f"stopped without a goodbye (killed, or the power went){last}"
    return f"{'done' if standing.finished else 'stopped'} {_moment(ended)}: {how}"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
