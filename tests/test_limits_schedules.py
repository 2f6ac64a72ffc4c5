"""Whatever comes in whatever order, each limiter keeps its promises: random schedules, in virtual time.

Callers come, give up, call and end, the rate changes, and Redis goes and comes back. What must hold of all limiters:
never over the limit as the service sees it, nobody is overtaken by his equals, the urgent go before the others, whoever
stays is served, and no permit is lost.
"""

import asyncio
import math
import tempfile
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis_server import RedisServer
from thorough import examples
from told_redis import ToldRedis
from virtual_service import now
from virtual_time import run

from tim_async import FileLimiter
from tim_async.limits.local import Command, Limiter, LocalLimiter
from tim_async.limits.permits import Permit
from tim_async.limits.redis import RedisLimiter

pytestmark = pytest.mark.uncounted

RATES = 5, 20, 100
ON_ITS_WAY = 1e-3
"""Seconds between a permit and its call, at most."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class Fate(NamedTuple):
    """What becomes of a call that may be made: it ends after so many seconds, sent or not, perhaps by a no.

    After infinity: its permit is kept until it is handed back.
    """

    sent: bool
    seconds: float
    refused: bool


class Caller:
    """One who asks for a permit."""

    def __init__(self, fate: Fate, *, urgent: bool, full: bool) -> None:
        self.fate = fate
        self.urgent = urgent
        self.full = full
        self.came = now()
        self.served: float | None = None
        self.gone: float | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def waits(self) -> bool:
        return self.served is None and self.gone is None

    def waited_at(self, when: float) -> bool:
        """Whether he had come before, and was neither served nor gone."""
        return self.came < when and all(end is None or end > when for end in (self.served, self.gone))


class Player:
    """Plays a schedule with a limiter, and notes what happened."""

    def __init__(self, limiter: Any, told: ToldRedis | None) -> None:
        self.limiter = limiter
        self.told = told
        self.command = Command(1, "p", 20)
        self.rates = [(-1.0, 20.0)]
        self.callers: list[Caller] = []
        self.arrivals: list[float] = []
        self.kept: list[Permit] = []
        self.slowed = False
        self._over = False

    async def play(self, schedule: list[tuple[Any, ...]]) -> None:
        for name, *arguments in schedule:
            await getattr(self, name)(*arguments)

    async def ask(self, number: int, urgent: bool, full: bool, fate: Fate) -> None:
        for _ in range(number):
            caller = Caller(fate, urgent=urgent, full=full)
            self.callers.append(caller)
            caller.task = asyncio.create_task(self._call(caller))
        await asyncio.sleep(0)

    async def _call(self, caller: Caller) -> None:
        try:
            permit = await self.limiter.acquire(self.command, urgent=caller.urgent, full=caller.full)
        except asyncio.CancelledError:
            caller.gone = now()
            return
        caller.served = now()
        if caller.fate.seconds == math.inf:
            self.kept.append(permit)
            if self._over:
                await asyncio.sleep(0.1)
                await self.hand_back(give_up=False)
            return
        if caller.fate.sent:
            permit.written = now()
            self.arrivals.append(permit.written)
            await asyncio.sleep(caller.fate.seconds)
            permit.answered = now()
        else:
            await asyncio.sleep(caller.fate.seconds)
        self.slowed = self.slowed or caller.fate.refused
        self.limiter.report(permit, refused=caller.fate.refused and caller.fate.sent)

    async def give_up(self, place: int) -> None:
        """One of those who wait has no more patience, which he may lose when he has just been served."""
        waiting = [caller for caller in self.callers if caller.waits]
        if waiting and (task := waiting[place % len(waiting)].task) is not None:
            task.cancel()
            await asyncio.sleep(0)

    async def hand_back(self, give_up: bool) -> None:
        """A permit that was kept comes back unused, and who is first in turn may be gone in that moment."""
        if self.kept:
            self.limiter.report(self.kept.pop())
            if give_up:
                await self.give_up(0)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def set_limit(self, rate: float) -> None:
        old, self.command = self.command, Command(1, "p", rate)
        self.limiter.change(old, self.command, last_word=True)
        self.rates.append((now(), rate))

    async def redis(self, gone: bool) -> None:
        """It goes, or is there again and knows nothing any more."""
        if self.told is not None:
            if gone:
                self.told.gone = True
            elif self.told.gone:
                self.told.start_anew()

    async def end(self) -> None:
        """All who stayed are served, and then every permit is back."""
        await self.redis(gone=False)
        self._over = True
        while self.kept:
            await self.hand_back(give_up=False)
        asked = sum(caller.waits for caller in self.callers)
        patience = 30 + 15 * asked / self.command.rate  # a refused call takes a tenth off, and Redis may be away
        async with asyncio.timeout(patience):
            await asyncio.gather(*(caller.task for caller in self.callers if caller.task is not None))
        await asyncio.sleep(120)  # what was slower is as quick as before
        if self.told is not None:
            self.told.redis.delete("{tim_async:1:p}:slow")  # which ends by the server's own clock, as nothing else does

    def rate_in(self, since: float, until: float) -> float:
        """The highest rate that held at any time from `since` until `until`."""
        before = [rate for when, rate in self.rates if when < since]
        return max(before[-1], *(rate for when, rate in self.rates if since <= when < until), 0.0)


@asynccontextmanager
async def local(_: RedisServer) -> AsyncGenerator[tuple[Limiter, None]]:
    yield LocalLimiter(), None


@asynccontextmanager
async def file(_: RedisServer) -> AsyncGenerator[tuple[Limiter, None]]:
    with tempfile.TemporaryDirectory(prefix="tim-") as folder:
        async with FileLimiter(Path(folder) / "limit") as limiter:
            yield limiter, None


@asynccontextmanager
async def redis(server: RedisServer) -> AsyncGenerator[tuple[Limiter, ToldRedis]]:
    told: Any = ToldRedis(server)
    async with RedisLimiter(told, processes=2, timeout=0.1) as limiter:
        yield limiter, told
    told.close()


KINDS: list[Callable[..., Any]] = [local, file, redis]

FATES = st.builds(
    Fate,
    sent=st.sampled_from([True, True, True, False]),
    seconds=st.sampled_from([0.02, 0.02, 0.0, 0.3, 2.0, math.inf]),
    refused=st.sampled_from([False] * 9 + [True]),
)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from([1, 1, 3, 12, 130]), st.booleans(), st.booleans(), FATES),
    st.tuples(st.just("give_up"), st.integers(0, 9)),
    st.tuples(st.just("hand_back"), st.booleans()),
    st.tuples(st.just("pause"), st.sampled_from([0.0, 0.0004, 0.003, 0.02, 0.3, 1.1, 6.0])),
    st.tuples(st.just("set_limit"), st.sampled_from(RATES)),
    st.tuples(st.just("redis"), st.booleans()),
)
FULL = [("ask", 30, False, True, Fate(sent=False, seconds=math.inf, refused=False)), ("pause", 0.3)]
SCHEDULES = st.builds(
    list.__add__,  # half of them begin where there is no permit left
    st.sampled_from([[], FULL]),
    st.lists(STEPS, min_size=3, max_size=25),
)


def assert_never_over(player: Player) -> None:
    """In no second, wherever it begins, are there more calls than any limit that held in it."""
    times = sorted(player.arrivals)
    for place, when in enumerate(times):
        assert bisect_left(times, when + 1) - place <= player.rate_in(when, when + 1)


def assert_in_turn(player: Player) -> None:
    """Who came later was served later, among equals; who has a whole call to make may skip the pace."""
    for urgent in (True, False):
        equals = [each for each in player.callers if each.urgent == urgent and not each.full]
        served = [each.served for each in equals if each.served is not None]
        assert served == sorted(served)


def assert_urgent_first(player: Player) -> None:
    """The first of the urgent waits for a few turns of the pace at most while others are served."""
    if player.slowed:
        return  # the pace was another one then
    urgent = [each for each in player.callers if each.urgent]
    ends = [end for each in urgent for end in (each.served, each.gone) if end is not None]
    for when in (each.served for each in player.callers if not each.urgent and each.served is not None):
        waiting = [each.came for each in urgent if each.waited_at(when)]
        if waiting:
            first_since = max(min(waiting), *(end for end in ends if end < when), 0.0)
            assert when - first_since <= 3.3 / min(rate for _, rate in player.rates) + 0.05


async def assert_nothing_lost(player: Player) -> None:
    """As many calls as are allowed in a second may be out, and no more of them than that."""
    began, rate = now(), int(player.command.rate)
    permits = [
        await asyncio.wait_for(player.limiter.acquire(player.command, urgent=True, full=True), 30)
        for _ in range(rate)
    ]  # fmt: skip
    assert now() - began <= 3
    for permit in permits:
        player.limiter.report(permit)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whatever_happens_the_promises_hold(kind: Callable[..., Any], server: RedisServer) -> None:
    @examples(40)
    @given(SCHEDULES)
    def check(schedule: list[tuple[Any, ...]]) -> None:
        async def main() -> None:
            async with kind(server) as (limiter, told):
                player = Player(limiter, told)
                await player.play(schedule)
                await player.end()
                assert_never_over(player)
                assert_in_turn(player)
                assert_urgent_first(player)
                await assert_nothing_lost(player)

        run(main)

    check()
