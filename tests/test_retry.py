"""Trying again: how long an item waits, how many may, and when all are silent."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.lane.retry import Budget, Pause, backoff

shares = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.6), (6, 3.2), (7, 5.0), (8, 5.0), (10_000, 5.0)],
)
def test_the_ceiling_of_the_wait_doubles_from_a_tenth_of_a_second_to_five(attempt: int, ceiling: float) -> None:
    assert backoff(attempt, lambda: 1.0) == pytest.approx(ceiling)


@given(st.integers(1, 10**9), shares)
def test_the_wait_is_a_random_share_of_its_ceiling(attempt: int, share: float) -> None:
    assert backoff(attempt, lambda: share) == share * backoff(attempt, lambda: 1.0)
    assert 0.0 <= backoff(attempt, random.random) < 5.0


@pytest.mark.parametrize("attempt", [0, -1])
def test_there_is_no_wait_before_a_failure(attempt: int) -> None:
    with pytest.raises(ValueError, match=f"^attempt counts the failures so far, from 1, not {attempt}$"):
        backoff(attempt, random.random)


def test_a_dead_service_gets_a_hundred_retries_and_then_one_for_each_good_answer() -> None:
    budget = Budget()
    assert sum(budget.spend() for _ in range(1000)) == 100
    budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_a_service_that_answers_every_second_call_gets_all_its_retries_for_ever() -> None:
    budget = Budget()
    for _ in range(10_000):
        assert budget.spend()
        budget.earn()


def test_retries_that_are_asked_for_together_go_together_or_not_at_all() -> None:
    budget = Budget(3)
    assert not budget.spend(4)
    assert budget.left == 3
    assert budget.spend(3)
    assert not budget.spend()
    assert budget.spend(0)


@given(st.integers(0, 50), st.lists(st.integers(0, 20) | st.none(), max_size=200))
def test_there_are_never_more_retries_than_the_reserve_and_the_good_answers(
    reserve: int, steps: list[int | None]
) -> None:
    """None is a good answer, a number asks for as many retries."""
    budget, spent, earned = Budget(reserve), 0, 0
    for calls in steps:
        if calls is None:
            budget.earn()
            earned += 1
        else:
            before = budget.left
            assert budget.spend(calls) is (calls <= before)
            spent += before - budget.left
        assert 0 <= budget.left <= reserve
        assert spent <= reserve + earned


@given(st.integers(0, 50), st.integers(0, 200))
def test_good_times_save_up_no_storm(reserve: int, answers: int) -> None:
    budget = Budget(reserve)
    for _ in range(answers):
        budget.earn()
    assert sum(budget.spend() for _ in range(reserve + 10)) == reserve


def test_a_budget_takes_no_negative_numbers() -> None:
    with pytest.raises(ValueError, match=r"^reserve must not be negative, not -1$"):
        Budget(-1)
    with pytest.raises(ValueError, match=r"^calls must not be negative, not -2$"):
        Budget().spend(-2)


def test_the_repr_of_a_budget_tells_what_is_left() -> None:
    budget = Budget()
    budget.spend(30)
    assert repr(budget) == "Budget(left=70, reserve=100)"


def test_a_pause_is_a_second_first_and_doubles_to_thirty_while_refusals_keep_coming() -> None:
    pause, now, lengths = Pause(), 1000.0, list[float]()
    for _ in range(7):
        lengths.append(pause.refused(now) - now)
        now = pause.until
    assert lengths == [1, 2, 4, 8, 16, 30, 30]


def test_refusals_inside_a_pause_count_once() -> None:
    pause = Pause()
    assert [pause.refused(10.0), pause.refused(10.2), pause.refused(10.99)] == [11.0, 11.0, 11.0]
    assert pause.refused(11.0) == 13.0


def test_who_refuses_may_ask_for_a_longer_pause_even_inside_one() -> None:
    pause = Pause()
    assert [pause.refused(10.0, 0.5), pause.refused(10.2, 7.0), pause.refused(10.5, 1.0)] == [11.0, 17.2, 17.2]
    assert pause.refused(17.2) == 19.2


def test_a_good_answer_after_the_pause_makes_the_next_one_short_again() -> None:
    pause = Pause()
    pause.refused(pause.refused(10.0))
    pause.answered(13.0)
    assert pause.refused(13.5) == 14.5


def test_a_good_answer_inside_the_pause_neither_ends_nor_shortens_it() -> None:
    pause = Pause()
    pause.refused(10.0)
    pause.answered(10.5)
    assert pause.until == 11.0
    assert pause.refused(11.0) == 13.0


def test_without_a_refusal_there_is_no_pause() -> None:
    pause = Pause()
    pause.answered(5.0)
    assert pause.until == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60))
def test_the_deadline_never_moves_back_and_is_never_more_than_thirty_seconds_off(
    steps: list[tuple[float, bool]],
) -> None:
    pause, now = Pause(), 0.0
    for seconds, refused in steps:
        now, before = now + seconds, pause.until
        if refused:
            assert pause.refused(now) == pause.until > now
        else:
            pause.answered(now)
        assert before <= pause.until <= now + 30


def test_the_repr_of_a_pause_tells_its_end() -> None:
    pause = Pause()
    pause.refused(10.0)
    assert repr(pause) == "Pause(until=11.0, length=1.0)"
