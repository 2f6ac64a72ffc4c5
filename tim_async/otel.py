"""Spans and metrics for OpenTelemetry: ``Client(hooks=[tim_async.otel.Tracing(), tim_async.otel.Metrics()])``.

Names of HTTP client spans and metrics as in https://opentelemetry.io/docs/specs/semconv/http/; what only this library
has begins with ``tim``. Nothing holds a query, so neither the usersig nor the administrator account is shown. Only
opentelemetry-api is needed (``pip install 'tim-async[otel]'``); the application brings an SDK, and without one all of
this does nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from . import __version__
from .dispatch.events import CallBegun, CallEvent, Event, LaneEvent, PauseBegun, RepeatEvent, Watcher
from .transport.redacting import redact_url

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
except ImportError:
    raise ImportError("tim_async.otel needs opentelemetry-api: pip install 'tim-async[otel]'") from None

__all__ = ["Metrics", "Tracing", "redact_url"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The buckets that the conventions name for durations."""
Book: TypeAlias = defaultdict[tuple[str, ...], float]
STATUS_OF_THE_SERVICE = 200
"""Its answers have this HTTP status, whatever they say."""


class _Open(NamedTuple):
    """A span that has not ended, and what makes it current no more."""

    span: Span
    token: Token[context.Context]


_OPEN: ContextVar[dict[Tracing, _Open]] = ContextVar("tim_async.otel")
"""Set in the context of a call: tracer -> its span."""


class Tracing(Watcher):
    """A span for each call, with a link to each span in which somebody asked for one of its items.

    Links and no parent, because a call may carry the items of many. While the call is made its span is current, so what
    an instrumentation of aiohttp records stands below it.

    Args:
        tracer_provider: whose spans they are; None for the global one.
    """

    wants = (CallBegun, CallEvent)

    def __init__(self, tracer_provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("tim_async", __version__, tracer_provider)

    def asker(self) -> SpanContext | None:
        """The current span, for whoever asks for an item."""
        current = trace.get_current_span().get_span_context()
        return current if current.is_valid else None

    def __call__(self, event: Event, /) -> None:
        """Begin and end the span of a call."""
        if isinstance(event, CallBegun):
            self._begin(event)
        elif isinstance(event, CallEvent):
            self._end(event)

    def _begin(self, call: CallBegun) -> None:
        askers = {asker.span_id: asker for asker in call.askers if isinstance(asker, SpanContext)}
        attributes = {
            **_addressed(call.server, call.path),
            "tim.items": call.items,
            "tim.priority": call.priority,
        }
        if call.attempt > 1:
            attributes["http.request.resend_count"] = call.attempt - 1
        span = self._tracer.start_span(
            f"POST /v4/{call.path}",
            context.Context(),
            SpanKind.CLIENT,
            attributes,
            [Link(asker) for asker in askers.values()],
            int(call.started * 1e9),
        )
        token = context.attach(trace.set_span_in_context(span))
        _OPEN.set(_OPEN.get({}) | {self: _Open(span, token)})

    def _end(self, call: CallEvent) -> None:
        begun = _OPEN.get({}).pop(self, None)
        if begun is None:
            return  # it was cut short before it began
        span, token = begun
        context.detach(token)
        if span.is_recording():
            span.set_attributes(
                _result(*_answered(call))
                | {f"tim.outcomes.{kind.lower()}": count for kind, count in call.kinds.items()}
            )
            if call.error_type:
                span.set_status(Status(StatusCode.ERROR, call.error))
        span.end()


class Metrics(Watcher):
    """The time that calls take, how long they wait, and what becomes of their items.

    ================================  =========  ===================================================================
    ``http.client.request.duration``  histogram  seconds of each call, as in the conventions
    ``tim.client.wait.time``          counter    seconds for which calls waited for their tokens, summed
    ``tim.client.outcomes``           counter    items, by ``tim.outcome``: see `tim_async.CallEvent.kinds`
    ``tim.client.repeats``            counter    items to be sent again, by ``tim.code``
    ``tim.client.pauses``             counter    pauses
    ``tim.client.waiting``            gauge      items that could be sent now, by ``tim.priority``
    ``tim.client.limit.share``        gauge      the part of the limit that is used now; less than 1 after a refusal
    ================================  =========  ===================================================================

    All but the first carry ``tim.command``, and are read when they are collected: only the first costs anything at each
    call.

    Args:
        meter_provider: whose metrics they are; None for the global one.
    """

    wants = (CallEvent, LaneEvent, RepeatEvent, PauseBegun)

    def __init__(self, meter_provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("tim_async", __version__, meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        count, gauge = meter.create_observable_counter, meter.create_observable_gauge
        self._waited = _book(count, "tim.client.wait.time", "s", "For which calls waited for their tokens.")
        self._outcomes = _book(count, "tim.client.outcomes", "{item}", "What became of items.", "tim.outcome")
        self._repeats = _book(count, "tim.client.repeats", "{item}", "Items to be sent again.", "tim.code")
        self._pauses = _book(count, "tim.client.pauses", "{pause}", "Times in which nothing was sent.")
        self._waiting = _book(gauge, "tim.client.waiting", "{item}", "Items that could be sent.", "tim.priority")
        self._share = _book(gauge, "tim.client.limit.share", "1", "Part of the limit that is used.")

    def __call__(self, event: Event, /) -> None:
        """Count what happened."""
        match event:
            case CallEvent(path=path):
                self._duration.record(event.seconds, _measured(event.server, path, *_answered(event)))
                self._waited[path,] += event.seconds_waited
                for kind, count in event.kinds.items():
                    self._outcomes[path, kind] += count
            case LaneEvent(path=path, statistics=statistics):
                self._waiting |= {(path, priority): count for priority, count in statistics.waiting.items()}
                self._share[path,] = statistics.share
            case RepeatEvent(path=path):
                self._repeats[path, "" if event.code is None else str(event.code)] += len(event.accounts)
            case PauseBegun(path=path):
                self._pauses[path,] += 1
            case _:
                pass


def _book(create: Callable[..., object], name: str, unit: str, what: str, *more: str) -> Book:
    """Numbers by the command and other attributes, which are read when they are collected."""
    book: Book = defaultdict(float)

    def read(_: CallbackOptions) -> list[Observation]:
        # By any thread: a list of a dict is made in one go.
        return [
            Observation(value, dict(zip(("tim.command", *more), key, strict=True))) for key, value in list(book.items())
        ]

    create(name, [read], unit, what)
    return book


@lru_cache(maxsize=1024)
def _measured(server: str, path: str, status: int | None, error_type: str) -> dict[str, str | int]:
    """Where a call went and how it ended, for a metric: the conventional attributes, which have few values."""
    return {**_to(server), "url.template": f"/v4/{path}", **_result(status, error_type)}


@lru_cache(maxsize=1024)
def _addressed(server: str, path: str) -> dict[str, str | int]:
    """The same for a span."""
    return {**_to(server), "url.full": f"{server}/v4/{path}", "url.path": f"/v4/{path}"}


def _to(server: str) -> dict[str, str | int]:
    parts = urlsplit(server)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return {"http.request.method": "POST", "server.address": parts.hostname or "", "server.port": port}


def _answered(call: CallEvent) -> tuple[int | None, str]:
    """The HTTP status of the answer, None if there was none; and what was wrong, empty if nothing was."""
    return call.status or (None if call.code is None else STATUS_OF_THE_SERVICE), call.error_type


def _result(status: int | None, error_type: str) -> dict[str, str | int]:
    """How a call ended, by the conventional names."""
    result: dict[str, str | int] = {"error.type": error_type} if error_type else {}
    if status is not None:
        result["http.response.status_code"] = status
    return result
