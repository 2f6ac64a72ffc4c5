"""The one way of every command for a file of accounts: look, ask, send, write, sum up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from tim_async.bulk.files import AccountFile
from tim_async.bulk.job import Job
from tim_async.bulk.reading import InputError, Row
from tim_async.bulk.report import Tally, shown
from tim_async.bulk.writing import Record, make_writer
from tim_async.client import Client
from tim_async.errors import TIMError

from .asking import ask_first, check_somebody_is_there
from .outcomes import Outcomes
from .progress import Bars
from .proxies import proxy_of
from .stopping import CLOSE_SECONDS, Stop
from .telling import in_one_line, tell

if TYPE_CHECKING:
    from tim_async.service.endpoints import Endpoint

    from .arguments import Told
    from .options import Connection, Options

__all__ = ["Care", "connect", "run_file", "stream_of"]


class Care(NamedTuple):
    """What is done before a command that cannot be undone."""

    asks: bool
    """The person at the terminal is asked."""
    skips: bool
    """Broken records are left out; else a file that has some is refused."""


def run_file(
    endpoint: Endpoint[Any, Any],
    options: Options,
    *,
    told: Told,
    shared: Mapping[str, Any],
    care: Care | None = None,
) -> int:
    """Send a command for every row of a file, and write the outcomes.

    Args:
        endpoint: the command.
        options: what was asked for.
        told: what each account gets.
        shared: what all items of a call share, by the names of the row's options.
        care: what is done before, because it cannot be undone; None where it can.

    Returns:
        0: every row is `Ok`. 1: some are not. 129, 130, 143: a signal came; what is known is written.

    Raises:
        InputError: the input or an option cannot be used, or the outcomes cannot be written.
        TIMError: what made every further call pointless; what is known is written.
    """
    # What is wrong with the options is told before a long file is looked through.
    client = connect(options.connection)
    stream = stream_of(client, endpoint, shared)
    outcomes = Outcomes(options.to, options.source, force=options.force)
    if care is not None and care.asks:
        check_somebody_is_there(readable=options.source != "-")
    with ExitStack() as opened:
        # The first pass over ten million rows takes half a minute.
        with Console(stderr=True).status("looking through the file"):
            source = AccountFile(options.source, column=options.column, needs=told.needs, encoding=options.encoding)
            file = opened.enter_context(source)
        told.check_rows(has_arguments=file.look.has_arguments)
        _tell(file, options, care)
        _check_again(file)
        with outcomes.open() as sink:
            run = _Run(stream, options, file, outcomes=outcomes, sink=sink, item=told.item)
            return asyncio.run(run.run(client, endpoint.method))


def _tell(file: AccountFile, options: Options, care: Care | None) -> None:
    """Tell what was found, before anything is sent; and ask, or refuse, where it is for good."""
    look, name = file.look, shown(file.name)
    if care is not None and look.broken.count and not care.skips:
        raise InputError(
            f"{name} has broken records, {look.broken}, so nothing was sent; the first: {shown(look.broken.example)}; "
            "mend the file, or say --skip-broken to leave them out"
        )
    for note in look.notes():
        tell(f"{name}: {note}")
    if care is not None and care.asks:
        accounts = "1 account" if look.accounts == 1 else f"{look.accounts:,} accounts"
        skipped = f" (without {look.broken}, which cannot be read)" if look.broken.count else ""
        question = f"{name}: delete {accounts} of app {options.connection.sdk_app_id} for good?{skipped}"
        ask_first(question, readable=options.source != "-", otherwise="nothing was deleted")


def _check_again(file: AccountFile) -> None:
    """Somebody may have taken an hour to answer."""
    try:
        file.check()
    except InputError as exc:
        raise InputError(f"{exc}; nothing was sent") from None


def connect(connection: Connection, **more: Any) -> Client:
    """A client, not yet opened. A proxy that the environment names is told.

    Args:
        connection: whom to call.
        **more: what else `tim_async.Client` takes.

    Raises:
        InputError: an option is impossible.
    """
    proxy = proxy_of(connection)
    try:
        client = Client(
            sdk_app_id=connection.sdk_app_id,
            secret_key=connection.secret_key,
            identifier=connection.identifier,
            region=connection.region,
            base_url=connection.base_url,
            proxy=None if proxy is None else proxy.url,
            close_timeout=CLOSE_SECONDS,
            **more,
        )
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None
    if proxy is not None and proxy.variable:
        tell(f"tim-async: calls go through the proxy {proxy} ({proxy.variable})")
    return client


def stream_of(
    client: Client, endpoint: Endpoint[Any, Any], shared: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """The ``stream`` of the client's method for a row.

    Args:
        client: whose.
        endpoint: the row.
        shared: what all items of a call share: arguments of the group's ``of`` or ``select``, or of the method's
            ``of``, where there is such a thing, or else of ``stream``.

    Raises:
        InputError: something shared is impossible.
    """
    group, options = getattr(client, endpoint.group), dict(shared or {})
    try:
        if hasattr(group, "of"):
            group, options = group.of(**options), {}
        elif "tags" in options:
            group = group.select(*options.pop("tags"))
        operation = getattr(group, endpoint.method)
        if hasattr(operation, "of"):
            operation, options = operation.of(**options), {}
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None
    return partial(operation.stream, **options)


class _Run:
    """One file through one command."""

    def __init__(
        self,
        stream: Callable[..., Any],
        options: Options,
        file: AccountFile,
        *,
        outcomes: Outcomes,
        sink: IO[bytes],
        item: Callable[[Row], Any],
    ) -> None:
        self._stream = stream
        self._options = options
        self._file = file
        self._outcomes = outcomes
        self._sink = sink
        self._tally = Tally()
        self._writer = make_writer(sink, options.to_format, seen=sink.isatty())
        self._job = Job(file.rows(), item=item, settle=self._settle)
        console = Console(stderr=True)
        # On one and the same terminal the bar and the outcomes would overwrite each other.
        visible = console.is_terminal and not outcomes.is_at_a_terminal
        self._bars = Bars(console, shown=visible, tick=sink.flush)

    async def run(self, client: Client, title: str) -> int:
        stop = Stop()
        try:
            await self._send(client, stop, title)
        except TIMError as exc:
            tell(f"tim-async: {in_one_line(exc)}; {self._sum()}")
            return 2
        except InputError as exc:
            raise InputError(f"{exc}; {self._sum()}") from None
        except OSError as exc:
            self._outcomes.give_up()
            reason = f"the outcomes cannot be written to {self._outcomes}: {exc.strerror}"
            raise InputError(f"{reason}; {self._sum()}") from None
        if stop.signal is not None:
            tell(f"tim-async: interrupted; {self._sum()}")
            return 128 + stop.signal
        self._report()
        return 1 if self._tally.errors or self._job.unread else 0

    async def _send(self, client: Client, stop: Stop, title: str) -> None:
        stream = partial(self._stream, priority=self._options.priority)
        try:
            with self._bars:
                self._bar = self._bars.begin(title, self._file.count, self._tally)
                async with stop.watching(client, seconds=self._options.timeout):
                    await self._job.run(stream)
                self._bar.draw()
            if stop.signal is None:
                self._file.check()
        finally:
            self._sink.flush()

    def _settle(self, record: Record) -> None:
        self._writer.write(record)
        self._tally.add(record)
        self._bar.moved()

    def _sum(self) -> str:
        unread = f"; rows after line {self._job.last_row:,} were not read" if self._job.unread else ""
        return f"{self._tally}{unread}"

    def _report(self) -> None:
        tell(self._sum())
        for trouble in self._tally.troubles():
            tell(f"  {trouble}")
