"""Telling the hooks, whatever they do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tim_async.limits.local import Shared

from .events import Hook, RedisBack, RedisLost, Watcher

__all__ = ["check_hooks", "listen", "tell"]

log = logging.getLogger("tim_async")


def check_hooks(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    """The hooks, if they can be called.

    Raises:
        TypeError: one of them is no function and no watcher, or is a class of which an instance was meant.
    """
    found = tuple(hooks)
    for hook in found:
        if isinstance(hook, type):
            raise TypeError(f"hooks takes instances, so {hook.__name__}() and not {hook.__name__}")
        if not callable(hook):
            raise TypeError(f"hooks must be functions or watchers, not {type(hook).__name__}")
    return found


def tell(hooks: Sequence[Hook], name: str, event: Any) -> None:
    """Tell some hooks of an event; what one of them raises is logged.

    Args:
        hooks: who is told.
        name: what the event is about, for the log.
        event: a `CallEvent`, or for watchers any `Event`.
    """
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            log.exception("%s: a hook raised", name)


def listen(limiter: object, hooks: Sequence[Hook]) -> Callable[[], None]:
    """Let the watchers among the hooks hear of a shared limit that is lost.

    Returns:
        What ends it.
    """
    watchers = [hook for hook in hooks if isinstance(hook, Watcher)]
    if not watchers or not isinstance(limiter, Shared):
        return lambda: None
    lost_at = time.monotonic()

    def hear(trouble: str | None) -> None:
        nonlocal lost_at
        if trouble is None:
            tell(watchers, "the shared limit", RedisBack(round(time.monotonic() - lost_at, 6)))
        else:
            lost_at = time.monotonic()
            tell(watchers, "the shared limit", RedisLost(trouble))

    return limiter.listen(hear)
