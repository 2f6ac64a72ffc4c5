"""Which item of an account may be sent: never two of one account at once, and writes in the order given.

Nearly always nobody else wants the accounts of a bundle; then it is enough to know that they are taken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from .items import IN_FLIGHT, Bundle, Item

__all__ = ["Order"]


class Order:
    """Who holds which account, and who waits behind whom.

    The *head* of an account is its one item that waits for its turn, is in back-off, or is in flight.
    """

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes
        self._heads: dict[Hashable, Item] = {}
        self._behind: dict[Hashable, OrderedDict[Item, None]] = {}
        """First come, first served; ordered dicts, of which any item leaves at the same price."""
        self._bundled: set[Hashable] = set()
        """The accounts of all bundles."""
        self.bundles: dict[Bundle, None] = {}
        """Those that were not opened, oldest first."""
        self._index: dict[Hashable, Bundle] | None = None
        """Account -> its bundle. Made when it is first needed, which is seldom, and kept while there are any."""
        self.joined = 0
        """How many items carry others' places."""

    def __len__(self) -> int:
        return len(self._heads) + len(self._bundled)

    @staticmethod
    def key(account: str, options: Any) -> Hashable:
        """What may be in flight only once."""
        return account if options is None else (options, account)

    @staticmethod
    def _keys(accounts: list[str], options: Any) -> Sequence[Hashable]:
        return accounts if options is None else [(options, account) for account in accounts]

    def claim_all(self, accounts: list[str], options: Any) -> bool:
        """Take these accounts, for bundles to come; or do nothing, if one of them is wanted twice."""
        keys, taken = self._keys(accounts, options), self._bundled
        if not taken.isdisjoint(keys) or (self._heads and not self._heads.keys().isdisjoint(keys)):
            return False
        before = len(taken)
        taken.update(keys)
        if len(taken) - before < len(keys):
            taken.difference_update(keys)
            return False
        return True

    def file(self, bundle: Bundle) -> None:
        """Note a bundle whose accounts were claimed."""
        self.bundles[bundle] = None
        if self._index is not None:
            self._index |= self._entries(bundle)

    def release_bundle(self, bundle: Bundle) -> None:
        """All of a bundle have their outcome."""
        del self.bundles[bundle]
        keys = self._keys(bundle.accounts, bundle.owner.options)
        self._bundled.difference_update(keys)
        if not self.bundles:
            self._index = None
        if self._index is not None:
            for key in keys:
                del self._index[key]

    def open_bundle(self, bundle: Bundle) -> list[Item]:
        """From now on each of a bundle's items is the head of its account."""
        self.release_bundle(bundle)
        items = bundle.open()
        self._heads.update(zip(self._keys(bundle.accounts, bundle.owner.options), items, strict=True))
        return items

    def bundle_of(self, account: str, options: Any) -> Bundle | None:
        """The bundle that took an account, if one did."""
        key = self.key(account, options)
        if key not in self._bundled:
            return None
        if self._index is None:
            self._index = {}
            for bundle in self.bundles:
                self._index |= self._entries(bundle)
        return self._index[key]

    def _entries(self, bundle: Bundle) -> dict[Hashable, Bundle]:
        return dict.fromkeys(self._keys(bundle.accounts, bundle.owner.options), bundle)

    def claim(self, item: Item, options: Any) -> Item | None:
        """Make one item the head of its account, or let it wait behind or join another.

        Returns:
            None if it is the head now, else the head.
        """
        key = item.account if options is None else (options, item.account)
        head = self._heads.setdefault(key, item)
        if head is item:
            return None
        queue = self._behind.get(key)
        last = next(reversed(queue)) if queue else head
        # All of them go before it, so they go at its urgency. Nobody in a queue is less urgent than those behind him.
        for waiting in reversed(queue or OrderedDict()):
            if waiting.priority <= item.priority:
                break
            waiting.priority = item.priority
        if self._may_join(item, last):
            if last.joined is None:
                last.joined = OrderedDict()
                self.joined += 1
            last.joined[item.owner, item.place] = None
            item.owner.rebook(item.place, last)
        else:
            item.queue = None
            self._behind.setdefault(key, OrderedDict())[item] = None
        return head

    def _may_join(self, item: Item, last: Item) -> bool:
        if item.owner is not last.owner and (item.owner.maybe_sent or last.owner.maybe_sent):
            return False  # what ends unsent was never sent for the one, and may have been for the other
        if self._writes:
            return last.owner is item.owner and not item.owner.single and last.argument == item.argument
        # A read that was sent may miss a write that was made since.
        return last.queue is not IN_FLIGHT

    def of(self, account: str, options: Any) -> Iterator[Item]:
        """All items of an account, first come first."""
        key = self.key(account, options)
        if key in self._heads:
            yield self._heads[key]
            yield from self._behind.get(key, ())

    def release(self, item: Item, options: Any) -> Item | None:
        """An item has its outcome, or was withdrawn. Returns the next head of its account, which may be sent now."""
        key = item.account if options is None else (options, item.account)
        if item.joined is not None:
            item.joined = None
            self.joined -= 1
        queue = self._behind.get(key) if self._behind else None
        if self._heads.get(key) is not item:
            if queue:  # it waited behind another
                del queue[item]
                if not queue:
                    del self._behind[key]
            return None
        if not queue:
            del self._heads[key]
            return None
        head, _ = queue.popitem(last=False)
        self._heads[key] = head
        if not queue:
            del self._behind[key]
        return head
