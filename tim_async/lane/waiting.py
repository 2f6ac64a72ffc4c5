"""The waiting half of a lane: which items wait, and which are sealed next. Pure: it is told the time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, TypeAlias

from tim_async.errors import APIError, RequestError
from tim_async.outcomes import Failure, NotSent
from tim_async.printable import sturdy
from tim_async.service.checks import Problem, Problems
from tim_async.service.endpoints import Endpoint

from .health import Health
from .items import ENDED, IN_FLIGHT, INTERACTIVE, WAITING_LOW, BatchOwner, Bundle, Chunk, Item, Owner
from .leaving import Leaving
from .owners import BeforeSend, Singles, StreamOwner, Waiter
from .retry import Pause
from .throttle import Throttle

__all__ = ["FirstSendings", "Waiting"]

FirstSendings: TypeAlias = list[tuple[StreamOwner, BeforeSend, list[int]]]
"""Whom to tell of which places."""

FAILURES_MOST = 5  # in a row; then one probe at a time
CLOSED = "the client was closed"
SILENCE_MOST = 120.0  # seconds without a useful answer, then what waits is settled


class Waiting(Leaving):
    """The items of one command: waiting, in back-off, or in flight."""

    def __init__(
        self,
        endpoint: Endpoint[Any, Any],
        health: Health,
        *,
        attempts: int = 6,
        linger: float = 0.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(endpoint)
        self.health = health
        self.attempts = attempts
        self.linger = linger
        self.chance = chance
        self.in_flight = 0
        self.calls = 0
        self.retries = 0
        """Calls that carried an item which had gone out before."""
        self.failures = 0
        """Calls in a row without a useful answer."""
        self.suspect: APIError | RequestError | None = None
        """The refusal of this command that nothing has disproved yet."""
        self.pause = Pause()
        self.throttle = Throttle()
        self._serial = count()
        self._probe_at = -math.inf
        self._probes = 0
        self._silent_since = math.inf
        """Since when something was sent, or waits, and no answer was useful."""
        self._ready_since = math.inf
        self.useful_at = -math.inf
        """When an answer was last of use."""

    @sturdy
    def __repr__(self) -> str:
        return (
            f"<Lane {self.endpoint.path}: {len(self.schedule)} ready, {len(self._later)} groups in back-off, "
            f"{self.in_flight} calls in flight>"
        )

    @property
    def in_backoff(self) -> int:
        """Items that wait for another try."""
        return sum(item.queue is not ENDED for _, _, items, _ in self._later for item in items)

    @property
    def idle(self) -> bool:
        """Whether nothing waits that could ever be sealed."""
        return not self._later and not any(self.schedule.ready)

    # Giving items

    def add(
        self,
        owner: BatchOwner,
        accounts: list[str],
        arguments: list[Any] | None,
        now: float,
        problems: Problems | None = None,
    ) -> None:
        """Give a block of items; *problems* are the places in the block that are refused here."""
        self._admit(owner, now)
        given = [None] * len(accounts) if arguments is None else arguments
        # A source may be read while its owner is stopped: then these come too late.
        if problems or owner.refuses or len(accounts) == 1 or (owner.maybe_sent and not self.endpoint.repeatable):
            self._add_each(owner, accounts, given, problems or {})
        else:
            self._add_in_bundles(owner, accounts, given)
        self.tell(now)

    def ask(self, owner: Singles, place: Waiter, account: str, argument: Any, now: float) -> None:
        """Give a single request, for an owner from `singles`."""
        self._admit(owner, now)
        item = owner.item(account, argument, place)
        owner.enter(item)
        failure = self._refusal(owner, item, None)
        if failure is not None:
            owner.put(place, account, failure)
            self.touched.add(owner)
        else:
            self._enter(item)
        if self.touched:
            self.tell(now)

    def _admit(self, owner: Owner, now: float) -> None:
        nothing_ready = not any(self.schedule.ready)
        if now - self._silent_since >= SILENCE_MOST or (nothing_ready and not self.in_flight and not self._later):
            self._silent_since = math.inf  # those who waited in that silence are settled; a newcomer gets a try
        if owner not in self.owners:
            self.enlist(owner)
        if now < self.health.locked_until and (error := self.health.locked(now)) is not None:
            self.stop(owner, error, now)
        if nothing_ready:
            self._ready_since = now

    def _add_in_bundles(self, owner: BatchOwner, accounts: list[str], arguments: list[Any]) -> None:
        """Add what fills a call as a bundle, unless somebody else wants one of its accounts."""
        limit = self.endpoint.limit
        missing = self._missing(owner)
        if missing:
            self._add_each(owner, accounts[:missing], arguments[:missing], {})
        free = self.order.claim_all(accounts[missing:], owner.options)
        for start in range(missing, len(accounts), limit):
            part, given = accounts[start : start + limit], arguments[start : start + limit]
            if free or self.order.claim_all(part, owner.options):
                bundle = Bundle(owner, owner.taken, len(part), part, given, owner)
                self.order.file(bundle)
                owner.enter_bundle(bundle)
                self.schedule.put_bundle(bundle)
            else:
                self._add_each(owner, part, given, {})

    def _missing(self, owner: BatchOwner) -> int:
        """How many more items the loose ones need to fill whole calls; else each of these would open another bundle."""
        if owner.bundled and owner.bundles[-1].size < self.endpoint.limit:
            self.open(owner.bundles[-1])
        return (owner.bundled - owner.ready) % self.endpoint.limit

    def _add_each(
        self, owner: BatchOwner, accounts: list[str], arguments: list[Any], problems: Mapping[int, Problem]
    ) -> None:
        items = [
            owner.item(account, argument, place)
            for place, (account, argument) in enumerate(zip(accounts, arguments, strict=True), owner.taken)
        ]
        owner.enter(items)
        for place, item in enumerate(items):
            failure = self._refusal(owner, item, problems.get(place))
            if failure is not None:
                self._line_up(item)
                owner.put(item.place, item.account, failure)
                self.touched.add(owner)
            else:
                self._enter(item)

    def _enter(self, item: Item) -> None:
        """Let one item wait: in its queue, behind another of its account, or as one with an equal one."""
        options = item.owner.options
        self._open_bundle_of(item.account, options)
        head = self.order.claim(item, options)
        if head is None:
            self._ready(item)
            return
        self._line_up(item)
        if head.priority > item.priority:
            self._lend(head, item.priority)

    def _open_bundle_of(self, account: str, options: Any) -> None:
        if self.order.bundles and (bundle := self.order.bundle_of(account, options)) is not None:
            self.open(bundle)

    def _line_up(self, item: Item) -> None:
        """Outcomes of one account come in the order of its writes, to whoever gets them one by one."""
        owner = item.owner
        if owner.hands_over and self.endpoint.writes:
            self._open_bundle_of(item.account, owner.options)
            owner.line_up(item, self.order.of(item.account, owner.options))

    def _refusal(self, owner: Owner, item: Item, problem: Problem | None) -> Failure | None:
        """Why an item does not enter, if it does not."""
        if problem is not None:
            # Without the argument, which is the caller's own object still: it may hold the result, and so itself.
            return Failure(NotSent, problem.code, "", problem.reason, final=True)
        if owner.refuses:
            return self.failure_of(item, owner, owner.stop_reason or CLOSED)
        if item.unsure and not self.endpoint.repeatable:
            return self.failure_of(item, owner, "it may have been sent before, and must not be sent twice")
        return None

    def _lend(self, head: Item, priority: int) -> None:
        """Something more urgent waits behind this item, or for its answer: it goes at that urgency."""
        head.priority = priority
        queue = head.queue
        if queue is None or queue is IN_FLIGHT:
            return
        self.schedule.leave(head, None)
        if queue.bisection is None:
            self._ready(head)
        else:
            self.bisections.set_apart([head], queue.bisection)

    # Sealing

    def tick(self, now: float) -> None:
        """Let everything happen that the time alone brings."""
        while self._later and self._later[0][0] <= now:
            _, _, items, bisection = heapq.heappop(self._later)
            waiting = [item for item in items if item.queue is not ENDED]
            if bisection is not None and waiting:
                self.bisections.set_apart(waiting, bisection)
            else:
                for item in reversed(waiting):
                    self._ready(item, first=True)
        if now - self._silent_since >= SILENCE_MOST:
            for owner in list(self._hurried):
                self.stop(owner, f"the service gave no useful answer for {SILENCE_MOST:.0f} s", now)

    def urgent(self) -> tuple[bool, bool]:
        """Whether the next chunk is an interactive one, and whether it would be full."""
        level = self.schedule.level()
        if level is None:
            return False, False
        return level == INTERACTIVE, sum(self.schedule.ready[: level + 1]) >= self.endpoint.limit

    def next_wakeup(self, now: float) -> float | None:
        """When `tick` or `seal` may next have something to do.

        Returns:
            A time, which may have passed; or None while only an answer or a new item can change anything.
        """
        times = [self._later[0][0]] if self._later else []
        if self._silent_since < math.inf and self._hurried:
            times.append(self._silent_since + SILENCE_MOST)
        if self.schedule and (gate := self._gate()) < math.inf:
            lingers = self.linger and len(self.schedule) < self.endpoint.limit
            times.append(max(gate, self._ready_since + self.linger) if lingers else gate)
        if not times:
            return None
        return max(min(times), now)

    def _gate(self) -> float:
        """From when on a call may leave; infinity while that depends on an answer."""
        health = self.health
        if health.full or (self.in_flight and (self.suspect or self.failures >= FAILURES_MOST)):
            return math.inf
        return max(self.pause.until, health.pause.until, health.locked_until, self._probe_at, self.throttle.next_at)

    def first_sendings(self, chunk: Chunk) -> FirstSendings:
        """Whom to tell before a sealed call is made, and of which places: those that go out for the first time."""
        asking = [
            (owner, owner.before_send)
            for owner in chunk.owners
            if owner.hands_over and isinstance(owner, StreamOwner) and owner.before_send is not None
        ]
        if not asking:
            return []
        places: dict[Owner, Iterable[int]] = {}
        if chunk.bundle is not None:
            places[chunk.bundle.owner] = range(chunk.bundle.place, chunk.bundle.place + chunk.bundle.size)
        else:
            for owner, _ in asking:
                places[owner] = [place for item in chunk.items for each, place in item.places if each is owner]
        found = [(owner, before_send, owner.unannounced(places[owner])) for owner, before_send in asking]
        return [each for each in found if each[2]]

    def call_off(self, chunk: Chunk, now: float) -> None:
        """A sealed call is not made after all: its items wait again as before, those of stopped owners end."""
        self.in_flight -= 1
        self.health.in_flight -= 1
        self.calls -= 1
        for owner in chunk.owners:
            owner.calls -= 1
        items = chunk.items if chunk.bundle is None else self.open(chunk.bundle)
        for item in items:
            item.queue = None
        waiting = [item for item in items if self.goes_on(item, "")]
        if chunk.bisection is not None:
            self.bisections.set_apart(waiting, chunk.bisection)
        else:
            for item in reversed(waiting):
                self._ready(item, first=True)
        self.tell(now)

    def closed_for(self, now: float) -> float:
        """Seconds until a call may leave, as far as that is a matter of time."""
        gate = self._gate()
        return max(0.0, gate - now) if gate < math.inf else 0.0

    def seal(self, now: float) -> Chunk | None:
        """Choose the items of one call, most urgent first; None if none may leave now."""
        if self._gate() > now:
            return None
        taken = self.schedule.take(self.endpoint.limit)
        if taken is None:
            return None
        items, bundle, owners, queue = taken
        if self.order.joined:
            owners = list(dict.fromkeys([*owners, *(owner for item in items for owner, _ in item.joined or ())]))
        repeats = self._returned and any(item.reached or item.attempts for item in items)
        self.calls += 1
        self.retries += repeats
        for owner in owners:
            owner.calls += 1
            owner.retries += repeats
            if owner.ready <= WAITING_LOW and owner.takes_more:
                owner.notify()
        self.in_flight += 1
        self.health.in_flight += 1
        self.throttle.sent(now)
        self._ready_since = now
        self._silent_since = min(self._silent_since, now)
        if bundle is not None:
            accounts, arguments = bundle.accounts, bundle.arguments
        else:
            accounts, arguments = [item.account for item in items], [item.argument for item in items]
        probe = self.failures >= FAILURES_MOST
        return Chunk(items, bundle, accounts, arguments, owners, queue.options, queue.bisection, probe)
