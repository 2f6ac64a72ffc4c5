"""Journals written by hand, commit by commit, with the same parts that a run uses: for what a run seldom leaves."""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tim_async import Outcome
from tim_async.bulk import AccountFile
from tim_async.bulk.journal.lock import Lock
from tim_async.bulk.journal.opened import Job
from tim_async.bulk.journal.runs import Endings, Runs
from tim_async.bulk.journal.seconds import Second
from tim_async.bulk.journal.store import Batch, Store, create

__all__ = ["Journal", "made_for"]

NO_SOURCE = {"name": "the items", "count": 10, "description": {}, "columns": [], "column": None}
MEMO = {
    "command": ["accounts", "delete"],
    "connection": {
        "sdk_app_id": 1400000000,
        "identifier": "administrator",
        "region": "singapore",
        "base_url": None,
    },
}


class Journal:
    """One of a deletion of ten items, unless it is told otherwise.

    Args:
        path: where.
        command: ``group.method``.
        source: what it says of its input.
        mark: size and digest of the input.
        memo: what its caller wanted to be kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: str = "accounts.delete",
        source: Mapping[str, Any] | None = None,
        mark: tuple[int | None, str | None] = (10, "of ten items"),
        memo: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self._endings = Endings()
        job = Job(command, 1400000000, {}, dict(settings or {}), *mark)
        meta = {"job": msgspec.to_builtins(job), "source": dict(source or NO_SOURCE), "memo": dict(memo or {})}
        create(path, meta)

    def start(
        self,
        *told: tuple[int | Outcome[Any], int, int],
        how: str | None = "all rows sent",
        seconds: Iterable[tuple[int, Second]] = (),
        host: str = "here",
    ) -> "Journal":
        """One start of the run.

        Args:
            *told: what it commits: state or outcome, first place, how many rows.
            how: it ended; None for one that was killed.
            seconds: what its calls did.
            host: the machine.
        """
        lock = Lock(self.path)
        with closing(Store(self.path, writes=True)) as store:
            store.begin(1, host)
            runs = Runs()
            for what, first, count in told:
                runs.add(what if isinstance(what, int) else self._endings.number_of(what), first, count)
            store.write([Batch(time.time(), runs.take() if told else b"", self._endings.take_new(), (), list(seconds))])
            lock.tell(store.meta["id"], store.commits)
            if how is not None:
                store.end(how)
        lock.release(whole=how is not None)
        return self


def made_for(file: Path, journal: Path, *, column: str | None = None, **said: Any) -> Journal:
    """A journal whose input is this file."""
    with AccountFile(file, column=column) as source:
        described = {
            "name": source.name,
            "count": source.count,
            "description": dict(source.description),
            "columns": list(source.columns),
            "column": source.column,
        }
        return Journal(journal, source=described, mark=source.fingerprint, **said)
