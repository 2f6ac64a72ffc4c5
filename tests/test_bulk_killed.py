"""A job whose process is killed with -9 again and again: the books of the service are the judge."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from box import running

from tim_async import bulk
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

    def start(self, command: str, last_call: int) -> End | None:
        """One start; None if it was killed, and then nobody wrote a word."""
        words = [sys.executable, str(DOOMED), self.emulator.url, command, str(self.source), str(self.journal)]
        done = subprocess.run([*words, str(last_call)], check=False, capture_output=True, timeout=60)
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


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(Emulator(latency=0.02)) as emulator:
        yield emulator


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
