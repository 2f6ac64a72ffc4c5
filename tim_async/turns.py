"""Whose turn it is: lines of ready items, by urgency, and the choice of the items of one chunk.

More urgent lines go first. One that was passed over nine times in a row goes next, so that bulk keeps a tenth of the
calls. Lines of one urgency take turns, chunk by chunk. A chunk that would leave with room takes along what else waits.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

from .feeds import FLYING, PRIORITIES, Feed, Item, Line

__all__ = ["Turns"]

PASSED_OVER_MOST = 9  # then it is its turn: a tenth of the calls
_LEVELS = range(len(PRIORITIES))


class Turns:
    """The ready items of a lane."""

    def __init__(self) -> None:
        self.ready = [0 for _ in _LEVELS]
        """How many items wait, by urgency."""
        self._lines: list[OrderedDict[Any, deque[Line]]] = [OrderedDict() for _ in _LEVELS]
        """Only items with equal options may share a chunk, so lines stand by their options."""
        self._apart: list[deque[Line]] = [deque() for _ in _LEVELS]
        self._passed_over = [0 for _ in _LEVELS]

    def __len__(self) -> int:
        return sum(self.ready)

    def put(self, items: Iterable[Item], line: Line, *, first: bool = False) -> None:
        """Let items wait in a line; *first* puts them before all that wait there."""
        fresh = list(items)
        for item in fresh:
            item.line = line
        if first:
            line.items.extendleft(reversed(fresh))
        else:
            line.items.extend(fresh)
        self._count(line, len(fresh))

    def put_new(self, items: list[Item], line: Line) -> None:
        """The same for items that were made with this line."""
        line.items.extend(items)
        self._count(line, len(items))

    def _count(self, line: Line, more: int) -> None:
        line.ready += more
        self.ready[line.priority] += more
        if more and not line.listed:
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

    def level(self) -> int | None:
        """The urgency whose turn it is, as far as can be told without taking it; None if nothing waits."""
        for level in _LEVELS:
            if self.ready[level] and self._passed_over[level] >= PASSED_OVER_MOST:
                return level
        return next((level for level in _LEVELS if self.ready[level]), None)

    def take(self, most: int) -> tuple[list[Item], list[Feed], Line] | None:
        """Choose the items of one chunk.

        Returns:
            The items, at most *most*, the feeds that they came from, and the line that had its turn; or None.
        """
        turn = self.level()
        if turn is None:
            return None
        for level in _LEVELS:
            self._passed_over[level] = self._passed_over[level] + 1 if self.ready[level] and level != turn else 0
        items: list[Item] = []
        feeds: dict[Feed, None] = {}
        line = self._first_apart(turn)
        if line is not None:
            self._pop(line, line.ready, items, feeds)
        else:
            line = self._first_line(turn)
            self._fill(turn, line.options, most, items, feeds)
            if len(items) < most:
                for level in _LEVELS:
                    self._fill(level, line.options, most, items, feeds)
        for level in _LEVELS:
            if not self.ready[level]:
                self._forget(level)
        return items, list(feeds), line

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
        line.items.clear()  # ghosts only

    def _fill(self, level: int, options: Any, most: int, items: list[Item], feeds: dict[Feed, None]) -> None:
        lines = self._lines[level].get(options)
        if not lines:
            return
        while lines and len(items) < most:
            line = lines[0]
            self._pop(line, most - len(items), items, feeds)
            if line.ready:
                lines.rotate(-1)
            else:
                self._unlist(lines)
        if not lines:
            del self._lines[level][options]

    def _pop(self, line: Line, most: int, items: list[Item], feeds: dict[Feed, None]) -> None:
        waiting = line.items
        taken: list[Item] = []
        while len(taken) < most and waiting:
            popped = [waiting.popleft() for _ in range(min(most - len(taken), len(waiting)))]
            if line.ready - len(taken) < len(popped) + len(waiting):
                # There are ghosts; nearly always there are none, and nobody needs to look.
                popped = list(dict.fromkeys(item for item in popped if item.line is line))
            for item in popped:
                item.line = FLYING
            taken += popped
        line.ready -= len(taken)
        self.ready[line.priority] -= len(taken)
        items += taken
        if not isinstance(line, Feed):
            feeds.update(dict.fromkeys(item.feed for item in taken))
        elif taken:
            feeds[line] = None
