"""Metrics as Prometheus scrapes them."""

import asyncio

import aiohttp
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from servers import Puppet, client_of, refuse, yes

from tim_async import Client, LaneSlowed, RedisBack, RedisLost
from tim_async.prometheus import Metrics

TAGS = "timpush/get_tag"


async def scraped(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Over HTTP: (name, label values in the order of the label names) -> value."""
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.server_port}/") as reply:
            text = await reply.text()
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created", "_sum"))
    }


async def asked_and_refused(puppet: Puppet, tim: Client) -> None:
    task = asyncio.create_task(tim.push.get_tags(["Mary", "Tom"]))
    (await puppet.call()).answer(refuse(60007))
    (await puppet.call()).reset()
    last = await puppet.call()
    last.answer(yes(last))
    await task


async def test_a_scrape_finds_what_calls_took_and_what_became_of_their_items(puppet: Puppet) -> None:
    registry = CollectorRegistry()
    async with client_of(puppet, hooks=[Metrics(registry)]) as tim:
        await asked_and_refused(puppet, tim)
    found = await scraped(registry)
    assert found.pop(("tim_wait_seconds_total", TAGS)) >= 0
    assert 0 < found.pop(("tim_limit_share", TAGS)) <= 1
    gauges: dict[tuple[str, ...], float] = {
        ("tim_waiting", TAGS, priority): 0 for priority in ("interactive", "normal", "bulk")
    }
    assert found == gauges | {
        ("tim_call_seconds_count", TAGS, ""): 1,
        ("tim_call_seconds_count", TAGS, "60007"): 1,
        ("tim_call_seconds_count", TAGS, "RequestError"): 1,
        ("tim_outcomes_total", TAGS, "again"): 4,
        ("tim_outcomes_total", TAGS, "Ok"): 2,
        ("tim_repeats_total", "60007", TAGS): 4,
        ("tim_pauses_total", TAGS): 1,
        ("tim_paused", TAGS): 0,
        ("tim_redis_lost",): 0,
    }


async def test_several_clients_share_one_set_of_metrics_and_a_second_set_is_refused(puppet: Puppet) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    puppet.respond = yes
    for _ in range(2):
        async with client_of(puppet, hooks=[metrics]) as tim:
            await tim.push.get_tags.one("Mary")
    assert (await scraped(registry))["tim_outcomes_total", TAGS, "Ok"] == 2
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


async def test_a_lost_redis_is_shown_until_it_is_back() -> None:
    metrics = Metrics()
    try:
        metrics(RedisLost("ConnectionError"))
        assert (await scraped(REGISTRY))["tim_redis_lost",] == 1
        metrics(RedisBack(1.0))
        assert (await scraped(REGISTRY))["tim_redis_lost",] == 0
    finally:
        for collector in list(REGISTRY._collector_to_names):
            if str(collector).startswith(("tim_", "histogram:tim", "counter:tim", "gauge:tim")):
                REGISTRY.unregister(collector)


async def test_what_it_does_not_want_changes_nothing_where_somebody_hands_on_all_events() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    before = await scraped(registry)
    metrics(LaneSlowed("timpush/get_tag", 50.0, 100.0, "an alarm"))
    assert await scraped(registry) == before
