"""How a run ended, in this order: did it work, what failed and why, what now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tim_async.bulk.report import Progress, Report, Trouble
from tim_async.bulk.sending import HELD, INTERRUPTED
from tim_async.errors import APIError, ClientClosed, TIMError
from tim_async.lane.waiting import CLOSED

from .exits import code_of
from .journals import go_on, in_a_shell
from .outcomes import Outcomes
from .telling import AS_JSON, in_one_line, tell, tell_object

__all__ = ["Ending", "end_as_json", "tell_end", "why_stopped"]


class Ending(NamedTuple):
    """How a run ended."""

    report: Report | None
    """None: a second signal left no time for one."""
    progress: Progress
    """How it stood then."""
    signal: int | None
    """What stopped it, if one did."""
    journal: Path | None

    @property
    def interrupted(self) -> bool:
        """Whether somebody wanted it to end."""
        return self.report is None or self.signal is not None

    @property
    def code(self) -> int:
        """The exit code."""
        if self.report is None or self.signal is not None:
            return 128 + (self.signal or 0)
        return code_of(self.report)


def tell_end(end: Ending, outcomes: Outcomes) -> None:
    """Tell how it ended.

    Args:
        end: how it did.
        outcomes: where they were to be written.
    """
    report, progress = end.report, end.progress
    if report is not None and isinstance(report.stopped_by, OSError):
        outcomes.give_up()
    why = _why(end, outcomes)
    if AS_JSON.get():
        tell_object(_as_json(end, why))
        return
    tell(f"tim-async: {why}; {_sum(progress)}" if why else _sum(progress))
    for trouble in _own_troubles(end):
        tell(f"  {trouble}")
    for line in _what_now(end):
        tell(line)


def _why(end: Ending, outcomes: Outcomes) -> str:
    """What ended it early; empty if nothing did."""
    if end.report is None or end.interrupted:
        return "interrupted"
    return why_stopped(end.report, outcomes)


def why_stopped(report: Report, place: object) -> str:
    """What ended a run early; empty if nothing did, or somebody who wanted it.

    Args:
        report: how it went.
        place: of the outcomes.
    """
    error = report.stopped_by
    if error is None or isinstance(error, ClientClosed):
        return ""
    if isinstance(error, OSError):
        return f"the outcomes cannot be written to {place}: {error.strerror or error}"
    return in_one_line(error) if isinstance(error, TIMError) else str(error)


def _own_troubles(end: Ending) -> Iterator[Trouble]:
    """What went wrong, but for what is only the end itself once more."""
    error = None if end.report is None else end.report.stopped_by
    early = end.interrupted or error is not None
    code = error.code if isinstance(error, APIError) else None
    for trouble in end.progress.tally.troubles():
        held = trouble.reason in (INTERRUPTED, CLOSED) or trouble.reason.startswith(HELD)
        by_the_end = held or (code is not None and trouble.code == code)
        if not (early and by_the_end):
            yield trouble


def _sum(progress: Progress) -> str:
    unread = f"; rows after line {progress.last_row:,} were not read" if progress.unread else ""
    return f"{progress.tally}{unread}"


def _what_now(end: Ending) -> Iterator[str]:
    if end.journal is None:
        return
    # Scripts know that, and count the lines.
    if (AS_JSON.get() or os.isatty(2)) and _has_failed(end):
        yield f"what failed, to be mended:  tim-async job {in_a_shell(end.journal)} --failures FILE"
    if end.report is None or end.report.resumable:
        yield go_on(end.journal)
    elif isinstance(end.report.stopped_by, OSError):
        yield f"the outcomes are in the journal:  tim-async job {in_a_shell(end.journal)} --outcomes FILE"


def _has_failed(end: Ending) -> bool:
    """Whether some rows failed for good. Of those that were not sent nobody knows it before all is done."""
    counts = end.progress.tally.counts
    refused = counts["NotSent"] if end.report is not None and not end.report.open else 0
    return counts["Rejected"] + counts["Unknown"] + refused > 0


def _as_json(end: Ending, why: str) -> dict[str, object]:
    progress = end.progress
    return end_as_json(
        end.code,
        why,
        progress.tally.counts,
        progress.tally.troubles(),
        unread_after=progress.last_row if progress.unread else None,
        what_now=list(_what_now(end)),
    )


def end_as_json(
    code: int,
    why: str,
    counts: Mapping[str, int],
    troubles: Iterable[Trouble],
    *,
    unread_after: int | None = None,
    what_now: Sequence[str] = (),
) -> dict[str, object]:
    """How a run ended, for a program.

    Args:
        code: the exit code.
        why: it ended early; empty if it did not.
        counts: what became of the rows.
        troubles: what went wrong.
        unread_after: the last row that was read; None if all were.
        what_now: what somebody may do next.
    """
    return {
        "event": "end",
        "exit": code,
        "stopped_by": why or None,
        "counts": counts,
        "unread_after": unread_after,
        "troubles": [
            {"outcome": each.outcome, "code": each.code, "reason": each.reason, "count": each.count, "rows": each.rows}
            for each in troubles
        ],
        "what_now": list(what_now),
    }
