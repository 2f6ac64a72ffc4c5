"""Who works on a partition: a mark that its owner renews, and that keeps all others out.

``part.started`` stands beside the outcomes. Only its owner writes to it, again and again. A process that finds it
unchanged for as long as the lease lasts may create ``part.started-2``, and only one can, because it is created
exclusively. The owner renews by writing its own mark, then looking for the next one; the other process creates the next
mark, then looks again at the first. So one of them sees the other, whatever the moment. The clocks of two machines are
never compared.

A lease cannot hold back a call that is in flight already: its owner may have died right after it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from tim_async.bulk.journal.errors import JournalBroken, JournalError, JournalHeld
from tim_async.bulk.journal.opened import Job, check_same

from .store import Store

__all__ = ["Lease", "Mark", "check_mark", "take"]

_LOOKS = 8  # at the mark of another one, within the time of its lease
_RENEWALS = 4  # of one's own, in that time


class Mark(msgspec.Struct, frozen=True):
    """What stands in ``part.started``."""

    owner: str
    pid: int
    host: str
    since: str
    """Local time there."""
    lease: float
    """Seconds after which an unchanged mark is that of a dead one."""
    job: Job
    sent: bool
    """Whether this start, or one before it, may have sent something that counts."""
    renewed: int = 0
    ended: str = ""
    """How it ended; empty while it goes on, and for one that was killed."""
    failed: int = 0
    """How many rows failed when a guard ended it, or the one before it; 0 if none did."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class _Found(NamedTuple):
    number: int
    """Of the newest mark; 0 if there is none."""
    data: bytes
    mark: Mark | None


class Lease:
    """A partition that this process holds, as long as it renews its mark.

    Args:
        store: where it stands.
        name: of the mark.
        after: the name of the mark that the next owner would create.
        mark: what was written.
        taken: when that began, by the clock of the loop.
    """

    def __init__(self, store: Store, name: str, after: str, mark: Mark, taken: float) -> None:
        self.sent_before = mark.sent
        """Whether an earlier start may have sent something."""
        self.failed_before = mark.failed
        """How many rows had failed when a guard ended the earlier start; 0 if none did."""
        self._store = store
        self._name = name
        self._after = after
        self._mark = mark
        self._until = taken + _safe(mark.lease)
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._lost: JournalHeld | None = None

    async def keep(self) -> None:
        """Renew the mark until `end`, or until somebody else has the partition."""
        while self._lost is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._mark.lease / _RENEWALS):
                    await self._stop.wait()
                return
            with suppress(
                JournalError
            ):  # a store that is away for a moment: nothing is sent when the lease has run out
                await self._write()

    async def promise(self, _: Sequence[int]) -> None:
        """Make sure that the partition is still ours, and that it is known that we send; awaited before each call.

        Raises:
            JournalHeld: somebody else has it.
            JournalFull: the mark cannot be written.
        """
        if not self._is_good():
            await self._write(unless_good=True, sent=True)

    async def confirm(self) -> None:
        """Make sure that the partition is still ours.

        Raises:
            JournalHeld: somebody else has it.
            JournalFull: the mark cannot be written.
        """
        await self._write()

    async def end(self, how: str, *, sent: bool, failed: int = 0) -> None:
        """Let others have it at once.

        Args:
            how: this start ended.
            sent: whether it sent something that counts; where it surely did not, the next one need not know of it.
            failed: how many rows had failed when a guard ended it.
        """
        self._stop.set()
        with suppress(JournalError):  # then the next one has to wait for the end of the lease
            await self._write(ended=how, sent=self.sent_before or sent, failed=failed)

    def _is_good(self) -> bool:
        return self._lost is None and self._mark.sent and self._now() < self._until

    async def _write(self, *, unless_good: bool = False, **changes: Any) -> None:
        async with self._turn:
            if self._lost is not None:
                raise self._lost
            if unless_good and self._is_good():  # another call's turn did it
                return
            began = self._now()
            mark = msgspec.structs.replace(self._mark, renewed=self._mark.renewed + 1, **changes)
            await asyncio.to_thread(self._store.replace, self._name, msgspec.json.encode(mark))
            self._mark = mark
            if (other := await asyncio.to_thread(self._store.read, self._after)) is not None:
                self._lost = JournalHeld(
                    f"{self._name} was taken over by {_decoded(other, self._after) or 'another process'}"
                )
                raise self._lost
            self._until = began + _safe(mark.lease)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _safe(lease: float) -> float:
    """How long a mark is good for its owner: what was sent in the last moment has an answer before the lease ends."""
    return lease * 0.8


async def check_mark(store: Store, name: str, job: Job) -> None:
    """Make sure that a partition was begun as a part of the same job, if it was begun.

    Args:
        store: where it stands.
        name: of its first mark.
        job: what is to be done.

    Raises:
        JournalUnlike: it was begun as a part of another job.
        JournalError: the marks cannot be read.
    """
    found = await asyncio.to_thread(_newest, store, name)
    if found.mark is not None:
        check_same(Path(name), found.mark.job, job)


async def take(store: Store, name: str, job: Job, *, lease: float) -> Lease:
    """Take a partition, as soon as nobody else works on it.

    Args:
        store: where it stands.
        name: of its first mark.
        job: what is to be done.
        lease: how long its mark is good, in seconds.

    Raises:
        JournalHeld: another process works on it at this moment.
        JournalUnlike: it was begun as a part of another job.
        JournalError: the marks cannot be read or written.
    """
    found = await asyncio.to_thread(_newest, store, name)
    if found.mark is not None:
        check_same(Path(name), found.mark.job, job)
    if found.number and not (found.mark and found.mark.ended):
        found = await _outwait(store, name, found, lease)
    sent = bool(found.number and (found.mark is None or found.mark.sent))
    began = asyncio.get_running_loop().time()
    pid, host, since = os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S")
    failed = found.mark.failed if found.mark else 0
    mark = Mark(uuid4().hex, pid, host, since, lease, job, sent, failed=failed)
    mine, after = (_named(name, found.number + more) for more in (1, 2))
    data = msgspec.json.encode(mark)
    if not await asyncio.to_thread(store.create, mine, data):
        raise JournalHeld(f"{name} was begun by another process at this moment")
    if found.number and await asyncio.to_thread(store.read, _named(name, found.number)) != found.data:
        await asyncio.to_thread(
            store.replace, mine, msgspec.json.encode(msgspec.structs.replace(mark, ended="gave way"))
        )
        raise JournalHeld(f"{name} is held by {found.mark or 'another process'}, which was silent for long")
    if await asyncio.to_thread(store.read, mine) != data:  # where the store has no conditional put
        raise JournalHeld(f"{name} was begun by another process at this moment")
    return Lease(store, mine, after, mark, began)


async def _outwait(store: Store, name: str, found: _Found, lease: float) -> _Found:
    """Look at a mark until its lease has run out; a torn one says nothing of its lease."""
    seconds = found.mark.lease if found.mark else lease
    for _ in range(_LOOKS):
        await asyncio.sleep(seconds / _LOOKS)
        now = await asyncio.to_thread(_newest, store, name)
        if now.data != found.data or now.number != found.number:
            if now.mark is not None and now.mark.ended:
                return now
            raise JournalHeld(f"{name} is held by {now.mark or 'another process'}")
    return found


def _newest(store: Store, name: str) -> _Found:
    number, newest = 0, b""
    while (data := store.read(_named(name, number + 1))) is not None:
        number, newest = number + 1, data
    return _Found(number, newest, _decoded(newest, _named(name, number)))


def _decoded(data: bytes, name: str) -> Mark | None:
    """None for a mark that is not written to its end, as by one who was killed in the middle."""
    if not data:
        return None
    try:
        return msgspec.json.decode(data, type=Mark)
    except msgspec.ValidationError as exc:
        raise JournalBroken(f"{name} is not a mark of a partition: {exc}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _named(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
