"""What a client is made from."""

import pytest

from tim_async.service.settings import brief, check_counts, number


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", None, 1.5, "5bd2850f" * 8])
def test_what_is_no_number_is_told_without_what_may_be_a_key(value: object) -> None:
    with pytest.raises(ValueError, match=r"^TIM_SDK_APP_ID must be a number, not ") as caught:
        number("TIM_SDK_APP_ID", value)
    assert "5bd2850f5bd2850f" not in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_a_count_is_a_positive_whole_number(value: object) -> None:
    check_counts(attempts=1)
    with pytest.raises(ValueError, match=r"^attempts must be a positive whole number, not "):
        check_counts(attempts=value)


def test_what_is_long_enough_to_be_a_key_is_not_shown() -> None:
    assert brief("singapore") == "'singapore'"
    assert brief("5bd2850f" * 8) == "a str of 66 characters"
