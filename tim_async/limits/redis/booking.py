"""The conversation with Redis: book slots, ask whether it is there, and inform the listeners.

Strategy: every time in the scripts is Redis' own, in microseconds. What a process needs is the distance between that
clock and its own monotonic one, which `Clock` takes from the replies themselves: so clocks may differ, and may be set.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tim_async.limits.limiter import Command
from tim_async.limits.seats import clock_of
from tim_async.printable import one_line

try:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as exc:
    raise ImportError("the shared limiter needs the package redis: pip install 'tim-async[redis]'") from exc

if TYPE_CHECKING:
    from redis.asyncio import RedisCluster

__all__ = ["AHEAD", "TROUBLE", "Booking", "Books", "Clock", "Terms"]

log = logging.getLogger("tim_async")

TROUBLE: Final = (RedisError, OSError)
"""Redis is gone, or is of no use: a refused connection, a time-out (an `OSError` too), a replica, a script's error."""
AHEAD: Final = 0.5
"""Seconds from now within which runs end: what is booked ahead delays others, and the beginning without Redis."""
DRIFT: Final = 0.01
"""Seconds per second by which the least distance is forgotten: clocks drift by less, but the way may become longer."""

BOOK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local n, spacing, ahead, queue = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local settle, seen, refused = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

-- A refusal takes a tenth off everybody's pace. After 2 s it grows by 5 % a second; when it is back, the key ends.
local share, slowed = 1, math.huge
local low, left = tonumber(redis.call('GET', KEYS[2])), redis.call('PTTL', KEYS[2])
if low and left > 0 then
  share = math.max(low, 1 - left * 0.00005)
  slowed = 2000 + (1 - low) * 20000 - left
end
-- A call whose slot was booked before the last refusal was known says nothing new.
if refused >= 0 and refused < slowed - ahead / 1000 then
  share = math.max(0.1, 0.9 * share)
  redis.call('SET', KEYS[2], share, 'PX', math.ceil(2000 + (1 - share) * 20000))
end

-- Writes even if it only asks: a replica that can only be read must not pass for the real thing.
local count = redis.call('HINCRBY', KEYS[1], 'count', n > 0 and 1 or 0)
spacing = math.ceil(spacing / share)
local most = ahead + queue * spacing
local start = tonumber(redis.call('HGET', KEYS[1], 'next'))
if n > 0 then
  -- Shut for a while, because others may be without Redis and not know yet that it is back: if none has booked since
  -- this process looked, or if nothing is stored and the server is young.
  local shut = count == seen + 1
  if not start then
    local info = redis.pcall('INFO', 'server')
    local up = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
    shut = shut or not up or up * 1000000 <= settle + 1000000
  end
  if start and start > now + most + settle + 60000000 then  -- the server's clock was set back
    start = now + settle
  elseif shut then
    start = math.max(start or 0, now + settle)
  end
  start = math.max(start or now, now)
  n = math.max(1, math.min(n, math.floor((now + ahead - start) / spacing)))
  if start > now + most then  -- shut, or more processes than were declared
    n = 0
  end
  redis.call('HSET', KEYS[1], 'next', string.format('%.0f', start + n * spacing))
end
start = math.max(start or now, now)
redis.call('PEXPIRE', KEYS[1], math.ceil((start + n * spacing - now) / 1000) + 3600000)
return {now, start, n, spacing, count}
"""


class Terms(NamedTuple):
    """What a booking asks for.

    Attributes:
        spacing: seconds between two slots.
        queue: slots that all processes together may have booked beyond `AHEAD`.
        settle: seconds for which the budget stays shut if others may be without Redis.
    """

    spacing: float
    queue: int
    settle: float


class Booking(NamedTuple):
    """What Redis said.

    Attributes:
        start: the first slot, seconds of the loop's clock; if there are none, when the next would be.
        slots: the slots, the same.
        spacing: microseconds between two slots.
        booked: bookings by anybody so far.
        seconds: what the round trip took.
    """

    start: float
    slots: list[float]
    spacing: int
    booked: int
    seconds: float


class Clock:
    """How far the loop's clock is from Redis'.

    A reply says what Redis' clock showed at some moment between the question and the answer. The quickest replies say
    it best, so the least distance holds, and grows again slowly. A distance that no longer lies
    between question and answer means that Redis' clock was set: then the reply is right.
    """

    def __init__(self) -> None:
        self._distance: float | None = None
        self._at = 0.0

    def distance(self, sent: float, said: float, received: float) -> float:
        """Seconds to add to a time of Redis.

        Args:
            sent: when the question went out, seconds of the loop's clock.
            said: what Redis' clock showed, seconds.
            received: when the answer came.
        """
        if self._distance is None:
            self._distance = received - said
        drifted = self._distance + DRIFT * (received - self._at)
        self._distance = max(sent - said, min(drifted, received - said))
        self._at = received
        return self._distance


class Books:
    """One Redis, asked by one process.

    Args:
        redis: a URL, or a client that stays the caller's.
        processes: that share the budget.
        margin: the share of the limit that is used.
        prefix: of all keys.
        timeout: seconds to wait for one answer.

    Attributes:
        without: the commands that cannot reach it.
        listeners: called with the trouble when it is lost, and with None when it is back.

    Raises:
        TypeError: *redis* is neither a URL nor a client of asyncio's kind that can run scripts.
        ValueError: it is a URL of something else.
    """

    def __init__(
        self, redis: str | Redis | RedisCluster, *, processes: int, margin: float, prefix: str, timeout: float
    ) -> None:
        self._own = isinstance(redis, str)
        if isinstance(redis, str):
            # Tried again once, at once: a pooled connection may have been closed while it was idle.
            redis = Redis.from_url(
                redis, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 1)
            )
        _check_client(redis)
        self._redis = redis
        self.processes = processes
        self.margin = margin
        self._prefix = prefix
        self.timeout = timeout
        self.without: set[object] = set()
        self.listeners: list[Callable[[str | None], None]] = []
        # These load themselves anew into a server that was restarted.
        self._book = redis.register_script(BOOK)
        self._clock = Clock()

    async def book(self, command: Command, n: int, terms: Terms, *, seen: int = -2, refused: float = -1.0) -> Booking:
        """Book up to `n` slots; with 0 only ask.

        Args:
            command: whose budget.
            n: slots.
            terms: on which terms.
            seen: the count of a booking: if none has booked since, the budget stays shut for a while.
            refused: seconds since a call was made that the service refused for its frequency; negative if none was.

        Raises:
            RedisError: Redis has no use, or is not there.
            OSError: it is not there, or does not answer in time.
        """
        spacing, ahead, settle = (math.ceil(seconds * 1e6) for seconds in (terms.spacing, AHEAD, terms.settle))
        clock = clock_of(asyncio.get_running_loop())
        sent = clock()
        reply = await self._ask(
            self._book, command, n, spacing, ahead, terms.queue, settle, seen, round(refused * 1000)
        )
        received = clock()
        now, start, n, spacing, count = (int(number) for number in reply)
        distance = self._clock.distance(sent, now / 1e6, received)
        slots = [(start + place * spacing) / 1e6 + distance for place in range(n)]
        return Booking(start / 1e6 + distance, slots, spacing, count, received - sent)

    def lost(self, command: object, trouble: Exception) -> None:
        """A command can't reach Redis; the first one reports it."""
        first = not self.without
        self.without.add(command)
        if first:
            words = one_line(f"{type(trouble).__name__}: {trouble}".removesuffix(": "))
            log.warning(
                "the shared rate limit is out of reach (%s); until it is back, this process keeps to 1/%d of it",
                words,
                self.processes,
            )
            self._tell(words)

    def found(self, command: object) -> None:
        """It can again; the last one reports it."""
        self.without.discard(command)
        if not self.without:
            log.warning("the shared rate limit is back")
            self._tell(None)

    def _tell(self, trouble: str | None) -> None:
        for listener in list(self.listeners):
            listener(trouble)

    async def _ask(self, script: Any, command: Command, *args: int) -> Any:
        # The braces keep both keys on one node of a cluster.
        key = f"{{{self._prefix}:{command.sdk_app_id}:{command.path}}}"
        try:
            async with asyncio.timeout(self.timeout):
                return await script(keys=[key, f"{key}:slow"], args=args)
        except (*TROUBLE, UnicodeError):
            raise  # a command that cannot be a key is no trouble of Redis
        except Exception as exc:
            # A cluster that is gone says so by errors that are no `RedisError`, and by look-ups in empty tables.
            raise ConnectionError(f"{type(exc).__name__}: {exc}") from exc

    async def aclose(self) -> None:
        """Close the connections, unless the client is the caller's."""
        if self._own:
            await self._redis.aclose()


def _check_client(redis: object) -> None:
    runs_scripts = callable(getattr(redis, "register_script", None)) and not isinstance(redis, type)
    if not (runs_scripts and iscoroutinefunction(getattr(redis, "execute_command", None))):
        raise TypeError(
            "redis must be a URL or a client such as redis.asyncio.Redis, redis.asyncio.RedisCluster, or what "
            f"redis.asyncio.Sentinel gives by master_for(), not {type(redis).__module__}.{type(redis).__qualname__}"
        )
