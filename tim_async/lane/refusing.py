"""What follows for items that were refused, or not answered: an end, a search for the cause, or another try. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tim_async.errors import InvalidRequest
from tim_async.outcomes import ASSUMED, Failure, Rejected, Unknown
from tim_async.service.codes import Action, Code, is_known
from tim_async.service.endpoints import Answer

from .items import Bisection, Chunk, Item, Owner
from .retry import LONGEST, backoff
from .waiting import Waiting

__all__ = ["Refusing"]

CULPRIT_CHUNKS_MOST = 3  # chunks all of whose items were refused with one code: so will the others be
# A chunk of two may be two bad items of a slow source, of which a million good ones are still to come.
CULPRIT_ITEMS_LEAST = 10


class Refusing(Waiting):
    """The items of one command, of which some were refused."""

    def _blame(self, chunk: Chunk, items: Sequence[Item], answer: Answer, verdict: Code, now: float) -> None:
        """The call was refused, and nothing else is said about these items."""
        if self._leaves_open(verdict.number):
            for item in items:
                item.unsure = True
            self._again(chunk, items, now, verdict.meaning)
        elif self.endpoint.concerns_all(verdict.number):
            self._concerns_all(chunk, items, verdict, answer.info, now)
        else:
            self._find_culprit(chunk, items, verdict, now)

    def _leaves_open(self, number: int) -> bool:
        """Whether nobody says what a code means, and it matters: what may be sent only once is not sent again."""
        return not self.endpoint.repeatable and not is_known(number)

    def _concerns_all(self, chunk: Chunk, items: Sequence[Item], verdict: Code, info: str, now: float) -> None:
        """The call was refused for what its items share: so would be all others with the same options."""
        alone = len(chunk.items) == 1
        for item in items:
            if alone and self.endpoint.is_echo(verdict.number, info) and item.unsure:
                self.end(item, ASSUMED)
            else:
                self._reject(item, verdict, of_all=True)
        error = InvalidRequest(verdict.number, info, self.endpoint.path)
        for owner in [owner for owner in self.owners if owner.options == chunk.options and not owner.finished]:
            self.stop(owner, error, now)

    def _find_culprit(self, chunk: Chunk, items: Sequence[Item], verdict: Code, now: float) -> None:
        """The call was refused and one of these items may have caused it: find out which."""
        if len(chunk.items) == 1:
            self._refused_alone(chunk.bisection, items[0], verdict, now)
            return
        for item in items:
            item.refused = True
        bisection = chunk.bisection
        if bisection is None:
            bisection = self.bisections.start(items, verdict.number)
            bisection.some_fine = len(items) < max(len(chunk.items), CULPRIT_ITEMS_LEAST)
        self.bisections.go_on([item for item in items if self.goes_on(item, verdict.meaning)], bisection)

    def _refused_alone(self, bisection: Bisection | None, item: Item, verdict: Code, now: float) -> None:
        """This item alone was refused."""
        owner = item.owner
        if verdict.action is Action.DONE or self._done_all_the_same(item, verdict):
            self.end(item, ASSUMED if item.reply is None and verdict.action is not Action.DONE else item.reply)
            return
        self._reject(item, verdict, bisection)
        if bisection is None:
            return
        for other in self.bisections.known_culprits(bisection):
            other.code, other.info = item.code, item.info
            self._reject(other, verdict, bisection)
        # Single requests have nothing to do with each other.
        if not bisection.undecided and not bisection.some_fine and not owner.single:
            self._all_culprits(owner, verdict, item.info, now)

    def _all_culprits(self, owner: Owner, verdict: Code, info: str, now: float) -> None:
        """Every item of a chunk was refused with one code: after three such chunks the batch is stopped."""
        counts = owner.culprit_chunks = owner.culprit_chunks or {}
        counts[verdict.number] = count = counts.get(verdict.number, 0) + 1
        if count >= CULPRIT_CHUNKS_MOST:
            self.stop(owner, InvalidRequest(verdict.number, info, self.endpoint.path), now)

    def _done_all_the_same(self, item: Item, verdict: Code) -> bool:
        """Whether this "no" is only the echo of an earlier call whose answer was lost."""
        return item.unsure and self.endpoint.is_echo(verdict.number, item.info)

    def _reject(self, item: Item, verdict: Code, bisection: Bisection | None = None, *, of_all: bool = False) -> None:
        if bisection is not None:
            self.bisections.decided(item, culprit=bisection.code == verdict.number)
        # That nothing may be sent now does not tell what became of an earlier call whose answer was lost.
        stop = verdict.action in (Action.STOP, Action.RESIGN)
        kind = Unknown if (stop or of_all) and item.unsure else Rejected
        final = not stop and (kind is Rejected or not self.endpoint.repeatable)
        reason = self.endpoint.of_all(verdict) if of_all else verdict.meaning
        failure = Failure(kind, item.code, item.info, reason, final=final, argument=item.argument, reply=item.reply)
        self.end(item, failure)

    # Not yet

    def _again(self, chunk: Chunk, items: Sequence[Item], now: float, why: str) -> None:
        """These have neither a yes nor a final no: they wait again, unless they were tried often enough."""
        left: list[Item] = []
        for item in items:
            item.attempts += 1
            if item.unsure and not self.endpoint.repeatable:
                self.end(item, self.failure_of(item, item.owner, f"not sent again, for it may have been done: {why}"))
            elif item.attempts >= self.attempts:
                tried = "one attempt" if item.attempts == 1 else f"{item.attempts} attempts, the last one"
                reason = f"gave up after {tried}: {why}"
                self.end(item, self.failure_of(item, item.owner, reason))
            else:
                left.append(item)
        if left:
            most = max(item.attempts for item in left)
            delay = backoff(most, self.chance) if self.health.budget.spend() else LONGEST
            self._wait_again(chunk, left, now, delay, why)

    def _wait_again(self, chunk: Chunk, items: Sequence[Item], now: float, delay: float, why: str) -> None:
        waiting = [item for item in items if self.goes_on(item, why)]
        if waiting:
            heapq.heappush(self._later, (now + delay, next(self._serial), waiting, chunk.bisection))
