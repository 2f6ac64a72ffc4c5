"""A run with a journal: stopped at any moment it goes on, and what it tells is what was done."""

import asyncio
import json
import math
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from servers import Puppet, client_of

from tim_async import Client, ClientClosed, CredentialsError, NotSent, Ok, bulk
from tim_async.bulk.journal.opened import open_journal
from tim_async.bulk.journal.runs import Runs
from tim_async.bulk.journal.store import Batch
from tim_async.emulator import DEMO_KEY, Emulator


def client(emulator: Emulator, secret_key: str = DEMO_KEY, **more: Any) -> Client:
    more.setdefault("limiter", None)
    return Client(sdk_app_id=emulator.sdk_app_id, secret_key=secret_key, base_url=emulator.url, **more)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(rate=math.inf) as emulator:
        emulator.accounts.add(*(f"u{number}" for number in range(1000)))
        yield emulator


@pytest.fixture
def users(tmp_path: Path) -> Iterator[bulk.AccountFile]:
    """A thousand accounts, a broken row and a repeat."""
    path = tmp_path / "users.csv"
    names = [*(f"u{number}" for number in range(1000)), "x,y,z", "u7"]
    path.write_text("".join(f"{line}\n" for line in ["account", *names]))
    with bulk.AccountFile(path, column="account") as file:
        yield file


def calls(emulator: Emulator) -> int:
    return len(emulator.books.calls)


async def test_a_program_of_a_few_lines_does_it_and_the_same_again_sends_nothing(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    seen: list[tuple[int | None, int]] = []
    async with client(emulator) as tim:
        report = await bulk.run(
            tim.push.clear_tags,
            users,
            journal=tmp_path / "it.job",
            on_progress=lambda progress: seen.append((progress.total, progress.tally.done)),
        )
        assert report.counts == {"Ok": 1001, "Rejected": 0, "Unknown": 0, "NotSent": 1}
        assert (report.command, report.source, report.total) == ("push.clear_tags", "users.csv", 1002)
        assert (report.open, report.unread, report.stopped_by, report.assumed) == (0, False, None, 0)
        assert (report.ok, report.resumable) == (False, False)
        assert [str(trouble) for trouble in report.troubles] == [
            "NotSent, row 1002: the number of cells is wrong: 3 instead of 1"
        ]
        assert (seen[0], seen[-1]) == ((1002, 0), (1002, 1002))
        before = calls(emulator)
        again = await bulk.run(tim.push.clear_tags, users, journal=tmp_path / "it.job")
    assert (again.counts, again.open, calls(emulator)) == (report.counts, 0, before)
    assert [str(trouble) for trouble in again.troubles] == [str(trouble) for trouble in report.troubles]
    # Nothing is left beside it, and the journal knows no account.
    assert sorted(os.listdir(tmp_path)) == ["it.job", "it.job.lock", "users.csv"]  # noqa: PTH208 - in an async function
    assert b"u999" not in (tmp_path / "it.job").read_bytes()


async def test_without_a_journal_it_is_the_same_but_nothing_is_resumed(
    emulator: Emulator, users: bulk.AccountFile
) -> None:
    records: list[bulk.Record] = []
    async with client(emulator) as tim:
        report = await bulk.run(tim.push.get_tags, users, sink=records.append)
    assert (report.counts["Ok"], report.journal, report.resumable) == (1001, None, False)
    assert sorted(record.row for record in records) == list(range(2, 1004))


async def stopped(emulator: Emulator, users: bulk.AccountFile, journal: Path) -> bulk.Report:
    """A run that deletes, and whose client is closed after the first outcome."""
    async with client(emulator, max_in_flight=2) as tim:

        def close(_: bulk.Record) -> None:
            closing_.append(asyncio.ensure_future(tim.aclose()))

        closing_: list[asyncio.Future[None]] = []
        return await bulk.run(tim.accounts.delete, users, journal=journal, sink=close)


async def test_a_run_that_was_stopped_goes_on_and_sends_no_row_twice(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    first = await stopped(emulator, users, tmp_path / "it.job")
    assert isinstance(first.stopped_by, ClientClosed)
    assert first.resumable
    standing = bulk.standing_of(tmp_path / "it.job")
    assert (standing.done, standing.maybe, standing.finished) == (1002 - first.open, 0, False)
    assert standing.counts == first.counts
    async with client(emulator) as tim:
        report = await bulk.run(tim.accounts.delete, users, journal=tmp_path / "it.job")
    # The account that stands there twice was deleted once.
    assert report.counts["Ok"] + report.counts["Rejected"] == 1001
    assert (report.open, report.resumable, report.stopped_by) == (0, False, None)
    assert len(emulator.accounts) == 0
    assert sum(len(call.items) for call in emulator.books.calls) in {1000, 1001}
    assert [start.how for start in bulk.standing_of(tmp_path / "it.job").starts] == ["stopped", "all rows sent"]


async def test_with_a_wrong_key_no_row_is_done_and_with_the_right_one_it_goes_on(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    journal = tmp_path / "it.job"
    async with client(emulator, secret_key="a-key-of-nobody") as tim:
        report = await bulk.run(tim.push.clear_tags, users, journal=journal)
    assert isinstance(report.stopped_by, CredentialsError)
    assert report.counts["Ok"] == 0
    assert report.resumable
    assert {ending.final for ending, _ in bulk.standing_of(journal).endings if ending.code is not None} == {False}
    assert b"a-key-of-nobody" not in journal.read_bytes()
    async with client(emulator) as tim:
        report = await bulk.run(tim.push.clear_tags, users, journal=journal)
    assert (report.counts["Ok"], report.open) == (1001, 0)


async def test_a_run_that_is_cancelled_says_unknown_and_its_journal_knows_what_may_have_been_sent(
    users: bulk.AccountFile, tmp_path: Path
) -> None:
    journal, records = tmp_path / "it.job", list[bulk.Record]()
    async with Puppet() as service, client_of(service, limiter=None, max_in_flight=1, close_timeout=0) as tim:
        running = asyncio.ensure_future(bulk.run(tim.push.clear_tags, users, journal=journal, sink=records.append))
        await service.call()
        with pytest.raises(bulk.JournalHeld, match=r"it.job is held by process \d+ on "):
            await bulk.run(tim.push.clear_tags, users, journal=journal)
        assert bulk.standing_of(journal).held_by
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert {record.outcome for record in records} == {"Unknown"}
    standing = bulk.standing_of(journal)
    assert (standing.done, standing.maybe, standing.held_by) == (0, 200, "")  # all that was taken


async def read(emulator: Emulator, users: bulk.AccountFile, journal: Path) -> list[bulk.Record]:
    records: list[bulk.Record] = []
    emulator.accounts["u5"].tags += ["a", "b"]
    async with client(emulator) as tim:
        await bulk.run(tim.push.get_tags, users, journal=journal, sink=records.append)
    return records


async def test_all_outcomes_are_exported_in_the_order_of_the_input_with_what_was_read(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    records, out = await read(emulator, users, tmp_path / "it.job"), BytesIO()
    assert bulk.export_outcomes(bulk.Known(tmp_path / "it.job"), users, out) == 1002
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["row"], line["account"], line["outcome"], line["reason"]) for line in told] == [
        (record.row, record.account, record.outcome, record.reason) for record in sorted(records, key=lambda r: r.row)
    ]
    assert {line["row"]: line["value"] for line in told if line["value"]} == {7: ["a", "b"]}


async def test_an_export_needs_the_input_of_then(emulator: Emulator, users: bulk.AccountFile, tmp_path: Path) -> None:
    await read(emulator, users, tmp_path / "it.job")
    (tmp_path / "other.csv").write_text("account\nu1\n")
    refused = pytest.raises(bulk.JournalUnlike, match=r"other.csv is not the input of .*it.job, byte for byte")
    with bulk.AccountFile(tmp_path / "other.csv", column="account") as other, refused:
        bulk.export_outcomes(bulk.Known(tmp_path / "it.job"), other, BytesIO())


def damaged(journal: Path, statement: str) -> None:
    """Somebody wrote to a journal with SQLite's own tools."""
    with closing(sqlite3.connect(journal)) as database:
        database.execute(statement)
        database.commit()


async def test_a_deletion_that_rested_for_an_hour_needs_a_word(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    await stopped(emulator, users, tmp_path / "it.job")
    damaged(tmp_path / "it.job", "UPDATE log SET at = at - 7200")
    async with client(emulator) as tim:
        before = calls(emulator)
        with pytest.raises(bulk.JournalRested, match=r"has rested for 2 hours: an account .* imported anew"):
            await bulk.run(tim.accounts.delete, users, journal=tmp_path / "it.job")
        damaged(tmp_path / "it.job", "UPDATE log SET at = at - 432000")
        with pytest.raises(bulk.JournalRested, match=r"has rested for 5 days: "):
            await bulk.run(tim.accounts.delete, users, journal=tmp_path / "it.job")
        assert calls(emulator) == before
        report = await bulk.run(tim.accounts.delete, users, journal=tmp_path / "it.job", rested_ok=True)
    assert report.open == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"command": "clear_tags"}, "is the journal of accounts.delete, not of push.clear_tags"),
        ({"app": 1400000001}, "is a journal of app 1400000000, not of app 1400000001"),
        ({"settings": {"column": "other"}}, "is the journal of a job with other options"),
        ({"text": "account\nu1\n"}, "is the journal of another input"),
        ({"items": iter(["u1"])}, "cannot be resumed: its input could be read only once"),
    ],
)
async def test_a_journal_goes_on_with_its_own_job_alone(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    await stopped(emulator, users, tmp_path / "it.job")
    (tmp_path / "new.csv").write_text(change.get("text", "account\n"))
    before, whole = calls(emulator), (tmp_path / "it.job").read_bytes()
    app = change.get("app", emulator.sdk_app_id)
    async with Client(sdk_app_id=app, secret_key=DEMO_KEY, base_url=emulator.url) as tim:
        operation = tim.push.clear_tags if "command" in change else tim.accounts.delete
        with bulk.AccountFile(tmp_path / "new.csv", column="account") as other:
            source = change.get("items", other if "text" in change else users)
            with pytest.raises(bulk.JournalUnlike, match=told):
                await bulk.run(operation, source, journal=tmp_path / "it.job", settings=change.get("settings"))
    assert (calls(emulator), (tmp_path / "it.job").read_bytes()) == (before, whole)
    assert not bulk.standing_of(tmp_path / "it.job").held_by


async def test_options_that_all_rows_share_are_part_of_the_job_but_not_what_is_left_to_chance(
    emulator: Emulator, tmp_path: Path
) -> None:
    names = [f"u{number}" for number in range(10)]
    async with client(emulator) as tim:
        for _ in range(2):
            once = tim.push.send_to.of(offline_push_info={"Title": "a", "Desc": "b"})
            report = await bulk.run(once, names, journal=tmp_path / "it.job")
            assert report.ok
        other = tim.push.send_to.of(offline_push_info={"Title": "a", "Desc": "c"})
        with pytest.raises(bulk.JournalUnlike, match="other options"):
            await bulk.run(other, names, journal=tmp_path / "it.job")
    assert calls(emulator) == 1
    out = BytesIO()
    bulk.export_outcomes(bulk.Known(tmp_path / "it.job"), bulk.ItemSource(names), out, "csv")
    assert len({line.split(b",")[-1] for line in out.getvalue().splitlines()[1:]}) == 1  # one task for all of them


def left_over(path: Path, tim: Client, items: list[tuple[str, dict[str, str]]], outcomes: list[Any]) -> None:
    """A journal as a run leaves it that ended so for each row."""
    source, operation = bulk.ItemSource(items), tim.push.set_attributes
    more = {"source": {"name": "x", "count": len(items), "description": {}, "columns": [], "column": None}, "memo": {}}
    opened = open_journal(path, bulk.job_of(operation, source), more, window=1.0, rested_ok=True, deletes=False)
    runs = Runs()
    for place, outcome in enumerate(outcomes):
        runs.add(opened.endings.number_of(outcome), place)
    opened.store.write([Batch(time.time() - 60, runs.take(), opened.endings.take_new())])
    opened.store.end("stopped")
    opened.store.close()
    opened.lock.release(whole=True)


async def test_an_older_write_that_was_open_does_not_overwrite_a_newer_one(emulator: Emulator, tmp_path: Path) -> None:
    items = [("u1", {"city": "Oslo"}), ("u2", {"city": "Rome"}), ("u1", {"city": "Lyon"})]
    async with client(emulator) as tim:
        await tim.push.set_attributes([items[1], items[2]])
        left_over(tmp_path / "it.job", tim, items, [NotSent(0, "u1"), Ok(1, "u2", None), Ok(2, "u1", None)])
        report = await bulk.run(tim.push.set_attributes, items, journal=tmp_path / "it.job")
    assert (report.counts["Ok"], report.open) == (3, 0)
    assert [line.argument for line in emulator.books.done("u1")][-2:] == [{"city": "Oslo"}, {"city": "Lyon"}]
    assert len(emulator.books.done("u2")) == 1


async def test_what_was_open_and_is_not_reached_again_is_counted_as_it_was(emulator: Emulator, tmp_path: Path) -> None:
    items = [(f"u{number}", {"city": "Oslo"}) for number in range(3)]
    async with client(emulator) as tim:
        left_over(tmp_path / "it.job", tim, items, [NotSent(0, "u0"), Ok(1, "u1", None)])
        await tim.aclose()
        report = await bulk.run(tim.push.set_attributes, items, journal=tmp_path / "it.job")
    assert report.counts == {"Ok": 1, "Rejected": 0, "Unknown": 0, "NotSent": 1}
    assert (report.open, report.resumable) == (2, True)


async def test_what_can_be_read_only_once_has_a_journal_but_is_not_resumed(emulator: Emulator, tmp_path: Path) -> None:
    async def names() -> AsyncIterator[str]:
        for number in range(150):
            yield f"u{number}"

    async with client(emulator) as tim:
        report = await bulk.run(tim.push.clear_tags, names(), journal=tmp_path / "it.job")
    standing = bulk.standing_of(tmp_path / "it.job")
    assert (report.ok, report.total, standing.done, standing.maybe, standing.total) == (True, None, 150, 0, None)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), bulk.InputError("changed")])
async def test_what_a_sink_raises_ends_the_run_and_the_rest_can_be_resumed(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path, error: Exception
) -> None:
    def full(_: bulk.Record) -> None:
        raise error

    async with client(emulator) as tim:
        report = await bulk.run(tim.push.clear_tags, users, journal=tmp_path / "it.job", sink=full)
        assert (report.stopped_by, report.resumable) == (error, True)
        report = await bulk.run(tim.push.clear_tags, users, journal=tmp_path / "it.job")
    assert (report.counts["Ok"], report.open) == (1001, 0)


async def each(names: list[str]) -> AsyncIterator[str]:
    for name in names:
        yield name


@pytest.mark.parametrize("told", ["sink", "on_progress"])
@pytest.mark.parametrize("source", [list, each])
async def test_what_was_out_when_a_function_of_the_caller_raised_is_in_the_journal_and_nothing_more_goes_out(
    emulator: Emulator, tmp_path: Path, source: Callable[[list[str]], Any], told: str
) -> None:
    # Three seconds at the limit, so the run is told of its progress long before its end.
    names, seen = [f"v{number}" for number in range(30_000)], list[Any]()
    emulator.accounts.add(*names)

    def fails(about: Any) -> None:
        if told == "sink" or about.tally.done:
            seen.append(about)
            raise ZeroDivisionError

    more: dict[str, Any] = {told: fails}
    async with client(emulator, max_in_flight=2) as tim:
        with pytest.raises(ZeroDivisionError):
            await bulk.run(tim.push.clear_tags, source(names), journal=tmp_path / "it.job", **more)
    standing = bulk.standing_of(tmp_path / "it.job")
    assert standing.counts["Ok"] == sum(len(call.items) for call in emulator.books.calls) < 30_000
    assert (standing.done, standing.maybe, len(seen)) == (standing.counts["Ok"], 0, 1)


def failures(users: bulk.Source, journal: Path) -> str:
    out = BytesIO()
    bulk.export_failures(bulk.Known(journal), users, out)
    return out.getvalue().decode()


async def test_failures_come_as_rows_of_the_input_to_be_mended_and_fed_in_again(
    emulator: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "users.csv"
    path.write_text('name,account,code\n"a, b",u1,old\n"c ""d""",ghost,old\n,,x\n')
    async with client(emulator) as tim:
        with bulk.AccountFile(path, column="account") as users:
            await bulk.run(tim.accounts.delete, users, journal=tmp_path / "it.job")
            told = failures(users, tmp_path / "it.job")
        assert told.splitlines()[:2] == ["name,account,code,reason", '"c ""d""",ghost,70107,the account does not exist']
        assert told.splitlines()[2].startswith(",,70402,")
        emulator.accounts.add("ghost")
        path.write_text(told)
        with bulk.AccountFile(path, column="account") as users:
            report = await bulk.run(tim.accounts.delete, users, journal=tmp_path / "again.job")
    assert report.counts["Ok"] == 1
    assert "ghost" not in emulator.accounts


async def test_failures_of_other_inputs_are_json_lines_with_their_arguments(emulator: Emulator, tmp_path: Path) -> None:
    items: dict[str, Any] = {"u1": ["a"], "": ["b"], "u2": ["c" * 51]}
    async with client(emulator) as tim:
        await bulk.run(tim.push.add_tags, items, journal=tmp_path / "it.job")
    lines = [json.loads(line) for line in failures(bulk.ItemSource(items), tmp_path / "it.job").splitlines()]
    assert [(line["account"], line["argument"], bool(line["reason"])) for line in lines] == [
        ("", ["b"], True),
        ("u2", ["c" * 51], True),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16", "utf-16-le", "shift_jis"])
@pytest.mark.parametrize("column", ["account", None])
async def test_failures_are_in_the_encoding_of_the_input_and_can_be_fed_in_again(
    emulator: Emulator, tmp_path: Path, encoding: str, column: str | None
) -> None:
    path, journal = tmp_path / "users", tmp_path / "it.job"
    text = 'account,town\nu1,Oslo\n小明,"北""京,\n"\n王,x\n' if column else "u1\n小明\n王\n"
    path.write_text(text, encoding=encoding, newline="\n")
    async with client(emulator) as tim:
        with bulk.AccountFile(path, column=column, encoding=encoding) as users:
            report = await bulk.run(tim.accounts.delete, users, journal=journal)
            failed = [row for row in users.rows() if row.account != "u1"]
            with path.with_name("again").open("wb") as sink:
                bulk.export_failures(bulk.Known(journal), users, sink)
        with bulk.AccountFile(path.with_name("again"), column=column, encoding=encoding) as again:
            found = list(again.rows())
    assert report.counts["Rejected"] == 2
    assert [row.account for row in found] == [row.account for row in failed]
    assert [row.columns.get("town") for row in found] == [row.columns.get("town") for row in failed]


async def test_failures_of_a_table_with_arguments_keep_these_as_json_lines(emulator: Emulator, tmp_path: Path) -> None:
    told = {"account": ["u1", "ghost", ""], "n": [1, 2, 3], "argument": [["a"], ["b"], ["c"]]}
    pyarrow.parquet.write_table(pyarrow.table(told), tmp_path / "users")
    async with client(emulator) as tim:
        with bulk.AccountFile(tmp_path / "users", column="account") as users:
            await bulk.run(tim.push.add_tags, users, journal=tmp_path / "it.job")
            lines = [json.loads(line) for line in failures(users, tmp_path / "it.job").splitlines()]
    assert [(line["account"], line.get("argument")) for line in lines] == [("ghost", ["b"]), ("", ["c"])]


async def test_a_broken_row_is_among_the_failures_with_its_place(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path
) -> None:
    async with client(emulator) as tim:
        await bulk.run(tim.push.clear_tags, users, journal=tmp_path / "it.job")
    assert failures(users, tmp_path / "it.job").splitlines()[1:] == [
        "x,,row 1002 of the input: the number of cells is wrong: 3 instead of 1"
    ]


@pytest.mark.parametrize("journal", ["nowhere/it.job", "taken/it.job", "full/it.job"])
async def test_a_journal_that_cannot_be_written_is_told_and_nothing_is_sent(
    emulator: Emulator, users: bulk.AccountFile, tmp_path: Path, journal: str
) -> None:
    path = tmp_path / journal
    for folder in ("taken", "full"):
        (tmp_path / folder).mkdir()
    (tmp_path / "taken" / "it.job.new").mkdir()
    (tmp_path / "full" / "it.job.lock").symlink_to("/dev/full")
    async with client(emulator) as tim:
        with pytest.raises(bulk.JournalError, match=r"the journal .*it.job cannot be written: "):
            await bulk.run(tim.push.clear_tags, users, journal=path)
    assert calls(emulator) == 0


async def test_a_sink_that_raises_when_all_was_sent_ends_the_run_and_leaves_nothing_to_do(
    emulator: Emulator, tmp_path: Path
) -> None:
    def full(_: bulk.Record) -> None:
        raise OSError(28, "No space left on device")

    async with client(emulator) as tim:
        report = await bulk.run(tim.push.clear_tags, ["u1", "u2"], journal=tmp_path / "it.job", sink=full)
    assert isinstance(report.stopped_by, OSError)
    assert (report.counts["Ok"], report.open, report.resumable) == (2, 0, False)


async def test_a_row_without_its_argument_is_that_rows_fault_and_bars_no_other(
    emulator: Emulator, tmp_path: Path
) -> None:
    items: list[Any] = [(f"u{number}", ["a"]) for number in range(900)]
    items[700] = "u700"
    async with client(emulator) as tim:
        report = await bulk.run(tim.push.add_tags, items, journal=tmp_path / "it.job")
        with pytest.raises(TypeError, match="must be an \\(account, argument\\) pair, not str"):
            await bulk.run(tim.push.add_tags, ["u700"])
    assert (report.counts["Ok"], report.counts["NotSent"], report.open) == (899, 1, 0)
    assert [trouble.rows for trouble in report.troubles] == [[701]]


async def forgotten(_: Any) -> None:
    """Nobody would await it."""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"operation": "delete"}, "the operation is one of a client, .* not str"),
        ({"operation": None}, "not NoneType"),
        ({"sink": 3}, "sink must be a function, not int"),
        ({"on_progress": "x"}, "on_progress must be a function, not str"),
        ({"item": None}, "item must be a function, not NoneType"),
        ({"sink": forgotten}, "sink must be a plain function: nobody would await"),
        ({"source": "users.csv"}, r"a str is not a list of accounts; a file is opened by AccountFile\(path\)"),
        ({"source": Path("users.csv")}, r"Path is not a list of accounts; a file is opened by AccountFile\(path\)"),
        ({"source": bulk.AccountFile("users.csv")}, "open users.csv first: with AccountFile"),
        ({"journal": ""}, "it is no name of a file"),
        ({"journal": "a\0b"}, "cannot be written: .*embedded null "),
        ({"first": -1}, "first must not be negative: -1"),
        ({"first": 1.5}, "first must be a whole number of rows, not float"),
        ({"max_failures": "1%"}, "max_failures must be a whole number of rows, not str"),
        ({"max_failures": True}, "not bool"),
        ({"priority": "high"}, "priority must be"),
        ({"memo": {"a": object()}}, "object"),
        ({"settings": {"a": object()}}, "object"),
        ({"timeline": bulk.Timeline}, r"timeline must be a bulk.Timeline\(\), not <class"),
    ],
)
async def test_what_is_no_argument_of_a_run_is_told_before_anything_is_sent(
    emulator: Emulator, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    async with client(emulator) as tim:
        said: dict[str, Any] = {
            "operation": tim.push.clear_tags,
            "source": ["u1"],
            "journal": tmp_path / "it.job",
            **change,
        }
        with pytest.raises((TypeError, ValueError, RuntimeError, bulk.JournalError), match=told):
            await bulk.run(**said)
    assert (calls(emulator), list(tmp_path.iterdir())) == (0, [])  # noqa: ASYNC240 - a test may look


async def test_broken_rows_of_an_asynchronous_source_have_their_outcome_too(emulator: Emulator) -> None:
    async def names() -> AsyncIterator[Any]:
        yield "u1"
        yield 2
        yield "u3"

    async with client(emulator) as tim:
        report = await bulk.run(tim.push.clear_tags, names())
    assert (report.counts["Ok"], report.counts["NotSent"]) == (2, 1)
    assert [str(trouble) for trouble in report.troubles] == ["NotSent, row 2: an account must be a str, not int"]


def test_the_public_names_are_there_and_no_others() -> None:
    assert set(bulk.__all__) < set(dir(bulk))
    assert bulk.__all__ == sorted(bulk.__all__)
    for name in bulk.__all__:
        assert getattr(bulk, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'jobs'"):
        bulk.jobs  # noqa: B018
