"""Watches the calls of a run for its journal, which keeps what they did second by second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tim_async.dispatch.events import CallEvent, Event, LaneEvent, LaneSlowed, PauseBegun, PauseEnded, Watcher

from .journal.seconds import Second, number_of

__all__ = ["Timeline"]

_HUNDREDTHS = 100
_ASLEEP = 3600.0  # seconds; no pause that nobody looked at for so long was one: the whole machine slept


def _nothing() -> None:
    """Nobody wants to know."""


class Timeline(Watcher):
    """What the calls of a run did, second by second, for its journal and the report made from it.

    It watches the client, so pass it to both::

        timeline = bulk.Timeline()
        async with Client.from_env(hooks=[timeline]) as tim:
            await bulk.run(tim.accounts.delete, users, journal="users.job", timeline=timeline)

    It can be used for one run after another, and counts nothing in between. Runs at the same time need one each; two of
    the same command by one client count each other's calls too.

    Args:
        clock: wall time, seconds since 1970.
    """

    wants = (CallEvent, LaneEvent, LaneSlowed, PauseBegun, PauseEnded)

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.heard = False
        """Whether a client has passed it any event since `begin`."""
        self._path = ""
        self._changed: Callable[[], object] = _nothing
        self._seconds: dict[int, Second] = {}
        self._pauses: set[tuple[str, bool]] = set()  # that last: the command, and whether it is the whole app's
        self._paused_since = 0.0

    def begin(self, path: str, changed: Callable[[], object] = _nothing) -> None:
        """Watch a command from now on.

        Args:
            path: ``service/command``.
            changed: called whenever there is something that `take` may give.

        Raises:
            ValueError: it watches for another run.
        """
        if self._path:
            raise ValueError("the timeline watches another run: give each of those at the same time its own")
        self._path, self._changed, self.heard = path, changed, False
        self._seconds, self._paused_since = {}, self._clock()  # a pause may have begun before

    def end(self) -> None:
        """Stop watching; what was gathered until now can still be taken."""
        self._pause_until(self._clock())
        self._path, self._changed = "", _nothing

    def take(self) -> list[tuple[int, Second]]:
        """What was gathered since the last time: (second since 1970, numbers), to be added to what was taken before."""
        self._pause_until(self._clock())
        taken, self._seconds = sorted(self._seconds.items()), {}
        return taken

    def __call__(self, event: Event, /) -> None:  # noqa: D102 - inherited
        if isinstance(event, PauseBegun | PauseEnded):
            self._note_pause(event)
        if not self._path:
            return
        self.heard = True
        match event:
            case CallEvent(path=self._path):
                self._count(event)
            case LaneEvent(path=self._path, statistics=told):
                self._second(self._clock()).limit = round(told.limit * told.share * _HUNDREDTHS)
            case LaneSlowed(path=self._path, rate=rate):
                self._second(self._clock()).limit = round(rate * _HUNDREDTHS)
            case PauseBegun() | PauseEnded() if event.whole_app or event.path == self._path:
                pass
            case _:
                return
        self._changed()

    def _note_pause(self, event: PauseBegun | PauseEnded) -> None:
        self._pause_until(self._clock())
        change = self._pauses.add if isinstance(event, PauseBegun) else self._pauses.discard
        change((event.path, event.whole_app))

    def _second(self, at: float) -> Second:
        return self._seconds.setdefault(int(at), Second())

    def _count(self, event: CallEvent) -> None:
        second = self._second(event.started)
        second.calls += 1
        second.items += event.items
        second.repeats += event.attempt > 1
        if event.code is None:
            second.failed += 1
        else:
            number = number_of(event.seconds)
            second.latencies[number] = second.latencies.get(number, 0) + 1

    def _pause_until(self, now: float) -> None:
        """Write down the pause that there was until now, if there was one."""
        at, self._paused_since = max(self._paused_since, now - _ASLEEP), now
        pauses = self._path and any(whole_app or path == self._path for path, whole_app in self._pauses)
        while pauses and at < now:
            end = min(math.floor(at) + 1.0, now)
            self._second(at).paused += round((end - at) * _HUNDREDTHS)
            at = end
