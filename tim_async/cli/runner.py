"""The one way of every command for a file of accounts: look, ask, send, write, sum up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console

from tim_async.bulk.files import AccountFile
from tim_async.bulk.job import Job
from tim_async.bulk.reading import InputError, Row
from tim_async.bulk.report import Tally, shown, tell_repeats
from tim_async.bulk.writing import Record, make_writer
from tim_async.client import Client
from tim_async.errors import TIMError

from .asking import ask_first
from .progress import Bars
from .stopping import CLOSE_SECONDS, Stop
from .telling import give_up_stdout, in_one_line, tell

if TYPE_CHECKING:
    from tim_async.endpoints import Endpoint

    from .arguments import Told
    from .options import Connection, Options

__all__ = ["connect", "run_file", "stream_of"]


def run_file(
    endpoint: Endpoint[Any, Any],
    options: Options,
    *,
    told: Told,
    shared: Mapping[str, Any],
    ask: bool = False,
) -> int:
    """Send a command for every row of a file, and write the outcomes.

    Args:
        endpoint: the command.
        options: what was asked for.
        told: what each account gets.
        shared: what all items of a call share, by the names of the row's options.
        ask: whether to ask first, because it cannot be undone.

    Returns:
        0: every row is `Ok`. 1: some are not. 130, 143: a signal came; what is known is written.

    Raises:
        InputError: the input or an option cannot be used, or the outcomes cannot be written.
        TIMError: what made every further call pointless; what is known is written.
    """
    # A client that cannot be made is a mistake in the options: told before a long file is looked through.
    client = connect(options.connection)
    stream = stream_of(client, endpoint, shared)
    with ExitStack() as opened:
        # The first pass over ten million rows takes half a minute.
        with Console(stderr=True).status("looking through the file"):
            file = opened.enter_context(AccountFile(options.source, column=options.column, needs=told.needs))
        told.check_rows(has_arguments=file.has_arguments)
        if ask:
            app = options.connection.sdk_app_id
            question = f"{shown(file.name)}: delete {file.count:,} accounts of app {app} for good?"
            ask_first(question, readable=options.source != "-", otherwise="nothing was deleted")
        with _sink(options) as sink:
            return asyncio.run(_Run(stream, options, file, sink, told.item).run(client, endpoint.method))


def connect(connection: Connection, **more: Any) -> Client:
    """A client, not yet opened.

    Args:
        connection: whom to call.
        **more: what else `tim_async.Client` takes.

    Raises:
        InputError: an option is impossible.
    """
    try:
        return Client(
            sdk_app_id=connection.sdk_app_id,
            secret_key=connection.secret_key,
            identifier=connection.identifier,
            region=connection.region,
            base_url=connection.base_url,
            close_timeout=CLOSE_SECONDS,
            **more,
        )
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None


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


@contextmanager
def _sink(options: Options) -> Generator[IO[bytes], None, None]:
    """Where the outcomes go; opened before anything is sent."""
    if options.to is None:
        yield sys.stdout.buffer
        return
    path = Path(options.to)
    if path.exists() and options.source != "-" and path.samefile(options.source):
        raise InputError(f"--to {options.to} is the file that is read; give the outcomes another name")
    try:
        sink = path.open("wb")
    except OSError as exc:
        raise InputError(f"{options.to} cannot be written: {exc.strerror}") from None
    try:
        yield sink
    finally:
        # Whatever could be written has been flushed; a full disk has been told, and would raise here a second time.
        with suppress(OSError):
            sink.close()


class _Run:
    """One file through one command."""

    def __init__(
        self,
        stream: Callable[..., Any],
        options: Options,
        file: AccountFile,
        sink: IO[bytes],
        item: Callable[[Row], Any],
    ) -> None:
        self._stream = stream
        self._options = options
        self._file = file
        self._sink = sink
        self._tally = Tally()
        self._writer = make_writer(sink, options.to_format, seen=sink.isatty())
        self._job = Job(file.rows(), item=item, settle=self._settle)
        console = Console(stderr=True)
        # On one and the same terminal the bar and the outcomes would overwrite each other.
        shown = console.is_terminal and not (options.to is None and sys.stdout.isatty())
        self._bars = Bars(console, shown=shown, tick=sink.flush)

    async def run(self, client: Client, title: str) -> int:
        stop = Stop()
        try:
            await self._send(client, stop, title)
        except TIMError as exc:
            tell(f"tim-async: {in_one_line(exc)}; {self._sum()}")
            return 2
        except OSError as exc:
            if self._options.to is None:
                give_up_stdout()
            where = self._options.to or "standard output"
            raise InputError(f"the outcomes cannot be written to {where}: {exc.strerror}; {self._sum()}") from None
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
        for line in tell_repeats(self._file.repeats()):
            tell(f"  {line}")
