"""A journal is written or it is told, it is closed whatever happens, and it is held by one process at a time."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tim_async import Client, NotSent, Outcome, Rejected, bulk
from tim_async.bulk.journal.lock import Holder, Lock, holder_of, is_held
from tim_async.bulk.journal.opened import Job, Opened, open_journal
from tim_async.bulk.journal.recorder import Recorder
from tim_async.bulk.journal.runs import MAYBE
from tim_async.bulk.journal.store import Batch
from tim_async.bulk.rows import Row
from tim_async.bulk.source import Fingerprint
from tim_async.bulk.standing import Known
from tim_async.emulator import DEMO_KEY
from tim_async.testing import FakeClient

JOB = Job("push.send_to", 1400000000, {}, {}, 2, "digest")
SOURCE = {"name": "x", "count": 2, "description": {}, "columns": [], "column": None}


def opened(path: Path) -> Opened:
    return open_journal(path, JOB, {"source": SOURCE, "memo": {}}, window=1.0, rested_ok=True, deletes=False)


def recorder(path: Path) -> Recorder:
    journal = opened(path)
    return Recorder(journal.store, journal.lock, journal.endings, call=1, exact=True, promised=0, total=2)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Rejected(0, "a", 2**70, "as it said"), ("Rejected", None, "as it said", "")),
        (Rejected(0, "a", -(2**63), "", "what"), ("Rejected", None, "", "what")),
        (Rejected(0, "a", 2**63 - 1), ("Rejected", 2**63 - 1, "", "")),
        (NotSent(0, "a", 70402, "", "no \ud800 user", final=True), ("NotSent", 70402, "", "no ? user")),
        (Rejected(0, "a", 40003, "\udfff\0"), ("Rejected", 40003, "?\0", "")),
    ],
)
async def test_whatever_a_service_says_can_be_written(tmp_path: Path, outcome: Outcome[Any], kept: Any) -> None:
    recording = recorder(tmp_path / "it.job")
    await recording.promise([0])
    recording.note(0, outcome)
    await recording.promise([1])
    await recording.close("done")
    assert recording.failure is None
    standing = bulk.standing_of(tmp_path / "it.job")
    assert [(told.outcome, told.code, told.info, told.reason) for told, _ in standing.endings] == [kept]
    assert standing.maybe == 1


def test_what_the_database_cannot_hold_is_told_as_any_other_failure_and_does_not_bar_the_next_write(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path / "it.job")
    with pytest.raises(bulk.JournalFull, match="cannot be written"):
        journal.store.write([Batch(2**70, b"\x90")])  # the time does not fit
    journal.store.write([Batch(1.0, b"\x90")])
    journal.close("done")


@contextmanager
def written_by_another(path: Path) -> Generator[None, None, None]:
    """Whoever writes too has to wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


async def test_a_journal_is_closed_and_free_however_often_the_run_is_cancelled_meanwhile(tmp_path: Path) -> None:
    recording = recorder(tmp_path / "it.job")
    with written_by_another(tmp_path / "it.job"):
        ending = asyncio.ensure_future(recording.close("cancelled"))
        for _ in range(5):
            await asyncio.sleep(0)
            ending.cancel()
        assert is_held(tmp_path / "it.job")
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert not is_held(tmp_path / "it.job")
    assert [start.how for start in bulk.standing_of(tmp_path / "it.job").starts] == ["cancelled"]


def test_whoever_only_looks_keeps_nobody_out(tmp_path: Path) -> None:
    path, over = tmp_path / "it.job", threading.Event()
    Lock(path).release(whole=True)

    def look() -> None:
        while not over.is_set():
            is_held(path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            lock = Lock(path)  # raises JournalHeld if a look counts as holding
            assert is_held(path)
            lock.release(whole=True)
    finally:
        over.set()
        looking.join()
    assert not is_held(path)


def test_whoever_comes_second_is_told_the_first_at_once_and_not_one_that_died_before(tmp_path: Path) -> None:
    path, dead = tmp_path / "it.job", Holder(1, "elsewhere", "long ago", "its id", 7)
    (tmp_path / "it.job.lock").write_bytes(msgspec.json.encode(dead))
    first = Lock(path)
    with pytest.raises(bulk.JournalHeld, match=f"is held by process {os.getpid()} on "):
        Lock(path)
    known = holder_of(path)
    assert known is not None
    # What it had is still known: a journal that has less than that is only a part of it.
    assert (first.before, known.journal, known.commits) == (dead, "its id", 7)
    first.release(whole=False)


async def cancelled_while_it_is_opened(journal: Path) -> None:
    go_on, loop = threading.Event(), asyncio.get_running_loop()
    async with Client(sdk_app_id=1400000000, secret_key=DEMO_KEY, base_url="http://127.0.0.1:9") as tim:
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, go_on.wait)
        running = asyncio.ensure_future(bulk.run(tim.accounts.delete, ["a"], journal=journal))
        for _ in range(5):
            await asyncio.sleep(0)
            running.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_run_that_is_cancelled_while_its_journal_is_opened_leaves_it_free(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    await cancelled_while_it_is_opened(path)
    assert not is_held(path)
    assert [start.how for start in bulk.standing_of(path).starts] == ["cancelled before anything was sent"]
    await cancelled_while_it_is_opened(tmp_path / "nowhere" / "it.job")  # and one that cannot be opened


def test_a_journal_that_cannot_be_begun_is_free_again(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    journal = opened(path)
    journal.store.write([Batch(1.0, b"nonsense")])
    journal.close("done")
    with pytest.raises(bulk.JournalBroken, match="is damaged"):
        opened(path)
    assert not is_held(path)


async def test_once_it_cannot_be_written_nothing_more_is_promised(tmp_path: Path) -> None:
    recording = recorder(tmp_path / "it.job")
    with closing(sqlite3.connect(tmp_path / "it.job")) as database:
        database.execute("DROP TABLE log")
        database.commit()
    for _ in range(2):
        with pytest.raises(bulk.JournalFull, match="no such table: log"):
            await recording.promise([0])
    await recording.close("stopped")
    assert not is_held(tmp_path / "it.job")


async def test_rows_behind_those_that_were_counted_are_promised_too_before_they_are_sent(tmp_path: Path) -> None:
    """A list, or a table of a database, may grow while it is read."""
    found = opened(tmp_path / "it.job")
    recording = Recorder(found.store, found.lock, found.endings, call=2, exact=False, promised=0, total=2)
    for places in ([0, 1], [2, 3], [4]):
        await recording.promise(places)
        maybe = [row for row, (ending, _) in enumerate(Known(tmp_path / "it.job").rows()) if ending is not None]
        assert maybe == list(range(places[-1] + 1))
    assert bulk.standing_of(tmp_path / "it.job").maybe == 5
    recording.note_fine(0, 5)
    await recording.close("done")
    again = opened(tmp_path / "it.job")
    assert again.states.counts()[MAYBE] == 0
    again.close("done")


async def test_a_list_that_grows_while_it_is_sent_leaves_a_journal_that_can_be_read(tmp_path: Path) -> None:
    accounts = [f"u{number}" for number in range(700)]

    def growing(row: Row) -> str:
        if len(accounts) == 700:
            accounts.extend(f"late{number}" for number in range(700))
        return row.account

    report = await bulk.run(FakeClient().accounts.delete, accounts, journal=tmp_path / "it.job", item=growing)
    assert str(report.stopped_by) == "the items were changed after they had been looked through"
    assert bulk.standing_of(tmp_path / "it.job").counts == report.counts


class Table:
    """A source of a program's own."""

    def __init__(self, **told: Any) -> None:
        self.fingerprint = Fingerprint(3, "the table")
        self.count = 3
        self.name = told.get("name", "users")
        self.description = told.get("description", {})
        self.columns = told.get("columns", ())
        self.column: str | None = None

    def rows(self) -> Iterator[Row]:
        return (Row(number, f"u{number}", {}) for number in range(1, 4))

    def check(self) -> None:
        """It is what it was."""


@pytest.mark.parametrize("path", [None, ["db", "users"], "", 7, "a\0b"])
async def test_what_a_source_of_a_programs_own_says_of_itself_is_any_json(tmp_path: Path, path: Any) -> None:
    source = Table(description={"kind": "table", "path": path})
    tim = FakeClient()
    for _ in range(2):
        report = await bulk.run(tim.accounts.delete, source, journal=tmp_path / "it.job")
        assert (report.stopped_by, report.counts["Ok"], len(tim.asked)) == (None, 3, 3)
    assert bulk.standing_of(tmp_path / "it.job").source["description"] == source.description
    assert bulk.findings_of(tmp_path / "it.job").what.path is None


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"name": None}, "`$.source.name`"),
        ({"columns": ["a", 2]}, r"`$.source.columns\[1\]`"),
        ({"description": {"kind": "file", "path": None}}, "`$.source.description.path`"),
    ],
)
async def test_a_source_that_is_none_is_told_before_there_is_a_journal(
    tmp_path: Path, told: dict[str, Any], where: str
) -> None:
    tim = FakeClient()
    with pytest.raises(TypeError, match=where.replace("$", r"\$")):
        await bulk.run(tim.accounts.delete, Table(**told), journal=tmp_path / "it.job")
    assert (tim.asked, list(tmp_path.iterdir())) == ([], [])  # noqa: ASYNC240 - a test may look
