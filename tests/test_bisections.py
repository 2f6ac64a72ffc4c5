"""A "no" to a whole call: the culprits are found, and the innocent succeed (rule 6 of judging)."""

import pytest
from desk import (
    LOST,
    all_sealed,
    answered,
    codes,
    drive,
    fine,
    give,
    kinds,
    lane_of,
    reasons,
    refusal,
    sealed,
    settle,
    users,
    values,
)

from tim_async.errors import InvalidRequest, RequestError
from tim_async.lane.items import BULK, Chunk
from tim_async.operations.operation import result_of
from tim_async.service.endpoints import PUSH_SET_ATTRIBUTES, Answer


@pytest.mark.parametrize("culprit", [0, 37, 50, 99])
def test_one_guilty_among_a_hundred_is_found_in_fourteen_calls_and_the_innocent_succeed(culprit: int) -> None:
    lane = lane_of()
    owner = give(lane, users(100))
    calls, _ = drive(lane, lambda chunk: refusal(90033) if f"user{culprit}" in chunk.accounts else fine(chunk))
    assert len(calls) <= 1 + 14
    expected = ["Ok"] * 100
    expected[culprit] = "Rejected"
    assert kinds(owner) == expected
    assert owner.error is None


def test_the_halves_of_a_refused_chunk_are_asked_apart_from_everybody_else() -> None:
    lane = lane_of()
    give(lane, users(4))
    answered(lane, refusal(40003))
    give(lane, ["other"], priority=BULK)
    assert [chunk.accounts for chunk in all_sealed(lane)] == [["user0", "user1"], ["user2", "user3"], ["other"]]


def test_the_halves_go_with_the_options_of_their_items() -> None:
    lane = lane_of()
    give(lane, users(4), options=("Mary",))
    answered(lane, refusal(40003))
    assert [chunk.options for chunk in all_sealed(lane)] == [("Mary",), ("Mary",)]


def test_asking_on_for_the_guilty_costs_the_innocent_no_attempt() -> None:
    lane = lane_of(attempts=2)
    owner = give(lane, users(64))
    lost: list[Chunk] = []

    def answer(chunk: Chunk) -> Answer | RequestError:
        if len(chunk.accounts) == 2 and not lost:
            lost.append(chunk)
            return LOST
        return refusal(90033) if "user0" in chunk.accounts else fine(chunk)

    calls, _ = drive(lane, answer)
    assert len(calls) == 1 + 2 * 6 + 1
    assert kinds(owner) == ["Rejected", *["Ok"] * 63]


def test_a_single_item_that_is_refused_with_its_call_is_rejected() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    answered(lane, refusal(12345))
    assert codes(owner) == [("Rejected", 12345)]


def test_a_whole_call_that_is_already_as_wished_is_asked_apart_and_ok() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1", "d2"], [{}, {}])
    calls, _ = drive(lane, lambda _: refusal(31704))
    assert (len(calls), kinds(owner)) == (3, ["Ok", "Ok"])


def test_a_whole_no_that_names_the_guilty_accuses_only_those_whom_it_does_not_name() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2", "d3", "d4"])
    named = Answer(40003, "no", {"d4": ("tag",)}, {"d1": (90048, "no such account")})
    settle(lane, sealed(lane), named)
    chunks = all_sealed(lane)
    assert [chunk.accounts for chunk in chunks] == [["d2"], ["d3"]]
    settle(lane, chunks[0], refusal(40003))
    settle(lane, chunks[1], fine(chunks[1]))
    assert codes(owner) == [("Rejected", 90048), ("Rejected", 40003), ("Ok", None), ("Ok", None)]


def test_the_only_one_whom_a_whole_no_does_not_name_is_asked_alone_for_the_named_may_be_the_guilty() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(40003, "no", None, {"d1": (91000, "busy"), "d2": (90048, "no such account")}))
    assert answered(lane, values(["d3"])) == ["d3"]
    assert answered(lane, values(["d1"]), 1.0) == ["d1"]
    assert codes(owner) == [("Ok", None), ("Rejected", 90048), ("Ok", None)]


@pytest.mark.uncounted
@pytest.mark.parametrize("in_flight", [1, 8, 128])
def test_ten_thousand_guilty_items_end_after_a_few_hundred_calls(in_flight: int) -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, users(10_000), [{"never": "declared"}] * 10_000)
    calls, _ = drive(lane, lambda _: refusal(90033), in_flight=in_flight)
    assert len(calls) < 800
    assert isinstance(owner.error, InvalidRequest)
    assert owner.error.code == 90033
    found = kinds(owner)
    assert set(found) <= {"Rejected", "NotSent"}
    assert found.count("Rejected") >= 300
    assert len(result_of(owner).retryable()) == 9_700, "all but those that were asked alone"


def test_three_guilty_chunks_of_two_do_not_stop_a_batch() -> None:
    lane = lane_of()
    owner = give(lane, [], last=False)
    for first in range(0, 8, 2):
        lane.add(owner, users(2, first), None, 0.0)
        drive(lane, lambda _: refusal(90033))
    assert owner.error is None
    assert owner.stop_reason is None


def test_chunks_with_one_innocent_item_do_not_stop_a_batch() -> None:
    lane = lane_of()
    owner = give(lane, users(400))
    drive(
        lane,
        lambda chunk: fine(chunk) if len(chunk.accounts) == 1 and chunk.accounts[0].endswith("7") else refusal(90033),
    )
    assert owner.error is None
    assert kinds(owner).count("Ok") == 40


def test_chunks_that_are_guilty_of_different_things_do_not_stop_a_batch() -> None:
    lane = lane_of()
    owner = give(lane, users(400))
    drive(lane, lambda chunk: refusal(90034 if chunk.accounts[0].endswith("7") else 90033))
    assert owner.error is None
    assert set(kinds(owner)) == {"Rejected"}


def test_a_last_item_that_is_guilty_of_something_else_is_no_proof_either() -> None:
    lane = lane_of()
    owner = give(lane, users(400))
    last = {account for account in users(400) if account.endswith("99")}
    drive(lane, lambda chunk: refusal(90034 if last.issuperset(chunk.accounts) else 90033))
    assert owner.error is None
    assert kinds(owner) == ["Rejected"] * 400


def test_a_whole_no_that_names_only_who_is_fine_accuses_the_others() -> None:
    lane = lane_of()
    give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(40003, "no", {"d1": ()}, {}))
    assert [chunk.accounts for chunk in all_sealed(lane)] == [["d2"], ["d3"]]


def test_chunks_in_flight_when_a_batch_was_stopped_are_not_asked_about() -> None:
    lane = lane_of()
    owner = give(lane, users(200))
    first, second = sealed(lane), sealed(lane)
    lane.stop(owner, "the source failed", 0.0)
    settle(lane, first, refusal(90033))
    settle(lane, second, refusal(90033))
    assert lane.idle
    assert codes(owner) == [("Rejected", 90033)] * 200
    assert reasons(owner)[0].startswith("the source failed; before that: invalid attribute")
    assert not lane.bisections


def test_a_half_whose_answer_is_lost_is_asked_again_apart() -> None:
    lane = lane_of()
    owner = give(lane, users(4))
    answered(lane, refusal(90033))
    assert answered(lane, LOST) == ["user0", "user1"]
    give(lane, ["other"])
    assert answered(lane, values(["user2", "user3"])) == ["user2", "user3"]
    assert [chunk.accounts for chunk in all_sealed(lane)] == [["other"]]
    chunk = sealed(lane, 1.0)
    assert chunk.accounts == ["user0", "user1"]
    settle(lane, chunk, values(["user0", "user1"]), 1.0)
    assert kinds(owner) == ["Ok"] * 4
    assert not lane.bisections


def test_a_half_that_is_refused_for_frequency_is_asked_again_apart() -> None:
    lane = lane_of()
    owner = give(lane, users(4))
    answered(lane, refusal(90033))
    answered(lane, refusal(60007))
    assert [chunk.accounts for chunk in all_sealed(lane, 1.0)] == [["user0", "user1"], ["user2", "user3"]]
    assert not owner.finished


def test_what_is_withdrawn_while_the_guilty_are_searched_was_refused_but_may_be_tried_again() -> None:
    lane = lane_of()
    owner = give(lane, users(4))
    answered(lane, refusal(90033))
    lane.withdraw(owner, "its timeout was over", 0.0)
    assert codes(owner) == [("Rejected", 90033)] * 4
    assert result_of(owner).retryable() == users(4)
    assert lane.idle
    assert not lane.bisections


def test_what_was_refused_with_its_call_after_a_lost_answer_is_unknown_until_it_stands_alone() -> None:
    lane = lane_of()
    owner = give(lane, users(4))
    answered(lane, LOST)
    answered(lane, refusal(90033), 1.0)
    lane.withdraw(owner, "its timeout was over", 1.0)
    assert codes(owner) == [("Unknown", 90033)] * 4


def test_few_searches_run_at_once_and_the_next_begins_when_one_ends() -> None:
    lane = lane_of()
    give(lane, users(500))
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, refusal(90033))
    halves = all_sealed(lane)
    assert (len(halves), len(lane.bisections)) == (6, 5)
    for half in halves[-2:]:
        settle(lane, half, fine(half))
    assert (len(all_sealed(lane)), len(lane.bisections)) == (2, 4)
