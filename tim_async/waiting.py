"""The waiting half of a lane: which items wait, and which are sealed next. Pure: it is told the time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from .checks import Problem, Problems
from .endpoints import Endpoint
from .errors import APIError
from .feeds import INTERACTIVE, WAITING_LOW, Feed
from .health import Health
from .items import FLYING, GONE, Bundle, Chunk, Item, Line, Trial
from .order import Order
from .printable import sturdy
from .results import Failure, NotSent, Rejected, Unknown
from .retry import Pause
from .trials import Trials
from .turns import Turns

__all__ = ["Waiting"]

FAILURES_MOST = 5  # in a row; then one probe at a time
CLOSED = "the client was closed"
SILENCE_MOST = 120.0  # seconds without a useful answer, then what waits is settled


class Waiting:
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
        self.endpoint = endpoint
        self.health = health
        self.attempts = attempts
        self.linger = linger
        self.chance = chance
        self.turns = Turns(self.open)
        self.trials = Trials(self.turns)
        self.order = Order(writes=endpoint.writes)
        self.feeds: set[Feed] = set()
        """The batches that are not finished."""
        self.in_flight = 0
        self.calls = 0
        self.retries = 0
        """Calls that carried an item which had gone out before."""
        self.failures = 0
        """Calls in a row without a useful answer."""
        self.suspect: APIError | None = None
        """The refusal of this command that nothing has disproved yet."""
        self.pause = Pause()
        self._later: list[tuple[float, int, list[Item], Trial | None]] = []
        self._serial = count()
        self._returned = False
        """Whether any item waits, or may wait, for another time."""
        # Weak, because options are the caller's: a line of which nothing waits is forgotten with its options.
        self._lent: WeakValueDictionary[tuple[int, Any], Line] = WeakValueDictionary()
        self._probe_at = -math.inf
        self._probes = 0
        self._silent_since = math.inf
        """Since when something was sent, or waits, and no answer was useful."""
        self._ready_since = math.inf
        self.touched: set[Feed] = set()
        """Feeds that got outcomes of which they have not been told."""

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
        return not self.turns and not self._later

    # Giving items

    def add(
        self,
        feed: Feed,
        accounts: list[str],
        arguments: list[Any] | None,
        now: float,
        problems: Problems | None = None,
    ) -> None:
        """Give a block of items; *problems* are the places in the block that are refused here."""
        if (self.idle and not self.in_flight) or self._silent_for(now) >= SILENCE_MOST:
            self._silent_since = math.inf  # those who waited in that silence are settled; a newcomer gets a try
        self.feeds.add(feed)
        if (error := self.health.locked(now)) is not None:
            self.stop(feed, error, now)
        if not self.turns:
            self._ready_since = now
        given = [None] * len(accounts) if arguments is None else arguments
        # A source may be read while its feed is stopped: then these come too late.
        if problems or feed.refuses or len(accounts) == 1:
            self._add_each(feed, accounts, given, problems or {})
        else:
            self._add_in_bundles(feed, accounts, given)
        self.tell(now)

    def _add_in_bundles(self, feed: Feed, accounts: list[str], arguments: list[Any]) -> None:
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

    def _missing(self, feed: Feed) -> int:
        """How many more items the loose ones need to fill whole calls; else each of these would open another bundle."""
        if feed.bundled and feed.bundles[-1].size < self.endpoint.limit:
            self.open(feed.bundles[-1])
        return (feed.bundled - feed.ready) % self.endpoint.limit

    def _add_each(self, feed: Feed, accounts: list[str], arguments: list[Any], problems: Mapping[int, Problem]) -> None:
        items = [
            Item(account, argument, place, feed, None, feed.priority)
            for place, (account, argument) in enumerate(zip(accounts, arguments, strict=True), feed.taken)
        ]
        feed.enter(items)
        for place, item in enumerate(items):
            failure = self._refusal(feed, item, problems.get(place))
            if failure is not None:
                feed.put(item.place, item.account, failure)
                self.touched.add(feed)
                continue
            bundle = self.order.bundle_of(item.account, feed.options)
            if bundle is not None:
                self.open(bundle)
            head = self.order.claim(item, feed.options)
            if head is None:
                self._ready([item])
            elif head.priority > item.priority:
                self._lend(head, item.priority)

    def _refusal(self, feed: Feed, item: Item, problem: Problem | None) -> Failure | None:
        """Why an item does not enter, if it does not."""
        if problem is not None:
            # Without the argument, which is the caller's own object still: it may hold the result, and so itself.
            return Failure(NotSent, problem.code, "", problem.reason, again=False)
        if feed.refuses:
            return self.failure_of(item, feed, feed.stop_reason or CLOSED)
        return None

    def _lend(self, head: Item, priority: int) -> None:
        """Something more urgent waits behind this item, or for its answer: it goes at that urgency."""
        head.priority = priority
        line = head.line
        if line is None or line is FLYING:
            return
        self.turns.leave(head, None)
        if line.trial is None:
            self._ready([head])
        else:
            self.trials.set_apart([head], line.trial)

    def _ready(self, items: Sequence[Item], *, first: bool = False) -> None:
        for item in items:
            line: Line = item.feed
            if item.feed.single or item.priority != line.priority:
                line = self._lent_line(item.priority, item.feed.options)
            self.turns.put([item], line, first=first)

    def _lent_line(self, priority: int, options: Any) -> Line:
        line = self._lent.get((priority, options))
        if line is None:
            line = self._lent[priority, options] = Line(priority, options)
        return line

    # Sealing

    def tick(self, now: float) -> None:
        """Let everything happen that the time alone brings."""
        while self._later and self._later[0][0] <= now:
            _, _, items, trial = heapq.heappop(self._later)
            waiting = [item for item in items if item.line is not GONE]
            if trial is not None and waiting:
                self.trials.set_apart(waiting, trial)
            else:
                self._ready(waiting[::-1], first=True)
        if self._silent_for(now) >= SILENCE_MOST:
            for feed in [feed for feed in self.feeds if feed.hurried]:
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
        if self._silent_since < math.inf and any(feed.hurried for feed in self.feeds):
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
        return max(self.pause.until, health.pause.until, health.locked_until, self._probe_at)

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
        self._ready_since = now
        self._silent_since = min(self._silent_since, now)
        if bundle is not None:
            accounts, arguments = bundle.accounts, bundle.arguments
        else:
            accounts, arguments = [item.account for item in items], [item.argument for item in items]
        probe = self.failures >= FAILURES_MOST
        return Chunk(items, bundle, accounts, arguments, feeds, line.options, line.trial, probe)

    def open(self, bundle: Bundle) -> list[Item]:
        """The items of a bundle, each of which stands for itself from now on."""
        if bundle.items is not None:
            return bundle.items
        items = self.order.open_bundle(bundle)
        bundle.feed.unbundle(bundle, items)
        if bundle.line is not FLYING:
            self.turns.unbundle(bundle, items)
        return items

    # Ending

    def _items_of(self, feed: Feed, *, in_flight: bool) -> list[Item]:
        """The items of a feed that have no outcome yet; of the bundles in flight only if that is asked for."""
        for held in dict.fromkeys(held for _, held in feed.unsettled()):
            if isinstance(held, Bundle) and (in_flight or held.line is not FLYING):
                self.open(held)
        return [held for _, held in feed.unsettled() if isinstance(held, Item)]

    def end(self, item: Item, value: Any) -> None:
        """An item, and the equal ones that joined it, have their outcome: a value or a failure."""
        for feed, place in item.places:
            if not feed.over:
                feed.put(place, item.account, value)
                self.touched.add(feed)
        self._close(item)

    def _close(self, item: Item) -> None:
        """Nobody waits for an item any longer: who waits behind it may go."""
        self.turns.leave(item, GONE)
        self.trials.decided(item, guilty=False)
        following = self.order.release(item, item.feed.options)
        if following is not None:
            self._ready([following], first=True)

    def tell(self, now: float) -> None:
        """Tell the feeds that got outcomes."""
        touched, self.touched = self.touched, set()
        for feed in touched:
            feed.finished_at = now
            more = feed.takes_more
            if not more and not feed.open:
                self.feeds.discard(feed)
            # Whoever waits for all outcomes is not woken for each call: that would be a tenth of its cost.
            if feed.hands_over or not more:
                feed.notify()
        if not self.feeds:
            self._later.clear()  # nobody waits for these
            self._returned = False

    def cut(self, now: float) -> None:
        """Take nothing more of any source; what was taken goes on."""
        for feed in self.feeds:
            feed.cut = True
        self.touched |= self.feeds
        self.tell(now)

    def stop(self, feed: Feed, why: APIError | str, now: float) -> None:
        """Send nothing more of a feed: what waits ends now, what is in flight when it is answered."""
        if isinstance(why, APIError) and feed.error is None:
            feed.error = why
        if feed.stop_reason is not None:
            return
        feed.stop_reason = str(why)
        self._drop(feed, [item for item in self._items_of(feed, in_flight=False) if item.line is not FLYING])
        self.touched.add(feed)
        self.tell(now)

    def withdraw(self, feed: Feed, why: str, now: float) -> None:
        """Settle every item of a feed at once, for nobody waits any longer; what is in flight runs to its end."""
        if feed.stop_reason is None:
            feed.stop_reason = why
        self._drop(feed, self._items_of(feed, in_flight=True))
        feed.over = True
        self.touched.add(feed)
        self.tell(now)

    def _drop(self, feed: Feed, items: Sequence[Item]) -> None:
        """End the places of a feed; what is left without a place, and not in flight, is not sent any more."""
        for item in dict.fromkeys(items):
            if not self._part(item, {feed}) and item.line is not FLYING:
                self._close(item)

    def goes_on(self, item: Item, why: str) -> bool:
        """Whether an item that was answered with "not yet" is still wanted; stopped feeds leave it now."""
        self._returned = True
        stopped = {feed for feed, _ in item.places if feed.stop_reason is not None}
        if not stopped or self._part(item, stopped, f"; before that: {why}"):
            return True
        self._close(item)
        return False

    def _part(self, item: Item, parting: set[Feed], more: str = "") -> bool:
        """End the places that feeds have on an item; returns whether it is left with another's place."""
        left: list[tuple[Feed, int]] = []
        for feed, place in item.places:
            if feed not in parting:
                left.append((feed, place))
            elif not feed.over:
                feed.put(place, item.account, self.failure_of(item, feed, f"{feed.stop_reason}{more}"))
                self.touched.add(feed)
        if not left:
            return False
        in_own_line = item.line is item.feed
        (item.feed, item.place), *item.joined = left
        if in_own_line and item.line is not item.feed:
            self.turns.leave(item, None)
            self._ready([item])
        return True

    def failure_of(self, item: Item, feed: Feed, reason: str) -> Failure:
        """What is to be said to a feed of an item that ends as things stand."""
        kind: type[Unknown | Rejected | NotSent] = Unknown
        number = item.code
        if not item.reached and item.line is not FLYING:
            kind = NotSent
            number = feed.error.code if feed.error is not None else None
        elif item.refused and not item.unsure and item.line is not FLYING:
            kind = Rejected
        return Failure(kind, number, item.info, reason, again=True, argument=item.argument)
