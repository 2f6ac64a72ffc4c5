"""The lane of one command: what an answer means for each item of its call. Pure: it is told the time.

    add ──▶ waiting ──seal──▶ in flight ──settle──▶ an outcome
               ▲                              │
               └──── not yet: back-off ◀──────┘

The waiting half stands in `waiting`; this is the judging half, in the order in which an answer meets it: no trustworthy
answer, a "no" to the whole call, a good answer item by item. What follows for the items stands in `refusing`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tim_async.errors import APIError, BadStatus, RequestError
from tim_async.outcomes import ASSUMED
from tim_async.service.codes import Action, Code, code
from tim_async.service.endpoints import Answer

from .items import Chunk, Item
from .refusing import Refusing
from .retry import backoff
from .verdicts import Said, error_for, said_of
from .waiting import FAILURES_MOST

__all__ = ["Effect", "Lane"]


class Effect(NamedTuple):
    """What an answer means beyond its own lane."""

    refused: bool = False
    """The service counted more calls than it allows."""
    wide: bool = False
    """All lanes of the client are concerned."""
    stop_all: APIError | None = None
    """Nothing of the client may be sent any more."""


_NOTHING = Effect()


def _told_to_resign(item: Item) -> bool:
    return item.code is not None and code(item.code).action is Action.RESIGN


class Lane(Refusing):
    """The items of one command, from when they are given until each has its outcome."""

    def settle(self, chunk: Chunk, answer: Answer | RequestError, now: float, *, resigned: bool = False) -> Effect:
        """Judge the answer to one call, or the lack of one, item by item.

        Args:
            chunk: what was sent.
            answer: what came.
            now: seconds.
            resigned: a fresh signature is at hand, should the old one be the trouble.
        """
        self.in_flight -= 1
        self.health.in_flight -= 1
        if not isinstance(answer, RequestError):
            self.throttle.passed(now)
        effect = _NOTHING
        if chunk.bundle is not None and chunk.bundle.items is not None:
            chunk.items = chunk.bundle.items
        if not self._all_done(chunk, answer, now):
            if chunk.bundle is not None:
                chunk.items = self.open(chunk.bundle)
            effect = self._judge(chunk, answer, now, resigned=resigned)
        self.tell(now)
        return effect

    def _all_done(self, chunk: Chunk, answer: Answer | RequestError, now: float) -> bool:
        """The way of nearly every call: all of it is Ok."""
        if isinstance(answer, RequestError) or answer.code or answer.errors or answer.doubted:
            return False
        values = answer.values_of(chunk.accounts)
        if values is None:
            if answer.values is not None or not self.endpoint.silence_is_ok:
                return False
            values = [None] * len(chunk.accounts)
        self._proven(now)
        if chunk.bundle is None or chunk.items:
            for item, value in zip(chunk.items, values, strict=True):
                self.end(item, value)
        else:
            chunk.bundle.owner.put_bundle(chunk.bundle, values)
            self.order.release_bundle(chunk.bundle)
            self.touched.add(chunk.bundle.owner)
        self._useful(now)
        return True

    def _judge(self, chunk: Chunk, answer: Answer | RequestError, now: float, *, resigned: bool) -> Effect:
        if isinstance(answer, RequestError):
            return self._unanswered(chunk, answer, now)
        if answer.code:
            return self._refused(chunk, answer, now, resigned=resigned)
        self._proven(now)
        return self._judge_each(chunk, answer, now)

    # No trustworthy answer

    def _unanswered(self, chunk: Chunk, error: RequestError, now: float) -> Effect:
        for item in chunk.items:
            item.queue = None
            item.reached = item.reached or error.may_have_happened
            item.unsure = item.unsure or error.may_have_happened
            item.refused = False
        if error.final:
            return self._given_up(chunk, error, now)
        if isinstance(error, BadStatus) and error.throttled:
            return self._throttled(chunk, error, now)
        self._failed(chunk, now)
        self._again(chunk, chunk.items, now, error.detail)
        return _NOTHING

    def _given_up(self, chunk: Chunk, error: RequestError, now: float) -> Effect:
        """Every further call would end the same: what waits ends unsent."""
        for item in chunk.items:
            self.end(item, self.failure_of(item, item.owner, error.detail))
        self.suspect = error
        self.stop_all(error, now)
        return _NOTHING

    def _throttled(self, chunk: Chunk, error: BadStatus, now: float) -> Effect:
        """A gateway lets fewer calls through: everybody waits until a time, and then goes at the pace that it lets."""
        before = self.pause.until
        resume = self.pause.refused(now, error.retry_after)
        if now >= before:
            self.throttle.refused(now, resume)
        self._wait_again(chunk, chunk.items, now, 0.0, error.detail)
        return Effect(refused=True)

    def _failed(self, chunk: Chunk, now: float) -> None:
        """While nothing of a lane is answered, the lane itself backs off."""
        self.failures += 1
        if self.failures >= FAILURES_MOST:
            if chunk.probe or not self._probes:
                self._probes += 1
            self._probe_at = now + backoff(self._probes, self.chance)

    def _useful(self, now: float) -> None:
        self.failures = self._probes = 0
        self._probe_at = self.useful_at = now
        self._silent_since = now if self.in_flight or not self.idle else math.inf
        self.health.budget.earn()

    # A "no" to the whole call

    def _refused(self, chunk: Chunk, answer: Answer, now: float, *, resigned: bool) -> Effect:
        verdict = self.endpoint.verdict(answer.code)
        # Told so once more, when the signature was a new one: then yet another will not help.
        resigned = resigned and not any(_told_to_resign(item) for item in chunk.items)
        self._note(chunk, answer, verdict)
        if verdict.action is Action.PAUSE:
            return self._pause(chunk, verdict, now)
        if verdict.action is Action.RETRY:
            self._failed(chunk, now)
            self._again(chunk, chunk.items, now, verdict.meaning)
            return _NOTHING
        if resigned and verdict.action is Action.RESIGN:
            self._wait_again(chunk, chunk.items, now, 0.0, verdict.meaning)
            return _NOTHING
        if verdict.action in (Action.STOP, Action.RESIGN):
            for item in chunk.items:
                self._reject(item, verdict)
            return self._pointless(verdict, answer.info, now)
        return self._final(chunk, answer, verdict, now)

    def _note(self, chunk: Chunk, answer: Answer, verdict: Code) -> None:
        for item in chunk.items:
            item.queue = None
            item.code, item.info = answer.code, answer.info
            item.reached = True
            item.unsure = item.unsure or verdict.unsure
            item.refused = False
            if answer.reply is not None:
                item.reply = answer.reply

    def _final(self, chunk: Chunk, answer: Answer, verdict: Code, now: float) -> Effect:
        """The call would always be refused like this: find out which items that concerns."""
        self._useful(now)
        self._proven(now)
        if answer.values or answer.errors:
            return self._judge_each(chunk, answer, now, whole=verdict)
        self._blame(chunk, chunk.items, answer, verdict, now)
        return _NOTHING

    def _pause(self, chunk: Chunk, verdict: Code, now: float) -> Effect:
        """Too many calls: everybody waits until a time, and it costs nobody an attempt."""
        (self.health.pause if verdict.wide else self.pause).refused(now)
        self._wait_again(chunk, chunk.items, now, 0.0, verdict.meaning)
        return Effect(refused=True, wide=verdict.wide)

    def _pointless(self, verdict: Code, info: str, now: float) -> Effect:
        """Every further call would be answered the same: what waits ends unsent."""
        error = error_for(verdict, info, self.endpoint.path)
        effect = _NOTHING
        if verdict.wide:
            self.health.refused(error, verdict.wait, now)
            effect = Effect(wide=True, stop_all=error)
        else:
            self.suspect = error
        self.stop_all(error, now)
        return effect

    def stop_all(self, error: APIError | RequestError, now: float) -> None:
        """End what waits, unsent."""
        for owner in list(self.owners):
            self.stop(owner, error, now)

    # A good answer

    def _proven(self, now: float) -> None:
        self.suspect = None
        self.pause.answered(now)
        self.health.good(now)

    def _judge_each(self, chunk: Chunk, answer: Answer, now: float, whole: Code | None = None) -> Effect:
        """Judge item by item; *whole* is the "no" to the whole call, if there was one."""
        again: dict[str, list[Item]] = {}
        blamed: list[Item] = []
        stops: list[Code] = []
        doubtful = answer.doubtful([item.account for item in chunk.items])
        for item in chunk.items:
            said = said_of(
                item.account,
                answer,
                doubted=item.account in doubtful,
                silence_is_ok=self.endpoint.silence_is_ok,
                whole=whole,
            )
            if said.verdict is None:
                blamed.append(item)
            elif self._ends(item, said.verdict, said):
                stops += [said.verdict] * (said.verdict.action is Action.STOP)
            else:
                again.setdefault(said.verdict.meaning, []).append(item)
        if sum(map(len, again.values())) < len(chunk.items):
            self._useful(now)
        else:
            self._failed(chunk, now)
        if blamed and whole is not None:
            self._blame(chunk, blamed, answer, whole, now)
        for why, items in again.items():
            self._again(chunk, items, now, why)
        if len(stops) == len(chunk.items):
            # Each item was told that the app may not do this at all.
            return self._pointless(stops[0], chunk.items[0].info, now)
        return _NOTHING

    def _ends(self, item: Item, verdict: Code, said: Said) -> bool:
        """Whether what an answer says about an item is the end of it; then it has its outcome."""
        item.queue = None
        item.reached = True
        item.code, item.info = verdict.number or None, said.info
        item.unsure = item.unsure or verdict.unsure
        item.refused = False
        if verdict.action is Action.DONE:
            self.end(item, said.value)
            return True
        if self._done_all_the_same(item, verdict):
            self.end(item, ASSUMED)
            return True
        if verdict.action in (Action.RETRY, Action.PAUSE, Action.RESIGN):
            return False
        if verdict.number and self._leaves_open(verdict.number):
            item.unsure = True
            return False
        self._reject(item, verdict)
        return True
