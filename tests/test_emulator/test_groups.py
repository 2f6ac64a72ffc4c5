"""The family group_open_http_svc, over a real socket."""

from typing import Any

import pytest

from tim_async.emulator import Emulator

from .caller import Caller

CREATE, ADD, REMOVE = (
    f"group_open_http_svc/{name}" for name in ("create_group", "add_group_member", "delete_group_member")
)


def group(**changes: Any) -> dict[str, Any]:
    return {"Type": "Public", "Name": "n", "GroupId": "g", "MemberList": [{"Member_Account": "Mary"}], **changes}


@pytest.fixture(autouse=True)
def people(emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John")


async def results(call: Caller, *accounts: str) -> dict[str, int]:
    members = [{"Member_Account": account} for account in accounts]
    reply = await call(ADD, {"GroupId": "g", "MemberList": members})
    return {member["Member_Account"]: member["Result"] for member in reply["MemberList"]}


async def test_of_new_members_zero_means_failed_and_two_was_there_already(call: Caller) -> None:
    assert (await call(CREATE, group()))["GroupId"] == "g"
    assert await results(call, "Mary", "John", "nobody") == {"Mary": 2, "John": 1, "nobody": 0}
    assert await results(call, "John") == {"John": 2}


async def test_removing_members_says_nothing_of_them(call: Caller) -> None:
    await call(CREATE, group())
    removed = await call(REMOVE, {"GroupId": "g", "MemberToDel_Account": ["Mary", "nobody"]})
    assert removed == {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}
    assert await results(call, "Mary") == {"Mary": 1}


async def test_a_group_gets_an_id_if_it_has_none_and_its_owner_is_a_member(call: Caller, emulator: Emulator) -> None:
    first, second = [
        (await call(CREATE, {"Type": "Work", "Name": "n", "Owner_Account": "John"}))["GroupId"] for _ in range(2)
    ]
    assert first.startswith("@TGS#")
    assert first != second
    assert emulator._service.store.groups[first] == {"John"}


async def test_whoever_is_deleted_leaves_all_groups(call: Caller) -> None:
    await call(CREATE, group())
    await call("im_open_login_svc/account_delete", {"DeleteItem": [{"UserID": "Mary"}]})
    assert await results(call, "Mary") == {"Mary": 0}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (CREATE, group(Type="Club"), 10004),
        (CREATE, group(Name=""), 10004),
        (CREATE, group(MemberList=["Mary"]), 10004),
        (CREATE, group(MemberList=[{"Member_Account": "nobody"}]), 10019),
        (CREATE, group(Owner_Account="nobody"), 10019),
        (ADD, {"GroupId": "g", "MemberList": [{"Member_Account": "Mary"}]}, 10010),
        (ADD, {"MemberList": [{"Member_Account": "Mary"}]}, 10004),
        (ADD, {"GroupId": "g", "MemberList": [{"Member_Account": f"u{n}"} for n in range(301)]}, 10005),
        (REMOVE, {"GroupId": "g", "MemberToDel_Account": ["Mary"]}, 10010),
        (REMOVE, {"GroupId": "g", "MemberToDel_Account": [f"u{n}" for n in range(101)]}, 10005),
        (REMOVE, b"{", 60003),
    ],
)
async def test_a_malformed_call_is_refused_as_a_whole(call: Caller, path: str, body: Any, code: int) -> None:
    assert await call.code(path, body) == code


async def test_an_id_is_given_once(call: Caller) -> None:
    assert [await call.code(CREATE, group()) for _ in range(2)] == [0, 10021]
