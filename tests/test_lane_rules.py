"""What an answer says of each item (rules 1, 2, 4 and 5 of judging), with answers written by hand."""

import pytest
from desk import (
    FINE,
    LOST,
    NO_CONNECTION,
    all_sealed,
    answered,
    codes,
    drive,
    errors,
    fine,
    give,
    kinds,
    lane_of,
    outcomes,
    reasons,
    refusal,
    sealed,
    settle,
    users,
    values,
)

from tim_async.errors import BadStatus, ConnectError, InvalidReply, RequestError
from tim_async.lane.health import Health
from tim_async.lane.judging import Effect
from tim_async.operations.operation import result_of
from tim_async.outcomes import Ok, Rejected
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_SET_ATTRIBUTES, Answer

GATEWAY = BadStatus("sim", 502)
GARBAGE = InvalidReply("sim", "no JSON")

# 1 and 2: what an answer says of an item


def test_an_answer_is_joined_by_account_whatever_its_order() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(0, "", {"d3": ("c",), "d1": ("a",), "d2": ("b",)}, {}))
    assert owner.values == [("a",), ("b",), ("c",)]


def test_each_item_has_the_code_and_the_words_of_its_own_refusal() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": ()}, {"d2": (90048, "no such account")}))
    assert outcomes(owner) == [
        Ok(0, "d1", ()),
        Rejected(1, "d2", 90048, "no such account", "the account does not exist"),
    ]


def test_a_refusal_goes_before_a_value_for_the_same_account() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": ()}, {"d1": (90048, "no")}))
    assert codes(owner) == [("Rejected", 90048)]


def test_a_code_that_nobody_knows_is_final_for_its_item() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d2": ()}, {"d1": (12345, "?")}))
    assert codes(owner) == [("Rejected", 12345), ("Ok", None)]


def test_an_account_that_is_named_as_failed_without_a_code_is_rejected_without_one() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), Answer(0, "", None, {"d1": (0, "")}))
    assert codes(owner) == [("Rejected", None), ("Ok", None)]
    assert reasons(owner)[0].startswith("the answer names it")


def test_strangers_in_an_answer_concern_nobody() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": (), "x": ()}, {"y": (70107, "who?")}))
    assert kinds(owner) == ["Ok"]


def test_what_is_already_as_wished_is_ok() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1"], [{}])
    settle(lane, sealed(lane), errors(d1=31704))
    assert kinds(owner) == ["Ok"]


def test_silence_about_an_item_of_a_read_means_again_and_unknown_in_the_end() -> None:
    lane = lane_of()
    owner = give(lane, ["d1", "d2"])
    calls, _ = drive(lane, lambda _: values(["d1"]))
    assert calls == [["d1", "d2"], *[["d2"]] * 5]
    assert codes(owner) == [("Ok", None), ("Unknown", None)]
    assert reasons(owner)[1] == "gave up after 6 attempts, the last one: the answer does not mention it"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (LOST, LOST.detail),
        (GATEWAY, "HTTP status 502 instead of 200"),
        (ConnectError("sim", "no address found for h"), "no address found for h"),
    ],
)
def test_a_reason_says_what_came_instead_of_an_answer(answer: RequestError, why: str) -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["d1"])
    settle(lane, sealed(lane), answer)
    assert reasons(owner) == [f"gave up after one attempt: {why}"]


def test_silence_about_an_item_of_a_setter_means_ok() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), errors(d2=90035))
    assert codes(owner) == [("Ok", None), ("Rejected", 90035)]


def test_a_read_that_is_answered_with_nothing_at_all_is_asked_again() -> None:
    lane = lane_of()
    give(lane, ["d1"])
    settle(lane, sealed(lane), FINE)
    assert lane.next_wakeup(0.0) == 0.05


# 4: frequency codes


@pytest.mark.parametrize("code", [60007, 60018, 60019])
def test_a_frequency_code_pauses_the_lane_until_a_time_and_costs_no_attempt(code: int) -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, users(150))
    first, second = sealed(lane), sealed(lane)
    assert settle(lane, first, refusal(code), 10.0) == Effect(refused=True)
    assert settle(lane, second, refusal(code), 10.2) == Effect(refused=True)
    lane.tick(10.2)
    assert lane.next_wakeup(10.2) == 11.0
    assert lane.closed_for(10.2) == pytest.approx(0.8)
    assert lane.seal(10.9) is None
    for now in (11.0, 13.0, 17.0):
        chunk = sealed(lane, now)
        settle(lane, chunk, refusal(code), now)
    chunks = all_sealed(lane, 25.0)
    for chunk in chunks:
        settle(lane, chunk, fine(chunk), 25.0)
    assert kinds(owner) == ["Ok"] * 150
    assert owner.retries == len(chunks) + 3


@pytest.mark.parametrize("code", [60007, 60011])
def test_a_good_answer_after_the_pause_makes_the_next_pause_short_again(code: int) -> None:
    lane = lane_of()
    give(lane, users(1_000))
    settle(lane, sealed(lane), refusal(code), 10.0)
    settle(lane, sealed(lane, 11.0), refusal(code), 11.0)
    assert lane._gate() == 13.0
    chunk = sealed(lane, 13.0)
    settle(lane, chunk, fine(chunk), 13.0)
    settle(lane, sealed(lane, 13.0), refusal(code), 14.0)
    assert lane._gate() == 15.0


def test_a_frequency_code_of_the_app_pauses_all_its_lanes() -> None:
    health = Health()
    reads, writes = lane_of(health=health), lane_of(ACCOUNTS_DELETE, health=health)
    give(reads, ["d1"])
    give(writes, ["d1"])
    assert settle(reads, sealed(reads), refusal(60011), 10.0) == Effect(refused=True, wide=True)
    assert writes.next_wakeup(10.0) == 11.0
    assert writes.seal(10.5) is None
    assert writes.seal(11.0) is not None


def test_a_frequency_code_of_a_command_leaves_other_lanes_alone() -> None:
    health = Health()
    reads, writes = lane_of(health=health), lane_of(ACCOUNTS_DELETE, health=health)
    give(reads, ["d1"])
    give(writes, ["d1"])
    settle(reads, sealed(reads), refusal(60007), 10.0)
    assert writes.seal(10.0) is not None


def test_a_frequency_code_of_one_item_does_not_pause_the_others() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES, attempts=2)
    owner = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), errors(d1=60007))
    assert lane.pause.until == 0.0
    settle(lane, sealed(lane, 1.0), errors(d1=60007), 1.0)
    assert codes(owner) == [("Unknown", 60007), ("Ok", None)]


# 5: a repeat may meet its own first effect


@pytest.mark.parametrize(
    "unsure",
    [
        LOST,
        GATEWAY,
        GARBAGE,
        *(refusal(code) for code in (60008, 70169, 70202, 70500, 30006, 30007, 40006)),
        errors(d1=70500),
    ],
    ids=str,
)
def test_an_account_that_does_not_exist_was_deleted_by_the_call_whose_answer_was_lost(
    unsure: Answer | RequestError,
) -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"])
    answered(lane, unsure)
    answered(lane, errors(d1=70107), 1.0)
    assert kinds(owner) == ["Ok"]


def test_silence_about_a_deletion_leaves_it_open_whether_it_was_done() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"])
    answered(lane, FINE)
    answered(lane, errors(d1=70107), 1.0)
    assert kinds(owner) == ["Ok"]


@pytest.mark.parametrize("definite", [NO_CONNECTION, refusal(60007), refusal(20028)], ids=str)
def test_after_a_definite_no_an_account_that_does_not_exist_never_did(definite: Answer | RequestError) -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"])
    answered(lane, definite)
    answered(lane, errors(d1=70107), 2.0)
    assert codes(owner) == [("Rejected", 70107)]


def test_an_account_that_does_not_exist_is_rejected_at_the_first_try() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1"])
    answered(lane, errors(d1=70107))
    assert codes(owner) == [("Rejected", 70107)]
    assert not result_of(owner).retryable()


def test_to_other_commands_a_missing_account_is_a_no_even_after_a_lost_answer() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["d1"], [{}])
    answered(lane, LOST)
    answered(lane, errors(d1=70107), 1.0)
    assert codes(owner) == [("Rejected", 70107)]


def test_a_whole_call_that_names_no_account_can_be_such_an_echo_too() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1", "d2"])
    answered(lane, LOST)
    calls, _ = drive(lane, lambda _: refusal(70107))
    assert calls == [["d1", "d2"], ["d1"], ["d2"]]
    assert kinds(owner) == ["Ok", "Ok"]
