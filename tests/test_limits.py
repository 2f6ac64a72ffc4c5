"""The limiter in one loop, on virtual time: who waits for what. What it yields: test_limits_yield.py."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from arrivals import most_in_a_second
from virtual_service import BEAT, TAGS, Service, jitter, now
from virtual_time import run

from tim_async.limits.local import Command, LocalLimiter, local_limiter


async def full_use(limiter: LocalLimiter, command: Command = TAGS) -> Callable[[], None]:
    """Takes every permit there is; gives the function that reports one of these calls as over and never sent."""
    permits = [
        await limiter.acquire(command, urgent=True, full=True)
        for _ in range(limiter.statistics(command).available)
    ]  # fmt: skip

    def end_one() -> None:
        limiter.report(permits.pop())

    return end_one


async def settled(*tasks: asyncio.Task[Any]) -> None:
    """Cancels what still runs."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# Who waits for what.


def test_an_idle_limiter_lets_an_urgent_call_go_at_once() -> None:
    async def main() -> None:
        assert await Service(LocalLimiter()).call(urgent=True) < BEAT

    run(main)


def test_calls_that_are_not_urgent_are_paced_after_a_burst_of_three() -> None:
    async def main() -> list[float]:
        service = Service(LocalLimiter())
        return [await service.call() for _ in range(6)]

    waits = run(main)
    assert waits[:3] == pytest.approx([0] * 3, abs=BEAT)
    assert waits[3:] == pytest.approx([0.01] * 3, abs=BEAT)


def test_at_low_rates_one_late_call_does_not_delay_the_next() -> None:
    async def main() -> None:
        service = Service(LocalLimiter(), Command(1, "p", 10))
        await service.call()
        await asyncio.sleep(0.109)
        assert await service.call() < BEAT
        assert await service.call() == pytest.approx(0.09, abs=BEAT)

    run(main)


def test_urgent_calls_that_are_not_full_are_paced_too() -> None:
    """Else a burst of nearly empty calls would eat the second, and then everybody would wait."""

    async def main() -> list[float]:
        service = Service(LocalLimiter())
        return [await service.call(urgent=True) for _ in range(6)]

    waits = run(main)
    assert waits[:3] == pytest.approx([0] * 3, abs=BEAT)
    assert waits[3:] == pytest.approx([0.01 / 0.97] * 3, abs=BEAT)


@pytest.mark.parametrize("full", [True, False])
def test_urgent_calls_under_a_steady_load_wait_for_one_turn_of_the_pace_each(*, full: bool) -> None:
    """In clumps of as many as there are permits they would wait for the rest of each second."""

    async def main() -> list[float]:
        service = Service(LocalLimiter())
        await service.call_for(3, urgent=True, full=full)
        return [await service.call(urgent=True, full=full) for _ in range(500)]

    assert max(run(main)) < 0.06


def test_a_gap_in_urgent_calls_does_not_come_back_second_after_second() -> None:
    async def main() -> list[float]:
        service = Service(LocalLimiter(), forward=jitter(5))
        await service.call_for(3, urgent=True)
        await asyncio.sleep(0.06)
        await service.call_for(4, urgent=True)
        return [await service.call(urgent=True) for _ in range(200)]

    assert max(run(main)) < 0.02


def test_a_rush_of_full_urgent_calls_has_all_permits_once_in_a_while_and_is_paced_then() -> None:
    async def main() -> None:
        service = Service(LocalLimiter())
        await service.call(urgent=True)
        for _ in range(2):
            await asyncio.sleep(1.1)
            waits = [await service.call(urgent=True, full=True) for _ in range(130)]
            assert max(waits[:100]) < BEAT
            assert waits[100] == pytest.approx(1.0, abs=0.03)
            assert sum(waits[101:]) == pytest.approx((29 - 3) * 0.01, abs=0.01)
            await asyncio.sleep(6)

    run(main)


def test_full_calls_go_without_pace_until_half_of_the_permits_are_in_use() -> None:
    async def main() -> list[float]:
        service = Service(LocalLimiter())
        return [await service.call(full=True) for _ in range(60)]

    waits = run(main)
    assert waits[:50] == pytest.approx([0] * 50, abs=BEAT)
    assert sum(waits[50:]) == pytest.approx((10 - 3) * 0.01, abs=10 * BEAT)


def test_full_calls_are_paced_for_five_seconds_after_an_urgent_one() -> None:
    async def main() -> None:
        service = Service(LocalLimiter())
        await service.call(urgent=True)
        assert sum([await service.call(full=True) for _ in range(10)]) == pytest.approx(0.07, abs=10 * BEAT)
        await asyncio.sleep(5)
        assert sum([await service.call(full=True) for _ in range(10)]) < 10 * BEAT

    run(main)


def test_while_urgent_calls_come_the_others_leave_them_a_twentieth() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        service = Service(limiter)
        await service.call(urgent=True)
        bulk = asyncio.create_task(service.call_for(4))
        await asyncio.sleep(3)
        assert limiter.statistics(TAGS).available == 5
        assert max([await service.call(urgent=True) for _ in range(3)]) < BEAT
        assert max([await service.call(urgent=True) for _ in range(2)]) < 0.011
        await settled(bulk)

    run(main)


def test_five_seconds_after_the_last_urgent_call_the_others_take_all() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        await limiter.acquire(TAGS, urgent=True)
        for _ in range(94):
            await limiter.acquire(TAGS)
        assert limiter.statistics(TAGS).available == 5
        began = now()
        assert (await limiter.acquire(TAGS)).taken == pytest.approx(5, abs=0.01)
        assert began < 2

    run(main)


@pytest.mark.uncounted
def test_urgent_calls_wait_hardly_at_all_beside_saturating_bulk() -> None:
    async def main() -> list[float]:
        rng = random.Random(7)
        service = Service(LocalLimiter(), forward=jitter(5))
        bulk = [asyncio.create_task(service.call_for(120, full=full)) for full in (True, False)]
        waits: list[float] = []
        await service.call(urgent=True)
        for _ in range(600):
            await asyncio.sleep(rng.expovariate(8))
            waits.append(await service.call(urgent=True))
        await settled(*bulk)
        assert most_in_a_second(service.arrivals) <= 100
        assert service.rate(since=2) > 93
        return waits

    waits = sorted(run(main))
    assert waits[len(waits) * 99 // 100] <= 0.005


def test_an_urgent_call_overtakes_all_that_wait_for_a_permit() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        end_one = await full_use(limiter)
        order: list[str] = []

        async def wait(name: str, *, urgent: bool) -> None:
            await limiter.acquire(TAGS, urgent=urgent, full=True)
            order.append(name)

        tasks = [asyncio.create_task(wait(name, urgent=name == "urgent")) for name in ("bulk", "urgent")]
        await asyncio.sleep(0.1)
        assert order == []
        end_one()
        await asyncio.sleep(0.1)
        assert order == ["urgent"]
        for _ in range(6):  # five are left for urgent ones
            end_one()
        await asyncio.sleep(0.1)
        assert order == ["urgent", "bulk"]
        await asyncio.gather(*tasks)

    run(main)


def test_who_waits_for_the_end_of_a_call_is_woken_by_it() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        command = Command(1, "p", 1)
        running = await limiter.acquire(command)
        waiting = asyncio.create_task(limiter.acquire(command))
        await asyncio.sleep(1000)
        assert not waiting.done()
        limiter.report(running)
        assert (await waiting).taken == pytest.approx(1000, abs=0.01)

    run(main)


def test_two_clients_share_one_limit_fairly() -> None:
    async def main() -> None:
        service = Service(LocalLimiter())
        mine, yours = await asyncio.gather(service.call_for(20), service.call_for(20))
        assert abs(mine - yours) <= 4  # the first to ask gets the burst
        assert service.rate(since=2) >= 99.5
        assert most_in_a_second(service.arrivals) == 100

    run(main)


def test_commands_do_not_wait_for_each_other_nor_do_apps() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        await full_use(limiter)
        for other in (Command(1400000000, "timpush/set_attr", 100), Command(1400000001, "timpush/get_tag", 100)):
            assert await Service(limiter, other).call(urgent=True) < BEAT

    run(main)


@pytest.mark.parametrize("rates", [(100, 20), (20, 100)])
def test_where_clients_disagree_about_a_rate_the_lower_one_holds(rates: tuple[float, float]) -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        services = [Service(limiter, Command(1, "p", rate)) for rate in rates]
        await asyncio.gather(*(service.call_for(20) for service in services))
        arrivals = [*services[0].arrivals, *services[1].arrivals]
        assert most_in_a_second([when for when in arrivals if when > 1.1]) == 20
        assert min(len(service.arrivals) for service in services) > 0.45 * 20 * 20

    run(main)


@pytest.mark.parametrize("rates", [(100, 20), (20, 100)])
def test_the_lower_rate_is_also_the_pace(rates: tuple[float, float]) -> None:
    async def main() -> list[float]:
        limiter = LocalLimiter()
        services = [Service(limiter, Command(1, "p", rate)) for rate in rates]
        return [await service.call() for service in services * 4]

    assert run(main)[3:] == pytest.approx([0.05] * 5, abs=BEAT)


def test_a_rate_that_is_no_positive_number_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="positive number"):
            await LocalLimiter().acquire(Command(1, "p", 0))

    run(main)


@pytest.mark.parametrize("urgent", [False, True])
def test_a_rate_that_is_raised_holds_at_once_for_all_who_wait(*, urgent: bool) -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        old = Command(1, "p", 0.001)
        for _ in range(2):
            waiting = [asyncio.create_task(limiter.acquire(old, urgent=urgent)) for _ in range(4)]
            await asyncio.sleep(1)
            assert sum(task.done() for task in waiting) == 1
            began = now()
            new = Command(1, "p", 100)
            limiter.change(old, new, last_word=True)
            for permit in await asyncio.gather(*waiting):
                limiter.report(permit)
            assert now() - began < 0.05
            limiter.change(new, old, last_word=True)
            await asyncio.sleep(1000)

    run(main)


def test_a_rate_that_changes_when_nobody_waits_is_the_pace_of_the_next() -> None:
    async def main() -> list[float]:
        limiter = LocalLimiter()
        fast, slow = Command(1, "p", 100), Command(1, "p", 10)
        waits = [await Service(limiter, fast).call() for _ in range(3)]
        limiter.change(fast, slow, last_word=True)
        return [*waits, *[await Service(limiter, slow).call() for _ in range(3)]]

    assert run(main) == pytest.approx([0, 0, 0, 0, 0.09, 0.1], abs=10 * BEAT)


# Refusals.


def test_after_a_refusal_calls_are_slower_and_then_recover() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        service = Service(limiter)
        await service.call_for(5)
        for _ in range(3):
            permit = await limiter.acquire(TAGS)
            permit.written = permit.answered = now()
            limiter.report(permit, refused=True)
        slowed = now()
        await service.call_for(0.5)
        assert [await service.call() for _ in range(3)] == pytest.approx([0.01 / 0.729] * 3, abs=BEAT)
        assert limiter.statistics(TAGS).share == pytest.approx(0.729)
        await service.call_for(20)
        calls = [when - slowed for when in service.arrivals if when > slowed]
        assert len([when for when in calls if 0.5 <= when < 1.5]) in range(71, 75)
        assert len([when for when in calls if 15 <= when < 16]) in range(99, 101)

    run(main)


def test_an_alarm_takes_a_tenth_off_the_rate() -> None:
    async def main() -> float:
        limiter = LocalLimiter()
        limiter.slow(TAGS)
        return limiter.statistics(TAGS).share

    assert run(main) == 0.9


# Cancelling.


def test_cancelling_whoever_waits_for_the_pace_loses_no_token() -> None:
    async def main() -> None:
        service = Service(LocalLimiter())
        for _ in range(3):
            await service.call()
        for _ in range(20):
            waiting = asyncio.create_task(service.call())
            await asyncio.sleep(0.0004)
            await settled(waiting)
        assert await service.call() == pytest.approx(0.002, abs=20 * BEAT)

    run(main)


def test_cancelling_whoever_waits_for_a_permit_loses_neither_token_nor_permit() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        end_one = await full_use(limiter)
        for _ in range(20):
            waiting = asyncio.create_task(limiter.acquire(TAGS, urgent=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await settled(waiting)
        for _ in range(4):
            end_one()
        began = now()
        for _ in range(3):
            await limiter.acquire(TAGS, urgent=True)
        assert now() - began < BEAT  # three tokens were there, and three are there still
        assert limiter.statistics(TAGS).available == 1

    run(main)


def test_a_permit_that_was_given_to_a_cancelled_task_is_not_lost() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        end_one = await full_use(limiter)
        tasks = [asyncio.create_task(limiter.acquire(TAGS, urgent=True)) for _ in range(2)]
        await asyncio.sleep(0.1)
        end_one()  # gives the permit to the first, which has not run yet
        tasks[0].cancel()
        await asyncio.sleep(0.1)
        assert tasks[0].cancelled()
        assert tasks[1].done()
        assert limiter.statistics(TAGS).available == 0

    run(main)


@pytest.mark.uncounted
def test_asking_again_and_again_costs_nothing() -> None:
    """What a dispatcher does: it drops its waiting for a token whenever something more urgent comes."""

    async def main() -> None:
        rng = random.Random(7)
        service = Service(LocalLimiter())
        end = now() + 20
        while now() < end:
            call = asyncio.create_task(service.call())
            await asyncio.wait({call}, timeout=rng.uniform(0, 0.012))
            await settled(call)
        assert service.rate(since=2) >= 99
        assert most_in_a_second(service.arrivals) == 100

    run(main)


# One for the process.


def test_there_is_one_limiter_for_the_process_also_where_no_loop_runs() -> None:
    async def main() -> LocalLimiter:
        return local_limiter()

    assert run(main) is run(main) is local_limiter()


def test_a_second_report_changes_nothing() -> None:
    async def main() -> None:
        limiter = LocalLimiter()
        permit = await limiter.acquire(TAGS)
        limiter.report(permit)
        limiter.report(permit, refused=True)
        assert limiter.statistics(TAGS).available == 100
        assert limiter.statistics(TAGS).refusals == 0

    run(main)
