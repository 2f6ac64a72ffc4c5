"""The file of a journal: SQLite in WAL mode, ``synchronous = FULL``, so what is committed survives all but the disk."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from tim_async.bulk.durable import sync_folder
from tim_async.bulk.paths import from_json, to_json

from .errors import JournalBroken, JournalError, JournalFull
from .lock import Holder, holder_of
from .runs import ENDINGS, Ending, Endings, Run, States, runs_of
from .schema import APPLICATION, SCHEMA, VERSION, wrong_table
from .seconds import Second
from .tables import Batch, Commit, EndingRow, Result, SecondRow, Start, job_from, row_from

__all__ = ["Batch", "Result", "Start", "Store", "create"]

_MAGIC = b"SQLite format 3\0"
_CHECKPOINT = 100  # pages of the WAL, 400 KB, that are gathered before they go into the file

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode
_SECOND = msgspec.msgpack.Decoder(Second)
_JSON = msgspec.json.Decoder(msgspec.Raw)
_ADD_ENDING = "INSERT INTO endings VALUES (?, ?, ?, ?, ?, ?, ?)"


def create(path: Path, meta: dict[str, Any]) -> None:
    """Make a new journal. It appears under its name when it is whole.

    Args:
        path: where; nothing is there.
        meta: name -> what can be written as JSON.

    Raises:
        JournalError: it cannot be written.
    """
    new = path.with_name(path.name + ".new")
    values = [(name, to_json(value).decode()) for name, value in {"id": uuid4().hex, **meta}.items()]
    try:
        for left in (new, new.with_name(new.name + "-journal")):
            left.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(new, isolation_level=None)) as database:
            script = f"BEGIN;{SCHEMA}PRAGMA application_id = {APPLICATION};PRAGMA user_version = {VERSION};"
            database.executescript(script)
            database.executemany("INSERT INTO meta VALUES (?, ?)", values)
            database.executemany(_ADD_ENDING, [_row(*each) for each in ENDINGS.items()])
            database.execute("COMMIT")
            database.execute("PRAGMA journal_mode = WAL")
        new.rename(path)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error) as exc:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise JournalFull(f"the journal {path} cannot be written: {_words(exc)}") from None


def _row(number: int, ending: Ending) -> tuple[Any, ...]:
    return (number, *msgspec.structs.astuple(ending))


def _words(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


class Store:
    """A journal that is there already.

    Args:
        path: of the journal.
        writes: False only looks, also while a run writes, and leaves even what a killed run left as it is.

    Raises:
        JournalBroken: it is no journal, or a part of one, or of another version.
        JournalError: it cannot be read.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        self.path = path
        before = holder_of(path)
        had_wal = path.with_name(path.name + "-wal").exists()
        _check_head(path)
        mode = "rw" if writes else "ro" if had_wal else "ro&immutable=1"  # so that a look leaves nothing beside it
        with ExitStack() as opened:
            try:
                self._database = opened.enter_context(closing(_opened(path, mode)))
                self._check(before, had_wal=had_wal)
            except sqlite3.Error as exc:
                raise JournalBroken(f"{path} is damaged, or only a part of a journal: {exc}") from None
            opened.pop_all()

    def _check(self, before: Holder | None, *, had_wal: bool) -> None:
        path, get = self.path, self._get
        if get("PRAGMA application_id") != APPLICATION:
            raise JournalBroken(f"{path} is a database, but no journal of tim-async")
        if (version := get("PRAGMA user_version")) != VERSION:
            raise JournalBroken(f"{path} is a journal of version {version}, and this tim-async reads version {VERSION}")
        if (found := get("PRAGMA quick_check")) != "ok":
            raise JournalBroken(f"{path} is damaged, or only a part of a journal: {' '.join(found.split())}")
        with self._making_sense():
            if wrong := wrong_table(self._database):
                raise ValueError(f"the table {wrong} is not there, or has other columns")
        with self._making_sense("meta: "):
            self.meta = {name: from_json(str(value)) for name, value in self._database.execute("SELECT * FROM meta")}
            self.job = job_from(self.meta)
        self.commits: int = get("SELECT coalesce(max(number), 0) FROM log")
        told = before.commits if before is not None and before.journal == self.meta["id"] else None
        if told is not None and told > self.commits:
            raise JournalBroken(
                f"{path} is only a part of its journal, or an old copy: {_missing(path, told - self.commits)}"
            )
        starts = self.starts()
        if starts and starts[-1].ended is None and not had_wal and told is None:
            raise JournalBroken(f"{path} was not closed, and {_missing(path, 0)}")

    def _get(self, question: str) -> Any:
        return self._database.execute(question).fetchone()[0]

    def starts(self) -> list[Start]:
        """All starts of the run."""
        return list(self._rows(Start, "SELECT * FROM starts ORDER BY number"))

    def last_commit(self) -> float | None:
        """The wall time of the last commit; None if there is none."""
        found = list(self._rows(Commit, "SELECT at, runs FROM log ORDER BY number DESC LIMIT 1"))
        return found[0].at if found else None

    @contextmanager
    def still(self) -> Generator[None, None, None]:
        """All that is read inside of the block is of one moment, whoever writes meanwhile."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("ROLLBACK")

    def load(self) -> tuple[Endings, States]:
        """All that is known of the rows.

        Raises:
            JournalBroken: the log makes no sense.
        """
        states = self.nothing_yet()
        for _ in self.replay(states):
            pass
        return states.endings, states

    def nothing_yet(self) -> States:
        """States for `replay`: they know all endings, and of no row what became of it."""
        endings, count = Endings(), self.meta["source"]["count"]
        for number, outcome, code, info, reason, final, assumed in self._rows(EndingRow, "SELECT * FROM endings"):
            endings.add(number, Ending(outcome, code, info, reason, bool(final), bool(assumed)))
        # An input that grew meanwhile may have more rows than were counted.
        return States(endings) if count is None else States(endings, most=2 * count + 1_000_000)

    def replay(self, states: States) -> Iterator[tuple[float, list[Run]]]:
        """Read the log into states of nothing yet, and give wall time and runs of each commit just before that.

        Raises:
            JournalBroken: the log makes no sense.
        """
        for at, data in self._rows(Commit, "SELECT at, runs FROM log ORDER BY number"):
            with self._making_sense():
                runs = runs_of(data)
            yield at, runs
            with self._making_sense():
                states.take(runs)

    def results(self) -> Iterator[Result]:
        """What reads gave, in the order of the rows.

        Raises:
            JournalBroken: it makes no sense.
        """
        for result in self._rows(Result, "SELECT * FROM results ORDER BY first"):
            with self._making_sense(f"result {result.first}: "):
                _JSON.decode(result.value)
            yield result

    def seconds(self) -> Iterator[tuple[int, Second]]:
        """What the calls did: (second of wall time since 1970, numbers), in order.

        Raises:
            JournalBroken: the numbers make no sense.
        """
        for at, numbers in self._rows(SecondRow, "SELECT * FROM seconds ORDER BY at"):
            with self._making_sense(f"second {at}: "):
                second = _SECOND.decode(numbers)
            yield at, second

    def _rows(self, kind: type[T], question: str) -> Iterator[T]:
        with self._making_sense():
            found = iter(self._database.execute(question))
        while True:
            with self._making_sense():
                row = next(found, None)
                if row is None:
                    return
                told = row_from(row, kind)
            yield told

    @contextmanager
    def _making_sense(self, where: str = "") -> Generator[None, None, None]:
        """Whoever edits a journal by hand is told in one line what is wrong with it."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError, RecursionError) as exc:
            raise JournalBroken(f"{self.path} is damaged: {where}{str(exc) or type(exc).__name__}") from None

    def begin(self, pid: int, host: str) -> None:
        """A run starts. From now on the journal says that it is open, in its one file too.

        Raises:
            JournalFull: it cannot be written.
        """
        last = self.last_commit()
        with self._transaction() as database:
            database.execute(
                "UPDATE starts SET ended = coalesce(?, began), how = 'killed, or the power went' WHERE ended IS NULL",
                (last,),
            )
            database.execute("INSERT INTO starts (began, pid, host) VALUES (?, ?, ?)", (time.time(), pid, host))
        self._settle_down()

    def write(self, batches: Sequence[Batch]) -> None:
        """Commit, durably.

        Raises:
            JournalFull: it cannot be written; nothing of it was.
        """
        with self._transaction() as database:
            for batch in batches:
                database.executemany(_ADD_ENDING, [_row(*each) for each in batch.endings])
                database.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", batch.results)
                if batch.runs:
                    database.execute("INSERT INTO log (at, runs) VALUES (?, ?)", (batch.at, batch.runs))
                for at, second in batch.seconds:
                    self._add_second(at, second)
        self.commits += sum(bool(batch.runs) for batch in batches)

    def _add_second(self, at: int, second: Second) -> None:
        """Beside what another start did in the same second."""
        before = self._database.execute("SELECT numbers FROM seconds WHERE at = ?", (at,)).fetchone()
        both = Second() if before is None else _SECOND.decode(before[0])  # `second` may have to be written again
        both.add(second)
        self._database.execute("INSERT OR REPLACE INTO seconds VALUES (?, ?)", (at, _encode(both)))

    def end(self, how: str) -> None:
        """The run is over.

        Raises:
            JournalFull: it cannot be written.
        """
        with self._transaction() as database:
            database.execute("UPDATE starts SET ended = ?, how = ? WHERE ended IS NULL", (time.time(), how))
        self._settle_down()

    def forget_start(self) -> None:
        """The run had nothing to do: what the journal tells of the last start that did something stays as it is.

        Raises:
            JournalFull: it cannot be written.
        """
        with self._transaction() as database:
            database.execute("DELETE FROM starts WHERE ended IS NULL")
        self._settle_down()

    def _settle_down(self) -> None:
        """Bring all that is in the WAL into the file."""
        with self._told():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database
            self._database.execute("COMMIT")

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - what SQLite cannot hold is told by other errors than its own
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise JournalFull(f"the journal {self.path} cannot be written: {exc}") from None

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _missing(path: Path, commits: int) -> str:
    wal = f"{path.name}-wal beside it"
    lost = f"{commits:,} commits are missing, which stand in {wal}" if commits else f"{wal} is missing"
    return f"{lost}; put it back, for without it nobody knows what was sent"


def _check_head(path: Path) -> None:
    """What SQLite would take for an empty database, or complain about in its own words."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as exc:
        raise JournalError(f"the journal {path} cannot be read: {exc.strerror}") from None
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise JournalBroken(f"{path} is no journal of tim-async, or only a part of one")


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    where = f"{path.absolute().as_uri()}?mode={mode}"
    database = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False)
    if mode == "rw":
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
    return database
