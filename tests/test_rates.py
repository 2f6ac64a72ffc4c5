"""What a client knows of its rates, told the time."""

import math

import pytest

from tim_async.limits.rates import Rate, Rates, check_limit

PATH = "timpush/get_tag"


def test_without_a_word_the_row_holds() -> None:
    assert Rates({}).of(PATH, 100.0, 5.0) == Rate(100.0, math.inf)
    assert not Rates({PATH: 20.0}).is_last_word(PATH)


def test_what_was_told_holds_whatever_the_row_says() -> None:
    rates = Rates({PATH: 20.0})
    assert rates.of(PATH, 100.0, 5.0) == Rate(20.0, math.inf)
    rates.tell(PATH, 300.0)
    assert rates.of(PATH, 100.0, 5.0) == Rate(300.0, math.inf)
    assert rates.is_last_word(PATH)


def test_an_alarm_holds_until_its_end_and_then_the_known_limit_returns() -> None:
    rates = Rates({})
    rates.alarm(PATH, 50.0, 600.0, 0.0)
    assert rates.of(PATH, 100.0, 599.9) == Rate(50.0, 600.0)
    assert rates.of(PATH, 100.0, 600.0) == Rate(100.0, math.inf)
    assert rates.of("timpush/set_attr", 100.0, 1.0).rate == 100.0


@pytest.mark.parametrize("limit", [5e-324, 1.0, 9.99])
def test_no_alarm_goes_below_a_tenth_of_the_known_limit(limit: float) -> None:
    rates = Rates({})
    rates.alarm(PATH, limit, 600.0, 0.0)
    assert rates.of(PATH, 100.0, 1.0).rate == 10.0
    assert rates.of(PATH, 500.0, 1.0).rate == 50.0


def test_an_alarm_raises_no_limit() -> None:
    rates = Rates({PATH: 20.0})
    rates.alarm(PATH, 1e300, 600.0, 0.0)
    assert rates.of(PATH, 100.0, 1.0).rate == 20.0


def test_a_higher_alarm_only_prolongs_a_lower_one_that_holds() -> None:
    rates = Rates({})
    rates.alarm(PATH, 50.0, 600.0, 0.0)
    rates.alarm(PATH, 80.0, 700.0, 100.0)
    assert rates.of(PATH, 100.0, 699.0) == Rate(50.0, 700.0)
    rates.alarm(PATH, 80.0, 1400.0, 800.0)
    assert rates.of(PATH, 100.0, 801.0) == Rate(80.0, 1400.0)


def test_the_last_word_ends_an_alarm() -> None:
    rates = Rates({})
    rates.alarm(PATH, 50.0, 600.0, 0.0)
    rates.tell(PATH, 90.0)
    assert rates.of(PATH, 100.0, 1.0) == Rate(90.0, math.inf)


@pytest.mark.parametrize(
    "value", [0, -1, math.nan, math.inf, True, "50", None, 10**400], ids=lambda value: str(value)[:9]
)
def test_what_is_no_positive_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^the limit of a/b must be a positive number, not "):
        check_limit("the limit of a/b", value)
