"""What became of the rows, as runs of places: whatever happens, in whatever order, it is read as it was written."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tim_async import NotSent, Ok, Outcome, Rejected, Unknown
from tim_async.bulk.journal.runs import AGAIN, ASSUMED, FINE, MAYBE, NOTHING, Ending, Endings, Runs, States, stretches

OUTCOMES: list[Outcome[Any]] = [
    Ok(0, "a", None),
    Ok(0, "a", None, assumed=True),
    Rejected(0, "a", 70107, "said so", "not there"),
    Rejected(0, "a", 70009, "", "wrong key", final=False),
    Unknown(0, "a", None, "", "no answer"),
    Unknown(0, "a", None, "", "once is enough", final=True),
    NotSent(0, "a", 70402, "", "too long", final=True),
    NotSent(0, "a", None, "", "the client was closed"),
]
EVENTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30), st.integers(1, 9)), max_size=40)


@pytest.mark.parametrize("together", [False, True])
@given(EVENTS, st.integers(1, 5))
@example([(0, 4, 1), (0, 0, 1)], 1)  # the very first row, at the beginning of an entry after one that ended alike
def test_what_is_read_is_what_happened_the_later_word_counts_and_a_promise_is_no_news_of_what_is_final(
    together: bool, events: list[tuple[int, int, int]], every: int
) -> None:
    endings, log, model = written(events, every, together=together)
    read = Endings()
    for number, ending in endings.take_new():
        read.add(number, ending)
    states = States(read)
    for data in log:
        states.read(data)
    for place in range(45):
        state, expected = states[place], model.get(place)
        if expected is None:
            assert state == (MAYBE if place in model else NOTHING)
            assert (states.is_final(state), states.is_unsure(state)) == (False, place in model)
        else:
            assert read.by_number[state].outcome == type(expected).__name__
            assert states.is_final(state) == expected.final
            assert states.is_ok(state) == isinstance(expected, Ok)
            assert states.is_unsure(state) == (isinstance(expected, Unknown) and not expected.final)
    assert sum(states.counts().values()) == len(states)
    assert list(states.places(frozenset({FINE}))) == [p for p, o in sorted(model.items()) if o is OUTCOMES[0]]
    assert states.first_untold() == next(place for place in range(60) if place not in model)
    assert endings.take_new() == []


def written(
    events: list[tuple[int, int, int]], every: int, *, together: bool
) -> tuple[Endings, list[bytes], dict[int, Outcome[Any] | None]]:
    """The events as a log, outcomes row by row or those of an event together; and what is true after them."""
    endings, runs, log = Endings(), Runs(), list[bytes]()
    model: dict[int, Outcome[Any] | None] = {}
    for number, (kind, first, count) in enumerate(events):
        outcome = OUTCOMES[kind] if kind < len(OUTCOMES) else None
        state = (MAYBE if kind == 8 else NOTHING) if outcome is None else endings.number_of(outcome)
        at_once = count if together or outcome is None else 1
        for place in range(first, first + count, at_once):
            runs.add(state, place, at_once)
        for place in range(first, first + count):
            before = model.get(place)
            if kind == 9:
                if before is None:
                    model.pop(place, None)
                continue
            if outcome is not None:
                model[place] = outcome
            elif before is None or not before.final:
                model[place] = None
        if number % every == 0:
            log.append(runs.take())
    log.append(runs.take())
    return endings, log, model


@pytest.mark.uncounted
def test_a_million_rows_that_are_well_take_less_than_a_byte_each_and_as_many_that_failed_alike_too() -> None:
    endings, runs, size = Endings(), Runs(), 0
    for first in range(0, 1_000_000, 1000):
        # Calls come back in another order than they went.
        for call in range(first + 900, first - 100, -100):
            number = endings.number_of(OUTCOMES[call // 100 % 3])
            for place in range(call, call + 100):
                runs.add(number, place)
        size += len(runs.take())
    assert size < 100_000


def test_an_ending_knows_whether_the_row_may_have_been_sent() -> None:
    assert Endings().by_number[AGAIN].unsure
    assert not Endings().by_number[ASSUMED].unsure


def test_words_that_differ_for_every_row_are_kept_only_so_many_times() -> None:
    endings = Endings()
    numbers = [
        endings.number_of(Rejected(0, "a", 40003, f"no user {number}", "not a user")) for number in range(25_000)
    ]
    assert endings.by_number[numbers[5]] == Ending("Rejected", 40003, "no user 5", "not a user")
    assert endings.by_number[numbers[-1]] == Ending("Rejected", 40003)
    assert endings.number_of(Rejected(0, "a", 40003, "no user 5", "not a user")) == numbers[5]
    assert len(endings.by_number) < 25_000


@pytest.mark.parametrize("data", [b"", b"nonsense", msgspec.msgpack.encode([99, 0, 1]), msgspec.msgpack.encode([1, 0])])
def test_what_is_no_log_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whose words it are makes no difference
        States(Endings()).read(data)


@given(st.sets(st.integers(0, 30)))
def test_stretches_are_the_places_side_by_side(places: set[int]) -> None:
    found = list(stretches(sorted(places)))
    assert [place for first, count in found for place in range(first, first + count)] == sorted(places)
    assert all(first + count < following for (first, count), (following, _) in pairwise(found))
