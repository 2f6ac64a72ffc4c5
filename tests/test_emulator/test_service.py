"""Faults that are in the codes, and the accounts that fail for a while."""

from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator, Fault, Faults, Kind, on

from .caller import Caller

DELETE, IMPORT = "im_open_login_svc/account_delete", "im_open_login_svc/multiaccount_import"
GET, GET_OLD = "timpush/get_tag", "all_member_push/im_get_attr"


def deletion(*accounts: str) -> dict[str, Any]:
    return {"DeleteItem": [{"UserID": account} for account in accounts]}


async def codes(call: Caller, *accounts: str) -> dict[str, int]:
    reply = await call(DELETE, deletion(*accounts))
    return {item["UserID"]: item["ResultCode"] for item in reply["ResultItem"]}


@pytest.mark.parametrize(
    ("do", "options", "code"),
    [
        ("busy", {}, 91000),
        ("busy", {"applied": True}, 91000),
        ("busy", {"code": 60008}, 60008),
        ("internal", {}, 70500),
        ("too_fast", {"code": 60018}, 60018),
        ("expired", {}, 70001),
        ("expired", {"code": 70052}, 70052),
    ],
)
async def test_a_whole_call_may_get_a_code(call: Caller, do: Kind, options: dict[str, Any], code: int) -> None:
    call.emulator.accounts.add("Mary")
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do=do, **options)])
    assert await call.code(DELETE, deletion("Mary")) == code
    line = call.emulator.books.of("Mary")[0]
    assert ("Mary" in call.emulator.accounts) == (line.code is None) == (not options.get("applied"))
    assert (line.fault, line.answered) == (do, True)


async def test_all_four_codes_mean_too_fast(call: Caller) -> None:
    call.emulator.faults = Faults({"too_fast": 1}, seed=1)
    assert {await call.code(DELETE, deletion("Mary")) for _ in range(50)} == {60007, 60011, 60018, 60019}
    assert call.emulator.statistics()[DELETE].refused == 0


async def test_a_busy_account_fails_for_a_while_and_the_others_do_not(session: aiohttp.ClientSession) -> None:
    clock = [0.0]
    busy = on(DELETE, call=1, do="item_busy", seconds=5.0, accounts=["Mary"], code=30006)
    async with Emulator(clock=lambda: clock[0], faults=Faults(rules=[busy])) as emulator:
        emulator.accounts.add("Mary", "John")
        call = Caller(emulator, session)
        assert await codes(call, "Mary", "John") == {"Mary": 30006, "John": 0}
        clock[0] = 4.9
        assert await codes(call, "Mary") == {"Mary": 30006}
        assert (await call(GET, {"To_Account": ["Mary"]}))["ErrorList"] == [{"ErrorCode": 30006, "To_Account": "Mary"}]
        assert (await call(IMPORT, {"Accounts": ["Mary"]}))["FailAccounts"] == ["Mary"]
        assert (await call(GET_OLD, {"To_Account": ["Mary"]}))["UserAttrs"] == [{"To_Account": "Mary", "Attrs": {}}]
        clock[0] = 5.0
        assert await codes(call, "Mary") == {"Mary": 0}
        assert [(line.code, line.fault) for line in emulator.books.of("Mary", DELETE)] == [
            (None, "item_busy"),
            (None, ""),
            (0, ""),
        ]


async def test_a_busy_account_may_have_been_served_all_the_same(call: Caller) -> None:
    call.emulator.accounts.add("Mary")
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do="item_busy", applied=True)])
    assert (await codes(call, "Mary"))["Mary"] in {70500, 30006, 30007, 40006, 70169, 70202}
    assert "Mary" not in call.emulator.accounts
    assert [line.code for line in call.emulator.books.of("Mary")] == [0]


async def test_one_account_of_the_call_is_busy_if_none_is_named(call: Caller) -> None:
    ids = [f"u{n}" for n in range(20)]
    call.emulator.accounts.add(*ids)
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do="item_busy")], seed=1)
    assert sorted((await codes(call, *ids)).values())[:20].count(0) == 19


async def test_a_lie_is_told_and_the_books_know_better(call: Caller) -> None:
    call.emulator.accounts.add("Mary", "John")
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do="missing_accounts", accounts=["Mary"])])
    assert await codes(call, "Mary", "John") == {"John": 0}
    [line] = call.emulator.books.done("Mary")
    assert (line.fault, line.answered) == ("missing_accounts", True)


async def test_calls_that_are_refused_anyway_are_not_struck(call: Caller) -> None:
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do="busy")])
    assert await call.code(DELETE, {}) == 70402
    assert await call.code(DELETE, deletion("Mary")) == 91000


async def test_books_need_not_be_kept(session: aiohttp.ClientSession) -> None:
    async with Emulator(keep_books=False) as emulator:
        await Caller(emulator, session)(DELETE, deletion("Mary"))
        assert emulator.books.of("Mary") == []


async def test_a_fault_for_a_call_that_names_nobody_strikes_nobody(call: Caller) -> None:
    call.emulator.faults = Faults(rules=[Fault(do="item_busy", accounts=("Max",))])
    assert await codes(call, "Mary") == {"Mary": 70107}


async def test_a_call_over_the_limit_or_with_a_bad_signature_is_neither_served_nor_struck(
    session: aiohttp.ClientSession,
) -> None:
    async with Emulator(clock=lambda: 0.0, rate=2, faults=Faults(rules=[on(DELETE, call=1, do="busy")])) as emulator:
        call = Caller(emulator, session)
        assert await call.code(DELETE, deletion("Mary"), usersig="wrong") == 70003
        assert await call.code(DELETE, deletion("Mary")) == 91000
        assert await call.code(DELETE, deletion("Mary")) == 60007
        assert len(emulator.books.calls) == 1


async def test_a_reset_forgets_accounts_unless_they_are_to_be_kept_and_keeps_faults(call: Caller) -> None:
    emulator = call.emulator
    emulator.accounts.add("Mary")
    emulator.faults = Faults(rules=[on(GET, call=1, do="item_busy", accounts=["Mary"])])
    for keep_accounts in (True, False):
        assert (await call(GET, {"To_Account": ["Mary"]}))["ErrorList"] == [{"ErrorCode": 91000, "To_Account": "Mary"}]
        emulator.reset(keep_accounts=keep_accounts)
        assert ("Mary" in emulator.accounts) == keep_accounts
        assert (emulator.books.calls, emulator.statistics(), emulator.faults.struck) == ([], {}, {})
