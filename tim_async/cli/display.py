"""Shows a run while it goes on: drawn on a terminal, a plain line every ten seconds elsewhere, or as JSON."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tim_async.bulk.report import Progress

from .eyes import Eyes
from .screen import Moment, Pace, as_json, in_one_line, screen
from .telling import tell, tell_object

__all__ = ["Display", "Drawn", "Look", "Told", "View", "view_of"]

Look: TypeAlias = Literal["", "quiet", "json"]
"""How a run is shown; empty: as it suits the terminal."""

_OFTEN = 0.5  # seconds; drawing takes a millisecond
_SELDOM = 10.0
_LONG = 5.0


class View(Protocol):
    """A way of showing a moment."""

    every: float
    """Seconds between two moments."""

    def begin(self) -> None:
        """It begins, or goes on after a break."""

    def show(self, moment: Moment) -> None:
        """Show a moment instead of the one before, or after it."""

    def end(self) -> None:
        """Nothing more comes for now."""


class Drawn:
    """The same few lines, drawn over each other."""

    every = _OFTEN

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def begin(self) -> None:
        """Begin on a fresh line."""
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def show(self, moment: Moment) -> None:
        """Draw it."""
        if self._live is not None:
            # The terminal writes ^C and ^Z behind the last line: in a full one they would begin another.
            lines = "\n".join(screen(moment, self._console.width - len("^C") - 1))
            self._live.update(Text(lines, no_wrap=True, overflow="crop"), refresh=True)

    def end(self) -> None:
        """Take it away: what follows says it better."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Told:
    """One line, or one object, for a moment; nothing of the first one, which says only that it begins."""

    every = _SELDOM

    def __init__(self, say: Callable[[Moment], object]) -> None:
        self._say = say

    def begin(self) -> None:
        """Nothing is said."""

    def show(self, moment: Moment) -> None:
        """Say it."""
        self._say(moment)

    def end(self) -> None:
        """Nothing is said."""


def view_of(look: Look, console: Console, *, crowded: bool) -> View | None:
    """How a run is shown; None for not at all.

    Args:
        look: what was asked for.
        console: standard error.
        crowded: outcomes are written to the same terminal.
    """
    if look == "json":
        return Told(lambda moment: tell_object(as_json(moment)))
    if look == "quiet" or (crowded and console.is_terminal):
        return None
    if console.is_terminal and not console.is_dumb_terminal:
        return Drawn(console)
    return Told(lambda moment: tell(in_one_line(moment)))


class Display:
    """Shows one run, at moments of its own.

    Args:
        title: of the command.
        total: rows.
        rows_per_call: most rows of a call, by which the time that is left is estimated.
        eyes: which watch the client.
        view: how it is shown; None for not at all.
        stopping: whether somebody wants it to end.
        clock: seconds.
    """

    def __init__(
        self,
        title: str,
        total: int,
        rows_per_call: float,
        eyes: Eyes,
        view: View | None,
        *,
        stopping: Callable[[], bool] = bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = Progress(total)
        """How the run stands, to be replaced by what the run tells."""
        self._title = title
        self._total = total
        self._rows_per_call = rows_per_call
        self._eyes = eyes
        self._view = view
        self._stopping = stopping
        self._clock = clock
        self._pace = Pace()
        self._next = 0.0

    @property
    def visible(self) -> bool:
        """Whether anything is shown."""
        return self._view is not None

    @contextmanager
    def showing(self) -> Generator[None, None, None]:
        """Show it while the block runs; needs a running loop."""
        view = self._view
        if view is None:
            yield
            return
        loop = asyncio.get_running_loop()
        ticks = loop.create_task(self._tick())
        view.begin()
        if isinstance(view, Drawn):
            loop.add_signal_handler(signal.SIGTSTP, self._sleep, view)
        try:
            yield
        finally:
            ticks.cancel()
            if isinstance(view, Drawn):
                loop.remove_signal_handler(signal.SIGTSTP)
                view.show(self.moment())
            view.end()

    async def _tick(self) -> None:
        self._next = self._clock() + (0.0 if isinstance(self._view, Drawn) else _SELDOM)
        while True:
            self.look()
            await asyncio.sleep(_OFTEN)

    def look(self) -> None:
        """Look how it stands, and show it if it is time."""
        now = self._clock()
        if self._eyes.pause_left > _LONG:  # shorter ones belong to the speed
            self._pace.anew()
        self._pace.look(now, self.progress.tally.done)
        if self._view is not None and now >= self._next:
            self._next = now + self._view.every
            self._view.show(self.moment())

    def moment(self) -> Moment:
        """How it stands now."""
        eyes, tally = self._eyes, self.progress.tally
        troubles = tally.troubles()
        most = eyes.limit * self._rows_per_call
        return Moment(
            title=self._title,
            total=self._total,
            counts=tally.counts,
            trouble=troubles[0] if troubles else None,
            rate=eyes.rate,
            limit=eyes.limit,
            full_limit=eyes.full_limit,
            # Nobody knows how fast a service is that has not answered.
            left=self._pace.left(self._total - tally.done, most) if eyes.answered else None,
            repeated=eyes.repeated,
            pause=eyes.pause,
            pause_left=eyes.pause_left,
            paused=eyes.paused,
            slowed=eyes.slowed,
            in_flight=eyes.in_flight,
            silence=self._silence(),
            stopping=self._stopping(),
        )

    def _silence(self) -> str | None:
        eyes = self._eyes
        return eyes.error if not eyes.answered and (eyes.error or eyes.in_flight) else None

    def _sleep(self, view: Drawn) -> None:
        """Ctrl-Z: leave the terminal in order, stop as everything does, and begin on a fresh line afterwards."""
        loop = asyncio.get_running_loop()
        view.end()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self._sleep, view)
        self._pace.anew()
        view.begin()
        view.show(self.moment())
