"""Every row of the table, against what its page shows: requests, answers, and what an answer means for each item."""

import json
import math
import random
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pages import SAMPLES, Page, answer_for, page_of, pages

from tim_async.errors import RequestError
from tim_async.lane.health import Health
from tim_async.lane.items import NORMAL
from tim_async.lane.judging import Lane
from tim_async.lane.owners import CallOwner
from tim_async.operations.operation import result_of
from tim_async.outcomes import NotSent, Ok, Outcome, Rejected, Unknown
from tim_async.results import BatchResult
from tim_async.service.checks import Unfit, check_accounts
from tim_async.service.endpoints import (
    ENDPOINTS,
    PUSH_ADD_TAGS,
    PUSH_SEND_TO,
    PUSH_SET_ATTRIBUTES,
    Answer,
    Endpoint,
    Unreadable,
    any_command,
    readers,
)
from tim_async.service.endpoints.arguments import (
    prepare_friend,
    prepare_imported_friend,
    prepare_new_account,
    prepare_tag_values,
)
from tim_async.service.endpoints.base import InOrder
from tim_async.service.endpoints.bodies import push_batch
from tim_async.service.endpoints.values import FRIEND_TAGS, PROFILE_TAGS, Presence

Row = Endpoint[Any, Any]
Respond = Callable[[list[str]], bytes | RequestError]
GOOD = b'{"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}'

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.path) for row in ENDPOINTS])


def prepared(row: Row, arguments: list[Any]) -> list[Any]:
    return arguments if row.prepare is None else [row.prepare(argument) for argument in arguments]


def encoded(row: Row, page: Page) -> Any:
    return json.loads(row.encode(page.accounts, prepared(row, page.arguments), page.shared(row)))


def decoded(row: Row, answer: Mapping[str, Any]) -> Answer:
    return row.decode(json.dumps(answer).encode())


def as_json(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def plain_values(answer: Answer, accounts: list[str]) -> Any:
    """Values by account as JSON has them."""
    if answer.values is None:
        return None
    return {account: as_json(answer.values[account]) for account in accounts if account in answer.values}


# The table


def test_every_row_has_a_page_among_the_samples_and_no_page_is_left_over() -> None:
    assert pages() == {row.path for row in ENDPOINTS}
    assert (SAMPLES / "error_codes.json").exists()


def test_rows_stand_sorted_and_each_method_and_path_stands_once() -> None:
    names = [(row.group, row.method) for row in ENDPOINTS]
    assert names == sorted(set(names))
    assert len({row.path for row in ENDPOINTS}) == len(ENDPOINTS)
    assert len({row.lane for row in ENDPOINTS}) == len(ENDPOINTS)


@each_row
def test_a_row_can_be_shown_to_people(row: Row) -> None:
    assert row.summary.endswith(".")
    assert row.page.startswith("https://")
    assert row.takes
    assert row.gives
    assert row.path.count("/") == 1


def test_the_rows_that_stand_behind_an_account_a_group_or_a_message_say_so() -> None:
    bound = {(row.group, row.method) for row in ENDPOINTS if row.bound}
    assert {group for group, _ in bound} == {"block_list", "friends", "groups", "push"}
    assert [method for group, method in bound if group == "push"] == ["send_to"]


@each_row
def test_options_are_hashable_because_they_are_part_of_the_key_of_a_chunk(row: Row) -> None:
    options = page_of(row).shared(row)
    assert (options is not None) == bool(row.options)
    assert hash(options) == hash(options)


@each_row
def test_only_rows_of_the_push_service_and_made_up_names_may_be_longer_than_a_user_id(row: Row) -> None:
    assert (row.account_bytes is None) == (row.path.startswith("timpush/") or row.plain)
    long = check_accounts(["x" * 36], row.account_bytes, row.account_code)[1]
    assert bool(long) == (row.account_bytes is not None)


# Words


@each_row
def test_the_request_is_the_one_on_the_page(row: Row) -> None:
    page = page_of(row)
    assert encoded(row, page) == page.request


@each_row
def test_the_answer_on_the_page_is_understood(row: Row) -> None:
    page = page_of(row)
    answer = decoded(row, page.answer)
    assert (answer.code, answer.info) == (0, "")
    assert plain_values(answer, page.accounts) == page.values
    assert answer.errors == {}


@each_row
def test_in_a_partial_failure_each_account_has_its_value_or_its_code(row: Row) -> None:
    page = page_of(row)
    if page.partial is None:
        # Told of nobody: a call without a list, or one whose page knows no partial failure.
        assert row.plain or row.path == "group_open_http_svc/delete_group_member"
        return
    answer = decoded(row, page.partial.answer)
    assert answer.code == 0
    named = [account for account in page.accounts if account not in answer.errors]
    assert plain_values(answer, named) == page.partial.values
    assert answer.errors == page.partial.errors


@each_row
def test_a_refusal_of_the_whole_call_gives_nobody_a_value(row: Row) -> None:
    page = page_of(row)
    answer = decoded(row, page.whole.answer)
    assert answer.code == page.whole.answer["ErrorCode"]
    assert answer.info == page.whole.answer["ErrorInfo"]
    assert not answer.values
    assert answer.errors == page.whole.errors


@each_row
def test_the_order_of_an_answer_means_nothing(row: Row) -> None:
    page = page_of(row)
    turned = {key: value[::-1] if isinstance(value, list) else value for key, value in page.answer.items()}
    assert plain_values(decoded(row, turned), page.accounts) == page.values


@each_row
def test_a_list_may_be_null_and_fields_nobody_knows_may_come(row: Row) -> None:
    page = page_of(row)
    bare = {key: None if isinstance(value, list) else value for key, value in page.answer.items()}
    answer = decoded(row, {**bare, "RequestId": "x", "Later": [{"a": 1}]})
    assert answer.code == 0
    assert answer.errors == {}


@each_row
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"ErrorCode": "x"}', b"\xff\xfe", b"null"])
def test_what_is_no_reply_is_an_invalid_reply(row: Row, body: bytes) -> None:
    with pytest.raises(Unreadable, match="the answer of"):
        row.decode(body)


@each_row
def test_a_signature_in_the_service_s_words_is_cut_out(row: Row) -> None:
    answer = row.decode(b'{"ErrorCode": 70003, "ErrorInfo": "bad url: /v4/x?usersig=eJw1j"}')
    assert answer.info == "bad url: /v4/x?[the rest held a signature]"


# What an answer means for each item


def sent(row: Row, accounts: list[str], page: Page, respond: Respond, *, attempts: int = 6) -> BatchResult[Any]:
    """The outcomes of a batch whose calls are answered by *respond*, on a clock that jumps to what is next."""
    lane = Lane(row, Health(), attempts=attempts, chance=lambda: 0.0)
    feed = CallOwner(NORMAL, page.shared(row), now=0.0, pairs=row.prepare is not None)
    feed.exhausted = True
    arguments = None if row.prepare is None else prepared(row, [page.arguments[0]] * len(accounts))
    lane.add(feed, accounts, arguments, 0.0)
    now = 0.0
    while not feed.finished:
        lane.tick(now)
        chunk = lane.seal(now)
        if chunk is None:
            wakeup = lane.next_wakeup(now)
            assert wakeup is not None
            now = max(wakeup, now + 0.001)
            continue
        assert 1 <= len(chunk.accounts) <= row.limit
        assert isinstance(json.loads(row.encode(chunk.accounts, chunk.arguments, chunk.options)), dict)
        answer = respond(chunk.accounts)
        lane.settle(chunk, answer if isinstance(answer, RequestError) else row.decode(answer), now)
    return result_of(feed)


def in_turn(answers: list[Any]) -> Respond:
    """One answer after the other."""
    return lambda _: answers.pop(0)


@each_row
@pytest.mark.parametrize("size", [1, 100, 101, 1_000])
def test_a_batch_of_any_size_is_one_outcome_for_each_in_its_order(row: Row, size: int) -> None:
    page = page_of(row)
    accounts = [f"account {number}" for number in range(size)]
    backwards = random.Random(size)

    def respond(chunk: list[str]) -> bytes:
        shuffled = backwards.sample(chunk, len(chunk))
        return answer_for(page, shuffled)

    result = sent(row, accounts, page, respond)
    value = None if page.values is None else page.values[page.accounts[0]]
    assert [outcome.account for outcome in result] == accounts
    assert [outcome.index for outcome in result] == list(range(size))
    assert result.ok
    assert all(as_json(got) == value for got in result.values.values())
    assert result.stats.calls == math.ceil(size / row.limit)


@each_row
def test_an_account_that_the_answer_names_with_a_code_is_rejected_and_the_others_are_ok(row: Row) -> None:
    page = page_of(row)
    partial = page.partial
    if partial is None:
        assert not row.plain or row.limit == 1
        return
    result = sent(row, page.accounts, page, lambda _: json.dumps(partial.answer).encode())
    for outcome in result:
        if outcome.account in partial.errors:
            code, info = partial.errors[outcome.account]
            assert isinstance(outcome, Rejected)
            # Code 0: the service names the account and gives no reason.
            assert (outcome.code, outcome.info) == (code or None, info)
            assert outcome.reason
        else:
            assert isinstance(outcome, Ok)


@each_row
def test_silence_is_a_yes_where_the_row_says_so_and_else_unknown_in_the_end(row: Row) -> None:
    page = page_of(row)
    calls: list[list[str]] = []

    def respond(chunk: list[str]) -> bytes:
        calls.append(chunk)
        return GOOD

    (outcome,) = sent(row, ["Mary"], page, respond, attempts=3)
    if row.gives.startswith("str, the id of the push"):
        # No task, no push; and it is not sent again, for it may have been.
        assert isinstance(outcome, Unknown)
        assert len(calls) == 1
        return
    if row.plain:
        # One answer for the whole call: it speaks by being good.
        assert isinstance(outcome, Ok)
        return
    assert isinstance(outcome, Ok if row.silence_is_ok else Unknown)
    assert len(calls) == (1 if row.silence_is_ok else 3)


@each_row
def test_after_a_lost_answer_only_what_may_be_repeated_is_sent_again(row: Row) -> None:
    page = page_of(row)
    answers: list[Any] = [RequestError(row.path, "lost"), answer_for(page, ["Mary"])]
    (outcome,) = sent(row, ["Mary"], page, in_turn(answers))
    assert isinstance(outcome, Ok if row.repeatable else Unknown)
    assert len(answers) == (0 if row.repeatable else 1)


@each_row
def test_a_repeat_that_meets_its_own_first_effect_is_ok(row: Row) -> None:
    page = page_of(row)
    partial = page.partial
    for code in row.done_again:
        assert partial is not None
        bad = next(iter(partial.errors))
        refused = json.dumps(partial.answer).replace(str(partial.errors[bad][0]), str(code)).encode()
        (after,) = sent(row, [bad], page, in_turn([RequestError(row.path, "lost"), refused]))
        assert isinstance(after, Ok)
        (first,) = sent(row, [bad], page, in_turn([refused]))
        assert isinstance(first, Rejected)


def test_each_account_has_its_own_no_where_a_whole_call_was_refused_because_all_of_them_are_unknown() -> None:
    (row,) = [row for row in ENDPOINTS if row.path == "openim/query_online_status"]
    page = page_of(row)
    outcomes: list[Outcome[Presence]] = list(
        sent(row, page.accounts, page, lambda _: json.dumps(page.whole.answer).encode())
    )
    assert [(type(outcome), outcome.account) for outcome in outcomes] == [
        (Rejected, account) for account in page.accounts
    ]


# Arguments


@pytest.mark.parametrize(
    ("row", "tags", "code"),
    [
        ("timpush/add_tag", [f"t{number}" for number in range(11)], 90032),
        ("timpush/remove_tag", [f"t{number}" for number in range(101)], 90032),
        ("timpush/add_tag", ["x" * 51], 90020),
        ("all_member_push/im_add_tag", ["ä" * 26], 90020),
        ("timpush/add_tag", "ab", 90020),
        ("timpush/add_tag", [], 90020),
        ("timpush/add_tag", [""], 90040),
        ("timpush/add_tag", [7], 90020),
    ],
)
def test_tags_that_the_service_would_refuse_are_refused_here(row: str, tags: object, code: int) -> None:
    (prepare,) = [each.prepare for each in ENDPOINTS if each.path == row]
    assert prepare is not None
    with pytest.raises(Unfit) as caught:
        prepare(tags)
    assert caught.value.problem.code == code


def test_as_many_tags_as_the_page_allows_are_fine() -> None:
    (prepare,) = [each.prepare for each in ENDPOINTS if each.path == "timpush/add_tag"]
    assert prepare is not None
    assert prepare(["x" * 50] * 10) == ("x" * 50,) * 10


@pytest.mark.parametrize(
    ("prepare", "argument", "reason"),
    [
        (prepare_new_account, "nick", "a mapping is needed"),
        (prepare_new_account, {"name": "x"}, "unknown: 'name'"),
        (prepare_new_account, {"nick": 7}, "nick must be a str"),
        (prepare_new_account, {"nick": "x" * 501}, "501 bytes long"),
        (prepare_friend, {}, "add_source is missing"),
        (prepare_friend, {"add_source": "Android"}, "AddSource_Type_ and one to eight letters"),
        (prepare_friend, {"add_source": "AddSource_Type_"}, "AddSource_Type_ and one to eight letters"),
        (prepare_friend, {"add_source": "AddSource_Type_A1"}, "AddSource_Type_ and one to eight letters"),
        (prepare_friend, {"add_source": "AddSource_Type_Äpfel"}, "AddSource_Type_ and one to eight letters"),
        (prepare_friend, {"add_source": "AddSource_Type_Android", "remark": "x" * 97}, "97 bytes long"),
        (prepare_friend, {"add_source": "AddSource_Type_Android", "add_time": 1}, "unknown: 'add_time'"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "add_time": -1}, "Unix seconds"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "add_time": True}, "Unix seconds"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "add_time": 1.5}, "Unix seconds"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "group_names": "G"}, "must be a list"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "group_names": ["x" * 31]}, "31 bytes long"),
        (prepare_imported_friend, {"add_source": "AddSource_Type_A", "custom": ["x"]}, "mapping of tag to value"),
        (prepare_tag_values, [("Tag_SNS_IM_Remark", "x")], "mapping of tag to value"),
        (prepare_tag_values, {}, "no field is given"),
        (prepare_tag_values, {7: "x"}, "a tag must be a str"),
        (prepare_tag_values, {"Tag_SNS_IM_Remark": "x" * 501}, "501 bytes long"),
        (prepare_tag_values, {"Tag_SNS_IM_Remark": None}, "must be a list"),
        (prepare_tag_values, {"Tag_SNS_IM_Group": [7]}, "must be a str"),
    ],
)
def test_what_is_said_of_an_account_is_checked(prepare: Any, argument: object, reason: str) -> None:
    with pytest.raises(Unfit) as caught:
        prepare(argument)
    assert reason in caught.value.problem.reason
    assert caught.value.problem.code in {30001, 40601}


def test_a_prepared_argument_may_be_prepared_again_because_that_is_what_retryable_gives() -> None:
    for row in ENDPOINTS:
        for argument in page_of(row).arguments if row.prepare is not None else ():
            assert row.prepare is not None
            once = row.prepare(argument)
            assert row.prepare(once) == once


# Odds and ends


def test_calls_of_one_message_differ_in_their_random_number_and_a_repeat_of_one_does_not() -> None:
    options = ("administrator", 7, b"{}", None)

    def number(accounts: list[str]) -> int:
        body = as_json(push_batch(accounts, [None] * len(accounts), options))
        assert "DataId" not in body
        return int(body["MsgRandom"])

    assert number(["Mary"]) == number(["Mary"])
    assert number(["Mary"]) != number(["Bob"])
    assert 0 <= number(["Mary"]) < 2**32


def test_equal_tags_are_one_tuple_and_no_more_of_them_are_remembered_than_an_app_needs() -> None:
    (row,) = [row for row in ENDPOINTS if row.path == "timpush/get_tag"]
    rows = [{"To_Account": str(number), "Tags": ["even" if number % 2 else "odd"]} for number in range(4)]
    values = decoded(row, {"ErrorCode": 0, "UserTags": rows}).values
    assert values is not None
    assert values["0"] is values["2"]
    many = [{"To_Account": str(number), "Tags": [str(number)]} for number in range(10_001)]
    values = decoded(row, {"ErrorCode": 0, "UserTags": many}).values
    assert values is not None
    assert values["10000"] == ("10000",)
    decoded(row, {"ErrorCode": 0, "UserTags": rows})
    assert len(readers._shared_tags) < 10_000


def test_tags_are_read_as_patiently_as_all_else_in_an_answer() -> None:
    """Numbers come as texts, so may null."""
    for path, field, entry in (("timpush/get_tag", "UserTags", "Tags"), ("timpush/get_attr", "UserAttrs", "Attrs")):
        (row,) = [row for row in ENDPOINTS if row.path == path]
        answer = decoded(row, {"ErrorCode": "0", field: [{"To_Account": "a", entry: "null"}]})
        assert answer.values is not None
        assert (answer.doubted, [*answer.values], not answer.values["a"]) == (frozenset(), ["a"], True)


def test_a_friend_answer_may_name_a_failure_without_a_row_of_its_own() -> None:
    (row,) = [row for row in ENDPOINTS if row.path == "sns/friend_add"]
    answer = decoded(row, {"ErrorCode": 0, "ResultItem": [], "Fail_Account": ["Mary"]})
    assert answer.errors == {"Mary": (0, "")}


def test_the_standard_fields_are_the_ones_that_are_read_if_nobody_says_others() -> None:
    assert "Tag_Profile_IM_Nick" in PROFILE_TAGS
    assert "Tag_SNS_IM_Remark" in FRIEND_TAGS


def test_a_presence_says_whether_an_account_is_online() -> None:
    assert Presence("Online").online
    assert not Presence("PushOnline").online


@pytest.mark.parametrize(
    ("rate", "limit", "calls"),
    [(500.0, 500, 1.0), (800.0, 400, 2.0), (30.0, 30, 1.0), (0.5, 1, 0.5)],
)
def test_a_limit_that_counts_accounts_is_kept_by_counting_every_call_as_a_full_one(
    rate: float, limit: int, calls: float
) -> None:
    row, got = PUSH_SEND_TO.paced(rate)
    assert (row.limit, got) == (limit, calls)
    assert row.limit * got <= rate


def test_a_limit_that_counts_calls_is_as_it_is() -> None:
    row = ENDPOINTS[0]
    assert row.paced(7.0) == (row, 7.0)


# Bare calls


def test_a_bare_call_has_the_rate_of_its_command_where_that_is_known() -> None:
    assert any_command("timpush/get_tag", repeatable=True).rate == 100.0
    assert any_command("timpush/push", repeatable=False).rate == 1.0
    assert any_command("timpush/add_sched_task", repeatable=False).rate == 5.0
    assert any_command("openim/sendmsg", repeatable=False).rate == 100.0
    row, rate = any_command("timpush/batch", repeatable=False).paced(500.0)
    assert (row.limit, rate) == (1, 1.0)


def test_a_bare_call_and_the_typed_one_of_the_same_path_do_not_wait_in_one_lane() -> None:
    typed = [row for row in ENDPOINTS if row.path == "timpush/get_tag"]
    bare = [any_command("timpush/get_tag", repeatable=repeatable) for repeatable in (True, False)]
    assert len({row.lane for row in [*typed, *bare]}) == 3


def test_a_bare_call_sends_what_it_is_given_and_gives_the_whole_reply() -> None:
    row = any_command("openim/sendmsg", repeatable=False)
    assert json.loads(row.encode(["call 1"], [{"a": [1]}], None)) == {"a": [1]}
    answer = row.decode(b'{"ErrorCode": 0, "ErrorInfo": "", "MsgKey": "k"}')
    assert answer.values is not None
    assert answer.values["anybody"] == {"ErrorCode": 0, "ErrorInfo": "", "MsgKey": "k"}
    assert len(answer.values) == 1
    assert not list(answer.values)
    assert not row.decode(b'{"ErrorCode": 90001, "ErrorInfo": "no"}').values
    assert row.page == "https://trtc.io/document/34620"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"x"', b"\xff"])
def test_what_is_no_reply_to_a_bare_call_is_an_invalid_reply(body: bytes) -> None:
    row = any_command("openim/sendmsg", repeatable=False)
    with pytest.raises(Unreadable):
        row.decode(body)


def test_an_item_that_is_refused_here_is_not_sent() -> None:
    (row,) = [row for row in ENDPOINTS if row.path == "sns/friend_add"]
    lane = Lane(row, Health())
    feed = CallOwner(NORMAL, ("Mary", "Add_Type_Both", False), now=0.0, pairs=True)
    feed.exhausted = True
    lane.add(feed, ["x" * 33], [{}], 0.0, check_accounts(["x" * 33], row.account_bytes, row.account_code)[1])
    (outcome,) = result_of(feed)
    assert isinstance(outcome, NotSent)
    assert outcome.code == 30001


# The page for people


def test_the_page_of_commands_is_the_table() -> None:
    script = Path(__file__).parent.parent / "docs" / "commands.py"
    written = runpy.run_path(str(script))["text"]()
    assert script.with_suffix(".md").read_text(encoding="utf-8") == written, "run: python docs/commands.py"


def test_a_str_of_a_class_of_its_own_is_written_like_any_other() -> None:
    class Name(str):
        __slots__ = ()

    row = any_command("openim/sendmsg", repeatable=False)
    assert row.encode(["call 1"], [{Name("To_Account"): Name("Mary")}], None) == b'{"To_Account":"Mary"}'


def test_what_json_has_no_word_for_is_refused_by_its_type_alone() -> None:
    row = any_command("openim/sendmsg", repeatable=False)
    with pytest.raises(NotImplementedError, match=r"^object cannot be written as JSON$"):
        row.encode(["call 1"], [{"To_Account": object()}], None)


def test_a_value_without_its_account_is_noticed_and_not_booked_for_another() -> None:
    with pytest.raises(ValueError, match="1 values for 2 accounts"):
        InOrder(["Mary", "Paul"], [("vip",)])


@pytest.mark.parametrize("row", [PUSH_SET_ATTRIBUTES, PUSH_ADD_TAGS], ids=lambda row: row.path)
def test_an_account_without_its_argument_is_noticed_and_not_left_out(row: Row) -> None:
    with pytest.raises(ValueError, match="shorter"):
        row.encode(["Mary", "Paul"], [{"n": "1"}], (False,))
