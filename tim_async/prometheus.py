"""Metrics for Prometheus: ``Client(hooks=[tim_async.prometheus.Metrics()])``.

Needs prometheus-client (``pip install 'tim-async[prometheus]'``). Where and how it is scraped is the application's
affair: ``prometheus_client.start_http_server(9100)``, or its ASGI application; several processes by its multiprocess
mode.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeVar

from .dispatch.events import (
    CallEvent,
    Event,
    LaneEvent,
    PauseBegun,
    PauseEnded,
    RedisBack,
    RedisLost,
    RepeatEvent,
    Watcher,
)

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError:
    raise ImportError("tim_async.prometheus needs prometheus-client: pip install 'tim-async[prometheus]'") from None

__all__ = ["Metrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


T = TypeVar("T")
Mode: TypeAlias = Literal["livemax", "livemin", "livesum"]
"""How processes that share a registry are put together."""


class _Children(dict[tuple[str, ...], T]):
    """The metrics of a family by the values of their labels: to look each up but once is most of their cost."""

    def __init__(self, family: Any) -> None:
        self._family = family

    def __missing__(self, labels: tuple[str, ...]) -> T:
        child: T = self._family.labels(*labels)
        self[labels] = child
        return child


class Metrics(Watcher):
    """What a client's calls take, how they end, and what becomes of their items.

    Make one for each registry, and give it to every client of the process.

    =================================  =========  =================================================================
    ``tim_call_seconds``               histogram  each call, by ``command`` and ``error`` (empty if all was well)
    ``tim_wait_seconds_total``         counter    seconds for which calls waited for their tokens, by ``command``
    ``tim_outcomes_total``             counter    items, by ``command`` and ``outcome``: see `CallEvent.kinds`
    ``tim_repeats_total``              counter    items to be sent again, by ``command`` and ``code``
    ``tim_pauses_total``               counter    pauses, by ``command``
    ``tim_paused``                     gauge      1 while a command pauses (2 if the whole app does, too)
    ``tim_waiting``                    gauge      items that could be sent now, by ``command`` and ``priority``
    ``tim_limit_share``                gauge      the part of the limit that is used now; less than 1 after a refusal
    ``tim_redis_lost``                 gauge      1 while the shared limit is out of reach
    =================================  =========  =================================================================

    Args:
        registry: where they are registered; None for the default one.

    Raises:
        ValueError: the registry has such metrics already.
    """

    wants = (CallEvent, LaneEvent, RepeatEvent, PauseBegun, PauseEnded, RedisLost, RedisBack)

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        own: dict[str, Any] = {"registry": REGISTRY if registry is None else registry}

        def counter(name: str, what: str, *more: str) -> _Children[Counter]:
            return _Children(Counter(name, what, ["command", *more], **own))

        def gauge(name: str, what: str, mode: Mode, *more: str) -> _Children[Gauge]:
            return _Children(Gauge(name, what, ["command", *more], multiprocess_mode=mode, **own))

        self._seconds: _Children[Histogram] = _Children(
            Histogram("tim_call_seconds", "Of a call.", ["command", "error"], buckets=SECONDS, **own)
        )
        self._waited = counter("tim_wait_seconds", "For which calls waited for their tokens.")
        self._outcomes = counter("tim_outcomes", "What became of items by a call.", "outcome")
        self._repeats = counter("tim_repeats", "Items to be sent again.", "code")
        self._pauses = counter("tim_pauses", "Times in which nothing was sent.")
        self._paused = gauge("tim_paused", "Whether nothing is sent now.", "livemax")
        self._waiting = gauge("tim_waiting", "Items that could be sent now.", "livesum", "priority")
        self._share = gauge("tim_limit_share", "Part of the limit that is used.", "livemin")
        self._lost = Gauge(
            "tim_redis_lost", "Whether the shared limit is out of reach.", multiprocess_mode="livemax", **own
        )

    def __call__(self, event: Event, /) -> None:
        """Count what happened."""
        match event:
            case CallEvent(path=path):
                self._seconds[path, event.error_type].observe(event.seconds)
                self._waited[path,].inc(event.seconds_waited)
                for kind, count in event.kinds.items():
                    self._outcomes[path, kind].inc(count)
            case LaneEvent(path=path, statistics=statistics):
                for priority, count in statistics.waiting.items():
                    self._waiting[path, priority].set(count)
                self._share[path,].set(statistics.share)
            case RepeatEvent(path=path, code=code):
                self._repeats[path, "" if code is None else str(code)].inc(len(event.accounts))
            case PauseBegun(path=path):
                self._pauses[path,].inc()
                self._paused[path,].inc()
            case PauseEnded(path=path):
                self._paused[path,].dec()
            case RedisLost() | RedisBack():
                self._lost.set(isinstance(event, RedisLost))
            case _:
                pass
