"""Whose turn it is: the most urgent first, a tenth for the others, and batches of one urgency chunk by chunk.

That nobody is lost or handed out twice, and in what company, is held by `AnyOrder` at the end, after every step.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from thorough import examples

from tim_async.lane.items import BULK, ENDED, IN_FLIGHT, INTERACTIVE, NORMAL, Bisection, Bundle, Item, Owner, Queue
from tim_async.lane.owners import CallOwner
from tim_async.lane.schedule import Schedule, Taken

LEVELS = (INTERACTIVE, NORMAL, BULK)


def owner_of(priority: int, options: Any = None) -> CallOwner:
    return CallOwner(priority, options, now=0.0)


def schedule_of() -> Schedule:
    """Turns that open their bundles themselves, with nobody who keeps the books."""

    def open_bundle(bundle: Bundle) -> None:
        schedule.unbundle(bundle, bundle.open())

    schedule = Schedule(open_bundle)
    return schedule


def fresh(owner: Owner, size: int, queue: Queue | None = None) -> list[Item]:
    return [Item(f"user{place}", None, place, owner, queue or owner, owner.priority) for place in range(size)]


def enter(schedule: Schedule, priority: int, size: int, options: Any = None) -> CallOwner:
    """A batch of its own, all of whose items wait."""
    owner = owner_of(priority, options)
    schedule.put_all(fresh(owner, size), owner)
    return owner


def set_apart(schedule: Schedule, owner: Owner, size: int) -> Queue:
    """A part of a refused chunk."""
    queue = Queue(owner.priority, owner.options, Bisection(size, 90033))
    schedule.put_all(fresh(owner, size), queue)
    return queue


def bundles_of(schedule: Schedule, priority: int, *sizes: int, options: Any = None) -> tuple[CallOwner, list[Bundle]]:
    """A batch of its own, whose items wait in bundles."""
    owner = owner_of(priority, options)
    bundles = [
        Bundle(owner, 0, size, [f"user{place}" for place in range(size)], [None] * size, owner) for size in sizes
    ]
    for bundle in bundles:
        schedule.put_bundle(bundle)
    return owner, bundles


def chosen(schedule: Schedule, most: int) -> Taken:
    """The choice for a call, which must be possible."""
    taken = schedule.take(most)
    assert taken is not None
    return taken


def takes(schedule: Schedule, most: int, times: int) -> list[tuple[list[Item], list[Owner], Queue]]:
    chunks = [schedule.take(most) for _ in range(times)]
    return [(chunk.items, chunk.owners, chunk.queue) for chunk in chunks if chunk is not None]


def sizes(items: list[Item]) -> dict[Owner, int]:
    """How many items of each owner, in the order of the chunk."""
    return dict(Counter(item.owner for item in items))


# Urgency


def test_the_most_urgent_go_first_and_the_room_that_is_left_takes_the_others_along() -> None:
    schedule = schedule_of()
    bulk, normal, urgent = enter(schedule, BULK, 10), enter(schedule, NORMAL, 4), enter(schedule, INTERACTIVE, 3)
    assert schedule.level() == INTERACTIVE
    ((items, owners, queue),) = takes(schedule, 10, 1)
    assert list(sizes(items).items()) == [(urgent, 3), (normal, 4), (bulk, 3)]
    assert owners == [urgent, normal, bulk]
    assert queue is urgent


def test_bulk_gets_a_tenth_of_the_calls_under_any_load_of_urgent_ones() -> None:
    schedule = schedule_of()
    enter(schedule, INTERACTIVE, 1_000)
    enter(schedule, BULK, 1_000)
    queues = [queue.priority for _, _, queue in takes(schedule, 10, 50)]
    assert queues == ([INTERACTIVE] * 9 + [BULK]) * 5


def test_each_of_the_lower_two_gets_a_tenth() -> None:
    schedule = schedule_of()
    for level in LEVELS:
        enter(schedule, level, 2_000)
    levels = Counter(queue.priority for _, _, queue in takes(schedule, 10, 101))
    assert levels[INTERACTIVE] in (80, 81)
    assert levels[NORMAL] in (10, 11)
    assert levels[BULK] == 10


# Batches among each other


def test_batches_of_one_urgency_take_schedule_chunk_by_chunk() -> None:
    schedule = schedule_of()
    owners = [enter(schedule, NORMAL, 30) for _ in range(3)]
    assert [queue for _, _, queue in takes(schedule, 10, 9)] == owners * 3
    assert not schedule


def test_a_small_batch_waits_for_one_chunk_of_each_other_not_for_the_whole_migration() -> None:
    schedule = schedule_of()
    huge = enter(schedule, NORMAL, 1_000)
    takes(schedule, 10, 1)
    small = enter(schedule, NORMAL, 3)
    assert [sizes(items) for items, _, _ in takes(schedule, 10, 2)] == [{huge: 10}, {small: 3, huge: 7}]


def test_items_of_unequal_options_never_share_a_chunk_and_their_groups_take_schedule() -> None:
    schedule = schedule_of()
    first, second = enter(schedule, NORMAL, 15, ("replace", True)), enter(schedule, NORMAL, 15, ("replace", False))
    assert [sizes(items) for items, _, _ in takes(schedule, 10, 4)] == [
        {first: 10},
        {second: 10},
        {first: 5},
        {second: 5},
    ]


def test_the_newest_part_goes_first_so_that_one_search_ends_before_the_next_spreads_out() -> None:
    schedule = schedule_of()
    owner = owner_of(NORMAL)
    older, newer = set_apart(schedule, owner, 2), set_apart(schedule, owner, 2)
    assert [queue for _, _, queue in takes(schedule, 100, 2)] == [newer, older]


def test_a_part_whose_items_were_all_withdrawn_has_no_turn() -> None:
    schedule = schedule_of()
    owner = enter(schedule, NORMAL, 1)
    empty = set_apart(schedule, owner, 2)
    for item in list(empty.items):
        schedule.leave(item, ENDED)
    assert [queue for _, _, queue in takes(schedule, 100, 2)] == [owner]
    assert not empty.listed


# Bundles


def test_a_bundle_that_fills_a_call_is_taken_as_it_is_and_its_owner_has_had_its_turn() -> None:
    schedule = schedule_of()
    owner, bundles = bundles_of(schedule, NORMAL, 10, 10)
    other, others = bundles_of(schedule, NORMAL, 10)
    assert (len(schedule), owner.ready, owner.bundled) == (30, 20, 20)
    assert chosen(schedule, 10) == Taken([], bundles[0], [owner], owner)
    assert bundles[0].queue is IN_FLIGHT
    assert chosen(schedule, 10) == Taken([], others[0], [other], other)
    assert chosen(schedule, 10).bundle is bundles[1]
    assert (len(schedule), owner.ready, owner.bundled, owner.listed) == (0, 0, 0, False)
    assert schedule.take(10) is None


def test_a_short_bundle_goes_as_it_is_only_if_nobody_else_waits() -> None:
    schedule = schedule_of()
    _, (alone,) = bundles_of(schedule, NORMAL, 3)
    assert chosen(schedule, 10).bundle is alone
    owner, (bundle,) = bundles_of(schedule, NORMAL, 3)
    other = enter(schedule, BULK, 2)
    taken = chosen(schedule, 10)
    assert (taken.bundle, taken.owners, taken.items[:3]) == (None, [owner, other], bundle.items)
    assert len(taken.items) == 5


def test_a_call_with_room_takes_some_of_a_bundle_and_what_is_left_of_it_goes_before_the_next() -> None:
    schedule = schedule_of()
    urgent = enter(schedule, INTERACTIVE, 4)
    owner, bundles = bundles_of(schedule, BULK, 10, 10, 10)
    taken = chosen(schedule, 10)
    assert sizes(taken.items) == {urgent: 4, owner: 6}
    assert (bundles[0].items, bundles[1].items) == ([*taken.items[4:], *owner.items], None)
    assert (owner.ready, owner.bundled) == (24, 20)
    assert sizes(chosen(schedule, 10).items) == {owner: 10}
    assert (owner.ready, owner.bundled) == (14, 10)


def test_loose_items_that_fill_a_call_go_before_the_bundles_and_open_none() -> None:
    schedule = schedule_of()
    owner, (bundle,) = bundles_of(schedule, BULK, 10)
    schedule.put_all(fresh(owner, 10), owner)
    assert sizes(chosen(schedule, 10).items) == {owner: 10}
    assert chosen(schedule, 10).bundle is bundle


# Leaving


def test_a_queue_that_was_emptied_by_withdrawals_behind_others_is_cleared_in_passing() -> None:
    schedule = schedule_of()
    first, emptied = enter(schedule, NORMAL, 1), enter(schedule, NORMAL, 2)
    for item in list(emptied.items):
        schedule.leave(item, ENDED)
    ((items, _, _),) = takes(schedule, 10, 1)
    assert sizes(items) == {first: 1}
    assert (len(emptied.items), emptied.listed) == (0, False)


def test_unlike_options_of_which_nobody_waits_any_more_are_passed_over() -> None:
    schedule = schedule_of()
    emptied, waits = enter(schedule, NORMAL, 2, options="a"), enter(schedule, NORMAL, 1, options="b")
    for item in list(emptied.items):
        schedule.leave(item, ENDED)
    assert [sizes(items) for items, _, _ in takes(schedule, 10, 1)] == [{waits: 1}]
    assert (len(emptied.items), emptied.listed) == (0, False)


def test_once_nothing_waits_no_queue_holds_on_to_items_that_left() -> None:
    """A line that stood there for ever would keep whole finished batches in memory."""
    schedule = schedule_of()
    owner, apart = enter(schedule, NORMAL, 3), set_apart(schedule, owner_of(NORMAL), 2)
    for item in [*owner.items, *apart.items]:
        schedule.leave(item, ENDED)
    assert [(len(queue.items), queue.listed) for queue in (owner, apart)] == [(0, False)] * 2
    schedule.put_all(fresh(owner, 1), owner)
    assert [queue for _, _, queue in takes(schedule, 10, 2)] == [owner]


@pytest.mark.parametrize("state", [IN_FLIGHT, ENDED, None])
def test_who_waits_in_no_queue_can_leave_none(state: Queue | None) -> None:
    schedule = schedule_of()
    owner = enter(schedule, NORMAL, 1)
    (item,) = fresh(owner, 1)
    item.queue = state
    schedule.leave(item, ENDED)
    assert item.queue is ENDED
    assert (len(schedule), owner.ready) == (1, 1)


# Any order of events


class AnyOrder(RuleBasedStateMachine):
    """Batches and parts of refused chunks come, items are withdrawn, lent, sent and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = schedule_of()
        self.mirrors: dict[Queue, list[Item]] = {}
        """What must wait in each line, in order."""
        self.flying: list[tuple[Item, Queue]] = []
        self.lent: dict[Any, Queue] = {}
        self.passed_over = [0, 0, 0]

    @property
    def waiting(self) -> list[Item]:
        return [item for mirror in self.mirrors.values() for item in mirror]

    @property
    def levels(self) -> set[int]:
        return {queue.priority for queue, mirror in self.mirrors.items() if mirror}

    @rule(level=st.sampled_from(LEVELS), options=st.sampled_from([None, "a"]), size=st.integers(0, 12))
    def batch(self, level: int, options: str | None, size: int) -> None:
        owner = enter(self.schedule, level, size, options)
        self.mirrors[owner] = list(owner.items)

    @rule(level=st.sampled_from(LEVELS), size=st.integers(1, 5))
    def part(self, level: int, size: int) -> None:
        queue = set_apart(self.schedule, owner_of(level), size)
        self.mirrors[queue] = list(queue.items)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.waiting))
        queue = item.queue
        assert queue is not None
        self.mirrors[queue].remove(item)
        self.schedule.leave(item, ENDED)

    @precondition(lambda self: any(item.priority and item.owner is item.queue for item in self.waiting))
    @rule(data=st.data())
    def lend(self, data: st.DataObject) -> None:
        """An item moves to a more urgent line, as one does behind which something urgent waits."""
        item = data.draw(st.sampled_from([item for item in self.waiting if item.priority and item.owner is item.queue]))
        item.priority = data.draw(st.integers(0, item.priority - 1))
        key = (item.priority, item.owner.options)
        queue = self.lent.setdefault(key, Queue(*key))
        self.mirrors[item.owner].remove(item)
        self.schedule.leave(item, None)
        self.schedule.put(item, queue)
        self.mirrors.setdefault(queue, []).append(item)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), first=st.booleans())
    def come_back(self, data: st.DataObject, first: bool) -> None:
        item, queue = data.draw(st.sampled_from(self.flying))
        self.flying.remove((item, queue))
        if queue.bisection is not None:
            queue = item.owner  # the search is over; the innocent wait with their owner again
        mirror = self.mirrors.setdefault(queue, [])
        mirror.insert(0 if first else len(mirror), item)
        self.schedule.put(item, queue, first=first)

    @rule(most=st.integers(5, 15))
    def take(self, most: int) -> None:
        levels, parts = self.levels, [queue for queue, mirror in self.mirrors.items() if mirror and queue.bisection]
        expected = self._expected_level(levels)
        assert self.schedule.level() == expected
        taken = self.schedule.take(most)
        if taken is None:
            assert not levels
            return
        items, _, owners, queue = taken
        assert queue.priority == expected
        assert 1 <= len(items) <= most
        assert set(owners) == {item.owner for item in items}
        assert len(owners) == len(set(owners))
        assert {item.owner.options for item in items} == {queue.options}
        assert (queue.bisection is not None) is any(part.priority == expected for part in parts)
        self._fly(items, queue, most)

    def _expected_level(self, levels: set[int]) -> int | None:
        overdue = [level for level in levels if self.passed_over[level] >= 9]
        expected = min(overdue or levels, default=None)
        if expected is not None:
            self.passed_over = [
                count + 1 if level in levels and level != expected else 0
                for level, count in enumerate(self.passed_over)
            ]
        return expected

    def _fly(self, items: list[Item], queue: Queue, most: int) -> None:
        assert all(item.queue is IN_FLIGHT for item in items)
        homes = {id(item): home for home, mirror in self.mirrors.items() for item in mirror}
        took = Counter(homes[id(item)] for item in items)
        assert sum(took.values()) == len({id(item) for item in items})
        if queue.bisection is not None:
            assert took == {queue: len(self.mirrors[queue])}
        for home, count in took.items():
            assert home.bisection is queue.bisection
            assert self.mirrors[home][:count] == [item for item in items if homes[id(item)] is home]
            del self.mirrors[home][:count]
        left = [
            home
            for home, mirror in self.mirrors.items()
            if mirror and not home.bisection and home.options == queue.options
        ]
        assert len(items) == most or queue.bisection is not None or not left
        self.flying += [(item, homes[id(item)]) for item in items]

    @invariant()
    def the_counts_are_true(self) -> None:
        assert len(self.schedule) == len(self.waiting)
        for level in LEVELS:
            queues = [queue for queue in self.mirrors if queue.priority == level]
            assert self.schedule.ready[level] == sum(len(self.mirrors[queue]) for queue in queues)
        assert all(queue.ready == len(mirror) for queue, mirror in self.mirrors.items())
        assert all(item.queue is queue for queue, mirror in self.mirrors.items() for item in mirror)

    def teardown(self) -> None:
        while self.schedule:
            self.take(15)
        assert not self.waiting


def test_in_any_order_of_events_who_waits_is_handed_out_once_and_in_lawful_company() -> None:
    run_state_machine_as_test(AnyOrder, settings=examples(60, steps=40))
