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
from tim_async.bulk.report import alike, counted
from tim_async.bulk.standing import Standing, standing_of
from tim_async.printable import shown

from .durations import moment
from .telling import tell

if TYPE_CHECKING:
    from tim_async.service.endpoints import Endpoint

    from .options import Options

__all__ = ["Journal", "go_on", "in_a_shell", "lines_of", "lines_of_going_on"]

_WAS_SO = "it was so already when asked again"
_MOST = 20  # lines about how rows ended


def in_a_shell(path: Path) -> str:
    """A path as somebody types it who stands where we do."""
    return shlex.quote(os.path.relpath(path))


def go_on(path: Path) -> str:
    """The line with which a run is resumed."""
    return f"go on:  tim-async resume {in_a_shell(path)}"


def lines_of_going_on(standing: Standing) -> Iterator[str]:
    """How a job goes on that stands still; nothing for one that is done, or at work."""
    if standing.finished or standing.held_by:
        return
    if standing.job.digest is None:
        yield "it cannot go on: its input could be read only once"
    elif "command" not in standing.memo:
        yield "go on:  start its own program again, with the same journal"
    else:
        yield go_on(standing.path)


class Journal:
    """The journal that a command was told to keep, or keeps by itself.

    Args:
        options: what was asked for.
        endpoint: the command.

    Raises:
        JournalHeld: another process works with it.
        JournalError: what stands there is not a journal.
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

    def nothing_to_send(self, *, resumes: bool) -> str:
        """That all was done before, and how it is done again; empty if it was not.

        Args:
            resumes: somebody asked for this journal, and not for the command.
        """
        found = self.found
        if found is None or not found.finished:
            return ""
        at = max(filter(None, (found.last_commit, *(start.ended for start in found.starts))), default=None)
        when = "" if at is None else f" on {moment(at)}"
        if resumes:
            again = "a job that is done is not resumed; to do it again: its first command with --journal NEW.job"
        else:
            again = "to do it again: --journal NEW.job, or remove that file"
        return f"nothing was sent: {in_a_shell(found.path)} says that this was done{when}; {again}"

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
    rows = "rows that could be read only once" if total is None else counted(total)
    yield f"{standing.path.name}: {job.command}, app {job.app}, {rows} of {standing.source['name']}"
    again = f", {len(standing.starts)} starts" if len(standing.starts) > 1 else ""
    yield from (f"    begun {moment(first.began)}{again}; {_end(standing)}" for first in standing.starts[:1])
    left = "" if total is None else f", {total - standing.done - standing.maybe - _still_open(standing):,} not sent yet"
    maybe = f", {standing.maybe:,} may have been sent" if standing.maybe else ""
    idle = f", {_still_open(standing):,} to be sent again" if _still_open(standing) else ""
    yield f"    {standing.done:,} rows done{maybe}{idle}{left}"
    for (outcome, code, why), count in _alike(standing):
        yield f"    {count:,} {outcome}{'' if code is None else f' {code}'}{': ' if why else ''}{shown(why)}"


def _alike(standing: Standing) -> Iterator[tuple[tuple[str, int | None, str], int]]:
    """How rows ended; those together whose reasons differ in a number only, as at the end of a run."""
    kinds: dict[tuple[str, int | None, str, bool], tuple[str, int]] = {}
    for ending, count in standing.endings:
        code, why = ending.code, ending.reason or ending.info or (_WAS_SO if ending.assumed else "")
        key = (ending.outcome, code, alike(why), ending.final)
        if key not in kinds and len(kinds) >= _MOST:
            key, why = (ending.outcome, None, "...", ending.final), f"for other reasons, the first: {why}"
        first, so_far = kinds.get(key, (why, 0))
        kinds[key] = (first, so_far + count)
    for (outcome, code, _, _), (why, count) in sorted(kinds.items(), key=lambda kind: -kind[1][1]):
        yield (outcome, code, why), count


def _still_open(standing: Standing) -> int:
    return sum(count for ending, count in standing.endings if not ending.final)


def _end(standing: Standing) -> str:
    ended, how = standing.starts[-1].ended, standing.starts[-1].how
    if standing.held_by:
        return f"at work: {standing.held_by}"
    if ended is None:
        last = "" if standing.last_commit is None else f", last heard of {moment(standing.last_commit)}"
        return f"stopped without a goodbye (killed, or the power went){last}"
    return f"{'done' if standing.finished else 'stopped'} {moment(ended)}: {how}"
