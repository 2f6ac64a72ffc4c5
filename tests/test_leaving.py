"""Who leaves pays the same, however many wait; and nobody else suffers."""

import sys
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import Any

import pytest
from desk import FINE, LOST, drive, fine, give, kinds, lane_of, refusal, sealed, settle, users

from tim_async.lane.items import INTERACTIVE, NORMAL, Item
from tim_async.lane.judging import Lane
from tim_async.lane.order import Order
from tim_async.lane.owners import Singles
from tim_async.lane.schedule import STALE_MOST
from tim_async.outcomes import Failure, NotSent, Rejected, Unknown
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_GET_TAGS, PUSH_SEND_TO, PUSH_SET_ATTRIBUTES, Endpoint

WHY = "the caller was cancelled"
Answered = Future[Any]


def ask(
    lane: Lane, account: str = "popular", argument: Any = None, *, patient: bool = False, now: float = 0.0
) -> tuple[Singles, Answered]:
    """A single request."""
    owner = lane.singles(INTERACTIVE, None, patient=patient)
    waiter = Answered()
    lane.ask(owner, waiter, account, argument, now)
    return owner, waiter


def failure(waiter: Answered) -> Failure:
    value = waiter.result(0)
    assert isinstance(value, Failure)
    return value


def steps(work: Callable[[], object]) -> int:
    """How many of our lines it runs: what its cost grows with, on any machine."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line" and frame.f_globals["__name__"].startswith("tim_async")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def crowd(lane: Lane, count: int, *, distinct: bool) -> list[tuple[Singles, Answered]]:
    """Many who ask for one account; *distinct* writes wait one behind another, equal reads as one."""
    return [ask(lane, argument=number if distinct else None) for number in range(count)]


@pytest.mark.parametrize("in_flight", [False, True], ids=["waiting", "in flight"])
@pytest.mark.parametrize("endpoint", [PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES], ids=lambda row: row.method)
@pytest.mark.parametrize("place", ["first", "second", "middle", "last"])
def test_to_leave_costs_the_same_whatever_waits(endpoint: Endpoint[Any, Any], place: str, *, in_flight: bool) -> None:
    def cost(count: int) -> int:
        lane = lane_of(endpoint)
        waiting = crowd(lane, count, distinct=endpoint.writes)
        if in_flight:
            sealed(lane)
        owner, waiter = waiting[{"first": 0, "second": 1, "middle": count // 2, "last": -1}[place]]
        return steps(lambda: lane.withdraw_one(owner, waiter, WHY, 0.0))

    assert cost(1_000) == cost(10)


def test_to_ask_costs_the_same_whatever_waits() -> None:
    def cost(count: int, endpoint: Endpoint[Any, Any]) -> int:
        lane = lane_of(endpoint)
        crowd(lane, count, distinct=endpoint.writes)
        return steps(lambda: ask(lane, argument="new"))

    for endpoint in (PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES):
        assert cost(1_000, endpoint) == cost(10, endpoint)


def test_what_happens_next_is_known_at_the_same_cost_however_many_batches_are_patient() -> None:
    def cost(count: int) -> int:
        lane = lane_of()
        for number in range(count):
            give(lane, [f"user{number}"], patient=True)
        sealed(lane)
        return steps(lambda: lane.next_wakeup(1.0))

    assert cost(90) == cost(3)


class _Compared(Item):
    """Counts with how many others it is compared: a search through a queue compares."""

    def __eq__(self, other: object) -> bool:
        comparisons.append(self.account)
        return self is other

    __hash__ = Item.__hash__


comparisons: list[str] = []


def test_a_write_that_leaves_the_queue_of_its_account_is_not_searched_for() -> None:
    order, owner = Order(writes=True), Singles(NORMAL, None)
    items = [_Compared("Mary", number, Answered(), owner, None, NORMAL) for number in range(500)]
    for item in items:
        order.claim(item, None)
    comparisons.clear()
    for item in reversed(items):  # newest first, which a search from the front finds last
        order.release(item, None)
    assert len(comparisons) < 10  # two of one hash at most
    assert not order


def test_a_request_that_left_is_told_so_once_and_the_others_go_on() -> None:
    lane = lane_of()
    (owner, first), (_, second), (_, third) = crowd(lane, 3, distinct=False)
    lane.withdraw_one(owner, first, WHY, 0.0)
    lane.withdraw_one(owner, first, "again", 0.0)
    assert (failure(first).kind, failure(first).reason) == (NotSent, WHY)
    chunk = sealed(lane)
    lane.withdraw_one(owner, third, WHY, 0.0)
    assert failure(third).kind is Unknown
    settle(lane, chunk, fine(chunk))
    assert second.result(0) == ()
    assert (lane.idle, len(lane.order), len(owner.waiting)) == (True, 0, 0)


def test_an_item_in_flight_that_nobody_waits_for_runs_to_its_end_and_is_not_sent_again() -> None:
    lane = lane_of()
    owner, waiter = ask(lane)
    chunk = sealed(lane)
    lane.withdraw_one(owner, waiter, WHY, 0.0)
    settle(lane, chunk, LOST)
    assert (lane.idle, len(lane.order)) == (True, 0)
    following = ask(lane)[1]
    chunk = sealed(lane)
    settle(lane, chunk, fine(chunk))
    assert following.result(0) == ()


def test_a_good_answer_for_one_that_nobody_waits_for_any_more_lets_the_next_write_go() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner, first = ask(lane, argument={"a": "1"})
    chunk = sealed(lane)
    _, second = ask(lane, argument={"a": "2"})
    lane.withdraw_one(owner, first, WHY, 0.0)
    assert lane.seal(0.0) is None  # the first one may still take effect
    settle(lane, chunk, FINE)
    settle(lane, sealed(lane), FINE)
    assert second.result(0) is None


def test_the_place_of_a_batch_outlives_a_request_that_it_shared() -> None:
    lane = lane_of()
    owner, waiter = ask(lane, "user0")
    batch = give(lane, users(3))
    lane.withdraw_one(owner, waiter, WHY, 0.0)
    assert sum(lane.schedule.ready) == 3
    chunk = sealed(lane)
    settle(lane, chunk, fine(chunk))
    assert kinds(batch) == ["Ok"] * 3


def test_equal_writes_that_are_asked_for_one_by_one_are_each_sent() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    ask(lane)
    ask(lane)
    assert sealed(lane).accounts == ["popular"]
    assert not lane.order.joined


def test_only_requests_without_a_timeout_of_their_own_end_with_the_silence_of_the_service() -> None:
    lane = lane_of()
    ask(lane, "in flight")
    sealed(lane)
    _, patient = ask(lane, "Mary", patient=True)
    _, other = ask(lane, "Bob")
    lane.tick(121.0)
    assert failure(other).kind is NotSent
    assert not patient.done()


def test_a_full_stop_ends_the_requests_that_wait_and_those_that_come_later_get_a_try() -> None:
    lane = lane_of()
    owner, waiter = ask(lane, "Mary")
    lane.stop(owner, "the service gave up", 0.0)
    assert (failure(waiter).kind, failure(waiter).reason) == (NotSent, "the service gave up")
    later, _ = ask(lane, "Mary")
    assert later is not owner
    assert sealed(lane).accounts == ["Mary"]


def test_a_waiter_that_was_cancelled_in_the_moment_of_its_answer_is_left_alone() -> None:
    lane = lane_of()
    _, waiter = ask(lane)
    chunk = sealed(lane)
    waiter.cancel()
    settle(lane, chunk, fine(chunk))
    assert (waiter.cancelled(), lane.idle, len(lane.order)) == (True, True, 0)


def test_of_those_who_come_and_go_during_a_long_pause_little_is_kept() -> None:
    lane = lane_of()
    stays = ask(lane, "stays")[1]
    owner = lane.singles(INTERACTIVE, None, patient=False)
    for number in range(5 * STALE_MOST):
        _, waiter = ask(lane, f"user{number}")
        lane.withdraw_one(owner, waiter, WHY, 0.0)
    assert len(owner.items) <= STALE_MOST + 3
    chunk = sealed(lane)
    settle(lane, chunk, fine(chunk))
    assert (chunk.accounts, stays.result(0)) == (["stays"], ())


def test_a_push_in_flight_that_its_sender_left_is_unknown_to_him_and_not_repeated() -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner, waiter = ask(lane)
    chunk = sealed(lane)
    lane.withdraw_one(owner, waiter, WHY, 0.0)
    settle(lane, chunk, LOST)
    assert failure(waiter).kind is Unknown
    assert lane.idle


def test_what_single_requests_were_refused_for_stops_none_of_those_that_come_later() -> None:
    """Three whole chunks of a batch that prove guilty stop it; single requests have nothing to do with each other."""
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    waiters = [ask(lane, account, {"no": "such"})[1] for account in users(400)]
    drive(lane, lambda _: refusal(90033))
    assert {failure(waiter).kind for waiter in waiters} == {Rejected}
