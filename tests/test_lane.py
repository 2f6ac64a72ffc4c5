"""Who goes before whom, who shares a place, and who goes away (rules 8, 10 and 11)."""

from dataclasses import replace

import pytest
from desk import (
    FINE,
    LOST,
    all_sealed,
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
    values,
)

from tim_async.errors import APIError, RequestError
from tim_async.lane.items import BULK, INTERACTIVE, Chunk
from tim_async.lane.owners import CallOwner, StreamOwner
from tim_async.operations.operation import result_of
from tim_async.outcomes import Failure
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES, Answer

# 8: order, sharing, lending


def test_two_writes_of_one_account_are_never_in_flight_together_and_keep_their_order() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    first = give(lane, ["d1", "d2"], [{"a": "1"}, {}], priority=BULK)
    second = give(lane, ["d1"], [{"a": "2"}], priority=INTERACTIVE)
    chunk = sealed(lane)
    assert (chunk.accounts, chunk.arguments[0]) == (["d1", "d2"], {"a": "1"})
    assert lane.seal(0.0) is None
    settle(lane, chunk, FINE)
    chunk = sealed(lane)
    assert (chunk.accounts, chunk.arguments) == (["d1"], [{"a": "2"}])
    settle(lane, chunk, FINE)
    assert kinds(first) == ["Ok", "Ok"]
    assert kinds(second) == ["Ok"]


def test_a_later_write_waits_until_the_earlier_one_has_its_outcome_after_all_its_tries() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    first, second = give(lane, ["d1"], [{"a": "1"}]), give(lane, ["d1"], [{"a": "2"}])
    seen: list[object] = []

    def answer(chunk: Chunk) -> Answer | RequestError:
        seen.append(chunk.arguments[0]["a"])
        return LOST if seen[-1] == "1" else FINE

    drive(lane, answer)
    assert seen == ["1"] * 6 + ["2"]
    assert (kinds(first), kinds(second)) == (["Unknown"], ["Ok"])


def test_a_later_write_waits_while_the_guilty_are_searched() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    give(lane, ["d1", "d2"], [{}, {}])
    answered(lane, refusal(90033))
    second = give(lane, ["d1"], [{"a": "2"}])
    calls, _ = drive(lane, lambda chunk: refusal(90033) if chunk.accounts == ["d2"] else FINE)
    assert calls == [["d1"], ["d2"], ["d1"]]
    assert kinds(second) == ["Ok"]


def test_a_more_urgent_write_lends_its_priority_to_the_one_in_back_off_that_it_waits_for() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    give(lane, ["d1"], [{"a": "1"}], priority=BULK)
    answered(lane, LOST)
    give(lane, users(1_000), [{}] * 1_000)
    urgent = give(lane, ["d1"], [{"a": "2"}], priority=INTERACTIVE)
    chunk = sealed(lane, 0.05)
    assert chunk.accounts[0] == "d1"
    assert lane.schedule.ready == [0, 901, 0]
    settle(lane, chunk, FINE, 0.05)
    assert sealed(lane, 0.05).arguments[0] == {"a": "2"}
    assert not urgent.finished


def test_a_more_urgent_item_lends_its_priority_to_one_that_waits_for_its_turn() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    give(lane, users(500), [{}] * 500, priority=BULK)
    give(lane, ["user450"], [{"a": "2"}])
    assert lane.schedule.ready == [0, 1, 499]
    give(lane, ["user450"], [{"a": "3"}], priority=INTERACTIVE)
    assert lane.schedule.ready == [1, 0, 499]
    assert sealed(lane).accounts[0] == "user450"


def test_those_to_whom_the_same_urgency_is_lent_share_a_call_before_all_others() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    give(lane, users(500), [{}] * 500, priority=BULK)
    give(lane, users(500, first=500), [{}] * 500)
    for account in ("user450", "user470"):
        give(lane, [account], [{"a": "3"}], priority=INTERACTIVE)
    assert lane.schedule.ready == [2, 500, 498]
    assert sealed(lane).accounts[:2] == ["user450", "user470"]


def test_a_more_urgent_item_lends_its_priority_to_one_that_is_searched_for_guilt() -> None:
    lane = lane_of()
    give(lane, users(8), priority=BULK)
    answered(lane, refusal(90033))
    give(lane, ["other"])
    give(lane, ["user6"], priority=INTERACTIVE)
    chunks = all_sealed(lane)
    assert chunks[0].accounts == ["user6"]
    assert chunks[0].bisection is not None
    assert [len(chunk.accounts) for chunk in chunks[1:]] == [1, 4, 3]


def test_the_same_item_twice_in_a_batch_is_sent_once_and_ok_twice() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1", "d1"])
    calls, _ = drive(lane, fine)
    assert calls == [["d1"]]
    assert kinds(owner) == ["Ok", "Ok"]


def test_unequal_writes_of_one_account_in_a_batch_are_both_sent_in_their_order() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1", "d1", "d1"], [{"a": "1"}, {"a": "2"}, {"a": "1"}])
    seen: list[object] = []

    def answer(chunk: Chunk) -> Answer:
        seen.extend(chunk.arguments)
        return FINE

    drive(lane, answer)
    assert seen == [{"a": "1"}, {"a": "2"}, {"a": "1"}]
    assert kinds(owner) == ["Ok"] * 3


def test_an_equal_write_joins_its_own_batch_even_in_flight_but_never_another_batch() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"], last=False)
    chunk = sealed(lane)
    owner.exhausted = True
    lane.add(owner, ["d1"], None, 0.0)
    other = give(lane, ["d1"])
    settle(lane, chunk, fine(chunk))
    assert kinds(owner) == ["Ok", "Ok"]
    assert not other.finished
    answered(lane, errors(d1=70107))
    assert codes(other) == [("Rejected", 70107)]


def test_equal_reads_that_both_wait_share_one_place() -> None:
    lane = lane_of()
    owners = [give(lane, ["d1"]) for _ in range(3)]
    calls, _ = drive(lane, lambda _: values(["d1"], ("x",)))
    assert calls == [["d1"]]
    assert [owner.values for owner in owners] == [[("x",)]] * 3


def test_nobody_joins_a_read_in_flight_for_it_may_miss_a_write() -> None:
    lane = lane_of()
    first = give(lane, ["d1"])
    chunk = sealed(lane)
    second, third = give(lane, ["d1"]), give(lane, ["d1"])
    settle(lane, chunk, values(["d1"], ("old",)))
    answered(lane, values(["d1"], ("new",)))
    assert [first.values, second.values, third.values] == [[("old",)], [("new",)], [("new",)]]


def test_a_read_in_back_off_waits_and_so_may_be_joined() -> None:
    lane = lane_of()
    first = give(lane, ["d1"])
    answered(lane, LOST)
    second = give(lane, ["d1"])
    answered(lane, values(["d1"]), 1.0)
    assert kinds(first) == kinds(second) == ["Ok"]


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_a_cancelled_asker_leaves_the_place_of_the_others_alone(leaver: int) -> None:
    lane = lane_of()
    owners = [give(lane, ["d1"], priority=priority) for priority in (BULK, INTERACTIVE, BULK)]
    lane.withdraw(owners[leaver], "the caller was cancelled", 0.0)
    assert kinds(owners.pop(leaver)) == ["NotSent"]
    answered(lane, values(["d1"]))
    assert [kinds(owner) for owner in owners] == [["Ok"], ["Ok"]]
    assert not lane.order.joined


@pytest.mark.parametrize("end", ["withdraw", "stop"])
def test_an_asker_who_leaves_a_read_in_flight_does_not_take_its_retries_along(end: str) -> None:
    lane = lane_of()
    first, second = give(lane, ["d1"]), give(lane, ["d1"])
    chunk = sealed(lane)
    getattr(lane, end)(first, "it was enough", 0.0)
    settle(lane, chunk, LOST)
    assert kinds(first) == ["Unknown"]
    answered(lane, values(["d1"]), 1.0)
    assert kinds(second) == ["Ok"]


def test_one_who_joined_and_was_stopped_is_settled_by_the_answer_in_flight() -> None:
    lane = lane_of()
    first, second = give(lane, ["d1"]), give(lane, ["d1"])
    chunk = sealed(lane)
    lane.stop(second, "it was enough", 0.0)
    assert not second.finished
    settle(lane, chunk, LOST)
    assert kinds(second) == ["Unknown"]
    assert not first.finished


def test_an_item_goes_on_in_the_queue_of_the_one_who_is_left() -> None:
    lane = lane_of()
    first, second = give(lane, ["d1"], priority=BULK), give(lane, ["d1"], priority=BULK)
    lane.withdraw(first, "the caller was cancelled", 0.0)
    assert (first.ready, second.ready, lane.schedule.ready) == (0, 1, [0, 0, 1])
    assert sealed(lane).owners == [second]


def test_equal_items_of_a_stopped_batch_are_dropped_in_one_go() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"] * 50_000)
    lane.stop(owner, "the source failed", 0.0)
    assert set(kinds(owner)) == {"NotSent"}
    assert lane.idle
    assert not lane.order


# 10: callers who go away


def test_a_withdrawn_batch_ends_at_once_and_its_call_in_flight_runs_to_its_end() -> None:
    lane = lane_of()
    owner = give(lane, users(150))
    chunk = sealed(lane)
    lane.withdraw(owner, "its timeout of 1 s was over", 1.0)
    assert kinds(owner) == ["Unknown"] * 100 + ["NotSent"] * 50
    assert reasons(owner)[0] == "its timeout of 1 s was over"
    assert lane.seal(1.0) is None
    settle(lane, chunk, fine(chunk), 2.0)
    assert kinds(owner) == ["Unknown"] * 100 + ["NotSent"] * 50, "too late"
    assert not lane.order


def test_what_was_withdrawn_in_flight_is_not_sent_again() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    chunk = sealed(lane)
    lane.withdraw(owner, "the caller was cancelled", 0.0)
    settle(lane, chunk, LOST)
    assert lane.idle
    assert not lane.order


def test_a_write_behind_one_that_was_withdrawn_in_flight_waits_for_its_answer() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    first = give(lane, ["d1"])
    chunk = sealed(lane)
    second = give(lane, ["d1"])
    lane.withdraw(first, "the caller was cancelled", 0.0)
    assert lane.seal(0.0) is None
    settle(lane, chunk, fine(chunk))
    drive(lane, fine)
    assert kinds(second) == ["Ok"]


def test_one_who_waits_behind_another_can_be_withdrawn_too() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    first, second, third = (give(lane, ["d1"]) for _ in range(3))
    lane.withdraw(second, "the caller was cancelled", 0.0)
    assert kinds(second) == ["NotSent"]
    calls, _ = drive(lane, fine)
    assert calls == [["d1"], ["d1"]]
    assert kinds(first) == kinds(third) == ["Ok"]


def test_a_withdrawn_batch_does_not_hurt_its_company() -> None:
    lane = lane_of()
    first, second = give(lane, ["d1"]), give(lane, ["d2"])
    chunk = sealed(lane)
    lane.withdraw(first, "the caller was cancelled", 0.0)
    settle(lane, chunk, fine(chunk))
    assert (kinds(first), kinds(second)) == (["Unknown"], ["Ok"])


def test_items_that_come_after_their_batch_was_stopped_are_not_sent() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"], last=False)
    lane.withdraw(owner, "its timeout was over", 0.0)
    lane.add(owner, ["d2"], None, 0.0)
    assert kinds(owner) == ["NotSent", "NotSent"]
    assert lane.idle
    assert owner not in lane.owners


def test_items_that_come_while_the_client_closes_are_not_sent() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"], last=False)
    lane.cut(0.0)
    lane.add(owner, ["d2"], None, 0.0)
    assert answered(lane, values(["d1"])) == ["d1"]
    assert reasons(owner) == ["", "the client was closed"]


def test_a_stream_that_was_stopped_gets_an_outcome_for_what_came_too_late() -> None:
    lane = lane_of()
    owner = StreamOwner(BULK, None, now=0.0, most_open=100)
    lane.add(owner, ["d1"], None, 0.0)
    lane.stop(owner, APIError(71000, "", "sim"), 0.0)
    lane.add(owner, ["d2"], None, 0.0)
    assert [(outcome.index, outcome.account) for outcome in owner.outcomes] == [(0, "d1"), (1, "d2")]
    assert owner.finished


# 11: what stands beside the list


def test_items_with_unequal_options_never_share_a_call_but_one_account_may_have_both() -> None:
    lane = lane_of()
    give(lane, ["d1", "d2"], options=("a",))
    give(lane, ["d1"], options=("b",))
    give(lane, ["d3"], options=("a",))
    chunks = all_sealed(lane)
    assert [(chunk.options, chunk.accounts) for chunk in chunks] == [(("a",), ["d1", "d2", "d3"]), (("b",), ["d1"])]
    for chunk in chunks:
        settle(lane, chunk, fine(chunk))
    assert not lane.order


def test_the_options_of_items_that_were_lent_priority_are_forgotten_with_them() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    for number in range(20):
        give(lane, ["d1"], [{}], options=(number,), priority=BULK)
        give(lane, ["d1"], [{}], options=(number,), priority=INTERACTIVE)
    drive(lane, fine)
    assert not lane._lent


# What stands in the row of the command


def test_a_row_may_allow_more_or_fewer_items_in_a_call() -> None:
    lane = lane_of(replace(PUSH_GET_TAGS, limit=7))
    give(lane, users(15))
    assert [len(chunk.accounts) for chunk in all_sealed(lane)] == [7, 7, 1]


def test_a_failure_keeps_the_argument_so_that_the_item_can_be_given_again() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES, attempts=1)
    owner = CallOwner(BULK, None, now=0.0, pairs=True)
    owner.exhausted = True
    lane.add(owner, ["d1"], [{"a": "1"}], 0.0)
    answered(lane, LOST)
    assert isinstance(owner.values[0], Failure)
    assert result_of(owner).retryable() == [("d1", {"a": "1"})]
