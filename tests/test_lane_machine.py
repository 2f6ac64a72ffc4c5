"""The lane against a service with every fault, in any order of events: what must be true after each of them."""

import random
from collections import Counter
from dataclasses import replace
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from simulation import FATAL, Fault, World
from thorough import examples

from tim_async.lane.items import BULK, INTERACTIVE, NORMAL, BatchOwner, Owner
from tim_async.lane.owners import StreamOwner
from tim_async.outcomes import NotSent, Ok, Rejected, Unknown
from tim_async.service.checks import Problem
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_GET_TAGS, PUSH_SEND_TO, PUSH_SET_ATTRIBUTES, Endpoint

pytestmark = pytest.mark.uncounted

ROWS = [ACCOUNTS_DELETE, PUSH_SET_ATTRIBUTES, PUSH_GET_TAGS, PUSH_SEND_TO]
ACCOUNTS = st.lists(
    st.sampled_from([f"user{number}" for number in range(8)] + ["poisoned1", "poisoned2", "barred"]), max_size=14
)
PRIORITY = st.sampled_from([INTERACTIVE, NORMAL, BULK])
OPTIONS = st.sampled_from([None, None, ("replace",)])
AGAIN = st.sampled_from([False, False, True])
TROUBLES = [fault for fault in Fault if fault not in FATAL]


class LaneMachine(RuleBasedStateMachine):
    """Callers, the dispatcher, the service and the clock, in any order."""

    endpoint: Endpoint[Any, Any]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.endpoint, attempts=3)

    def _arguments(self, count: int) -> list[Any] | None:
        if self.endpoint.prepare is None:
            return None
        return [{"n": self.world.chance.randrange(2)} for _ in range(count)]

    def _give(self, owner: BatchOwner, accounts: list[str], *, last: bool) -> None:
        self.world.give(owner, accounts, self._arguments(len(accounts)), last=last)

    def _batches(self) -> list[BatchOwner]:
        return [owner for owner in self.world.owners if isinstance(owner, BatchOwner)]

    def _open(self, choice: random.Random) -> Owner:
        return choice.choice(self.world.owners)

    @rule(accounts=ACCOUNTS, priority=PRIORITY, options=OPTIONS, patient=st.booleans(), last=st.booleans(), again=AGAIN)
    def batch(
        self, *, accounts: list[str], priority: int, options: Any, patient: bool, last: bool, again: bool
    ) -> None:
        self._give(self.world.batch(priority, options, patient=patient, maybe_sent=again), accounts, last=last)

    @rule(accounts=ACCOUNTS, priority=PRIORITY, options=OPTIONS, again=AGAIN, announces=st.booleans())
    def stream(self, *, accounts: list[str], priority: int, options: Any, again: bool, announces: bool) -> None:
        self._give(self.world.stream(priority, options, maybe_sent=again, announces=announces), accounts, last=False)

    @rule(accounts=ACCOUNTS.filter(bool), priority=PRIORITY, options=OPTIONS, patient=st.booleans(), again=AGAIN)
    def ones(self, *, accounts: list[str], priority: int, options: Any, patient: bool, again: bool) -> None:
        for account in accounts[:4]:
            (argument,) = self._arguments(1) or [None]
            self.world.ask(priority, account, argument, options, patient=patient, maybe_sent=again)

    @rule(choice=st.randoms(use_true_random=False))
    def one_leaves(self, choice: random.Random) -> None:
        self.world.look()
        self.world.leave(choice)

    @rule(accounts=ACCOUNTS.filter(bool), priority=PRIORITY, streams=st.booleans())
    def batch_with_an_item_that_is_refused_here(self, *, accounts: list[str], priority: int, streams: bool) -> None:
        owner = self.world.stream(priority) if streams else self.world.batch(priority)
        refused = {len(accounts) - 1: Problem(1, "no")}
        self.world.give(owner, accounts, [0 for _ in accounts], problems=refused, last=True)

    @precondition(lambda self: self._batches())
    @rule(choice=st.randoms(use_true_random=False), accounts=ACCOUNTS)
    def more(self, choice: random.Random, accounts: list[str]) -> None:
        """A source gives on, even if its owner was stopped in that moment."""
        owner = choice.choice(self._batches())
        if not owner.exhausted:
            self._give(owner, accounts, last=False)

    @precondition(lambda self: self._batches())
    @rule(choice=st.randoms(use_true_random=False))
    def source_ends(self, choice: random.Random) -> None:
        self.world.finish(choice.choice(self._batches()))

    @rule(most=st.integers(1, 6))
    def seal(self, most: int) -> None:
        for _ in range(most):
            self.world.seal()

    @precondition(lambda self: self.world.calls)
    @rule(choice=st.randoms(use_true_random=False), fault=st.sampled_from(TROUBLES))
    def answer(self, choice: random.Random, fault: Fault) -> None:
        self.world.answer(choice.choice(list(self.world.calls)), fault)

    @precondition(lambda self: self.world.calls)
    @rule(choice=st.randoms(use_true_random=False))
    def call_off(self, choice: random.Random) -> None:
        chunk = choice.choice(list(self.world.calls))
        announced = [
            owner for owner in chunk.owners if isinstance(owner, StreamOwner) and owner.before_send is not None
        ]
        if announced:
            self.world.call_off(chunk, choice.choice(announced))

    @precondition(lambda self: self.world.calls)
    @rule(choice=st.randoms(use_true_random=False))
    def good_answer(self, choice: random.Random) -> None:
        self.world.answer(choice.choice(list(self.world.calls)))

    @precondition(lambda self: self.world.calls)
    @rule(choice=st.randoms(use_true_random=False), fault=st.sampled_from(FATAL), resigned=st.booleans())
    def fatal_answer(self, *, choice: random.Random, fault: Fault, resigned: bool) -> None:
        self.world.answer(choice.choice(list(self.world.calls)), fault, resigned=resigned)

    @precondition(lambda self: self._batches())
    @rule(choice=st.randoms(use_true_random=False))
    def withdraw(self, choice: random.Random) -> None:
        owner = choice.choice(self._batches())
        self.world.look()
        self.world.lane.withdraw(owner, "the caller was cancelled", self.world.now)

    @precondition(lambda self: self.world.owners)
    @rule(choice=st.randoms(use_true_random=False))
    def stop(self, choice: random.Random) -> None:
        self.world.lane.stop(self._open(choice), "the source failed", self.world.now)

    @rule()
    def cut(self) -> None:
        self.world.lane.cut(self.world.now)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.2, 1.0, 6.0, 40.0, 125.0]))
    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)

    @invariant()
    def the_counters_are_right(self) -> None:
        self.world.check_counters()

    @invariant()
    def every_outcome_is_the_truth(self) -> None:
        self.world.look()
        self.world.check_outcomes()

    @invariant()
    def something_will_happen(self) -> None:
        if any(owner.open for owner in self.world.owners):
            assert self.world.calls or self.world.lane.next_wakeup(self.world.now) is not None

    def teardown(self) -> None:
        """When the service is well again everything ends, and nothing is left behind."""
        self.world.run()
        self.world.check_counters()
        self.world.check_end()


@pytest.mark.parametrize("limit", [4, 100])
@pytest.mark.parametrize("endpoint", ROWS, ids=lambda row: row.path)
def test_whatever_happens_every_item_ends_once_and_with_the_truth(endpoint: Endpoint[Any, Any], limit: int) -> None:
    # Where few fit into a call there are many calls, and bundles of all lengths.
    machine = type("Machine", (LaneMachine,), {"endpoint": replace(endpoint, limit=limit)})
    run_state_machine_as_test(machine, settings=examples(30))


# One long run


def names(chance: random.Random, count: int) -> list[str]:
    """Of accounts, some wanted again and again, some bad."""
    kinds = chance.choices(["user", "popular", "barred", "poisoned"], [90, 7, 2, 0.1], k=count)
    return [f"{kind}{chance.randrange(50 if kind == 'popular' else 30_000)}" for kind in kinds]


def give_much(world: World, total: int) -> None:
    """Batches and streams of all sizes and priorities, and single items."""
    chance = world.chance
    given = 0
    while given < total:
        size = min(chance.choice([1, 1, 1, 30, 400, 1_000]), total - given)
        options = chance.choice([None, None, None, ("replace",)])
        if size == 1:
            argument = chance.randrange(1_000) if world.endpoint.prepare else None
            (account,) = names(chance, 1)
            world.ask(chance.randrange(3), account, argument, options, patient=chance.random() < 0.5)
            given += 1
            continue
        again = chance.random() < 0.1
        if size == 400:
            owner: BatchOwner = world.stream(BULK, options, maybe_sent=again, announces=chance.random() < 0.5)
        else:
            owner = world.batch(chance.randrange(3), options, maybe_sent=again)
        arguments = [chance.randrange(1_000) for _ in range(size)] if world.endpoint.prepare else None
        world.give(owner, names(chance, size), arguments, last=True)
        given += size


@pytest.mark.parametrize("endpoint", ROWS, ids=lambda row: row.path)
def test_after_twenty_thousand_items_and_every_fault_the_books_of_the_service_agree(
    endpoint: Endpoint[Any, Any],
) -> None:
    world = World(endpoint, seed=20_000)  # one of those in which every kind of outcome occurs
    faults, weights = [*Fault], [300.0 if fault is Fault.NONE else 0.8 if fault in FATAL else 8.0 for fault in Fault]
    for _ in range(10):
        give_much(world, 2_000)
        world.run(lambda: world.chance.choices(faults, weights)[0])
        world.advance(61.0)
    world.check_counters()
    world.check_end()
    assert len(world.outcomes) == 20_000
    found = Counter(type(outcome) for outcome in world.outcomes.values())
    assert found[Ok] > 10_000
    assert min(found[Rejected], found[Unknown]) > 0
    assert found[NotSent] > 0 or not endpoint.repeatable
    if endpoint.writes:
        compare_books(world)


def compare_books(world: World) -> None:
    """Account by account: the service holds the last write that took effect, and no later one was called Ok."""
    last: dict[tuple[Any, str], tuple[int, Any]] = {}
    for (owner, index), place in world.places.items():
        if place.origin is None:
            continue
        truth = world.truths[place.origin]
        key = owner.options, place.account
        if truth.applied:
            last[key] = max(last.get(key, (-1, None)), (truth.order, place.argument), key=itemgetter(0))
        if isinstance(world.outcomes[owner, index], Ok) and not world.endpoint.done_again:
            assert truth.order <= last[key][0]
    assert world.service.book == {key: argument for key, (_, argument) in last.items()}
