"""Trying again, and when to stop trying (rule 3 of judging)."""

import math

import pytest
from desk import (
    LOST,
    NO_CONNECTION,
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

from tim_async.errors import BadStatus, InvalidReply, RequestError
from tim_async.lane.judging import Lane
from tim_async.lane.waiting import SILENCE_MOST
from tim_async.service.endpoints import PUSH_SEND_TO, Answer

GATEWAY = BadStatus("sim", 502)
GARBAGE = InvalidReply("sim", "no JSON")

# 3: trying again


def lose_until(lane: Lane, end: float, now: float = 0.0) -> None:
    """Lose every answer until a time."""
    while (wakeup := lane.next_wakeup(now)) is not None and wakeup < end:
        now = wakeup
        lane.tick(now)
        if (chunk := lane.seal(now)) is not None:
            settle(lane, chunk, LOST, now)
    lane.tick(end)


def test_only_the_items_concerned_are_sent_again_and_in_other_company() -> None:
    lane = lane_of()
    first = give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": (), "d3": ()}, {"d2": (91000, "busy")}))
    second = give(lane, ["d4", "d5"])
    chunk = sealed(lane, 0.05)
    assert sorted(chunk.accounts) == ["d2", "d4", "d5"]
    settle(lane, chunk, fine(chunk), 0.05)
    assert kinds(first) == ["Ok"] * 3
    assert kinds(second) == ["Ok"] * 2
    assert (first.calls, first.retries, second.calls, second.retries) == (2, 1, 1, 1)


@pytest.mark.parametrize("trouble", [LOST, GATEWAY, GARBAGE, NO_CONNECTION, refusal(91000)], ids=str)
def test_trouble_with_a_whole_call_is_tried_six_times_in_all(trouble: Answer | RequestError) -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    calls, _ = drive(lane, lambda _: trouble)
    assert len(calls) == 6
    assert kinds(owner) == ["NotSent" if trouble is NO_CONNECTION else "Unknown"]
    assert lane.failures == 6


def test_the_number_of_attempts_is_the_clients_to_choose() -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["d1"])
    assert len(drive(lane, lambda _: refusal(91000))[0]) == 1
    assert codes(owner) == [("Unknown", 91000)]


def test_what_saw_a_refused_connection_once_and_a_lost_answer_once_is_unknown() -> None:
    lane = lane_of(attempts=2)
    owner = give(lane, ["d1"])
    answered(lane, LOST)
    answered(lane, NO_CONNECTION, 1.0)
    assert kinds(owner) == ["Unknown"]


def test_the_back_off_doubles_from_a_tenth_of_a_second() -> None:
    lane = lane_of(chance=1.0)
    lane.failures = -100  # the lane's own back-off is another rule
    give(lane, ["d1"])
    now, waits = 0.0, list[float]()
    for _ in range(5):
        answered(lane, LOST, now)
        wakeup = lane.next_wakeup(now)
        assert wakeup is not None
        waits.append(round(wakeup - now, 6))
        now = wakeup
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_without_retries_left_in_the_budget_an_item_waits_the_longest() -> None:
    lane = lane_of()
    lane.health.budget.left = 0
    give(lane, ["d1"])
    answered(lane, LOST)
    assert lane.next_wakeup(0.0) == 5.0
    answered(lane, values(["d1"]), 5.0)
    assert lane.health.budget.left == 1


def test_after_five_failures_in_a_row_the_lane_sends_one_probe_at_a_time() -> None:
    lane = lane_of(chance=1.0)
    give(lane, users(2_000))
    for chunk in [sealed(lane) for _ in range(7)]:
        settle(lane, chunk, LOST)
    assert lane.seal(0.0) is None
    waits: list[float] = []
    now = 0.0
    for _ in range(8):
        wakeup = lane._gate()
        waits.append(round(wakeup - now, 6))
        now = wakeup
        assert lane.seal(now - 0.001) is None
        probe = sealed(lane, now)
        assert probe.probe
        assert lane.seal(now) is None, "one at a time"
        assert lane._gate() == math.inf
        settle(lane, probe, LOST, now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    probe = sealed(lane, now + 5.0)
    settle(lane, probe, fine(probe), now + 5.0)
    assert len(all_sealed(lane, now + 5.0)) > 1, "one useful answer ends it"


def test_four_failures_in_a_row_are_not_enough_for_that() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(4)]:
        settle(lane, chunk, LOST)
    assert len(all_sealed(lane)) > 1
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    assert len(all_sealed(lane)) == 0
    assert len(all_sealed(lane, 1.0)) == 1


def test_a_late_good_answer_opens_the_way_before_it_is_time_for_a_probe() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    late = sealed(lane)
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    assert lane.seal(0.01) is None
    settle(lane, late, fine(late), 0.01)
    assert lane.seal(0.01) is not None


@pytest.mark.parametrize(
    "useless", [refusal(91000), values([]), errors(whoever=70500)], ids=["busy", "silence", "each busy"]
)
def test_an_answer_that_decides_nothing_is_a_failure_too(useless: Answer) -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        items = dict.fromkeys(chunk.accounts, (70500, "busy")) if useless.errors else {}
        settle(lane, chunk, useless._replace(errors=items))
    assert lane.failures == 5
    assert lane.seal(0.0) is None


def test_a_refusal_that_one_item_may_have_caused_is_a_useful_answer() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    settle(lane, sealed(lane, 1.0), refusal(40003), 1.0)
    assert len(all_sealed(lane, 1.0)) > 1


def test_late_failures_of_calls_sent_before_the_back_off_do_not_make_it_longer() -> None:
    lane = lane_of(chance=1.0)
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(10)]:
        settle(lane, chunk, LOST)
    assert lane._gate() == 0.1


def test_without_a_useful_answer_everything_ends_after_two_minutes_unless_it_has_a_timeout() -> None:
    lane = lane_of(attempts=1_000)
    hurried, patient = give(lane, ["d1", "d2"]), give(lane, ["d3"], patient=True)
    now = 0.0
    while not hurried.finished:
        wakeup = lane.next_wakeup(now)
        assert wakeup is not None
        now = wakeup
        lane.tick(now)
        if (chunk := lane.seal(now)) is not None:
            settle(lane, chunk, LOST, now)
    assert now == SILENCE_MOST
    assert codes(hurried) == [("Unknown", None)] * 2
    assert reasons(hurried)[0] == "the service gave no useful answer for 120 s"
    assert not patient.finished
    drive(lane, fine, now)
    assert kinds(patient) == ["Ok"]


def test_what_only_met_refused_connections_for_two_minutes_was_not_sent() -> None:
    lane = lane_of(attempts=1_000)
    owner = give(lane, ["d1"])
    _, now = drive(lane, lambda _: NO_CONNECTION)
    assert (kinds(owner), now) == (["NotSent"], SILENCE_MOST)


def test_two_minutes_of_frequency_refusals_are_no_useful_answer_either() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    _, now = drive(lane, lambda _: refusal(60007))
    assert (codes(owner), now) == ([("Unknown", 60007)], SILENCE_MOST)


def test_a_useful_answer_begins_the_two_minutes_anew() -> None:
    lane = lane_of(attempts=1_000)
    give(lane, ["d1"], last=False)
    settle(lane, sealed(lane), LOST)
    owner = give(lane, ["d2"], now=100.0)
    chunk = sealed(lane, 100.0)
    settle(lane, chunk, values(["d2"]), 100.0)
    assert kinds(owner) == ["Ok"]
    lane.tick(SILENCE_MOST + 1.0)
    assert not lane.idle


def test_the_two_minutes_run_from_the_last_useful_answer_and_not_from_the_next_call() -> None:
    lane = lane_of(attempts=1_000)
    owner = give(lane, users(200))
    good, lost = sealed(lane), sealed(lane)
    settle(lane, good, fine(good), 10.0)
    settle(lane, lost, LOST, 15.0)
    lose_until(lane, 10.0 + SILENCE_MOST, now=15.0)
    assert kinds(owner) == ["Ok"] * 100 + ["Unknown"] * 100


def test_an_old_silence_does_not_shorten_the_patience_with_what_comes_later() -> None:
    lane = lane_of(attempts=1)
    give(lane, ["d1"])
    answered(lane, LOST)
    assert lane.idle
    lane.attempts = 1_000
    owner = give(lane, ["d2"], now=100.0)
    lose_until(lane, 219.0, now=100.0)
    assert not owner.finished
    lose_until(lane, 221.0, now=219.0)
    assert kinds(owner) == ["Unknown"]


def test_a_source_that_is_silent_for_minutes_is_not_a_service_that_is() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"], last=False)
    answered(lane, values(["d1"]))
    lane.add(owner, ["d2"], None, 1_000.0)
    answered(lane, LOST, 1_000.0)
    lane.tick(1_000.0)
    assert owner.stop_reason is None
    assert lane.next_wakeup(1_000.0) == 1_000.05


def test_a_newcomer_is_tried_however_long_the_silence_was() -> None:
    lane = lane_of(attempts=1_000)
    give(lane, ["d1"], patient=True)
    lose_until(lane, 300.0)
    newcomer = give(lane, ["d2"], now=300.0)
    lane.tick(300.0)
    assert not newcomer.finished
    lose_until(lane, 300.0 + SILENCE_MOST + 15.0, now=300.0)
    assert kinds(newcomer) == ["Unknown"]


def test_what_must_not_be_repeated_is_unknown_after_one_lost_answer() -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = give(lane, ["d1", "d2"], [{}, {}])
    chunk = sealed(lane)
    settle(lane, chunk, LOST)
    assert kinds(owner) == ["Unknown"] * 2
    assert reasons(owner)[0].startswith("not sent again, for it may have been done")
    assert lane.idle


def test_what_must_not_be_repeated_is_tried_again_if_it_surely_was_not_done() -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = give(lane, ["d1"], [{}])
    answered(lane, NO_CONNECTION)
    answered(lane, refusal(60007), 1.0)
    chunk = sealed(lane, 5.0)
    settle(lane, chunk, fine(chunk), 5.0)
    assert kinds(owner) == ["Ok"]


# A gateway


def test_a_gateway_that_asks_for_fewer_calls_costs_no_attempt_and_leaves_nothing_open() -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["d1"])
    now = 0.0
    for _ in range(3):
        effect = settle(lane, sealed(lane, now), BadStatus("sim", 429), now)
        assert effect.refused
        now = lane.pause.until
    assert now == 7.0
    assert lane.failures == 0
    assert lane.health.budget.left == lane.health.budget.reserve
    answered(lane, Answer(0, "", None, {"d1": (70107, "")}), now)
    assert codes(owner) == [("Rejected", 70107)]


def test_a_gateway_names_the_time_of_the_next_call() -> None:
    lane = lane_of()
    give(lane, ["d1"])
    settle(lane, sealed(lane), BadStatus("sim", 503, 40.0), 0.0)
    assert lane.next_wakeup(0.0) == 0.0  # the item has come back
    lane.tick(0.0)
    assert lane.next_wakeup(0.0) == 40.0
    assert lane.seal(39.9) is None
    assert lane.seal(40.0) is not None


def test_calls_refused_together_count_once_and_what_came_through_is_the_pace() -> None:
    lane = lane_of()
    give(lane, users(800))
    chunks = [sealed(lane) for _ in range(8)]
    for chunk in chunks[:5]:
        settle(lane, chunk, fine(chunk), 0.1)
    for chunk in chunks[5:]:
        settle(lane, chunk, BadStatus("sim", 429), 0.2)
    assert lane.pause.until == 1.2
    assert lane.throttle.pace(1.2) == 5.0
    sealed(lane, 1.2)
    assert lane.next_wakeup(1.2) == pytest.approx(1.4)


def test_a_status_that_a_repeat_would_not_change_stops_the_command_and_leaves_open_what_was_open() -> None:
    lane = lane_of()
    lost = give(lane, ["d1"])
    settle(lane, sealed(lane), LOST)
    other = give(lane, users(150), now=10.0)
    lane.tick(10.0)
    chunk = sealed(lane, 10.0)
    effect = settle(lane, chunk, BadStatus("sim", 404), 10.0)
    assert effect == (False, False, None)
    assert kinds(lost) == ["Unknown"]
    assert kinds(other) == ["NotSent"] * 150
    assert isinstance(lost.error, BadStatus)
    assert isinstance(other.error, BadStatus)
    assert lane.idle
    give(lane, users(200), now=20.0)
    probe = sealed(lane, 20.0)
    assert lane.seal(20.0) is None  # one at a time
    settle(lane, probe, fine(probe), 20.1)
    assert lane.seal(20.1) is not None
