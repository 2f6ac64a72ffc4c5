"""What it costs to watch: CPU of a call of 100, with nobody watching and with spans, metrics and Prometheus.

Usage: python benchmarks/watching.py [--rounds 15] [--calls 200]

Calls of 100 accounts, 16 in flight, limiter off, to a server in another process that answers at once; once as a batch,
whose calls are the cheapest that there are, and once as single requests, each in a span of its own, which travel
together. Rounds of all ways alternate, and who begins changes from round to round; what counts is the median of the CPU
time of this process. OpenTelemetry's own SDK keeps the spans and hands them to an exporter that drops them: what a real
one needs to send them is not the client's. Prints a table, writes results/watching.json and .png.
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
from typing import Any

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
from tim_async.emulator import DEMO_KEY

MOST = 0.15
"""What watching may add to the CPU of a call of 100."""
OFF, ALL = "nobody", "all of it"


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
    "a watcher that does nothing": lambda: [tim_async.Watcher()],
    "spans": lambda: [tracing()],
    "spans, one in a hundred kept": lambda: [tracing(0.01)],
    "metrics": lambda: [measured()],
    "Prometheus": lambda: [scraped()],
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


ASKS: dict[str, Callable[[tim_async.Client, list[str]], Awaitable[None]]] = {
    "a batch": batch,
    "single requests": singles,
}


async def cost(run: Callable[[], Awaitable[None]], calls: int) -> float:
    """Microseconds of CPU per call of one round."""
    gc.collect()
    cpu = time.process_time()
    await run()
    return (time.process_time() - cpu) / calls * 1e6


async def compare(
    url: str, ask: Callable[[tim_async.Client, list[str]], Awaitable[None]], options: Any
) -> dict[str, float]:
    """Rounds of all ways, in turns; the first of each only warms up. Name -> microseconds."""
    ids = [f"user-{place:09d}" for place in range(options.calls * CHUNK)]
    async with AsyncExitStack() as stack:
        runs: deque[tuple[str, Callable[[], Awaitable[None]]]] = deque()
        for name, hooks in WAYS.items():
            client = tim_async.Client(
                sdk_app_id=APP,
                secret_key=DEMO_KEY,
                base_url=url,
                limiter=None,
                max_in_flight=IN_FLIGHT,
                hooks=hooks(),
            )
            runs.append((name, partial(ask, await stack.enter_async_context(client), ids)))
        costs: dict[str, list[float]] = {name: [] for name, _ in runs}
        for _ in range(options.rounds + 1):
            for name, run in runs:
                costs[name].append(await cost(run, options.calls))
            runs.rotate(-1)
    return {name: round(median(of[1:]), 1) for name, of in costs.items()}


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """Both ways of asking."""
    found: dict[str, dict[str, float]] = {}
    targets: list[Target] = []
    print(f"{'CPU per call of 100 accounts':52} {'us':>7} {'added':>7}")
    with apart(serve_instantly) as url:
        for title, ask in ASKS.items():
            costs = found[title] = asyncio.run(compare(url, ask, options))
            for name, cpu in costs.items():
                print(f"{f'{title}, {name}':52} {cpu:7.0f} {cpu / costs[OFF] - 1:7.1%}", flush=True)
            added = round(costs[ALL] / costs[OFF] - 1, 3)
            targets.append(Target(f"CPU that watching adds to a call of 100 of {title}", added, MOST, "of it"))
    return {"cpu_us": found, "in_flight": IN_FLIGHT}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """Bars: a panel for each way of asking."""
    settings = found["settings"]

    def panels(axes: list[Any]) -> None:
        for axis, (title, costs) in zip(axes, found["cpu_us"].items(), strict=True):
            bars = axis.barh(list(costs), list(costs.values()), color=[GREY if name == OFF else BLUE for name in costs])
            labels = [f"{cpu:.0f} µs, {cpu / costs[OFF] - 1:+.0%}" for cpu in costs.values()]
            axis.bar_label(bars, labels, padding=3, fontsize=8)
            axis.axvline((1 + MOST) * costs[OFF], color=LIMIT, linestyle="--", linewidth=1.2)
            axis.set_xlim(0, 1.3 * max(costs.values()))
            axis.invert_yaxis()
            axis.set_title(title, fontsize=10, loc="left")
        axes[-1].set_xlabel(f"CPU, µs per call of 100 accounts (dashed: {MOST:.0%} more)")

    paint(
        path,
        "The price of watching",
        panels,
        rows=len(found["cpu_us"]),
        inches=(9.0, 6.0),
        note=f"limiter off, {found['in_flight']} in flight, server in another process; medians of "
        f"{settings['rounds']} rounds of {settings['calls']} calls, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("CPU per call of a client that is watched, against one that nobody watches")
    parser.add_argument("--rounds", type=int, default=15, help="of each")
    parser.add_argument("--calls", type=int, default=200, help="in a round")
    return tell("watching", parser.parse_args(), measure, draw)


if __name__ == "__main__":
    sys.exit(main())
