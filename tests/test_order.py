"""Never two items of one account at once, writes in the order given, and equal ones together."""

from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from thorough import examples

from tim_async.lane.feeds import CallFeed
from tim_async.lane.items import BULK, FLYING, GONE, INTERACTIVE, NORMAL, Bundle, Item
from tim_async.lane.order import Order

both = pytest.mark.parametrize("writes", [True, False], ids=["writes", "reads"])


def feed_of(priority: int = NORMAL) -> CallFeed:
    return CallFeed(priority, None, now=0.0)


def new(feed: CallFeed, account: str, argument: Any = None) -> Item:
    """An item that waits, entered in the book of its feed."""
    item = Item(account, argument, feed.taken, feed, feed, feed.priority)
    feed.enter([item])
    return item


def fly(item: Item) -> None:
    item.line = FLYING


# One account at a time


@both
def test_the_first_of_an_account_is_its_head_and_other_accounts_have_their_own(writes: bool) -> None:
    order, feed = Order(writes=writes), feed_of()
    assert order.claim(new(feed, "Mary"), None) is None
    assert order.claim(new(feed, "Paul"), None) is None
    assert len(order) == 2


def test_a_different_write_waits_behind_the_head_and_all_go_in_the_order_given() -> None:
    order, feed, other = Order(writes=True), feed_of(), feed_of()
    first, second, third = new(feed, "Mary", "1"), new(other, "Mary", "2"), new(feed, "Mary", "1")
    assert order.claim(first, None) is None
    assert order.claim(second, None) is first
    assert order.claim(third, None) is first
    assert (second.line, third.line) == (None, None)
    assert order.release(first, None) is second
    assert order.release(second, None) is third
    assert order.release(third, None) is None
    assert len(order) == 0


def test_after_its_end_an_account_is_free_again() -> None:
    order, feed = Order(writes=True), feed_of()
    item = new(feed, "Mary")
    assert order.claim(item, None) is None
    assert order.release(item, None) is None
    assert order.claim(new(feed, "Mary"), None) is None


@both
def test_unequal_options_do_not_concern_each_other(writes: bool) -> None:
    order, feed = Order(writes=writes), feed_of()
    items = [new(feed, "Mary") for _ in range(3)]
    options = [None, ("group", "g1"), ("group", "g2")]
    assert [order.claim(item, each) for item, each in zip(items, options, strict=True)] == [None] * 3
    assert len(order) == 3
    assert [order.release(item, each) for item, each in zip(items, options, strict=True)] == [None] * 3
    assert len(order) == 0


def test_one_that_waits_behind_may_leave_without_a_trace() -> None:
    order, feed = Order(writes=True), feed_of()
    head, second, third = (new(feed, "Mary", argument) for argument in "123")
    for item in (head, second, third):
        order.claim(item, None)
    assert order.release(second, None) is None
    assert order.release(head, None) is third
    assert order.release(third, None) is None


def test_when_the_last_behind_has_left_the_head_is_alone_again() -> None:
    order, feed = Order(writes=True), feed_of()
    head, second = new(feed, "Mary", "1"), new(feed, "Mary", "2")
    order.claim(head, None)
    order.claim(second, None)
    assert order.release(second, None) is None
    assert order.release(head, None) is None
    assert len(order) == 0


def test_what_never_claimed_an_account_can_be_released_without_harm() -> None:
    order, feed = Order(writes=True), feed_of()
    head = new(feed, "Mary")
    order.claim(head, None)
    assert order.release(new(feed, "Mary"), None) is None
    assert order.release(new(feed, "Paul"), None) is None
    assert len(order) == 1


# Joining


def test_an_equal_write_joins_the_one_of_its_own_batch_even_in_flight() -> None:
    order, feed = Order(writes=True), feed_of()
    head, twin = new(feed, "Mary", {"city": "Oslo"}), new(feed, "Mary", {"city": "Oslo"})
    order.claim(head, None)
    fly(head)
    assert order.claim(twin, None) is head
    assert list(head.joined or ()) == [(feed, 1)]
    assert feed.unsettled() == [(0, head), (1, head)]
    assert order.joined == 1
    assert order.release(head, None) is None
    assert (len(order), order.joined) == (0, 0)


def test_an_equal_write_of_another_batch_is_a_write_of_its_own() -> None:
    order, feed, other = Order(writes=True), feed_of(), feed_of()
    head, later = new(feed, "Mary", "x"), new(other, "Mary", "x")
    order.claim(head, None)
    order.claim(later, None)
    assert head.joined is None
    assert order.release(head, None) is later


def test_a_write_does_not_join_past_a_different_one() -> None:
    """Set to 1, to 2, to 1: in the end it must be 1."""
    order, feed = Order(writes=True), feed_of()
    items = [new(feed, "Mary", argument) for argument in "1211"]
    for item in items:
        order.claim(item, None)
    assert order.release(items[0], None) is items[1]
    assert order.release(items[1], None) is items[2]
    assert list(items[2].joined or ()) == [(feed, 3)]
    assert order.release(items[2], None) is None


def test_equal_reads_that_both_wait_share_one_place_across_batches() -> None:
    order, feed, other = Order(writes=False), feed_of(), feed_of()
    head, second, third = new(feed, "Mary"), new(other, "Mary"), new(feed, "Mary")
    order.claim(head, None)
    assert order.claim(second, None) is head
    assert order.claim(third, None) is head
    assert list(head.joined or ()) == [(other, 0), (feed, 1)]
    assert other.unsettled() == [(0, head)]
    assert order.joined == 1


def test_nobody_joins_a_read_already_sent_but_those_behind_it_share() -> None:
    order, feed = Order(writes=False), feed_of()
    head, second, third = (new(feed, "Mary") for _ in range(3))
    order.claim(head, None)
    fly(head)
    order.claim(second, None)
    order.claim(third, None)
    assert head.joined is None
    assert list(second.joined or ()) == [(feed, 2)]
    assert order.release(head, None) is second


def test_a_read_that_will_be_sent_again_may_be_joined() -> None:
    order, feed = Order(writes=False), feed_of()
    head = new(feed, "Mary")
    order.claim(head, None)
    head.line = None  # in back-off
    order.claim(new(feed, "Mary"), None)
    assert list(head.joined or ()) == [(feed, 1)]


# Urgency


@both
def test_whoever_waits_in_front_of_something_urgent_becomes_as_urgent(writes: bool) -> None:
    order, feed, other = Order(writes=writes), feed_of(BULK), feed_of(INTERACTIVE)
    head, middle, urgent = new(feed, "Mary", "1"), new(feed, "Mary", "2"), new(other, "Mary", "3")
    order.claim(head, None)
    fly(head)
    order.claim(middle, None)
    assert order.claim(urgent, None) is head
    assert middle.priority == INTERACTIVE
    assert order.release(head, None) is middle


def test_something_less_urgent_behind_slows_nobody_down() -> None:
    order = Order(writes=True)
    head, middle, last = (new(feed_of(priority), "Mary") for priority in (INTERACTIVE, NORMAL, BULK))
    for item in (head, middle, last):
        order.claim(item, None)
    assert [head.priority, middle.priority, last.priority] == [INTERACTIVE, NORMAL, BULK]


# Bundles


def bundle_of(accounts: list[str], options: str | None = None) -> Bundle:
    feed = CallFeed(NORMAL, options, now=0.0)
    return Bundle(feed, 0, len(accounts), accounts, [None] * len(accounts), feed)


def claim(order: Order, bundle: Bundle) -> bool:
    if not order.claim_all(bundle.accounts, bundle.feed.options):
        return False
    order.file(bundle)
    return True


either = pytest.mark.parametrize("options", [None, "a"])


@either
def test_a_bundle_takes_all_its_accounts_and_gives_them_back_together(options: str | None) -> None:
    order = Order(writes=True)
    bundle, other = bundle_of(["Mary", "Paul"], options), bundle_of(["Anna"], options)
    assert claim(order, bundle)
    assert claim(order, other)
    assert (len(order), list(order.bundles)) == (3, [bundle, other])
    order.release_bundle(bundle)
    assert (len(order), list(order.bundles)) == (1, [other])
    assert claim(order, bundle_of(["Mary", "Paul"], options))


@either
@pytest.mark.parametrize("accounts", [["Paul", "Paul"], ["Paul", "Mary"], ["Paul", "Bob"]])
def test_a_bundle_with_a_repeat_or_an_account_that_is_taken_takes_nothing(
    accounts: list[str], options: str | None
) -> None:
    order, feed = Order(writes=True), feed_of()
    assert claim(order, bundle_of(["Mary"], options))
    order.claim(new(feed, "Bob"), options)
    assert not claim(order, bundle_of(accounts, options))
    assert len(order) == 2
    assert claim(order, bundle_of(["Paul"], options))


def test_accounts_of_unequal_options_are_not_the_same() -> None:
    order = Order(writes=True)
    bundles = [bundle_of(["Mary"], options) for options in (None, "a", "b")]
    assert all(claim(order, bundle) for bundle in bundles)
    assert [order.bundle_of("Mary", options) for options in (None, "a", "b", "c")] == [*bundles, None]


@either
def test_the_items_of_an_opened_bundle_are_the_heads_of_their_accounts(options: str | None) -> None:
    order, feed = Order(writes=True), feed_of()
    bundle = bundle_of(["Mary", "Paul"], options)
    assert claim(order, bundle)
    assert order.bundle_of("Paul", options) is bundle
    items = order.open_bundle(bundle)
    assert (order.bundle_of("Paul", options), len(order), list(order.bundles)) == (None, 2, [])
    assert order.claim(new(feed, "Paul"), options) is items[1]


# Any order of events


def test_accounts_of_which_one_stands_there_twice_are_not_claimed_at_all() -> None:
    order = Order(writes=True)
    assert not order.claim_all(["Mary", "Bob", "Mary"], None)
    assert not order
    assert order.claim_all(["Mary", "Bob"], None)


class AnyOrder(RuleBasedStateMachine):
    """Items of few accounts are given, sent, put off, answered and withdrawn."""

    writes: bool

    def __init__(self) -> None:
        super().__init__()
        self.order = Order(writes=self.writes)
        self.feeds = [feed_of(priority) for priority in (INTERACTIVE, NORMAL, BULK)]
        self.rows: dict[tuple[Any, str], list[Item]] = {}
        """What must be held by each account: its head, and who waits behind, in the order given."""
        self.shared: dict[int, list[tuple[CallFeed, int]]] = {}

    @property
    def items(self) -> list[Item]:
        return [item for row in self.rows.values() for item in row]

    def key_of(self, item: Item) -> tuple[Any, str]:
        return next(key for key, row in self.rows.items() if item in row)

    @rule(
        which=st.integers(0, 2),
        account=st.sampled_from("ab"),
        argument=st.sampled_from([{"n": "1"}, {"n": "2"}]),
        options=st.sampled_from([None, "o"]),
    )
    def give(self, which: int, account: str, argument: object, options: Hashable) -> None:
        feed = self.feeds[which]
        item = new(feed, account, argument)
        row = self.rows.setdefault((options, account), [])
        head = self.order.claim(item, options)
        assert head is (row[0] if row else None)
        if row and self._joins(item, row[-1]):
            assert row[-1].joined is not None
            assert next(reversed(row[-1].joined)) == (feed, item.place)
            assert feed.values[item.place] is row[-1]
        else:
            assert feed.values[item.place] is item
            row.append(item)

    def _joins(self, item: Item, last: Item) -> bool:
        if self.writes:
            return (last.feed, last.argument) == (item.feed, item.argument)
        return last.line is not FLYING

    @precondition(lambda self: self.items)
    @rule(data=st.data(), line=st.sampled_from([FLYING, None]))
    def move(self, data: st.DataObject, line: Any) -> None:
        """A head is sent, or waits to be sent again."""
        item = data.draw(st.sampled_from([row[0] for row in self.rows.values() if row]))
        item.line = line

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.items))
        options, _ = key = self.key_of(item)
        row = self.rows[key]
        was_head = item is row[0]
        row.remove(item)
        item.line = GONE
        following = self.order.release(item, options)
        assert following is (row[0] if was_head and row else None)
        if following is not None:
            following.line = following.feed

    @invariant()
    def the_counts_are_true(self) -> None:
        assert len(self.order) == sum(map(bool, self.rows.values()))
        assert self.order.joined == sum(item.joined is not None for item in self.items)

    @invariant()
    def nobody_waits_behind_somebody_less_urgent_than_himself(self) -> None:
        """The head's own urgency is the lane's business: it may have to change its line."""
        for row in self.rows.values():
            priorities = [item.priority for item in row[1:]]
            assert priorities == sorted(priorities)

    def teardown(self) -> None:
        """Who is at the head is answered, until nobody is left."""
        for (options, _), row in self.rows.items():
            while row:
                assert self.order.release(row.pop(0), options) is (row[0] if row else None)
        assert (len(self.order), self.order.joined) == (0, 0)


class Writes(AnyOrder):
    writes = True


class Reads(AnyOrder):
    writes = False


@pytest.mark.parametrize("machine", [Writes, Reads])
def test_in_any_order_of_events_each_account_has_one_head_and_its_items_follow_in_the_order_given(
    machine: type[AnyOrder],
) -> None:
    run_state_machine_as_test(machine, settings=examples(50, steps=30))
