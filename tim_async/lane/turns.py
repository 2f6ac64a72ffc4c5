"""Whose turn it is: lines of ready items, by urgency, and the choice of the items of one chunk.

More urgent lines go first. One that was passed over nine times in a row goes next, so that bulk keeps a tenth of the
calls. Lines of one urgency take turns, chunk by chunk. A chunk that would leave with room takes along what else waits.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .items import FLYING, PRIORITIES, Bundle, Feed, Item, Line

__all__ = ["Taken", "Turns"]

PASSED_OVER_MOST = 9  # then it is its turn: a tenth of the calls
GHOSTS_MOST = 1_000
"""In a line, beside as many as it has items: during a long pause thousands come and go, and each holds its waiter."""
_LEVELS = range(len(PRIORITIES))


class Taken(NamedTuple):
    """What was chosen for one call."""

    items: list[Item]
    """Empty, if it is a bundle."""
    bundle: Bundle | None
    feeds: list[Feed]
    """Those that it came from."""
    line: Line
    """The one that had its turn."""


class Turns:
    """The ready items of a lane."""

    def __init__(self, open_bundle: Callable[[Bundle], object]) -> None:
        """Nothing is ready.

        Args:
            open_bundle: called with a bundle of which only some are needed; it has to call `unbundle`.
        """
        self._open_bundle = open_bundle
        self.ready = [0 for _ in _LEVELS]
        """How many items wait, by urgency."""
        self._lines: list[OrderedDict[Any, deque[Line]]] = [OrderedDict() for _ in _LEVELS]
        """Only items with equal options may share a chunk, so lines stand by their options."""
        self._apart: list[deque[Line]] = [deque() for _ in _LEVELS]
        self._passed_over = [0 for _ in _LEVELS]

    def __len__(self) -> int:
        return sum(self.ready)

    def put(self, item: Item, line: Line, *, first: bool = False) -> None:
        """Let an item wait in a line; *first* puts it before all that wait there."""
        item.line = line
        if first:
            line.items.appendleft(item)
        else:
            line.items.append(item)
        self._count(line, 1)

    def put_all(self, items: Sequence[Item], line: Line) -> None:
        """Let items wait in a line."""
        for item in items:
            item.line = line
        line.items.extend(items)
        self._count(line, len(items))

    def put_bundle(self, bundle: Bundle) -> None:
        """Let a new bundle wait with its feed."""
        line = bundle.feed
        line.bundles.append(bundle)
        line.bundled += bundle.size
        self._count(line, bundle.size)

    def unbundle(self, bundle: Bundle, items: Iterable[Item]) -> None:
        """Let the items of a bundle that waits wait one by one."""
        line = bundle.feed
        line.bundles.remove(bundle)
        line.bundled -= bundle.size
        line.items.extend(items)

    def _count(self, line: Line, more: int) -> None:
        line.ready += more
        self.ready[line.priority] += more
        if not line.listed:
            line.listed = True
            if line.trial is not None:
                # Newest first: one search comes to its end before the next one spreads out.
                self._apart[line.priority].appendleft(line)
            else:
                self._lines[line.priority].setdefault(line.options, deque()).append(line)

    def leave(self, item: Item, then: Line | None) -> None:
        """Take one waiting item out of its line; a ghost of it stays behind."""
        line = item.line
        if line is None or line.priority < 0:
            item.line = then
            return
        line.ready -= 1
        self.ready[line.priority] -= 1
        item.line = then
        if not self.ready[line.priority]:
            self._forget(line.priority)
        elif len(line.items) > GHOSTS_MOST + 2 * line.ready:
            line.drop_ghosts()

    def level(self) -> int | None:
        """The urgency whose turn it is, as far as can be told without taking it; None if nothing waits."""
        for level in _LEVELS:
            if self.ready[level] and self._passed_over[level] >= PASSED_OVER_MOST:
                return level
        for level in _LEVELS:
            if self.ready[level]:
                return level
        return None

    def take(self, most: int) -> Taken | None:
        """Choose the items of one chunk, at most *most*; None if nothing waits."""
        turn = self.level()
        if turn is None:
            return None
        for level in _LEVELS:
            self._passed_over[level] = self._passed_over[level] + 1 if self.ready[level] and level != turn else 0
        taken = self._take(turn, most)
        for level in _LEVELS:
            if not self.ready[level] and (self._lines[level] or self._apart[level]):
                self._forget(level)
        return taken

    def _take(self, turn: int, most: int) -> Taken:
        items: list[Item] = []
        feeds: dict[Feed, None] = {}
        line = self._first_apart(turn) if self._apart[turn] else None
        if line is not None:
            self._pop(line, line.ready, items, feeds)
            return Taken(items, None, list(feeds), line)
        line = self._first_line(turn)
        if line.bundled == line.ready:  # no loose item goes before
            bundle = line.bundles[0]
            if bundle.size == most or bundle.size == len(self) < most:  # a limit may have been lowered since
                self._pop_bundle(line)
                return Taken(items, bundle, [bundle.feed], line)
        self._fill(turn, line.options, most, items, feeds)
        if len(items) < most:
            for level in _LEVELS:
                self._fill(level, line.options, most, items, feeds)
        return Taken(items, None, list(feeds), line)

    def _pop_bundle(self, line: Line) -> None:
        bundle = line.bundles.popleft()
        bundle.line = FLYING
        line.bundled -= bundle.size
        line.ready -= bundle.size
        self.ready[line.priority] -= bundle.size
        self._had_its_turn(line)

    def _had_its_turn(self, line: Line) -> None:
        """The first line of its kind makes room for the next one."""
        groups = self._lines[line.priority]
        lines = groups[line.options]
        if line.ready:
            lines.rotate(-1)
        else:
            self._unlist(lines)
        if not lines:
            del groups[line.options]

    def _forget(self, level: int) -> None:
        """Nothing waits at this urgency: its lines hold only ghosts, which would keep whole finished batches alive."""
        groups = self._lines[level]
        for lines in (*groups.values(), self._apart[level]):
            while lines:
                self._unlist(lines)
        groups.clear()

    def _first_apart(self, level: int) -> Line | None:
        apart = self._apart[level]
        while apart:
            line = apart.popleft()
            line.listed = False
            if line.ready:
                return line
        return None

    def _first_line(self, level: int) -> Line:
        groups = self._lines[level]
        while True:
            options, lines = next(iter(groups.items()))
            while lines and not lines[0].ready:
                self._unlist(lines)
            if lines:
                groups.move_to_end(options)
                return lines[0]
            del groups[options]

    def _unlist(self, lines: deque[Line]) -> None:
        line = lines.popleft()
        line.listed = False
        line.clear()

    def _fill(self, level: int, options: Any, most: int, items: list[Item], feeds: dict[Feed, None]) -> None:
        while len(items) < most and (lines := self._lines[level].get(options)):
            line = lines[0]
            self._pop(line, most - len(items), items, feeds)
            self._had_its_turn(line)

    def _pop(self, line: Line, most: int, items: list[Item], feeds: dict[Feed, None]) -> None:
        while line.bundled and line.ready - line.bundled < most:
            self._open_bundle(line.bundles[0])
        waiting = line.items
        taken: list[Item] = []
        while len(taken) < most and waiting:
            item = waiting.popleft()
            if item.line is line:  # else a ghost
                item.line = FLYING
                taken.append(item)
        line.ready -= len(taken)
        self.ready[line.priority] -= len(taken)
        items += taken
        if not isinstance(line, Feed):
            feeds.update(dict.fromkeys(item.feed for item in taken))
        elif taken:
            feeds[line] = None
