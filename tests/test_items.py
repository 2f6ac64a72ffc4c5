"""What waits: items, one by one or in bundles, and the lines in which they stand."""

from collections import OrderedDict

import pytest

from tim_async.lane.feeds import CallFeed
from tim_async.lane.items import BULK, FLYING, GONE, INTERACTIVE, NORMAL, PRIORITIES, Bundle, Item, Line, Trial


def call_feed() -> CallFeed:
    return CallFeed(NORMAL, None, now=0.0)


def test_the_priorities_are_three_and_the_more_urgent_is_the_smaller() -> None:
    assert PRIORITIES == {"interactive": INTERACTIVE, "normal": NORMAL, "bulk": BULK}
    assert INTERACTIVE < NORMAL < BULK


def test_in_flight_and_gone_are_lines_in_which_nobody_waits() -> None:
    assert FLYING is not GONE
    assert all(line.priority < min(PRIORITIES.values()) and not line.items for line in (FLYING, GONE))


def test_items_are_equal_only_to_themselves() -> None:
    """Two batches may ask the same of one account; to take one out of a queue must not take the other."""
    feed = call_feed()
    one, other = (Item("Mary", None, 0, feed, feed, NORMAL) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("trial", [None, Trial(7, 90033)])
def test_a_new_line_is_empty_and_stands_nowhere(trial: Trial | None) -> None:
    line = Line(BULK, "options", trial)
    assert (line.priority, line.options, line.trial) == (BULK, "options", trial)
    assert (len(line.items), len(line.bundles), line.bundled, line.ready, line.listed) == (0, 0, 0, 0, False)


def test_a_new_trial_has_decided_nothing() -> None:
    trial = Trial(7, 90033)
    assert (trial.undecided, trial.code, trial.begun, trial.innocent) == (7, 90033, False, False)


def test_an_item_knows_all_places_that_share_its_fate_its_own_first() -> None:
    feed, other = call_feed(), call_feed()
    item = Item("Mary", None, 3, feed, feed, NORMAL)
    assert item.places == [(feed, 3)]
    item.joined = OrderedDict.fromkeys([(other, 0), (feed, 4)])
    assert item.places == [(feed, 3), (other, 0), (feed, 4)]


@pytest.mark.parametrize("in_flight", [False, True])
def test_a_bundle_opens_into_items_that_stand_where_it_stood(*, in_flight: bool) -> None:
    feed = call_feed()
    bundle = Bundle(feed, 7, 2, ["Mary", "Paul"], [{"a": "1"}, {"a": "2"}], feed)
    if in_flight:
        bundle.line = FLYING
    assert (bundle.size, bundle.items) == (2, None)
    items = bundle.open()
    assert bundle.items is items
    assert [(item.account, item.argument, item.place) for item in items] == [
        ("Mary", {"a": "1"}, 7),
        ("Paul", {"a": "2"}, 8),
    ]
    assert all((item.feed, item.line, item.priority) == (feed, bundle.line, NORMAL) for item in items)
    assert not any(item.attempts or item.reached or item.unsure or item.refused for item in items)
