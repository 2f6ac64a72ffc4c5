"""Spans and metrics, as OpenTelemetry's own SDK has them."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from servers import Puppet, client_of, refuse, yes

from tim_async import Client, LaneSlowed, TIMError
from tim_async.emulator import Emulator, Faults
from tim_async.limits.local import Command
from tim_async.limits.permits import Permit
from tim_async.otel import Metrics, Tracing

TAGS = "timpush/get_tag"
ASKER = "asker"
UNTRACED = "nobody traces this"


class Traces:
    """A tracer, and what it would send."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")
        self.hook = Tracing(self.provider)

    def spans(self, kind: SpanKind = SpanKind.CLIENT) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind and span.name != "POST"]

    def linked(self) -> Counter[frozenset[str]]:
        """For each call the names of the spans to which it is linked."""
        names = {
            context.span_id: span.name
            for span in self.spans(SpanKind.INTERNAL)
            if (context := span.get_span_context()) is not None
        }
        return Counter(frozenset(names[link.context.span_id] for link in span.links) for span in self.spans())


@pytest.fixture
def traces() -> Iterator[Traces]:
    traces = Traces()
    yield traces
    traces.provider.shutdown()


async def asks(traces: Traces, tim: Client, *accounts: str) -> None:
    """Whoever asks for one account, or for several as a batch or a stream, in a span that is named after them."""
    with traces.tracer.start_as_current_span(" ".join(accounts)), suppress(TIMError):
        if len(accounts) == 1:
            await tim.push.get_tags.one(*accounts)
        elif len(accounts) == 2:
            await tim.push.get_tags(accounts)
        else:
            async with tim.push.get_tags.stream(accounts) as outcomes:
                assert len([outcome async for outcome in outcomes]) == len(accounts)


async def test_a_call_is_a_span_of_a_client_by_the_conventional_names(puppet: Puppet, traces: Traces) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[traces.hook]) as tim:
        await tim.push.get_tags(["Mary", "Tom"])
    (span,) = traces.spans()
    assert (span.name, span.parent, span.links, span.status.status_code) == (
        f"POST /v4/{TAGS}",
        None,
        (),
        StatusCode.UNSET,
    )
    address, port = puppet.url.removeprefix("http://").split(":")
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": address,
        "server.port": int(port),
        "url.full": f"{puppet.url}/v4/{TAGS}",
        "url.path": f"/v4/{TAGS}",
        "tim.items": 2,
        "tim.priority": "normal",
        "tim.outcomes.ok": 2,
    }


async def test_a_call_that_went_wrong_says_how_and_a_repeat_that_it_is_one(puppet: Puppet, traces: Traces) -> None:
    async with client_of(puppet, hooks=[traces.hook], attempts=3) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        (await puppet.call()).answer(refuse(91000))
        (await puppet.call()).answer(b"<html>", status=502)
        last = await puppet.call()
        last.answer(yes(last))
        await task
    names = ("error.type", "http.response.status_code", "http.request.resend_count")
    told = [[(span.attributes or {}).get(name) for name in names] for span in traces.spans()]
    assert told == [["91000", 200, None], ["BadStatus", 502, 1], [None, 200, 2]]
    assert [span.status.is_ok for span in traces.spans()] == [False, False, True]


async def test_a_hundred_requests_that_travel_together_are_linked_each_to_its_call(
    emulator: Emulator, traces: Traces
) -> None:
    users = [f"user{number}" for number in range(100)]
    emulator.accounts.add(*users, UNTRACED)
    async with client_of(emulator, hooks=[traces.hook], max_in_flight=2) as tim, asyncio.TaskGroup() as group:
        for place, user in enumerate(users):
            group.create_task(asks(traces, tim, user))
            if place % 30 == 0:
                await tim.push.get_tags.one(UNTRACED)  # so that there is more than one call
    seen = [frozenset(name for name, _ in call.items if name != UNTRACED) for call in emulator.books.calls]
    assert len(seen) > 1
    assert traces.linked() == Counter(seen)


async def test_links_are_exact_whatever_goes_wrong_and_however_it_is_asked(traces: Traces) -> None:
    chances: Any = {"busy": 0.1, "internal": 0.1, "reset_after": 0.1, "missing_accounts": 0.1, "not_json": 0.1}
    numbers = iter(range(10_000))
    askers = [[f"user{next(numbers)}" for _ in range(1 + place % 3)] for place in range(300)]
    async with (
        Emulator(seed=2, faults=Faults(chances, seed=2)) as emulator,
        client_of(emulator, hooks=[traces.hook], limiter=None, attempts=9) as tim,
        asyncio.TaskGroup() as group,
    ):
        for place, accounts in enumerate(askers):
            group.create_task(asks(traces, tim, *accounts))
            if place % 20 == 0:
                await asyncio.sleep(0)
    who = {account: " ".join(accounts) for accounts in askers for account in accounts}
    seen = [frozenset(who[name] for name, _ in call.items) for call in emulator.books.calls]
    assert len(seen) > 5
    assert traces.linked() == Counter(seen)


async def test_one_who_asks_for_many_is_linked_once(puppet: Puppet, traces: Traces) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[traces.hook]) as tim:
        with traces.tracer.start_as_current_span(ASKER):
            await asyncio.gather(tim.push.get_tags.one("Mary"), tim.push.get_tags.one("Tom"))
        await tim.push.get_tags.one(UNTRACED)
    assert [len(span.links) for span in traces.spans()] == [1, 0]


async def test_spans_of_an_instrumented_session_stand_below_the_call(puppet: Puppet, traces: Traces) -> None:
    """Without a limiter calls follow each other in one task: each is a root of its own all the same."""
    puppet.respond = yes
    config = create_trace_config(tracer_provider=traces.provider)
    async with (
        aiohttp.ClientSession(trace_configs=[config]) as session,
        client_of(puppet, hooks=[Traces().hook, traces.hook], limiter=None, session=session, max_in_flight=1) as tim,
    ):
        with traces.tracer.start_as_current_span(ASKER):
            await tim.push.get_tags([f"user{number}" for number in range(300)])
    calls = {context.span_id for span in traces.spans() if (context := span.get_span_context())}
    requests = [span for span in traces.exporter.get_finished_spans() if span.name == "POST"]
    assert all(span.parent is None for span in traces.spans())
    assert {span.parent.span_id for span in requests if span.parent is not None} == calls
    assert len(calls) == len(requests) == 3


async def test_the_span_of_a_call_that_is_cut_short_ends(puppet: Puppet, traces: Traces) -> None:
    async with client_of(puppet, hooks=[traces.hook], close_timeout=0) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        await puppet.call()
        await tim.aclose()
        await task
    (span,) = traces.spans()
    assert (span.attributes or {})["error.type"] == "RequestError"


async def test_without_a_provider_nothing_is_recorded_and_all_goes_on(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[Tracing(), Metrics()]) as tim:
        assert await tim.push.get_tags.one("Mary")
    assert not trace.get_current_span().is_recording()


class Cutting:
    """A limiter that ends a call before it has begun."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        asyncio.get_running_loop().call_soon(self.cut)
        return Permit(0.0)

    def cut(self) -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == f"tim_async {TAGS} call":
                task.cancel()

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """Nobody counts."""


async def test_a_call_that_is_cut_short_before_it_begins_has_no_span(puppet: Puppet, traces: Traces) -> None:
    async with client_of(puppet, hooks=[traces.hook], limiter=Cutting(), attempts=1) as tim:
        assert not (await tim.push.get_tags(["Mary"])).ok
    assert traces.spans() == []


def test_what_they_do_not_want_changes_nothing_where_somebody_hands_on_all_events(traces: Traces) -> None:
    reader = InMemoryMetricReader()
    for hook in (traces.hook, Metrics(MeterProvider([reader]))):
        hook(LaneSlowed("timpush/get_tag", 50.0, 100.0, "an alarm"))
    assert not traces.exporter.get_finished_spans()
    assert reader.get_metrics_data() is None


async def test_metrics_are_counted_by_the_conventional_names_and_our_own(puppet: Puppet) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    async with client_of(puppet, hooks=[Metrics(provider)]) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary", "Tom"]))
        (await puppet.call()).answer(refuse(60007))
        (await puppet.call()).reset()
        last = await puppet.call()
        last.answer(yes(last))
        await task
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    points: dict[str, list[Any]] = {
        name: [(point, dict(point.attributes or {})) for point in metric.data.data_points]
        for name, metric in metrics.items()
    }
    duration: Any = points.pop("http.client.request.duration")
    assert sorted((point.count, told["url.template"], told.get("error.type", "")) for point, told in duration) == [
        (1, f"/v4/{TAGS}", ""),
        (1, f"/v4/{TAGS}", "60007"),
        (1, f"/v4/{TAGS}", "RequestError"),
    ]
    assert metrics["http.client.request.duration"].unit == "s"
    assert all(told["server.address"] == "127.0.0.1" for _, told in duration)
    own: Any = {
        (name, *(value for key, value in told.items() if key != "tim.command")): point.value
        for name, found in points.items()
        for point, told in found
    }
    assert all(told["tim.command"] == TAGS for found in points.values() for _, told in found)
    assert own.pop(("tim.client.wait.time",)) >= 0
    assert 0 < own.pop(("tim.client.limit.share",)) <= 1
    gauges = {("tim.client.waiting", priority): 0 for priority in ("interactive", "normal", "bulk")}
    assert own == gauges | {
        ("tim.client.outcomes", "again"): 4,
        ("tim.client.outcomes", "Ok"): 2,
        ("tim.client.repeats", "60007"): 4,
        ("tim.client.pauses",): 1,
    }
    provider.shutdown()


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("module", "package"), [("otel", "opentelemetry"), ("prometheus", "prometheus_client")])
def test_without_its_package_one_line_says_what_to_install(module: str, package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import tim_async.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"pip install 'tim-async[{module}]'")
    assert "During handling" not in done.stderr
