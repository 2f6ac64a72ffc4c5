"""The family openim, over a real socket."""

from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator

from .caller import Caller

STATUS, SEND = "openim/query_online_status", "openim/batchsendmsg"


def message(*accounts: str, **changes: Any) -> dict[str, Any]:
    text = [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}]
    return {"To_Account": list(accounts), "MsgRandom": 7, "MsgBody": text, **changes}


async def test_a_status_is_that_of_the_best_platform(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John", "Max")
    emulator.accounts["Mary"].platforms = {"iPhone": "PushOnline", "Web": "Online"}
    emulator.accounts["John"].platforms = {"iPhone": "PushOnline"}
    reply = await call(STATUS, {"To_Account": ["Mary", "John", "Max", "nobody"]})
    assert {item["To_Account"]: item["Status"] for item in reply["QueryResult"]} == {
        "Mary": "Online",
        "John": "PushOnline",
        "Max": "Offline",
    }
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "nobody"}]
    assert (reply["ActionStatus"], reply["ErrorCode"]) == ("OK", 0)


async def test_details_come_only_if_asked_for_and_if_there_are_any(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "Max")
    emulator.accounts["Mary"].platforms = {"Web": "Online"}
    reply = await call(STATUS, {"To_Account": ["Mary", "Max"], "IsNeedDetail": 1})
    told = {item.pop("To_Account"): item for item in reply["QueryResult"]}
    assert told["Mary"] == {"Status": "Online", "Detail": [{"Platform": "Web", "Status": "Online"}]}
    assert told["Max"] == {"Status": "Offline"}
    assert all("Detail" not in item for item in (await call(STATUS, {"To_Account": ["Mary"]}))["QueryResult"])


async def test_the_whole_call_fails_only_if_every_account_does(call: Caller) -> None:
    reply = await call(STATUS, {"To_Account": ["nobody", "noone"]})
    assert (reply["ActionStatus"], reply["ErrorCode"], reply["QueryResult"]) == ("FAIL", 70107, [])
    assert len(reply["ErrorList"]) == 2


async def test_the_status_may_be_spelled_the_old_way(session: aiohttp.ClientSession) -> None:
    async with Emulator(status_field="State") as emulator:
        emulator.accounts.add("Mary")
        emulator.accounts["Mary"].platforms = {"IPhone": "Online"}
        reply = await Caller(emulator, session)(STATUS, {"To_Account": ["Mary"], "IsNeedDetail": 1})
        [item] = reply["QueryResult"]
        assert item == {
            "To_Account": "Mary",
            "State": "Online",
            "Detail": [{"Platform": "IPhone", "State": "Online"}],
        }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"To_Account": []}, 90001),
        ({}, 90003),
        ({"To_Account": [f"u{n}" for n in range(501)]}, 90011),
        (b"{", 90001),
    ],
)
async def test_a_malformed_query_is_refused_as_a_whole(call: Caller, body: Any, code: int) -> None:
    assert await call.code(STATUS, body) == code


async def test_some_failures_have_a_status_of_their_own_and_all_failures_a_code(call: Caller) -> None:
    call.emulator.accounts.add("Mary")
    reply = await call(SEND, message("Mary"))
    assert (reply["ActionStatus"], "ErrorList" in reply) == ("OK", False)
    reply = await call(SEND, message("Mary", "nobody"))
    assert (reply["ActionStatus"], reply["ErrorCode"]) == ("SomeError", 0)
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "nobody"}]
    assert reply["MsgKey"]
    reply = await call(SEND, message("nobody"))
    assert (reply["ActionStatus"], reply["ErrorCode"], len(reply["ErrorList"])) == ("FAIL", 90012, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (message(), 90029),
        (message("Mary", MsgRandom="7"), 90005),
        (message("Mary", MsgBody="hi"), 90007),
        (message("Mary", MsgBody=[]), 90002),
        (message(*[f"u{n}" for n in range(501)]), 90011),
    ],
)
async def test_a_malformed_message_is_refused_as_a_whole(call: Caller, body: Any, code: int) -> None:
    assert await call.code(SEND, body) == code
