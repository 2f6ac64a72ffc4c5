"""A plan says what a run would do, by the same checks, and nothing is sent; guards end a run where they say."""

import json
import math
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tim_async import Client, bulk
from tim_async.emulator import DEMO_KEY, Emulator

NAMES = [*(f"u{number}" for number in range(240)), "x,y,z", "u7", "z" * 40, ""]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(rate=math.inf) as emulator:
        emulator.accounts.add(*NAMES[:240])
        yield emulator


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text("".join(f"{line}\n" for line in ["account,x", *(f"{name},1" for name in NAMES)]))
    return path


def client(emulator: Emulator) -> Client:
    return Client(sdk_app_id=emulator.sdk_app_id, secret_key=DEMO_KEY, base_url=emulator.url, limiter=None)


async def test_a_plan_says_what_a_run_then_does(emulator: Emulator, users: Path, tmp_path: Path) -> None:
    async with client(emulator) as tim:
        with bulk.AccountFile(users, column="account") as file:
            plan = bulk.plan_of(tim.accounts.delete, file)
            assert emulator.statistics() == {}
            report = await bulk.run(tim.accounts.delete, file, journal=tmp_path / "job")
            after = bulk.plan_of(tim.accounts.delete, file, known=bulk.Known(tmp_path / "job"))
    assert (plan.rows, plan.sent, plan.calls, plan.seconds) == (244, 241, 3, 0.03)
    assert [str(trouble) for trouble in plan.refused] == [
        str(trouble) for trouble in report.troubles if trouble.outcome == "NotSent"
    ]
    sent = [entry["UserID"] for entry in json.loads(plan.first_call)["DeleteItem"]]
    assert sent == [account for account, *_ in emulator.books.calls[0].items]
    assert (after.done, after.sent, after.calls, after.first_call, after.rows) == (244, 0, 0, b"", 244)


def test_arguments_are_checked_too_and_rates_of_accounts_are_counted_in_accounts() -> None:
    tim = Client(sdk_app_id=1400000000, secret_key=DEMO_KEY)
    tags = bulk.ItemSource([("a", ["x"]), ("b", ["y" * 51]), ("c", ["z"]), ("a", ["x"])])
    plan = bulk.plan_of(tim.push.add_tags, tags, first=2, rate=10)
    assert (plan.sent, plan.held_back, plan.rate) == (2, 1, 10)
    assert [trouble.rows for trouble in plan.refused] == [[2]]
    push = tim.push.send_to.of(offline_push_info={"Title": "t", "Desc": "d"})
    assert bulk.plan_of(push, bulk.ItemSource([])).seconds == 0
    assert bulk.plan_of(push, bulk.ItemSource(["a", "b"])).seconds == 2 / push.endpoint.rate
    assert bulk.plan_of(push, bulk.ItemSource([f"u{number}" for number in range(2001)])).sent == 2001
    with pytest.raises(bulk.InputError, match="read only once"):
        bulk.plan_of(tim.accounts.delete, bulk.ItemSource(iter("ab")))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"operation": "delete"}, "the operation is one of a client, .* not str"),
        ({"item": None}, "item must be a function, not NoneType"),
        ({"first": -1}, "first must not be negative: -1"),
    ],
)
def test_what_is_no_argument_of_a_plan_is_told(change: dict[str, Any], told: str) -> None:
    tim = Client(sdk_app_id=1400000000, secret_key=DEMO_KEY)
    said: dict[str, Any] = {"operation": tim.accounts.delete, "source": bulk.ItemSource(["a"]), **change}
    with pytest.raises((TypeError, ValueError), match=told):
        bulk.plan_of(**said)


def bad(row: bulk.Row) -> str:
    if row.number % 2:
        raise bulk.RowError("odd")
    return row.account


def test_a_row_of_which_nothing_can_be_made_is_refused() -> None:
    tim = Client(sdk_app_id=1400000000, secret_key=DEMO_KEY)
    plan = bulk.plan_of(tim.accounts.delete, bulk.ItemSource(["a", "b", "c"]), item=bad)
    assert [(trouble.reason, trouble.rows) for trouble in plan.refused] == [("odd", [1, 3])]


@pytest.mark.parametrize("once", [False, True])
async def test_the_first_rows_are_sent_and_the_others_wait_for_the_next_start(
    emulator: Emulator, users: Path, tmp_path: Path, once: bool
) -> None:
    journal = None if once else tmp_path / "job"

    async def some() -> AsyncIterator[str]:
        for name in NAMES[:60]:
            yield name

    async with client(emulator) as tim:
        with bulk.AccountFile(users, column="account") as file:
            source = some() if once else file
            report = await bulk.run(tim.accounts.delete, source, journal=journal, first=50)
            assert (report.counts["Ok"], report.held_back, report.unread) == (50, True, True)
            assert report.resumable is not once
            if not once:
                rest = await bulk.run(tim.accounts.delete, file, journal=journal, first=1000)
                assert (rest.open, rest.held_back) == (0, False)
    assert len(emulator.accounts) == (190 if once else 0)


async def test_a_list_that_can_be_read_once_may_be_shorter_than_the_first_rows(emulator: Emulator) -> None:
    async def one() -> AsyncIterator[str]:
        yield "u1"

    async with client(emulator) as tim:
        report = await bulk.run(tim.accounts.delete, one(), first=5)
    assert (report.counts["Ok"], report.held_back, report.unread) == (1, False, False)


@pytest.mark.parametrize("kept", [False, True])
async def test_too_many_failures_end_a_run_and_lose_nothing(emulator: Emulator, tmp_path: Path, kept: bool) -> None:
    names = [f"nobody{number}" for number in range(30_000)]
    async with client(emulator) as tim:
        report = await bulk.run(tim.accounts.delete, names, journal=tmp_path / "job" if kept else None, max_failures=10)
    assert isinstance(report.stopped_by, bulk.TooManyFailures)
    assert str(report.stopped_by).endswith("rows failed, more than the 10 that may fail")
    assert report.counts["Rejected"] == sum(len(call.items) for call in emulator.books.calls) < 30_000
    assert report.counts["Unknown"] == 0
    assert report.open == 30_000 - report.counts["Rejected"]
    (held,) = (trouble for trouble in report.troubles if trouble.outcome == "NotSent")
    assert re.fullmatch(r"held back: \d+ rows failed, more than the 10 that may fail", held.reason)


@pytest.mark.parametrize(
    ("error", "words"), [(OSError(28, "No space left"), "No space left"), (ValueError("of Mary"), "ValueError")]
)
async def test_what_is_held_back_says_why(emulator: Emulator, tmp_path: Path, error: Exception, words: str) -> None:
    def sink(_record: bulk.Record) -> None:
        raise error

    names = [f"nobody{number}" for number in range(30_000)]
    async with client(emulator) as tim:
        if isinstance(error, OSError):
            await bulk.run(tim.accounts.delete, names, journal=tmp_path / "job", sink=sink)
        else:
            with pytest.raises(ValueError, match="of Mary"):
                await bulk.run(tim.accounts.delete, names, journal=tmp_path / "job", sink=sink)
    reasons = {ending.reason for ending, _ in bulk.standing_of(tmp_path / "job").endings if not ending.final}
    assert reasons == {f"held back: {words}"}


async def test_failures_that_are_seen_at_the_very_end_are_too_many_too(emulator: Emulator) -> None:
    async with client(emulator) as tim:
        report = await bulk.run(tim.accounts.delete, ["nobody"], max_failures=0)
        fine = await bulk.run(tim.accounts.delete, ["u1", "nobody"], max_failures=1)
    assert str(report.stopped_by) == "1 row failed, more than the 0 that may fail"
    assert (report.open, fine.stopped_by) == (0, None)
