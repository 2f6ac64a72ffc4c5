"""How items move and leave: from line to line, to their outcome, or because nobody waits for them any longer. Pure.

Whoever leaves, alone or among ten thousand who wait for the same account, costs the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

from tim_async.errors import APIError, RequestError
from tim_async.outcomes import Failure, NotSent, Rejected, Unknown
from tim_async.service.endpoints import Endpoint

from .feeds import Singles
from .items import FLYING, GONE, Bundle, Feed, Item, Line, Trial
from .order import Order
from .trials import Trials
from .turns import Turns

__all__ = ["Leaving"]


class Leaving:
    """What a lane holds, and who is told when it leaves."""

    def __init__(self, endpoint: Endpoint[Any, Any]) -> None:
        self.endpoint = endpoint
        self.turns = Turns(self.open)
        self.trials = Trials(self.turns)
        self.order = Order(writes=endpoint.writes)
        self.feeds: set[Feed] = set()
        """Those that are not finished."""
        self._hurried: set[Feed] = set()
        """Those of them that are stopped when the service is silent for long."""
        self._singles: dict[Hashable, Singles] = {}
        """Those of them that take single requests."""
        self.touched: set[Feed] = set()
        """Feeds that got outcomes of which they have not been told."""
        self._later: list[tuple[float, int, list[Item], Trial | None]] = []
        self._returned = False
        """Whether any item waits, or may wait, for another time."""
        # Weak, because options are the caller's: a line of which nothing waits is forgotten with its options.
        self._lent: WeakValueDictionary[tuple[int, Any], Line] = WeakValueDictionary()

    def enlist(self, feed: Feed) -> None:
        """Know a feed from now on: when the lane is stopped it hears of it, also if it has given nothing yet."""
        self.feeds.add(feed)
        if feed.hurried:
            self._hurried.add(feed)

    def forget(self, feed: Feed) -> None:
        """A feed is finished, or nobody waits for it."""
        self.feeds.discard(feed)
        self._hurried.discard(feed)
        if isinstance(feed, Singles):
            self._retire(feed)

    def singles(self, priority: int, options: Hashable, *, patient: bool, maybe_sent: bool = False) -> Singles:
        """The standing feed of single requests of a kind."""
        key = (priority, options, patient, maybe_sent)
        feed = self._singles.get(key)
        if feed is None:
            feed = self._singles[key] = Singles(priority, options, patient=patient, maybe_sent=maybe_sent)
        return feed

    def _retire(self, feed: Singles) -> None:
        """Whoever comes from now on gets another feed: this one is empty, or stopped."""
        key = (feed.priority, feed.options, feed.patient, bool(feed.maybe_sent))
        if self._singles.get(key) is feed:
            del self._singles[key]

    # Moving

    def open(self, bundle: Bundle) -> list[Item]:
        """The items of a bundle, each of which stands for itself from now on."""
        if bundle.items is not None:
            return bundle.items
        items = self.order.open_bundle(bundle)
        bundle.feed.unbundle(bundle, items)
        if bundle.line is not FLYING:
            self.turns.unbundle(bundle, items)
        return items

    def _ready(self, item: Item, *, first: bool = False) -> None:
        line: Line = item.feed
        if item.priority != line.priority:
            line = self._lent_line(item.priority, item.feed.options)
        self.turns.put(item, line, first=first)

    def _lent_line(self, priority: int, options: Any) -> Line:
        line = self._lent.get((priority, options))
        if line is None:
            line = self._lent[priority, options] = Line(priority, options)
        return line

    # Ending

    def end(self, item: Item, value: Any) -> None:
        """An item, and the equal ones that joined it, have their outcome: a value or a failure."""
        if item.wanted:
            item.feed.put(item.place, item.account, value)
            self.touched.add(item.feed)
            for feed, place in item.joined or ():
                feed.put(place, item.account, value)
                self.touched.add(feed)
        self._close(item)

    def _close(self, item: Item) -> None:
        """Nobody waits for an item any longer: who waits behind it may go."""
        if item.line is FLYING:
            item.line = GONE
        else:
            self.turns.leave(item, GONE)
        self.trials.decided(item, guilty=False)
        following = self.order.release(item, item.feed.options)
        if following is not None:
            self._ready(following, first=True)

    def tell(self, now: float) -> None:
        """Tell the feeds that got outcomes."""
        touched, self.touched = self.touched, set()
        for feed in touched:
            feed.finished_at = now
            more = feed.takes_more
            if not more and not feed.open:
                self.forget(feed)
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

    def stop(self, feed: Feed, why: APIError | RequestError | str, now: float) -> None:
        """Send nothing more of a feed: what waits ends now, what is in flight when it is answered."""
        if not isinstance(why, str) and feed.error is None:
            feed.error = why
        if feed.stop_reason is not None:
            return
        feed.stop_reason = str(why)
        self._hurried.discard(feed)
        if isinstance(feed, Singles):
            self._retire(feed)
        for place, item in self._places_of(feed, in_flight=False):
            if item.line is not FLYING:
                self._end_place(item, feed, place, feed.stop_reason)
        self.touched.add(feed)
        self.tell(now)

    def withdraw(self, feed: Feed, why: str, now: float) -> None:
        """Settle every item of a feed at once, for nobody waits any longer; what is in flight runs to its end."""
        if feed.stop_reason is None:
            feed.stop_reason = why
        self._hurried.discard(feed)
        for place, item in self._places_of(feed, in_flight=True):
            self._end_place(item, feed, place, feed.stop_reason)
        self.touched.add(feed)
        self.tell(now)

    def withdraw_one(self, feed: Singles, place: Any, why: str, now: float) -> None:
        """Settle a single request at once; nothing happens if it has its outcome."""
        item = feed.waiting.get(place)
        if item is not None:
            self._end_place(item, feed, place, why)
            self.tell(now)

    def _places_of(self, feed: Feed, *, in_flight: bool) -> list[tuple[Any, Item]]:
        """The places of a feed without an outcome, and their items; of bundles in flight only if that is asked for."""
        for held in dict.fromkeys(held for _, held in feed.unsettled()):
            if isinstance(held, Bundle) and (in_flight or held.line is not FLYING):
                self.open(held)
        return [(place, held) for place, held in feed.unsettled() if isinstance(held, Item)]

    def _end_place(self, item: Item, feed: Feed, place: Any, why: str) -> None:
        """A feed gets a failure for one of its places, and no longer waits for the item on which it hung."""
        feed.put(place, item.account, self.failure_of(item, feed, why))
        self.touched.add(feed)
        self._leave(item, feed, place)

    def _leave(self, item: Item, feed: Feed, place: Any) -> None:
        """Give up one of the places that share an item; without any, and not in flight, it is not sent any more."""
        if item.joined and (feed, place) in item.joined:
            del item.joined[feed, place]
        elif item.joined:
            in_own_line = item.line is item.feed
            (item.feed, item.place), _ = item.joined.popitem(last=False)
            if in_own_line and item.line is not item.feed:
                self.turns.leave(item, None)
                self._ready(item)
        elif item.line is FLYING:
            item.wanted = False
        else:
            self._close(item)

    def goes_on(self, item: Item, why: str) -> bool:
        """Whether an item that is to wait again is still wanted; feeds that were stopped leave it now.

        Args:
            item: neither in flight any more nor waiting yet.
            why: what it was answered with; empty if it was not sent after all.
        """
        self._returned = True
        if not item.wanted:
            self._close(item)
            return False
        for feed, place in item.places:
            if feed.stop_reason is not None:
                self._end_place(
                    item, feed, place, f"{feed.stop_reason}; before that: {why}" if why else feed.stop_reason
                )
        return item.line is not GONE

    def failure_of(self, item: Item, feed: Feed, reason: str) -> Failure:
        """What is to be said to a feed of an item that ends as things stand."""
        kind: type[Unknown | Rejected | NotSent] = Unknown
        number = item.code
        if not item.reached and not item.unsure and item.line is not FLYING:
            kind = NotSent
            number = feed.error.code if isinstance(feed.error, APIError) else None
        elif item.refused and not item.unsure and item.line is not FLYING:
            kind = Rejected
        final = kind is Unknown and not self.endpoint.repeatable
        return Failure(kind, number, item.info, reason, final=final, argument=item.argument, reply=item.reply)
