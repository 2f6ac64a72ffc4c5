"""Every row that is taken gets exactly one outcome, whatever happens."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tim_async import BatchError, Client, ClientClosed, CredentialsError
from tim_async.bulk.reading import InputError, Row, RowError
from tim_async.bulk.sending import Sending
from tim_async.bulk.writing import Record, record
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.outcomes import Outcome

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is


def rows(count: int) -> Iterator[Row]:
    return (Row(number, f"u{number}", {}) for number in range(2, count + 2))


def account(row: Row) -> str:
    return row.account


def sending(
    source: Iterator[Row], settle: Callable[[Record], object], *, item: Callable[[Row], str] = account
) -> Sending:
    def told(_place: int, row: Row, outcome: Outcome[Any]) -> None:
        settle(record(row.number, outcome))

    return Sending(iter(enumerate(source)), item=item, settle=told, lose=told)


def client(emulator: Emulator, *, secret_key: str = DEMO_KEY, close_timeout: float = 5.0) -> Client:
    return Client(
        sdk_app_id=emulator.sdk_app_id, secret_key=secret_key, base_url=emulator.url, close_timeout=close_timeout
    )


async def test_rows_keep_their_numbers_whatever_the_order_of_the_answers() -> None:
    records: list[Record] = []
    async with Emulator(latency=0.01) as emulator, client(emulator) as tim:
        emulator.accounts.add(*(f"u{number}" for number in range(2, 502)))
        job = sending(rows(500), records.append)
        await job.run(tim.push.get_tags.stream)
    assert sorted((record.row, record.account) for record in records) == [(row, f"u{row}") for row in range(2, 502)]
    assert {record.outcome for record in records} == {"Ok"}
    assert (job.last_row, job.unread) == (501, False)


async def test_a_broken_row_is_not_sent_and_the_others_are() -> None:
    records: list[Record] = []
    source = iter([Row(2, "Mary", {}), Row(3, "Jo", {}, "it is broken"), Row(4, "", {}), Row(5, "Ann", {})])
    async with Emulator() as emulator, client(emulator) as tim:
        emulator.accounts.add("Mary", "Jo", "Ann")
        await sending(source, records.append).run(tim.accounts.delete.stream)
        assert list(emulator.accounts) == ["Jo"]
    by_row = {record.row: record for record in records}
    assert [by_row[row].outcome for row in (2, 3, 4, 5)] == ["Ok", "NotSent", "NotSent", "Ok"]
    assert by_row[3].reason == "it is broken"
    assert by_row[4].code == 70402


async def test_a_row_of_which_nothing_can_be_made_is_not_sent_and_the_others_are() -> None:
    records: list[Record] = []

    def item(row: Row) -> str:
        if row.account == "u3":
            raise RowError("it makes no sense")
        return row.account

    async with Emulator() as emulator, client(emulator) as tim:
        emulator.accounts.add("u2", "u4")
        await sending(rows(3), records.append, item=item).run(tim.push.get_tags.stream)
    assert {record.row: (record.outcome, record.reason) for record in records} == {
        2: ("Ok", ""),
        3: ("NotSent", "it makes no sense"),
        4: ("Ok", ""),
    }


async def test_a_source_that_breaks_is_told_by_its_own_error_after_all_that_was_taken() -> None:
    records: list[Record] = []

    def source() -> Iterator[Row]:
        yield from rows(250)
        raise InputError("the file has changed")

    async with Emulator() as emulator, client(emulator) as tim:
        job = sending(source(), records.append)
        with pytest.raises(InputError, match="the file has changed"):
            await job.run(tim.push.get_tags.stream)
    assert sorted(record.row for record in records) == list(range(2, 252))
    assert job.unread


async def test_what_stops_the_operation_is_raised_after_all_that_was_taken() -> None:
    records: list[Record] = []
    async with Emulator() as emulator, client(emulator, secret_key="wrong") as tim:
        job = sending(rows(100_000), records.append)
        with pytest.raises(CredentialsError):
            await job.run(tim.push.get_tags.stream)
    assert sorted(record.row for record in records) == list(range(2, job.last_row + 1))
    assert job.unread
    assert "Ok" not in {record.outcome for record in records}


async def test_closing_the_client_ends_the_job_with_a_record_for_every_row_that_was_taken() -> None:
    records: list[Record] = []
    async with Emulator(latency=0.05) as emulator, client(emulator) as tim:
        enough = asyncio.Event()

        def settle(record: Record) -> None:
            records.append(record)
            enough.set()

        job = sending(rows(100_000), settle)
        running = asyncio.create_task(job.run(tim.push.get_tags.stream))
        await enough.wait()
        await tim.aclose()
        with pytest.raises(ClientClosed):
            await running
    assert job.unread
    assert sorted(record.row for record in records) == list(range(2, job.last_row + 1))


async def test_the_rows_on_their_way_are_unknown_when_the_job_is_cancelled() -> None:
    records: list[Record] = []
    async with Emulator(latency=30) as emulator, client(emulator, close_timeout=0) as tim:
        taken = asyncio.Event()

        def item(row: Row) -> str:
            taken.set()
            return row.account

        job = sending(rows(300), records.append, item=item)
        running = asyncio.create_task(job.run(tim.push.get_tags.stream))
        await taken.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert {record.reason for record in records} == {"interrupted before an answer came"}
    assert [record.row for record in records] == list(range(2, 302))


async def test_a_record_that_cannot_be_written_ends_the_job() -> None:
    def full(_: Record) -> None:
        raise OSError(28, "No space left on device")

    async with Emulator() as emulator, client(emulator) as tim:
        with pytest.raises(OSError, match="No space left"):
            await sending(rows(3), full).run(tim.push.get_tags.stream)
        with pytest.raises(OSError, match="No space left"):
            await sending(iter([Row(2, "a", {}, "broken")]), full).run(tim.push.get_tags.stream)


async def test_a_batch_error_that_is_no_failure_of_the_source_stays_as_it_is() -> None:
    async with Emulator() as emulator, client(emulator) as tim:
        mine = BatchError(await tim.push.get_tags([]))

        def broken(_: Record) -> None:
            raise mine

        with pytest.raises(BatchError) as caught:
            await sending(rows(1), broken).run(tim.push.get_tags.stream)
        assert caught.value is mine
