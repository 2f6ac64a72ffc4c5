"""A job whose process is killed with -9 again and again: the books of the service are the judge."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from box import emulator_apart, running
from doomed import main as resume

from tim_async import bulk
from tim_async.bulk import JournalError
from tim_async.emulator import Emulator

DOOMED = Path(__file__).with_name("doomed.py")
GHOSTS = 50


class End(NamedTuple):
    """What the last start reported."""

    counts: dict[str, int]
    assumed: int
    open: int
    stopped_by: str


class Job:
    """A file of accounts, some of them twice, far apart; and its journal."""

    def __init__(self, emulator: Emulator, folder: Path, rows: list[tuple[str, str]]) -> None:
        self.emulator = emulator
        self.journal = folder / "it.job"
        self.source = folder / "users.csv"
        self.source.write_text("".join(f"{account},{city}\n" for account, city in [("account", "city"), *rows]))

    def words(
        self, command: str, last_call: int, *, how: int = signal.SIGKILL, room: int = resource.RLIM_INFINITY
    ) -> list[str]:
        """The command line of the program."""
        where = [self.emulator.url, command, str(self.source), str(self.journal)]
        return [sys.executable, str(DOOMED), *where, str(last_call), str(int(how)), str(room)]

    def start(self, command: str, last_call: int, *, room: int = resource.RLIM_INFINITY) -> End | None:
        """One start; None if it was killed, and then nobody wrote a word."""
        words = self.words(command, last_call, room=room)
        done = subprocess.run(words, check=False, capture_output=True)
        assert done.stderr == b""
        if done.returncode == -signal.SIGKILL:
            return None
        assert done.returncode == 0
        return End(*json.loads(done.stdout))

    def outcomes(self) -> list[dict[str, Any]]:
        """Of every row, as the journal has it."""
        path = self.journal.with_suffix(".jsonl")
        known = bulk.Known(self.journal)
        with bulk.open_source(known.standing.source["description"]) as source, path.open("wb") as sink:
            bulk.export_outcomes(known, source, sink)
        return [json.loads(line) for line in path.read_text().splitlines()]


emulator = emulator_apart(latency=0.02)


@pytest.mark.usefixtures("counted")
def test_what_was_deleted_before_a_kill_is_deleted_and_every_row_has_one_outcome(
    emulator: Emulator, tmp_path: Path
) -> None:
    names = [f"u{number}" for number in range(8_000)]
    emulator.accounts.add(*names)
    ghosts = [f"ghost{number}" for number in range(GHOSTS)]
    job = Job(emulator, tmp_path, [(name, "") for name in (*names, *ghosts)])
    assert [job.start("delete", last) for last in (3, 20, 10)] == [None] * 3
    maybe = bulk.standing_of(job.journal).maybe
    end = job.start("delete", 0)
    assert end is not None
    assert (end.open, end.stopped_by, sum(end.counts.values())) == (0, "None", len(names) + GHOSTS)
    outcomes = job.outcomes()
    assert [line["row"] for line in outcomes] == list(range(2, len(names) + GHOSTS + 2))
    kinds = {line["account"]: line["outcome"] for line in outcomes}
    assert {kinds[name] for name in names} == {"Ok"}
    assert len(emulator.accounts) == 0
    assert bulk.standing_of(job.journal).assumed == end.assumed
    # What was inferred says so; no account that never was is told to be deleted, but where it may have been sent.
    assert sum(bool(line["reason"]) for line in outcomes if line["outcome"] == "Ok") == end.assumed
    assert sum(kinds[ghost] == "Ok" for ghost in ghosts) <= maybe


def test_nobody_gets_two_pushes_and_unknown_are_only_those_whose_call_was_out(
    emulator: Emulator, tmp_path: Path
) -> None:
    names = [f"u{number}" for number in range(3_000)]
    emulator.accounts.add(*names)
    job = Job(emulator, tmp_path, [(name, "") for name in names])
    assert [job.start("send", last) for last in (1, 2)] == [None] * 2
    end = job.start("send", 0)
    assert end is not None
    assert (end.open, end.stopped_by) == (0, "None")
    assert end.counts["Unknown"] <= 2 * 500
    assert end.counts["Ok"] + end.counts["Unknown"] == len(names)
    sent = Counter(account for call in emulator.books.calls for account, _ in call.items)
    assert max(sent.values()) == 1
    assert {line["account"] for line in job.outcomes() if line["outcome"] == "Ok"} <= set(sent)


def test_of_two_writes_to_an_account_the_last_one_stands(emulator: Emulator, tmp_path: Path) -> None:
    names = [f"u{number}" for number in range(2_000)]
    emulator.accounts.add(*names)
    job = Job(emulator, tmp_path, [(name, city) for city in ("Oslo", "Lyon") for name in names])
    assert [job.start("set", last) for last in (5, 15, 10)] == [None] * 3
    end = job.start("set", 0)
    assert end is not None
    assert (end.counts["Ok"], end.open) == (2 * len(names), 0)
    assert {emulator.accounts[name].attributes["city"] for name in names} == {"Lyon"}
    assert {emulator.books.done(name)[-1].argument["city"] for name in names} == {"Lyon"}


def few(emulator: Emulator, folder: Path, count: int = 2_000) -> Job:
    names = [f"u{number}" for number in range(count)]
    emulator.accounts.add(*names)
    return Job(emulator, folder, [(name, "") for name in names])


def test_a_disk_that_is_full_before_a_call_forbids_the_call_and_with_more_room_it_goes_on(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = few(emulator, tmp_path, 30_000)
    end = job.start("delete", 0, room=32 * 1024)
    assert end is not None
    assert end.stopped_by.startswith("JournalFull(")
    assert end.open > 0
    standing = bulk.standing_of(job.journal)
    sent = {account for call in emulator.books.calls for account, _ in call.items}
    assert 0 < len(sent) <= standing.done + standing.maybe < 30_000
    end = job.start("delete", 0)
    assert end is not None
    assert (end.open, end.stopped_by, end.counts["Ok"]) == (0, "None", 30_000)
    assert len(emulator.accounts) == 0


def test_who_stands_still_with_a_journal_in_his_hands_still_holds_it_and_who_is_killed_does_not(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = few(emulator, tmp_path)
    with subprocess.Popen(job.words("delete", 3, how=signal.SIGSTOP)) as holder:
        try:
            os.waitpid(holder.pid, os.WUNTRACED)
            assert f"process {holder.pid} on " in bulk.standing_of(job.journal).held_by
            done = subprocess.run(job.words("delete", 0), check=False, capture_output=True)
            assert f"is held by process {holder.pid} on ".encode() in done.stderr.splitlines()[-1]
        finally:
            holder.kill()
    assert bulk.standing_of(job.journal).held_by == ""
    end = job.start("delete", 0)
    assert end is not None
    assert (end.open, len(emulator.accounts)) == (0, 0)


def cut(path: Path, part: float) -> None:
    os.truncate(path, int(path.stat().st_size * part))


def other_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")


def nonsense(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE log SET runs = x'00'")
        database.commit()


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def without_beside(path: Path) -> None:
    wal(path).unlink()
    path.with_name(f"{path.name}.lock").unlink()


def half_without_wal(path: Path) -> None:
    wal(path).unlink()
    cut(path, 0.5)


def another_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")


def spoiled(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 + 8)
        file.write(b"\xff" * 8)


def miscounted(path: Path) -> None:
    """A free page that is none: nothing that is read comes by it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(36)
        file.write((1).to_bytes(4, "big"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "-wal beside it is missing": without_beside,
    "commits are missing, which stand in it.job-wal": lambda path: wal(path).unlink(),
    "is only a part of its journal": lambda path: cut(wal(path), 0.5),
    "is damaged, or only a part of a journal: ": spoiled,  # SQLite's words depend on which page it reads first
    "is damaged, or only a part of a journal: *** in database main ***": miscounted,
    "damaged, or only a part": half_without_wal,
    "is no journal of tim-async, or only a part of one": lambda path: cut(path, 0.001),
    "is no journal": lambda path: path.write_bytes(b"account\nu1\n" * 100),
    "is a database, but no journal": another_database,
    "of version 2, and this tim-async reads version 1": other_version,
    "is damaged: ": nonsense,
    "cannot be read": lambda path: path.unlink(),
}


@pytest.fixture(scope="module")
def _killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a deletion was killed."""
    folder = tmp_path_factory.mktemp("killed")
    with running(Emulator()) as emulator:
        assert few(emulator, folder).start("delete", 5) is None
    return folder


@pytest.fixture
def killed(_killed: Path, tmp_path: Path) -> Path:
    """The same folder, to spoil what is in it."""
    return Path(shutil.copytree(_killed, tmp_path, dirs_exist_ok=True))


@pytest.mark.parametrize("told", DAMAGES)
async def test_a_part_of_a_journal_is_told_in_one_line_and_nothing_is_sent(killed: Path, told: str) -> None:
    journal, source = killed / "it.job", killed / "users.csv"
    DAMAGES[told](journal)
    async with Emulator() as another:
        with pytest.raises(JournalError) as caught:
            await resume(another.url, "delete", str(source), str(journal), 0, 0, resource.RLIM_INFINITY)
        assert told in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        assert not another.books.calls
