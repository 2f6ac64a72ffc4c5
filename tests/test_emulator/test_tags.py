"""Tags, over a real socket."""

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
