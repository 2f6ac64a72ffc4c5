"""Repeated accounts are found in files of any length, in bounded memory."""

import pytest

from tim_async.bulk.repeats import Repeat, Repeats


@pytest.mark.parametrize("most_in_memory", [16, 1_000_000])
def test_each_repeat_names_its_row_and_the_first_one_in_memory_or_on_disk(most_in_memory: int) -> None:
    with Repeats(most_in_memory) as repeats:
        for number in range(2, 70_002):
            repeats.add(number, f"u{number}")
        repeats.add(80_000, "u17")
        repeats.add(80_001, "u2")
        repeats.add(80_002, "u17")
        assert sorted(repeats) == [Repeat(80_000, 17), Repeat(80_001, 2), Repeat(80_002, 17)]


def test_different_accounts_are_no_repeats() -> None:
    with Repeats() as repeats:
        repeats.add(2, "Mary")
        repeats.add(3, "mary")
        repeats.add(4, " Mary")
        assert list(repeats) == []
