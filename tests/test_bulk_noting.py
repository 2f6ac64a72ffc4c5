"""Outcomes that come together are noted together, and the journal is the same as if each had been noted by itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from servers import Call, Puppet, client_of, yes
from thorough import examples

from tim_async import NotSent, Ok, Outcome, Rejected, Unknown, bulk
from tim_async.bulk.journal.ahead import Ahead
from tim_async.bulk.journal.opened import Job, open_journal
from tim_async.bulk.journal.recorder import Recorder
from tim_async.bulk.rows import Row
from tim_async.bulk.sending import Sending
from tim_async.bulk.standing import Known

Told = tuple[str, int | None, str, bool, bool, str | None]

OUTCOMES: list[Outcome[Any]] = [
    Ok(0, "a", None),
    Ok(0, "a", None, assumed=True),
    Ok(0, "a", ("read", "of it")),
    Ok(0, "a", "something else"),
    Rejected(0, "a", 70107, "said so", "not there"),
    Unknown(0, "a", None, "", "no answer"),
    NotSent(0, "a", None, "", "the client was closed"),
]
BROKEN = "broken"
KINDS = st.one_of(st.just(0), st.integers(0, len(OUTCOMES) - 1), st.just(BROKEN))
"""Mostly the ordinary one, so that rows side by side end alike."""


def opened(path: Path, total: int) -> Recorder:
    job = Job("accounts.delete", 1400000000, {}, {}, total, "digest")
    source = {"name": "x", "count": total, "description": {}, "columns": [], "column": None}
    found = open_journal(path, job, {"source": source, "memo": {}}, window=1.0, rested_ok=True, deletes=False)
    return Recorder(found.store, found.lock, found.endings, call=3, exact=False, promised=0, total=total)


def told_of(outcome: Outcome[Any]) -> Told:
    if isinstance(outcome, Ok):
        value = None if outcome.value is None else msgspec.json.encode(outcome.value).decode()
        return "Ok", None, "", True, outcome.assumed, value
    return type(outcome).__name__, outcome.code, outcome.reason, outcome.final, False, None


def read_back(path: Path) -> list[Told | None]:
    return [
        None if ending is None else (ending.outcome, ending.code, ending.reason, ending.final, ending.assumed, value)
        for ending, value in Known(path).rows()
    ]


async def noted(path: Path, rows: list[Row], groups: list[list[Outcome[Any]]], *, together: bool) -> list[Told | None]:
    """What a journal says of rows whose outcomes came in these groups."""
    recording = opened(path, len(rows))

    def note(place: int, _row: Row, outcome: Outcome[Any]) -> None:
        recording.note(place, outcome)

    fine = recording.note_fine if together else None
    job = Sending(iter(enumerate(rows)), item=lambda row: row.account, settle=note, settle_fine=fine, lose=note)
    sent = list(job._source(iter(enumerate(rows))))
    if sent:
        await recording.promise([place for place, row in enumerate(rows) if not row.problem])
    for group in groups:
        job._settled(group, goes_on=True)
    assert not job._open
    await recording.close("done")
    assert recording.failure is None
    return read_back(path)


def groups_of(outcomes: list[Outcome[Any]], sizes: list[int]) -> Iterator[list[Outcome[Any]]]:
    rest = iter(outcomes)
    for size in [*sizes, len(outcomes)]:
        yield [outcome for _, outcome in zip(range(size), rest, strict=False)]


@examples(60)
@given(st.lists(KINDS, max_size=40), st.randoms(use_true_random=False), st.lists(st.integers(1, 12)), st.booleans())
@example([0, 0, 0], Random(1), [], True)
@example([0, BROKEN, 0, 1, 1, 0, 2, 2, 3, 0, 4, 0], Random(1), [5], True)
def test_whatever_comes_each_row_has_its_own_outcome_in_the_journal_noted_together_or_one_by_one(
    kinds: list[Any], dice: Random, sizes: list[int], in_order: bool
) -> None:
    rows = [Row(place + 1, f"u{place}", {}, BROKEN if kind == BROKEN else "") for place, kind in enumerate(kinds)]
    sent = [place for place, kind in enumerate(kinds) if kind != BROKEN]
    outcomes = [msgspec.structs.replace(OUTCOMES[kinds[place]], index=index) for index, place in enumerate(sent)]
    if not in_order:
        dice.shuffle(outcomes)
    expected = [
        ("NotSent", None, BROKEN, True, False, None) if kind == BROKEN else told_of(OUTCOMES[kind]) for kind in kinds
    ]
    groups = list(groups_of(outcomes, sizes))
    for together in (True, False):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "it.job"
            assert asyncio.run(noted(path, rows, groups, together=together)) == expected


FATES = {"gone": 70107, "odd": 70105}


def answer(call: Call) -> dict[str, Any]:
    """Yes to all, but for those whose name says something else."""
    reply = yes(call)
    for item in reply["ResultItem"]:
        item["ResultCode"] = FATES.get(item["UserID"].partition("-")[0], 0)
    return reply


@examples(12)
@given(st.lists(st.tuples(st.sampled_from(["fine", "fine", "gone", "odd", BROKEN]), st.integers(1, 60)), max_size=8))
@example([("fine", 90), ("fine", 90), ("gone", 1), ("fine", 90), (BROKEN, 3), ("fine", 40)])
def test_a_run_says_the_same_of_each_row_whether_its_outcomes_are_told_one_by_one_or_together(
    stretches: list[tuple[str, int]],
) -> None:
    items = [
        place if fate == BROKEN else f"{fate}-{place}"
        for place, fate in enumerate(fate for fate, count in stretches for _ in range(count))
    ]

    async def main(folder: Path) -> None:
        records: list[bulk.Record] = []
        async with Puppet(answer) as puppet, client_of(puppet, limiter=None, max_in_flight=4) as tim:
            delete = tim.accounts.delete
            bare = await bulk.run(delete, items)
            together = await bulk.run(delete, items, journal=folder / "together.job")
            by_row = await bulk.run(delete, items, journal=folder / "by_row.job", sink=records.append)
        told = sorted((record.row, record.outcome, record.code) for record in records)
        for name in ("together.job", "by_row.job"):
            found = [(row, told[0], told[1]) for row, told in enumerate(read_back(folder / name), 1) if told]
            assert found == told
        assert bare.counts == together.counts == by_row.counts
        assert sum(bare.counts.values()) == len(items) == len(told)
        assert (bare.open, together.open, by_row.open) == (0, 0, 0)
        assert {str(each) for each in together.troubles} == {str(each) for each in by_row.troubles}

    with TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


@pytest.mark.parametrize("kept", [False, True])
async def test_a_row_is_told_once_also_where_telling_the_rows_before_it_fails(kept: bool) -> None:
    rows = [Row(place + 1, f"{'gone' if place == 50 else 'fine'}-{place}", {}) for place in range(100)]
    told, lost = list[int](), list[int]()

    def fails(first: int, count: int) -> None:
        told.extend(range(first, first + count))
        raise ZeroDivisionError

    def settle(place: int, _row: Row, _outcome: Outcome[Any]) -> None:
        told.append(place)

    def lose(place: int, _row: Row, _outcome: Outcome[Any]) -> None:
        lost.append(place)

    async def promise(_places: Sequence[int]) -> None:
        """A journal: it keeps also what comes after a failure."""

    job = Sending(iter(enumerate(rows)), item=lambda row: row.account, settle=settle, settle_fine=fails, lose=lose)
    async with Puppet(answer) as puppet, client_of(puppet, limiter=None) as tim:
        with pytest.raises(ZeroDivisionError):
            await job.run(tim.accounts.delete.stream, promise=promise if kept else None)
    assert told == list(range(100 if kept else 50))
    assert lost == list(range(len(told), 100))


async def test_what_is_no_stream_of_ours_is_told_one_by_one() -> None:
    told: list[int] = []

    @asynccontextmanager
    async def stream(source: Iterator[str], **_options: Any) -> AsyncGenerator[AsyncIterator[Outcome[Any]]]:
        async def outcomes() -> AsyncIterator[Outcome[Any]]:
            for index, account in enumerate(source):
                yield Ok(index, account, None)

        yield outcomes()

    def settle_fine(first: int, count: int) -> None:
        told.extend((first, count))

    rows = [Row(1, "a", {}), Row(2, "b", {})]
    job = Sending(
        iter(enumerate(rows)), item=lambda row: row.account, settle=print, settle_fine=settle_fine, lose=print
    )
    await job.run(stream)
    assert told == [0, 1, 1, 1]


class Retold:
    """An operation of ours with a stream of a program's own, which tells one outcome of nobody."""

    def __init__(self, operation: Any, stray: Outcome[Any]) -> None:
        self.endpoint, self.options = operation.endpoint, operation.options
        self.sdk_app_id = operation.sdk_app_id
        self._operation, self._stray = operation, stray

    @asynccontextmanager
    async def stream(self, batch: Any, /, **options: Any) -> AsyncGenerator[AsyncIterator[Outcome[Any]]]:
        async with self._operation.stream(batch, **options) as outcomes:

            async def told() -> AsyncIterator[Outcome[Any]]:
                async for outcome in outcomes:
                    yield outcome
                    if outcome.index == 50:
                        yield self._stray

            yield told()


@pytest.mark.parametrize("index", [50, 10**6])
async def test_what_a_foreign_stream_tells_of_nobody_ends_the_run_and_what_is_in_flight_is_kept(
    tmp_path: Path, index: int
) -> None:
    async with Puppet(answer) as puppet, client_of(puppet, limiter=None, max_in_flight=4) as tim:
        items = [f"fine-{place}" for place in range(5_000)]
        operation = Retold(tim.accounts.delete, Ok(index, "fine", None))
        with pytest.raises(KeyError, match=str(index)):
            await bulk.run(operation, items, journal=tmp_path / "it.job")
    standing = bulk.standing_of(tmp_path / "it.job")
    assert standing.counts["Ok"] == sum(len(call.accounts) for call in puppet.calls) < len(items)


def test_at_the_pace_of_the_limit_three_calls_are_promised_ahead_and_those_of_the_next_30_ms_at_a_quicker_one() -> None:
    ahead, now, found = Ahead(100), 1000.0, list[int]()
    for pause in (0.01, 0.001, 0.1, 5.0):  # seconds between two calls
        for _ in range(100):
            now += pause
            ahead.sends(100)
            found.append(ahead.rows(now))
    assert set(found[:100]) == set(found[210:]) == {300}
    assert max(found[100:130]) < 600  # of the slower calls before
    assert all(2_900 <= rows <= 3_100 for rows in found[140:200])


def test_a_burst_promises_no_more_than_three_calls_ahead_before_its_pace_is_known() -> None:
    ahead = Ahead(500)
    for _ in range(50):
        ahead.sends(500)
        assert ahead.rows(7.0) == 1500
