"""A run with a journal: stopped at any moment it goes on, and what it tells is what was done."""

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from servers import Puppet, client_of

from tim_async import Client, ClientClosed, CredentialsError, bulk
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
    assert sorted(os.listdir(tmp_path)) == ["it.job", "users.csv"]  # noqa: PTH208 - in an async function
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
    assert (standing.done, standing.maybe, standing.held_by) == (
        0,
        200,
        "",
    )  # all that was taken, and nothing that was only promised


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
