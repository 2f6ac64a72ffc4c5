"""A lane that notes what became of the items of each call, for those who watch. Pure: it is told the time.

It stands beside the ordinary lane, which so need not ask for each item whether anybody watches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tim_async.errors import RequestError
from tim_async.outcomes import Failure
from tim_async.service.endpoints import Answer

from .items import Chunk, Item
from .judging import Effect, Lane

__all__ = ["WatchedLane"]


class WatchedLane(Lane):
    """The items of one command; after each `settle` it can tell what that meant for those of the call."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kinds: dict[str, int] = {}
        """What became of the items of the last call: see `tim_async.CallEvent.kinds`."""
        self.repeats: dict[str, list[Item]] = {}
        """Those of them that are sent again, by the reason."""
        self.delays: dict[str, float] = {}
        """Seconds for which they wait, by the reason."""
        self._ended: list[tuple[Item, Any]] = []
        self._withdrawn = 0

    def settle(self, chunk: Chunk, answer: Answer | RequestError, now: float, *, resigned: bool = False) -> Effect:
        """As in `Lane`."""
        self._withdrawn = 0
        if self.repeats:
            self.repeats, self.delays = {}, {}
        effect = super().settle(chunk, answer, now, resigned=resigned)
        self.kinds = self._counted(chunk)
        self._ended.clear()
        return effect

    def end(self, item: Item, value: Any) -> None:
        """As in `Lane`."""
        self._ended.append((item, value))
        super().end(item, value)

    def goes_on(self, item: Item, why: str) -> bool:
        """As in `Lane`."""
        goes_on = super().goes_on(item, why)
        if goes_on:
            self.repeats.setdefault(why, []).append(item)
        else:
            self._withdrawn += 1
        return goes_on

    def _wait_again(self, chunk: Chunk, items: Sequence[Item], now: float, delay: float, why: str) -> None:
        self.delays[why] = delay
        super()._wait_again(chunk, items, now, delay, why)

    def _counted(self, chunk: Chunk) -> dict[str, int]:
        if not chunk.items:
            return {"Ok": len(chunk.accounts)}  # a bundle that was never opened
        ended = self._ended
        if chunk.bisection is not None:  # with an item of a bisection others end that were not in the call
            mine = set(chunk.items)
            ended = [each for each in ended if each[0] in mine]
        kinds = dict(Counter(value.kind.__name__ if isinstance(value, Failure) else "Ok" for _, value in ended))
        again = len(chunk.items) - len(ended) - self._withdrawn
        others = {"again": again, "withdrawn": self._withdrawn}
        return kinds | {name: count for name, count in others.items() if count}
