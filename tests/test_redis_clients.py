"""Which clients of Redis the shared limiter takes: a cluster's and a sentinel's too, for real, and nothing else."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis_server import Ear, RedisServer, free_port

from tim_async.limits.local import Command
from tim_async.limits.redis import RedisLimiter

COMMAND = Command(1400000000, "timpush/get_tag", 100)
TIMEOUT = 20.0  # seconds; where nobody listens that is known at once, and a slow machine needs them
SENTINEL: Any = Sentinel  # the package has no types for it


async def call(limiter: RedisLimiter) -> None:
    permit = await asyncio.wait_for(limiter.acquire(COMMAND), 30)
    permit.written = permit.answered = time.monotonic()
    limiter.report(permit)


async def until_ready(server: RedisServer) -> None:
    """Give the only node all slots, and wait until the cluster serves them."""
    client: Any = Redis.from_url(server.url)
    async with client:
        if (await client.cluster("INFO"))["cluster_slots_assigned"] == "0":
            await client.cluster("ADDSLOTSRANGE", 0, 16383)
        while (await client.cluster("INFO"))["cluster_state"] != "ok":  # noqa: ASYNC110 - nothing tells when it is
            await asyncio.sleep(0.05)


async def test_a_cluster_that_dies_is_done_without_as_one_server_is_and_found_again() -> None:
    with RedisServer("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        await until_ready(server)
        client: Any = RedisCluster(host="127.0.0.1", port=server.port)
        async with RedisLimiter(client, processes=1, timeout=TIMEOUT) as limiter:
            await call(limiter)
            assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
            lost, back = Ear("out of reach (ConnectionError: RedisClusterException: "), Ear("is back")
            server.kill()
            while not lost.heard.is_set():
                await call(limiter)
            await call(limiter)
            assert repr(limiter) == "<RedisLimiter of 1 processes: without Redis>"
            server.start()
            await until_ready(server)
            while not back.heard.is_set():
                await call(limiter)
            assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
        await client.aclose()


async def test_a_cluster_that_was_never_there_is_done_without() -> None:
    client: Any = RedisCluster(host="127.0.0.1", port=free_port())
    async with RedisLimiter(client, processes=1, timeout=TIMEOUT) as limiter:
        await call(limiter)
        assert repr(limiter) == "<RedisLimiter of 1 processes: without Redis>"
    await client.aclose()


async def test_what_a_sentinel_gives_is_a_client_as_any_other(tmp_path: Path) -> None:
    with RedisServer() as server:
        settings = tmp_path / "sentinel.conf"
        settings.write_text(f"sentinel monitor mymaster 127.0.0.1 {server.port} 1\n")
        with RedisServer(first=(str(settings), "--sentinel")) as watch:
            sentinel = SENTINEL([("127.0.0.1", watch.port)], socket_timeout=TIMEOUT)
            client = sentinel.master_for("mymaster")
            async with RedisLimiter(client, processes=1, timeout=TIMEOUT) as limiter:
                await call(limiter)
                assert repr(limiter) == "<RedisLimiter of 1 processes: shared>"
                server.kill()
                lost = Ear("out of reach")
                while not lost.heard.is_set():
                    await call(limiter)
                assert repr(limiter) == "<RedisLimiter of 1 processes: without Redis>"
            for each in (client, *sentinel.sentinels):
                await each.aclose()


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        (redis.Redis(), "redis.client.Redis"),
        (SENTINEL([("127.0.0.1", 1)]), "redis.asyncio.sentinel.Sentinel"),
        (None, "builtins.NoneType"),
        (6379, "builtins.int"),
        (b"redis://127.0.0.1", "builtins.bytes"),
        (Redis, r".*Meta"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_client_is_refused_when_the_limiter_is_made(client: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"^redis must be a URL or a client such as .*, not {kind}$"):
        RedisLimiter(client, processes=1)


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1", "", "redis"])
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL must specify one of the following schemes"):
        RedisLimiter(url, processes=1)
