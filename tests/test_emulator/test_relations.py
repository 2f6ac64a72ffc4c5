"""The family sns, over a real socket."""

from typing import Any

import pytest

from tim_async.emulator import Emulator, Faults, on

from .caller import Caller


async def codes(call: Caller, command: str, body: dict[str, Any], field: str = "ResultItem") -> dict[str, int]:
    reply = await call(f"sns/{command}", {"From_Account": "Mary", **body})
    told = {item["To_Account"]: item["ResultCode"] for item in reply[field]}
    if command != "friend_delete":
        assert sorted(reply.get("Fail_Account", [])) == sorted(account for account, code in told.items() if code)
    assert (reply["ErrorCode"], reply["ErrorDisplay"]) == (0, "")
    return told


async def relations(call: Caller, command: str, *accounts: str, kind: str) -> dict[str, str]:
    field = {"friend_check": "InfoItem", "black_list_check": "BlackListCheckItem"}[command]
    reply = await call(f"sns/{command}", {"From_Account": "Mary", "To_Account": accounts, "CheckType": kind})
    return {item["To_Account"]: item["Relation"] for item in reply[field]}


def adding(*accounts: str, **options: Any) -> dict[str, Any]:
    items = [{"To_Account": account, "AddSource": "AddSource_Type_Web", "Remark": "r"} for account in accounts]
    return {"AddFriendItem": items, **options}


@pytest.fixture(autouse=True)
def people(emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John", "Max", "Eve")


async def test_friends_are_added_on_both_sides_unless_one_is_asked_for(call: Caller) -> None:
    assert await codes(call, "friend_add", adding("John", "nobody")) == {"John": 0, "nobody": 30003}
    assert await codes(call, "friend_add", adding("Max", AddType="Add_Type_Single")) == {"Max": 0}
    assert await relations(call, "friend_check", "John", "Max", "Eve", "nobody", kind="CheckResult_Type_Both") == {
        "John": "CheckResult_Type_BothWay",
        "Max": "CheckResult_Type_AWithB",
        "Eve": "CheckResult_Type_NoRelation",
        "nobody": "CheckResult_Type_NoRelation",
    }
    assert await relations(call, "friend_check", "John", kind="CheckResult_Type_Single") == {
        "John": "CheckResult_Type_AWithB"
    }


async def test_a_friend_cannot_be_added_again_and_nobody_befriends_oneself(call: Caller) -> None:
    await codes(call, "friend_add", adding("John"))
    assert await codes(call, "friend_add", adding("John", "Mary")) == {"John": 30001, "Mary": 30001}


async def test_who_wants_to_be_asked_is_pending_unless_forced(call: Caller, emulator: Emulator) -> None:
    emulator.accounts["John"].profile = {"Tag_Profile_IM_AllowType": "AllowType_Type_NeedConfirm"}
    emulator.accounts["Max"].profile = {"Tag_Profile_IM_AllowType": "AllowType_Type_DenyAny"}
    assert await codes(call, "friend_add", adding("John", "Max", "Eve")) == {"John": 30539, "Max": 30516, "Eve": 0}
    assert await codes(call, "friend_add", adding("John", "Max", ForceAddFlags=1)) == {"John": 0, "Max": 0}


async def test_an_import_asks_nobody_and_has_one_side(call: Caller, emulator: Emulator) -> None:
    emulator.accounts["John"].profile = {"Tag_Profile_IM_AllowType": "AllowType_Type_DenyAny"}
    assert await codes(call, "friend_import", adding("John")) == {"John": 0}
    assert await relations(call, "friend_check", "John", kind="CheckResult_Type_Both") == {
        "John": "CheckResult_Type_AWithB"
    }


async def test_what_is_said_of_a_friend_can_be_changed_and_read(call: Caller, emulator: Emulator) -> None:
    emulator.accounts["John"].nickname = "Johnny"
    await codes(call, "friend_add", adding("John"))
    items = [
        {"To_Account": account, "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "boss"}]}
        for account in ("John", "Max")
    ]
    assert await codes(call, "friend_update", {"UpdateItem": items}) == {"John": 0, "Max": 30001}
    body = {"To_Account": ["John", "Max", "nobody"], "TagList": ["Tag_SNS_IM_Remark", "Tag_Profile_IM_Nick"]}
    assert await codes(call, "friend_get_list", body, "InfoItem") == {"John": 0, "Max": 30001, "nobody": 30003}
    reply = await call("sns/friend_get_list", {"From_Account": "Mary", **body})
    assert {item["To_Account"]: item["SnsProfileItem"] for item in reply["InfoItem"]}["John"] == [
        {"Tag": "Tag_SNS_IM_Remark", "Value": "boss"},
        {"Tag": "Tag_Profile_IM_Nick", "Value": "Johnny"},
    ]
    [item] = (await call("sns/friend_get_list", {"From_Account": "Mary", "To_Account": ["John"]}))["InfoItem"]
    assert [field["Tag"] for field in item["SnsProfileItem"]] == ["Tag_SNS_IM_Remark", "Tag_SNS_IM_AddSource"]


async def test_deleting_who_is_no_friend_has_a_code_that_means_success(call: Caller) -> None:
    await codes(call, "friend_add", adding("John", "Max"))
    both, single = "Delete_Type_Both", "Delete_Type_Single"
    assert await codes(call, "friend_delete", {"To_Account": ["John", "Eve"], "DeleteType": both}) == {
        "John": 0,
        "Eve": 31704,
    }
    assert await codes(call, "friend_delete", {"To_Account": ["Max"], "DeleteType": single}) == {"Max": 0}
    assert await relations(call, "friend_check", "John", "Max", kind="CheckResult_Type_Both") == {
        "John": "CheckResult_Type_NoRelation",
        "Max": "CheckResult_Type_BWithA",
    }


async def test_who_is_blocked_is_no_friend_and_cannot_be_blocked_again(call: Caller) -> None:
    await codes(call, "friend_add", adding("John"))
    assert await codes(call, "black_list_add", {"To_Account": ["John", "nobody"]}) == {"John": 0, "nobody": 30003}
    assert await codes(call, "black_list_add", {"To_Account": ["John"]}) == {"John": 30001}
    assert await codes(call, "friend_add", adding("John")) == {"John": 30515}
    assert await codes(call, "friend_add", {**adding("Mary"), "From_Account": "John"}) == {"Mary": 30001}
    await codes(call, "friend_delete", {"From_Account": "John", "To_Account": ["Mary"], "DeleteType": "x"})
    assert await codes(call, "friend_add", {**adding("Mary"), "From_Account": "John"}) == {"Mary": 30525}
    assert await relations(call, "black_list_check", "John", "Max", "nobody", kind="BlackCheckResult_Type_Both") == {
        "John": "BlackCheckResult_Type_AWithB",
        "Max": "BlackCheckResult_Type_NO",
        "nobody": "BlackCheckResult_Type_NO",
    }
    assert await codes(call, "black_list_delete", {"To_Account": ["John", "Max"]}) == {"John": 0, "Max": 0}
    assert await codes(call, "friend_add", adding("John")) == {"John": 0}


async def test_words_tell_what_is_so_already_from_what_is_not_allowed(call: Caller) -> None:
    async def words(command: str, body: dict[str, Any]) -> list[str]:
        reply = await call(f"sns/{command}", {"From_Account": "Mary", **body})
        return [item["ResultInfo"] for item in reply["ResultItem"]]

    await codes(call, "friend_add", adding("John"))
    await codes(call, "black_list_add", {"To_Account": ["Max"]})
    assert await words("friend_add", adding("John", "Mary")) == [
        "Err_SNS_FriendAdd_Friend_Exist",
        "Err_SNS_Invalid_Parameter",
    ]
    assert await words("friend_import", adding("John")) == ["Err_SNS_FriendImport_Friend_Exist"]
    assert await words("black_list_add", {"To_Account": ["Max"]}) == ["Err_SNS_BlackListAdd_Already_Exist"]
    assert await words("friend_delete", {"To_Account": ["Eve"]}) == ["Err_SNS_FriendDelete_Not_Friend"]
    items = [{"To_Account": "Eve", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "x"}]}]
    assert await words("friend_update", {"UpdateItem": items}) == ["Err_SNS_FriendUpdate_Not_Friend"]


async def test_whoever_is_deleted_leaves_nothing_behind(call: Caller, emulator: Emulator) -> None:
    await codes(call, "friend_add", adding("John"))
    await codes(call, "black_list_add", {"To_Account": ["Max"]})
    await call("im_open_login_svc/account_delete", {"DeleteItem": [{"UserID": "Mary"}]})
    emulator.accounts.add("Mary")
    assert await codes(call, "friend_add", adding("Max", "John")) == {"Max": 0, "John": 0}


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        ("friend_add", {**adding("John"), "From_Account": "nobody"}, 30003),
        ("friend_add", {"AddFriendItem": []}, 30001),
        ("friend_update", {"UpdateItem": [{"To_Account": "John", "SnsItem": [{"Value": 1}]}]}, 30001),
        ("friend_update", {"UpdateItem": [{"To_Account": "John"}]}, 30001),
        ("friend_delete", {"To_Account": [f"u{n}" for n in range(1001)]}, 30001),
        ("friend_get_list", {"To_Account": [f"u{n}" for n in range(101)]}, 30001),
        ("friend_get_list", {"To_Account": ["John"], "TagList": "all"}, 30001),
    ],
)
async def test_a_malformed_call_is_refused_as_a_whole(
    call: Caller, command: str, body: dict[str, Any], code: int
) -> None:
    assert await call.code(f"sns/{command}", {"From_Account": "Mary", **body}) == code


async def test_about_a_busy_account_nothing_is_known(call: Caller) -> None:
    rule = on("sns/friend_check", do="item_busy", accounts=["John"], code=30006)
    call.emulator.faults = Faults(rules=[rule])
    reply = await call("sns/friend_check", {"From_Account": "Mary", "To_Account": ["John"]})
    assert reply["InfoItem"] == [
        {"To_Account": "John", "ResultCode": 30006, "ResultInfo": "relation service internal error"}
    ]
