"""What is seen while a job runs: a bar on standard error, if that is a terminal and the outcomes go elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Task

    from tim_async.bulk.report import Tally

__all__ = ["Bars"]

_EVERY = 0.1  # seconds; an update of the bar costs as much as ten outcomes


class _Rate(ProgressColumn):
    """Rows a second since the beginning; nothing in the first second, when a single call would make thousands."""

    def render(self, task: Task) -> Text:
        seconds = (task.elapsed if task.finished_time is None else task.finished_time) or 0.0
        return Text(f"{task.completed / seconds:,.0f}/s" if seconds >= 1 else "", style="cyan", justify="right")


class _Errors(ProgressColumn):
    def render(self, task: Task) -> Text:
        errors: int = task.fields["errors"]
        text = "1 error" if errors == 1 else f"{errors:,} errors"
        return Text(text, style="red" if errors else "dim", justify="right")


class Bars:
    """One bar for each job, one below the other; use it with ``with``.

    Args:
        console: where it is drawn.
        shown: False draws nothing.
        transient: nothing of it stays.
        clock: tells the time, seconds.
        tick: called ten times a second while outcomes come, and at the end of each job.
    """

    def __init__(
        self,
        console: Console,
        *,
        shown: bool,
        transient: bool = False,
        clock: Callable[[], float] = time.monotonic,
        tick: Callable[[], object] = lambda: None,
    ) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}", justify="right"),
            _Rate(),
            _Errors(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            disable=not shown,
            transient=transient,
            get_time=clock,
            expand=True,
        )
        self._clock = clock
        self._tick = tick

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, title: str, total: int, tally: Tally) -> Bar:
        """A new bar.

        Args:
            title: what stands before it.
            total: rows in all.
            tally: where the numbers come from.
        """
        return Bar(self._progress, title, total, tally, clock=self._clock, tick=self._tick)


class Bar:
    """The bar of one job."""

    def __init__(
        self,
        progress: Progress,
        title: str,
        total: int,
        tally: Tally,
        *,
        clock: Callable[[], float],
        tick: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._progress = progress
        self._total = total
        self._tally = tally
        self._tick = tick
        self._task = progress.add_task(title, total=total, count=f"0/{total:,}", errors=0)
        self._next = 0.0

    def moved(self) -> None:
        """The tally has changed."""
        now = self._clock()
        if now >= self._next:
            self._next = now + _EVERY
            self.draw()

    def draw(self) -> None:
        """Show the tally as it is now."""
        done = self._tally.done
        count = f"{done:,}/{self._total:,}"
        self._progress.update(self._task, completed=done, count=count, errors=self._tally.errors)
        self._tick()
