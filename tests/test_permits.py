"""The rules of the pool of permits, one by one. The proof and the price: test_permits_proof.py."""

import math

import pytest

from tim_async.limits.permits import ENOUGH, SLACK, Permit, Permits, PermitStatistics

WINDOW = 1 + SLACK


def call(
    permits: Permits, taken: float, latency: float | None, *, fresh: bool = False, refused: bool = False
) -> Permit:
    """One call that was written when it was taken; without a latency it still runs."""
    permit = permits.take(taken)
    permit.written = taken
    permit.fresh = fresh
    if latency is not None:
        permit.answered = taken + latency
        permits.end(permit, taken + latency, refused=refused)
    return permit


def proven(rate: float = 100, *, latency: float = 0.02) -> tuple[Permits, float]:
    """A pool with enough answers of one latency, with no permit in use, and the time."""
    permits = Permits(rate)
    for place in range(ENOUGH):
        call(permits, place * 1.1, latency)
    now = ENOUGH * 1.1
    assert permits.available(now) == permits.usable(now)
    return permits, now


def back_at(permits: Permits, now: float) -> float:
    """When one more permit is available than at `now`."""
    before = permits.available(now)
    while permits.available(now) <= before:
        now = permits.next_at(now, leave=before)
        if now == math.inf:
            break
    return now


# How many there are.


@pytest.mark.parametrize(("rate", "permits"), [(100, 100), (200, 200), (2.5, 2), (1, 1), (0.5, 1)])
def test_there_are_as_many_permits_as_calls_in_a_second(rate: float, permits: int) -> None:
    assert Permits(rate).available(0.0) == permits


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_rate_that_is_no_positive_number_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        Permits(rate)
    with pytest.raises(ValueError, match="positive number"):
        Permits(1).set_rate(rate, 0.0)


def test_a_cap_may_be_nothing_at_all() -> None:
    assert Permits(100, cap=0.0).cap(0.0) == 0.0


@pytest.mark.parametrize("cap", [-0.1, math.nan])
def test_a_negative_cap_is_refused(cap: float) -> None:
    with pytest.raises(ValueError, match="negative"):
        Permits(100, cap=cap)


def test_a_lower_rate_takes_permits_away_and_counts_those_in_use() -> None:
    permits, now = proven(10)
    for _ in range(6):
        call(permits, now, 0.02)
    permits.set_rate(5, now)
    assert (permits.rate, permits.available(now)) == (5, 0)
    assert permits.available(now + WINDOW) == 5


# When a permit comes back.


def test_a_call_that_was_never_written_gives_its_permit_back_at_once() -> None:
    permits = Permits(1)
    permits.end(permits.take(0.0), 0.5, refused=False)
    assert permits.available(0.5) == 1


@pytest.mark.parametrize(
    ("latency", "rest"),
    [
        (0.02, WINDOW),
        (0.03, WINDOW + 0.01),
        (0.07, WINDOW + 0.05),
        (0.2, WINDOW + 0.05),  # as likely a slow service: capped
        (0.32, WINDOW + 0.3),  # no busy service is that slow: not capped
    ],
)
def test_an_answer_later_than_the_least_delays_its_permit_by_the_difference(latency: float, rest: float) -> None:
    permits, now = proven(1)
    call(permits, now, latency)
    assert back_at(permits, now) == pytest.approx(now + rest)


def test_the_least_latency_is_that_of_the_last_minute() -> None:
    permits, now = proven(1, latency=0.02)
    for second in range(0, 60, 2):
        call(permits, now + second, 0.05)
    call(permits, now + 61, 0.06)
    assert permits.statistics(now + 61).smallest == pytest.approx(0.05)
    assert back_at(permits, now + 61) == pytest.approx(now + 61 + WINDOW + 0.01)


def test_the_least_latency_is_looked_up_when_the_permit_is_wanted() -> None:
    permits, now = proven(2, latency=0.05)
    call(permits, now, 0.05)
    call(permits, now + 0.5, 0.01)
    assert permits.available(now + WINDOW + 0.03) == 0
    assert permits.available(now + WINDOW + 0.05) == 1


def test_until_enough_answers_are_in_a_permit_rests_from_the_answer_on() -> None:
    permits = Permits(1)
    for place in range(ENOUGH):
        call(permits, place * 1.5, 0.4)
        assert back_at(permits, place * 1.5) == pytest.approx(place * 1.5 + (0.4 + WINDOW if place < 63 else WINDOW))


def test_after_a_minute_without_answers_nothing_is_known_any_more() -> None:
    permits, now = proven(1)
    call(permits, now + 61, 0.3)
    assert back_at(permits, now + 61) == pytest.approx(now + 61 + 0.3 + WINDOW)
    assert permits.statistics(now + 130).smallest is None
    assert permits.available(now + 130) == 1


def test_the_first_call_of_a_connection_rests_from_the_answer_on() -> None:
    permits, now = proven(1)
    call(permits, now, 0.3, fresh=True)
    assert back_at(permits, now) == pytest.approx(now + 0.3 + WINDOW)


def test_the_first_call_of_a_connection_is_no_proof() -> None:
    permits = Permits(1)
    for place in range(100):
        call(permits, place * 1.5, 0.1, fresh=True)
    call(permits, 150, 0.1)
    assert back_at(permits, 150) == pytest.approx(150 + 0.1 + WINDOW)


def test_an_answer_without_a_note_of_its_writing_counts_from_the_permit() -> None:
    permits, now = proven(1)
    permit = permits.take(now)
    permit.answered = now + 0.06
    permits.end(permit, now + 0.06, refused=False)
    assert back_at(permits, now) == pytest.approx(now + WINDOW + 0.04)


def test_after_a_silence_lateness_is_not_capped() -> None:
    """What a blocked path held up arrives at once when it is free again."""
    permits, now = proven(100)
    for place in range(5):  # written before and during 0.2 s without an answer, answered after it
        call(permits, now + place * 0.04, 0.2 - place * 0.04)
    assert permits.next_at(now + 0.5, leave=95) == pytest.approx(now + 0.2 - 0.02 + WINDOW)


def test_a_silence_is_no_proof() -> None:
    permits = Permits(100)
    for _ in range(80):
        call(permits, 0.0, 0.5)
    call(permits, 0.6, 0.5)
    assert permits.next_at(1.2, leave=99) == pytest.approx(1.1 + WINDOW)


# Calls without an answer.


def test_a_call_without_an_answer_comes_back_while_others_are_answered() -> None:
    permits, now = proven(10)
    hung = call(permits, now, None)
    for place in range(1, 10):
        call(permits, now + place / 10, 0.02)
    assert permits.available(now + WINDOW + 0.04) == 0
    assert permits.available(now + WINDOW + 0.052) == 1
    permits.end(hung, now + WINDOW + 0.06, refused=False)
    assert permits.available(now + WINDOW + 0.06) == 1


def test_a_call_without_an_answer_hangs_on_its_end_while_nothing_is_answered() -> None:
    """After a stall all that was buffered reaches the service at once."""
    permits, now = proven(10)
    hung = call(permits, now, None)
    for place in range(1, 10):
        call(permits, now + place / 50, 0.02)
    assert permits.available(now + 5) == 9
    assert permits.next_at(now + 5, leave=9) == math.inf
    permits.end(hung, now + 7, refused=False)
    assert back_at(permits, now + 7) == pytest.approx(now + 7 + WINDOW)


def test_answers_that_come_again_do_not_free_what_hung_in_the_silence() -> None:
    permits, now = proven(100)
    call(permits, now, 0.02)
    hung = [call(permits, now + 0.1 + place / 100, None) for place in range(80)]
    for permit in hung[:10]:
        permit.answered = now + 1.05
        permits.end(permit, now + 1.05, refused=False)
    assert permits.available(now + 1.5) == 100 - 80


def test_the_first_call_of_a_connection_hangs_on_its_end() -> None:
    permits, now = proven(10)
    call(permits, now, None, fresh=True)
    for place in range(1, 30):
        call(permits, now + place / 10, 0.02)
    assert permits.statistics(now + 2.95).resting == 11


def test_a_call_that_is_not_written_within_a_second_hangs_on_its_end() -> None:
    permits, now = proven(1)
    permit = permits.take(now)
    assert permits.next_at(now) == pytest.approx(now + WINDOW + 0.05)
    assert permits.next_at(now + 2) == math.inf
    permits.end(permit, now + 3, refused=False)
    assert permits.available(now + 3) == 1


def test_a_call_that_was_written_late_rests_from_its_writing_on() -> None:
    permits, now = proven(10)
    late = permits.take(now)
    for place in range(1, 10):
        call(permits, now + place / 10, 0.02)
    late.written = now + 0.03
    assert permits.available(now + WINDOW + 0.07) == 0
    assert permits.available(now + WINDOW + 0.081) == 1


def test_a_call_that_ended_without_an_answer_rests_from_its_end_on() -> None:
    permits, now = proven(1)
    permit = call(permits, now, None)
    permits.end(permit, now + 0.3, refused=False)
    assert back_at(permits, now + 0.3) == pytest.approx(now + 0.3 + WINDOW)


# After a refusal.


def test_a_refusal_widens_the_cap_until_a_second_and_a_quiet_minute_halves_it() -> None:
    permits, now = proven(100)
    caps: list[float] = []
    for place in range(6):
        call(permits, now + place / 10, 0.02, refused=True)
        caps.append(permits.cap(now + place / 10 + 0.02))
    assert caps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0], rel=0.01)
    last = now + 0.52
    assert permits.cap(last + 60) == pytest.approx(0.5)
    assert permits.cap(last + 120) == pytest.approx(0.25)
    assert permits.cap(last + 600) == 0.05


def test_a_wider_cap_is_more_rest_for_what_was_late() -> None:
    permits, now = proven(1)
    call(permits, now, 0.02, refused=True)
    call(permits, now + 30, 0.12)
    assert back_at(permits, now + 30) == pytest.approx(now + 30 + WINDOW + permits.cap(now + 31.07), abs=1e-3)


def test_a_refusal_slows_by_a_tenth_down_to_a_tenth() -> None:
    permits, now = proven(100)
    usable: list[int] = []
    for place in range(40):
        call(permits, now + place / 10, 0.02, refused=True)
        usable.append(permits.usable(now + place / 10 + 0.02))
    assert usable[:4] == [90, 81, 72, 65]
    assert usable[-1] == 10
    assert permits.statistics(now + 4).refusals == 40


def test_after_two_seconds_the_rate_recovers_by_a_twentieth_each_second() -> None:
    permits, now = proven(100)
    call(permits, now, 0.0, refused=True)
    assert [permits.share(now + after) for after in (0, 2, 3, 4, 5)] == pytest.approx([0.9, 0.9, 0.95, 1, 1])


def test_calls_sent_before_a_refusal_was_known_slow_no_further() -> None:
    permits, now = proven(100)
    together = [call(permits, now, None) for _ in range(10)]
    for permit in together:
        permit.answered = now + 0.02
        permits.end(permit, now + 0.02, refused=True)
    assert permits.usable(now + 0.02) == 90
    assert permits.statistics(now + 0.02).refusals == 10


def test_a_slowed_single_permit_rests_longer() -> None:
    permits, now = proven(1)
    call(permits, now, 0.02, refused=True)
    assert back_at(permits, now + 0.1) == pytest.approx(now + 1 / 0.9 + SLACK)


def test_the_latency_of_a_refusal_is_no_least() -> None:
    permits, now = proven(100)
    call(permits, now, 0.001, refused=True)
    assert permits.statistics(now + 1).smallest == pytest.approx(0.02)


def test_a_growing_rate_is_a_permit_to_wait_for() -> None:
    permits, now = proven(10)
    call(permits, now, 0.0, refused=True)
    for _ in range(9):
        call(permits, now + 2, None, fresh=True)
    assert permits.available(now + 3.5) == 0
    assert back_at(permits, now + 3.5) == pytest.approx(now + 4, abs=0.01)


# When to look again.


def test_while_there_are_permits_it_is_now() -> None:
    assert Permits(1).next_at(5.0) == 5.0


def test_who_leaves_some_for_others_waits_for_one_more() -> None:
    permits, now = proven(10)
    for place in range(8):
        call(permits, now + place / 10, 0.02)
    assert permits.available(now + 0.9) == 2
    times = [permits.next_at(now + 0.9, leave=leave) for leave in range(6)]
    assert times[:2] == [now + 0.9] * 2
    assert times[2:] == pytest.approx([now + WINDOW + place / 10 for place in range(4)])


def test_the_statistics_tell_the_state() -> None:
    permits = Permits(100)
    now = 1.0
    call(permits, now, 0.25)
    assert permits.statistics(now + 0.5) == PermitStatistics(
        rate=100, share=1.0, available=99, resting=1, cap=0.05, smallest=0.25, refusals=0
    )
