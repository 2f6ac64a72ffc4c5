"""Partitions: all of one is done and told, or it is done again; and never by two at once."""

import asyncio
import math
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from tim_async import Client, CredentialsError, bulk
from tim_async.bulk.partitions.lease import Mark
from tim_async.bulk.partitions.store import store_of
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
        "row": 1,
        "account": "u0",
        "outcome": "Ok",
        "code": None,
        "info": "",
        "reason": "",
        "value": "{}",
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


async def test_what_a_guard_stopped_stays_stopped_until_somebody_says_more(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    many = [*NAMES, *(f"nobody{number}" for number in range(3_000))]
    first = await bulk.run_partition(tim.accounts.delete, many, tmp_path / "part", max_failures=50)
    sent = calls(emulator)
    assert isinstance(first.stopped_by, bulk.TooManyFailures)
    assert first.counts["Rejected"] > 50
    for _ in range(2):
        again = await bulk.run_partition(tim.accounts.delete, many, tmp_path / "part", max_failures=50)
        assert str(again.stopped_by) == f"{first.stopped_by}; that was in an earlier start, so to go on allow more"
        assert (again.outcomes, again.open, again.resumable, calls(emulator)) == (None, 3_300, True, sent)
    last = await bulk.run_partition(tim.accounts.delete, many, tmp_path / "part")
    assert (last.counts["Ok"], last.open, calls(emulator)) == (3_300, 0, sent + 33)


async def test_a_guard_that_stopped_what_had_no_effect_may_be_asked_again(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    nobody = [f"nobody{number}" for number in range(300)]
    first = await bulk.run_partition(tim.accounts.delete, nobody, tmp_path / "part", max_failures=50)
    assert isinstance(first.stopped_by, bulk.TooManyFailures)
    sent = calls(emulator)
    emulator.accounts.add(*nobody)
    assert (await bulk.run_partition(tim.accounts.delete, nobody, tmp_path / "part", max_failures=50)).ok
    assert calls(emulator) == sent + 3


async def test_while_one_works_the_second_is_kept_out_however_often_it_tries(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    place = tmp_path / "part.outcomes"
    begun, go = asyncio.Event(), asyncio.Event()

    class Held(bulk.ItemSource):
        async def rows(self) -> AsyncIterator[Any]:
            begun.set()
            await go.wait()
            for row in super()._read(NAMES):
                yield row

    first = asyncio.create_task(bulk.run_partition(tim.accounts.delete, Held(NAMES), place, lease=4.0))
    await begun.wait()
    for _ in range(2):
        with pytest.raises(bulk.JournalHeld, match=f"part.started is held by process {os.getpid()} on "):
            await bulk.run_partition(tim.accounts.delete, Held(NAMES), place, lease=4.0)
    go.set()
    report = await first
    assert (report.counts["Ok"], report.assumed, calls(emulator)) == (300, 0, 3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"operation": "delete"}, "the operation is one of a client, .* not str"),
        ({"item": None}, "item must be a function, not NoneType"),
        ({"on_progress": "x"}, "on_progress must be a function, not str"),
        ({"source": "part.csv"}, "a str is not a list of accounts"),
        ({"max_failures": 0.5}, "max_failures must be a whole number of rows, not float"),
        ({"priority": "high"}, "priority must be"),
    ],
)
async def test_what_is_no_argument_of_a_partition_is_told_before_its_start_is_marked(
    emulator: Emulator, tim: Client, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    base = {"operation": tim.accounts.delete, "source": NAMES, "outcomes": tmp_path / "part"}
    said: dict[str, Any] = {**base, **change}
    with pytest.raises((TypeError, ValueError), match=told):
        await bulk.run_partition(**said)
    assert (calls(emulator), names(tmp_path)) == (0, set())


async def refused(tim: Client, place: Any, items: Any = NAMES, **more: Any) -> str:
    with pytest.raises((bulk.JournalError, bulk.InputError, ValueError)) as told:
        await bulk.run_partition(tim.accounts.delete, items, place, **more)
    return f"{type(told.value).__name__}: {told.value}"


async def test_what_cannot_be_a_partition_is_refused_in_a_line(
    emulator: Emulator, tim: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "part"
    assert "the items can be read only once" in await refused(tim, part, iter(NAMES))
    assert "ValueError: a lease lasts 0.5 s at least" in await refused(tim, part, lease=0.1)
    assert "ValueError: a lease lasts 0.5 s at least" in await refused(tim, part, lease=math.nan)
    assert "ValueError: max_failures must not be negative: -1" in await refused(tim, part, max_failures=-1)
    assert "InputError: there is no folder" in await refused(tim, tmp_path / "no" / "part")
    assert "has no name" in await refused(tim, f"{tmp_path}/")
    assert "not a place that fsspec knows" in await refused(tim, "nothing://part/x")
    assert "needs a package" in await refused(tim, "s3://bucket/part")
    (tmp_path / "part.jsonl").write_text("not an outcome\n")
    assert "JournalBroken" in await refused(tim, tmp_path / "part.jsonl")
    (tmp_path / "it.parquet").write_text("not an outcome\n")
    assert "JournalBroken" in await refused(tim, tmp_path / "it.parquet")
    (tmp_path / "a.started").write_text("{}")
    assert "JournalBroken: a.started is not a mark" in await refused(tim, tmp_path / "a.jsonl")
    (tmp_path / "b.started").mkdir()
    assert "b.started cannot be read" in await refused(tim, tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").mkdir()
    assert "c.jsonl cannot be read" in await refused(tim, tmp_path / "c.jsonl")
    await bulk.run_partition(tim.accounts.check, NAMES, part)
    part.unlink()
    assert "JournalUnlike: part.started is the journal of accounts.check" in await refused(tim, part)
    for package in ("pyarrow", "fsspec"):
        monkeypatch.setitem(sys.modules, package, None)
    assert "pip install 'tim-async[parquet]'" in await refused(tim, tmp_path / "p.parquet")
    assert "pip install 'tim-async[remote]'" in await refused(tim, "s3://bucket/part")
    assert calls(emulator) == 3


async def test_a_folder_that_becomes_unwritable_ends_it_before_a_call(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"

    class Spoils(bulk.ItemSource):
        """Takes the folder away when the rows are read."""

        def rows(self) -> Any:
            folder.rename(tmp_path / "elsewhere")
            return super().rows()

    folder.mkdir()
    report = await bulk.run_partition(tim.accounts.delete, Spoils(NAMES), folder / "part.jsonl")
    assert isinstance(report.stopped_by, bulk.JournalFull)
    assert (report.resumable, report.counts["NotSent"], calls(emulator)) == (True, 300, 0)


@pytest.mark.parametrize("name", ["part.jsonl", "part.parquet"])
async def test_outcomes_that_cannot_be_put_leave_a_partition_that_is_run_again(
    tim: Client, tmp_path: Path, name: str
) -> None:
    class Blocks(bulk.ItemSource):
        """Puts something else in the place of the outcomes when all rows were sent."""

        def check(self) -> None:
            (tmp_path / name / "x").mkdir(parents=True)

    report = await bulk.run_partition(tim.accounts.check, Blocks(NAMES), tmp_path / name)
    assert isinstance(report.stopped_by, bulk.JournalFull)
    assert (report.resumable, report.open, report.outcomes) == (True, 300, None)
    assert names(tmp_path) == {name, "part.started"}


async def test_an_error_of_the_program_lets_others_have_the_partition(tim: Client, tmp_path: Path) -> None:
    def item(_: bulk.Row) -> str:
        raise KeyError("of the program")

    with pytest.raises(KeyError):
        await bulk.run_partition(tim.accounts.check, NAMES, tmp_path / "part", item=item)
    assert [mark.ended for mark in marks(tmp_path)] == ["failed"]


@pytest.mark.parametrize("of", [1, 3, 16])
def test_the_parts_are_the_whole_and_an_account_is_in_one_of_them(of: int) -> None:
    items = [*NAMES, "u1", "", *NAMES]
    parts = [bulk.Part(bulk.ItemSource(items), index, of) for index in range(of)]
    rows = [list(part.rows()) for part in parts]
    assert sorted(row.number for part in rows for row in part) == list(range(1, len(items) + 1))
    assert all(part == sorted(part) for part in rows)
    assert sum(len({row.account for row in part}) for part in rows) == len(set(items))
    assert [part.count for part in parts] == [len(part) for part in rows]
    assert len({part.fingerprint for part in parts}) == of
    next(parts[0].rows())
    assert list(parts[0].rows()) == rows[0]
    assert (parts[0].columns, parts[0].column, parts[0].description) == ((), None, {})
    parts[0].check()


@pytest.mark.parametrize("index", [-1, 4])
def test_a_part_that_is_not_there_is_told(index: int) -> None:
    with pytest.raises(bulk.InputError, match=rf"there is no part {index}/4; .* 0/4 to 3/4"):
        bulk.Part(bulk.ItemSource(NAMES), index, 4)
    with pytest.raises(bulk.InputError, match="read only once, so it has no parts"):
        bulk.Part(bulk.ItemSource(iter(NAMES)), 0, 4)


async def test_a_store_whose_driver_fails_is_told_by_its_place(tim: Client, tmp_path: Path) -> None:
    store, _ = store_of("memory://errors/part.jsonl")
    assert (store.read("nothing"), store.create("it", b"1"), store.create("it", b"2")) == (None, True, False)
    store.replace("it", b"3")
    assert store.read("it") == b"3"
    with pytest.raises(FileNotFoundError):
        store.open("nothing")
    (tmp_path / "it").mkdir()
    local, _ = store_of(f"local://{tmp_path}/part.jsonl")
    with pytest.raises(bulk.JournalFull, match=f"local://{tmp_path}/it cannot be written: "):
        local.replace("it", b"")
    folder, _ = store_of(tmp_path / "part.jsonl")
    with pytest.raises(bulk.JournalError, match="cannot be written: No such file"):
        folder.create("no/such/folder", b"")
    assert [folder.create("new", b"") for _ in range(2)] == [True, False]


async def test_an_end_that_comes_while_the_mark_is_looked_at_is_taken(
    emulator: Emulator, tim: Client, tmp_path: Path
) -> None:
    place = tmp_path / "part.outcomes"
    await bulk.run_partition(tim.accounts.check, NAMES, place)
    done, sent = place.read_bytes(), calls(emulator)
    place.unlink()
    looks: list[int] = []

    class Late(bulk.ItemSource):
        """Lets the outcomes appear after the first look for them, when the job is compared with the mark's."""

        @property
        def fingerprint(self) -> bulk.Fingerprint | None:
            looks.append(1)
            if len(looks) == 2:
                place.write_bytes(done)
            return super().fingerprint

    report = await bulk.run_partition(tim.accounts.check, Late(NAMES), place)
    assert (report.earlier, calls(emulator)) == (True, sent)
    assert marks(tmp_path)[-1].ended == "done by another start"
