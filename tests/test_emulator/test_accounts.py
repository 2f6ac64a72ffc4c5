"""The family im_open_login_svc, over a real socket."""

import time
from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator, Faults, on

from .caller import Caller, usersig

DELETE = "im_open_login_svc/account_delete"
IMPORT = "im_open_login_svc/multiaccount_import"


async def test_deleting_says_of_each_account_whether_it_was_there(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("UserID_1", "UserID_3")
    reply = await call(DELETE, {"DeleteItem": [{"UserID": "UserID_1"}, {"UserID": "UserID_2"}]})
    items = sorted(reply.pop("ResultItem"), key=lambda item: str(item["UserID"]))
    assert reply == {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}
    assert items == [
        {"ResultCode": 0, "ResultInfo": "", "UserID": "UserID_1"},
        {"ResultCode": 70107, "ResultInfo": "Err_TLS_PT_Open_Login_Account_Not_Exist", "UserID": "UserID_2"},
    ]
    assert list(emulator.accounts) == ["UserID_3"]


async def test_an_account_named_twice_is_deleted_once(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    reply = await call(DELETE, {"DeleteItem": [{"UserID": "Mary"}, {"UserID": "Mary"}]})
    assert sorted(item["ResultCode"] for item in reply["ResultItem"]) == [0, 70107]


async def test_answers_come_in_another_order_than_asked(call: Caller) -> None:
    ids = [f"u{n}" for n in range(100)]
    reply = await call(DELETE, {"DeleteItem": [{"UserID": account} for account in ids]})
    answered = [item["UserID"] for item in reply["ResultItem"]]
    assert answered != ids
    assert sorted(answered) == sorted(ids)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 60003),
        (b"{", 60003),
        (b'{"DeleteItem": [{"UserID": "\xff"}]}', 60003),
        (b"[" * 100_000, 60003),
        (b"[]", 70402),
        ({}, 70402),
        ({"DeleteItem": "Mary"}, 70402),
        ({"DeleteItem": []}, 70402),
        ({"DeleteItem": ["Mary"]}, 70402),
        ({"DeleteItem": [{"To_Account": "Mary"}]}, 70402),
        ({"DeleteItem": [{"UserID": 7}]}, 60015),
        ({"DeleteItem": [{"UserID": ""}]}, 70402),
        ({"DeleteItem": [{"UserID": "x" * 33}]}, 70402),
        ({"DeleteItem": [{"UserID": "\u738b" * 11}]}, 70402),
        ({"DeleteItem": [{"UserID": "x" * 32}, {"UserID": "\u738b" * 10}]}, 0),
        ({"DeleteItem": [{"UserID": f"u{n}"} for n in range(101)]}, 70402),
    ],
)
async def test_a_malformed_deletion_is_refused_as_a_whole(call: Caller, body: Any, code: int) -> None:
    call.emulator.accounts.add("Mary")
    call.emulator.accounts.add("Mary", "John")
    assert await call.code(DELETE, body) == code
    assert "Mary" in call.emulator.accounts


async def test_only_an_administrator_may_delete(call: Caller) -> None:
    body = {"DeleteItem": [{"UserID": "Mary"}]}
    assert await call.code(DELETE, body, identifier="Mary", usersig=usersig("Mary")) == 70403


async def test_both_spellings_of_an_import_work(call: Caller, emulator: Emulator) -> None:
    assert (await call(IMPORT, {"Accounts": ["Mary", "John"]}))["FailAccounts"] == []
    people = [{"UserID": "John", "Nick": "Johnny"}, {"UserID": "Max", "FaceUrl": "https://example.com/max.png"}]
    assert (await call(IMPORT, {"AccountList": people}))["FailAccounts"] == []
    assert list(emulator.accounts) == ["Mary", "John", "Max"]
    assert emulator.accounts["John"].nickname == "Johnny"
    assert emulator.accounts["Max"].face_url == "https://example.com/max.png"


async def test_importing_again_changes_nothing_that_is_not_named(call: Caller, emulator: Emulator) -> None:
    await call(IMPORT, {"AccountList": [{"UserID": "Mary", "Nick": "M", "FaceUrl": "f"}]})
    await call(IMPORT, {"Accounts": ["Mary"]})
    await call(IMPORT, {"AccountList": [{"UserID": "Mary", "Nick": ""}]})
    assert (emulator.accounts["Mary"].nickname, emulator.accounts["Mary"].face_url) == ("", "f")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 70402),
        ({"Accounts": [7]}, 60015),
        ({"Accounts": ["x" * 33]}, 70402),
        ({"AccountList": ["Mary"]}, 70402),
        ({"AccountList": [{"UserID": "Mary", "Nick": 7}]}, 70402),
        ({"AccountList": [{"UserID": "Mary", "FaceUrl": 7}]}, 70402),
        ({"Accounts": [f"u{n}" for n in range(101)]}, 70402),
    ],
)
async def test_a_malformed_import_is_refused_as_a_whole(call: Caller, body: Any, code: int) -> None:
    assert await call.code(IMPORT, body) == code
    assert not call.emulator.accounts


async def test_a_deleted_account_may_have_to_wait_before_it_is_imported_again() -> None:
    clock = [time.time()]
    async with aiohttp.ClientSession() as session, Emulator(reimport_after=90.0, now=lambda: clock[0]) as emulator:
        call = Caller(emulator, session)
        await call(IMPORT, {"Accounts": ["Mary", "John"]})
        await call(DELETE, {"DeleteItem": [{"UserID": "Mary"}]})
        assert (await call(IMPORT, {"Accounts": ["Mary", "John"]}))["FailAccounts"] == ["Mary"]
        assert "Mary" not in emulator.accounts
        clock[0] += 90
        assert (await call(IMPORT, {"Accounts": ["Mary", "John"]}))["FailAccounts"] == []


async def test_a_check_says_of_each_account_whether_it_is_imported(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts.add("device", registration=True)
    body = {"CheckItem": [{"UserID": "Mary"}, {"UserID": "nobody"}, {"UserID": "device"}]}
    reply = await call("im_open_login_svc/account_check", body)
    told = {item["UserID"]: (item["ResultCode"], item["AccountStatus"]) for item in reply["ResultItem"]}
    assert told == {"Mary": (0, "Imported"), "nobody": (0, "NotImported"), "device": (0, "NotImported")}


async def test_about_a_busy_account_a_check_says_nothing(call: Caller) -> None:
    path = "im_open_login_svc/account_check"
    call.emulator.faults = Faults(rules=[on(path, do="item_busy", accounts=["Mary"], code=70169)])
    [item] = (await call(path, {"CheckItem": [{"UserID": "Mary"}]}))["ResultItem"]
    assert item == {"UserID": "Mary", "ResultCode": 70169, "ResultInfo": "server timeout"}


async def test_one_account_can_be_imported_again_and_again(call: Caller, emulator: Emulator) -> None:
    path = "im_open_login_svc/account_import"
    assert [await call.code(path, {"UserID": "Mary", "Nick": nick}) for nick in ("M", "N")] == [0, 0]
    assert emulator.accounts["Mary"].nickname == "N"
    assert await call.code(path, {"Nick": "M"}) == 70402


async def test_a_kick_logs_out(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].platforms = {"Web": "Online"}
    assert await call.code("im_open_login_svc/kick", {"UserID": "Mary"}) == 0
    assert not emulator.accounts["Mary"].platforms
    assert await call.code("im_open_login_svc/kick", {"UserID": "nobody"}) == 70107


@pytest.mark.parametrize("command", ["account_import", "kick"])
async def test_the_name_that_the_account_had_on_older_pages_is_understood(
    call: Caller, emulator: Emulator, command: str
) -> None:
    emulator.accounts.add("Mary")
    path = f"im_open_login_svc/{command}"
    assert await call.code(path, {"Identifier": "Mary"}) == 0
    assert await call.code(path, {"UserID": "Mary", "Identifier": 7}) == 0
    assert await call.code(path, {"Identifier": 7}) == 60015


async def test_a_registration_cannot_be_deleted_as_a_user(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("device", registration=True)
    reply = await call(DELETE, {"DeleteItem": [{"UserID": "device"}]})
    assert reply["ResultItem"][0]["ResultCode"] == 70107
    assert "device" in emulator.accounts
