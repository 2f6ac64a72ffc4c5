"""What the calls of a run did is kept second by second, and adds up whatever is stopped, resumed or tried again."""

import math
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from servers import Puppet, client_of, refuse, yes
from test_bulk_journal import opened, recorder

from tim_async import CallEvent, Event, LaneSlowed, PauseBegun, PauseEnded, RepeatEvent, bulk
from tim_async.bulk.journal.seconds import Second, latency_of, number_of, percentile
from tim_async.bulk.journal.store import Batch, Store
from tim_async.emulator import Emulator, Fault, Faults

PATH = "im_open_login_svc/account_delete"
FINE = CallEvent(PATH, items=100, attempt=1, seconds=0.05, seconds_waited=0.0, code=0, error="", started=10.2)
LOST = replace(FINE, code=None, error="no answer", attempt=2)


class Clock:
    """Says what it was told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def timeline(now: float = 10.0) -> tuple[bulk.Timeline, Clock]:
    clock = Clock(now)
    watching = bulk.Timeline(clock)
    watching.begin(PATH)
    return watching, clock


def told(journal: Path) -> dict[int, Second]:
    store = Store(journal, writes=False)
    try:
        return dict(store.seconds())
    finally:
        store.close()


def test_a_call_counts_in_the_second_in_which_it_was_sealed() -> None:
    watching, _ = timeline()
    watching(replace(FINE, started=12.1))
    watching(FINE)
    watching(replace(LOST, started=10.9, items=3))
    near = number_of(0.05)
    first = Second(calls=2, items=103, repeats=1, failed=1, latencies={near: 1})
    assert watching.take() == [(10, first), (12, Second(calls=1, items=100, latencies={near: 1}))]
    assert watching.take() == []
    watching(replace(FINE, started=10.1, code=70107))  # its answer was late: to be added to what was taken
    assert watching.take() == [(10, Second(calls=1, items=100, latencies={near: 1}))]


def test_what_is_not_of_the_command_and_what_comes_before_and_after_the_run_is_not_counted() -> None:
    watching, _ = timeline()
    others: list[Event] = [
        replace(FINE, path="another"),
        PauseBegun("another", 5.0, "busy", whole_app=False),
        PauseEnded("another", 5.0, whole_app=False),
        LaneSlowed("another", 1.0, 100.0, "alarm"),
        RepeatEvent(PATH, ("a",), "busy", 1, 1, 1.0),
    ]
    for event in others:
        watching(event)
    assert watching.take() == []
    watching.end()
    watching(FINE)
    assert watching.take() == []


def test_a_pause_is_spread_over_its_seconds_and_two_at_once_are_one() -> None:
    watching, clock = timeline(10.25)
    watching(PauseBegun(PATH, 1.0, "too many", whole_app=False))
    clock.now = 10.75
    watching(PauseBegun("another", 2.0, "all of the app", whole_app=True))
    clock.now = 11.5
    watching(PauseEnded(PATH, 1.25, whole_app=False))
    clock.now = 12.1
    assert [(at, second.paused) for at, second in watching.take()] == [(10, 75), (11, 100), (12, 10)]
    clock.now = 12.2
    watching(PauseEnded("another", 1.45, whole_app=True))
    clock.now = 19.0
    assert [(at, second.paused) for at, second in watching.take()] == [(12, 10)]


def test_a_run_that_begins_in_a_pause_is_told_of_the_rest_of_it() -> None:
    watching, clock = timeline()
    watching.end()
    for path, whole_app in (("another", False), ("another", True), ("a third", True), (PATH, False)):
        watching(PauseBegun(path, 9.0, "too many", whole_app=whole_app))
    clock.now = 20.5
    watching.begin(PATH)
    clock.now = 21.25
    assert [(at, second.paused) for at, second in watching.take()] == [(20, 50), (21, 25)]
    watching(PauseEnded(PATH, 11.5, whole_app=False))
    watching(PauseEnded("another", 11.5, whole_app=True))  # that of another command lasts
    clock.now = 21.5
    watching.end()
    clock.now = 30.0
    assert [(at, second.paused) for at, second in watching.take()] == [(21, 25)]
    assert watching.take() == []


def test_a_machine_that_slept_through_a_pause_does_not_write_down_a_week() -> None:
    watching, clock = timeline()
    watching(PauseBegun(PATH, 1.0, "too many", whole_app=False))
    clock.now += 7 * 86_400
    assert len(watching.take()) <= 3_601


def test_what_may_leave_is_told_by_the_lane_and_whoever_wants_to_know_hears_of_each_change() -> None:
    clock, changes = Clock(10.0), list[int]()
    watching = bulk.Timeline(clock)
    watching.begin(PATH, lambda: changes.append(1))
    watching(LaneSlowed(PATH, 12.5, 100.0, "alarm"))
    assert watching.take() == [(10, Second(limit=1250))]
    watching(replace(FINE, path="another"))
    assert len(changes) == 1


@given(st.floats(0.0, 1e5))
def test_a_latency_is_kept_to_a_tenth(seconds: float) -> None:
    assert latency_of(number_of(seconds)) == pytest.approx(max(seconds, 0.001), rel=0.05)


@given(st.lists(st.integers(0, 90), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_that_of_the_sorted_list(numbers: list[int], share: float) -> None:
    wanted = sorted(numbers)[max(math.ceil(share * len(numbers) - 1e-9), 1) - 1]
    assert percentile([(number, 1) for number in numbers], share) == latency_of(wanted)


def test_of_no_answer_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None


def test_two_starts_in_one_second_add_up(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    first = Second(calls=3, items=300, repeats=1, failed=1, limit=10_000, paused=70, latencies={40: 1, 41: 1})
    second = Second(calls=2, items=200, limit=0, paused=60, latencies={41: 2})
    for each in (first, second):
        journal = opened(path)
        journal.store.write([Batch(1.0, b"", seconds=[(10, each)])])
        journal.close("done")
    both = Second(calls=5, items=500, repeats=1, failed=1, limit=10_000, paused=100, latencies={40: 1, 41: 3})
    assert told(path) == {10: both}


def test_what_could_not_be_written_counts_once_when_it_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    journal = opened(path)
    batch = Batch(1.0, b"", seconds=[(10, Second(calls=3))])
    journal.store.write([batch])
    with pytest.raises(bulk.JournalFull):
        journal.store.write([batch, Batch(2**70, b"\x90")])  # the time does not fit
    journal.store.write([batch])
    journal.close("done")
    assert told(path) == {10: Second(calls=6)}


def test_seconds_alone_are_no_entry_of_the_log(tmp_path: Path) -> None:
    journal = opened(tmp_path / "it.job")
    journal.store.write([Batch(1.0, b"", seconds=[(10, Second(calls=3))])])
    assert (journal.store.commits, journal.store.last_commit()) == (0, None)
    journal.close("done")


def test_a_damaged_second_is_told(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    journal = opened(path)
    journal.close("done")
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO seconds VALUES (10, x'c1')")
        database.commit()
    with pytest.raises(bulk.JournalBroken, match="damaged: second 10"):
        told(path)


async def test_a_second_in_which_nothing_was_answered_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "it.job"
    recording = recorder(path)
    watching, clock = timeline(10.0)
    recording.watch(watching.take)
    watching.end()
    watching.begin(PATH, recording.stir)
    watching(PauseBegun(PATH, 9.0, "too many", whole_app=False))
    clock.now = 10.5
    await recording.promise([0])
    assert told(path) == {10: Second(paused=50)}
    clock.now = 12.0
    await recording.promise([1])
    assert told(path) == {10: Second(paused=100), 11: Second(paused=100)}
    watching.end()
    await recording.close("stopped")


async def run(emulator: Any, journal: Path, accounts: list[str]) -> bulk.Report:
    watching = bulk.Timeline()
    async with client_of(emulator, hooks=[watching]) as tim:
        return await bulk.run(tim.accounts.delete, accounts, journal=journal, timeline=watching)


async def test_of_a_run_every_call_is_kept_and_a_resume_adds_its_own(tmp_path: Path) -> None:
    journal, accounts = tmp_path / "it.job", [f"user{number}" for number in range(1_000)]
    once = Faults(rules=[Fault(do="reset_after", call=3, path=PATH)])
    async with Emulator(faults=once) as emulator:
        emulator.accounts.add(*accounts)
        report = await run(emulator, journal, accounts)
        calls = len(emulator.books.calls)
    assert report.ok
    seconds = list(told(journal).values())
    assert sum(second.calls for second in seconds) == calls
    assert sum(second.items for second in seconds) == sum(len(call.items) for call in emulator.books.calls)
    assert sum(second.failed for second in seconds) == 1
    assert sum(second.repeats for second in seconds) == calls - 10
    assert sum(sum(second.latencies.values()) for second in seconds) == calls - 1
    standing = bulk.standing_of(journal)
    assert [start.how for start in standing.starts] == ["all rows sent"]


async def test_a_stop_keeps_the_calls_until_then(tmp_path: Path) -> None:
    journal = tmp_path / "it.job"
    async with Puppet(lambda _: refuse(70009)) as puppet:
        report = await run(puppet, journal, ["Mary"])
    assert report.resumable
    assert sum(second.calls for second in told(journal).values()) == len(puppet.calls) > 0
    async with Puppet(yes) as puppet:
        before = sum(second.calls for second in told(journal).values())
        assert (await run(puppet, journal, ["Mary"])).ok
    assert sum(second.calls for second in told(journal).values()) == before + 1


async def test_a_run_without_a_journal_or_without_a_timeline_keeps_nothing(tmp_path: Path) -> None:
    watching = bulk.Timeline()
    async with Puppet(yes) as puppet, client_of(puppet, hooks=[watching]) as tim:
        assert (await bulk.run(tim.accounts.delete, ["Mary"], timeline=watching)).ok
        assert (await bulk.run(tim.accounts.delete, ["Mary"], journal=tmp_path / "it.job")).ok
    assert watching.take() == []
    assert told(tmp_path / "it.job") == {}


async def test_how_the_lane_stands_gives_the_limit() -> None:
    watching, _ = timeline()
    async with Puppet(yes) as puppet, client_of(puppet, hooks=[watching], limits={PATH: 50.0}) as tim:
        await tim.accounts.delete(["Mary"])
    assert [second.limit for _, second in watching.take() if second.limit] == [5_000]


async def test_one_timeline_does_not_watch_two_runs_at_once(tmp_path: Path) -> None:
    watching, other = bulk.Timeline(), tmp_path / "other.job"
    async with Puppet(yes) as puppet, client_of(puppet, hooks=[watching]) as tim:

        async def accounts() -> AsyncIterator[str]:
            with pytest.raises(ValueError, match="the timeline watches another run"):
                await bulk.run(tim.accounts.delete, ["Bob"], journal=other, timeline=watching)
            yield "Mary"

        assert (await bulk.run(tim.accounts.delete, accounts(), journal=tmp_path / "one.job", timeline=watching)).ok
        assert bulk.standing_of(other).starts[-1].how == "refused before anything was sent"
        assert (await bulk.run(tim.accounts.delete, ["Bob"], journal=other, timeline=watching)).ok
    for path in (tmp_path / "one.job", other):
        assert sum(second.calls for second in told(path).values()) == 1


async def test_a_timeline_that_is_no_hook_is_told_once_a_call_was_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watching, journal = bulk.Timeline(), tmp_path / "it.job"
    async with Puppet(yes) as puppet, client_of(puppet) as tim:
        for accounts in ([""], ["Mary"]):
            assert not caplog.records
            await bulk.run(
                tim.accounts.delete, accounts, journal=tmp_path / f"{len(accounts[0])}.job", timeline=watching
            )
    (record,) = caplog.records
    assert record.getMessage().endswith("4.job will tell nothing of calls: the timeline is none of the client's hooks")
    async with Puppet(yes) as puppet, client_of(puppet, hooks=[watching]) as tim:
        await bulk.run(tim.accounts.delete, ["Mary"], journal=journal, timeline=watching)
    assert len(caplog.records) == 1
