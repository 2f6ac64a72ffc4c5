"""A real server that is told the time, for tests on a clock of their own.

Data and scripts are the server's, but its clock and its age are those of the test's loop, and so is the time that a
question takes: to ask it blocks the loop, for which no time passes meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis_server import RedisServer

__all__ = ["ToldRedis"]

TIME = "redis.call('TIME')"
INFO = "redis.pcall('INFO', 'server')"
AHEAD = 1_700_000_000
"""Seconds by which its clock is ahead of the loop's."""
OLD = -1_000_000.0


class ToldRedis:
    """What `tim_async.limits.redis.booking.Books` needs of a client.

    Attributes:
        redis: another client, for the test; it blocks, and knows nothing of the told time.
        way: seconds for which a question, and again its answer, is on its way.
        gone: whether nobody is there to be asked.
        started: when the server was started, seconds of the loop's clock.
    """

    def __init__(self, server: RedisServer) -> None:
        self.redis: Any = Redis.from_url(server.url)
        self.redis.flushall()
        self.way = 0.0
        self.gone = False
        self.started = OLD
        self._answers = asyncio.Event()
        self._answers.set()

    def hold(self) -> None:
        """From now on no question is answered."""
        self._answers.clear()

    def go_on(self) -> None:
        """It answers again, also what was asked meanwhile."""
        self._answers.set()

    def start_anew(self) -> None:
        """It is there again, empty and young."""
        self.redis.flushall()
        self.started = asyncio.get_running_loop().time()
        self.gone = False

    def now(self) -> int:
        """What its clock shows, microseconds."""
        return round((asyncio.get_running_loop().time() + AHEAD) * 1e6)

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        """A script that is told the time and the age, where it asks for them."""
        assert (TIME in text) == (INFO in text)
        told = text.replace(TIME, "{ARGV[#ARGV - 2], ARGV[#ARGV - 1]}")
        script = self.redis.register_script(told.replace(INFO, "('uptime_in_seconds:' .. ARGV[#ARGV])"))

        async def ask(keys: Sequence[str], args: Sequence[int]) -> Any:
            await asyncio.sleep(self.way)
            if self.gone:
                raise RedisConnectionError("nobody is there")
            await self._answers.wait()
            seconds, micros = divmod(self.now(), 1_000_000)
            age = int(asyncio.get_running_loop().time() - self.started)
            reply = script(keys=keys, args=[*args, seconds, micros, age])
            await asyncio.sleep(self.way)
            return reply

        return ask

    async def execute_command(self, *words: Any) -> Any:
        """Any command, at once."""
        return self.redis.execute_command(*words)

    def close(self) -> None:
        """End the connections."""
        self.redis.close()
