"""A journal that was edited by hand is told in one line that says what is wrong with it, and stays as it is."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from box import connection, running, table

from tim_async.cli.app import run
from tim_async.emulator import Emulator

WRONG: tuple[Any, ...] = ("text", -1, 9e999, b"\x00\xff")
"""A wrong type, an absurd number, an infinite one, bytes that are none of ours."""
META: tuple[Any, ...] = (-1, "\0", {}, None, "text", 1e300, [1])


class Damaged:
    """A journal of reads that can be had as often as wanted, each time with other damage.

    Args:
        folder: for all of it.
        emulator: serves the first start, and would serve a resume.
    """

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.whole, self.job = folder / "whole.job", folder / "it.job"
        self._out = [str(folder / name) for name in ("page.html", "page.json", "all.jsonl", "failed.csv", "to.jsonl")]
        options = connection(emulator, folder)
        key = options[options.index("--secret-key-file") + 1]
        kept = ["--journal", str(self.whole), "--to", os.devnull, "--first", "10"]
        read = ["push", "get-tags", "--column", "account", *options, *table(folder, emulator, 20), *kept]
        assert run(read) == 0
        page, data, outcomes, failures, to = self._out
        told = ["--report", page, "--report-json", data, "--outcomes", outcomes, "--failures", failures]
        self.commands = [
            ["job", str(self.job), *told],
            ["resume", str(self.job), "--secret-key-file", key, "--to", to],
        ]

    def by(self, statement: str, *values: Any) -> bool:
        """Make it anew, and damage it so; False where the database does not take it."""
        for path in (self.job, self.job.with_name("it.job.lock"), *map(Path, self._out)):
            path.unlink(missing_ok=True)
        shutil.copy(self.whole, self.job)
        try:
            with closing(sqlite3.connect(self.job)) as database:
                database.execute(statement, values)
                database.commit()
        except sqlite3.IntegrityError:
            return False
        return True

    def rows(self) -> Iterator[tuple[str, str, Any]]:
        """Table, column, and what stands in the first column, of the first row of each."""
        with closing(sqlite3.connect(self.whole)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in tables:
                found = database.execute(f"SELECT * FROM {name} LIMIT 1")  # noqa: S608 - a name of ours
                columns = [column for column, *_ in found.description]
                yield from ((name, column, row[0]) for row in found.fetchall() for column in columns)

    def meta(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.whole)) as database:
            return {name: json.loads(value) for name, value in database.execute("SELECT * FROM meta")}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    with running(Emulator()) as emulator:
        yield Damaged(tmp_path_factory.mktemp("damaged"), emulator)


def told_in_a_line(damaged: Damaged, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the commands say that cannot do what they are asked for."""
    lines: list[str] = []
    for words in damaged.commands:
        code, (out, err) = run(words), capsys.readouterr()
        assert "Traceback" not in out + err
        if code:
            said = [line for line in err.splitlines() if line.startswith("tim-async: ")]
            assert len(said) == 1, (words, err)
            lines += said
    return lines


@pytest.mark.parametrize(
    ("statement", "value", "words"),
    [
        ("UPDATE starts SET began = ?", 9e999, "start.began: Expected `float` < "),
        ("UPDATE starts SET ended = ?", "yesterday", "start.ended: Expected `float | null`, got `str`"),
        ("UPDATE starts SET host = ?", b"\xff", "start.host: Expected `str`, got `bytes`"),
        ("UPDATE log SET at = ?", -5.0, "commit.at: Expected `float` >= 0.0"),
        ("UPDATE log SET runs = ?", b"\x93\x01\x00\xcf\x0f\xff\xff\xff\xff\xff\xff\xff", "there are no 1152921504606"),
        ("UPDATE log SET runs = ?", b"\x93\x02\xff\x01", "there are no 1 rows from place -1 on"),
        ("UPDATE endings SET outcome = ? WHERE number = 2", "Fine", "ending.outcome: Invalid enum value 'Fine'"),
        ("UPDATE results SET value = ?", "[1,", "result 0: Input data was truncated"),
        ("UPDATE results SET rows = ?", 0.5, "result.rows: Expected `int`, got `float`"),
        ("UPDATE seconds SET numbers = ?", b"\x91\xff", "Expected `int` >= 0 - at `$[0]`"),
        ("UPDATE meta SET value = ? WHERE name = 'job'", "{}", "meta: Object missing required field `command`"),
        ("UPDATE meta SET value = json_set(value, '$.size', NULL) WHERE name = 'job'", None, "a size without a digest"),
        ("UPDATE meta SET value = ? WHERE name = 'id'", "x", "meta: Expecting value: line 1"),
        ("DELETE FROM meta WHERE name = ?", "memo", "meta: Object missing required field `memo`"),
        ("ALTER TABLE endings DROP COLUMN info", None, "the table endings is not there, or has other columns"),
        ("ALTER TABLE starts ADD COLUMN who", None, "the table starts is not there, or has other columns"),
        ("DROP TABLE results", None, "the table results is not there, or has other columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_table_and_column(
    damaged: Damaged, capsys: pytest.CaptureFixture[str], statement: str, value: Any, words: str
) -> None:
    assert damaged.by(statement, *([] if value is None else [value]))
    sent = len(damaged.emulator.books.calls)
    before = damaged.job.read_bytes()
    lines = told_in_a_line(damaged, capsys)
    assert lines
    assert {line.startswith(f"tim-async: {damaged.job} is damaged: ") and words in line for line in lines} == {True}
    if "results SET" not in statement and "seconds SET" not in statement:  # which only reports and exports read
        assert len(lines) == len(damaged.commands)
        assert (len(damaged.emulator.books.calls), damaged.job.read_bytes()) == (sent, before)


def test_no_value_in_any_column_brings_a_traceback(damaged: Damaged, capsys: pytest.CaptureFixture[str]) -> None:
    refused = 0
    for name, column, first in damaged.rows():
        key = next(other for table, other, _ in damaged.rows() if table == name)
        for value in WRONG:
            if damaged.by(f"UPDATE {name} SET {column} = ? WHERE {key} = ?", value, first):  # noqa: S608 - names of ours
                refused += bool(told_in_a_line(damaged, capsys))
    assert refused > 30


def paths(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """The ways to all that is in a value."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from paths(each, *before, name)


def test_nothing_in_what_it_says_of_its_job_brings_a_traceback(
    damaged: Damaged, capsys: pytest.CaptureFixture[str]
) -> None:
    refused, values = 0, cycle(META)
    for name, value in damaged.meta().items():
        for path in paths({name: value}):
            for number, wrong in enumerate((None, next(values))) if path else ():
                changed = json.loads(json.dumps({name: value}))
                place = changed
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = wrong
                if not number:
                    del place[path[-1]]
                assert damaged.by("UPDATE meta SET value = ? WHERE name = ?", json.dumps(changed.get(name)), name)
                refused += bool(told_in_a_line(damaged, capsys))
    assert refused > 50
