"""One start of a run: first what may have been sent before, then the rest; and what is told of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

from tim_async.errors import APIError, ClientClosed, TIMError
from tim_async.operations.command import Priority
from tim_async.outcomes import Ok, Outcome
from tim_async.service.endpoints import Endpoint

from .guards import First, TooManyFailures, is_failure
from .journal.opened import Opened
from .journal.order import Plan, plan
from .journal.recorder import Recorder
from .passes import accounts_of, known, numbered, rest, rows_at
from .report import WHOLE, Progress, Report
from .rows import InputError, Row
from .sending import Placed, Sending
from .source import Source
from .timeline import Timeline
from .writing import Record, record

__all__ = ["Operation", "Running", "Task"]

log = logging.getLogger("tim_async")

_EVERY = 0.1  # seconds between two tellings of the progress


@runtime_checkable
class Operation(Protocol):
    """An operation of a client, such as ``tim.accounts.delete`` or ``tim.push.send_to.of(...)``."""

    @property
    def endpoint(self) -> Endpoint[Any, Any]:
        """The row of the command."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """What all its items share, by the names of the row's ``options``."""
        ...

    @property
    def sdk_app_id(self) -> int:
        """The app of its client."""
        ...

    def stream(self, batch: Any, /, *, priority: Priority, maybe_sent: bool, before_send: Any) -> Any:
        """See `tim_async.operations`."""
        ...


class Task(NamedTuple):
    """What is to be done."""

    operation: Operation
    source: Source
    item: Callable[[Row], Any]
    """Makes of a row what the operation takes."""
    priority: Priority
    sink: Callable[[Record], object] | None
    on_progress: Callable[[Progress], object] | None
    first: int | None = None
    """Most rows that are sent beside those that may have been sent before; None for all."""
    max_failures: int | None = None
    """Most rows that may fail; None for any number."""
    maybe_sent: bool = False
    """Whether all of it may have been sent before; without a journal, which knows that of each row."""
    promise: Callable[[Sequence[int]], Awaitable[object]] | None = None
    """Awaited before each call, with the places of its rows; without a journal, which has a promise of its own."""
    timeline: Timeline | None = None
    """What watches the client, for the journal."""

    @property
    def ordered(self) -> bool:
        """Whether the order of two rows of one account makes a difference, and both may be sent again."""
        return self.operation.endpoint.writes and self.operation.endpoint.repeatable


class Running:
    """Runs a task once.

    Args:
        task: what is to be done.
        opened: the journal; None for none.
    """

    def __init__(self, task: Task, opened: Opened | None) -> None:
        self._task = task
        self._journal = None if opened is None else (opened, _recorder(task, opened))
        self._progress = Progress(task.source.count)
        self._tally = self._progress.tally
        self._next = 0.0
        self._sink, self._on_progress = task.sink, task.on_progress
        self._finals = 0
        self._taken = 0
        self._failed = 0
        self._held_back = False
        self._waiting: dict[int, str] = {}  # place -> what became of it earlier, for rows that are still to be sent

    async def go(self) -> Report:
        """Send what is to be sent.

        Returns:
            What became of it.

        Raises:
            JournalError: the journal cannot be read.
            TypeError: the items have not the form that the operation takes.
        """
        how = "cancelled, or failed"
        stopped_by: Exception | None = None
        try:
            try:
                self._tell(always=True)
                await self._send_all()
                self._look_for_a_deaf_timeline()
                self._tell(always=True)
                how, stopped_by = self._end(), self._guard()
            except (TIMError, InputError, OSError) as exc:
                how, stopped_by = _in_words(exc), exc
        finally:
            if self._journal is not None:
                if self._task.timeline is not None:
                    self._task.timeline.end()
                await self._journal[1].close(how)
        if stopped_by is None and self._journal is not None:
            stopped_by = self._journal[1].failure
        return self._report(stopped_by)

    def _look_for_a_deaf_timeline(self) -> None:
        timeline, journal = self._task.timeline, self._journal
        if timeline is not None and journal is not None and journal[1].asked and not timeline.heard:
            log.warning(
                "%s will tell nothing of calls: the timeline is none of the client's hooks", journal[0].store.path
            )

    def _end(self) -> str:
        if self._held_back:
            return f"the first {self._task.first:,} rows sent"
        return "stopped: no useful answer came" if self._progress.unread else WHOLE

    @property
    def _open(self) -> int | None:
        """Rows that a resume would send; None where nobody knows."""
        total = self._task.source.count
        return None if total is None else total - self._finals

    async def _send_all(self) -> None:
        if self._journal is None:
            await self._send_first(numbered(self._task.source.rows()))
        elif self._journal[0].is_new:
            await self._send_first(numbered(self._task.source.rows()), self._journal[1])
        else:
            await self._resume(*self._journal)
        self._task.source.check()

    async def _resume(self, opened: Opened, recorder: Recorder) -> None:
        source, states = self._task.source, opened.states
        accounts = partial(accounts_of, source) if self._task.ordered else None
        planned = await asyncio.to_thread(plan, states, accounts)
        await asyncio.to_thread(self._recall, opened, planned)
        if self._finals == source.count:
            self._progress.unread = False
            recorder.had_nothing_to_do = self._finals > 0  # a journal of no rows may have no other start
            return
        await asyncio.sleep(opened.pause)
        recorder.reopen(planned.again, again=True)
        recorder.reopen(planned.idle, again=False)
        if planned.first:
            await self._send(rows_at(source, planned.first), recorder, maybe_sent=True)
        await self._send_first(rest(source, states, planned.first), recorder)

    def _recall(self, opened: Opened, planned: Plan) -> None:
        """Count what earlier starts did, and will not be done once more."""
        states, endings, counts = opened.states, opened.endings.by_number, opened.states.counts()
        self._finals = sum(count for number, count in counts.items() if states.is_final(number)) - len(planned.again)
        for number, count in counts.items():
            if states.is_ok(number):
                self._tally.add_ok(count, assumed=endings[number].assumed)
        for place in planned.again:
            self._tally.add_ok(-1, assumed=endings[states[place]].assumed)
        failed = frozenset(number for number in counts if states.is_final(number) and not states.is_ok(number))
        for place, row in known(self._task.source, states) if failed else ():
            if (number := states[place]) in failed:
                one = endings[number]
                self._tally.add(Record(row.number, row.account, one.outcome, one.code, one.info, one.reason))
        for place in (*planned.first, *planned.idle):
            self._waiting[place] = endings[states[place]].outcome if states[place] in endings else ""

    async def _send_first(
        self, rows: Iterator[Placed] | AsyncIterator[Placed], recorder: Recorder | None = None
    ) -> None:
        if self._task.first is None:
            return await self._send(rows, recorder, maybe_sent=self._task.maybe_sent)
        first = First(self._task.first)
        await self._send(first.take(rows), recorder)
        if first.reached:
            self._held_back = self._progress.unread = self._open != 0
        return None

    async def _send(
        self,
        rows: Iterator[Placed] | AsyncIterator[Placed],
        recorder: Recorder | None = None,
        *,
        maybe_sent: bool = False,
    ) -> None:
        task = self._task
        pairs = task.operation.endpoint.prepare is not None
        fine = self._settle_fine if task.sink is None else None
        sending = Sending(rows, item=task.item, pairs=pairs, settle=self._settle, settle_fine=fine, lose=self._count)
        try:
            await sending.run(
                partial(task.operation.stream, priority=task.priority),
                maybe_sent=maybe_sent,
                promise=self._before_send(recorder),
            )
        finally:
            if recorder is not None and not maybe_sent:
                recorder.withdraw(sending.next_place)
            self._progress.last_row = max(self._progress.last_row, sending.last_row)
            self._progress.unread = sending.unread or (maybe_sent and recorder is not None)

    def _before_send(self, recorder: Recorder | None) -> Callable[[Sequence[int]], Awaitable[object]] | None:
        announce = self._task.promise if recorder is None else recorder.promise
        if self._task.max_failures is None:
            return announce

        async def promise(places: Sequence[int]) -> None:
            if (guard := self._guard()) is not None:
                raise guard
            if announce is not None:
                await announce(places)

        return promise

    def _guard(self) -> TooManyFailures | None:
        most = self._task.max_failures
        return None if most is None or self._failed <= most else TooManyFailures(self._failed, most)

    def _settle(self, place: int, row: Row, outcome: Outcome[Any]) -> None:
        if self._journal is not None:
            self._journal[1].note(place, outcome)
        self._finals += outcome.final
        if self._waiting:
            self._waiting.pop(place, None)
        self._count(place, row, outcome)

    def _settle_fine(self, first: int, count: int) -> None:
        if self._journal is not None:
            self._journal[1].note_fine(first, count)
        self._finals += count
        for place in range(first, first + count) if self._waiting else ():
            self._waiting.pop(place, None)
        self._taken += count
        self._tally.add_ok(count)
        self._tell()

    def _count(self, _place: int, row: Row, outcome: Outcome[Any]) -> None:
        self._taken += 1
        self._failed += is_failure(outcome)
        sink = self._sink
        if isinstance(outcome, Ok) and sink is None:
            self._tally.add_ok(assumed=outcome.assumed)
        else:
            told = record(row.number, outcome)
            self._tally.add(told)
            if sink is not None:
                self._sink = None  # what raises is not called again
                sink(told)
                self._sink = sink
        self._tell()

    def _tell(self, *, always: bool = False) -> None:
        on_progress = self._on_progress
        if on_progress is not None and (always or time.monotonic() >= self._next):
            self._next = time.monotonic() + _EVERY
            self._on_progress = None  # as above
            on_progress(self._progress)
            self._on_progress = on_progress

    def _report(self, stopped_by: Exception | None) -> Report:
        task, counts = self._task, dict(self._tally.counts)
        for outcome in filter(None, self._waiting.values()):
            counts[outcome] += 1
        endpoint = task.operation.endpoint
        return Report(
            command=f"{endpoint.group}.{endpoint.method}",
            source=task.source.name,
            total=task.source.count,
            counts=counts,
            assumed=self._tally.assumed,
            open=self._taken - self._finals if self._open is None else self._open,
            troubles=self._tally.troubles(),
            last_row=self._progress.last_row,
            unread=self._progress.unread,
            held_back=self._held_back,
            stopped_by=stopped_by,
            journal=None if self._journal is None else self._journal[0].store.path,
        )


def _recorder(task: Task, opened: Opened) -> Recorder:
    endpoint, timeline = task.operation.endpoint, task.timeline
    recorder = Recorder(
        opened.store,
        opened.lock,
        opened.endings,
        call=endpoint.limit,
        exact=not endpoint.repeatable,
        promised=opened.states.first_untold(),
        total=task.source.count,
    )
    if timeline is not None:
        recorder.watch(timeline.take)
        timeline.begin(endpoint.path, recorder.stir)
    return recorder


def _in_words(error: Exception) -> str:
    """How a start ended, in a few words that name nobody."""
    if isinstance(error, ClientClosed):
        return "stopped"
    if isinstance(error, TooManyFailures):
        return f"stopped by a guard: {error}"
    code = f" {error.code}" if isinstance(error, APIError) else ""
    return f"ended by {type(error).__name__}{code}"
