"""A feed is the book of a batch: every place holds its open item or what became of it, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.lane.feeds import CallFeed, StreamFeed
from tim_async.lane.items import BULK, NORMAL, BatchFeed, Bundle, Item
from tim_async.operations.operation import result_of
from tim_async.outcomes import Failure, NotSent, Ok, Outcome, Rejected, Stats

NO = Failure(Rejected, 70107, "no such user", "the account does not exist", final=True)
LATE = Failure(NotSent, None, "", "its timeout was over", final=False, argument="x")


def call_feed() -> CallFeed:
    return CallFeed(NORMAL, None, now=0.0)


def stream_feed() -> StreamFeed:
    return StreamFeed(BULK, None, now=0.0, most_open=1_000_000)


any_feed = pytest.mark.parametrize("make", [call_feed, stream_feed])


def given_to(feed: BatchFeed, *accounts: str) -> list[Item]:
    """Items enter a feed as a lane lets them."""
    first = feed.taken
    items = [Item(account, None, first + place, feed, feed, feed.priority) for place, account in enumerate(accounts)]
    feed.enter(items)
    return items


def outcomes_of(feed: CallFeed | StreamFeed) -> list[Outcome[Any]]:
    return list(result_of(feed)) if isinstance(feed, CallFeed) else sorted(feed.outcomes, key=lambda each: each.index)


# Both kinds of book


@any_feed
@given(data=st.data(), size=st.integers(0, 30))
def test_every_place_has_its_outcome_in_the_end_however_they_come(
    make: Callable[[], CallFeed | StreamFeed], data: st.DataObject, size: int
) -> None:
    feed = make()
    items = given_to(feed, *[f"user{place}" for place in range(size)])
    ends: dict[int, Any] = {}
    while feed.open:
        waiting = feed.unsettled()
        assert [place for place, _ in waiting] == sorted({*range(size)} - ends.keys())
        assert all(items[place] is item for place, item in waiting)
        chosen = data.draw(st.lists(st.sampled_from([items[place] for place, _ in waiting]), min_size=1, unique_by=id))
        values = [data.draw(st.sampled_from([None, ("vip",), NO, LATE])) for _ in chosen]
        for item, value in zip(chosen, values, strict=True):
            feed.put(item.place, item.account, value)
        ends.update((item.place, value) for item, value in zip(chosen, values, strict=True))
        assert feed.open == size - len(ends)
    assert feed.unsettled() == []
    assert outcomes_of(feed) == [
        end.outcome(place, f"user{place}") if isinstance(end, Failure) else Ok(place, f"user{place}", end)
        for place, end in sorted(ends.items())
    ]


@any_feed
def test_a_place_that_joined_another_item_hangs_on_that_one(make: Callable[[], CallFeed | StreamFeed]) -> None:
    feed, other = make(), call_feed()
    (theirs,) = given_to(other, "Mary")
    given_to(feed, "Mary")
    feed.rebook(0, theirs)
    assert feed.unsettled() == [(0, theirs)]
    feed.put(0, "Mary", "x")
    assert feed.unsettled() == []
    assert outcomes_of(feed) == [Ok(0, "Mary", "x")]
    assert other.unsettled() == [(0, theirs)]


# Bundles


def bundled(feed: BatchFeed, *accounts: str) -> Bundle:
    """A bundle enters a feed as a lane lets it."""
    bundle = Bundle(feed, feed.taken, len(accounts), list(accounts), [None] * len(accounts), feed)
    feed.enter_bundle(bundle)
    return bundle


@any_feed
def test_each_place_of_a_bundle_hangs_on_it_until_all_have_their_values(
    make: Callable[[], CallFeed | StreamFeed],
) -> None:
    feed = make()
    first, item, last = bundled(feed, "a", "b"), given_to(feed, "c")[0], bundled(feed, "d", "e")
    assert feed.unsettled() == [(0, first), (1, first), (2, item), (3, last), (4, last)]
    assert (feed.taken, feed.open) == (5, 5)
    feed.put_bundle(first, ["x", "y"])
    assert feed.unsettled() == [(2, item), (3, last), (4, last)]
    feed.put(2, "c", NO)
    feed.put_bundle(last, [None, None])
    assert (feed.unsettled(), feed.open) == ([], 0)
    assert outcomes_of(feed) == [
        Ok(0, "a", "x"),
        Ok(1, "b", "y"),
        NO.outcome(2, "c"),
        Ok(3, "d", None),
        Ok(4, "e", None),
    ]


# When it ends


def exhaust(feed: BatchFeed) -> None:
    feed.exhausted = True


def cut(feed: BatchFeed) -> None:
    feed.cut = True


def stop(feed: BatchFeed) -> None:
    feed.stop_reason = "its timeout was over"


@any_feed
@pytest.mark.parametrize("end", [exhaust, cut, stop])
def test_it_is_finished_when_no_more_will_come_and_every_item_has_its_outcome(
    make: Callable[[], CallFeed | StreamFeed], end: Callable[[BatchFeed], None]
) -> None:
    feed = make()
    given_to(feed, "Mary")
    assert (feed.takes_more, feed.wants_items) == (True, 1_000)
    end(feed)
    assert (feed.takes_more, feed.wants_items) == (False, 0)
    assert not feed.finished
    feed.put(0, "Mary", None)
    assert feed.finished


# How much it takes


@any_feed
@given(ready=st.integers(0, 2_000))
def test_a_source_may_fill_up_to_1000_waiting_items_and_is_asked_again_at_500(
    make: Callable[[], CallFeed | StreamFeed], ready: int
) -> None:
    feed = make()
    feed.ready = ready
    assert feed.wants_items == (1_000 - ready if ready <= 500 else 0)


@given(st.data(), st.integers(100, 1_500))
def test_a_stream_never_holds_more_than_it_may(data: st.DataObject, most: int) -> None:
    feed = StreamFeed(BULK, None, now=0.0, most_open=most)
    for _ in range(10):
        wanted = feed.wants_items
        room = most - feed.open - len(feed.outcomes)
        assert feed.room == room
        # A few at a time would make calls of a few items.
        assert wanted == (min(1_000, room) if room >= 100 else 0)
        given_to(feed, *["user"] * data.draw(st.integers(0, wanted)))
        for place, _ in feed.unsettled()[: data.draw(st.integers(0, most))]:
            feed.put(place, "user", None)
        for _ in range(data.draw(st.integers(0, len(feed.outcomes)))):
            feed.outcomes.popleft()


# The results


def test_a_result_tells_whether_the_source_was_read_to_its_end() -> None:
    feed = call_feed()
    assert result_of(feed).unread
    feed.exhausted = True
    assert not result_of(feed).unread


def test_the_stats_are_what_was_counted() -> None:
    feed = CallFeed(NORMAL, None, now=100.0, patient=True)
    given_to(feed, "a", "b")
    feed.calls, feed.retries, feed.seconds_waited, feed.finished_at = 3, 1, 0.1 + 0.2, 101.5
    assert feed.stats() == Stats(calls=3, retries=1, items=2, seconds=1.5, seconds_waited=0.3)
    assert feed.patient
    assert result_of(feed).stats == feed.stats()
