"""The family profile, over a real socket."""

from typing import Any

import pytest

from tim_async.emulator import Emulator

from .caller import Caller

GET, SET = "profile/portrait_get", "profile/portrait_set"
NICK, GENDER = "Tag_Profile_IM_Nick", "Tag_Profile_IM_Gender"


def fields(**values: Any) -> list[dict[str, Any]]:
    return [{"Tag": f"Tag_Profile_{name}", "Value": value} for name, value in values.items()]


async def test_what_is_written_is_read_and_the_unknown_are_named(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John")
    written = fields(IM_Nick="M", IM_Gender="Gender_Type_Female", IM_Level=3)
    assert await call.code(SET, {"From_Account": "Mary", "ProfileItem": written}) == 0
    reply = await call(
        GET, {"To_Account": ["Mary", "John", "nobody"], "TagList": [NICK, GENDER, "Tag_Profile_IM_Image"]}
    )
    told = {item.pop("To_Account"): item for item in reply["UserProfileItem"]}
    assert told["Mary"] == {"ProfileItem": written[:2], "ResultCode": 0, "ResultInfo": ""}
    assert told["John"] == {"ProfileItem": [], "ResultCode": 0, "ResultInfo": ""}
    assert (told["nobody"]["ResultCode"], told["nobody"]["ProfileItem"]) == (40003, [])
    assert (reply["Fail_Account"], reply["ErrorCode"], reply["ErrorDisplay"]) == (["nobody"], 0, "")
    assert emulator.accounts["Mary"].nickname == "M"


async def test_without_failures_there_is_no_list_of_them(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    assert "Fail_Account" not in await call(GET, {"To_Account": ["Mary"], "TagList": [NICK]})


async def test_what_an_import_said_is_part_of_the_profile(call: Caller) -> None:
    await call("im_open_login_svc/account_import", {"UserID": "Mary", "Nick": "M", "FaceUrl": "f"})
    await call(SET, {"From_Account": "Mary", "ProfileItem": fields(IM_Image="g")})
    reply = await call(GET, {"To_Account": ["Mary"], "TagList": [NICK, "Tag_Profile_IM_Image"]})
    assert reply["UserProfileItem"][0]["ProfileItem"] == fields(IM_Nick="M", IM_Image="g")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (GET, {"To_Account": [], "TagList": [NICK]}, 40002),
        (GET, {"To_Account": ["Mary"]}, 40001),
        (GET, {"To_Account": ["Mary"], "TagList": []}, 40001),
        (GET, {"To_Account": ["Mary"], "TagList": ["Nick"]}, 40009),
        (GET, {"To_Account": ["Mary"], "TagList": [7]}, 40009),
        (GET, {"To_Account": [f"u{n}" for n in range(101)], "TagList": [NICK]}, 40001),
        (GET, b"{", 60003),
        (SET, {"From_Account": "nobody", "ProfileItem": fields(IM_Nick="M")}, 40003),
        (SET, {"From_Account": "Mary"}, 40001),
        (SET, {"ProfileItem": fields(IM_Nick="M")}, 40001),
        (SET, {"From_Account": "Mary", "ProfileItem": [{"Tag": NICK}]}, 40001),
        (SET, {"From_Account": "Mary", "ProfileItem": [{"Tag": "Nick", "Value": "M"}]}, 40009),
        (SET, {"From_Account": "Mary", "ProfileItem": fields(IM_Nick=[])}, 40610),
        (SET, {"From_Account": "Mary", "ProfileItem": fields(IM_Nick="x" * 501)}, 40601),
        (SET, {"From_Account": "Mary", "ProfileItem": fields(Custom_Test="x" * 500)}, 0),
    ],
)
async def test_a_malformed_call_is_refused_as_a_whole(call: Caller, path: str, body: Any, code: int) -> None:
    call.emulator.accounts.add("Mary")
    assert await call.code(path, body) == code
