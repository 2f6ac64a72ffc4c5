"""The slots of one process: when they may be used, what they pay for, and what the service then sees."""

import heapq
import math
import random
from itertools import count

import pytest

from tim_async.limits.permits import ENOUGH, Permit
from tim_async.limits.redis.slots import Slots


def slots_at(*times: float, rate: float = 100) -> Slots:
    slots = Slots(rate, 0.98)
    slots.book(list(times))
    return slots


def use(slots: Slots, now: float, *, late: float = 0.0) -> Permit:
    """A call at `now` whose answer takes 20 ms, and `late` seconds more."""
    permit = slots.take(now)
    assert permit is not None
    permit.written = now
    permit.answered = now + 0.02 + late
    return permit


def hang(slots: Slots, now: float) -> Permit:
    """A call at `now` that is not answered."""
    permit = slots.take(now)
    assert permit is not None
    permit.written = now
    return permit


def practised(rate: float = 100) -> tuple[Slots, float]:
    """Slots whose process has seen enough answers of 20 ms to trust them, with none left, and the time."""
    slots = Slots(rate, 0.98)
    for place in range(ENOUGH):
        now = place * max(1.1, 1.1 / rate)
        slots.book([now])
        assert slots.end(use(slots, now), now + 0.02, refused=False)
    now = (ENOUGH + 2) * max(1.1, 1.1 / rate)
    assert slots.room_at(now, 1) == now
    return slots, now


# How long, and how far apart.


@pytest.mark.parametrize(
    ("rate", "window", "calls", "spare"),
    [
        (100, 1, 100, 1 / 49),
        (25, 1, 25, 1 / 49),
        (10, 1, 10, 0.05),
        (2.5, 1, 2, 0.1),
        (1, 1, 1, 0.1),
        (0.1, 10, 1, 10 / 49),
    ],
)
def test_a_span_is_a_bit_more_than_a_window_and_has_as_many_slots_as_that_has_calls(
    rate: float, window: float, calls: int, spare: float
) -> None:
    """The bit is the margin's, or up to 0.1 s at low rates, as long as a slot that goes by would cost more."""
    slots = Slots(rate, 0.98)
    assert slots.window == window
    assert slots.span == pytest.approx(window + spare)
    assert slots.spacing == pytest.approx((window + spare) / calls)


def test_a_lower_limit_takes_effect_at_once() -> None:
    slots = Slots(100, 0.98)
    slots.permits.set_rate(0.5, 0.0)
    assert (slots.window, slots.span, slots.spacing) == (2, 2.1, 2.1)


def test_a_margin_that_covers_nothing_still_leaves_a_millisecond_for_the_timer() -> None:
    assert Slots(1000, 0.9999).patience == 0.001


# When a slot may be used.


def test_a_slot_is_good_for_one_call_from_its_time_on() -> None:
    slots = slots_at(5.0)
    assert slots.take(4.99) is None
    assert slots.next_at(4.99) == 5.0
    assert slots.take(5.0) is not None
    assert slots.take(5.0) is None
    assert slots.next_at(5.0) == math.inf


def test_slots_are_used_soonest_first() -> None:
    slots = slots_at(7.0, 5.0, 6.0)
    assert slots.booked == [5.0, 6.0, 7.0]
    assert slots.take(6.5) is not None
    assert slots.booked == [6.0, 7.0]


def test_a_slot_goes_stale_before_its_call_would_outlast_it() -> None:
    slots = slots_at(5.0)
    assert slots.drop_stale(5.0 + slots.patience - 0.001) is None
    assert slots.drop_stale(5.0 + slots.patience) == 5.0 + slots.patience
    assert slots.booked == []
    assert slots.drop_stale(5.0 + slots.patience) is None


def test_a_slot_for_which_there_is_no_room_is_looked_at_until_its_end() -> None:
    slots = slots_at(5.0)
    slots.elsewhere = 1
    assert slots.take(5.0) is None
    assert slots.next_at(5.0) == 5.0 + slots.patience


def test_a_call_that_was_never_sent_gives_its_slot_back() -> None:
    slots = slots_at(5.0, 6.0)
    permit = slots.take(5.0)
    assert permit is not None
    assert slots.end(permit, 5.001, refused=False)
    assert slots.booked == [5.0, 6.0]
    assert not slots.end(permit, 5.002, refused=False)
    assert slots.take(5.003) is not None


def test_a_slot_that_pays_no_more_does_not_come_back() -> None:
    slots = slots_at(5.0)
    permit = slots.take(5.0)
    assert permit is not None
    slots.room_at(7.0)
    slots.end(permit, 7.0, refused=False)
    assert slots.booked == []


# What a slot pays for.


def test_a_late_call_costs_the_next_slot_until_its_permit_is_back() -> None:
    """Rate 40: the margin covers 20 ms; the permits of forty calls that were 28 ms late rest longer than that."""
    slots, now = practised(rate=40)
    times = [now + place * slots.spacing for place in range(41)]
    slots.book(times)
    for time in times[:40]:
        slots.end(use(slots, time, late=0.028), time + 0.048, refused=False)
    assert slots.take(times[40]) is None
    assert slots.next_at(times[40]) == pytest.approx(now + 1.001 + 0.028)
    assert slots.take(now + 1.0291) is not None


def test_a_call_in_time_costs_nothing_but_its_slot() -> None:
    slots, now = practised(rate=1)
    slots.book([now, now + slots.spacing])
    slots.end(use(slots, now, late=0.04), now + 0.06, refused=False)
    assert slots.take(slots.booked[0]) is not None


@pytest.mark.parametrize("used", [True, False])
def test_a_slot_that_went_by_pays_for_a_late_call(used: bool) -> None:
    slots, now = practised(rate=2)
    slots.book([now, now + 0.56, now + 1.11])
    hang(slots, now)
    if used:
        hang(slots, now + 0.56)
    else:
        slots.drop_stale(now + 0.56 + slots.patience)
    assert (slots.take(now + 1.11) is None) == used  # the first is still out, and its own slot pays no more


def test_calls_that_outlast_their_slots_are_short_of_slots() -> None:
    slots = slots_at(1.0, 1.1, rate=2)
    hang(slots, 1.0)
    hang(slots, 1.1)
    assert slots.short(1.2) == 0
    assert slots.short(1.05 + slots.span) == 1
    assert slots.short(1.15 + slots.span) == 2


def test_slots_pay_for_calls_that_were_made_without_any() -> None:
    slots = slots_at(1.0, 1.01)
    slots.elsewhere = 1
    assert slots.take(1.0) is None
    assert slots.room_at(1.0) == math.inf
    assert slots.take(1.01) is not None


# What the service sees.


def most_in_a_window(arrivals: list[float], window: float) -> int:
    times = sorted(arrivals)
    most = first = 0
    for place, when in enumerate(times):
        while when - times[first] >= window:
            first += 1
        most = max(most, place - first + 1)
    return most


class Processes:
    """Processes that always want to call, on one row of slots, which they book in turn, five at a time."""

    def __init__(self, number: int, rate: float, jitter: float, seed: int) -> None:
        self.all = [Slots(rate, 0.98) for _ in range(number)]
        self._random = random.Random(seed)
        self._jitter = jitter

    def play(self, calls: int) -> list[float]:
        """When each of `calls` slots' calls reaches the service; some slots go by."""
        spacing = self.all[0].spacing
        order = count()
        events: list[tuple[float, int, Slots, Permit | None]] = []
        for place in range(calls):
            slots = self.all[place // 5 % len(self.all)]
            slots.book([place * spacing])
            heapq.heappush(events, (place * spacing, next(order), slots, None))
        arrivals: list[float] = []
        while events:
            now, _, slots, answered = heapq.heappop(events)
            if answered is not None:
                answered.answered = now
                slots.end(answered, now, refused=False)
            while slots.drop_stale(now) is not None:
                pass
            while (permit := slots.take(now)) is not None:
                permit.written = now
                arrivals.append(now + self._random.uniform(0, self._jitter))
                heapq.heappush(events, (arrivals[-1] + 0.02, next(order), slots, permit))
        return arrivals


@pytest.mark.uncounted
@pytest.mark.parametrize("processes", [1, 3, 4])
def test_what_the_margin_covers_is_never_too_much_whoever_is_late(processes: int) -> None:
    arrivals = Processes(processes, 100, 0.019, seed=processes).play(2000)
    assert most_in_a_window(arrivals, 1) <= 100
    assert len(arrivals) > 1900


@pytest.mark.uncounted
@pytest.mark.parametrize("rate", [100, 5, 1])
def test_a_process_alone_is_proven_beyond_the_margin(rate: float) -> None:
    arrivals = Processes(1, rate, 0.05, seed=1).play(int(30 * rate))
    assert most_in_a_window(arrivals, 1) <= rate
    assert len(arrivals) >= 15 * rate
