"""Everything goes wrong at once, and what the client tells of each account is compared with what was really done.

Client and service are in one loop, and its clock waits for both: an answer that comes too late is one that was held up
on purpose, on any machine. So the books know of every answer that was lost.

One seed by default; ``TIM_ASYNC_SEEDS=20 ./run test tests/test_chaos.py`` for twenty.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable

import pytest
from servers import client_of

from tim_async import BatchResult, CallEvent, Client, NotSent, Ok, Rejected, Unknown
from tim_async.emulator import Emulator, Fault, Faults, Kind, Line, on
from tim_async.service.codes import Action, code

ACCOUNTS = 20_000
NEVER_THERE = 1_000
DELETE = "im_open_login_svc/account_delete"
SET = "timpush/set_attr"
RATE = 1_000.0  # calls/s; ten times that of the service, so that a run takes seconds

CHANCES: dict[Kind, float] = {
    "reset_before": 0.03,
    "reset_after": 0.03,
    "hang": 0.01,
    "slow_drip": 0.01,
    "half_body": 0.02,
    "not_json": 0.02,
    "bad_gateway": 0.02,
    "busy": 0.02,
    "internal": 0.02,
    "item_busy": 0.02,
    "too_fast": 0.01,
    "wrong_order": 0.02,
    "missing_accounts": 0.02,
    "strangers": 0.02,
    "twice": 0.02,
    "unknown_fields": 0.02,
    "null_list": 0.02,
    "string_numbers": 0.02,
}


class Told:
    """What the hooks were told, for the table."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, event: CallEvent) -> None:
        self.counts["calls"] += 1
        self.counts["retries"] += event.attempt > 1
        self.counts["lost answers"] += event.code is None
        if event.code:
            action = code(event.code).action
            self.counts["pauses"] += action is Action.PAUSE
            self.counts["refused as a whole, and searched"] += action is Action.SPLIT

    def take(self, result: BatchResult[None]) -> None:
        self.counts.update(type(outcome).__name__ for outcome in result)

    def __str__(self) -> str:
        return "".join(f"  {what:34}{count:>8}\n" for what, count in self.counts.items())


def lost_all(lines: Iterable[Line]) -> bool:
    """Whether no call with an account had an answer that says what became of it."""
    return all(line.fault or line.code is None for line in lines)


def assert_true_of_deletes(result: BatchResult[None], emulator: Emulator, there: set[str]) -> None:
    for outcome in result:
        lines = emulator.books.of(outcome.account, DELETE)
        done = [line for line in lines if line.code == 0]
        match outcome:
            case Ok():
                # What never existed, and whose first answer was lost, counts as gone.
                assert done or (outcome.account not in there and any(line.fault for line in lines)), outcome
                assert outcome.account not in emulator.accounts
            case Rejected():
                assert not done, outcome
                assert outcome.account not in there
                assert outcome.code == 70107
            case Unknown():
                assert lost_all(lines), (outcome, lines)
            case NotSent():
                assert not lines, outcome


def assert_true_of_sets(result: BatchResult[None], emulator: Emulator, given: dict[str, dict[str, str]]) -> None:
    for outcome in result:
        lines = emulator.books.of(outcome.account, SET)
        done = [line for line in lines if line.code == 0]
        assert all(line.argument == given[outcome.account] for line in lines)
        match outcome:
            case Ok():
                assert done, outcome
                assert emulator.accounts[outcome.account].attributes == given[outcome.account]
            case Rejected():
                raise AssertionError(f"every account was there, and yet {outcome}")
            case Unknown():
                assert lost_all(lines), (outcome, lines)
            case NotSent():
                assert not lines, outcome


@pytest.fixture(params=range(1, 1 + int(os.environ.get("TIM_ASYNC_SEEDS", "1"))))
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.uncounted
@pytest.mark.clock("patient")
async def test_what_is_told_is_what_was_done(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    names = [f"u{number}" for number in range(ACCOUNTS)]
    there = set(names[NEVER_THERE:])
    given = {name: {"n": name} for name in names[NEVER_THERE:]}
    began = time.monotonic()
    clock = asyncio.get_running_loop().time
    async with Emulator(rate=RATE, latency=0.005, jitter=0.005, seed=seed, clock=clock) as emulator:
        emulator.accounts.add(*there)
        limits = {SET: RATE, DELETE: RATE}
        async with client_of(emulator, limits=limits, call_timeout=0.5, hooks=[told]) as tim:
            sign_long_ago(tim)
            # For a write, silence about an account means success; so an account that is busy for a while, of which a
            # later answer is silent, cannot be told from one that succeeded. By the service's page, and by anybody.
            chances: dict[Kind, float] = {kind: chance for kind, chance in CHANCES.items() if kind != "item_busy"}
            rules = [on(SET, do="busy", code=90033, call=7), on(SET, do="expired", call=20), *each_once(chances)]
            emulator.faults = Faults(chances, rules, seed=seed)
            sets = await tim.push.set_attributes(given)
            assert_true_of_sets(sets, emulator, given)
            struck = emulator.faults.struck
            emulator.faults = Faults(CHANCES, each_once(CHANCES), seed=seed)
            deletes = await tim.accounts.delete(names)
            assert_true_of_deletes(deletes, emulator, there)
            struck += emulator.faults.struck
    assert [outcome.account for outcome in deletes] == names
    told.take(sets)
    told.take(deletes)
    assert set(CHANCES) <= set(struck)
    assert told.counts["Ok"] > 1.9 * (ACCOUNTS - NEVER_THERE)
    with capsys.disabled():
        faults = ", ".join(f"{count} {kind}" for kind, count in struck.most_common())
        sys.stdout.write(f"\n  seed {seed}, {time.monotonic() - began:.1f} s; faults: {faults}\n{told}")


def each_once(kinds: Iterable[Kind]) -> list[Fault]:
    """A fault that never strikes proves nothing."""
    gone = on("", do="refuse_connection", chance=0.01, seconds=0.1)  # by chance alone it would be half a second each
    return [gone, *[on("", do=kind, call=30 + 5 * place) for place, kind in enumerate(kinds)]]


def sign_long_ago(tim: Client) -> None:
    """So that the present signature is an old one, and may well expire."""
    tim._transport.signer.current(time.time() - 3600)
