"""Watchers that keep what they are told, and context variables that tell whose context something runs in."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

from tim_async import Event, Watcher

__all__ = ["WHO", "Askers", "Told"]

E = TypeVar("E")

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Told(Watcher):
    """Keeps every event, or only those of some kinds."""

    def __init__(self, *wants: type[Event]) -> None:
        self.events: list[Event] = []
        if wants:
            self.wants = wants

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Askers(Told):
    """Wants to know who asked."""

    def asker(self) -> object:
        return WHO.get()
