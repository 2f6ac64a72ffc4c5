"""A "no" to the whole call that nobody need be searched for, or that nobody understands; and echoes of a lost call."""

from typing import Any

import pytest
from desk import (
    LOST,
    answered,
    codes,
    drive,
    errors,
    fine,
    give,
    kinds,
    lane_of,
    reasons,
    refusal,
    sealed,
    settle,
    users,
)

from tim_async.errors import InvalidRequest
from tim_async.lane.items import Chunk
from tim_async.lane.judging import Effect
from tim_async.operations.operation import result_of
from tim_async.outcomes import Unknown
from tim_async.service.codes import code
from tim_async.service.endpoints import (
    ACCOUNTS_DELETE,
    BLOCK_LIST_ADD,
    BLOCK_LIST_DELETE,
    ENDPOINTS,
    FRIENDS_ADD,
    FRIENDS_CHECK,
    FRIENDS_DELETE,
    FRIENDS_GET,
    FRIENDS_IMPORT,
    FRIENDS_UPDATE,
    GROUPS_ADD_MEMBERS,
    GROUPS_REMOVE_MEMBERS,
    PROFILES_GET,
    PUSH_SEND,
    PUSH_SEND_TO,
    PUSH_SET_ATTRIBUTES,
    Answer,
    Endpoint,
    any_command,
)

Row = Endpoint[Any, Any]

# 11: what all items of a call share

MESSAGE = [90043, 90008, 90056, 90026, 90044, 90057, 90001, 90002, 90005, 90007, 90010, 80001, 80002, 80004, 20006]
SHARED = [
    *[(PUSH_SEND_TO, number) for number in MESSAGE],
    *[(PUSH_SEND_TO, number) for number in (10016, 120_001, 130_000)],
    *[(row, number) for row in (GROUPS_ADD_MEMBERS, GROUPS_REMOVE_MEMBERS) for number in (10007, 10010, 10015, 10016)],
    *[(row, 30003) for row in ENDPOINTS if row.path.startswith("sns/")],
    *[(row, 30001) for row in ENDPOINTS if row.path.startswith("sns/")],
    (PROFILES_GET, 40009),
    (FRIENDS_GET, 40007),
]


def arguments(row: Row, count: int) -> list[Any] | None:
    return None if row.prepare is None else [{"add_source": "AddSource_Type_Web"}] * count


@pytest.mark.parametrize(("row", "number"), SHARED, ids=lambda value: str(getattr(value, "path", value)))
def test_a_code_about_what_all_share_is_final_after_one_call(row: Row, number: int) -> None:
    lane = lane_of(row)
    owner = give(lane, users(row.limit), arguments(row, row.limit), options=("Mary",))
    calls, _ = drive(lane, lambda _: refusal(number))
    assert len(calls) == 1
    assert codes(owner) == [("Rejected", number)] * row.limit
    assert owner.error is None
    assert result_of(owner).retryable() == []


@pytest.mark.parametrize(
    ("row", "number"), [(PUSH_SEND_TO, 90043), (GROUPS_ADD_MEMBERS, 10010), (FRIENDS_CHECK, 30003)]
)
def test_a_batch_of_several_calls_stops_there_and_says_why(row: Row, number: int) -> None:
    lane = lane_of(row)
    owner = give(lane, users(3 * row.limit), options=("Mary",))
    other = give(lane, users(row.limit), options=("Paul",))
    calls, _ = drive(lane, lambda chunk: refusal(number) if chunk.options == ("Mary",) else fine(chunk))
    assert len(calls) == 2
    assert isinstance(owner.error, InvalidRequest)
    assert (owner.error.code, owner.error.path) == (number, row.path)
    assert codes(owner) == [("Rejected", number)] * row.limit + [("NotSent", number)] * 2 * row.limit
    assert (kinds(other), other.error) == (["Ok"] * row.limit, None)


def test_others_who_wait_with_the_same_options_are_told_too_and_who_comes_later_is_asked_for() -> None:
    lane = lane_of(GROUPS_ADD_MEMBERS)
    give(lane, users(100), options=("g", False))
    waiting = give(lane, users(100, 100), options=("g", False))
    settle(lane, sealed(lane), refusal(10010))
    assert isinstance(waiting.error, InvalidRequest)
    assert codes(waiting) == [("NotSent", 10010)] * 100
    later = give(lane, users(2), options=("g", False))
    drive(lane, fine)
    assert kinds(later) == ["Ok", "Ok"]


def test_calls_in_flight_with_the_same_options_end_by_their_own_answers() -> None:
    lane = lane_of(GROUPS_ADD_MEMBERS)
    owner = give(lane, users(300), options=("g", False))
    first, second = sealed(lane), sealed(lane)
    settle(lane, first, refusal(10010))
    settle(lane, second, fine(second))
    assert kinds(owner) == ["Rejected"] * 100 + ["Ok"] * 100 + ["NotSent"] * 100


def test_ten_groups_that_are_gone_cost_ten_calls() -> None:
    lane = lane_of(GROUPS_ADD_MEMBERS)
    gone = [give(lane, users(100), options=(f"gone{number}", False)) for number in range(10)]
    living = give(lane, users(5), options=("living", False))
    calls, now = drive(lane, lambda chunk: fine(chunk) if chunk.options[0] == "living" else refusal(10010))
    assert (len(calls), now) == (11, 0.0)
    assert all(set(codes(owner)) == {("Rejected", 10010)} for owner in gone)
    assert kinds(living) == ["Ok"] * 5


@pytest.mark.parametrize("number", [10014, 10038, 10019])
def test_a_group_that_is_full_may_still_take_some(number: int) -> None:
    lane = lane_of(GROUPS_ADD_MEMBERS)
    owner = give(lane, users(8), options=("g", False))
    drive(lane, lambda chunk: refusal(number) if "user7" in chunk.accounts else fine(chunk))
    assert kinds(owner) == ["Ok"] * 7 + ["Rejected"]


def test_rows_that_name_accounts_go_before_the_code_on_top() -> None:
    lane = lane_of(FRIENDS_ADD)
    owner = give(lane, users(3), arguments(FRIENDS_ADD, 3), options=("Mary",))
    named = Answer(30001, "no", {"user0": None}, {"user1": (30003, "no"), "user2": (30525, "no")})
    settle(lane, sealed(lane), named)
    assert codes(owner) == [("Ok", None), ("Rejected", 30003), ("Rejected", 30525)]


@pytest.mark.parametrize(
    ("row", "number"), [(GROUPS_ADD_MEMBERS, 10010), (FRIENDS_CHECK, 30003), (PUSH_SEND_TO, 90043)]
)
def test_what_all_share_is_searched_for_in_nobody_though_the_answer_names_some(row: Row, number: int) -> None:
    lane = lane_of(row)
    owner = give(lane, users(6), options=("Mary",))
    calls, _ = drive(lane, lambda _: Answer(number, "no", {}, {"user0": (0, ""), "user1": (70107, "who?")}))
    assert len(calls) == 1
    assert codes(owner) == [("Rejected", number), ("Rejected", 70107)] + [("Rejected", number)] * 4


@pytest.mark.parametrize("number", [90043, 90008, 120_500])
def test_the_reason_says_that_it_is_not_about_the_account_itself(number: int) -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = give(lane, users(2), options=("Mary",))
    settle(lane, sealed(lane), refusal(number))
    (reason,) = set(reasons(owner))
    assert reason.startswith("refused for what all accounts of the call share (from_account, msg_random, ")
    assert reason.endswith(f": {code(number).meaning}")


def test_a_call_without_accounts_shares_nothing_and_says_what_is_wrong() -> None:
    lane = lane_of(PUSH_SEND)
    owner = give(lane, ["the message"], [{}])
    settle(lane, sealed(lane), refusal(120_500))
    assert reasons(owner) == [code(120_500).meaning]


def test_a_code_that_means_the_message_here_does_not_slow_the_command_down() -> None:
    lane = lane_of(PUSH_SEND_TO)
    give(lane, ["Mary"], options=("m",))
    assert settle(lane, sealed(lane), refusal(90057)) == Effect()
    assert lane.next_wakeup(0.0) is None
    other = lane_of(any_command("openim/batchsendmsg", repeatable=True))
    give(other, ["call 1"], [{}])
    assert settle(other, sealed(other), refusal(90057)).refused


def test_what_was_lost_before_stays_unknown_for_the_group_may_have_gone_since() -> None:
    lane = lane_of(GROUPS_ADD_MEMBERS)
    owner = give(lane, users(2), options=("g", False))
    answered(lane, LOST)
    answered(lane, refusal(10010), 1.0)
    assert codes(owner) == [("Unknown", 10010)] * 2


# 12: what may be sent once


@pytest.mark.parametrize("number", [99_999, 12_345, 1, -7, 120_000, 130_001])
@pytest.mark.parametrize("row", [PUSH_SEND_TO, PUSH_SEND, any_command("a/b", repeatable=False)])
def test_a_code_that_nobody_knows_leaves_open_whether_a_push_was_sent(row: Row, number: int) -> None:
    lane = lane_of(row)
    count = min(row.limit, 100)
    owner = give(lane, users(count), None if row.prepare is None else [{}])
    calls, _ = drive(lane, lambda _: refusal(number))
    assert len(calls) == 1
    assert codes(owner) == [("Unknown", number)] * count


def test_so_does_one_beside_a_single_account() -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = give(lane, ["Mary", "Bob", "Max"])
    answer = Answer(0, "", {"Max": "t"}, {"Mary": (99_999, "?"), "Bob": (70107, "who?")})
    calls, _ = drive(lane, lambda _: answer)
    assert len(calls) == 1
    assert codes(owner) == [("Unknown", 99_999), ("Rejected", 70107), ("Ok", None)]
    assert isinstance(result_of(owner).outcomes[0], Unknown)


def test_one_on_top_leaves_open_what_became_of_those_that_the_answer_does_not_name() -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = give(lane, users(6))
    calls, _ = drive(lane, lambda _: Answer(99_999, "?", {}, {"user0": (70107, "who?"), "user1": (0, "")}))
    assert len(calls) == 1
    assert codes(owner) == [("Rejected", 70107)] + [("Unknown", 99_999)] * 5


def test_a_code_that_may_come_after_the_deed_ends_a_push_too() -> None:
    for number in (60008, 91000, 90994):
        lane = lane_of(PUSH_SEND_TO)
        owner = give(lane, users(2))
        calls, _ = drive(lane, lambda _, number=number: refusal(number))  # type: ignore[misc]  # a default is no place
        assert (len(calls), codes(owner)) == (1, [("Unknown", number)] * 2)


def test_what_may_be_repeated_is_halved_for_an_unknown_code_as_ever() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, users(4))
    drive(lane, lambda chunk: refusal(99_999) if "user3" in chunk.accounts else fine(chunk))
    assert codes(owner)[-1] == ("Rejected", 99_999)
    assert kinds(owner)[:3] == ["Ok"] * 3


# 13: a repeat that meets its own effect


def said(account: str, number: int, info: str) -> Answer:
    return Answer(0, "", {}, {account: (number, info)})


ECHOES = [
    (FRIENDS_ADD, 30001, "Err_SNS_FriendAdd_Friend_Exist"),
    (FRIENDS_IMPORT, 30001, "Err_SNS_FriendImport_Friend_Exist"),
    (FRIENDS_IMPORT, 30001, ""),
    (FRIENDS_DELETE, 30001, "Err_SNS_FriendDelete_Not_Friend"),
    (FRIENDS_DELETE, 30001, ""),
    (BLOCK_LIST_ADD, 30001, "Err_SNS_BlackListAdd_Already_Exist"),
    (BLOCK_LIST_DELETE, 30001, "Err_SNS_BlackListDelete_Not_Exist"),
    (ACCOUNTS_DELETE, 70107, "Err_TLS_PT_Open_Login_Account_Not_Exist"),
    # Its code has no second meaning, so its words need not be read.
    (ACCOUNTS_DELETE, 70107, "invalid account"),
]


@pytest.mark.parametrize(("row", "number", "info"), ECHOES)
def test_a_repeat_that_meets_its_own_effect_is_ok_only_after_a_lost_answer(row: Row, number: int, info: str) -> None:
    lane = lane_of(row)
    first = give(lane, ["Bob"], arguments(row, 1))
    answered(lane, said("Bob", number, info))
    assert codes(first) == [("Rejected", number)]
    second = give(lane, ["Bob"], arguments(row, 1))
    answered(lane, LOST)
    answered(lane, said("Bob", number, info), 1.0)
    assert kinds(second) == ["Ok"]


@pytest.mark.parametrize(
    "info", ["Err_SNS_FriendAdd_Illegal_Param", "Invalid AddSource", "Tag is too long", "PARAMETER"]
)
def test_words_about_parameters_are_no_echo(info: str) -> None:
    lane = lane_of(FRIENDS_IMPORT)
    owner = give(lane, ["Bob"], arguments(FRIENDS_IMPORT, 1))
    answered(lane, LOST)
    answered(lane, said("Bob", 30001, info), 1.0)
    assert codes(owner) == [("Rejected", 30001)]


@pytest.mark.parametrize("row", [FRIENDS_UPDATE, FRIENDS_GET, FRIENDS_CHECK])
def test_that_somebody_is_no_friend_is_no_echo_of_a_read_or_a_change(row: Row) -> None:
    lane = lane_of(row)
    owner = give(lane, ["Bob"], None if row.prepare is None else [{"Tag_SNS_IM_Remark": "x"}])
    answered(lane, LOST)
    answered(lane, said("Bob", 30001, "Err_SNS_Not_Friend"), 1.0)
    assert codes(owner) == [("Rejected", 30001)]


def test_one_friend_whose_echo_stands_on_top_is_ok_and_several_are_not() -> None:
    for count, kind in ((1, "Ok"), (2, "Unknown")):
        lane = lane_of(FRIENDS_ADD)
        owner = give(lane, users(count), arguments(FRIENDS_ADD, count))
        answered(lane, LOST)
        answered(lane, refusal(30001), 1.0)
        assert kinds(owner) == [kind] * count


def test_who_is_no_friend_or_a_member_already_is_ok_at_once() -> None:
    for row, number in ((FRIENDS_DELETE, 31704), (FRIENDS_ADD, 30539), (GROUPS_ADD_MEMBERS, 10013)):
        lane = lane_of(row)
        owner = give(lane, ["Bob"], arguments(row, 1))
        answered(lane, errors(Bob=number))
        assert kinds(owner) == ["Ok"]


# Names that were never declared (rule 6)


def test_that_all_items_are_guilty_of_the_same_name_is_found_in_three_calls() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(100), [{"never": str(number)} for number in range(100)])
    calls, _ = drive(lane, lambda _: refusal(90033))
    assert [len(call) for call in calls] == [100, 1, 1]
    assert codes(owner) == [("Rejected", 90033)] * 100
    assert result_of(owner).retryable() == []
    assert owner.error is None
    assert not lane.bisections


@pytest.mark.parametrize("culprit", [0, 1, 49, 50, 99])
def test_one_guilty_among_a_hundred_that_say_the_same_costs_two_calls_more_than_halving(culprit: int) -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(100), [{"sex": "x"}] * 100)
    calls, _ = drive(lane, lambda chunk: refusal(90033) if f"user{culprit}" in chunk.accounts else fine(chunk))
    assert len(calls) <= 1 + 2 + 14
    assert [kind for kind in kinds(owner) if kind != "Ok"] == ["Rejected"]
    assert kinds(owner)[culprit] == "Rejected"


def says_never(chunk: Chunk) -> Answer:
    return refusal(90033) if any("never" in names for names in chunk.arguments) else fine(chunk)


def test_those_that_say_the_same_stand_together_where_others_say_something_else() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(100), [{"never": "x"} if number % 2 else {"sex": "x"} for number in range(100)])
    calls, _ = drive(lane, says_never)
    assert len(calls) <= 25
    assert kinds(owner) == ["Ok", "Rejected"] * 50


def test_the_innocent_are_found_where_names_that_are_removed_differ() -> None:
    (row,) = [row for row in ENDPOINTS if row.path == "timpush/remove_attr"]
    lane = lane_of(row)
    owner = give(lane, users(40), [("never",)] * 39 + [("sex",)])
    drive(lane, says_never)
    assert kinds(owner) == ["Rejected"] * 39 + ["Ok"]


def test_a_code_that_is_not_about_names_asks_everybody() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(8), [{"sex": "x"}] * 8)
    calls, _ = drive(lane, lambda chunk: refusal(70107) if len(chunk.accounts) > 1 else fine(chunk))
    assert len(calls) == 15
    assert kinds(owner) == ["Ok"] * 8


def test_what_waits_for_the_first_two_may_be_withdrawn_and_so_may_they() -> None:
    for gone in (slice(0, 1), slice(1, 2), slice(0, 2)):
        lane = lane_of(PUSH_SET_ATTRIBUTES)
        owners = [give(lane, users(3, first), [{"never": "x"}] * 3) for first in (0, 3)]
        settle(lane, sealed(lane), refusal(90033))
        for owner in owners[gone]:
            lane.withdraw(owner, "its timeout was over", 0.0)
        drive(lane, lambda _: refusal(90033))
        assert {kind for owner in owners for kind in kinds(owner)} == {"Rejected"}
        assert not lane.bisections
        assert lane.idle


def test_one_of_the_first_two_whose_answer_is_lost_is_asked_again() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(10), [{"never": "x"}] * 10)
    settle(lane, sealed(lane), refusal(90033))
    answered(lane, LOST)
    drive(lane, lambda _: refusal(90033))
    assert codes(owner) == [("Rejected", 90033)] * 10
    assert not lane.bisections
