"""What an item met in its earlier calls counts when it ends: its kind, its reason, and whether it may try again."""

from typing import Any

import pytest
from desk import (
    FINE,
    LOST,
    NO_CONNECTION,
    all_sealed,
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
)

from tim_async.errors import BadStatus, CredentialsError, RequestError
from tim_async.lane.items import EVERY_ACCOUNT, NORMAL
from tim_async.lane.judging import Effect
from tim_async.lane.owners import CallOwner
from tim_async.service.endpoints import ACCOUNTS_DELETE, PUSH_SEND_TO, PUSH_SET_ATTRIBUTES, Answer

FORBIDDEN = BadStatus("sim", 404)
BUSY = refusal(91000)
SPLIT = refusal(90033)


@pytest.mark.parametrize(
    ("met", "kind"),
    [
        ([NO_CONNECTION, NO_CONNECTION], "NotSent"),
        ([BUSY, NO_CONNECTION], "Unknown"),  # the service has seen it
        ([LOST, NO_CONNECTION], "Unknown"),
        ([NO_CONNECTION, BUSY], "Unknown"),
        ([NO_CONNECTION, LOST], "Unknown"),
    ],
    ids=["never there", "busy first", "lost first", "busy last", "lost last"],
)
def test_that_an_item_was_there_once_is_not_forgotten(met: list[Answer | RequestError], kind: str) -> None:
    lane = lane_of(attempts=len(met))
    owner = give(lane, ["Mary"])
    for number, answer in enumerate(met):
        settle(lane, sealed(lane, 10.0 * number), answer, 10.0 * number)
    assert kinds(owner) == [kind]


def test_a_no_to_the_whole_chunk_is_not_the_last_word_if_a_call_without_an_answer_follows() -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["Mary", "Zhang"])
    settle(lane, sealed(lane), SPLIT)
    for chunk in all_sealed(lane):
        settle(lane, chunk, NO_CONNECTION)
    assert kinds(owner) == ["Unknown", "Unknown"]


def test_a_signature_is_renewed_for_an_item_that_was_answered_with_something_else_before() -> None:
    lane = lane_of()
    owner = give(lane, ["Mary"])
    settle(lane, sealed(lane), BUSY)
    assert settle(lane, sealed(lane, 10.0), refusal(70001), 10.0, resigned=True) == Effect()
    chunk = sealed(lane, 10.0)
    settle(lane, chunk, fine(chunk), 10.0)
    assert kinds(owner) == ["Ok"]


@pytest.mark.parametrize(
    ("answer", "resigned", "word"),
    [
        (LOST, False, "no answer within 10 s"),
        (BadStatus("sim", 429), False, "HTTP status 429 instead of 200"),
        (BUSY, False, "internal error"),
        (refusal(60007), False, "too "),
        (refusal(70001), True, "usersig"),
        (SPLIT, False, "attribute"),
    ],
    ids=["lost", "throttled", "busy", "too many", "signature", "split"],
)
def test_who_was_stopped_in_flight_is_told_what_came_of_the_call(
    answer: Answer | RequestError, word: str, *, resigned: bool
) -> None:
    lane = lane_of()
    owner = give(lane, ["Mary", "Zhang"])
    chunk = sealed(lane)
    lane.stop(owner, "the time is over", 0.0)
    settle(lane, chunk, answer, resigned=resigned)
    for reason in reasons(owner):
        assert reason.startswith("the time is over; before that: ")
        assert word.lower() in reason.lower()


@pytest.mark.parametrize(
    ("answer", "word"), [(LOST, "no answer within 10 s"), (BUSY, "internal error")], ids=["lost", "busy"]
)
def test_who_gave_up_is_told_the_last_thing_that_came(answer: Answer | RequestError, word: str) -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["Mary"])
    settle(lane, sealed(lane), answer)
    assert [word in reason for reason in reasons(owner)] == [True]


def test_a_status_that_forbids_all_further_calls_is_told_to_those_in_flight_too() -> None:
    lane = lane_of()
    owner = give(lane, ["Mary"])
    settle(lane, sealed(lane), FORBIDDEN)
    assert reasons(owner) == ["HTTP status 404 instead of 200"]


def test_an_error_that_stops_all_says_the_words_of_the_service_and_the_command() -> None:
    lane = lane_of()
    owner = give(lane, ["Mary"])
    settle(lane, sealed(lane), refusal(70001))
    error = owner.error
    assert isinstance(error, CredentialsError)
    assert (error.code, error.info, error.path) == (70001, "said so", lane.endpoint.path)


def test_the_whole_reply_stays_with_an_item_that_was_refused_and_is_kept_when_a_later_one_has_none() -> None:
    lane = lane_of(attempts=2)
    owner = give(lane, ["Mary"])
    settle(lane, sealed(lane), Answer(91000, "busy", None, {}, reply={"TaskId": "7"}))
    settle(lane, sealed(lane, 10.0), BUSY, 10.0)
    (failure,) = owner.values
    assert failure.reply == {"TaskId": "7"}
    assert outcomes(owner)[0].account == "Mary"


def test_after_a_good_answer_five_failures_are_needed_again() -> None:
    lane = lane_of()
    give(lane, users(1100), patient=True)
    chunks = [sealed(lane) for _ in range(9)]
    for number, chunk in enumerate(chunks):
        settle(lane, chunk, fine(chunk) if number == 4 else LOST)
    assert lane.closed_for(0.0) == 0.0
    settle(lane, sealed(lane), LOST)
    assert lane.closed_for(0.0) > 0.0


def test_probes_wait_ever_longer_while_nothing_is_answered() -> None:
    lane = lane_of(attempts=100)
    give(lane, users(600), patient=True)
    now, waits = 0.0, list[float]()
    for chunk in all_sealed(lane):
        settle(lane, chunk, LOST, now)
    for _ in range(5):
        wakeup = lane.closed_for(now)
        waits.append(wakeup)
        now += wakeup + 10.0  # past the back-off of the items
        settle(lane, sealed(lane, now), LOST, now)
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8])


def test_who_is_refused_late_in_a_pause_goes_at_its_end() -> None:
    lane = lane_of()
    give(lane, users(200))
    first, second = all_sealed(lane)
    settle(lane, first, refusal(60007), 0.0)
    settle(lane, second, refusal(60007), 0.9)
    assert sum(len(chunk.accounts) for chunk in all_sealed(lane, lane.pause.until)) == 200


def test_a_gateway_that_refuses_at_the_very_end_of_a_pause_sets_the_pace_anew() -> None:
    lane = lane_of()
    give(lane, users(400))
    first, second = sealed(lane), sealed(lane)
    settle(lane, first, fine(first))
    settle(lane, second, BadStatus("sim", 429))
    resume = lane.pause.until
    assert len(all_sealed(lane, resume)) == 1  # one came through in the last second: so does one now
    assert lane.seal(resume) is None


# Given in a block, or alone


@pytest.mark.parametrize("count", [1, 2, 150])
def test_what_must_not_be_sent_twice_is_not_sent_again_however_many_are_given(count: int) -> None:
    lane = lane_of(PUSH_SEND_TO)
    owner = CallOwner(NORMAL, None, now=0.0)
    owner.maybe_sent = EVERY_ACCOUNT
    owner.exhausted = True
    lane.add(owner, users(count), None, 0.0)
    assert lane.seal(0.0) is None
    assert kinds(owner) == ["Unknown"] * count


def test_what_was_never_sent_goes_out_in_whole_calls_though_it_must_not_be_sent_twice() -> None:
    lane = lane_of(PUSH_SEND_TO)
    give(lane, users(2))
    assert sealed(lane).accounts == users(2)


class Asker:
    """Who waits for a single request."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def done(self) -> bool:
        return bool(self.results)

    def set_result(self, result: Any, /) -> None:
        self.results.append(result)


def test_a_single_write_carries_its_argument_and_ends_with_its_answer() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    asker = Asker()
    lane.ask(lane.singles(NORMAL, None, patient=False), asker, "Mary", {"city": "NewYork"}, 0.0)
    chunk = sealed(lane)
    assert (chunk.accounts, chunk.arguments) == (["Mary"], [{"city": "NewYork"}])
    settle(lane, chunk, FINE)
    assert asker.results == [None]


def test_single_requests_with_other_options_go_in_calls_of_their_own() -> None:
    lane = lane_of()
    for account, options in (("Mary", "one"), ("Zhang", "other")):
        lane.ask(lane.singles(NORMAL, options, patient=False), Asker(), account, None, 0.0)
    assert [(chunk.accounts, chunk.options) for chunk in all_sealed(lane)] == [(["Mary"], "one"), (["Zhang"], "other")]


# A "no" to the whole call that names its items, and an answer in doubt


@pytest.mark.parametrize("names", [["Mary"], ["Mary", "Zhang"]], ids=["one", "two"])
def test_where_a_no_to_the_whole_call_names_all_of_it_nobody_else_is_blamed(names: list[str]) -> None:
    lane = lane_of()
    owner = give(lane, names)
    settle(lane, sealed(lane), Answer(90033, "no", None, dict.fromkeys(names, (70107, "gone"))))
    assert kinds(owner) == ["Rejected"] * len(names)
    assert (lane.idle, len(lane.bisections)) == (True, 0)


def test_an_account_of_which_something_unreadable_was_said_is_asked_again_where_silence_is_yes() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    owner = give(lane, ["Mary", "Zhang"], [{"city": "x"}] * 2)
    settle(lane, sealed(lane), Answer(0, "", None, {}, doubted={"Mary"}))
    chunk = sealed(lane, 10.0)
    assert chunk.accounts == ["Mary"]
    settle(lane, chunk, FINE, 10.0)
    assert kinds(owner) == ["Ok", "Ok"]


def test_a_repeat_that_meets_its_own_effect_is_ok_and_not_sent_again() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["Mary", "Zhang"])
    settle(lane, sealed(lane), LOST)
    settle(lane, sealed(lane, 10.0), errors(Mary=70107, Zhang=70107), 10.0)
    assert kinds(owner) == ["Ok", "Ok"]
    assert (lane.idle, lane.failures) == (True, 0)
