"""Writes a journal while its run goes on: outcomes every 50 ms, promises before the calls that they are about."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import msgspec

from tim_async.outcomes import Ok, Outcome

from .ahead import Ahead
from .errors import JournalError
from .lock import Lock
from .patience import to_its_end
from .runs import AGAIN, ASSUMED, FINE, MAYBE, NOTHING, Endings, Runs, stretches
from .seconds import Second
from .store import Batch, Result, Store

__all__ = ["Recorder"]

_EVERY = 0.05  # seconds between two commits of outcomes; each costs two writes to the disk and waits for one
_encode = msgspec.json.Encoder().encode

Seconds: TypeAlias = Callable[[], Sequence[tuple[int, Second]]]


class Recorder:
    """Takes what happens to the rows of one run, in the order in which it happens, and makes it durable in that order.

    One thread writes; the loop never waits for the disk but in `promise`.

    Args:
        store: the journal, which nobody else uses until `close`.
        lock: is told how many commits there are.
        endings: of the journal.
        call: most rows of a call.
        exact: whether only the rows of a call are promised, because none may be sent twice.
        promised: from this place on nothing was promised before.
        total: rows in all; None where nobody knows.
    """

    def __init__(
        self,
        store: Store,
        lock: Lock,
        endings: Endings,
        *,
        call: int,
        exact: bool,
        promised: int,
        total: int | None,
    ) -> None:
        self._store = store
        self._lock = lock
        self._id: str = store.meta["id"]
        self._endings = endings
        self._ahead = Ahead(call)
        self._exact = exact
        self._promised = self._from = promised
        self._total = total
        self._seconds: Seconds = tuple
        self._unpromised: set[int] = set()
        self._runs = Runs()
        self._results: list[Result] = []
        self._waiting: deque[Batch] = deque()
        self._thread = ThreadPoolExecutor(1, "tim_async journal")
        self._timer: asyncio.TimerHandle | None = None
        self._last: asyncio.Future[None] | None = None
        self.asked = False
        """Whether a call was to be sent."""
        self.failure: Exception | None = None
        """Why it cannot be written any more."""
        self.had_nothing_to_do = False
        """Whether all rows were done when it started: then the start does not count."""

    def reopen(self, places: Sequence[int], *, again: bool) -> None:
        """These rows are to be sent, though they stand below what was promised before.

        Args:
            places: where they stand, in ascending order.
            again: they have an outcome, and it counts no more from the moment they are promised on.
        """
        if again:
            for first, count in stretches(list(places)):
                self._runs.add(AGAIN, first, count)
        else:
            self._unpromised.update(places)

    async def promise(self, places: Sequence[int]) -> None:
        """These rows may have been sent from now on: that is on the disk when this returns.

        Args:
            places: where the rows of one call stand.

        Raises:
            JournalError: it cannot be written, so they must not be sent.
        """
        self.asked = True
        if self.failure is None and self._promise(places):
            self._commit()
        # Also when nothing is new: what covers these rows may still be on its way to the disk.
        if (last := self._last) is not None:
            await asyncio.wait([last])
            self._written(last)  # looked at here, because a future is done before its callbacks have run
        if self.failure is not None:
            raise self.failure

    def _promise(self, places: Sequence[int]) -> bool:
        if self._exact:
            new = sorted(places)
        else:
            new = sorted(self._unpromised.intersection(places)) if self._unpromised else []
        for first, count in stretches(new):
            self._runs.add(MAYBE, first, count)
        self._unpromised.difference_update(new)
        self._ahead.sends(len(places))
        if (sent := max(places) + 1) > self._promised and not self._exact:
            end = sent + self._ahead.rows(asyncio.get_running_loop().time())
            # Of an input that grew meanwhile more rows are sent than there were.
            end = end if self._total is None else max(min(end, self._total), sent)
            self._runs.add(MAYBE, self._promised, end - self._promised)
            self._promised = end
            return True
        return bool(new)

    def withdraw(self, place: int) -> None:
        """The rows from a place on were not taken, so they were not sent, though some of them were promised.

        Args:
            place: of the first of them.
        """
        first = max(place, self._from)
        if first < self._promised and not self._exact:
            self._runs.add(NOTHING, first, self._promised - first)
            self._promised = first

    def note(self, place: int, outcome: Outcome[Any]) -> None:
        """A row has its outcome. It is on the disk soon.

        Where the journal cannot be written any more this is kept for the last try, in `close`; the next `promise` ends
        the run.
        """
        if isinstance(outcome, Ok):
            self._runs.add(ASSUMED if outcome.assumed else FINE, place)
            if outcome.value is not None:
                self._keep(place, _encode(outcome.value).decode())
        else:
            self._runs.add(self._endings.number_of(outcome), place)
        if self._timer is None:
            self.stir()

    def note_fine(self, first: int, count: int) -> None:
        """Rows side by side are `Ok`, and there is nothing more to say of them: as `note` for each of them in its turn.

        Args:
            first: where the first of them stands.
            count: how many they are.
        """
        self._runs.add(FINE, first, count)
        self.stir()

    def watch(self, seconds: Seconds) -> None:
        """Keep also what the calls did.

        Args:
            seconds: gives what they did since the last time. `stir` tells that there may be something.
        """
        self._seconds = seconds

    def stir(self) -> None:
        """There is something to write soon."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY, self._commit)

    def _keep(self, place: int, value: str) -> None:
        last = self._results[-1] if self._results else None
        if last is not None and last.value == value and last.first + last.rows == place:
            self._results[-1] = Result(last.first, last.rows + 1, value)
        else:
            self._results.append(Result(place, 1, value))

    def _commit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._gather()
        loop = asyncio.get_running_loop()
        self._last = loop.run_in_executor(self._thread, self._write)
        self._last.add_done_callback(self._written)

    def _gather(self) -> None:
        seconds = self._seconds()
        if self._runs or seconds:
            runs = self._runs.take() if self._runs else b""
            results, self._results = self._results, []
            self._waiting.append(Batch(time.time(), runs, self._endings.take_new(), results, seconds))

    def _write(self) -> None:
        """In the thread. What could not be written is tried again with what comes next."""
        batches = list(self._waiting)
        if batches:
            self._store.write(batches)
            for _ in batches:
                self._waiting.popleft()
            self._lock.tell(self._id, self._store.commits)

    def _written(self, done: asyncio.Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, Exception):
            self.failure = error

    async def close(self, how: str) -> None:
        """Write what is left, and how the run ended; then the journal is closed, and its lock is free.

        Args:
            how: in a few words.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._gather()
        loop = asyncio.get_running_loop()
        try:
            await to_its_end(loop.run_in_executor(self._thread, self._end, how))
        finally:
            self._thread.shutdown(wait=False)

    def _end(self, how: str) -> None:
        """In the thread."""
        whole = False
        try:
            self._write()
            if self.had_nothing_to_do:
                self._store.forget_start()
            else:
                self._store.end(how)
            whole = True
        except JournalError as exc:
            self.failure = exc
        finally:
            self._store.close()
            self._lock.release(whole=whole)
