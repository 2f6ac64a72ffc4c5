"""The waiting half of a lane: when something may happen, and what is forgotten."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

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
    outcomes,
    refusal,
    sealed,
    settle,
    users,
    values,
)

from tim_async.errors import APIError, RequestError
from tim_async.lane.items import BULK, INTERACTIVE, NORMAL
from tim_async.lane.judging import Lane
from tim_async.lane.owners import CallOwner
from tim_async.lane.waiting import SILENCE_MOST
from tim_async.operations.operation import result_of
from tim_async.service.checks import Problem
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES, Answer, Endpoint

# When something may happen


def test_an_idle_lane_has_nothing_to_do_and_nothing_to_send() -> None:
    lane = lane_of()
    assert lane.idle
    assert (lane.next_wakeup(5.0), lane.seal(5.0), lane.urgent()) == (None, None, (False, False))
    assert lane.closed_for(5.0) == 0.0


def test_without_linger_what_waits_may_go_at_once() -> None:
    lane = lane_of()
    give(lane, ["d1"], now=7.0)
    assert lane.next_wakeup(7.0) == 7.0
    assert lane.next_wakeup(9.0) == 9.0


def test_a_lane_that_lingers_waits_for_more_items_unless_the_call_is_full() -> None:
    lane = lane_of(linger=0.02)
    give(lane, ["d1"], now=7.0)
    give(lane, ["d2"], now=7.01)
    assert lane.next_wakeup(7.01) == 7.02
    give(lane, users(98), now=7.01)
    assert lane.next_wakeup(7.01) == 7.01
    assert len(sealed(lane, 7.01).items) == 100
    give(lane, users(10, 200), now=7.5)
    assert lane.next_wakeup(7.5) == 7.52


def test_a_lane_whose_way_hangs_on_an_answer_knows_no_time_but_the_end_of_all_patience() -> None:
    lane = lane_of(proven=False)
    give(lane, users(500))
    all_sealed(lane, 10.0)
    assert lane.next_wakeup(10.0) == 10.0 + SILENCE_MOST
    assert lane.closed_for(10.0) == 0.0
    patient = lane_of(proven=False)
    give(patient, users(500), patient=True)
    all_sealed(patient, 10.0)
    assert patient.next_wakeup(10.0) is None


def test_a_stopped_batch_in_flight_wakes_nobody() -> None:
    lane = lane_of(attempts=1_000)
    give(lane, ["d1"], patient=True)
    for now in range(5):
        answered(lane, LOST, float(now))
    hurried = give(lane, ["d2"])
    chunk = sealed(lane, 10.0)
    assert "d2" in chunk.accounts
    give(lane, ["d3"], patient=True)
    lane.tick(SILENCE_MOST)
    assert hurried.stop_reason is not None
    assert not hurried.finished
    assert lane.seal(SILENCE_MOST) is None
    assert lane.next_wakeup(SILENCE_MOST) is None, "else the dispatcher would turn without a rest"


def test_an_urgent_call_is_known_before_it_is_sealed_and_so_is_a_full_one() -> None:
    lane = lane_of()
    give(lane, users(99))
    assert lane.urgent() == (False, False)
    give(lane, ["d1"])
    assert lane.urgent() == (False, True)
    give(lane, ["d2"], priority=INTERACTIVE)
    assert lane.urgent() == (True, False)


def test_a_source_is_asked_for_more_when_few_of_its_items_wait() -> None:
    lane = lane_of()
    asked: list[int] = []
    owner = give(lane, users(700), last=False)
    owner.notify = lambda: asked.append(owner.ready)
    for _ in range(4):
        sealed(lane)
    assert asked == [500, 400, 300]
    owner.exhausted = True
    sealed(lane)
    assert asked == [500, 400, 300]


@pytest.mark.parametrize("options", [None, "a"])
def test_what_a_source_gives_later_fills_up_the_call_that_was_short_and_the_rest_goes_as_a_whole(
    options: str | None,
) -> None:
    lane = lane_of()
    owner = give(lane, users(230), options=options, last=False)
    lane.add(owner, users(170, 230), None, 0.0)
    assert (owner.ready, owner.bundled) == (400, 300)
    lane.add(owner, users(100, 400), None, 0.0)
    assert (owner.ready, owner.bundled) == (500, 400)
    chunks = all_sealed(lane)
    assert [len(chunk.accounts) for chunk in chunks] == [100] * 5
    assert [chunk.bundle is None for chunk in chunks] == [True, False, False, False, False]
    assert sorted(account for chunk in chunks for account in chunk.accounts) == sorted(users(500))


@pytest.mark.parametrize("endpoint", [PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES, ACCOUNTS_DELETE], ids=lambda row: row.path)
def test_of_a_call_that_went_well_nothing_ever_becomes_an_item(endpoint: Endpoint[Any, Any]) -> None:
    lane = lane_of(endpoint)
    owner = give(lane, users(150))
    chunks = all_sealed(lane)
    for chunk in chunks:
        settle(lane, chunk, FINE if endpoint.silence_is_ok else values(chunk.accounts[::-1], "x"))
    assert all(chunk.bundle is not None and chunk.bundle.items is None for chunk in chunks)
    assert [outcome.account for outcome in outcomes(owner)] == users(150)
    assert set(result_of(owner).values.values()) == {None if endpoint.silence_is_ok else "x"}
    assert not lane.order


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        (ACCOUNTS_DELETE, FINE),
        (PUSH_GET_TAGS, values(users(99))),
        (PUSH_SET_ATTRIBUTES, errors(user7=90001)),
        (PUSH_GET_TAGS, refusal(60008)),
        (PUSH_GET_TAGS, LOST),
    ],
)
def test_of_a_call_of_which_anything_is_not_well_each_is_an_item(
    endpoint: Endpoint[Any, Any], answer: Answer | RequestError
) -> None:
    lane = lane_of(endpoint)
    owner = give(lane, users(100))
    chunk = sealed(lane)
    settle(lane, chunk, answer)
    assert chunk.bundle is not None
    assert chunk.bundle.items is not None
    assert [item.account for item in chunk.bundle.items] == users(100)
    drive(lane, fine)
    assert len(outcomes(owner)) == 100


@pytest.mark.parametrize("options", [None, "a"])
def test_items_of_a_bundle_stand_for_themselves_once_somebody_else_wants_one_of_their_accounts(
    options: str | None,
) -> None:
    lane = lane_of()
    owner = give(lane, users(200), options=options)
    first = sealed(lane)
    assert first.bundle is not None
    other = give(lane, users(200), options="b")
    assert (len(lane.order.bundles), lane.order.joined) == (4, 0)
    sharing = give(lane, ["user150"], options=options, priority=INTERACTIVE)
    late = give(lane, ["other", "user50"], options=options)
    assert (len(lane.order.bundles), lane.order.joined) == (2, 1)
    urgent = sealed(lane)
    assert (urgent.accounts, urgent.options) == (["user150", *users(50, 100), *users(49, 151)], options)
    for chunk in (first, urgent):
        settle(lane, chunk, fine(chunk))
    drive(lane, fine)
    assert {*kinds(owner), *kinds(other), *kinds(sharing), *kinds(late)} == {"Ok"}
    assert (owner.calls, sharing.calls, late.calls) == (2, 1, 1)
    assert not lane.order


def test_nothing_more_is_taken_of_a_source_that_is_cut_and_what_was_taken_goes_on() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"], last=False)
    chunk = sealed(lane)
    lane.cut(0.0)
    assert not owner.takes_more
    assert owner in lane.owners
    settle(lane, chunk, fine(chunk))
    assert kinds(owner) == ["Ok"]
    assert not lane.owners


def test_a_batch_is_stopped_once_and_keeps_the_first_error_that_explains_it() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2"])
    chunk = sealed(lane)
    lane.stop(owner, "the client was closed", 0.0)
    error = APIError(71000, "", "sim")
    lane.stop_all(error, 0.0)
    lane.stop_all(APIError(70009, "", "sim"), 0.0)
    assert owner.error is error
    lane.withdraw(owner, "the caller was cancelled", 0.0)
    assert owner.stop_reason == "the client was closed"
    settle(lane, chunk, LOST)
    assert kinds(owner) == ["Unknown"] * 2


def test_when_nobody_waits_any_longer_the_back_off_is_forgotten() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    answered(lane, LOST)
    assert lane.next_wakeup(0.0) == 0.05
    lane.withdraw(owner, "its timeout was over", 0.0)
    assert lane.idle
    assert lane.next_wakeup(0.0) is None


def test_what_was_withdrawn_in_back_off_does_not_come_back() -> None:
    lane = lane_of()
    owner, other = give(lane, ["d1", "d2"]), give(lane, ["d3", "d4"])
    answered(lane, LOST)
    assert lane.in_backoff == 4
    lane.withdraw(owner, "its timeout was over", 0.0)
    assert lane.in_backoff == 2
    assert answered(lane, values(["d3", "d4"]), 1.0) == ["d3", "d4"]
    assert kinds(other) == ["Ok"] * 2


def test_what_comes_back_goes_before_what_has_waited_all_the_time() -> None:
    lane = lane_of()
    give(lane, users(300))
    first = sealed(lane)
    settle(lane, first, LOST)
    assert sealed(lane, 1.0).accounts == first.accounts == users(100)


def test_a_search_of_which_all_were_withdrawn_in_back_off_is_over() -> None:
    lane = lane_of()
    owner, other = give(lane, users(4)), give(lane, ["other"], options=1)
    answered(lane, refusal(90033))
    answered(lane, LOST)
    answered(lane, values(["user2", "user3"]))
    lane.withdraw(owner, "its timeout was over", 0.0)
    assert not lane.bisections
    answered(lane, values(["other"]), 1.0)
    assert kinds(other) == ["Ok"]
    assert lane.idle


def test_problems_that_were_found_before_sending_are_those_of_their_items_alone() -> None:
    lane = lane_of()
    owner = CallOwner(NORMAL, None, now=0.0)
    owner.exhausted = True
    lane.add(owner, ["", "d1", ""], None, 0.0, {0: Problem(90001, "empty"), 2: Problem(90001, "empty")})
    assert answered(lane, values(["d1"])) == ["d1"]
    assert codes(owner) == [("NotSent", 90001), ("Ok", None), ("NotSent", 90001)]
    assert not result_of(owner).retryable()


def test_a_batch_of_which_nothing_can_be_sent_ends_at_once() -> None:
    lane = lane_of()
    owner = CallOwner(NORMAL, None, now=0.0)
    owner.exhausted = True
    lane.add(owner, [""], None, 0.0, {0: Problem(90001, "empty")})
    assert codes(owner) == [("NotSent", 90001)]
    assert lane.idle
    assert not lane.owners


def test_an_empty_block_changes_nothing() -> None:
    lane = lane_of()
    owner = give(lane, [])
    assert owner.finished
    assert lane.idle
    assert lane.seal(0.0) is None


def test_a_lane_tells_its_state() -> None:
    lane = lane_of()
    give(lane, users(150))
    answered(lane, LOST)
    sealed(lane)
    assert repr(lane) == "<Lane timpush/get_tag: 0 ready, 1 groups in back-off, 1 calls in flight>"


def test_the_books_say_how_many_calls_and_how_many_repeats_a_batch_took() -> None:
    lane = lane_of()
    owner, urgent = give(lane, users(150), priority=BULK), give(lane, ["d1"], priority=INTERACTIVE)
    answered(lane, LOST)
    calls, _ = drive(lane, fine)
    assert [len(call) for call in calls] == [51, 100]
    assert (owner.calls, owner.retries) == (3, 1)
    assert (urgent.calls, urgent.retries) == (2, 1)


def test_the_time_of_the_last_outcome_is_noted() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"], now=3.0)
    answered(lane, values(["d1"]), 4.5)
    assert owner.stats().seconds == 1.5


# What the lane forgets


def done(lane: Lane, _: CallOwner) -> None:
    drive(lane, fine)


def withdrawn(lane: Lane, owner: CallOwner) -> None:
    lane.withdraw(owner, "the caller was cancelled", 0.0)


def withdrawn_in_back_off(lane: Lane, owner: CallOwner) -> None:
    answered(lane, LOST)
    withdrawn(lane, owner)


@pytest.mark.parametrize("others", [0, 100])
@pytest.mark.parametrize("end", [done, withdrawn, withdrawn_in_back_off])
def test_a_lane_keeps_nothing_of_a_batch_that_is_gone(end: Callable[[Lane, CallOwner], None], others: int) -> None:
    lane = lane_of()
    give(lane, users(others, first=1_000))
    owner = give(lane, users(500))
    gone = weakref.ref(owner)
    end(lane, owner)
    del owner
    drive(lane, fine, 1.0)
    gc.collect()
    assert gone() is None


def test_a_call_that_is_called_off_was_never_made_and_those_before_it_were() -> None:
    lane = lane_of()
    owner = give(lane, users(300))
    for _ in range(2):
        chunk = sealed(lane)
        lane.settle(chunk, fine(chunk), 0.0)
    lane.call_off(sealed(lane), 0.0)
    assert (lane.calls, owner.calls, lane.in_flight, lane.health.in_flight) == (2, 2, 0, 0)
    chunk = sealed(lane)
    lane.settle(chunk, fine(chunk), 0.0)
    assert (lane.calls, owner.calls, owner.finished) == (3, 3, True)
