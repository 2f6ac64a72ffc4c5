"""Whose turn it is: queues of ready items, by urgency, and the choice of the items of one chunk.

More urgent queues go first. One that was passed over nine times in a row goes next, so that bulk keeps a tenth of the
calls. Queues of one urgency take turns, chunk by chunk. A chunk that would leave with room takes along what else waits.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .items import IN_FLIGHT, PRIORITIES, Bundle, Item, Owner, Queue

__all__ = ["Schedule", "Taken"]

PASSED_OVER_MOST = 9  # then it is its turn: a tenth of the calls
STALE_MOST = 1_000
"""In a queue, beside as many as it has items: during a long pause thousands come and go, and each holds its waiter."""
_LEVELS = range(len(PRIORITIES))


class Taken(NamedTuple):
    """What was chosen for one call."""

    items: list[Item]
    """Empty, if it is a bundle."""
    bundle: Bundle | None
    owners: list[Owner]
    """Those that it came from."""
    queue: Queue
    """The one that had its turn."""


class Schedule:
    """The ready items of a lane."""

    def __init__(self, open_bundle: Callable[[Bundle], object]) -> None:
        """Nothing is ready.

        Args:
            open_bundle: called with a bundle of which only some are needed; it has to call `unbundle`.
        """
        self._open_bundle = open_bundle
        self.ready = [0 for _ in _LEVELS]
        """How many items wait, by urgency."""
        self._queues: list[OrderedDict[Any, deque[Queue]]] = [OrderedDict() for _ in _LEVELS]
        """Only items with equal options may share a chunk, so queues stand by their options."""
        self._apart: list[deque[Queue]] = [deque() for _ in _LEVELS]
        self._passed_over = [0 for _ in _LEVELS]

    def __len__(self) -> int:
        return sum(self.ready)

    def put(self, item: Item, queue: Queue, *, first: bool = False) -> None:
        """Let an item wait in a queue; *first* puts it before all that wait there."""
        item.queue = queue
        if first:
            queue.items.appendleft(item)
        else:
            queue.items.append(item)
        self._count(queue, 1)

    def put_all(self, items: Sequence[Item], queue: Queue) -> None:
        """Let items wait in a queue."""
        for item in items:
            item.queue = queue
        queue.items.extend(items)
        self._count(queue, len(items))

    def put_bundle(self, bundle: Bundle) -> None:
        """Let a new bundle wait with its owner."""
        queue = bundle.owner
        queue.bundles.append(bundle)
        queue.bundled += bundle.size
        self._count(queue, bundle.size)

    def unbundle(self, bundle: Bundle, items: Iterable[Item]) -> None:
        """Let the items of a bundle that waits wait one by one."""
        queue = bundle.owner
        queue.bundles.remove(bundle)
        queue.bundled -= bundle.size
        queue.items.extend(items)

    def _count(self, queue: Queue, more: int) -> None:
        queue.ready += more
        self.ready[queue.priority] += more
        if not queue.listed:
            queue.listed = True
            if queue.bisection is not None:
                # Newest first: one search comes to its end before the next one spreads out.
                self._apart[queue.priority].appendleft(queue)
            else:
                self._queues[queue.priority].setdefault(queue.options, deque()).append(queue)

    def leave(self, item: Item, then: Queue | None) -> None:
        """Take one waiting item out of its queue; a stale entry of it stays behind."""
        queue = item.queue
        if queue is None or queue.priority < 0:
            item.queue = then
            return
        queue.ready -= 1
        self.ready[queue.priority] -= 1
        item.queue = then
        if not self.ready[queue.priority]:
            self._forget(queue.priority)
        elif len(queue.items) > STALE_MOST + 2 * queue.ready:
            queue.drop_stale()

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
            if not self.ready[level] and (self._queues[level] or self._apart[level]):
                self._forget(level)
        return taken

    def _take(self, turn: int, most: int) -> Taken:
        items: list[Item] = []
        owners: dict[Owner, None] = {}
        queue = self._first_apart(turn) if self._apart[turn] else None
        if queue is not None:
            self._pop(queue, queue.ready, items, owners)
            return Taken(items, None, list(owners), queue)
        queue = self._first_queue(turn)
        if queue.bundled == queue.ready:  # no loose item goes before
            bundle = queue.bundles[0]
            if bundle.size == most or bundle.size == len(self) < most:  # a limit may have been lowered since
                self._pop_bundle(queue)
                return Taken(items, bundle, [bundle.owner], queue)
        self._fill(turn, queue.options, most, items, owners)
        if len(items) < most:
            for level in _LEVELS:
                self._fill(level, queue.options, most, items, owners)
        return Taken(items, None, list(owners), queue)

    def _pop_bundle(self, queue: Queue) -> None:
        bundle = queue.bundles.popleft()
        bundle.queue = IN_FLIGHT
        queue.bundled -= bundle.size
        queue.ready -= bundle.size
        self.ready[queue.priority] -= bundle.size
        self._had_its_turn(queue)

    def _had_its_turn(self, queue: Queue) -> None:
        """The first queue of its kind makes room for the next one."""
        groups = self._queues[queue.priority]
        queues = groups[queue.options]
        if queue.ready:
            queues.rotate(-1)
        else:
            self._unlist(queues)
        if not queues:
            del groups[queue.options]

    def _forget(self, level: int) -> None:
        """Nothing waits at this urgency: its queues hold only stale entries, which keep finished batches alive."""
        groups = self._queues[level]
        for queues in (*groups.values(), self._apart[level]):
            while queues:
                self._unlist(queues)
        groups.clear()

    def _first_apart(self, level: int) -> Queue | None:
        apart = self._apart[level]
        while apart:
            queue = apart.popleft()
            queue.listed = False
            if queue.ready:
                return queue
        return None

    def _first_queue(self, level: int) -> Queue:
        groups = self._queues[level]
        while True:
            options, queues = next(iter(groups.items()))
            while queues and not queues[0].ready:
                self._unlist(queues)
            if queues:
                groups.move_to_end(options)
                return queues[0]
            del groups[options]

    def _unlist(self, queues: deque[Queue]) -> None:
        queue = queues.popleft()
        queue.listed = False
        queue.clear()

    def _fill(self, level: int, options: Any, most: int, items: list[Item], owners: dict[Owner, None]) -> None:
        while len(items) < most and (queues := self._queues[level].get(options)):
            queue = queues[0]
            self._pop(queue, most - len(items), items, owners)
            self._had_its_turn(queue)

    def _pop(self, queue: Queue, most: int, items: list[Item], owners: dict[Owner, None]) -> None:
        while queue.bundled and queue.ready - queue.bundled < most:
            self._open_bundle(queue.bundles[0])
        waiting = queue.items
        taken: list[Item] = []
        while len(taken) < most and waiting:
            item = waiting.popleft()
            if item.queue is queue:  # else a stale entry
                item.queue = IN_FLIGHT
                taken.append(item)
        queue.ready -= len(taken)
        self.ready[queue.priority] -= len(taken)
        items += taken
        if not isinstance(queue, Owner):
            owners.update(dict.fromkeys(item.owner for item in taken))
        elif taken:
            owners[queue] = None
