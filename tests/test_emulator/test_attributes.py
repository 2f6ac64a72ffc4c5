"""Attributes, written by one family and read by the other, over a real socket."""

from typing import Any

import aiohttp
import pytest

from tim_async.emulator import Emulator

from .caller import Caller, usersig

SET = "timpush/set_attr"
GET_OLD = "all_member_push/im_get_attr"
REMOVE_OLD = "all_member_push/im_remove_attr"


def attributes(**values: Any) -> dict[str, Any]:
    return {"UserAttrs": [{"To_Account": account, "Attrs": value} for account, value in values.items()]}


async def test_what_one_family_sets_the_other_reads_and_removes(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary", "John")
    assert await call.code(SET, attributes(Mary={"sex": "f", "city": "NewYork"}, John={"city": "\u6df1\u5733"})) == 0
    reply = await call(GET_OLD, {"To_Account": ["Mary", "John"]})
    told = {item["To_Account"]: item["Attrs"] for item in reply["UserAttrs"]}
    assert told == {"Mary": {"sex": "f", "city": "NewYork"}, "John": {"city": "\u6df1\u5733"}}
    assert await call(REMOVE_OLD, attributes(Mary=["city", "never set"])) == {
        "ActionStatus": "OK",
        "ErrorInfo": "",
        "ErrorCode": 0,
    }
    assert emulator.accounts["Mary"].attributes == {"sex": "f"}


async def test_setting_keeps_the_attributes_that_are_not_named(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    await call(SET, attributes(Mary={"sex": "f", "city": "NewYork"}))
    await call(SET, attributes(Mary={"city": "Boston"}))
    assert emulator.accounts["Mary"].attributes == {"sex": "f", "city": "Boston"}


async def test_the_newer_family_names_unknown_accounts(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    reply = await call(SET, attributes(Mary={"city": "NewYork"}, nobody={"city": "NewYork"}))
    assert (reply["ErrorCode"], reply["ErrorList"]) == (0, [{"ErrorCode": 70107, "To_Account": "nobody"}])
    assert emulator.accounts["Mary"].attributes == {"city": "NewYork"}


async def test_the_older_family_says_nothing_of_unknown_accounts(call: Caller, emulator: Emulator) -> None:
    reply = await call(GET_OLD, {"To_Account": ["nobody"]})
    assert reply["UserAttrs"] == [{"To_Account": "nobody", "Attrs": {}}]
    assert await call.code(REMOVE_OLD, attributes(nobody=["city"])) == 0
    assert not emulator.accounts


@pytest.mark.parametrize("path", [SET, GET_OLD, REMOVE_OLD])
@pytest.mark.parametrize(("body", "code"), [(b"{", 90001), (b"7", 90001), ({}, 90001), ({"To_Account": "Mary"}, 90001)])
async def test_a_malformed_body_is_refused_as_a_whole(call: Caller, path: str, body: Any, code: int) -> None:
    assert await call.code(path, body) == code


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (SET, {"UserAttrs": []}, 90001),
        (GET_OLD, {"To_Account": []}, 90001),
        (GET_OLD, {"To_Account": [7]}, 60015),
        (GET_OLD, {"To_Account": [f"u{n}" for n in range(101)]}, 90018),
        (GET_OLD, {"To_Account": ["x" * 36]}, 0),
        (SET, attributes(**{f"u{n}": {"city": "x"} for n in range(101)}), 90018),
        (SET, {"UserAttrs": ["Mary"]}, 90001),
        (SET, attributes(Mary=["city"]), 90001),
        (SET, attributes(Mary={"city": 7}), 90033),
        (SET, attributes(Mary={"city": "x" * 50}), 0),
        (SET, attributes(Mary={"city": "x" * 51}), 90033),
        (SET, attributes(Mary={"city": "\u738b" * 17}), 90033),
        (REMOVE_OLD, attributes(Mary={"city": "x"}), 90001),
        (REMOVE_OLD, attributes(Mary=[7]), 90033),
    ],
)
async def test_what_is_wrong_with_one_refuses_all(call: Caller, path: str, body: Any, code: int) -> None:
    assert await call.code(path, body) == code


async def test_an_attribute_must_be_declared(session: aiohttp.ClientSession) -> None:
    async with Emulator(attribute_names=["city", "sex"]) as emulator:
        emulator.accounts.add("Mary", "John")
        call = Caller(emulator, session)
        assert await call.code(SET, attributes(John={"city": "x"}, Mary={"town": "x"})) == 90033
        assert await call.code(REMOVE_OLD, attributes(Mary=["town"])) == 90033
        assert emulator.accounts["John"].attributes == {}, "nothing of a refused call takes effect"
        assert await call.code(SET, attributes(John={"city": "x"})) == 0


async def test_only_an_administrator_may_call(call: Caller) -> None:
    mary = {"identifier": "Mary", "usersig": usersig("Mary")}
    assert await call.code(SET, attributes(Mary={"city": "x"}), **mary) == 90009
    assert await call.code(GET_OLD, {"To_Account": ["Mary"]}, **mary) == 60010
    assert await call.code(REMOVE_OLD, attributes(Mary=["city"]), **mary) == 90009


def test_an_app_has_ten_attributes_at_most() -> None:
    with pytest.raises(ValueError, match="10 attributes at most, not 11"):
        Emulator(attribute_names=[str(n) for n in range(11)])


async def test_each_family_has_all_three_commands(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    assert await call.code("all_member_push/im_set_attr", attributes(Mary={"city": "x"}, nobody={"city": "x"})) == 0
    reply = await call("timpush/get_attr", {"To_Account": ["Mary", "nobody"]})
    assert reply["UserAttrs"] == [{"To_Account": "Mary", "Attrs": {"city": "x"}}]
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "nobody"}]
    reply = await call("timpush/remove_attr", attributes(Mary=["city"], nobody=["city"]))
    assert reply["ErrorList"] == [{"ErrorCode": 70107, "To_Account": "nobody"}]
    assert emulator.accounts["Mary"].attributes == {}


async def test_names_are_declared_by_slot_and_read_back(session: aiohttp.ClientSession) -> None:
    async with Emulator(attribute_names=["city"]) as emulator:
        emulator.accounts.add("Mary")
        call = Caller(emulator, session)
        body = {"AttrNames": {"1": "tier", "2": "device"}, "AttrTypes": {"2": 1}}
        assert await call.code("timpush/set_attr_name", body) == 0
        reply = await call("timpush/get_attr_name", {})
        assert reply["AttrNames"] == {"0": "city", "1": "tier", "2": "device"}
        assert reply["AttrTypes"] == {"0": 0, "1": 0, "2": 1}
        assert await call.code(SET, attributes(Mary={"tier": "gold"})) == 0
        assert await call.code("all_member_push/im_set_attr_name", {"AttrNames": {"1": "level"}}) == 0
        reply = await call("all_member_push/im_get_attr_name", {})
        assert (reply["AttrNames"]["1"], "AttrTypes" in reply) == ("level", False)
        assert await call.code(SET, attributes(Mary={"tier": "gold"})) == 90033


async def test_without_any_declaration_there_are_no_names_until_one_is_declared(call: Caller) -> None:
    assert (await call("timpush/get_attr_name", {}))["AttrNames"] == {}
    call.emulator.accounts.add("Mary")
    assert await call.code(SET, attributes(Mary={"town": "x"})) == 0
    assert await call.code("timpush/set_attr_name", {"AttrNames": {"0": "city"}}) == 0
    assert await call.code(SET, attributes(Mary={"town": "x"})) == 90033


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"AttrNames": {"0": "city"}, "AttrTypes": {"0": 0}}, 0),
        ({"AttrNames": {"1": "city"}}, 90033),
        ({"AttrNames": {"1": "a", "2": "a"}}, 90033),
        ({"AttrNames": {"10": "a"}}, 90033),
        ({"AttrNames": {"1": "x" * 51}}, 90033),
        ({"AttrNames": {"1": ""}}, 90033),
        ({"AttrNames": {"1": 7}}, 90033),
        ({"AttrNames": {"0": "town"}, "AttrTypes": {"0": 1}}, 90033),
        ({"AttrNames": {"1": "a"}, "AttrTypes": {"1": 2}}, 90033),
        ({"AttrNames": {"1": "a"}, "AttrTypes": {"5": 1}}, 90033),
        ({"AttrNames": {}}, 90001),
        ({"AttrNames": {"1": "a"}, "AttrTypes": []}, 90001),
        ({}, 90001),
    ],
)
async def test_a_name_is_there_once_and_a_type_never_changes(
    session: aiohttp.ClientSession, body: Any, code: int
) -> None:
    async with Emulator(attribute_names=["city"]) as emulator:
        assert await Caller(emulator, session).code("timpush/set_attr_name", body) == code


async def test_reading_the_names_takes_an_empty_body(call: Caller) -> None:
    assert await call.code("timpush/get_attr_name", {"AttrNames": {}}) == 90001


async def test_an_attribute_belongs_to_one_type_of_account(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts.add("device", registration=True)
    await call("timpush/set_attr_name", {"AttrNames": {"0": "city", "1": "model"}, "AttrTypes": {"1": 1}})
    both = {"UserAttrs": [{"To_Account": account, "Attrs": {"model": "x"}} for account in ("Mary", "device")]}
    assert (await call(SET, both))["ErrorList"] == [{"ErrorCode": 90035, "To_Account": "Mary"}]
    assert emulator.accounts["device"].attributes == {"model": "x"}


async def test_the_older_family_does_not_know_registrations(call: Caller, emulator: Emulator) -> None:
    emulator.accounts.add("device", registration=True)
    assert await call.code("all_member_push/im_set_attr", attributes(device={"city": "x"})) == 0
    assert emulator.accounts["device"].attributes == {}
    emulator.accounts["device"].attributes["city"] = "x"
    assert (await call(GET_OLD, {"To_Account": ["device"]}))["UserAttrs"] == [{"To_Account": "device", "Attrs": {}}]
