"""An owner is the book of a batch: every place holds its open item or what became of it, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.lane.items import BULK, NORMAL, BatchOwner, Bundle, Item
from tim_async.lane.owners import CallOwner, StreamOwner
from tim_async.operations.operation import result_of
from tim_async.outcomes import Failure, NotSent, Ok, Outcome, Rejected, Stats

NO = Failure(Rejected, 70107, "no such user", "the account does not exist", final=True)
LATE = Failure(NotSent, None, "", "its timeout was over", final=False, argument="x")


def call_owner() -> CallOwner:
    return CallOwner(NORMAL, None, now=0.0)


def stream_owner() -> StreamOwner:
    return StreamOwner(BULK, None, now=0.0, most_open=1_000_000)


any_owner = pytest.mark.parametrize("make", [call_owner, stream_owner])


def given_to(owner: BatchOwner, *accounts: str) -> list[Item]:
    """Items enter an owner as a lane lets them."""
    first = owner.taken
    items = [Item(account, None, first + place, owner, owner, owner.priority) for place, account in enumerate(accounts)]
    owner.enter(items)
    return items


def outcomes_of(owner: CallOwner | StreamOwner) -> list[Outcome[Any]]:
    return (
        list(result_of(owner)) if isinstance(owner, CallOwner) else sorted(owner.outcomes, key=lambda each: each.index)
    )


# Both kinds of book


@any_owner
@given(data=st.data(), size=st.integers(0, 30))
def test_every_place_has_its_outcome_in_the_end_however_they_come(
    make: Callable[[], CallOwner | StreamOwner], data: st.DataObject, size: int
) -> None:
    owner = make()
    items = given_to(owner, *[f"user{place}" for place in range(size)])
    ends: dict[int, Any] = {}
    while owner.open:
        waiting = owner.unsettled()
        assert [place for place, _ in waiting] == sorted({*range(size)} - ends.keys())
        assert all(items[place] is item for place, item in waiting)
        chosen = data.draw(st.lists(st.sampled_from([items[place] for place, _ in waiting]), min_size=1, unique_by=id))
        values = [data.draw(st.sampled_from([None, ("vip",), NO, LATE])) for _ in chosen]
        for item, value in zip(chosen, values, strict=True):
            owner.put(item.place, item.account, value)
        ends.update((item.place, value) for item, value in zip(chosen, values, strict=True))
        assert owner.open == size - len(ends)
    assert owner.unsettled() == []
    assert outcomes_of(owner) == [
        end.outcome(place, f"user{place}") if isinstance(end, Failure) else Ok(place, f"user{place}", end)
        for place, end in sorted(ends.items())
    ]


@any_owner
def test_a_place_that_joined_another_item_hangs_on_that_one(make: Callable[[], CallOwner | StreamOwner]) -> None:
    owner, other = make(), call_owner()
    (theirs,) = given_to(other, "Mary")
    given_to(owner, "Mary")
    owner.rebook(0, theirs)
    assert owner.unsettled() == [(0, theirs)]
    owner.put(0, "Mary", "x")
    assert owner.unsettled() == []
    assert outcomes_of(owner) == [Ok(0, "Mary", "x")]
    assert other.unsettled() == [(0, theirs)]


# Bundles


def bundled(owner: BatchOwner, *accounts: str) -> Bundle:
    """A bundle enters an owner as a lane lets it."""
    bundle = Bundle(owner, owner.taken, len(accounts), list(accounts), [None] * len(accounts), owner)
    owner.enter_bundle(bundle)
    return bundle


@any_owner
def test_each_place_of_a_bundle_hangs_on_it_until_all_have_their_values(
    make: Callable[[], CallOwner | StreamOwner],
) -> None:
    owner = make()
    first, item, last = bundled(owner, "a", "b"), given_to(owner, "c")[0], bundled(owner, "d", "e")
    assert owner.unsettled() == [(0, first), (1, first), (2, item), (3, last), (4, last)]
    assert (owner.taken, owner.open) == (5, 5)
    owner.put_bundle(first, ["x", "y"])
    assert owner.unsettled() == [(2, item), (3, last), (4, last)]
    owner.put(2, "c", NO)
    owner.put_bundle(last, [None, None])
    assert (owner.unsettled(), owner.open) == ([], 0)
    assert outcomes_of(owner) == [
        Ok(0, "a", "x"),
        Ok(1, "b", "y"),
        NO.outcome(2, "c"),
        Ok(3, "d", None),
        Ok(4, "e", None),
    ]


# When it ends


def exhaust(owner: BatchOwner) -> None:
    owner.exhausted = True


def cut(owner: BatchOwner) -> None:
    owner.cut = True


def stop(owner: BatchOwner) -> None:
    owner.stop_reason = "its timeout was over"


@any_owner
@pytest.mark.parametrize("end", [exhaust, cut, stop])
def test_it_is_finished_when_no_more_will_come_and_every_item_has_its_outcome(
    make: Callable[[], CallOwner | StreamOwner], end: Callable[[BatchOwner], None]
) -> None:
    owner = make()
    given_to(owner, "Mary")
    assert (owner.takes_more, owner.wants_items) == (True, 1_000)
    end(owner)
    assert (owner.takes_more, owner.wants_items) == (False, 0)
    assert not owner.finished
    owner.put(0, "Mary", None)
    assert owner.finished


# How much it takes


@any_owner
@given(ready=st.integers(0, 2_000))
def test_a_source_may_fill_up_to_1000_waiting_items_and_is_asked_again_at_500(
    make: Callable[[], CallOwner | StreamOwner], ready: int
) -> None:
    owner = make()
    owner.ready = ready
    assert owner.wants_items == (1_000 - ready if ready <= 500 else 0)


@given(st.data(), st.integers(100, 1_500))
def test_a_stream_never_holds_more_than_it_may(data: st.DataObject, most: int) -> None:
    owner = StreamOwner(BULK, None, now=0.0, most_open=most)
    for _ in range(10):
        wanted = owner.wants_items
        room = most - owner.open - len(owner.outcomes)
        assert owner.room == room
        # A few at a time would make calls of a few items.
        assert wanted == (min(1_000, room) if room >= 100 else 0)
        given_to(owner, *["user"] * data.draw(st.integers(0, wanted)))
        for place, _ in owner.unsettled()[: data.draw(st.integers(0, most))]:
            owner.put(place, "user", None)
        for _ in range(data.draw(st.integers(0, len(owner.outcomes)))):
            owner.outcomes.popleft()


# The results


def test_a_result_tells_whether_the_source_was_read_to_its_end() -> None:
    owner = call_owner()
    assert result_of(owner).unread
    owner.exhausted = True
    assert not result_of(owner).unread


def test_the_stats_are_what_was_counted() -> None:
    owner = CallOwner(NORMAL, None, now=100.0, patient=True)
    given_to(owner, "a", "b")
    owner.calls, owner.retries, owner.seconds_waited, owner.finished_at = 3, 1, 0.1 + 0.2, 101.5
    assert owner.stats() == Stats(calls=3, retries=1, items=2, seconds=1.5, seconds_waited=0.3)
    assert owner.patient
    assert result_of(owner).stats == owner.stats()
