"""Never two items of one account at once, writes in the order given, and equal ones together.

All of this is held by `AnyOrder` at the end, after every step; what stands before it is what no such step shows.
"""

from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from thorough import examples

from tim_async.lane.items import BULK, ENDED, IN_FLIGHT, INTERACTIVE, NORMAL, Bundle, Item
from tim_async.lane.order import Order
from tim_async.lane.owners import CallOwner


def owner_of(priority: int = NORMAL) -> CallOwner:
    return CallOwner(priority, None, now=0.0)


def new(owner: CallOwner, account: str, argument: Any = None) -> Item:
    """An item that waits, entered in the book of its owner."""
    item = Item(account, argument, owner.taken, owner, owner, owner.priority)
    owner.enter([item])
    return item


def test_what_never_claimed_an_account_can_be_released_without_harm() -> None:
    order, owner = Order(writes=True), owner_of()
    head = new(owner, "Mary")
    order.claim(head, None)
    assert order.release(new(owner, "Mary"), None) is None
    assert order.release(new(owner, "Paul"), None) is None
    assert len(order) == 1


def test_something_less_urgent_behind_slows_nobody_down() -> None:
    order = Order(writes=True)
    head, middle, last = (new(owner_of(priority), "Mary") for priority in (INTERACTIVE, NORMAL, BULK))
    for item in (head, middle, last):
        order.claim(item, None)
    assert [head.priority, middle.priority, last.priority] == [INTERACTIVE, NORMAL, BULK]


# Bundles


def bundle_of(accounts: list[str], options: str | None = None) -> Bundle:
    owner = CallOwner(NORMAL, options, now=0.0)
    return Bundle(owner, 0, len(accounts), accounts, [None] * len(accounts), owner)


def claim(order: Order, bundle: Bundle) -> bool:
    if not order.claim_all(bundle.accounts, bundle.owner.options):
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
    order, owner = Order(writes=True), owner_of()
    assert claim(order, bundle_of(["Mary"], options))
    order.claim(new(owner, "Bob"), options)
    assert not claim(order, bundle_of(accounts, options))
    assert len(order) == 2
    assert claim(order, bundle_of(["Paul"], options))


@either
def test_the_items_of_an_opened_bundle_are_the_heads_of_their_accounts(options: str | None) -> None:
    order, owner = Order(writes=True), owner_of()
    bundle = bundle_of(["Mary", "Paul"], options)
    assert claim(order, bundle)
    assert order.bundle_of("Paul", options) is bundle
    items = order.open_bundle(bundle)
    assert (order.bundle_of("Paul", options), len(order), list(order.bundles)) == (None, 2, [])
    assert order.claim(new(owner, "Paul"), options) is items[1]


# Any order of events


class AnyOrder(RuleBasedStateMachine):
    """Items of few accounts are given, sent, put off, answered and withdrawn."""

    writes: bool

    def __init__(self) -> None:
        super().__init__()
        self.order = Order(writes=self.writes)
        self.owners = [owner_of(priority) for priority in (INTERACTIVE, NORMAL, BULK)]
        self.owners[NORMAL].maybe_sent = frozenset("ab")
        self.rows: dict[tuple[Any, str], list[Item]] = {}
        """What must be held by each account: its head, and who waits behind, in the order given."""
        self.shared: dict[int, list[tuple[CallOwner, int]]] = {}

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
        owner = self.owners[which]
        item = new(owner, account, argument)
        row = self.rows.setdefault((options, account), [])
        head = self.order.claim(item, options)
        assert head is (row[0] if row else None)
        if row and self._joins(item, row[-1]):
            assert row[-1].joined is not None
            assert next(reversed(row[-1].joined)) == (owner, item.place)
            assert owner.values[item.place] is row[-1]
        else:
            assert owner.values[item.place] is item
            row.append(item)

    def _joins(self, item: Item, last: Item) -> bool:
        if last.owner is not item.owner and self.owners[NORMAL] in (last.owner, item.owner):
            return False
        if self.writes:
            return (last.owner, last.argument) == (item.owner, item.argument)
        return last.queue is not IN_FLIGHT

    @precondition(lambda self: self.items)
    @rule(data=st.data(), queue=st.sampled_from([IN_FLIGHT, None]))
    def move(self, data: st.DataObject, queue: Any) -> None:
        """A head is sent, or waits to be sent again."""
        item = data.draw(st.sampled_from([row[0] for row in self.rows.values() if row]))
        item.queue = queue

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.items))
        options, _ = key = self.key_of(item)
        row = self.rows[key]
        was_head = item is row[0]
        row.remove(item)
        item.queue = ENDED
        following = self.order.release(item, options)
        assert following is (row[0] if was_head and row else None)
        if following is not None:
            following.queue = following.owner

    @invariant()
    def the_books_are_true(self) -> None:
        for (options, account), row in self.rows.items():
            assert list(self.order.of(account, options)) == row
        assert len(self.order) == sum(map(bool, self.rows.values()))
        assert self.order.joined == sum(item.joined is not None for item in self.items)

    @invariant()
    def nobody_waits_behind_somebody_less_urgent_than_himself(self) -> None:
        """The head's own urgency is the lane's business: it may have to change its queue."""
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
