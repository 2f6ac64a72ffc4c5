"""The waiting half of a lane: which items wait, and which are sealed next. Pure: it is told the time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from tim_async.errors import APIError, RequestError
from tim_async.outcomes import Failure, NotSent
from tim_async.printable import sturdy
from tim_async.service.checks import Problem, Problems
from tim_async.service.endpoints import Endpoint

from .feeds import BeforeSend, Singles, StreamFeed, Waiter
from .health import Health
from .items import FLYING, GONE, INTERACTIVE, WAITING_LOW, BatchFeed, Bundle, Chunk, Feed, Item
from .leaving import Leaving
from .retry import Pause
from .throttle import Throttle

__all__ = ["Waiting"]

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
            f"<Lane {self.endpoint.path}: {len(self.turns)} ready, {len(self._later)} groups in back-off, "
            f"{self.in_flight} calls in flight>"
        )

    @property
    def in_backoff(self) -> int:
        """Items that wait for another try."""
        return sum(item.line is not GONE for _, _, items, _ in self._later for item in items)

    @property
    def idle(self) -> bool:
        """Whether nothing waits that could ever be sealed."""
        return not self._later and not any(self.turns.ready)

    # Giving items

    def add(
        self,
        feed: BatchFeed,
        accounts: list[str],
        arguments: list[Any] | None,
        now: float,
        problems: Problems | None = None,
    ) -> None:
        """Give a block of items; *problems* are the places in the block that are refused here."""
        self._admit(feed, now)
        given = [None] * len(accounts) if arguments is None else arguments
        # A source may be read while its feed is stopped: then these come too late.
        if problems or feed.refuses or len(accounts) == 1 or (feed.maybe_sent and not self.endpoint.repeatable):
            self._add_each(feed, accounts, given, problems or {})
        else:
            self._add_in_bundles(feed, accounts, given)
        self.tell(now)

    def ask(self, feed: Singles, place: Waiter, account: str, argument: Any, now: float) -> None:
        """Give a single request, for a feed from `singles`."""
        self._admit(feed, now)
        item = feed.item(account, argument, place)
        feed.enter(item)
        failure = self._refusal(feed, item, None)
        if failure is not None:
            feed.put(place, account, failure)
            self.touched.add(feed)
        else:
            self._enter(item)
        if self.touched:
            self.tell(now)

    def _admit(self, feed: Feed, now: float) -> None:
        nothing_ready = not any(self.turns.ready)
        if now - self._silent_since >= SILENCE_MOST or (nothing_ready and not self.in_flight and not self._later):
            self._silent_since = math.inf  # those who waited in that silence are settled; a newcomer gets a try
        if feed not in self.feeds:
            self.enlist(feed)
        if now < self.health.locked_until and (error := self.health.locked(now)) is not None:
            self.stop(feed, error, now)
        if nothing_ready:
            self._ready_since = now

    def _add_in_bundles(self, feed: BatchFeed, accounts: list[str], arguments: list[Any]) -> None:
        """Add what fills a call as a bundle, unless somebody else wants one of its accounts."""
        limit = self.endpoint.limit
        missing = self._missing(feed)
        if missing:
            self._add_each(feed, accounts[:missing], arguments[:missing], {})
        free = self.order.claim_all(accounts[missing:], feed.options)
        for start in range(missing, len(accounts), limit):
            part, given = accounts[start : start + limit], arguments[start : start + limit]
            if free or self.order.claim_all(part, feed.options):
                bundle = Bundle(feed, feed.taken, len(part), part, given, feed)
                self.order.file(bundle)
                feed.enter_bundle(bundle)
                self.turns.put_bundle(bundle)
            else:
                self._add_each(feed, part, given, {})

    def _missing(self, feed: BatchFeed) -> int:
        """How many more items the loose ones need to fill whole calls; else each of these would open another bundle."""
        if feed.bundled and feed.bundles[-1].size < self.endpoint.limit:
            self.open(feed.bundles[-1])
        return (feed.bundled - feed.ready) % self.endpoint.limit

    def _add_each(
        self, feed: BatchFeed, accounts: list[str], arguments: list[Any], problems: Mapping[int, Problem]
    ) -> None:
        items = [
            feed.item(account, argument, place)
            for place, (account, argument) in enumerate(zip(accounts, arguments, strict=True), feed.taken)
        ]
        feed.enter(items)
        for place, item in enumerate(items):
            failure = self._refusal(feed, item, problems.get(place))
            if failure is not None:
                self._line_up(item)
                feed.put(item.place, item.account, failure)
                self.touched.add(feed)
            else:
                self._enter(item)

    def _enter(self, item: Item) -> None:
        """Let one item wait: in its line, behind another of its account, or as one with an equal one."""
        options = item.feed.options
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
        feed = item.feed
        if feed.hands_over and self.endpoint.writes:
            self._open_bundle_of(item.account, feed.options)
            feed.line_up(item, self.order.of(item.account, feed.options))

    def _refusal(self, feed: Feed, item: Item, problem: Problem | None) -> Failure | None:
        """Why an item does not enter, if it does not."""
        if problem is not None:
            # Without the argument, which is the caller's own object still: it may hold the result, and so itself.
            return Failure(NotSent, problem.code, "", problem.reason, final=True)
        if feed.refuses:
            return self.failure_of(item, feed, feed.stop_reason or CLOSED)
        if item.unsure and not self.endpoint.repeatable:
            return self.failure_of(item, feed, "it may have been sent before, and must not be sent twice")
        return None

    def _lend(self, head: Item, priority: int) -> None:
        """Something more urgent waits behind this item, or for its answer: it goes at that urgency."""
        head.priority = priority
        line = head.line
        if line is None or line is FLYING:
            return
        self.turns.leave(head, None)
        if line.trial is None:
            self._ready(head)
        else:
            self.trials.set_apart([head], line.trial)

    # Sealing

    def tick(self, now: float) -> None:
        """Let everything happen that the time alone brings."""
        while self._later and self._later[0][0] <= now:
            _, _, items, trial = heapq.heappop(self._later)
            waiting = [item for item in items if item.line is not GONE]
            if trial is not None and waiting:
                self.trials.set_apart(waiting, trial)
            else:
                for item in reversed(waiting):
                    self._ready(item, first=True)
        if self._silent_for(now) >= SILENCE_MOST:
            for feed in list(self._hurried):
                self.stop(feed, f"the service gave no useful answer for {SILENCE_MOST:.0f} s", now)

    def _silent_for(self, now: float) -> float:
        """Seconds for which something was asked and nothing useful was answered; negative if all is well."""
        return now - self._silent_since

    def urgent(self) -> tuple[bool, bool]:
        """Whether the next chunk is an interactive one, and whether it would be full."""
        level = self.turns.level()
        if level is None:
            return False, False
        return level == INTERACTIVE, sum(self.turns.ready[: level + 1]) >= self.endpoint.limit

    def next_wakeup(self, now: float) -> float | None:
        """When `tick` or `seal` may next have something to do.

        Returns:
            A time, which may have passed; or None while only an answer or a new item can change anything.
        """
        times = [self._later[0][0]] if self._later else []
        if self._silent_since < math.inf and self._hurried:
            times.append(self._silent_since + SILENCE_MOST)
        if self.turns and (gate := self._gate()) < math.inf:
            lingers = self.linger and len(self.turns) < self.endpoint.limit
            times.append(max(gate, self._ready_since + self.linger) if lingers else gate)
        if not times:
            return None
        return max(min(times), now)

    def _gate(self) -> float:
        """From when on a call may leave; infinity while that hangs on an answer."""
        health = self.health
        if health.full or (self.in_flight and (self.suspect or self.failures >= FAILURES_MOST)):
            return math.inf
        return max(self.pause.until, health.pause.until, health.locked_until, self._probe_at, self.throttle.next_at)

    def first_sendings(self, chunk: Chunk) -> list[tuple[StreamFeed, BeforeSend, list[int]]]:
        """Whom to tell before a sealed call is made, and of which places: those that go out for the first time."""
        asking = [
            (feed, feed.before_send)
            for feed in chunk.feeds
            if isinstance(feed, StreamFeed) and feed.before_send is not None
        ]
        if not asking:
            return []
        places: dict[Feed, Iterable[int]] = {}
        if chunk.bundle is not None:
            places[chunk.bundle.feed] = range(chunk.bundle.place, chunk.bundle.place + chunk.bundle.size)
        else:
            for feed, _ in asking:
                places[feed] = [place for item in chunk.items for owner, place in item.places if owner is feed]
        found = [(feed, before_send, feed.unannounced(places[feed])) for feed, before_send in asking]
        return [each for each in found if each[2]]

    def call_off(self, chunk: Chunk, now: float) -> None:
        """A sealed call is not made after all: its items wait again as before, those of stopped feeds end."""
        self.in_flight -= 1
        self.health.in_flight -= 1
        self.calls -= 1
        for feed in chunk.feeds:
            feed.calls -= 1
        items = chunk.items if chunk.bundle is None else self.open(chunk.bundle)
        for item in items:
            item.line = None
        waiting = [item for item in items if self.goes_on(item, "")]
        if chunk.trial is not None:
            self.trials.set_apart(waiting, chunk.trial)
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
        taken = self.turns.take(self.endpoint.limit)
        if taken is None:
            return None
        items, bundle, feeds, line = taken
        if self.order.joined:
            feeds = list(dict.fromkeys([*feeds, *(feed for item in items for feed, _ in item.joined or ())]))
        repeats = self._returned and any(item.reached or item.attempts for item in items)
        self.calls += 1
        self.retries += repeats
        for feed in feeds:
            feed.calls += 1
            feed.retries += repeats
            if feed.ready <= WAITING_LOW and feed.takes_more:
                feed.notify()
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
        return Chunk(items, bundle, accounts, arguments, feeds, line.options, line.trial, probe)
