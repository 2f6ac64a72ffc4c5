"""Telling the hooks, whatever they do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tim_async.limits.local import Shared

from .events import CallEvent, Event, Hook, RedisBack, RedisLost, Watcher

__all__ = ["check_hooks", "listen", "tell", "who_wants"]

log = logging.getLogger("tim_async")


def check_hooks(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    """The hooks, if they can be called.

    Raises:
        TypeError: one of them is no function and no watcher, or is a class of which an instance was meant, or wants
            what is no kind of event.
    """
    found = tuple(hooks)
    for hook in found:
        if isinstance(hook, type):
            raise TypeError(f"hooks takes instances, so {hook.__name__}() and not {hook.__name__}")
        if not callable(hook):
            raise TypeError(f"hooks must be functions or watchers, not {type(hook).__name__}")
        if isinstance(hook, Watcher):
            _check_wants(hook)
    return found


def _check_wants(watcher: Watcher) -> None:
    wants: object = watcher.wants
    if not isinstance(wants, tuple) or not all(isinstance(kind, type) and issubclass(kind, Event) for kind in wants):
        raise TypeError(
            f"{type(watcher).__name__}.wants must be a tuple of kinds of events, such as (tim_async.CallEvent,), "
            f"not {wants!r}"
        )


def who_wants(kind: type[Event], hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    """Those of some hooks that are told of a kind of event; a function is told of calls that ended, and no more."""
    return tuple(hook for hook in hooks if issubclass(kind, hook.wants if isinstance(hook, Watcher) else CallEvent))


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
    told_lost, told_back = who_wants(RedisLost, hooks), who_wants(RedisBack, hooks)
    if not (told_lost or told_back) or not isinstance(limiter, Shared):
        return lambda: None
    lost_at = time.monotonic()

    def hear(trouble: str | None) -> None:
        nonlocal lost_at
        if trouble is None:
            tell(told_back, "the shared limit", RedisBack(round(time.monotonic() - lost_at, 6)))
        else:
            lost_at = time.monotonic()
            tell(told_lost, "the shared limit", RedisLost(trouble))

    return limiter.listen(hear)
