"""A service that exists only as a book, with every fault that we know of, and a lane that is driven against it.

Pure: the clock is told, the faults are chosen by the caller, and a seed decides the rest. The world knows what the lane
does not: which calls were applied. So it can say of every outcome whether it is the truth.
"""

from __future__ import annotations

import enum
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from tim_async.errors import BadStatus, ConnectError, InvalidReply, RequestError, RequestTimeout
from tim_async.lane.health import Health
from tim_async.lane.items import ENDED, EVERY_ACCOUNT, IN_FLIGHT, BatchOwner, Bundle, Chunk, Item, Owner
from tim_async.lane.judging import Effect, Lane
from tim_async.lane.owners import CallOwner, Singles, StreamOwner
from tim_async.outcomes import NotSent, Ok, Rejected, Unknown, outcome_of
from tim_async.service.checks import Problems
from tim_async.service.endpoints import Answer, Endpoint


class Fault(enum.Enum):
    """What may happen to a call."""

    NONE = enum.auto()
    REFUSED = enum.auto()  # no connection
    LOST_BEFORE = enum.auto()
    LOST_AFTER = enum.auto()
    GATEWAY = enum.auto()
    GARBAGE = enum.auto()  # applied, and the answer is no JSON
    BUSY = enum.auto()
    BUSY_AFTER = enum.auto()  # an internal error that was none
    SOME_BUSY = enum.auto()
    SILENT = enum.auto()
    STRANGERS = enum.auto()
    BLAMED = enum.auto()  # a "no" to the whole call that names some of the culprits
    SLOW_DOWN = enum.auto()
    SLOW_DOWN_ALL = enum.auto()
    STALE = enum.auto()
    LOCKED = enum.auto()
    FORBIDDEN = enum.auto()
    EACH_FORBIDDEN = enum.auto()


FATAL = (Fault.STALE, Fault.LOCKED, Fault.FORBIDDEN, Fault.EACH_FORBIDDEN)
# For each: what comes back, and whether the call was carried out all the same.
_UNANSWERED: dict[Fault, tuple[RequestError, bool]] = {
    Fault.REFUSED: (ConnectError("sim", "no connection"), False),
    Fault.LOST_BEFORE: (RequestTimeout("sim", "no answer"), False),
    Fault.LOST_AFTER: (RequestTimeout("sim", "no answer"), True),
    Fault.GATEWAY: (BadStatus("sim", 502), False),
    Fault.GARBAGE: (InvalidReply("sim", "no JSON"), True),
}
_REFUSALS: dict[Fault, tuple[int, bool]] = {
    Fault.BUSY: (91000, False),
    Fault.BUSY_AFTER: (91000, True),
    Fault.SLOW_DOWN: (60007, False),
    Fault.SLOW_DOWN_ALL: (60011, False),
    Fault.STALE: (70001, False),
    Fault.LOCKED: (70050, False),
    Fault.FORBIDDEN: (71000, False),
}


class Service:
    """The books. An account's name tells how it is: *poisoned* spoils its call, *barred* is refused by itself."""

    def __init__(self, endpoint: Endpoint[Any, Any], chance: random.Random) -> None:
        self.endpoint = endpoint
        self.chance = chance
        self.applied: list[str] = []
        """The accounts to which the call at hand was applied."""
        self.book: dict[tuple[Any, str], Any] = {}
        """(options, account) -> argument of the last write."""
        self.deleted: set[str] = set()
        self.version = 0
        """What a read gives: somebody else writes all the time."""

    def answer(self, chunk: Chunk, version: int, fault: Fault) -> Answer | RequestError:
        """The answer to a call, or the lack of one; *version* is that of when it was sent."""
        self.applied = []
        culprit = [account for account in chunk.accounts if account.startswith(("poisoned", "barred"))]
        if fault is Fault.EACH_FORBIDDEN:
            return self._reply({}, dict.fromkeys(chunk.accounts, (71000, "no")))
        if fault is Fault.BLAMED and culprit:
            named = culprit[: (len(culprit) + 1) // 2]
            return Answer(40003, "no", None, dict.fromkeys(named, (90035, "no")))
        if fault in _UNANSWERED:
            error, carried_out = _UNANSWERED[fault]
            if carried_out:
                self._carry_out(chunk, version)
            return error
        if fault in _REFUSALS:
            number, carried_out = _REFUSALS[fault]
            if carried_out:
                self._carry_out(chunk, version)
            return Answer(number, "no", {} if self.endpoint.writes else None, {})
        return self._carry_out(chunk, version, fault)

    def _carry_out(self, chunk: Chunk, version: int, fault: Fault = Fault.NONE) -> Answer:
        if any(account.startswith("poisoned") for account in chunk.accounts):
            return Answer(90033, "invalid attribute", {}, {})
        values: dict[str, Any] = {}
        errors: dict[str, tuple[int, str]] = {}
        for account, argument in zip(chunk.accounts, chunk.arguments, strict=True):
            troubled = fault is Fault.SOME_BUSY and self.chance.random() < 0.5
            silent = fault is Fault.SILENT and not self.endpoint.silence_is_ok and self.chance.random() < 0.5
            error = None
            if not (troubled or silent) or self.chance.random() < 0.5:
                error = self._apply(chunk.options, account, argument)
            if troubled:
                errors[account] = (70500, "busy")
            elif error is not None and not silent:
                errors[account] = error
            elif not silent:
                values[account] = None if self.endpoint.writes else version
        if fault is Fault.STRANGERS:
            values["stranger"] = None
            errors["nobody"] = (70107, "who?")
        shuffled = list(values.items())
        self.chance.shuffle(shuffled)
        return self._reply(dict(shuffled), errors)

    def _reply(self, values: dict[str, Any], errors: dict[str, tuple[int, str]]) -> Answer:
        return Answer(0, "", None if self.endpoint.silence_is_ok else values, errors)

    def _apply(self, options: Any, account: str, argument: Any) -> tuple[int, str] | None:
        """Carry out one item's part. Returns the code of its refusal, if it is refused."""
        if account.startswith("barred"):
            return 90035, "no"
        if self.endpoint.done_again:
            if account in self.deleted:
                return min(self.endpoint.done_again), "no such account"
            self.deleted.add(account)
        self.applied.append(account)
        self.book[options, account] = argument
        return None


async def _not_awaited(places: Sequence[int]) -> None:
    """Stands for whoever is told; the world looks at what he would be told of."""


class _Batch(CallOwner):
    """Numbered, so that sets of owners have the same order in every run."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class _Stream(StreamOwner):
    number = 0
    __hash__ = _Batch.__hash__


class _Singles(Singles):
    number = 0
    __hash__ = _Batch.__hash__


@dataclass(eq=False)
class Asker:
    """Who waits for a single request."""

    answered: bool = False
    value: Any = None

    def done(self) -> bool:
        return False

    def set_result(self, result: Any, /) -> None:
        assert not self.answered, "one outcome for every request"
        self.answered, self.value = True, result


Origin: TypeAlias = tuple[Owner, Any]
"""The place for which an item was made: it names the item also while that is still one of a bundle."""


class Place(NamedTuple):
    """One item of the input, as the world knows it."""

    account: str
    argument: Any
    origin: Origin | None
    """Of the item on which it hangs; None if it had its outcome at once."""
    version: int
    """Of what a read may give: not less than what was there when it was given."""
    maybe_sent: bool = False
    """Whether it was given as one that somebody may have sent before."""


@dataclass(eq=False)
class Truth:
    """What really became of an item."""

    order: int
    """It was given as the how manyeth."""
    left_in_flight: bool = False
    """Somebody who waited for it went away while a call with it was unanswered."""
    delivered: bool = False
    """Whether a call with it was more than a refused connection."""
    applied: bool = False


@dataclass
class World:
    """One lane, its service and its callers."""

    endpoint: Endpoint[Any, Any]
    seed: int = 0
    attempts: int = 6
    linger: float = 0.0
    now: float = 0.0
    calls: dict[Chunk, int] = field(default_factory=dict[Chunk, int])
    """In flight, and the version of the books when it was sent."""
    owners: list[Owner] = field(default_factory=list[Owner])
    places: dict[tuple[Owner, Any], Place] = field(default_factory=dict[tuple[Owner, Any], Place])
    outcomes: dict[tuple[Owner, Any], Any] = field(default_factory=dict[tuple[Owner, Any], Any])
    knew: dict[tuple[Owner, Any], Truth] = field(default_factory=dict["tuple[Owner, Any]", "Truth"])
    """The truth about a place when it had its outcome: a read goes on for others who share it."""
    truths: dict[Origin, Truth] = field(default_factory=dict[Origin, Truth])
    items: dict[Item, Origin] = field(default_factory=dict[Item, Origin])
    """All that were seen, once made."""
    item_of: dict[Origin, Item] = field(default_factory=dict[Origin, Item])
    bundles: dict[Bundle, None] = field(default_factory=dict[Bundle, None])
    """Those that were not opened, or not seen to be."""
    made: int = 0
    """Calls so far."""
    announced: set[Origin] = field(default_factory=set[Origin])
    """The places of which somebody was told before they were sent."""
    handed_over: dict[tuple[Owner, str], int] = field(default_factory=dict[tuple[Owner, str], int])
    """The last place of an account whose outcome a stream gave."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.health = Health()
        self.lane = Lane(
            self.endpoint, self.health, attempts=self.attempts, linger=self.linger, chance=self.chance.random
        )
        self.service = Service(self.endpoint, self.chance)
        self._open: dict[Owner, dict[Any, None]] = defaultdict(dict)
        self.last_applied: dict[tuple[Any, str], int] = {}

    # What callers do

    def batch(
        self, priority: int, options: Any = None, *, patient: bool = False, maybe_sent: bool = False
    ) -> CallOwner:
        owner = _Batch(priority, options, now=self.now, patient=patient)
        owner.maybe_sent = EVERY_ACCOUNT if maybe_sent else frozenset()
        owner.number = len(self.owners)
        self.owners.append(owner)
        return owner

    def stream(
        self, priority: int, options: Any = None, *, maybe_sent: bool = False, announces: bool = False
    ) -> StreamOwner:
        owner = _Stream(priority, options, now=self.now, most_open=25_600)
        owner.maybe_sent = EVERY_ACCOUNT if maybe_sent else frozenset()
        owner.before_send = _not_awaited if announces else None
        owner.number = len(self.owners)
        self.owners.append(owner)
        return owner

    def ask(
        self,
        priority: int,
        account: str,
        argument: Any,
        options: Any = None,
        *,
        patient: bool = False,
        maybe_sent: bool = False,
    ) -> None:
        """One single request."""
        owner = self.lane._singles.setdefault(
            (priority, options, patient, maybe_sent),
            _Singles(priority, options, patient=patient, maybe_sent=maybe_sent),
        )
        if isinstance(owner, _Singles) and owner not in self.owners:
            owner.number = len(self.owners)
            self.owners.append(owner)
        self.service.version += 1
        asker = Asker()
        self.lane.ask(owner, asker, account, argument, self.now)
        self._see_opened()
        self._remember(owner, asker, account, argument, owner.waiting.get(asker))

    def leave(self, choice: random.Random) -> None:
        """Somebody who waits for a single request goes away."""
        waiting = [(owner, asker) for owner in self.owners if isinstance(owner, Singles) for asker in owner.waiting]
        if waiting:
            owner, asker = choice.choice(waiting)
            self.lane.withdraw_one(owner, asker, "the caller was cancelled", self.now)
            self.lane.withdraw_one(owner, asker, "its timeout was over", self.now)  # means nothing any more

    def _remember(self, owner: Owner, place: Any, account: str, argument: Any, held: Item | Bundle | None) -> None:
        origin = None if held is None else self._origin(held, (owner, place))
        self._open[owner][place] = None
        maybe_sent = account in owner.maybe_sent
        self.places[owner, place] = Place(account, argument, origin, self.service.version, maybe_sent)
        if origin is not None and origin not in self.truths:
            self.truths[origin] = Truth(len(self.truths))

    def give(
        self,
        owner: BatchOwner,
        accounts: list[str],
        arguments: list[Any] | None = None,
        *,
        problems: Problems | None = None,
        last: bool = False,
    ) -> None:
        """Let a block of items enter the lane."""
        first = owner.taken
        self.service.version += 1
        owner.exhausted = last
        self.lane.add(owner, accounts, arguments, self.now, problems)
        self._see_opened()
        held_by = dict(owner.unsettled())
        for place, account in enumerate(accounts, first):
            argument = None if arguments is None else arguments[place - first]
            self._remember(owner, place, account, argument, held_by.get(place))

    def _origin(self, held: Item | Bundle, own: Origin) -> Origin:
        if isinstance(held, Bundle):
            self.bundles[held] = None
            return own
        origin = self.items.setdefault(held, own)
        self.item_of[origin] = held
        return origin

    def _see_opened(self) -> None:
        """Items that were made of a bundle since."""
        for bundle in [bundle for bundle in self.bundles if bundle.items is not None]:
            del self.bundles[bundle]
            for place, item in enumerate(bundle.items or (), bundle.place):
                self.items[item] = bundle.owner, place
                self.item_of[bundle.owner, place] = item

    def _flies(self, origin: Origin) -> bool:
        self._see_opened()
        return self.item_of[origin].queue is IN_FLIGHT

    def _origins(self, chunk: Chunk) -> dict[str, Origin]:
        """The items of a call, by their accounts."""
        self._see_opened()
        bundle, items = chunk.bundle, chunk.items
        if bundle is not None:
            if bundle.items is None:
                return {account: (bundle.owner, place) for place, account in enumerate(bundle.accounts, bundle.place)}
            items = bundle.items
        return {item.account: self.items[item] for item in items}

    def finish(self, owner: Owner) -> None:
        """The source of an owner has come to its end; the operation lets go of what is finished."""
        if isinstance(owner, BatchOwner):
            owner.exhausted = True
        if owner.finished:
            self.lane.forget(owner)

    # What the dispatcher does

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.lane.tick(self.now)

    def seal(self) -> Chunk | None:
        """The next call, if one may leave."""
        self.lane.tick(self.now)
        wakeup = self.lane.next_wakeup(self.now)
        if wakeup is None or wakeup > self.now:
            return None
        chunk = self.lane.seal(self.now)
        assert chunk is not None, "the lane said that something could be sent now"
        self._check_chunk(chunk)
        self._announce(chunk)
        self.calls[chunk] = self.service.version
        self.made += 1
        return chunk

    def _announce(self, chunk: Chunk) -> None:
        told = {(owner, place) for owner, _, places in self.lane.first_sendings(chunk) for place in places}
        assert not told & self.announced, "nobody is told twice"
        self.announced |= told
        for item in chunk.items:
            for owner, place in item.places:
                if isinstance(owner, StreamOwner) and owner.before_send is not None:
                    assert (owner, place) in self.announced

    def call_off(self, chunk: Chunk, owner: Owner) -> None:
        """Whoever was told of a call forbids it."""
        del self.calls[chunk]
        self.lane.stop(owner, "before_send failed", self.now)
        self.lane.call_off(chunk, self.now)
        self.look()

    def answer(self, chunk: Chunk, fault: Fault = Fault.NONE, *, resigned: bool = False) -> Effect:
        """Let the service answer a call, or not."""
        reply = self.service.answer(chunk, self.calls.pop(chunk), fault)
        origins = self._origins(chunk)
        for origin in origins.values():
            self.truths[origin].delivered |= fault is not Fault.REFUSED
        for account in self.service.applied:
            truth = self.truths[origins[account]]
            truth.applied = True
            if self.endpoint.writes:
                key = (chunk.options, account)
                assert truth.order >= self.last_applied.get(key, -1), "writes in the order given"
                self.last_applied[key] = truth.order
        effect = self.lane.settle(chunk, reply, self.now, resigned=resigned)
        self.look()
        return effect

    def run(self, fault: Callable[[], Fault] = lambda: Fault.NONE, *, most_in_flight: int = 128) -> None:
        """Drive on until every item that was given has its outcome."""
        while any(owner.open for owner in self.owners) or self.calls:
            while len(self.calls) < most_in_flight and self.seal() is not None:
                pass
            if self.calls:
                self.now += self.chance.random() * 0.01
                self.answer(self.chance.choice(list(self.calls)), fault(), resigned=self.chance.random() < 0.5)
                continue
            wakeup = self.lane.next_wakeup(self.now)
            assert wakeup is not None, "items are open and nothing will ever happen"
            self.advance(wakeup - self.now)

    # What must be true

    def _check_chunk(self, chunk: Chunk) -> None:
        accounts = chunk.accounts
        assert 0 < len(accounts) <= self.endpoint.limit
        held: Sequence[Item | Bundle] = chunk.items if chunk.bundle is None else [chunk.bundle]
        assert all(each.queue is IN_FLIGHT for each in held)
        assert all(item.bisection is chunk.bisection for item in chunk.items)
        assert all(owner.options == chunk.options for owner in chunk.owners)
        sharing = {owner for item in chunk.items for owner, _ in item.places}
        assert set(chunk.owners) == (sharing if chunk.bundle is None else {chunk.bundle.owner})
        assert len(chunk.owners) == len(set(chunk.owners))
        assert all(owner.stop_reason is None for owner in chunk.owners)
        flying = [(chunk.options, account) for account in accounts]
        flying += [(call.options, account) for call in self.calls for account in call.accounts]
        assert len(flying) == len(set(flying)), "no account twice in flight"

    def check_counters(self) -> None:
        """What the lane counts is what there is."""
        schedule = self.lane.schedule
        self._see_opened()
        everyone: list[Item | Bundle] = [*self.items, *self.bundles]
        queues = {held.queue for held in everyone if held.queue is not None} - {IN_FLIGHT, ENDED}
        waiting = [held for held in everyone if held.queue in queues]
        for queue in queues:
            assert queue.listed
            assert {held for held in waiting if held.queue is queue} <= {*queue.items, *queue.bundles}
            assert queue.bundled == sum(bundle.size for bundle in queue.bundles)
            assert queue.ready == queue.bundled + sum(
                isinstance(held, Item) and held.queue is queue for held in waiting
            )
        assert schedule.ready == [sum(queue.ready for queue in queues if queue.priority == level) for level in range(3)]
        assert self.lane.in_flight == self.health.in_flight == len(self.calls)
        assert self.lane.order.joined == sum(1 for item in self.items if item.joined is not None)
        for owner in self.owners:
            early = len(owner._early) if isinstance(owner, StreamOwner) else 0
            assert owner.open == len(owner.unsettled()) + early
            assert owner.finished or owner in self.lane.owners

    def look(self) -> None:
        """Every outcome that has come is the truth."""
        for owner in [owner for owner, places in self._open.items() if places]:
            if isinstance(owner, StreamOwner):
                self._look_at_stream(owner)
                continue
            for place in list(self._open[owner]):
                if isinstance(place, Asker):
                    settled, value = place.answered, place.value
                else:
                    assert isinstance(owner, CallOwner)
                    value = owner.values[place]
                    settled = not isinstance(value, Item | Bundle)
                if settled:
                    self._settled(owner, place, outcome_of(value, 0, ""))

    def _look_at_stream(self, owner: StreamOwner) -> None:
        while owner.outcomes:
            outcome = owner.outcomes.popleft()
            account = self.places[owner, outcome.index].account
            assert outcome.account == account
            if self.endpoint.writes:
                before = self.handed_over.get((owner, account), -1)
                assert before < outcome.index, "outcomes of one account in the order of its writes"
                self.handed_over[owner, account] = outcome.index
            self._settled(owner, outcome.index, outcome)

    def _settled(self, owner: Owner, index: Any, outcome: Ok[Any] | Rejected | Unknown | NotSent) -> None:
        assert (owner, index) not in self.outcomes, "one outcome for every place"
        self.outcomes[owner, index] = outcome
        del self._open[owner][index]
        origin = self.places[owner, index].origin
        truth = Truth(-1) if origin is None else self.truths[origin]
        if origin is not None and isinstance(outcome, Unknown) and self._flies(origin):
            truth.left_in_flight = True
        self.knew[owner, index] = truth if self.endpoint.writes else replace(truth)

    def check_outcomes(self) -> None:
        """To be asked again and again: an outcome that was true stays true."""
        for key, outcome in self.outcomes.items():
            place = self.places[key]
            truth = self.knew[key]
            if isinstance(outcome, NotSent):
                assert not truth.delivered
                assert not place.maybe_sent or place.origin is None
            elif isinstance(outcome, Rejected):
                assert truth.delivered
                assert not truth.applied
                assert not (place.maybe_sent and self.endpoint.is_echo(outcome.code or 0, outcome.info))
            elif isinstance(outcome, Unknown):
                assert truth.delivered or truth.left_in_flight or place.maybe_sent
                assert outcome.final != self.endpoint.repeatable
            elif not self.endpoint.writes:
                assert truth.applied
                assert outcome.value >= place.version, "a read must not miss a write that was made before it"
            else:
                assert truth.applied or (place.account in self.service.deleted and self.endpoint.done_again)

    def check_end(self) -> None:
        """Everything that was taken has its outcome, and nothing is left behind."""
        self.look()
        self.check_outcomes()
        assert self.outcomes.keys() == self.places.keys()
        assert not any(owner.outcomes for owner in self.owners if isinstance(owner, StreamOwner)), "one outcome each"
        for owner in self.owners:
            self.finish(owner)
        lane = self.lane
        lane.tell(self.now)
        lane.tick(self.now)
        assert not lane.owners
        assert not lane.order
        assert not lane.order.joined
        assert not lane.bisections
        assert lane.idle
        assert not any(lane.schedule._queues)
        assert not any(lane.schedule._apart)
        assert not lane._later
        assert not lane._lent
        assert not lane._singles
        assert not lane._hurried
        assert not lane.touched
        assert lane.next_wakeup(self.now) is None
