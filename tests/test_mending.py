"""Answers that are not quite what the page promises: an odd entry is its own account's affair (all rows)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from desk import drive, give, kinds, lane_of
from pages import answer_for, page_of
from test_endpoints import GOOD, prepared

from tim_async.errors import InvalidReply
from tim_async.lane.items import Chunk
from tim_async.operations.operation import result_of
from tim_async.outcomes import Ok, Outcome, Rejected, Unknown
from tim_async.service.endpoints import ENDPOINTS, Answer, Endpoint, Unreadable
from tim_async.service.endpoints.mending import loose

Row = Endpoint[Any, Any]
Break = Callable[[dict[str, Any]], Any]
USERS = [f"u{number}" for number in range(10)]
ODD = "u3"
ACCOUNT_FIELDS = ("To_Account", "UserID", "Member_Account")
ROWS = {row.path: row for row in ENDPOINTS}
OF_LISTS = [row for row in ENDPOINTS if not row.plain]

# What may stand where a value should: each is worth nothing.
NOTHING: list[Any] = [None, [], {}, "", "\ud83d", [None], {"a": {}}, float("nan"), 10**30, True, -1, "[]", [[[]]]]


def account_field(entry: dict[str, Any]) -> str:
    return next(name for name in ACCOUNT_FIELDS if name in entry)


def spoilt(entry: dict[str, Any]) -> Iterator[Any]:
    """The entry with each of its fields left out, or replaced by something else."""
    yield None
    for name in entry:
        if name != account_field(entry):
            yield {key: value for key, value in entry.items() if key != name}
            yield from ({**entry, name: odd} for odd in NOTHING)
    unnamed: list[Any] = [None, [], {}, "\ud83d", True]
    for odd in unnamed:
        yield {**entry, account_field(entry): odd}
    yield from (7, "x", [], [entry], {}, {"Else": 1})


def answers(row: Row) -> Iterator[dict[str, Any]]:
    """Good answers for all users, in which the entry of one is odd; and with whole fields beside it that are odd."""
    page = page_of(row)
    good = json.loads(answer_for(page, USERS))
    for field, entries in good.items():
        if isinstance(entries, list) and entries:
            index = next(index for index, entry in enumerate(entries) if ODD in entry.values())
            for odd in spoilt(entries[index]):
                yield {**good, field: [*entries[:index], odd, *entries[index + 1 :]]}
                yield {**good, field: [odd, *entries[:index], *entries[index + 1 :]]}
    for odd in ([], {}, 7, "\ud83d", True, [1], "x\u0000"):
        yield {**good, "ErrorInfo": odd, "Newer": odd}


def asked(row: Row, answer: dict[str, Any]) -> tuple[list[list[str]], list[Outcome[Any]]]:
    """Send all users, get this answer first, and good ones then. Returns the calls and the outcomes."""
    page = page_of(row)
    body, calls = json.dumps(answer).encode(), [0]

    def respond(chunk: Chunk) -> Answer:
        calls[0] += 1
        return row.decode(body if calls[0] == 1 else answer_for(page, chunk.accounts))

    lane = lane_of(row)
    arguments = None if row.prepare is None else prepared(row, [page.arguments[0]] * len(USERS))
    feed = give(lane, USERS, arguments, options=page.shared(row))
    return drive(lane, respond)[0], result_of(feed).outcomes


@pytest.mark.parametrize("row", OF_LISTS, ids=lambda row: row.path)
def test_an_odd_entry_costs_nobody_else_an_outcome_or_a_second_call(row: Row) -> None:
    tried = 0
    for answer in answers(row):
        tried += 1
        calls, outcomes = asked(row, answer)
        assert calls[0] == USERS
        assert all(again == [ODD] for again in calls[1:]), answer
        assert all(isinstance(outcome, Ok) for outcome in outcomes if outcome.account != ODD), answer
    assert tried >= 7


def failures(row: Row) -> Iterator[dict[str, Any]]:
    """Answers in which the one account that failed stands in an odd entry, of which its name can be read."""
    if row.path == "im_open_login_svc/multiaccount_import":
        yield {"ErrorCode": 0, "FailAccounts": [None, ODD, None]}
        yield {"ErrorCode": 0, "FailAccounts": [ODD], "ErrorInfo": []}
        return
    failed = {"To_Account": ODD, "ErrorCode": 70107, "ErrorInfo": ""}
    for odd in spoilt(failed):
        if isinstance(odd, dict) and odd.get("To_Account") == ODD:
            yield {"ErrorCode": 0, "ErrorList": [odd]}
            yield {"ErrorCode": 0, "ErrorList": [None, odd]}


@pytest.mark.parametrize(
    "row",
    [row for row in OF_LISTS if row.silence_is_ok and row.path != "group_open_http_svc/delete_group_member"],
    ids=lambda row: row.path,
)
def test_an_odd_failure_costs_nobody_else_an_outcome_or_a_second_call(row: Row) -> None:
    for answer in failures(row):
        calls, outcomes = asked(row, answer)
        assert calls[0] == USERS
        assert all(again == [ODD] for again in calls[1:]), answer
        assert all(isinstance(outcome, Ok) for outcome in outcomes if outcome.account != ODD), answer


DELETED = {"UserID": ODD, "ResultCode": 0, "ResultInfo": ""}


@pytest.mark.parametrize(
    "odd", [{**DELETED, "ResultInfo": []}, {**DELETED, "ResultInfo": "\ud83d"}, {**DELETED, "ResultInfo": 7}]
)
def test_a_deletion_that_the_service_confirmed_is_ok_whatever_else_it_says(odd: dict[str, Any]) -> None:
    rows = [{**DELETED, "UserID": user} for user in USERS if user != ODD]
    calls, outcomes = asked(
        ROWS["im_open_login_svc/account_delete"], {"ErrorCode": 0, "ResultItem": [*rows, odd, None]}
    )
    assert len(calls) == 1
    assert all(isinstance(outcome, Ok) for outcome in outcomes)


def test_an_id_that_is_a_number_is_that_account() -> None:
    row = ROWS["im_open_login_svc/account_delete"]
    body = (
        b'{"ErrorCode": 0, "ResultItem": [{"UserID": 1001, "ResultCode": "0"}, {"UserID": "a", "ResultCode": 70107}]}'
    )
    answer = row.decode(body)
    assert answer.values is not None
    assert "1001" in answer.values
    assert answer.errors == {"a": (70107, "")}


def test_values_that_are_no_text_are_read_as_they_are_written() -> None:
    row = ROWS["timpush/get_attr"]
    body = b'{"ErrorCode":0,"UserAttrs":[{"To_Account":"a","Attrs":{"n":7,"f":7.5,"b":true,"e":"\\ud83d","l":1e3}}]}'
    answer = row.decode(body)
    assert answer.values is not None
    assert answer.values["a"] == {"n": "7", "f": "7.5", "b": "true", "e": "\ufffd", "l": "1000.0"}


@pytest.mark.parametrize("task", [b"123456", b'"123456"'])
def test_the_id_of_a_task_may_be_a_number(task: bytes) -> None:
    row = ROWS["timpush/batch"]
    answer = row.decode(b'{"ErrorCode": 0, "TaskId": ' + task + b"}")
    assert answer.values is not None
    assert answer.values["a"] == "123456"


@pytest.mark.parametrize("task", [None, "", [], {}, [7]])
def test_a_push_without_a_task_is_unknown_and_not_sent_again(task: Any) -> None:
    row = ROWS["timpush/batch"]
    lane = lane_of(row)
    feed = give(lane, ["a"])
    body = json.dumps({"ErrorCode": 0, "TaskId": task}).encode()
    calls, _ = drive(lane, lambda _: row.decode(body))
    assert (calls, kinds(feed)) == ([["a"]], ["Unknown"])


@pytest.mark.parametrize(
    ("listed", "errors"),
    [
        ({"To_Account": "a", "ErrorCode": 70107}, {"a": (70107, "")}),
        ({"0": {"To_Account": "a", "ErrorCode": "70107"}, "1": None}, {"a": (70107, "")}),
        ([{"To_Account": "a", "ErrorCode": 70107, "ErrorInfo": {"zh": "?"}}], {"a": (70107, "")}),
        ([{"To_Account": 7, "ErrorCode": 70107.0, "ErrorInfo": 9}], {"7": (70107, "9")}),
        ({}, {}),
        ("", {}),
    ],
)
def test_a_list_of_another_shape_is_read_as_far_as_it_goes(listed: Any, errors: dict[str, tuple[int, str]]) -> None:
    row = ROWS["timpush/set_attr"]
    answer = row.decode(json.dumps({"ErrorCode": 0, "ErrorList": listed}).encode())
    assert (answer.errors, answer.doubted) == (errors, frozenset())


@pytest.mark.parametrize(
    ("path", "field", "listed", "doubted"),
    [
        ("timpush/set_attr", "ErrorList", "x", {""}),
        ("timpush/set_attr", "ErrorList", 7, {""}),
        ("timpush/set_attr", "ErrorList", [{"To_Account": "a", "ErrorCode": "?"}], {"a"}),
        ("timpush/set_attr", "ErrorList", [{"To_Account": "a"}, {"ErrorCode": 7}], {"a", ""}),
        ("timpush/get_tag", "UserTags", [{"To_Account": "a", "Tags": {}}, {"To_Account": "b"}], {"a", "b"}),
        ("timpush/get_tag", "UserTags", [{"To_Account": "a", "Tags": ""}, "c", []], {"a", "c", ""}),
        ("im_open_login_svc/multiaccount_import", "FailAccounts", {"a": 1}, {""}),
        ("im_open_login_svc/multiaccount_import", "FailAccounts", [["a"]], {""}),
        ("sns/friend_check", "InfoItem", [{"To_Account": "a", "ResultCode": None}], {"a"}),
        ("profile/portrait_get", "UserProfileItem", [{"To_Account": "a", "ResultCode": 0, "ProfileItem": "x"}], {"a"}),
        ("group_open_http_svc/add_group_member", "MemberList", [{"Member_Account": "a", "Result": "?"}], {"a"}),
    ],
)
def test_what_cannot_be_read_leaves_whom_it_names_in_doubt(
    path: str, field: str, listed: Any, doubted: set[str]
) -> None:
    row = ROWS[path]
    answer = row.decode(json.dumps({"ErrorCode": 0, field: listed}).encode())
    assert answer.doubted == doubted
    assert not answer.errors


def test_an_odd_entry_with_a_readable_error_is_that_error() -> None:
    row = ROWS["sns/friend_get_list"]
    odd = {"To_Account": "a", "ResultCode": "30003", "SnsProfileItem": {"Tag": 7}}
    answer = row.decode(json.dumps({"ErrorCode": 0, "InfoItem": [odd]}).encode())
    assert (answer.errors, answer.doubted) == ({"a": (30003, "")}, frozenset())


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_rows_for_one_account_an_error_is_not_hidden_by_the_good_one(*, turned: bool) -> None:
    row = ROWS["im_open_login_svc/account_delete"]
    rows = [{"UserID": "a", "ResultCode": 0}, {"UserID": "a", "ResultCode": 70107}]
    body = json.dumps({"ErrorCode": 0, "ResultItem": rows[::-1] if turned else rows}).encode()
    lane = lane_of(row)
    feed = give(lane, ["a"])
    drive(lane, lambda _: row.decode(body))
    assert kinds(feed) == ["Rejected"]


def test_who_is_in_doubt_and_named_as_good_too_is_asked_again() -> None:
    row = ROWS["timpush/get_tag"]
    rows = [{"To_Account": "a", "Tags": ["x"]}, {"To_Account": "b", "Tags": []}]
    odd = {"ErrorCode": 0, "UserTags": rows, "ErrorList": [{"To_Account": "a", "ErrorCode": []}]}
    bodies = [json.dumps(odd).encode(), json.dumps({"ErrorCode": 0, "UserTags": rows}).encode()]
    lane = lane_of(row)
    feed = give(lane, ["a", "b"])
    calls, _ = drive(lane, lambda _: row.decode(bodies.pop(0)))
    assert (calls, kinds(feed)) == ([["a", "b"], ["a"]], ["Ok", "Ok"])


def test_the_names_of_attributes_are_all_there_or_the_answer_is_asked_for_again() -> None:
    row = ROWS["timpush/get_attr_name"]
    lane = lane_of(row)
    feed = give(lane, ["call 1"], [{}])
    bodies = [b'{"ErrorCode": 0, "AttrNames": {"0": []}}', b'{"ErrorCode": 0, "AttrNames": {"0": 7}}']

    def answer(_: Chunk) -> Any:
        try:
            return row.decode(bodies.pop(0))
        except Unreadable as exc:
            return InvalidReply(row.path, str(exc))

    calls, _ = drive(lane, answer)
    assert len(calls) == 2
    assert feed.values[0].names == {"0": "7"}


def test_text_is_kept_but_for_halves_of_characters() -> None:
    assert loose(b'{"a\\ud800": ["\\ud83d\\ude00", "\\ud83d", "\xff", "\\u0000"]}') == {
        "a\ufffd": ["\U0001f600", "\ufffd", "\ufffd", "\x00"]
    }


# What nobody said (see the rows of `test_endpoints` too)


@pytest.mark.parametrize("word", ["Missing", None, "Deleted", "", "imported", 1, "NotImported "])
def test_only_the_two_documented_words_tell_whether_an_account_is_imported(word: Any) -> None:
    row = ROWS["im_open_login_svc/account_check"]
    told = [{"UserID": "a", "ResultCode": 0, "AccountStatus": word}, {"UserID": "b", "ResultCode": 0}]
    told[0].update({} if word != "Missing" else {"UserID": "a"})
    if word == "Missing":
        del told[0]["AccountStatus"]
    told += [{"UserID": "c", "ResultCode": 0, "AccountStatus": each} for each in ("Imported",)]
    told += [{"UserID": "d", "ResultCode": 0, "AccountStatus": "NotImported"}]
    body = json.dumps({"ErrorCode": 0, "ResultItem": told}).encode()
    lane = lane_of(row, attempts=3)
    feed = give(lane, ["a", "b", "c", "d"])
    calls, _ = drive(lane, lambda _: row.decode(body))
    assert kinds(feed) == ["Unknown", "Unknown", "Ok", "Ok"]
    assert feed.values[2:] == [True, False]
    assert calls == [["a", "b", "c", "d"], ["a", "b"], ["a", "b"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("im_open_login_svc/account_delete", {"ResultItem": [{"UserID": "a"}]}),
        ("im_open_login_svc/account_delete", {"ResultItem": [{"UserID": "a", "ResultCode": None}]}),
        ("sns/friend_add", {"ResultItem": [{"To_Account": "a"}]}),
        ("sns/friend_check", {"InfoItem": [{"To_Account": "a", "ResultCode": 0}]}),
        ("sns/friend_check", {"InfoItem": [{"To_Account": "a", "Relation": "CheckResult_Type_NoRelation"}]}),
        ("profile/portrait_get", {"UserProfileItem": [{"To_Account": "a", "ProfileItem": []}]}),
        ("openim/query_online_status", {"QueryResult": [{"To_Account": "a"}]}),
        ("openim/query_online_status", {"QueryResult": [{"To_Account": "a", "Status": ""}]}),
        ("timpush/get_tag", {"UserTags": [{"To_Account": "a"}]}),
        ("timpush/get_attr", {"UserAttrs": [{"To_Account": "a"}]}),
        ("timpush/set_attr", {"ErrorList": [{"To_Account": "a"}]}),
        ("group_open_http_svc/add_group_member", {"MemberList": [{"Member_Account": "a"}]}),
        ("group_open_http_svc/add_group_member", {"MemberList": [{"Member_Account": "a", "Result": 4}]}),
        ("group_open_http_svc/add_group_member", {"MemberList": [{"Member_Account": "a", "Result": -1}]}),
    ],
)
def test_what_an_entry_leaves_out_is_not_a_yes(path: str, body: dict[str, Any]) -> None:
    row = ROWS[path]
    lane = lane_of(row, attempts=2)
    argument: list[Any] | None = None if row.prepare is None else [{}]
    feed = give(lane, ["a"], argument)
    calls, _ = drive(lane, lambda _: row.decode(json.dumps({"ErrorCode": 0, **body}).encode()))
    assert (len(calls), kinds(feed)) == (2, ["Unknown"])


@pytest.mark.parametrize("path", ["timpush/set_attr", "timpush/clear_all_tags", "all_member_push/im_add_tag"])
@pytest.mark.parametrize(
    ("stranger", "ours"),
    [
        ("mary", "Mary"),
        ("Mary", " Mary"),
        ("Jose\u0301", "Jos\u00e9"),
        ("a-very-long-na", "a-very-long-name"),
        ("x", "y"),
    ],
)
def test_an_error_list_that_names_only_strangers_says_of_nobody_that_it_is_done(
    path: str, stranger: str, ours: str
) -> None:
    row = ROWS[path]
    lane = lane_of(row, attempts=2)
    feed = give(lane, [ours, "Bob"], None if row.prepare is None else [{}, {}])
    body = json.dumps({"ErrorCode": 0, "ErrorList": [{"To_Account": stranger, "ErrorCode": 70107}]}).encode()
    calls, _ = drive(lane, lambda _: row.decode(body))
    assert (len(calls), kinds(feed)) == (2, ["Unknown", "Unknown"])


def test_so_does_a_list_of_failures_without_codes() -> None:
    row = ROWS["im_open_login_svc/multiaccount_import"]
    lane = lane_of(row, attempts=2)
    feed = give(lane, ["Mary", "Bob"], [{}, {}])
    bodies = [b'{"ErrorCode": 0, "FailAccounts": ["mary"]}', GOOD]
    drive(lane, lambda _: row.decode(bodies.pop(0)))
    assert kinds(feed) == ["Ok", "Ok"]
    assert not bodies


def test_a_stranger_beside_one_of_ours_concerns_only_those_whose_name_is_like_it() -> None:
    row = ROWS["timpush/clear_all_tags"]
    lane = lane_of(row)
    feed = give(lane, ["Mary", "Bob", "Max", "Eve"])
    named = [{"To_Account": name, "ErrorCode": 70107} for name in ("mary ", "Bob", "nobody")]
    bodies = [json.dumps({"ErrorCode": 0, "ErrorList": named}).encode(), GOOD]
    calls, _ = drive(lane, lambda _: row.decode(bodies.pop(0)))
    assert calls == [["Mary", "Bob", "Max", "Eve"], ["Mary"]]
    assert kinds(feed) == ["Ok", "Rejected", "Ok", "Ok"]


def test_a_push_whose_errors_name_only_strangers_is_unknown_and_not_sent_again() -> None:
    row = ROWS["timpush/batch"]
    lane = lane_of(row)
    feed = give(lane, ["Mary", "Bob"])
    body = b'{"ErrorCode": 0, "TaskId": "t", "ErrorList": [{"To_Account": "mary", "ErrorCode": 70107}]}'
    calls, _ = drive(lane, lambda _: row.decode(body))
    assert (len(calls), kinds(feed)) == (1, ["Unknown", "Unknown"])
    assert {type(outcome) for outcome in result_of(feed)} == {Unknown}


def test_strangers_among_rows_with_codes_concern_nobody() -> None:
    row = ROWS["im_open_login_svc/account_delete"]
    lane = lane_of(row)
    feed = give(lane, ["Mary"])
    body = (
        b'{"ErrorCode": 0, "ResultItem": [{"UserID": "Mary", "ResultCode": 0}, {"UserID": "x", "ResultCode": 70107}]}'
    )
    drive(lane, lambda _: row.decode(body))
    assert not any(isinstance(outcome, Rejected) for outcome in result_of(feed))
    assert kinds(feed) == ["Ok"]
