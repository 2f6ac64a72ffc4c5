"""How items move and leave: from queue to queue, to their outcome, or because nobody waits for them any longer. Pure.

Whoever leaves, alone or among ten thousand who wait for the same account, costs the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

from tim_async.errors import APIError, RequestError
from tim_async.outcomes import Failure, NotSent, Rejected, Unknown
from tim_async.service.endpoints import Endpoint

from .bisections import Bisections
from .items import ENDED, IN_FLIGHT, Bisection, Bundle, Item, Owner, Queue
from .order import Order
from .owners import Singles
from .schedule import Schedule

__all__ = ["Leaving"]


class Leaving:
    """What a lane holds, and who is told when it leaves."""

    def __init__(self, endpoint: Endpoint[Any, Any]) -> None:
        self.endpoint = endpoint
        self.schedule = Schedule(self.open)
        self.bisections = Bisections(self.schedule)
        self.order = Order(writes=endpoint.writes)
        self.owners: set[Owner] = set()
        """Those that are not finished."""
        self._hurried: set[Owner] = set()
        """Those of them that are stopped when the service is silent for long."""
        self._singles: dict[Hashable, Singles] = {}
        """Those of them that take single requests."""
        self.touched: set[Owner] = set()
        """Owners that got outcomes of which they have not been told."""
        self._later: list[tuple[float, int, list[Item], Bisection | None]] = []
        self._returned = False
        """Whether any item waits, or may wait, for another time."""
        # Weak, because options are the caller's: a queue in which nothing waits is forgotten with its options.
        self._lent: WeakValueDictionary[tuple[int, Any], Queue] = WeakValueDictionary()

    def enlist(self, owner: Owner) -> None:
        """Know an owner from now on, so that it is stopped with the lane even if it has given nothing yet."""
        self.owners.add(owner)
        if owner.hurried:
            self._hurried.add(owner)

    def forget(self, owner: Owner) -> None:
        """An owner is finished, or nobody waits for it."""
        self.owners.discard(owner)
        self._hurried.discard(owner)
        if isinstance(owner, Singles):
            self._retire(owner)

    def singles(self, priority: int, options: Hashable, *, patient: bool, maybe_sent: bool = False) -> Singles:
        """The standing owner of single requests of a kind."""
        key = (priority, options, patient, maybe_sent)
        owner = self._singles.get(key)
        if owner is None:
            owner = self._singles[key] = Singles(priority, options, patient=patient, maybe_sent=maybe_sent)
        return owner

    def _retire(self, owner: Singles) -> None:
        """Whoever comes from now on gets another owner: this one is empty, or stopped."""
        key = (owner.priority, owner.options, owner.patient, bool(owner.maybe_sent))
        if self._singles.get(key) is owner:
            del self._singles[key]

    # Moving

    def open(self, bundle: Bundle) -> list[Item]:
        """The items of a bundle, each of which stands for itself from now on."""
        if bundle.items is not None:
            return bundle.items
        items = self.order.open_bundle(bundle)
        bundle.owner.unbundle(bundle, items)
        if bundle.queue is not IN_FLIGHT:
            self.schedule.unbundle(bundle, items)
        return items

    def _ready(self, item: Item, *, first: bool = False) -> None:
        queue: Queue = item.owner
        if item.priority != queue.priority:
            queue = self._lent_queue(item.priority, item.owner.options)
        self.schedule.put(item, queue, first=first)

    def _lent_queue(self, priority: int, options: Any) -> Queue:
        queue = self._lent.get((priority, options))
        if queue is None:
            queue = self._lent[priority, options] = Queue(priority, options)
        return queue

    # Ending

    def end(self, item: Item, value: Any) -> None:
        """An item, and the equal ones that joined it, have their outcome: a value or a failure."""
        if item.wanted:
            item.owner.put(item.place, item.account, value)
            self.touched.add(item.owner)
            for owner, place in item.joined or ():
                owner.put(place, item.account, value)
                self.touched.add(owner)
        self._close(item)

    def _close(self, item: Item) -> None:
        """Nobody waits for an item any longer: who waits behind it may go."""
        if item.queue is IN_FLIGHT:
            item.queue = ENDED
        else:
            self.schedule.leave(item, ENDED)
        self.bisections.decided(item, culprit=False)
        following = self.order.release(item, item.owner.options)
        if following is not None:
            self._ready(following, first=True)

    def tell(self, now: float) -> None:
        """Tell the owners that got outcomes."""
        touched, self.touched = self.touched, set()
        for owner in touched:
            owner.finished_at = now
            more = owner.takes_more
            if not more and not owner.open:
                self.forget(owner)
            # Whoever waits for all outcomes is not woken for each call: that would be a tenth of its cost.
            if owner.hands_over or not more:
                owner.notify()
        if not self.owners:
            self._later.clear()  # nobody waits for these
            self._returned = False

    def cut(self, now: float) -> None:
        """Take nothing more of any source; what was taken goes on."""
        for owner in self.owners:
            owner.cut = True
        self.touched |= self.owners
        self.tell(now)

    def stop(self, owner: Owner, why: APIError | RequestError | str, now: float) -> None:
        """Send nothing more of an owner: what waits ends now, what is in flight when it is answered."""
        if not isinstance(why, str) and owner.error is None:
            owner.error = why
        if owner.stop_reason is not None:
            return
        owner.stop_reason = str(why)
        self._hurried.discard(owner)
        if isinstance(owner, Singles):
            self._retire(owner)
        for place, item in self._places_of(owner, in_flight=False):
            if item.queue is not IN_FLIGHT:
                self._end_place(item, owner, place, owner.stop_reason)
        self.touched.add(owner)
        self.tell(now)

    def withdraw(self, owner: Owner, why: str, now: float) -> None:
        """Settle every item of an owner at once, for nobody waits any longer; what is in flight runs to its end."""
        if owner.stop_reason is None:
            owner.stop_reason = why
        self._hurried.discard(owner)
        for place, item in self._places_of(owner, in_flight=True):
            self._end_place(item, owner, place, owner.stop_reason)
        self.touched.add(owner)
        self.tell(now)

    def withdraw_one(self, owner: Singles, place: Any, why: str, now: float) -> None:
        """Settle a single request at once; nothing happens if it has its outcome."""
        item = owner.waiting.get(place)
        if item is not None:
            self._end_place(item, owner, place, why)
            self.tell(now)

    def _places_of(self, owner: Owner, *, in_flight: bool) -> list[tuple[Any, Item]]:
        """The places of an owner without an outcome, and their items; of bundles in flight only if asked for."""
        for held in dict.fromkeys(held for _, held in owner.unsettled()):
            if isinstance(held, Bundle) and (in_flight or held.queue is not IN_FLIGHT):
                self.open(held)
        return [(place, held) for place, held in owner.unsettled() if isinstance(held, Item)]

    def _end_place(self, item: Item, owner: Owner, place: Any, why: str) -> None:
        """An owner gets a failure for one of its places, and no longer waits for the item on which it hung."""
        owner.put(place, item.account, self.failure_of(item, owner, why))
        self.touched.add(owner)
        self._leave(item, owner, place)

    def _leave(self, item: Item, owner: Owner, place: Any) -> None:
        """Give up one of the places that share an item; without any, and not in flight, it is not sent any more."""
        if item.joined and (owner, place) in item.joined:
            del item.joined[owner, place]
        elif item.joined:
            in_own_queue = item.queue is item.owner
            (item.owner, item.place), _ = item.joined.popitem(last=False)
            if in_own_queue and item.queue is not item.owner:
                self.schedule.leave(item, None)
                self._ready(item)
        elif item.queue is IN_FLIGHT:
            item.wanted = False
        else:
            self._close(item)

    def goes_on(self, item: Item, why: str) -> bool:
        """Whether an item that is to wait again is still wanted; owners that were stopped leave it now.

        Args:
            item: neither in flight any more nor waiting yet.
            why: what it was answered with; empty if it was not sent after all.
        """
        self._returned = True
        if not item.wanted:
            self._close(item)
            return False
        for owner, place in item.places:
            if owner.stop_reason is not None:
                self._end_place(
                    item, owner, place, f"{owner.stop_reason}; before that: {why}" if why else owner.stop_reason
                )
        return item.queue is not ENDED

    def failure_of(self, item: Item, owner: Owner, reason: str) -> Failure:
        """What is to be said to an owner of an item that ends as things stand."""
        kind: type[Unknown | Rejected | NotSent] = Unknown
        number = item.code
        if not item.reached and not item.unsure and item.queue is not IN_FLIGHT:
            kind = NotSent
            number = owner.error.code if isinstance(owner.error, APIError) else None
        elif item.refused and not item.unsure and item.queue is not IN_FLIGHT:
            kind = Rejected
        final = kind is Unknown and not self.endpoint.repeatable
        return Failure(kind, number, item.info, reason, final=final, argument=item.argument, reply=item.reply)
