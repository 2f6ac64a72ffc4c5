"""Which item of an account may be sent: never two of one account at once, and writes in the order given."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any

from .feeds import FLYING, Item

__all__ = ["Order"]


class Order:
    """Who holds which account, and who waits behind whom.

    The *head* of an account is its one item that waits for its turn, is in back-off, or is in flight.
    """

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes
        self._heads: dict[Hashable, Item] = {}
        self._behind: dict[Hashable, deque[Item]] = {}
        self.joined = 0
        """How many items carry others' places."""

    def __len__(self) -> int:
        return len(self._heads)

    @property
    def plain(self) -> bool:
        """Whether no account is wanted twice: then an item's end concerns nobody else."""
        return not self._behind and not self.joined

    @staticmethod
    def key(account: str, options: Any) -> Hashable:
        """What may be in flight only once."""
        return account if options is None else (options, account)

    def claim_all(self, accounts: Sequence[str], items: Sequence[Item], options: Any) -> bool:
        """Make every item the head of its account; or do nothing, if one of them is wanted twice."""
        keys = accounts if options is None else [(options, account) for account in accounts]
        fresh: dict[Hashable, Item] = dict(zip(keys, items, strict=True))
        if len(fresh) < len(items) or not self._heads.keys().isdisjoint(fresh):
            return False
        self._heads |= fresh
        return True

    def claim(self, item: Item, options: Any) -> Item | None:
        """Make one item the head of its account, or let it wait behind or join another.

        Returns:
            None if it is the head now, else the head.
        """
        key = self.key(item.account, options)
        head = self._heads.setdefault(key, item)
        if head is item:
            return None
        queue = self._behind.get(key)
        last = queue[-1] if queue else head
        # All of them go before it, so they go at its urgency. Nobody in a queue is less urgent than those behind him.
        for waiting in reversed(queue or ()):
            if waiting.priority <= item.priority:
                break
            waiting.priority = item.priority
        if self._may_join(item, last):
            if last.joined is None:
                last.joined = []
                self.joined += 1
            last.joined.append((item.feed, item.place))
            item.feed.rebook(item.place, last)
        else:
            item.line = None
            self._behind.setdefault(key, deque()).append(item)
        return head

    def _may_join(self, item: Item, last: Item) -> bool:
        if self._writes:
            return last.feed is item.feed and last.argument == item.argument
        # A read that was sent may miss a write that was made since.
        return last.line is not FLYING

    def release(self, item: Item, options: Any) -> Item | None:
        """An item has its outcome, or was withdrawn. Returns the next head of its account, which may be sent now."""
        key = self.key(item.account, options)
        if item.joined is not None:
            item.joined = None
            self.joined -= 1
        queue = self._behind.get(key)
        if self._heads.get(key) is not item:
            if queue:  # it waited behind another
                queue.remove(item)
                if not queue:
                    del self._behind[key]
            return None
        if not queue:
            del self._heads[key]
            return None
        head = self._heads[key] = queue.popleft()
        if not queue:
            del self._behind[key]
        return head

    def release_all(self, accounts: Sequence[str], options: Any) -> None:
        """The same for heads behind whom nobody waits; only while `plain`."""
        heads = self._heads
        keys: Sequence[Hashable] = accounts if options is None else [(options, account) for account in accounts]
        for key in keys:
            del heads[key]
