"""Deletions in the background: a list and a journal for each, in one folder, which all processes share."""

import asyncio
import logging
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from tim_async import Client, bulk

log = logging.getLogger(__name__)

EVERY = 0.2  # seconds between two looks into a journal
BLOCK = 1 << 16  # bytes


class Standing(msgspec.Struct, frozen=True):
    """How a deletion stands, as its journal tells."""

    given: int
    counts: dict[str, int]
    """Outcomes by kind; what is missing to `given` has none yet."""
    over: bool
    """Whether every account has an outcome that is final."""


class Deletions:
    """Begins deletions and goes on with those that a stop or a crash left.

    Args:
        tim: the client; when it is closed, the deletions end, and their journals know where.
        folder: ``ID.jsonl`` holds the accounts, ``ID.job`` what became of them.
    """

    def __init__(self, tim: Client, folder: Path) -> None:
        self._tim = tim
        self._folder = folder
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, accounts: Sequence[str]) -> str:
        """Delete accounts; returns the id of the deletion once the list is kept."""
        name = uuid.uuid4().hex
        await asyncio.to_thread(self._keep, name, accounts)
        self._run(name)
        return name

    def _keep(self, name: str, accounts: Sequence[str]) -> None:
        part = self._folder / f"{name}.part"
        # Not the bare accounts: a file of which the first one is `{"account": "Mary"}` would be a list of Mary.
        lines = msgspec.json.Encoder().encode_lines({"account": account} for account in accounts)
        with part.open("wb") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / f"{name}.jsonl")

    async def go_on(self) -> None:
        """Run again whatever is in the folder; what is done already sends nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob("*.jsonl")):
            self._run(path.stem)

    def _run(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._delete(name), name=f"deletion {name}")

    async def _delete(self, name: str) -> None:
        try:
            with bulk.AccountFile(self._folder / f"{name}.jsonl") as accounts:
                await bulk.run(self._tim.accounts.delete, accounts, journal=self._journal(name), rested_ok=True)
        except bulk.JournalHeld:
            return  # another process has it
        except (bulk.JournalError, bulk.InputError):
            log.exception("deletion %s cannot go on", name)

    def _journal(self, name: str) -> Path:
        return self._folder / f"{name}.job"

    async def standing(self, name: str) -> Standing | None:
        """How a deletion stands; None if there is none of this name."""
        return await asyncio.to_thread(self._look, name)

    def _look(self, name: str) -> Standing | None:
        if not name.isalnum() or not (self._folder / f"{name}.jsonl").exists():
            return None
        if not self._journal(name).exists():
            with bulk.AccountFile(self._folder / f"{name}.jsonl") as accounts:
                return Standing(accounts.count, {}, over=not accounts.count)
        told = bulk.standing_of(self._journal(name))
        given = told.source["count"]
        return Standing(given, told.counts, over=told.done == given)

    async def watch(self, name: str) -> AsyncIterator[Standing]:
        """How a deletion stands, again whenever that changed, until it is over or the client is closed."""
        last = None
        while (standing := await self.standing(name)) is not None:
            if standing != last:
                yield standing
            if standing.over:
                return
            last = standing
            await asyncio.sleep(EVERY)

    async def outcomes(self, name: str) -> Iterator[bytes]:
        """What became of each account that has an outcome, as JSON lines."""
        return await asyncio.to_thread(self._export, name)

    def _export(self, name: str) -> Iterator[bytes]:
        file = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 - whoever reads it to its end drops it
        if self._journal(name).exists():
            with bulk.AccountFile(self._folder / f"{name}.jsonl") as accounts:
                bulk.export_outcomes(bulk.Known(self._journal(name)), accounts, file)
        file.seek(0)
        return iter(partial(file.read, BLOCK), b"")  # line by line, each would be a trip to a thread

    async def ended(self) -> None:
        """Wait until every deletion has written down where it stands; the client is closed by then."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
