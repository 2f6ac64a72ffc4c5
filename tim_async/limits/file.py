"""The limiter shared by the processes of one host, without a server: the permits of all of them stand in one file.

Strategy: that of `permits.py`, with the pool in SQLite. A process takes a permit by writing it down, and when the call
is over it writes when the permit may be used again, which it knows from the answer. Each is one short transaction. A
process that dies leaves no lock behind, and what it had is free again when its lease is over. All processes of a host
have one monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tim_async.printable import sturdy

from .gates import Bucket
from .local import Command
from .permit_file import PATIENCE, PermitFile
from .permits import Permit, Permits, PermitStatistics

__all__ = ["FileLimiter"]

LOOK_AGAIN: Final = 0.25
"""Most seconds between two looks at the file while somebody waits: a call elsewhere may never have been sent."""


class FileLimiter:
    """The limits of all processes of one host that are given the same file.

        async with FileLimiter("/run/myapp/tim.limit") as limiter, Client(..., limiter=limiter) as tim:
            ...

    **What holds.** There are as many permits in the file as the service allows calls in a window, and each is used once
    in any window, by the evidence of `permits.py`: whoever comes, goes or is killed, also with the file in its
    hands. The permits of a process that was killed in the middle of calls are back after 15 s. A process that stands
    still with the file in its hands (SIGSTOP, a debugger) lets the others wait until it goes on or ends: they send
    nothing meanwhile, and a warning says so. The event loop is never kept waiting.

    **What does not.** Nothing is shared with other hosts, so the file must not be on a network share. A process that
    stands still for 15 s between its permit and its call makes that call beside those of others. If the file is removed
    or replaced while it is in use, the calls of those who used it fail; who comes then begins a new budget.

    A limiter belongs to the event loop that first uses it; several of one process may use one file. Whoever waits is
    served in turn in its process, the urgent first; between processes it is chance. SQLite keeps two more files beside
    the one that is named, so the directory must be writable.

    Args:
        path: of the file, which is made if there is none; its directory must exist.

    Raises:
        TypeError: *path* is no path.
        ValueError: *path* is empty.
        OSError: the file cannot be used: its directory is missing or not writable, or it is something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        name = os.fspath(path)
        if not name or "\0" in name:
            raise ValueError(f"path must be that of a file, not {name!r}")
        self._file = PermitFile(Path(name).absolute())
        self._file.check()
        self._gates: dict[tuple[int, str], _Gate] = {}
        self._running: dict[Permit, _Gate] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @sturdy
    def __repr__(self) -> str:
        return f"<FileLimiter of {self._file.path}{': closed' if self._closed else ''}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made: see `Limiter.acquire`.

        Args:
            command: the command and its limit; where processes disagree about the rate, each goes by its own.
            urgent: goes before those in this process that are not.
            full: makes no difference.

        Raises:
            ValueError: the rate of the command is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
            OSError: the file cannot be used any more.
        """
        gate = self._gate(command)
        permit = await gate.acquire(urgent=urgent)
        self._running[permit] = gate
        return permit

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over: see `Limiter.report`. A second report changes nothing."""
        gate = self._running.pop(permit, None)
        if gate is not None:
            gate.end(permit, refused=refused)

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Whoever went by *old* goes by *new* from now on, and so does all of this process: tell the others, too.

        Args:
            old: as it was given to `acquire`.
            new: the same command at another rate.
            last_word: makes no difference, as each process goes by its own rate.

        Raises:
            ValueError: the rate is not a positive number.
            RuntimeError: the limiter is closed, or belongs to another event loop.
        """
        self._gate(old).set_rate(new.rate)

    def forget(self, command: Command) -> None:
        """Nothing: what was said of a rate holds for as long as the limiter."""

    def slow(self, command: Command) -> None:
        """The limit of a command is near, says the service: this process takes a tenth less for some seconds."""
        self._gate(command).permits.slow(time.monotonic())

    def statistics(self, command: Command) -> PermitStatistics:
        """This process's permits of a command at this moment; to be called in the loop."""
        return self._gate(command).permits.statistics(time.monotonic())

    async def aclose(self) -> None:
        """Let go of the file, after the clients are closed: who still waits gets a `RuntimeError`."""
        self._closed = True
        for gate in self._gates.values():
            await gate.aclose()
        self._file.close()

    def _gate(self, command: Command) -> _Gate:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the limiter is closed")
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this limiter belongs to another event loop; make one limiter for each loop")
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate(command, self._file)
        else:
            gate.lower(command.rate)
        return gate


class _Gate:
    """One command in one process: who waits, and the one task that talks to the file while somebody does."""

    def __init__(self, command: Command, file: PermitFile) -> None:
        self.permits = Permits(command.rate)
        self._bucket = Bucket(command.rate)
        self._heard = {command.rate}
        self._key = f"{command.sdk_app_id}:{command.path}"
        self._file = file
        self._lines: tuple[deque[asyncio.Future[Permit]], ...] = deque(), deque()
        self._numbers: dict[Permit, int] = {}
        self._back: list[tuple[float, int]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def acquire(self, *, urgent: bool) -> Permit:
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._lines[not urgent].append(waiter)
        self._work()
        try:
            return await waiter
        except asyncio.CancelledError:
            waiter.cancel()
            if not waiter.cancelled() and waiter.exception() is None:  # it was given and not yet received
                self.end(waiter.result(), refused=False)
            raise

    def end(self, permit: Permit, *, refused: bool) -> None:
        now = time.monotonic()
        self.permits.end(permit, now, refused=refused)
        free_at = now if permit.written is None else self.permits.reusable_at(permit, now)
        self._back.append((free_at, self._numbers.pop(permit)))
        self._work()

    def lower(self, rate: float) -> None:
        """Makes `rate` the limit, unless it is lower already, or this was said before the last word."""
        if rate not in self._heard:
            self.set_rate(min(rate, self.permits.rate))
            self._heard.add(rate)

    def set_rate(self, rate: float) -> None:
        """Makes `rate` the limit, up or down."""
        self.permits.set_rate(rate, time.monotonic())
        self._bucket = Bucket(rate)
        self._heard.add(rate)
        self._changed.set()

    async def aclose(self) -> None:
        """Write down what is over, if that can be done at once; who still waits gets a `RuntimeError`."""
        self._fail(RuntimeError("the limiter is closed"))
        if self._task is not None:
            self._changed.set()
            await asyncio.wait([self._task], timeout=PATIENCE)
            self._task.cancel()
            await asyncio.wait([self._task])

    def _work(self) -> None:
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"tim_async file {self._key}")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        while waiter := self._first():
            waiter.set_exception(error)

    def _first(self) -> asyncio.Future[Permit] | None:
        for line in self._lines:
            while line and line[0].done():
                line.popleft()
            if line:
                return line[0]
        return None

    async def _run(self) -> None:
        while self._back or self._first():
            self._changed.clear()
            now = time.monotonic()
            tokens = 1 / self.permits.share(now)
            when = self._bucket.ready_at(now, tokens)
            most = self.permits.usable(now) if self._first() and when <= now else 0
            if self._back or most:
                number, free_at = await self._file.exchange(self._key, self._back, most, 1 / self.permits.rate)
                if number:
                    self._give(number, tokens)
                    continue
                when = max(when, free_at)
            if self._first() and not self._back:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), max(0.0, min(when - now, LOOK_AGAIN)))

    def _give(self, number: int, tokens: float) -> None:
        waiter, now = self._first(), time.monotonic()
        if waiter is None:  # gave up while the file was waited for
            self._back.append((now, number))
            return
        self._bucket.take(now, tokens)
        permit = self.permits.take(now)
        self._numbers[permit] = number
        waiter.set_result(permit)
