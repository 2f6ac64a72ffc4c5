"""The shapes of replies, without a socket."""

import json

from tim_async.emulator.replies import (
    base,
    codes_listed,
    encode,
    errors_listed,
    failed,
    failures_named,
    nothing,
    top_level,
    values_listed,
)

RESULTS = [("b", 0, ["x"]), ("a", 70107, []), ("c", 1, [])]


def test_the_base_fields_agree_with_each_other() -> None:
    assert base() == {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}
    assert base(60009) == {"ActionStatus": "FAIL", "ErrorInfo": "unknown request resource", "ErrorCode": 60009}
    assert base(1) == {"ActionStatus": "FAIL", "ErrorInfo": "", "ErrorCode": 1}


def test_a_reply_is_plain_json() -> None:
    assert json.loads(encode({"Name": '"\u738b\n'})) == {"Name": '"\u738b\n'}


def test_each_shape_tells_the_results_in_the_order_in_which_it_got_them() -> None:
    errors = [{"ErrorCode": 70107, "To_Account": "a"}, {"ErrorCode": 1, "To_Account": "c"}]
    assert errors_listed("UserTags", "Tags")(RESULTS) == {
        "UserTags": [{"To_Account": "b", "Tags": ["x"]}],
        "ErrorList": errors,
    }
    assert errors_listed()(RESULTS) == {"ErrorList": errors}
    assert errors_listed()(RESULTS[:1]) == {}
    assert failures_named(RESULTS) == {"FailAccounts": ["a", "c"]}
    assert nothing(RESULTS) == {}
    assert [item["UserID"] for item in codes_listed("ResultItem", "UserID")(RESULTS)["ResultItem"]] == [
        "b",
        "a",
        "c",
    ]
    assert [item["Tags"] for item in values_listed("UserTags", "Tags")(RESULTS)["UserTags"]] == [["x"], [], []]


def test_what_was_read_is_told_of_the_good_ones_only() -> None:
    items = codes_listed("ResultItem", "UserID", "AccountStatus")(RESULTS)["ResultItem"]
    assert ["AccountStatus" in item for item in items] == [True, False, False]


def test_the_code_of_a_single_account_is_that_of_the_call() -> None:
    assert top_level([("a", 70107, None)]) == base(70107)


def test_the_failed_are_named_if_there_are_any() -> None:
    assert failed(RESULTS) == {"Fail_Account": ["a", "c"], "ErrorDisplay": ""}
    assert failed(RESULTS[:1]) == {"ErrorDisplay": ""}
