"""Who asked for what: the callers whose items are in a call, where a watcher wants to know."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from .events import Hook, Watcher

if TYPE_CHECKING:
    from tim_async.lane.items import Chunk, Owner
    from tim_async.lane.owners import Waiter

__all__ = ["Askers"]

log = logging.getLogger("tim_async")

DONE_MOST = 1_000  # waiters that are remembered in vain, beside as many as still wait


class _Known:
    """What one watcher said of those who ask."""

    def __init__(self) -> None:
        self.by_owner: WeakKeyDictionary[Owner, object] = WeakKeyDictionary()
        # Weak references would cost more than all the rest: those who wait no more are looked for now and then.
        self.by_waiter: dict[Any, object] = {}
        self.sweep_at = DONE_MOST

    def sweep(self) -> None:
        """Forget those who wait no more."""
        self.by_waiter = {waiter: asker for waiter, asker in self.by_waiter.items() if not waiter.done()}
        self.sweep_at = DONE_MOST + 2 * len(self.by_waiter)


class Askers:
    """Who asked, by what their items hang on."""

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        self._known = {watcher: _Known() for watcher in watchers}

    @classmethod
    def wanted_by(cls, hooks: Iterable[Hook]) -> Self | None:
        """A memory for those of some hooks that want one; None if none of them does."""
        wanting = [hook for hook in hooks if isinstance(hook, Watcher) and type(hook).asker is not Watcher.asker]
        return cls(wanting) if wanting else None

    def remember_owner(self, owner: Owner) -> None:
        """Somebody brings an owner; in his own context."""
        for watcher, known in self._known.items():
            asker = _said(watcher)
            if asker is not None:
                known.by_owner[owner] = asker

    def remember(self, waiter: Waiter) -> None:
        """Somebody waits for a single request; in his own context."""
        for watcher, known in self._known.items():
            asker = _said(watcher)
            if asker is not None:
                known.by_waiter[waiter] = asker
                if len(known.by_waiter) > known.sweep_at:
                    known.sweep()

    def of(self, chunk: Chunk) -> dict[Hook, tuple[object, ...]]:
        """What each watcher said of those whose items are in a call."""
        owners = [owner for owner in chunk.owners if not owner.single]
        waiters: list[Any] = []
        if len(owners) < len(chunk.owners):
            for item in chunk.items:
                if item.joined is None:
                    waiters.append(item.place)  # of a batch a number, which is nobody's waiter
                else:
                    waiters += [place for owner, place in item.places if owner.single]
        return {
            watcher: tuple(
                asker
                for asker in (*map(known.by_owner.get, owners), *map(known.by_waiter.get, waiters))
                if asker is not None
            )
            for watcher, known in self._known.items()
        }


def _said(watcher: Watcher) -> object:
    try:
        return watcher.asker()
    except Exception:
        log.exception("a hook raised when it was asked who asks")
        return None
