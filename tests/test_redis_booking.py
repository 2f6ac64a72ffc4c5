"""The conversation with Redis, against a real server: what is booked, what comes back, and whose clock counts.

Where the time makes a difference, the server is told it.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import pytest
from redis.asyncio import Redis
from redis_server import RedisServer
from told_redis import ToldRedis

from tim_async.limits.local import Command
from tim_async.limits.redis.booking import AHEAD, TROUBLE, Books, Clock, Terms

pytestmark = pytest.mark.clock("virtual")

TERMS = Terms(spacing=0.01, queue=8, settle=30.0)
COMMAND = Command(1400000000, "timpush/get_tag", 100)
KEY = "{tests:1400000000:timpush/get_tag}"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def told(server: RedisServer) -> AsyncIterator[ToldRedis]:
    """A server on which the budget has been used before."""
    told = ToldRedis(server)
    told.redis.hset(KEY, "next", "1")
    yield told
    told.redis.config_set("min-replicas-to-write", "0")
    told.close()


@pytest.fixture
def redis(told: ToldRedis) -> Any:
    """A client of it, for the test alone."""
    return told.redis


def books_of(redis: Any) -> Books:
    return Books(redis, processes=4, margin=0.98, prefix="tests", timeout=0.5)


@pytest.fixture
def books(told: ToldRedis) -> Books:
    return books_of(told)


# Book.


def end(redis: Any) -> int:
    """The slot after the last that is booked, microseconds of Redis' clock."""
    return int(redis.hget(KEY, "next"))


async def test_slots_are_booked_one_after_the_other_whoever_books(told: ToldRedis, books: Books) -> None:
    first = await books.book(COMMAND, 3, TERMS)
    before = end(told.redis)
    second = await books_of(told).book(COMMAND, 2, TERMS)
    assert (len(first.slots), len(second.slots)) == (3, 2)
    slots = first.slots + second.slots
    # Each process knows Redis' clock no better than its quickest round trip.
    tolerance = first.seconds + second.seconds
    assert all(abs(later - earlier - 0.01) <= tolerance for earlier, later in pairwise(slots))
    assert end(told.redis) == before + 20_000
    assert (first.booked, second.booked) == (1, 2)


async def test_commands_and_apps_have_budgets_of_their_own(books: Books, redis: Any) -> None:
    others = [Command(1400000001, COMMAND.path, 100), Command(COMMAND.sdk_app_id, "timpush/set_attr", 100)]
    for other in others:
        redis.hset(f"{{tests:{other.sdk_app_id}:{other.path}}}", "next", "1")
    bookings = [await books.book(command, 5, TERMS) for command in (COMMAND, *others)]
    assert [booking.booked for booking in bookings] == [1, 1, 1]


async def test_time_that_nobody_booked_is_gone(books: Books, told: ToldRedis) -> None:
    """However long nobody called, there is no burst: the first slot is now."""
    before = told.now()
    await books.book(COMMAND, 2, TERMS)
    assert before + 20_000 <= end(told.redis) <= told.now() + 20_000


async def test_a_run_ends_within_half_a_second_so_that_nobody_waits_long(books: Books) -> None:
    assert len((await books.book(COMMAND, 1000, TERMS)).slots) == AHEAD / TERMS.spacing
    assert len((await books.book(COMMAND, 1000, TERMS)).slots) == 1


async def test_beyond_the_queue_of_all_nothing_is_booked(books: Books) -> None:
    """More processes than were declared must not book so far ahead that the beginning without Redis meets them."""
    await books.book(COMMAND, 1000, TERMS)
    bookings = [await books.book(COMMAND, 1, Terms(0.01, 3, 30.0)) for _ in range(8)]
    numbers = [len(booking.slots) for booking in bookings]
    assert numbers == sorted(numbers, reverse=True)
    assert 3 <= sum(numbers) <= 5
    assert bookings[-1].start == pytest.approx(bookings[-2].start, abs=0.05)


async def test_to_ask_books_nothing_and_needs_a_server_that_can_be_written_to(books: Books, redis: Any) -> None:
    asked = await books.book(COMMAND, 0, TERMS)
    assert (asked.slots, asked.booked) == ([], 0)
    assert redis.hget(KEY, "next") == b"1"
    redis.config_set("min-replicas-to-write", "1")
    with pytest.raises(TROUBLE):
        await books.book(COMMAND, 0, TERMS)


async def test_the_keys_end_when_nobody_books_for_an_hour(books: Books, redis: Any) -> None:
    await books.book(COMMAND, 1, TERMS)
    assert 3_590_000 < redis.pttl(KEY) <= 3_600_020


# Go slower.


async def test_a_refusal_makes_everybody_slower_and_is_forgotten_in_time(books: Books, redis: Any) -> None:
    assert (await books.book(COMMAND, 1, TERMS, refused=0.0)).spacing == 11_112
    assert (await books.book(COMMAND, 1, TERMS)).spacing == 11_112
    assert 3000 < redis.pttl(f"{KEY}:slow") <= 4000  # 2 s, and two more for 10 % at 5 % a second


@pytest.mark.parametrize("ago", [0.0, 5.0])
async def test_a_call_booked_before_the_last_refusal_was_known_says_nothing_new(books: Books, ago: float) -> None:
    await books.book(COMMAND, 0, TERMS, refused=0.0)
    assert (await books.book(COMMAND, 1, TERMS, refused=ago)).spacing == 11_112


async def test_refusals_add_up_to_a_tenth_of_the_pace(books: Books, redis: Any) -> None:
    redis.set(f"{KEY}:slow", "0.11", px=19_000)  # its refusal was 0.8 s ago
    assert (await books.book(COMMAND, 1, TERMS, refused=0.1)).spacing == 100_000


async def test_the_pace_grows_again_by_five_percent_a_second(books: Books, redis: Any) -> None:
    began = time.monotonic()  # keys end by the server's own clock, which is not told
    redis.set(f"{KEY}:slow", "0.5", px=4_000)
    spacing = (await books.book(COMMAND, 1, TERMS)).spacing
    grown = 0.05 * (time.monotonic() - began + 0.002)
    assert 10_000 / (0.8 + grown) <= spacing <= 12_501


# What may have been forgotten.


async def test_a_young_server_that_knows_nothing_keeps_shut_until_all_have_noticed(
    told: ToldRedis, books: Books
) -> None:
    told.start_anew()
    first = await books.book(COMMAND, 5, TERMS)
    await asyncio.sleep(0.5 * TERMS.settle)
    second = await books.book(COMMAND, 5, TERMS)
    assert (first.slots, second.slots) == ([], [])
    assert first.start == pytest.approx(second.start, abs=0.05)  # the second does not begin it anew
    await asyncio.sleep(0.5 * TERMS.settle)
    assert len((await books.book(COMMAND, 5, TERMS)).slots) == 5


async def test_a_server_of_age_that_knows_nothing_is_just_idle(told: ToldRedis, books: Books) -> None:
    told.start_anew()
    await asyncio.sleep(TERMS.settle + 2.001)  # it tells whole seconds
    assert len((await books.book(COMMAND, 5, TERMS)).slots) == 5


async def test_a_server_that_just_came_of_age_may_still_be_young(told: ToldRedis, books: Books) -> None:
    told.start_anew()
    await asyncio.sleep(TERMS.settle + 1.999)
    assert (await books.book(COMMAND, 5, TERMS)).slots == []


@pytest.mark.clock("patient")
async def test_a_real_server_tells_its_age(server: RedisServer) -> None:
    with RedisServer() as young:
        for url, slots in ((young.url, 0), (server.url, 5)):
            books = Books(url, processes=4, margin=0.98, prefix="tests", timeout=0.5)
            await books._redis.flushall()
            settle = (await books._redis.info("server"))["uptime_in_seconds"] - 2 if slots else 3600
            assert len((await books.book(COMMAND, 5, Terms(0.01, 8, settle))).slots) == slots
            await books.aclose()


@pytest.mark.clock("patient")
async def test_a_server_that_does_not_tell_its_age_counts_as_young(server: RedisServer, redis: Any) -> None:
    redis.delete(KEY)
    redis.execute_command("ACL", "SETUSER", "shy", "on", "nopass", "~*", "+@all", "-info")
    books = Books(server.url.replace("//", "//shy:any@"), processes=4, margin=0.98, prefix="tests", timeout=0.5)
    assert (await books.book(COMMAND, 5, Terms(0.01, 8, 1.0))).slots == []
    await books.aclose()


async def test_who_comes_back_first_keeps_it_shut_until_the_others_have_noticed(books: Books) -> None:
    asked = await books.book(COMMAND, 0, TERMS)
    first = await books.book(COMMAND, 1, TERMS, seen=asked.booked)
    assert first.slots == []
    second = await books.book(COMMAND, 1, TERMS, seen=asked.booked)
    assert second.start == pytest.approx(first.start, abs=0.05)


async def test_who_comes_back_while_others_book_just_goes_on(books: Books) -> None:
    asked = await books.book(COMMAND, 0, TERMS)
    await books.book(COMMAND, 1, TERMS)
    assert len((await books.book(COMMAND, 1, TERMS, seen=asked.booked)).slots) == 1


async def test_a_server_whose_clock_was_set_back_does_not_wait_for_the_old_time(books: Books, told: ToldRedis) -> None:
    told.redis.hset(KEY, "next", str(told.now() + 3_600_000_000))
    assert len((await books.book(COMMAND, 1, Terms(0.01, 8, 0.0))).slots) == 1


@pytest.mark.clock("patient")
async def test_a_restarted_server_learns_the_script_anew() -> None:
    with RedisServer() as server:
        books = Books(server.url, processes=4, margin=0.98, prefix="tests", timeout=0.5)
        await books.book(COMMAND, 0, TERMS)
        server.kill()
        with pytest.raises(TROUBLE):
            await books.book(COMMAND, 0, TERMS)
        server.start()
        assert (await books.book(COMMAND, 0, TERMS)).booked == 0
        await books.aclose()


@pytest.mark.clock("patient")
async def test_a_server_that_does_not_answer_in_time_is_trouble() -> None:
    with RedisServer() as server:
        books = Books(server.url, processes=4, margin=0.98, prefix="tests", timeout=0.1)
        await books.book(COMMAND, 0, TERMS)
        server.hold()
        with pytest.raises(TROUBLE):
            await books.book(COMMAND, 0, TERMS)
        server.go_on()
        assert (await books.book(COMMAND, 0, TERMS)).booked == 0
        await books.aclose()


# Whose clock, whose client.


def test_the_quickest_round_trip_tells_the_distance_of_the_clocks_best() -> None:
    clock = Clock()
    assert clock.distance(10.0, 5.0, 10.5) == 5.5
    assert clock.distance(11.0, 6.2, 11.3) == pytest.approx(5.1)
    assert clock.distance(12.0, 7.05, 12.9) == pytest.approx(5.116)


def test_clocks_may_drift_and_ways_become_longer() -> None:
    clock = Clock()
    clock.distance(0.0, 0.0, 0.001)
    assert clock.distance(1.0, 1.0, 1.04) == pytest.approx(0.0114, abs=1e-4)
    assert clock.distance(2.0, 2.0, 2.04) == pytest.approx(0.0214, abs=1e-4)
    assert clock.distance(9.0, 9.0, 9.04) == pytest.approx(0.04)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_was_set_is_believed_at_once(step: float) -> None:
    clock = Clock()
    clock.distance(10.0, 5.0, 10.1)
    assert clock.distance(11.0, 6.0 + step, 11.1) == pytest.approx(5.1 - step, abs=0.1)


@pytest.mark.clock("patient")
async def test_a_client_of_the_caller_is_used_and_not_closed(server: RedisServer, redis: Any) -> None:
    assert redis is not None
    mine: Any = Redis.from_url(server.url)
    books = Books(mine, processes=4, margin=0.98, prefix="tests", timeout=0.5)
    assert len((await books.book(COMMAND, 2, TERMS)).slots) == 2
    await books.aclose()
    assert await mine.ping()
    await mine.aclose()


@pytest.mark.clock("patient")
async def test_a_client_that_decodes_is_as_good(server: RedisServer, redis: Any) -> None:
    assert redis is not None
    decoding: Any = Redis.from_url(server.url, decode_responses=True)
    books = Books(decoding, processes=4, margin=0.98, prefix="tests", timeout=0.5)
    assert len((await books.book(COMMAND, 2, TERMS)).slots) == 2
    await decoding.aclose()


def test_without_the_package_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['redis'] = None; import tim_async.redis"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: the shared limiter needs the package redis: pip install 'tim-async[redis]'"
    )
