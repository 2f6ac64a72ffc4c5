"""Replies that nobody should trust, without a socket."""

import copy
import random
from typing import Any, get_args

import pytest

from tim_async.emulator import Kind
from tim_async.emulator.lies import LIES

ASKED = ["a", "b", "c", "d"]
TAGS: dict[str, Any] = {
    "ErrorCode": 0,
    "UserTags": [{"To_Account": name, "Tags": [name]} for name in "cab"],
    "ErrorList": [{"To_Account": "d", "ErrorCode": 70107}],
}
DELETED: dict[str, Any] = {"ErrorCode": 0, "ResultItem": [{"UserID": name, "ResultCode": 0} for name in "bdac"]}
IMPORTED: dict[str, Any] = {"ErrorCode": 0, "FailAccounts": ["c", "a"]}
SET: dict[str, Any] = {"ErrorCode": 0}
REPLIES = [TAGS, DELETED, IMPORTED, SET]


def lie(do: Kind, reply: dict[str, Any], *accounts: str, seed: int = 1) -> dict[str, Any]:
    return LIES[do](copy.deepcopy(reply), ASKED, accounts, random.Random(seed))


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("do", [do for do in get_args(Kind) if do in LIES])
def test_a_lie_leaves_the_true_reply_as_it_was(do: Kind, reply: dict[str, Any]) -> None:
    before = copy.deepcopy(reply)
    LIES[do](reply, ASKED, [], random.Random(1))
    assert reply == before


def test_the_wrong_order_is_that_of_the_request_reversed() -> None:
    assert [item["To_Account"] for item in lie("wrong_order", TAGS)["UserTags"]] == ["c", "b", "a"]
    assert [item["UserID"] for item in lie("wrong_order", DELETED)["ResultItem"]] == ["d", "c", "b", "a"]
    assert lie("wrong_order", IMPORTED)["FailAccounts"] == ["c", "a"]
    assert lie("wrong_order", SET) == SET


@pytest.mark.parametrize("seed", range(20))
def test_about_at_least_one_account_nothing_is_said(seed: int) -> None:
    told = lie("missing_accounts", DELETED, seed=seed)["ResultItem"]
    assert len(told) < 4
    assert all(item in DELETED["ResultItem"] for item in told)
    assert lie("missing_accounts", SET, seed=seed) == SET


def test_the_accounts_to_be_silent_about_can_be_named() -> None:
    told = lie("missing_accounts", TAGS, "a", "d")
    assert [item["To_Account"] for item in told["UserTags"]] == ["c", "b"]
    assert told["ErrorList"] == []
    assert lie("missing_accounts", IMPORTED, "a")["FailAccounts"] == ["c"]


def test_a_call_without_accounts_has_none_that_could_be_missing() -> None:
    assert LIES["missing_accounts"](SET, [], [], random.Random(1)) == SET


def test_a_stranger_joins_in_the_shape_of_the_others() -> None:
    told = lie("strangers", TAGS, "Eve")
    assert told["UserTags"] == [{"To_Account": "Eve", "Tags": ["c"]}, *TAGS["UserTags"]]
    assert told["ErrorList"][0] == {"To_Account": "Eve", "ErrorCode": 70107}
    assert lie("strangers", IMPORTED, "Eve")["FailAccounts"] == ["Eve", "c", "a"]
    assert lie("strangers", SET, "Eve")["ErrorList"] == [{"To_Account": "Eve", "ErrorCode": 70107}]
    assert [stranger["ErrorCode"] for stranger in lie("strangers", SET)["ErrorList"]] == [70107]
    [stranger, *others] = lie("strangers", DELETED)["ResultItem"]
    assert stranger["UserID"].startswith("stranger-")
    assert others == DELETED["ResultItem"]


def test_an_account_is_told_twice() -> None:
    assert lie("twice", IMPORTED, "a")["FailAccounts"] == ["c", "a", "a"]
    told = lie("twice", DELETED)["ResultItem"]
    assert len(told) == 5
    assert told[-1] in DELETED["ResultItem"]
    assert lie("twice", {"FailAccounts": []}) == {"FailAccounts": []}
    assert lie("twice", SET) == SET


def test_unknown_fields_come_at_the_top_and_in_each_entry() -> None:
    told = lie("unknown_fields", TAGS)
    assert {**told, **TAGS} == {**TAGS, "RequestId": "0", "Later": None, "Newer": told["Newer"]}
    assert all(entry["Later"] is None and "Newer" in entry for entry in told["UserTags"] + told["ErrorList"])
    assert lie("unknown_fields", IMPORTED)["FailAccounts"] == ["c", "a"]


def test_null_stands_for_each_list_or_for_one_that_could_be_there() -> None:
    assert lie("null_list", TAGS) == {"ErrorCode": 0, "UserTags": None, "ErrorList": None}
    assert lie("null_list", SET) == {"ErrorCode": 0, "ErrorList": None}


def test_numbers_become_strings_and_nothing_else_does() -> None:
    assert lie("string_numbers", {"ErrorCode": 0, "Ok": True, "Rate": 1.5, "L": [1, {"n": 2}, None, "x"]}) == {
        "ErrorCode": "0",
        "Ok": True,
        "Rate": 1.5,
        "L": ["1", {"n": "2"}, None, "x"],
    }


def test_an_entry_that_names_nobody_is_left_alone() -> None:
    groups = {"GroupInfo": [{"GroupId": "g1"}, {"GroupId": "g2"}]}
    assert lie("wrong_order", groups) == groups
    assert lie("missing_accounts", groups) == groups
