"""The pace that a gateway lets through: found quickly, kept, and left when it is lifted."""

import math
from collections import deque
from collections.abc import Callable

import pytest

from tim_async.lane.retry import Pause
from tim_async.lane.throttle import COUNTED_MOST, Throttle

LATENCY = 0.02


class Way:
    """A clock, a throttle and a pause, and calls that leave one after the other."""

    def __init__(self, lets_through: Callable[[float], bool]) -> None:
        self.now = 0.0
        self.throttle = Throttle()
        self.pause = Pause()
        self.lets_through = lets_through
        self.refused = 0

    def go(self, calls: int) -> float:
        """Calls until so many came through; returns how many that were a second."""
        began, passed = self.now, 0
        while passed < calls:
            self.now = max(self.now + 0.001, self.pause.until, self.throttle.next_at)
            self.throttle.sent(self.now)
            answered = self.now + LATENCY
            if self.lets_through(self.now):
                passed += 1
                self.throttle.passed(answered)
                self.pause.answered(answered)
            else:
                self.refused += 1
                self.throttle.refused(answered, self.pause.refused(answered))
        return calls / (self.now - began)


def sliding(most: int, seconds: float = 1.0) -> Callable[[float], bool]:
    through: deque[float] = deque()

    def lets_through(now: float) -> bool:
        while through and now - through[0] >= seconds:
            through.popleft()
        if len(through) < most:
            through.append(now)
            return True
        return False

    return lets_through


def fixed(most: int) -> Callable[[float], bool]:
    count: dict[int, int] = {}

    def lets_through(now: float) -> bool:
        second = int(now + 0.37)
        count[second] = count.get(second, 0) + 1
        return count[second] <= most

    return lets_through


def bucket(rate: float, size: float) -> Callable[[float], bool]:
    state = [size, 0.0]

    def lets_through(now: float) -> bool:
        state[0], state[1] = min(size, state[0] + (now - state[1]) * rate), now
        if state[0] < 1:
            return False
        state[0] -= 1
        return True

    return lets_through


@pytest.mark.parametrize(
    ("gateway", "least"),
    [
        (sliding(5), 4.3),
        (fixed(5), 4.3),
        (bucket(5, 5), 4.5),
        (bucket(5, 20), 4.5),
        (bucket(5, 1), 3.0),  # counts the distance of two calls, which is no news of a second
        (sliding(50), 35.0),
        (sliding(1), 0.85),
    ],
    ids=["sliding", "fixed", "bucket", "large bucket", "distance", "fifty", "one"],
)
def test_however_a_gateway_counts_nearly_all_that_it_lets_through_is_used(
    gateway: Callable[[float], bool], least: float
) -> None:
    way = Way(gateway)
    rate = way.go(300)
    assert rate >= least
    assert way.refused < 20


def test_the_pace_is_what_came_through_then_grows_until_the_next_refusal_and_stays_below() -> None:
    throttle = Throttle()
    assert throttle.pace(0.0) == math.inf
    for _ in range(5):
        throttle.passed(0.5)
    throttle.refused(0.6, resume=1.6)
    assert throttle.next_at == 1.6
    assert throttle.pace(1.6) == 5.0
    assert throttle.pace(2.1) == pytest.approx(10.0)
    for number in range(6):
        throttle.passed(2.0 + number / 10)
    throttle.refused(2.6, resume=3.6)
    assert throttle.pace(3.6) == throttle.pace(6.6) == pytest.approx(0.97 * 6)
    throttle.sent(4.0)
    assert throttle.next_at == pytest.approx(4.0 + 1 / (0.97 * 6))
    assert 6.0 < throttle.pace(9.0) < throttle.pace(10.0) < 8.0


def test_the_pace_is_held_longer_each_time_it_grew_too_soon() -> None:
    throttle = Throttle()
    held = list[float]()
    now = 0.0
    for _ in range(7):
        throttle.passed(now)
        throttle.refused(now, resume=now)
        pace = throttle.pace(now)
        held.append(next(second for second in range(100) if throttle.pace(now + second + 0.5) > pace))
        now += held[-1] + 1
    assert held == [0, 3, 10, 20, 40, 60, 60]


def test_nothing_that_came_through_says_nothing_about_the_pace() -> None:
    throttle = Throttle()
    throttle.refused(0.0, resume=1.0)
    assert throttle.pace(1.0) == math.inf
    assert throttle.next_at == 1.0


def test_a_limit_that_is_lifted_is_left_within_a_minute() -> None:
    way = Way(sliding(5))
    way.go(20)
    way.lets_through = sliding(1_000_000)
    began = way.now
    while way.throttle.pace(way.now) < math.inf:
        way.go(1)
    assert way.now - began < 60
    way.go(1)
    assert way.throttle.next_at == -math.inf


def test_what_came_through_very_fast_is_counted_by_its_pace() -> None:
    throttle = Throttle()
    for number in range(2 * COUNTED_MOST):
        throttle.passed(number / 1000)
    throttle.refused(2 * COUNTED_MOST / 1000, resume=2.0)
    assert throttle.pace(2.0) == pytest.approx(1000, rel=0.01)
    throttle = Throttle()
    for _ in range(COUNTED_MOST):
        throttle.passed(1.0)
    throttle.refused(1.0, resume=2.0)
    assert throttle.pace(2.0) < math.inf
