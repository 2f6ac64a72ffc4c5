"""Whoever looks at a journal sees one moment of it, also when a run begins or ends just then, and damage is told."""

import sqlite3
from pathlib import Path

import pytest
from journals import Journal

from tim_async import bulk
from tim_async.bulk.journal.glance import look
from tim_async.bulk.journal.lock import Lock
from tim_async.bulk.journal.runs import FINE, MAYBE
from tim_async.bulk.journal.store import Start, Store


def at_rest(folder: Path) -> Journal:
    return Journal(folder / "it.job").start((FINE, 0, 5))


def test_what_a_run_changes_while_somebody_reads_a_journal_at_rest_is_read_once_more(tmp_path: Path) -> None:
    journal, seen = at_rest(tmp_path), list[list[Start]]()

    def read(store: Store, _: str) -> int:
        if not seen:
            journal.start((FINE, 5, 5))
        seen.append(store.starts())
        return store.load()[1].counts()[FINE]

    assert look(journal.path, read) == 10
    assert len(seen) == 2


def test_a_start_that_is_seen_to_have_begun_is_at_work_and_was_not_killed(tmp_path: Path) -> None:
    journal, held = at_rest(tmp_path), list[Lock]()

    def read(_: Store, held_by: str) -> str:
        if not held:
            held.append(Lock(journal.path))
        return held_by

    with pytest.raises(bulk.JournalError, match="cannot be read"):
        look(tmp_path / "none.job", read)
    assert look(journal.path, read).startswith("process ")
    held[0].release(whole=True)


def test_pages_of_two_moments_are_no_damage(tmp_path: Path) -> None:
    journal, times = at_rest(tmp_path), list[int]()

    def read(store: Store, _: str) -> int:
        times.append(1)
        if len(times) == 1:
            journal.start((MAYBE, 5, 5), how=None)
            raise sqlite3.DatabaseError("database disk image is malformed")
        return store.load()[1].counts()[MAYBE]

    assert look(journal.path, read) == 5


def test_what_nobody_touched_is_damaged(tmp_path: Path) -> None:
    def read(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(bulk.JournalBroken, match=r"it\.job is damaged: database disk image is malformed"):
        look(at_rest(tmp_path).path, read)


@pytest.mark.parametrize("fails", [False, True])
def test_one_run_after_the_other_is_told(tmp_path: Path, fails: bool) -> None:
    journal = at_rest(tmp_path)

    def read(*_: object) -> None:
        journal.start((FINE, 5, 5))
        if fails:
            raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(bulk.JournalError, match="damaged" if fails else "one run after the other: look once more"):
        look(journal.path, read)
