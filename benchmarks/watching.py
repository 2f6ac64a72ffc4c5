"""What it costs to watch: CPU of a call of 100, with nobody watching and with spans, metrics and Prometheus.

Usage: python benchmarks/watching.py [--rounds 15] [--calls 200]

Calls of 100 accounts, at most 16 in flight, to a server in another process that answers at once: a batch at the limit,
as calls are in earnest; single requests, each in a span of its own, that travel together; and a batch without a limit,
whose calls are the cheapest that there are. Rounds of all ways alternate, and who begins changes from round to round;
what counts is the CPU time of this process, held in each round against that of nobody watching. OpenTelemetry's own SDK
keeps the spans and hands them to an exporter that drops them: what a real one needs to send them is not the client's.
Prints a table, writes results/watching.json and .png.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from apart import apart
from bare import APP
from charts import BLUE, GREY, LIMIT, paint
from instant import serve_instantly
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span
from prometheus_client import CollectorRegistry
from report import Target, options_of, tell
from rivals import CHUNK, IN_FLIGHT

import tim_async
import tim_async.otel
import tim_async.prometheus
from tim_async.cli.eyes import Eyes
from tim_async.emulator import DEMO_KEY
from tim_async.limits.local import LocalLimiter

OFF, ALL = "nobody", "all of it"
EVERYTHING, METRICS, PROMETHEUS = "a watcher of everything", "metrics", "Prometheus"
MOST = {EVERYTHING: 0.1, PROMETHEUS: 0.1, METRICS: 0.15, ALL: 0.15}
"""What a way of watching may add to the CPU of a call of 100."""


class Nowhere(SpanExporter):
    """Drops what it gets."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends nothing."""
        return SpanExportResult.SUCCESS


def tracing(share: float = 1.0) -> tim_async.Hook:
    """Spans, of which a share is kept."""
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return tim_async.otel.Tracing(provider)


def measured() -> tim_async.Hook:
    """Metrics of OpenTelemetry."""
    return tim_async.otel.Metrics(MeterProvider([InMemoryMetricReader()]))


def scraped() -> tim_async.Hook:
    """Metrics of Prometheus."""
    return tim_async.prometheus.Metrics(CollectorRegistry())


WAYS: dict[str, Callable[[], list[tim_async.Hook]]] = {
    OFF: list,
    "a display": lambda: [Eyes(limit=100.0)],
    EVERYTHING: lambda: [tim_async.Watcher()],
    "spans": lambda: [tracing()],
    "spans, one in a hundred kept": lambda: [tracing(0.01)],
    METRICS: lambda: [measured()],
    PROMETHEUS: lambda: [scraped()],
    ALL: lambda: [tracing(), measured(), scraped()],
}


def asking(number: int) -> AbstractContextManager[Any]:
    """The span of somebody who asks, which costs as little as a span can."""
    return use_span(NonRecordingSpan(SpanContext(1, number + 1, is_remote=False)))


async def batch(client: tim_async.Client, ids: list[str]) -> None:
    """One list."""
    with asking(0):
        (await client.push.get_tags(ids)).raise_for_errors()


async def singles(client: tim_async.Client, ids: list[str]) -> None:
    """As many requests as there are accounts, all at once."""

    async def one(number: int, account: str) -> None:
        with asking(number):
            await client.push.get_tags.one(account)

    await asyncio.gather(*(one(number, account) for number, account in enumerate(ids)))


class Case(NamedTuple):
    """One way of asking."""

    ask: Callable[[tim_async.Client, list[str]], Awaitable[None]]
    limited: bool = False
    """At the limit of 100 calls a second, and not as fast as can be."""


CASES = {
    "a batch at the limit": Case(batch, limited=True),
    "single requests": Case(singles),
    "a batch without a limit": Case(batch),
}


async def cost(run: Callable[[], Awaitable[None]], calls: int) -> float:
    """Microseconds of CPU per call of one round."""
    gc.collect()
    cpu = time.process_time()
    await run()
    return (time.process_time() - cpu) / calls * 1e6


async def compare(url: str, case: Case, options: argparse.Namespace) -> dict[str, list[float]]:
    """Rounds of all ways, in turns; the first of each only warms up. Name -> microseconds of each round."""
    calls = options.calls // 2 if case.limited else options.calls  # a second
    ids = [f"user-{place:09d}" for place in range(calls * CHUNK)]
    async with AsyncExitStack() as stack:
        runs: deque[tuple[str, Callable[[], Awaitable[None]]]] = deque()
        for name, hooks in WAYS.items():
            if case.limited and name not in (OFF, ALL):
                continue
            client = tim_async.Client(
                sdk_app_id=APP,
                secret_key=DEMO_KEY,
                base_url=url,
                limiter=LocalLimiter() if case.limited else None,
                max_in_flight=IN_FLIGHT,
                hooks=hooks(),
            )
            runs.append((name, partial(case.ask, await stack.enter_async_context(client), ids)))
        costs: dict[str, list[float]] = {name: [] for name, _ in runs}
        for _ in range(options.rounds + 1):
            for name, run in runs:
                costs[name].append(await cost(run, calls))
            runs.rotate(-1)
    return {name: of[1:] for name, of in costs.items()}


def added(costs: list[float], off: list[float]) -> float:
    """What a way adds to nobody's: the median over the rounds, each beside its own."""
    return round(median(cpu / least - 1 for cpu, least in zip(costs, off, strict=True)), 3)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """All cases."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    targets: list[Target] = []
    print(f"{'CPU per call of 100 accounts':52} {'us':>7} {'added':>7}")
    with apart(serve_instantly) as url:
        for title, case in CASES.items():
            costs = asyncio.run(compare(url, case, options))
            found[title] = {
                name: {"cpu_us": round(median(of), 1), "added": added(of, costs[OFF])} for name, of in costs.items()
            }
            for name, way in found[title].items():
                print(f"{f'{title}, {name}':52} {way['cpu_us']:7.0f} {way['added']:7.1%}", flush=True)
            for name, most in MOST.items():
                if name in costs:
                    what = f"CPU that watching adds to a call of 100: {title}, {name}"
                    targets.append(Target(what, found[title][name]["added"], most, "of it"))
    return {"cases": found, "in_flight": IN_FLIGHT}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """Bars: a panel for each way of asking."""
    settings = found["settings"]

    def panels(axes: list[Any]) -> None:
        for axis, (title, ways) in zip(axes, found["cases"].items(), strict=True):
            figures = [way["cpu_us"] for way in ways.values()]
            bars = axis.barh(list(ways), figures, color=[GREY if name == OFF else BLUE for name in ways])
            labels = [f"{way['cpu_us']:.0f} µs, {way['added']:+.0%}" for way in ways.values()]
            axis.bar_label(bars, labels, padding=3, fontsize=8)
            axis.axvline((1 + MOST[ALL]) * ways[OFF]["cpu_us"], color=LIMIT, linestyle="--", linewidth=1.2)
            axis.set_xlim(0, 1.3 * max(figures))
            axis.invert_yaxis()
            axis.set_title(title, fontsize=10, loc="left")
        axes[-1].set_xlabel(f"CPU, µs per call of 100 accounts (dashed: {MOST[ALL]:.0%} more)")

    paint(
        path,
        "The price of watching",
        panels,
        rows=len(found["cases"]),
        inches=(9.0, 8.0),
        note=f"{found['in_flight']} in flight, server in another process; medians of "
        f"{settings['rounds']} rounds of {settings['calls']} calls, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("CPU per call of a client that is watched, against one that nobody watches")
    parser.add_argument("--rounds", type=int, default=15, help="of each")
    parser.add_argument("--calls", type=int, default=200, help="in a round")
    return tell("watching", parser.parse_args(), measure, draw)


if __name__ == "__main__":
    sys.exit(main())
