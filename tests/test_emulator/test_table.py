"""Every command there is: a good body is answered, and no body, however strange, is a surprise."""

import copy
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator
from tim_async.emulator.table import COMMANDS

from .caller import Caller, usersig

MARY = {"To_Account": ["Mary"]}
ATTRIBUTE = {"UserAttrs": [{"To_Account": "Mary", "Attrs": {"city": "NewYork"}}]}
NAMES = {"UserAttrs": [{"To_Account": "Mary", "Attrs": ["city"]}]}
TAGS = {"UserTags": [{"To_Account": "Mary", "Tags": ["gold"]}]}
PUSH = {
    "MsgRandom": 7,
    "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}],
    "MsgLifeTime": 120,
    "Condition": {"TagsOr": ["gold"], "TagsAnd": ["new"]},
    "OfflinePushInfo": {"Title": "t"},
}
FRIENDS = {"From_Account": "John", "To_Account": ["Mary"]}
BODIES: dict[str, dict[str, Any]] = {
    "im_open_login_svc/account_delete": {"DeleteItem": [{"UserID": "Mary"}]},
    "im_open_login_svc/account_check": {"CheckItem": [{"UserID": "Mary"}]},
    "im_open_login_svc/multiaccount_import": {"AccountList": [{"UserID": "Max", "Nick": "m", "FaceUrl": "f"}]},
    "im_open_login_svc/account_import": {"UserID": "Max", "Nick": "m", "FaceUrl": "f"},
    "im_open_login_svc/kick": {"UserID": "Mary"},
    "timpush/set_attr": ATTRIBUTE,
    "timpush/get_attr": MARY,
    "timpush/remove_attr": NAMES,
    "timpush/add_tag": {**TAGS, "Replace": 1},
    "timpush/get_tag": MARY,
    "timpush/remove_tag": TAGS,
    "timpush/clear_all_tags": MARY,
    "timpush/set_attr_name": {"AttrNames": {"0": "city", "1": "sex"}, "AttrTypes": {"0": 0, "1": 1}},
    "timpush/get_attr_name": {},
    "timpush/push": PUSH,
    "timpush/batch": {**MARY, "MsgRandom": 7, "OfflinePushInfo": {"Title": "t"}, "DataId": "d"},
    "timpush/revoke": {"TaskId": "all_1"},
    "all_member_push/im_set_attr": ATTRIBUTE,
    "all_member_push/im_get_attr": MARY,
    "all_member_push/im_remove_attr": NAMES,
    "all_member_push/im_add_tag": TAGS,
    "all_member_push/im_get_tag": MARY,
    "all_member_push/im_remove_tag": TAGS,
    "all_member_push/im_remove_all_tags": MARY,
    "all_member_push/im_set_attr_name": {"AttrNames": {"0": "city"}},
    "all_member_push/im_get_attr_name": {},
    "all_member_push/im_push": PUSH,
    "openim/query_online_status": {**MARY, "IsNeedDetail": 1},
    "openim/batchsendmsg": {**MARY, "MsgRandom": 7, "MsgBody": PUSH["MsgBody"]},
    "profile/portrait_get": {**MARY, "TagList": ["Tag_Profile_IM_Nick"]},
    "profile/portrait_set": {"From_Account": "Mary", "ProfileItem": [{"Tag": "Tag_Profile_IM_Nick", "Value": "M"}]},
    "sns/friend_add": {
        "From_Account": "John",
        "AddFriendItem": [{"To_Account": "Mary", "AddSource": "AddSource_Type_Web"}],
        "AddType": "Add_Type_Both",
        "ForceAddFlags": 1,
    },
    "sns/friend_import": {"From_Account": "John", "AddFriendItem": [{"To_Account": "Mary", "Remark": "r"}]},
    "sns/friend_update": {
        "From_Account": "John",
        "UpdateItem": [{"To_Account": "Mary", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "r"}]}],
    },
    "sns/friend_delete": {**FRIENDS, "DeleteType": "Delete_Type_Both"},
    "sns/friend_check": {**FRIENDS, "CheckType": "CheckResult_Type_Both"},
    "sns/friend_get_list": {**FRIENDS, "TagList": ["Tag_SNS_IM_Remark"]},
    "sns/black_list_add": FRIENDS,
    "sns/black_list_delete": FRIENDS,
    "sns/black_list_check": {**FRIENDS, "CheckType": "BlackCheckResult_Type_Both"},
    "group_open_http_svc/create_group": {
        "Owner_Account": "John",
        "Type": "Public",
        "Name": "n",
        "GroupId": "g2",
        "MemberList": [{"Member_Account": "Mary"}],
    },
    "group_open_http_svc/add_group_member": {"GroupId": "g1", "MemberList": [{"Member_Account": "Mary"}]},
    "group_open_http_svc/delete_group_member": {"GroupId": "g1", "MemberToDel_Account": ["Mary"]},
}
STRANGE: list[Any] = [None, True, 7, -1.5, "", "x" * 600, [], [[]], [None], [{}], {}, {"x": []}, ["x", 7], {"0": "0"}]


def test_each_command_has_a_sample_here() -> None:
    assert set(BODIES) == set(COMMANDS)


@pytest.mark.parametrize(
    ("rate", "paths"),
    [
        (1, ["timpush/push", "timpush/revoke", "all_member_push/im_push"]),
        (30, ["timpush/batch"]),
        (
            200,
            [path for path in BODIES if path.startswith(("openim/", "profile/", "sns/", "group_open_http_svc/"))]
            + ["im_open_login_svc/account_import", "im_open_login_svc/kick"],
        ),
    ],
)
def test_rates_are_those_of_the_pages(rate: float, paths: list[str]) -> None:
    assert sorted(path for path, command in COMMANDS.items() if command.rate == rate) == sorted(paths)


def test_all_other_rates_and_limits_are_a_hundred() -> None:
    assert {command.rate for command in COMMANDS.values()} == {1, 30, 100, 200}
    limits = {path: command.limit for path, command in COMMANDS.items() if command.limit != 100}
    assert limits == {
        "timpush/batch": 500,
        "openim/query_online_status": 500,
        "openim/batchsendmsg": 500,
        "group_open_http_svc/add_group_member": 300,
        **{path: 1000 for path in BODIES if path.startswith("sns/") and path != "sns/friend_get_list"},
    }


def prepare(emulator: Emulator) -> None:
    store = emulator._service.store
    store.clear()
    emulator.accounts.add("Mary", "John")
    store.friends["John"] = {"Mary": {}}
    store.groups["g1"] = set()


@pytest.mark.parametrize("path", BODIES)
async def test_a_good_body_is_served_and_only_for_an_administrator(call: Caller, path: str) -> None:
    prepare(call.emulator)
    assert await call.code(path, BODIES[path], identifier="Mary", usersig=usersig("Mary")) in {
        *(60010, 70403, 90009, 40004, 30004, 10007)
    }
    call.emulator.reset(keep_accounts=True)
    if path == "timpush/revoke":
        await call("timpush/push", PUSH)
    assert await call.code(path, BODIES[path]) == 0


def altered(value: Any) -> Iterator[Any]:
    """The value with one of its parts replaced by something strange, or left out."""
    yield from STRANGE
    if isinstance(value, dict):
        for name, part in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            for strange in altered(part):
                yield {**value, name: strange}
    if isinstance(value, list):
        for place, part in enumerate(value):
            for strange in altered(part):
                yield [*value[:place], strange, *value[place + 1 :]]


@pytest.mark.uncounted
@pytest.mark.parametrize("path", BODIES)
async def test_no_body_is_a_surprise(session: aiohttp.ClientSession, path: str) -> None:
    async with Emulator(rate=float("inf"), keep_books=False) as emulator:
        call = Caller(emulator, session)
        for body in altered(copy.deepcopy(BODIES[path])):
            prepare(emulator)
            assert isinstance(await call.code(path, body), int)
