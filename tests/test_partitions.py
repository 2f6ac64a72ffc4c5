"""Partitions: all of one is done and told, or it is done again; and never by two at once."""

import asyncio
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from tim_async import Client, CredentialsError, bulk
from tim_async.bulk.partitions.lease import Mark
from tim_async.emulator import DEMO_KEY, Emulator

NAMES = [f"u{number}" for number in range(300)]
PLACES = ["{}/part.outcomes", "{}/part.csv", "{}/part.parquet", "file://{}/part.jsonl", "memory://{}/part.jsonl"]


def client(emulator: Emulator, secret_key: str = DEMO_KEY, **more: Any) -> Client:
    more.setdefault("limiter", None)
    return Client(sdk_app_id=emulator.sdk_app_id, secret_key=secret_key, base_url=emulator.url, **more)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(rate=math.inf) as emulator:
        emulator.accounts.add(*NAMES)
        yield emulator


@pytest.fixture
async def tim(emulator: Emulator) -> AsyncIterator[Client]:
    async with client(emulator) as tim:
        yield tim


def calls(emulator: Emulator) -> int:
    return len(emulator.books.calls)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def marks(folder: Path) -> list[Mark]:
    paths = sorted(folder.glob("part.started*"), key=lambda path: len(path.name))
    return [msgspec.json.decode(path.read_bytes(), type=Mark) for path in paths]


def killed(folder: Path, **changes: Any) -> None:
    """Make the first mark that of a process that was killed after its first call."""
    mark = msgspec.structs.replace(marks(folder)[0], **{"ended": "", "sent": True, **changes})
    (folder / "part.started").write_bytes(msgspec.json.encode(mark))


@pytest.mark.parametrize("place", PLACES)
async def test_the_outcomes_come_whole_and_the_same_again_sends_nothing(
    emulator: Emulator, tim: Client, tmp_path: Path, place: str
) -> None:
    place = place.format(tmp_path)
    items = [*NAMES, "nobody", "", "u0"]
    report = await bulk.run_partition(tim.accounts.check, items, place)
    assert (report.outcomes, report.earlier, report.resumable, report.open) == (place, False, False, 0)
    sent = calls(emulator)
    again = await bulk.run_partition(tim.accounts.check, items, place)
    assert calls(emulator) == sent
    assert again.earlier
    assert (again.counts, again.total, again.last_row) == (report.counts, 303, 303)
    assert [str(trouble) for trouble in again.troubles] == [str(trouble) for trouble in report.troubles]
    if "://" not in place:
        assert names(tmp_path) == {Path(place).name, "part.started"}


async def test_parquet_holds_the_values_as_json(tim: Client, tmp_path: Path) -> None:
    await bulk.run_partition(tim.push.get_attributes, NAMES[:2], tmp_path / "part.parquet")
    assert pq.read_table(tmp_path / "part.parquet").to_pylist()[0] == {
        "row": 1, "account": "u0", "outcome": "Ok", "code": None, "info": "", "reason": "", "value": "{}"
    }
    await bulk.run_partition(tim.accounts.check, ["u"] * 10_001, tmp_path / "many.parquet")
    assert pq.ParquetFile(tmp_path / "many.parquet").num_row_groups == 2


async def test_what_was_killed_is_done_anew_as_what_may_have_been_sent(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    place = tmp_path / "part.outcomes"
    await bulk.run_partition(tim.accounts.delete, NAMES, place)
    place.unlink()
    killed(tmp_path, lease=0.5)
    report = await bulk.run_partition(tim.accounts.delete, NAMES, place)
    assert (report.counts["Ok"], report.assumed, report.outcomes) == (300, 300, str(place))
    killed(tmp_path)  # the newest mark counts
    place.unlink()
    report = await bulk.run_partition(tim.accounts.delete, NAMES, place)
    assert (report.assumed, [mark.ended for mark in marks(tmp_path)]) == (300, ["", *["all rows told"] * 2])


async def test_what_must_not_be_sent_twice_is_not_and_its_partition_is_done(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    place = tmp_path / "part.outcomes"
    push = tim.push.send_to.of(offline_push_info={"Title": "a", "Desc": "b"})
    await bulk.run_partition(push, NAMES, place)
    place.unlink()
    sent = calls(emulator)
    report = await bulk.run_partition(push, NAMES, place)
    assert calls(emulator) == sent
    assert (report.counts["Unknown"], report.open, report.outcomes) == (300, 0, str(place))


async def test_a_start_that_could_do_nothing_leaves_no_doubt(emulator: Emulator, tim: Client, tmp_path: Path) -> None:
    place, message = tmp_path / "part.outcomes", {"Title": "a", "Desc": "b"}
    async with client(emulator, "a" * 64) as wrong:
        report = await bulk.run_partition(wrong.push.send_to.of(offline_push_info=message), NAMES, place)
    assert isinstance(report.stopped_by, CredentialsError)
    assert (report.resumable, report.outcomes) == (True, None)
    report = await bulk.run_partition(tim.push.send_to.of(offline_push_info=message), NAMES, place)
    assert report.counts["Ok"] == 300


async def test_while_one_works_the_second_is_kept_out_however_often_it_tries(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    place = tmp_path / "part.outcomes"
    begun, go = asyncio.Event(), asyncio.Event()

    class Held(bulk.ItemSource):
        async def _await(self, items: Any) -> AsyncIterator[Any]:
            begun.set()
            await go.wait()
            async for row in super()._await(items):
                yield row

        fingerprint = bulk.Fingerprint(1, "the same")  # type: ignore[assignment] # as of a file that can be read again

    async def slowly() -> AsyncIterator[str]:
        for name in NAMES:
            yield name

    first = asyncio.create_task(bulk.run_partition(tim.accounts.delete, Held(slowly()), place, lease=1.0))
    await begun.wait()
    for _ in range(2):
        with pytest.raises(bulk.JournalHeld, match=f"part.started is held by process {os.getpid()} on "):
            await bulk.run_partition(tim.accounts.delete, Held(slowly()), place, lease=1.0)
    go.set()
    report = await first
    assert (report.counts["Ok"], report.assumed, calls(emulator)) == (300, 0, 3)
