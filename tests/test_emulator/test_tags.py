"""Tags, over a real socket."""

from typing import Any

import pytest

from tim_async.emulator import Emulator

from .caller import Caller

GET = "timpush/get_tag"


async def test_tags_are_read_and_unknown_accounts_named(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("xiaoming", "xiaohong")
    emulator.accounts["xiaoming"].tags += ["GoldMember", "WeekPassUser"]
    reply = await call(GET, {"To_Account": ["xiaoming", "xiaohong", "Mary"]})
    told = {item["To_Account"]: item["Tags"] for item in reply["UserTags"]}
    assert told == {"xiaoming": ["GoldMember", "WeekPassUser"], "xiaohong": []}
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "Mary"}]


async def test_without_errors_there_is_no_list_of_them(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    assert "ErrorList" not in await call(GET, {"To_Account": ["Mary"]})


def tagging(tags: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"UserTags": [{"To_Account": account, "Tags": named} for account, named in tags.items()], **options}


async def test_tags_are_added_once_in_order_or_replace_those_there_were(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    for tags, replace in ((["b", "a"], 0), (["a", "c", "c"], 0)):
        assert await call.code("timpush/add_tag", tagging({"Mary": tags}, Replace=replace)) == 0
    assert emulator.accounts["Mary"].tags == ["b", "a", "c"]
    assert await call.code("timpush/add_tag", tagging({"Mary": ["d"]}, Replace=1)) == 0
    assert emulator.accounts["Mary"].tags == ["d"]


async def test_tags_are_removed_by_name_or_all(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].tags = ["a", "b", "c"]
    assert await call.code("timpush/remove_tag", tagging({"Mary": ["b", "never there"]})) == 0
    assert emulator.accounts["Mary"].tags == ["a", "c"]
    assert await call.code("timpush/clear_all_tags", {"To_Account": ["Mary"]}) == 0
    assert emulator.accounts["Mary"].tags == []


async def test_the_newer_family_names_unknown_accounts(call: Caller) -> None:
    errors = [{"ErrorCode": 70107, "To_Account": "nobody"}]
    assert (await call("timpush/add_tag", tagging({"nobody": ["a"]})))["ErrorList"] == errors
    assert (await call("timpush/remove_tag", tagging({"nobody": ["a"]})))["ErrorList"] == errors
    assert (await call("timpush/clear_all_tags", {"To_Account": ["nobody"]}))["ErrorList"] == errors


async def test_the_older_family_does_the_same_and_says_less(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    base = {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}
    assert await call("all_member_push/im_add_tag", tagging({"Mary": ["a", "b"], "nobody": ["a"]})) == base
    reply = await call("all_member_push/im_get_tag", {"To_Account": ["Mary", "nobody"]})
    assert {item["To_Account"]: item["Tags"] for item in reply["UserTags"]} == {"Mary": ["a", "b"], "nobody": []}
    assert await call("all_member_push/im_remove_tag", tagging({"Mary": ["a"], "nobody": ["a"]})) == base
    assert emulator.accounts["Mary"].tags == ["b"]
    assert await call("all_member_push/im_remove_all_tags", {"To_Account": ["Mary", "nobody"]}) == base
    assert emulator.accounts["Mary"].tags == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (tagging({"Mary": [str(n) for n in range(10)]}), 0),
        (tagging({"Mary": [str(n) for n in range(11)]}), 90032),
        (tagging({"Mary": [str(n) for n in range(100)]}, Replace=1), 0),
        (tagging({"Mary": [str(n) for n in range(101)]}, Replace=1), 90032),
        (tagging({"Mary": ["x" * 50]}), 0),
        (tagging({"Mary": ["\u738b" * 17]}), 90020),
        (tagging({"Mary": [7]}), 90001),
        (tagging({"Mary": "gold"}), 90001),
        (tagging({"Mary": ["a"]}, Replace=2), 90001),
        (tagging({f"u{n}": ["a"] for n in range(101)}), 90018),
    ],
)
async def test_a_malformed_call_is_refused_as_a_whole(call: Caller, body: Any, code: int) -> None:
    call.emulator.accounts.add("Mary")
    assert await call.code("timpush/add_tag", body) == code


async def test_an_account_has_a_hundred_tags_at_most(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].tags = [str(n) for n in range(100)]
    reply = await call("timpush/add_tag", tagging({"Mary": ["7", "one more"]}))
    assert reply["ErrorList"] == [{"ErrorCode": 90032, "To_Account": "Mary"}]
    assert "ErrorList" not in await call("timpush/add_tag", tagging({"Mary": ["7"]}))


async def test_a_tag_belongs_to_one_type_of_account(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts.add("device", registration=True)
    await call("timpush/add_tag", tagging({"Mary": ["gold"]}))
    reply = await call("timpush/add_tag", tagging({"device": ["gold"], "Mary": ["silver"]}))
    assert reply["ErrorList"] == [{"ErrorCode": 90035, "To_Account": "device"}]
