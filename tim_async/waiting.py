"""The waiting half of a lane: which items wait, and which are sealed next. Pure: it is told the time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import count, repeat
from typing import Any

import msgspec

from .checks import Problems
from .endpoints import Endpoint
from .errors import APIError
from .feeds import FLYING, GONE, INTERACTIVE, WAITING_LOW, Feed, Item, Line, Trial
from .order import Order
from .results import Failure, NotSent, Rejected, Unknown
from .retry import Budget, Pause
from .turns import Turns

__all__ = ["Chunk", "Health", "Waiting"]

UNPROVEN_MOST = 4  # calls in flight before the first good answer: a wrong key costs a handful of calls, not a hundred
FAILURES_MOST = 5  # in a row; then one probe at a time
SILENCE_MOST = 120.0  # seconds without a useful answer, then what waits is settled
TRIALS_MOST = 3  # chunks whose guilty items are searched at once: three found all guilty stop the batch


class Chunk(msgspec.Struct, gc=False, eq=False):
    """The items of one call."""

    items: list[Item]
    feeds: list[Feed]
    """Those whose items they are."""
    options: Any
    trial: Trial | None
    repeats: bool
    """Whether any of the items was sent before."""
    probe: bool
    """Whether it went out alone, to see if the service is back."""
    settled: bool = False

    @property
    def accounts(self) -> list[str]:
        """Of its items, in their order."""
        return [item.account for item in self.items]

    @property
    def arguments(self) -> list[Any]:
        """Of its items, in their order."""
        return [item.argument for item in self.items]


class Health:
    """What all lanes of one client know about the app's standing with the service."""

    def __init__(self) -> None:
        self.proven = False
        """Whether the credentials ever had a good answer."""
        self.suspect: APIError | None = None
        """The refusal of the credentials or the app that nothing has disproved yet."""
        self.locked_until = -math.inf
        """Until then nothing is sent at all: trying a locked account prolongs the lock."""
        self.in_flight = 0
        self.pause = Pause()
        self.budget = Budget()

    def good(self) -> None:
        """The service has said yes to these credentials."""
        self.proven = True
        self.suspect = None

    def refused(self, error: APIError, wait: float, now: float) -> None:
        """The service has said no to the credentials or the app."""
        self.suspect = error
        if wait:
            self.locked_until = now + wait

    @property
    def full(self) -> bool:
        """Whether no further call may leave before one is answered."""
        most = 1 if self.suspect else math.inf if self.proven else UNPROVEN_MOST
        return self.in_flight >= most


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
        self.turns = Turns()
        self.order = Order(writes=endpoint.writes)
        self.feeds: set[Feed] = set()
        """The batches that are not finished."""
        self.in_flight = 0
        self.failures = 0
        """Calls in a row without a useful answer."""
        self.suspect: APIError | None = None
        """The refusal of this command that nothing has disproved yet."""
        self.pause = Pause()
        self._later: list[tuple[float, int, list[Item], Trial | None]] = []
        self._serial = count()
        self._lent: dict[tuple[int, Any], Line] = {}
        self._probe_at = -math.inf
        self._probes = 0
        self._useful_at = -math.inf
        self._trials = 0
        self._accused: list[tuple[Trial, list[Item]]] = []
        """Refused chunks whose search has not begun."""
        self._ready_since = math.inf
        self.touched: set[Feed] = set()
        """Feeds that got outcomes of which they have not been told."""

    def __repr__(self) -> str:
        return (
            f"<Lane {self.endpoint.path}: {len(self.turns)} ready, {len(self._later)} groups in back-off, "
            f"{self.in_flight} calls in flight>"
        )

    @property
    def idle(self) -> bool:
        """Whether nothing waits that could ever be sealed."""
        return not self.turns and not self._later

    # Giving items

    def add(
        self,
        feed: Feed,
        accounts: Sequence[str],
        arguments: Sequence[Any] | None,
        now: float,
        problems: Problems | None = None,
    ) -> None:
        """Give a block of items; *problems* are the places in the block that are refused here."""
        if not self.feeds:
            self._useful_at = now
        self.feeds.add(feed)
        given: Iterable[Any] = repeat(None) if arguments is None else arguments
        items = list(map(Item, accounts, given, count(feed.taken), repeat(feed), repeat(feed), repeat(feed.priority)))
        feed.opened(items)
        if not self.turns:
            self._ready_since = now
        if now < self.health.locked_until and self.health.suspect is not None:
            for item in items:
                item.line = None
            self.stop(feed, self.health.suspect, now)
        elif problems:
            self._add_each(feed, items, problems)
        elif self.order.claim_all(accounts, items, feed.options):
            self.turns.put_new(items, feed)
        else:
            self._add_each(feed, items, {})
        self.tell(now)

    def _add_each(self, feed: Feed, items: Sequence[Item], problems: Problems) -> None:
        for place, item in enumerate(items):
            if (problem := problems.get(place)) is not None:
                item.line = GONE
                failure = Failure(NotSent, problem.code, "", problem.reason, again=False, argument=item.argument)
                feed.put_one(item.place, item.account, failure)
                self.touched.add(feed)
                continue
            head = self.order.claim(item, feed.options)
            if head is None:
                self._ready([item])
            elif head.priority > item.priority:
                self._lend(head, item.priority)

    def _lend(self, head: Item, priority: int) -> None:
        """Something more urgent waits behind this item, or for its answer: it goes at that urgency."""
        head.priority = priority
        line = head.line
        if line is not None and line.priority >= 0 and line.trial is None:
            self.turns.leave(head, None)
            self._ready([head])

    def _ready(self, items: Sequence[Item], *, first: bool = False) -> None:
        for item in items:
            line: Line = item.feed
            if item.priority != line.priority:
                key = (item.priority, item.feed.options)
                line = self._lent.setdefault(key, Line(*key))
            self.turns.put([item], line, first=first)

    # Sealing

    def tick(self, now: float) -> None:
        """Let everything happen that the time alone brings."""
        while self._later and self._later[0][0] <= now:
            _, _, items, trial = heapq.heappop(self._later)
            waiting = [item for item in items if item.line is not GONE]
            if trial is not None and waiting:
                self._set_apart(waiting, trial)
            else:
                self._ready(waiting[::-1], first=True)
        if self.failures and now >= self._useful_at + SILENCE_MOST:
            for feed in [feed for feed in self.feeds if not feed.patient]:
                self.stop(feed, f"the service gave no useful answer for {SILENCE_MOST:.0f} s", now)

    def _set_apart(self, items: Sequence[Item], trial: Trial) -> None:
        line = Line(min(item.priority for item in items), items[0].feed.options, trial)
        self.turns.put(items, line)

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
        if self.failures and any(not feed.patient for feed in self.feeds):
            times.append(self._useful_at + SILENCE_MOST)
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
        items, feeds, line = taken
        repeats = any(item.attempts > 1 for item in items)
        for feed in feeds:
            feed.calls += 1
            feed.retries += repeats
            if feed.ready <= WAITING_LOW and feed.takes_more:
                feed.notify()
        self.in_flight += 1
        self.health.in_flight += 1
        self._ready_since = now
        return Chunk(items, feeds, line.options, line.trial, repeats, self.failures >= FAILURES_MOST)

    # Ending

    def close_item(self, item: Item) -> None:
        """An item has its outcome: who waits behind it may go."""
        item.line = GONE
        following = self.order.release(item, item.feed.options)
        if following is not None:
            self._ready([following], first=True)

    def end(self, item: Item, value: Any) -> None:
        """An item, and the equal ones that joined it, have their outcome: a value or a failure."""
        self.turns.leave(item, GONE)
        for feed, place in [(item.feed, item.place), *(item.joined or ())]:
            if not feed.over:
                feed.put_one(place, item.account, value)
                self.touched.add(feed)
        self.close_item(item)

    def tell(self, now: float) -> None:
        """Tell the feeds that got outcomes."""
        touched, self.touched = self.touched, set()
        for feed in touched:
            feed.finished_at = now
            if feed.finished:
                self.feeds.discard(feed)
            feed.notify()

    def cut(self, now: float) -> None:
        """Take nothing more of any source; what was taken goes on."""
        for feed in self.feeds:
            feed.cut = True
        self.touched |= self.feeds
        self.tell(now)

    def stop(self, feed: Feed, why: APIError | str, now: float) -> None:
        """Send nothing more of a feed: what waits ends now, what is in flight when it is answered."""
        if feed.stop_reason is not None:
            return
        feed.stop_reason = str(why)
        if isinstance(why, APIError):
            feed.error = why
        for place, item in feed.unsettled():
            if item.line is not FLYING:
                self._drop(feed, place, item)
        self.touched.add(feed)
        self.tell(now)

    def withdraw(self, feed: Feed, why: str, now: float) -> None:
        """Settle every item of a feed at once, for nobody waits any longer; what is in flight runs to its end."""
        if feed.stop_reason is None:
            feed.stop_reason = why
        for place, item in feed.unsettled():
            self._drop(feed, place, item)
        feed.over = True
        self.touched.add(feed)
        self.tell(now)

    def _drop(self, feed: Feed, place: int, item: Item) -> None:
        """One place of a feed leaves an item; the others that share the item keep it."""
        feed.put_one(place, item.account, self.failure_of(item, feed.stop_reason or ""))
        if item.joined:
            if item.feed is feed and item.place == place:
                item.feed, item.place = item.joined.pop(0)
                if item.line is feed:
                    self.turns.leave(item, None)
                    self._ready([item])
            else:
                item.joined.remove((feed, place))
        elif item.line is not FLYING:
            self.turns.leave(item, GONE)
            if item.trial is not None:
                self.decided(item.trial, item, guilty=False)
            self.close_item(item)

    def failure_of(self, item: Item, reason: str, *, again: bool = True) -> Failure:
        """What is to be said of an item that ends as things stand."""
        if item.refused and item.line is not FLYING:
            return Failure(Rejected, item.code, item.info, reason, again=False, argument=item.argument)
        reached = item.reached or item.line is FLYING
        kind = Unknown if reached else NotSent
        code = item.code
        if code is None and item.feed.error is not None:
            code = item.feed.error.code
        return Failure(kind, code, item.info, reason, again=again, argument=item.argument)

    # The search for the guilty

    def decided(self, trial: Trial, item: Item, *, guilty: bool) -> None:
        """One item of a refused chunk is known to be guilty, or not."""
        item.trial = None
        trial.undecided -= 1
        trial.innocent = trial.innocent or not guilty
        if not trial.undecided and trial.begun:
            self._trials -= 1
            self.next_trials()

    def accuse(self, items: list[Item], code: int) -> None:
        """A chunk was refused as a whole, and one of its items may have caused it."""
        trial = Trial(len(items), code)
        for item in items:
            item.trial = trial
            item.line = None
        self._accused.append((trial, items))
        self.next_trials()

    def next_trials(self) -> None:
        """Begin as many searches as may run at once."""
        while self._accused and self._trials < TRIALS_MOST:
            trial, items = self._accused.pop(0)
            left = [item for item in items if item.trial is trial]
            if left:
                trial.begun = True
                self._trials += 1
                self.halve(left, trial)

    def halve(self, items: Sequence[Item], trial: Trial) -> None:
        """Let the two halves be asked apart from each other and from everybody else."""
        middle = (len(items) + 1) // 2
        for half in (items[middle:], items[:middle]):
            if half:
                self._set_apart(half, trial)
