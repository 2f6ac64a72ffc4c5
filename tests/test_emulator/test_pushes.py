"""Push tasks, over a real socket."""

import time
from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator

from .caller import Caller, usersig

PUSH, OLD_PUSH, BATCH, REVOKE = "timpush/push", "all_member_push/im_push", "timpush/batch", "timpush/revoke"
TEXT = [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}]


def push(**changes: Any) -> dict[str, Any]:
    return {"MsgRandom": 7, "MsgBody": TEXT, "MsgLifeTime": 120, **changes}


def batch(*accounts: str, **changes: Any) -> dict[str, Any]:
    return {"To_Account": list(accounts), "MsgRandom": 7, "OfflinePushInfo": {"Title": "t"}, **changes}


async def test_a_push_has_a_task(call: Caller, emulator: Emulator) -> None:
    task = (await call(PUSH, {"MsgRandom": 7, "OfflinePushInfo": {"Title": "t"}}))["TaskId"]
    older = (await call(OLD_PUSH, push(Condition={"AttrsAnd": {"city": "NewYork"}})))["TaskId"]
    assert task != older
    assert emulator._service.store.tasks[older].body["MsgBody"] == TEXT


async def test_two_pushes_within_a_second_have_a_code_of_their_own(session: aiohttp.ClientSession) -> None:
    async with Emulator(clock=lambda: 0.0) as emulator:
        call = Caller(emulator, session)
        assert [await call.code(PUSH, push()) for _ in range(2)] == [0, 90024]
        assert [await call.code(REVOKE, {"TaskId": "x"}) for _ in range(2)] == [90049, 90051]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"TagsOr": ["a"], "TagsAnd": ["b"], "TagsNot": ["c"]}, 0),
        ({"AttrsOr": {"city": "x"}}, 0),
        ([], 90001),
        ({"TagsOr": "a"}, 90001),
        ({"TagsOr": [7]}, 90001),
        ({"TagsOr": ["a"], "AttrsOr": {"city": "x"}}, 90039),
        ({"TagsOr": ["a", "b"], "TagsAnd": ["b"]}, 90022),
        ({"TagsOr": [str(n) for n in range(11)]}, 90032),
        ({"TagsOr": [""]}, 90040),
        ({"TagsOr": ["x" * 51]}, 90020),
        ({"AttrsOr": {"town": "x"}}, 90033),
        ({"AttrsOr": ["city"]}, 90033),
    ],
)
async def test_a_condition_is_checked(session: aiohttp.ClientSession, condition: Any, code: int) -> None:
    async with Emulator(attribute_names=["city"]) as emulator:
        assert await Caller(emulator, session).code(PUSH, push(Condition=condition)) == code


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (PUSH, push(MsgRandom=None), 90005),
        (PUSH, push(MsgBody="hi"), 90007),
        (PUSH, push(MsgBody=[]), 90002),
        (OLD_PUSH, {"MsgRandom": 7, "OfflinePushInfo": {"Title": "t"}}, 90002),
        (OLD_PUSH, push(MsgLifeTime=604_801), 90026),
        (OLD_PUSH, push(MsgLifeTime="long"), 90026),
        (BATCH, batch("Mary", MsgRandom="7"), 90001),
        (BATCH, batch("Mary", OfflinePushInfo=None), 90001),
        (BATCH, batch("Mary", DataId="x" * 65), 90057),
        (BATCH, batch("Mary", DataId=7), 90057),
        (BATCH, batch("Mary", OfflinePushInfo="hi"), 90043),
        (BATCH, batch("Mary", OfflinePushInfo={"PushFlag": "zero"}), 90043),
        (BATCH, batch("Mary", OfflinePushInfo={"Desc": 7}), 90043),
        (BATCH, batch("Mary", OfflinePushInfo={"Ext": "x" * 10_241}), 90056),
        (BATCH, batch("Mary", From_Account="nobody"), 90008),
        (BATCH, batch("Mary", From_Account=7), 90008),
        (PUSH, push(OfflinePushInfo={"Title": 7}), 90043),
        (PUSH, push(From_Account="nobody"), 90008),
        (BATCH, batch(), 90001),
        (BATCH, batch(*[f"u{n}" for n in range(501)]), 90018),
        (REVOKE, {}, 90001),
    ],
)
async def test_a_malformed_push_is_refused_as_a_whole(call: Caller, path: str, body: Any, code: int) -> None:
    assert await call.code(path, body) == code


async def test_a_push_to_a_list_names_the_unknown_and_reaches_the_others(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts.add("3f2b-registration", registration=True)
    reply = await call(BATCH, batch("Mary", "nobody", "3f2b-registration"))
    assert reply["TaskId"].startswith("batch_")
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "nobody"}]
    assert emulator._service.store.tasks[reply["TaskId"]].accounts == ["Mary", "3f2b-registration"]


async def test_a_push_may_come_from_an_administrator_or_an_imported_account(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    for sender in ("administrator", "Mary"):
        assert await call.code(BATCH, batch("Mary", From_Account=sender, OfflinePushInfo={"PushFlag": 0})) == 0


async def test_a_task_is_revoked_once_and_only_for_a_day(session: aiohttp.ClientSession) -> None:
    now = [time.time()]
    async with Emulator(rate=100, now=lambda: now[0]) as emulator:
        call = Caller(emulator, session)
        first, second = [(await call(PUSH, push()))["TaskId"] for _ in range(2)]
        assert [await call.code(REVOKE, {"TaskId": first}) for _ in range(2)] == [0, 90050]
        now[0] += 86_401
        assert await call.code(REVOKE, {"TaskId": second}, usersig=usersig(expire=90_000)) == 90052
