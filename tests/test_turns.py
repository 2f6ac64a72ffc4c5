"""Whose turn it is: the most urgent first, a tenth for the others, and batches of one urgency chunk by chunk.

That nobody is lost or handed out twice, and in what company, is held by `AnyOrder` at the end, after every step.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from thorough import examples

from tim_async.lane.feeds import CallFeed
from tim_async.lane.items import BULK, FLYING, GONE, INTERACTIVE, NORMAL, Bundle, Feed, Item, Line, Trial
from tim_async.lane.turns import Taken, Turns

LEVELS = (INTERACTIVE, NORMAL, BULK)


def feed_of(priority: int, options: Any = None) -> CallFeed:
    return CallFeed(priority, options, now=0.0)


def turns_of() -> Turns:
    """Turns that open their bundles themselves, with nobody who keeps the books."""

    def open_bundle(bundle: Bundle) -> None:
        turns.unbundle(bundle, bundle.open())

    turns = Turns(open_bundle)
    return turns


def fresh(feed: Feed, size: int, line: Line | None = None) -> list[Item]:
    return [Item(f"user{place}", None, place, feed, line or feed, feed.priority) for place in range(size)]


def enter(turns: Turns, priority: int, size: int, options: Any = None) -> CallFeed:
    """A batch of its own, all of whose items wait."""
    feed = feed_of(priority, options)
    turns.put_all(fresh(feed, size), feed)
    return feed


def set_apart(turns: Turns, feed: Feed, size: int) -> Line:
    """A part of a refused chunk."""
    line = Line(feed.priority, feed.options, Trial(size, 90033))
    turns.put_all(fresh(feed, size), line)
    return line


def bundles_of(turns: Turns, priority: int, *sizes: int, options: Any = None) -> tuple[CallFeed, list[Bundle]]:
    """A batch of its own, whose items wait in bundles."""
    feed = feed_of(priority, options)
    bundles = [Bundle(feed, 0, size, [f"user{place}" for place in range(size)], [None] * size, feed) for size in sizes]
    for bundle in bundles:
        turns.put_bundle(bundle)
    return feed, bundles


def chosen(turns: Turns, most: int) -> Taken:
    """The choice for a call, which must be possible."""
    taken = turns.take(most)
    assert taken is not None
    return taken


def takes(turns: Turns, most: int, times: int) -> list[tuple[list[Item], list[Feed], Line]]:
    chunks = [turns.take(most) for _ in range(times)]
    return [(chunk.items, chunk.feeds, chunk.line) for chunk in chunks if chunk is not None]


def sizes(items: list[Item]) -> dict[Feed, int]:
    """How many items of each feed, in the order of the chunk."""
    return dict(Counter(item.feed for item in items))


# Urgency


def test_the_most_urgent_go_first_and_the_room_that_is_left_takes_the_others_along() -> None:
    turns = turns_of()
    bulk, normal, urgent = enter(turns, BULK, 10), enter(turns, NORMAL, 4), enter(turns, INTERACTIVE, 3)
    assert turns.level() == INTERACTIVE
    ((items, feeds, line),) = takes(turns, 10, 1)
    assert list(sizes(items).items()) == [(urgent, 3), (normal, 4), (bulk, 3)]
    assert feeds == [urgent, normal, bulk]
    assert line is urgent


def test_bulk_gets_a_tenth_of_the_calls_under_any_load_of_urgent_ones() -> None:
    turns = turns_of()
    enter(turns, INTERACTIVE, 1_000)
    enter(turns, BULK, 1_000)
    lines = [line.priority for _, _, line in takes(turns, 10, 50)]
    assert lines == ([INTERACTIVE] * 9 + [BULK]) * 5


def test_each_of_the_lower_two_gets_a_tenth() -> None:
    turns = turns_of()
    for level in LEVELS:
        enter(turns, level, 2_000)
    levels = Counter(line.priority for _, _, line in takes(turns, 10, 101))
    assert levels[INTERACTIVE] in (80, 81)
    assert levels[NORMAL] in (10, 11)
    assert levels[BULK] == 10


# Batches among each other


def test_batches_of_one_urgency_take_turns_chunk_by_chunk() -> None:
    turns = turns_of()
    feeds = [enter(turns, NORMAL, 30) for _ in range(3)]
    assert [line for _, _, line in takes(turns, 10, 9)] == feeds * 3
    assert not turns


def test_a_small_batch_waits_for_one_chunk_of_each_other_not_for_the_whole_migration() -> None:
    turns = turns_of()
    huge = enter(turns, NORMAL, 1_000)
    takes(turns, 10, 1)
    small = enter(turns, NORMAL, 3)
    assert [sizes(items) for items, _, _ in takes(turns, 10, 2)] == [{huge: 10}, {small: 3, huge: 7}]


def test_items_of_unequal_options_never_share_a_chunk_and_their_groups_take_turns() -> None:
    turns = turns_of()
    first, second = enter(turns, NORMAL, 15, ("replace", True)), enter(turns, NORMAL, 15, ("replace", False))
    assert [sizes(items) for items, _, _ in takes(turns, 10, 4)] == [{first: 10}, {second: 10}, {first: 5}, {second: 5}]


def test_the_newest_part_goes_first_so_that_one_search_ends_before_the_next_spreads_out() -> None:
    turns = turns_of()
    feed = feed_of(NORMAL)
    older, newer = set_apart(turns, feed, 2), set_apart(turns, feed, 2)
    assert [line for _, _, line in takes(turns, 100, 2)] == [newer, older]


def test_a_part_whose_items_were_all_withdrawn_has_no_turn() -> None:
    turns = turns_of()
    feed = enter(turns, NORMAL, 1)
    empty = set_apart(turns, feed, 2)
    for item in list(empty.items):
        turns.leave(item, GONE)
    assert [line for _, _, line in takes(turns, 100, 2)] == [feed]
    assert not empty.listed


# Bundles


def test_a_bundle_that_fills_a_call_is_taken_as_it_is_and_its_feed_has_had_its_turn() -> None:
    turns = turns_of()
    feed, bundles = bundles_of(turns, NORMAL, 10, 10)
    other, others = bundles_of(turns, NORMAL, 10)
    assert (len(turns), feed.ready, feed.bundled) == (30, 20, 20)
    assert chosen(turns, 10) == Taken([], bundles[0], [feed], feed)
    assert bundles[0].line is FLYING
    assert chosen(turns, 10) == Taken([], others[0], [other], other)
    assert chosen(turns, 10).bundle is bundles[1]
    assert (len(turns), feed.ready, feed.bundled, feed.listed) == (0, 0, 0, False)
    assert turns.take(10) is None


def test_a_short_bundle_goes_as_it_is_only_if_nobody_else_waits() -> None:
    turns = turns_of()
    _, (alone,) = bundles_of(turns, NORMAL, 3)
    assert chosen(turns, 10).bundle is alone
    feed, (bundle,) = bundles_of(turns, NORMAL, 3)
    other = enter(turns, BULK, 2)
    taken = chosen(turns, 10)
    assert (taken.bundle, taken.feeds, taken.items[:3]) == (None, [feed, other], bundle.items)
    assert len(taken.items) == 5


def test_a_call_with_room_takes_some_of_a_bundle_and_what_is_left_of_it_goes_before_the_next() -> None:
    turns = turns_of()
    urgent = enter(turns, INTERACTIVE, 4)
    feed, bundles = bundles_of(turns, BULK, 10, 10, 10)
    taken = chosen(turns, 10)
    assert sizes(taken.items) == {urgent: 4, feed: 6}
    assert (bundles[0].items, bundles[1].items) == ([*taken.items[4:], *feed.items], None)
    assert (feed.ready, feed.bundled) == (24, 20)
    assert sizes(chosen(turns, 10).items) == {feed: 10}
    assert (feed.ready, feed.bundled) == (14, 10)


def test_loose_items_that_fill_a_call_go_before_the_bundles_and_open_none() -> None:
    turns = turns_of()
    feed, (bundle,) = bundles_of(turns, BULK, 10)
    turns.put_all(fresh(feed, 10), feed)
    assert sizes(chosen(turns, 10).items) == {feed: 10}
    assert chosen(turns, 10).bundle is bundle


# Leaving


def test_a_line_that_was_emptied_by_withdrawals_behind_others_is_cleared_in_passing() -> None:
    turns = turns_of()
    first, emptied = enter(turns, NORMAL, 1), enter(turns, NORMAL, 2)
    for item in list(emptied.items):
        turns.leave(item, GONE)
    ((items, _, _),) = takes(turns, 10, 1)
    assert sizes(items) == {first: 1}
    assert (len(emptied.items), emptied.listed) == (0, False)


def test_once_nothing_waits_no_line_holds_on_to_items_that_left() -> None:
    """A line that stood there for ever would keep whole finished batches in memory."""
    turns = turns_of()
    feed, apart = enter(turns, NORMAL, 3), set_apart(turns, feed_of(NORMAL), 2)
    for item in [*feed.items, *apart.items]:
        turns.leave(item, GONE)
    assert [(len(line.items), line.listed) for line in (feed, apart)] == [(0, False)] * 2
    turns.put_all(fresh(feed, 1), feed)
    assert [line for _, _, line in takes(turns, 10, 2)] == [feed]


@pytest.mark.parametrize("state", [FLYING, GONE, None])
def test_who_waits_in_no_line_can_leave_none(state: Line | None) -> None:
    turns = turns_of()
    feed = enter(turns, NORMAL, 1)
    (item,) = fresh(feed, 1)
    item.line = state
    turns.leave(item, GONE)
    assert item.line is GONE
    assert (len(turns), feed.ready) == (1, 1)


# Any order of events


class AnyOrder(RuleBasedStateMachine):
    """Batches and parts of refused chunks come, items are withdrawn, lent, sent and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = turns_of()
        self.queues: dict[Line, list[Item]] = {}
        """What must wait in each line, in order."""
        self.flying: list[tuple[Item, Line]] = []
        self.lent: dict[Any, Line] = {}
        self.passed_over = [0, 0, 0]

    @property
    def waiting(self) -> list[Item]:
        return [item for queue in self.queues.values() for item in queue]

    @property
    def levels(self) -> set[int]:
        return {line.priority for line, queue in self.queues.items() if queue}

    @rule(level=st.sampled_from(LEVELS), options=st.sampled_from([None, "a"]), size=st.integers(0, 12))
    def batch(self, level: int, options: str | None, size: int) -> None:
        feed = enter(self.turns, level, size, options)
        self.queues[feed] = list(feed.items)

    @rule(level=st.sampled_from(LEVELS), size=st.integers(1, 5))
    def part(self, level: int, size: int) -> None:
        line = set_apart(self.turns, feed_of(level), size)
        self.queues[line] = list(line.items)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.waiting))
        line = item.line
        assert line is not None
        self.queues[line].remove(item)
        self.turns.leave(item, GONE)

    @precondition(lambda self: any(item.priority and item.feed is item.line for item in self.waiting))
    @rule(data=st.data())
    def lend(self, data: st.DataObject) -> None:
        """An item moves to a more urgent line, as one does behind which something urgent waits."""
        item = data.draw(st.sampled_from([item for item in self.waiting if item.priority and item.feed is item.line]))
        item.priority = data.draw(st.integers(0, item.priority - 1))
        key = (item.priority, item.feed.options)
        line = self.lent.setdefault(key, Line(*key))
        self.queues[item.feed].remove(item)
        self.turns.leave(item, None)
        self.turns.put(item, line)
        self.queues.setdefault(line, []).append(item)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), first=st.booleans())
    def come_back(self, data: st.DataObject, first: bool) -> None:
        item, line = data.draw(st.sampled_from(self.flying))
        self.flying.remove((item, line))
        if line.trial is not None:
            line = item.feed  # the search is over; the innocent wait with their feed again
        queue = self.queues.setdefault(line, [])
        queue.insert(0 if first else len(queue), item)
        self.turns.put(item, line, first=first)

    @rule(most=st.integers(5, 15))
    def take(self, most: int) -> None:
        levels, parts = self.levels, [line for line, queue in self.queues.items() if queue and line.trial]
        expected = self._expected_level(levels)
        assert self.turns.level() == expected
        taken = self.turns.take(most)
        if taken is None:
            assert not levels
            return
        items, _, feeds, line = taken
        assert line.priority == expected
        assert 1 <= len(items) <= most
        assert set(feeds) == {item.feed for item in items}
        assert len(feeds) == len(set(feeds))
        assert {item.feed.options for item in items} == {line.options}
        assert (line.trial is not None) is any(part.priority == expected for part in parts)
        self._fly(items, line, most)

    def _expected_level(self, levels: set[int]) -> int | None:
        overdue = [level for level in levels if self.passed_over[level] >= 9]
        expected = min(overdue or levels, default=None)
        if expected is not None:
            self.passed_over = [
                count + 1 if level in levels and level != expected else 0
                for level, count in enumerate(self.passed_over)
            ]
        return expected

    def _fly(self, items: list[Item], line: Line, most: int) -> None:
        assert all(item.line is FLYING for item in items)
        homes = {id(item): home for home, queue in self.queues.items() for item in queue}
        took = Counter(homes[id(item)] for item in items)
        assert sum(took.values()) == len({id(item) for item in items})
        if line.trial is not None:
            assert took == {line: len(self.queues[line])}
        for home, count in took.items():
            assert home.trial is line.trial
            assert self.queues[home][:count] == [item for item in items if homes[id(item)] is home]
            del self.queues[home][:count]
        left = [
            home for home, queue in self.queues.items() if queue and not home.trial and home.options == line.options
        ]
        assert len(items) == most or line.trial is not None or not left
        self.flying += [(item, homes[id(item)]) for item in items]

    @invariant()
    def the_counts_are_true(self) -> None:
        assert len(self.turns) == len(self.waiting)
        for level in LEVELS:
            lines = [line for line in self.queues if line.priority == level]
            assert self.turns.ready[level] == sum(len(self.queues[line]) for line in lines)
        assert all(line.ready == len(queue) for line, queue in self.queues.items())
        assert all(item.line is line for line, queue in self.queues.items() for item in queue)

    def teardown(self) -> None:
        while self.turns:
            self.take(15)
        assert not self.waiting


def test_in_any_order_of_events_who_waits_is_handed_out_once_and_in_lawful_company() -> None:
    run_state_machine_as_test(AnyOrder, settings=examples(60, steps=40))
