"""The steps of the demonstration, and the table at its end."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from tim_async.bulk.api import run
from tim_async.bulk.files import AccountFile
from tim_async.bulk.reading import InputError, Row
from tim_async.bulk.report import KINDS, Progress, Tally, shown
from tim_async.client import Client
from tim_async.emulator import DEMO_KEY
from tim_async.errors import ClientClosed
from tim_async.service import endpoints
from tim_async.service.endpoints import Endpoint
from tim_async.service.keys import keyed

from .clients import connect, operation_of
from .options import Connection
from .progress import Bar, Bars
from .stopping import Stop
from .telling import tell

__all__ = ["demonstrate"]

_ATTRIBUTE = "city"
_SECONDS_LEAST = 2  # of a step whose rate is told: three calls in a moment say nothing of the limit


class Arrivals(msgspec.Struct):
    """The calls of one command, as the emulator saw them."""

    arrivals: list[tuple[float, bool]]
    """When each arrived, seconds; and whether it was refused for being over the limit."""

    @property
    def refused(self) -> int:
        """Calls over the limit."""
        return sum(refused for _, refused in self.arrivals)

    @property
    def rate(self) -> float | None:
        """Calls in a second, over the whole seconds of a step; None for a step that was too short to tell."""
        if not self.arrivals:
            return None
        first, last = self.arrivals[0][0], self.arrivals[-1][0]
        # Whole seconds, for a part of one may hold all the calls that a second allows. Two hundred calls, a hundred a
        # second, span one interval less than two seconds: so a little may be missing.
        seconds = int(last - first + 0.05)
        return sum(at < first + seconds for at, _ in self.arrivals) / seconds if seconds >= _SECONDS_LEAST else None


def _account(row: Row) -> str:
    return row.account


def _new(row: Row) -> tuple[str, None]:
    return row.account, None


def _city(row: Row) -> tuple[str, dict[str, str]]:
    return row.account, {_ATTRIBUTE: row.columns.get(_ATTRIBUTE, "somewhere")}


def _no_city(row: Row) -> tuple[str, tuple[str, ...]]:
    return row.account, (_ATTRIBUTE,)


class Step(NamedTuple):
    """One command for all accounts."""

    title: str
    endpoint: Endpoint[Any, Any]
    item: Callable[[Row], Any]


STEPS = (
    Step("import", endpoints.ACCOUNTS_IMPORT_MANY, _new),
    Step("read tags", endpoints.PUSH_GET_TAGS, _account),
    Step("set city", endpoints.PUSH_SET_ATTRIBUTES, _city),
    Step("read city", endpoints.ALL_MEMBER_GET_ATTRIBUTES, _account),
    Step("remove city", endpoints.ALL_MEMBER_REMOVE_ATTRIBUTES, _no_city),
    Step("delete", endpoints.ACCOUNTS_DELETE, _account),
)


class Done(NamedTuple):
    """How a step went."""

    step: Step
    tally: Tally


async def demonstrate(file: AccountFile, *, latency: float, rate: float) -> int:
    """Run all steps.

    Args:
        file: the accounts.
        latency: service time of the emulator, seconds.
        rate: calls a second of each command.

    Returns:
        0: every row got exactly one outcome in every step, and no call was refused for being over the limit. 1: not so.
        130, 143: a signal came.

    Raises:
        InputError: the emulator does not start.
        TIMError: what made every further call pointless.
    """
    stop = Stop()
    async with _emulator(latency, rate) as url:
        tell(f"{file.count:,} rows of {shown(file.name)}, emulator at {url}")
        connection = Connection(1400000000, keyed(DEMO_KEY), "administrator", "china", url)
        limits = {step.endpoint.path: rate for step in STEPS}
        done = await _carry_out_all(connect(connection, limits=limits), file, stop)
        arrivals = await _arrivals(url)
    if stop.signal is not None:
        tell(f"tim-async: interrupted; {done[-1].step.title}: {done[-1].tally}")
        return 128 + stop.signal
    return _report(done, arrivals, file, rate)


async def _carry_out_all(client: Client, file: AccountFile, stop: Stop) -> list[Done]:
    console = Console(stderr=True)
    done: list[Done] = []
    # The table tells all of it once more.
    with Bars(console, shown=console.is_terminal, transient=True) as bars:
        async with stop.watching(client):
            for step in STEPS:
                await _carry_out(client, step, file, bars, done)
                if stop.signal is not None:
                    break
    return done


async def _carry_out(client: Client, step: Step, file: AccountFile, bars: Bars, done: list[Done]) -> None:
    begun: list[Bar] = []

    def moved(progress: Progress) -> None:
        if not begun:
            done.append(Done(step, progress.tally))
            begun.append(bars.begin(step.title, file.count, progress.tally))
        begun[0].moved()

    report = await run(operation_of(client, step.endpoint), file, item=step.item, on_progress=moved)
    begun[0].draw()
    if report.stopped_by is not None and not isinstance(report.stopped_by, ClientClosed):
        raise report.stopped_by


@asynccontextmanager
async def _emulator(latency: float, rate: float) -> AsyncGenerator[str]:
    """An emulator in a process of its own; its URL."""
    ours, theirs = socket.socketpair()
    # Away from our terminal: Ctrl-C is for us alone, who still need the emulator for the calls in flight.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tim_async", "emulator", "--until-eof"),
        *("--port", "0", "--latency", str(latency), "--rate", str(rate)),
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        start_new_session=True,
    )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        listening = (await reader.readline()).decode().strip()
        if not listening:
            raise InputError("the emulator did not start")
        yield listening.removeprefix("listening on ")
    finally:
        writer.close()
        await process.wait()


async def _arrivals(url: str) -> dict[str, Arrivals]:
    arrivals: dict[str, Arrivals] = {}
    async with aiohttp.ClientSession(url) as session:
        for step in STEPS:
            async with session.get("/emulator/arrivals", params={"path": step.endpoint.path}) as answer:
                arrivals[step.endpoint.path] = msgspec.json.decode(await answer.read(), type=Arrivals)
    return arrivals


def _report(done: list[Done], arrivals: dict[str, Arrivals], file: AccountFile, rate: float) -> int:
    console = Console(highlight=False, markup=False)
    console.print(_table(done, arrivals, rate))
    console.print()
    for trouble, titles in _troubles(done).items():
        console.print(f"{'in every step' if len(titles) == len(STEPS) else ', '.join(titles)}: {trouble}")
    for line in file.look.notes():
        console.print(line)
    refused = sum(each.refused for each in arrivals.values())
    complete = all(tally.done == file.count for _, tally in done)
    console.print("Every row got exactly one outcome in every step." if complete else "Some rows got no outcome.")
    console.print(f"Calls over the limit of {rate:g} a second: {refused:,}.")
    if all(each.rate is None for each in arrivals.values()):
        rows = f"{3 * rate * STEPS[0].endpoint.limit:,.0f}"
        console.print(f"How close the calls come to the limit shows with more rows: --accounts FILE, {rows} or more.")
    return 0 if complete and not refused else 1


def _troubles(done: list[Done]) -> dict[str, list[str]]:
    """What went wrong -> the steps in which it did: most of it is the file's, and comes again in every step."""
    troubles: dict[str, list[str]] = {}
    for step, tally in done:
        for trouble in tally.troubles():
            troubles.setdefault(str(trouble), []).append(step.title)
    return troubles


def _table(done: list[Done], arrivals: dict[str, Arrivals], rate: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("", "rows", "calls", "refused", "per s", "of limit", *KINDS):
        # Only "of limit" may be broken, or eighty columns are not enough for millions of rows.
        table.add_column(heading, justify="right" if heading else "left", no_wrap=heading != "of limit")
    group = "," if max(tally.done for _, tally in done) < 1_000_000 else ""  # or the table is wider than 80 columns
    for step, tally in done:
        came = arrivals[step.endpoint.path]
        table.add_row(
            step.title,
            f"{tally.done:{group}}",
            f"{len(came.arrivals):{group}}",
            f"{came.refused:{group}}",
            *(("-", "-") if came.rate is None else (f"{came.rate:.1f}", f"{came.rate / rate:.1%}")),
            *(f"{tally.counts[kind]:{group}}" for kind in KINDS),
        )
    return table
