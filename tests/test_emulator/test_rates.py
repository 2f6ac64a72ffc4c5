"""The judge of the rate limit, told the time."""

import math

import pytest

from tim_async.emulator.rates import Arrival, Meter, Traffic, Window


def accepted(meter: Meter, *times: float) -> list[bool]:
    return [meter.arrive(at) for at in times]


def test_the_hundredth_call_of_a_second_is_served_and_the_next_is_not() -> None:
    meter = Meter(100, "both")
    assert accepted(meter, *[5.0 + n / 1000 for n in range(101)]) == [True] * 100 + [False]


def test_a_refused_call_uses_up_nothing() -> None:
    meter = Meter(2, "sliding")
    assert accepted(meter, 0.0, 0.1, 0.2, 0.3, 0.9, 1.0, 1.05, 1.1) == [
        True,
        True,
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_sliding_window_is_over_exactly_one_second_later() -> None:
    meter = Meter(1, "sliding")
    assert accepted(meter, 10.0, 10.999, 11.0, 11.5, 12.0) == [True, False, True, False, True]


def test_a_fixed_window_lets_two_bursts_through_around_a_whole_second() -> None:
    times = [1.98, 1.99, 2.0, 2.01, 2.02]
    assert accepted(Meter(2, "fixed"), *times) == [True, True, True, True, False]
    assert accepted(Meter(2, "sliding"), *times) == [True, True, False, False, False]


@pytest.mark.parametrize("window", ["sliding", "fixed", "both"])
def test_a_rate_below_one_is_one_call_in_several_seconds(window: Window) -> None:
    assert accepted(Meter(0.5, window), 0.0, 1.0, 1.9, 2.0, 3.0, 4.0) == [True, False, False, True, False, True]


def test_a_rate_that_is_no_whole_number_holds_on_average() -> None:
    meter = Meter(2.5, "both")
    assert sum(accepted(meter, *[n / 100 for n in range(800)])) == 20


def test_without_a_limit_everything_is_served_and_counted() -> None:
    meter = Meter(math.inf, "both")
    assert all(accepted(meter, *[1.0] * 1000))
    assert meter.statistics().calls == 1000


@pytest.mark.parametrize("rate", [0, -1, math.nan])
def test_a_rate_must_be_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Meter(rate, "both")
    with pytest.raises(ValueError, match="positive"):
        Traffic(rate, {}, "both")
    with pytest.raises(ValueError, match="positive"):
        Traffic(None, {"timpush/get_tag": rate}, "both")


def test_the_worst_seconds_count_refused_calls_too() -> None:
    meter = Meter(2, "both")
    accepted(meter, 0.9, 0.95, 1.0, 1.1, 1.85, 5.0)
    sums = meter.statistics()
    assert (sums.calls, sums.refused, sums.first, sums.last) == (6, 3, 0.9, 5.0)
    assert (sums.worst_sliding_second, sums.worst_fixed_second) == (5, 3)


def test_arrivals_come_back_in_order_with_what_became_of_them() -> None:
    traffic = Traffic(1, {}, "both")
    meter = traffic.meter("timpush/get_tag", 100)
    accepted(meter, 3.0, 3.5)
    assert traffic.arrivals("timpush/get_tag") == [Arrival(3.0, False), Arrival(3.5, True)]
    assert traffic.arrivals("timpush/set_attr") == []


def test_commands_do_not_share_a_limit_and_may_have_their_own() -> None:
    traffic = Traffic(None, {"a/b": 2}, "both")
    assert accepted(traffic.meter("a/b", 1), 0.0, 0.0, 0.0) == [True, True, False]
    assert accepted(traffic.meter("a/b", 1), 0.0) == [False], "the same meter, however often it's asked for"
    assert accepted(traffic.meter("a/c", 1), 0.0, 0.0) == [True, False]
    assert accepted(Traffic(3, {}, "both").meter("a/c", 1), 0, 0, 0, 0) == [True, True, True, False]


def test_a_cleared_record_is_empty() -> None:
    traffic = Traffic(1, {}, "both")
    accepted(traffic.meter("a/b", 1), 0.0, 0.1)
    traffic.clear()
    assert traffic.statistics() == {}
    assert accepted(traffic.meter("a/b", 1), 0.2) == [True]
