"""Never two items of one account at once, writes in the order given, and equal ones together.

All of this is held by `AnyOrder` at the end, after every step; what stands before it is what no such step shows.
"""

from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from thorough import examples

from tim_async.lane.feeds import CallFeed
from tim_async.lane.items import BULK, FLYING, GONE, INTERACTIVE, NORMAL, Bundle, Item
from tim_async.lane.order import Order


def feed_of(priority: int = NORMAL) -> CallFeed:
    return CallFeed(priority, None, now=0.0)


def new(feed: CallFeed, account: str, argument: Any = None) -> Item:
    """An item that waits, entered in the book of its feed."""
    item = Item(account, argument, feed.taken, feed, feed, feed.priority)
    feed.enter([item])
    return item


def test_what_never_claimed_an_account_can_be_released_without_harm() -> None:
    order, feed = Order(writes=True), feed_of()
    head = new(feed, "Mary")
    order.claim(head, None)
    assert order.release(new(feed, "Mary"), None) is None
    assert order.release(new(feed, "Paul"), None) is None
    assert len(order) == 1


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


class AnyOrder(RuleBasedStateMachine):
    """Items of few accounts are given, sent, put off, answered and withdrawn."""

    writes: bool

    def __init__(self) -> None:
        super().__init__()
        self.order = Order(writes=self.writes)
        self.feeds = [feed_of(priority) for priority in (INTERACTIVE, NORMAL, BULK)]
        self.feeds[NORMAL].maybe_sent = frozenset("ab")
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
        if last.feed is not item.feed and self.feeds[NORMAL] in (last.feed, item.feed):
            return False
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
    def the_books_are_true(self) -> None:
        for (options, account), row in self.rows.items():
            assert list(self.order.of(account, options)) == row
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
