"""The pool of permits as a whole: the proof that it never lets too many through, and what that costs."""

import heapq
import math
import random
from collections.abc import Callable
from itertools import count, pairwise
from typing import NamedTuple

import pytest
from arrivals import most_in_a_second, over, sustained
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from tim_async.limits.permits import ENOUGH, Permits

pytestmark = pytest.mark.uncounted


class Trip(NamedTuple):
    """What happens to one call on its way, in seconds."""

    forward: float  # from written to the service
    service: float  # from the service to the answer, the way back included
    connect: float = 0.0  # from the permit to written
    fresh: bool = False
    lost: bool = False  # no answer, only an end
    refused: bool = False


def play(permits: Permits, trip: Callable[[float], Trip], *, calls: int, pace: float = 0.0) -> list[float]:
    """When each of `calls` calls reaches the service, if each is made as soon as permits and pace (burst 3) allow."""
    events: list[tuple[float, int, Callable[[float], None]]] = []
    order = count()
    arrivals: list[float] = []
    now = paced_at = 0.0

    def begin(way: Trip) -> None:
        permit = permits.take(now)

        def write(when: float) -> None:
            permit.written = when

        def end(when: float) -> None:
            permit.answered = None if way.lost else when
            permits.end(permit, when, refused=way.refused)

        arrivals.append(now + way.connect + way.forward)
        permit.fresh = way.fresh
        heapq.heappush(events, (now + way.connect, next(order), write))
        heapq.heappush(events, (arrivals[-1] + way.service, next(order), end))

    while len(arrivals) < calls:
        when = max(permits.next_at(now), paced_at - 2 * pace)
        if events and events[0][0] <= when:
            now, _, happen = heapq.heappop(events)
            happen(now)
            continue
        assert when < math.inf, "nothing can happen any more"
        now = max(now, when)
        if permits.available(now):
            paced_at = max(paced_at, now) + pace
            begin(trip(now))
    return arrivals


# The proof.

seconds = st.floats(min_value=0.0, max_value=1.0)
trips = st.lists(
    st.builds(
        Trip, forward=seconds, service=seconds.map(lambda s: s + 0.02), connect=seconds, fresh=st.booleans(),
        lost=st.booleans(),
    ),
    min_size=8,
    max_size=40,
)  # fmt: skip


@examples(150)
@given(ways=trips, least=seconds)
def test_if_the_least_latency_is_known_no_second_sees_more_calls_than_the_limit(ways: list[Trip], least: float) -> None:
    """Whatever the jitter, the service and the connecting take, and whichever answers are lost."""
    known = [Trip(least, 0.02)] * ENOUGH
    rest = iter(known + [way._replace(forward=least + way.forward) for way in ways])
    arrivals = play(Permits(4, cap=math.inf), lambda _: next(rest), calls=ENOUGH + len(ways))
    times = sorted(arrivals)
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[4:], strict=False))


@examples(150)
@given(ways=trips)
def test_while_nothing_is_known_no_second_sees_more_calls_than_the_limit(ways: list[Trip]) -> None:
    rest = iter(ways)
    arrivals = play(Permits(3), lambda _: next(rest), calls=len(ways))
    assert most_in_a_second(arrivals) <= 3


@examples(50)
@given(ways=trips)
def test_one_permit_keeps_calls_a_second_apart(ways: list[Trip]) -> None:
    rest = iter(ways)
    arrivals = play(Permits(1), lambda _: next(rest), calls=len(ways))
    assert all(later - earlier >= 1 for earlier, later in pairwise(arrivals))


# What it costs, and where the cap ends the proof: 60 seconds and more of traffic at the limit.


def constant(seconds: float) -> Callable[[random.Random], float]:
    return lambda _: seconds


def uniform(seconds: float) -> Callable[[random.Random], float]:
    return lambda rng: rng.uniform(0, seconds)


def lost_packets(rng: random.Random) -> float:
    return rng.uniform(0, 0.02) + (0.2 if rng.random() < 0.01 else 0.0)


def heavy_tail(rng: random.Random) -> float:
    return 0.02 + rng.expovariate(1 / 0.06)


def log_normal(rng: random.Random) -> float:
    return 0.08 * math.exp(rng.gauss(0, 1))


@pytest.mark.parametrize(
    ("service", "forward", "cap", "least", "most_over"),
    [
        (constant(0.02), constant(0), 0.05, 99.85, 0),
        (constant(0.5), constant(0.1), 0.05, 99.85, 0),
        (constant(0.02), uniform(0.005), 0.05, 99.5, 0),
        (constant(0.02), uniform(0.02), 0.05, 98.5, 0),
        (constant(0.02), uniform(0.02), 0.02, 98.5, 0),
        (constant(0.02), lost_packets, 0.05, 98.0, 70),
        (constant(0.02), lost_packets, math.inf, 98.0, 0),
        (heavy_tail, uniform(0.02), 0.05, 94.5, 0),
        (heavy_tail, uniform(0.02), math.inf, 91.5, 0),
        (log_normal, uniform(0.02), 0.05, 88.5, 0),
        (log_normal, uniform(0.02), math.inf, 85.5, 0),
        (constant(2), uniform(0.02), 0.05, 94.5, 0),
    ],
)
def test_what_the_limit_yields(
    service: Callable[[random.Random], float],
    forward: Callable[[random.Random], float],
    cap: float,
    least: float,
    most_over: int,
) -> None:
    rng = random.Random(7)
    arrivals = play(
        Permits(100, cap=cap), lambda _: Trip(forward(rng), service(rng)), calls=6000, pace=0.01
    )  # fmt: skip
    assert sustained(arrivals) >= least
    assert over(arrivals) <= most_over


@pytest.mark.parametrize("length", [0.1, 0.2, 0.4, 0.9, 1.5, 4.0])
def test_a_path_that_stalls_never_makes_too_many(length: float) -> None:
    rng = random.Random(7)

    def trip(now: float) -> Trip:
        stalled_for = (now - 5) % 10
        held_up = max(0.0, length - stalled_for) if now > 5 else 0.0
        return Trip(held_up + rng.uniform(0, 0.02), 0.02)

    assert most_in_a_second(play(Permits(100), trip, calls=6000, pace=0.01)) == 100


def test_calls_in_clumps_are_never_too_many() -> None:
    rng = random.Random(7)
    arrivals = play(Permits(100), lambda _: Trip(rng.uniform(0, 0.02), 0.02, fresh=rng.random() < 0.1), calls=3000)
    assert most_in_a_second(arrivals) == 100


def test_a_limit_that_is_lower_than_thought_is_found_and_used() -> None:
    """Another process of the same app takes half of it."""
    accepted: list[float] = []
    refused: list[float] = []

    def trip(now: float) -> Trip:
        if len(accepted) < 50 or now - accepted[-50] >= 1:
            accepted.append(now)
            return Trip(0.0, 0.02)
        refused.append(now)
        return Trip(0.0, 0.01, refused=True)

    play(Permits(100), trip, calls=4000, pace=0.01)
    settled = [now for now in accepted if now > 20]
    assert sustained(settled) > 44
    assert len([now for now in refused if now > 20]) < 0.03 * len(settled)
