"""What a watched lane notes of each call: what became of its items, and why they are sent again."""

from collections import Counter
from typing import Any

import pytest
from desk import LOST, fine, give, reasons, refusal, sealed, users
from hypothesis import given
from hypothesis import strategies as st

from tim_async.errors import ConnectError, RequestError
from tim_async.lane.health import Health
from tim_async.lane.items import Chunk
from tim_async.lane.watched import WatchedLane
from tim_async.operations.operation import result_of
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_GET_TAGS, PUSH_SET_ATTRIBUTES, Answer, Endpoint


def lane_of(endpoint: Endpoint[Any, Any] = PUSH_GET_TAGS, attempts: int = 6) -> WatchedLane:
    lane = WatchedLane(endpoint, Health(), attempts=attempts, chance=lambda: 0.5)
    lane.health.proven = True
    return lane


def test_a_bundle_that_is_well_and_items_that_are_well_are_all_ok() -> None:
    lane = lane_of()
    give(lane, users(150))
    for most in (100, 50):
        chunk = sealed(lane)
        lane.settle(chunk, fine(chunk), 0)
        assert lane.kinds == {"Ok": most}
    give(lane, ["Mary"])
    chunk = sealed(lane)
    lane.settle(chunk, fine(chunk), 0)
    assert (lane.kinds, lane.repeats) == ({"Ok": 1}, {})


def test_items_are_told_apart_by_what_they_were_answered_with() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    give(lane, ["fine", "absent", "busy", "slow", "silent"])
    said = {"absent": (70107, ""), "busy": (70169, ""), "slow": (60008, "")}
    lane.settle(sealed(lane), Answer(0, "", {"fine": None}, said), 0)
    assert lane.kinds == {"Ok": 1, "Rejected": 1, "again": 3}
    assert {item.account for items in lane.repeats.values() for item in items} == {"busy", "slow", "silent"}
    assert all(0 < lane.delays[why] <= 0.1 for why in lane.repeats)


def test_items_that_nobody_waits_for_any_more_are_withdrawn() -> None:
    lane = lane_of()
    owner = give(lane, users(3))
    chunk = sealed(lane)
    lane.withdraw(owner, "the caller was cancelled", 0)
    lane.settle(chunk, LOST, 0)
    assert (lane.kinds, lane.repeats) == ({"withdrawn": 3}, {})


@pytest.mark.parametrize(("error", "kind"), [(LOST, "Unknown"), (ConnectError("sim", "refused"), "NotSent")])
def test_items_that_were_tried_often_enough_have_their_kind(error: RequestError, kind: str) -> None:
    lane = lane_of(attempts=1)
    give(lane, users(3))
    lane.settle(sealed(lane), error, 0)
    assert (lane.kinds, lane.repeats) == ({kind: 3}, {})


def test_others_who_are_condemned_with_an_item_are_not_of_its_call() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    give(lane, users(8), [{"city": "x"}] * 8)
    lane.settle(sealed(lane), refusal(90033), 0)
    assert lane.kinds == {"again": 8}
    while not lane.idle:
        chunk = sealed(lane)
        lane.settle(chunk, refusal(90033), 0)
        assert lane.kinds == {"Rejected": len(chunk.accounts)}


ANSWERS = st.sampled_from(["fine", "lost", "busy", "culprit", "some"])


def answer_of(kind: str, chunk: Chunk) -> Answer | RequestError:
    first = chunk.accounts[0]
    answers: dict[str, Answer | RequestError] = {
        "fine": fine(chunk),
        "lost": LOST,
        "busy": refusal(91000),
        "culprit": refusal(90033),
        "some": Answer(0, "", dict.fromkeys(chunk.accounts[1:], ()), {first: (70107, "")}),
    }
    return answers[kind]


@given(st.lists(ANSWERS, max_size=30), st.integers(1, 120))
def test_the_kinds_of_a_call_are_all_its_items_and_those_of_all_calls_the_result(kinds: list[str], count: int) -> None:
    lane = lane_of()
    owner = give(lane, users(count))
    total: Counter[str] = Counter()
    now = 0.0
    while not lane.idle:
        now = max(now, lane.next_wakeup(now) or now)
        chunk = sealed(lane, now)
        lane.settle(chunk, answer_of(kinds.pop() if kinds else "fine", chunk), now)
        assert sum(lane.kinds.values()) == len(chunk.accounts)
        assert sum(map(len, lane.repeats.values())) == lane.kinds.get("again", 0)
        total.update(lane.kinds)
    del total["again"]
    assert Counter(type(outcome).__name__ for outcome in result_of(owner)) == total


def test_a_watched_lane_renews_a_signature_too_and_tells_who_was_stopped_what_came() -> None:
    lane = lane_of()
    owner = give(lane, ["Mary"])
    assert lane.settle(sealed(lane), refusal(70001), 0, resigned=True).stop_all is None
    assert lane.kinds == {"again": 1}
    chunk = sealed(lane)
    lane.stop(owner, "the time is over", 0)
    lane.settle(chunk, LOST, 0)
    assert reasons(owner) == ["the time is over; before that: no answer within 10 s"]
