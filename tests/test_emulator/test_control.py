"""The doors for other processes."""

from typing import Any

import pytest

from tim_async.emulator import Emulator

from .caller import Caller

DELETE, SET = "im_open_login_svc/account_delete", "timpush/set_attr"


def deletion(*accounts: str) -> dict[str, Any]:
    return {"DeleteItem": [{"UserID": account} for account in accounts]}


async def test_arrivals_are_told_as_pairs(call: Caller) -> None:
    await call("timpush/get_tag", {"To_Account": ["Mary"]})
    status, told = await call.control("GET", "arrivals?path=timpush/get_tag")
    [(seconds, refused)] = told["arrivals"]
    assert (status, refused) == (200, False)
    assert seconds == call.emulator.arrivals("timpush/get_tag")[0].time


async def test_arrivals_of_no_command_are_a_mistake(call: Caller) -> None:
    assert await call.control("GET", "arrivals") == (400, {"error": "which command? ?path=service/command"})


async def test_statistics_are_told_by_path(call: Caller) -> None:
    await call("timpush/get_tag", {"To_Account": ["Mary", "John"]})
    status, told = await call.control("GET", "statistics")
    sums = told["timpush/get_tag"]
    assert status == 200
    assert (sums["calls"], sums["refused"], sums["accounts"]) == (1, 0, 2)
    assert (sums["worst_sliding_second"], sums["worst_fixed_second"], sums["first"]) == (1, 1, sums["last"])


async def test_accounts_are_told_by_prefix_and_up_to_a_limit(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "Max", "John")
    emulator.accounts["Max"].tags.append("gold")
    _, told = await call.control("GET", "accounts")
    assert (told["count"], set(told["accounts"])) == (3, {"Mary", "Max", "John"})
    assert told["accounts"]["Max"]["tags"] == ["gold"]
    _, told = await call.control("GET", "accounts?prefix=Ma&limit=1")
    assert (told["count"], list(told["accounts"])) == (2, ["Mary"])
    assert await call.control("GET", "accounts?limit=all") == (400, {"error": "limit is a whole number"})


async def test_accounts_can_be_imported_from_outside(call: Caller, emulator: Emulator) -> None:
    assert await call.control("POST", "accounts", ["Mary", "John"]) == (200, {})
    assert list(emulator.accounts) == ["Mary", "John"]
    status, told = await call.control("POST", "accounts", "Max")
    assert (status, 'such as ["Mary", "Bob"]' in told["error"]) == (400, True)
    assert list(emulator.accounts) == ["Mary", "John"]


async def test_a_reset_forgets_all_or_all_but_the_accounts(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    await call("timpush/get_tag", {"To_Account": ["Mary"]})
    assert await call.control("POST", "reset?keep_accounts=1") == (200, {})
    assert (emulator.statistics(), list(emulator.accounts)) == ({}, ["Mary"])
    assert await call.control("POST", "reset") == (200, {})
    assert not emulator.accounts


async def test_signatures_can_be_declared_void_or_expired(call: Caller) -> None:
    usersig = call.query()["usersig"]
    for code in (70052, 70001):
        assert await call.code("timpush/get_tag", {"To_Account": ["Mary"]}, usersig=usersig) == 0
        assert (await call.control("POST", f"void?code={code}"))[0] == 200
        assert await call.code("timpush/get_tag", {"To_Account": ["Mary"]}, usersig=usersig) == code
        await call.control("POST", "reset")
    assert (await call.control("POST", "void?code=1"))[0] == 400


async def test_an_unknown_door_lists_those_there_are(call: Caller) -> None:
    status, told = await call.control("POST", "statistics")
    assert status == 404
    assert "GET /emulator/statistics" in told["error"]


async def test_faults_can_be_set_and_seen_from_outside(call: Caller, emulator: Emulator) -> None:
    rule = {"do": "busy", "path": DELETE, "call": 2}
    assert await call.control("POST", "faults", {"chances": {"internal": 0.0}, "rules": [rule], "seed": 1}) == (200, {})
    assert [await call.code(DELETE, deletion("Mary")) for _ in range(3)] == [0, 91000, 0]
    _, told = await call.control("GET", "faults")
    assert told == {"plan": {"chances": {"internal": 0.0}, "rules": [rule], "seed": 1}, "struck": {"busy": 1}}
    assert (await call.control("POST", "reset"))[0] == 200
    assert [await call.code(DELETE, deletion("Mary")) for _ in range(2)] == [0, 91000], "faults stay, counted anew"
    assert await call.control("POST", "faults", {}) == (200, {})
    assert emulator.faults.strike(DELETE) is None


@pytest.mark.parametrize("plan", [{"rules": [{"do": "explode"}]}, {"chances": {"busy": 2}}, {"what": 1}, []])
async def test_a_plan_that_makes_no_sense_is_a_mistake(call: Caller, plan: Any) -> None:
    before = call.emulator.faults
    status, told = await call.control("POST", "faults", plan)
    assert status == 400
    assert told["error"]
    assert call.emulator.faults is before


async def test_the_books_can_be_read_from_outside(call: Caller) -> None:
    call.emulator.accounts.add("Mary")
    await call(SET, {"UserAttrs": [{"To_Account": "Mary", "Attrs": {"city": "NewYork"}}]})
    await call(DELETE, deletion("Mary"))
    _, told = await call.control("GET", f"books?account=Mary&path={SET}")
    [line] = told["lines"]
    assert (line["path"], line["argument"], line["code"], line["answered"]) == (SET, {"city": "NewYork"}, 0, True)
    assert len((await call.control("GET", "books?account=Mary"))[1]["lines"]) == 2
    assert (await call.control("GET", "books"))[0] == 400


async def test_entries_are_what_was_done_to_whom_by_one_command(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John")
    await call(DELETE, deletion("Mary", "Nobody"))
    await call("timpush/get_tag", {"To_Account": ["John"]})
    await call(DELETE, deletion("John"))
    status, told = await call.control("GET", f"entries?path={DELETE}")
    assert (status, told) == (200, {"entries": [["Mary", 0], ["Nobody", 70107], ["John", 0]]})
    assert await call.control("GET", "entries") == (400, {"error": "which command? ?path=service/command"})
