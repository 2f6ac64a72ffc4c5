"""The rules of judging, one by one, with answers written by hand (design: "Rules of judging")."""

import math

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

from tim_async.endpoints import ACCOUNTS_DELETE, PUSH_SEND_TO, PUSH_SET_ATTRIBUTES, Answer
from tim_async.errors import APIError, BadStatus, CredentialsError, InvalidReply, RequestError
from tim_async.feeds import BULK, INTERACTIVE
from tim_async.lane import Effect, Lane
from tim_async.results import Ok, Rejected
from tim_async.waiting import SILENCE_MOST, Health

GATEWAY = BadStatus("sim", 502)
GARBAGE = InvalidReply("sim", "no JSON")

# 1 and 2: what an answer says of an item


def test_an_answer_is_joined_by_account_whatever_its_order() -> None:
    lane = lane_of()
    feed = give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(0, "", {"d3": ("c",), "d1": ("a",), "d2": ("b",)}, {}))
    assert feed.values == [("a",), ("b",), ("c",)]


def test_each_item_has_the_code_and_the_words_of_its_own_refusal() -> None:
    lane = lane_of()
    feed = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": ()}, {"d2": (90048, "no such account")}))
    assert outcomes(feed) == [
        Ok(0, "d1", ()),
        Rejected(1, "d2", 90048, "no such account", "the account does not exist"),
    ]


def test_a_refusal_goes_before_a_value_for_the_same_account() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": ()}, {"d1": (90048, "no")}))
    assert codes(feed) == [("Rejected", 90048)]


def test_a_code_that_nobody_knows_is_final_for_its_item() -> None:
    lane = lane_of()
    feed = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d2": ()}, {"d1": (12345, "?")}))
    assert codes(feed) == [("Rejected", 12345), ("Ok", None)]


def test_an_account_that_is_named_as_failed_without_a_code_is_rejected_without_one() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    feed = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), Answer(0, "", None, {"d1": (0, "")}))
    assert codes(feed) == [("Rejected", None), ("Ok", None)]
    assert reasons(feed)[0].startswith("the answer names it")


def test_strangers_in_an_answer_concern_nobody() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": (), "x": ()}, {"y": (70107, "who?")}))
    assert kinds(feed) == ["Ok"]


def test_what_is_already_as_wished_is_ok() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    feed = give(lane, ["d1"], [{}])
    settle(lane, sealed(lane), errors(d1=31704))
    assert kinds(feed) == ["Ok"]


def test_silence_about_an_item_of_a_read_means_again_and_unknown_in_the_end() -> None:
    lane = lane_of()
    feed = give(lane, ["d1", "d2"])
    calls, _ = drive(lane, lambda _: values(["d1"]))
    assert calls == [["d1", "d2"], *[["d2"]] * 5]
    assert codes(feed) == [("Ok", None), ("Unknown", None)]
    assert reasons(feed)[1] == "gave up after 6 attempts, the last one: the answer does not mention it"


def test_silence_about_an_item_of_a_setter_means_ok() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    feed = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), errors(d2=90035))
    assert codes(feed) == [("Ok", None), ("Rejected", 90035)]


def test_a_read_that_is_answered_with_nothing_at_all_is_asked_again() -> None:
    lane = lane_of()
    give(lane, ["d1"])
    settle(lane, sealed(lane), FINE)
    assert lane.next_wakeup(0.0) == 0.05


# 3: trying again


def lose_until(lane: Lane, end: float, now: float = 0.0) -> None:
    """Lose every answer until a time."""
    while (wakeup := lane.next_wakeup(now)) is not None and wakeup < end:
        now = wakeup
        lane.tick(now)
        if (chunk := lane.seal(now)) is not None:
            settle(lane, chunk, LOST, now)
    lane.tick(end)


def test_only_the_items_concerned_are_sent_again_and_in_other_company() -> None:
    lane = lane_of()
    first = give(lane, ["d1", "d2", "d3"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": (), "d3": ()}, {"d2": (91000, "busy")}))
    second = give(lane, ["d4", "d5"])
    chunk = sealed(lane, 0.05)
    assert sorted(chunk.accounts) == ["d2", "d4", "d5"]
    settle(lane, chunk, fine(chunk), 0.05)
    assert kinds(first) == ["Ok"] * 3
    assert kinds(second) == ["Ok"] * 2
    assert (first.calls, first.retries, second.calls, second.retries) == (2, 1, 1, 1)


@pytest.mark.parametrize("trouble", [LOST, GATEWAY, GARBAGE, NO_CONNECTION, refusal(91000)], ids=str)
def test_trouble_with_a_whole_call_is_tried_six_times_in_all(trouble: Answer | RequestError) -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    calls, _ = drive(lane, lambda _: trouble)
    assert len(calls) == 6
    assert kinds(feed) == ["NotSent" if trouble is NO_CONNECTION else "Unknown"]
    assert lane.failures == 6


def test_the_number_of_attempts_is_the_clients_to_choose() -> None:
    lane = lane_of(attempts=1)
    feed = give(lane, ["d1"])
    assert len(drive(lane, lambda _: refusal(91000))[0]) == 1
    assert codes(feed) == [("Unknown", 91000)]


def test_what_saw_a_refused_connection_once_and_a_lost_answer_once_is_unknown() -> None:
    lane = lane_of(attempts=2)
    feed = give(lane, ["d1"])
    answered(lane, LOST)
    answered(lane, NO_CONNECTION, 1.0)
    assert kinds(feed) == ["Unknown"]


def test_the_back_off_doubles_from_a_tenth_of_a_second() -> None:
    lane = lane_of(chance=1.0)
    lane.failures = -100  # the lane's own back-off is another rule
    give(lane, ["d1"])
    now, waits = 0.0, list[float]()
    for _ in range(5):
        answered(lane, LOST, now)
        wakeup = lane.next_wakeup(now)
        assert wakeup is not None
        waits.append(round(wakeup - now, 6))
        now = wakeup
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_without_retries_left_in_the_budget_an_item_waits_the_longest() -> None:
    lane = lane_of()
    lane.health.budget.left = 0
    give(lane, ["d1"])
    answered(lane, LOST)
    assert lane.next_wakeup(0.0) == 5.0
    answered(lane, values(["d1"]), 5.0)
    assert lane.health.budget.left == 1


def test_after_five_failures_in_a_row_the_lane_sends_one_probe_at_a_time() -> None:
    lane = lane_of(chance=1.0)
    give(lane, users(2_000))
    for chunk in [sealed(lane) for _ in range(7)]:
        settle(lane, chunk, LOST)
    assert lane.seal(0.0) is None
    waits: list[float] = []
    now = 0.0
    for _ in range(8):
        wakeup = lane._gate()
        waits.append(round(wakeup - now, 6))
        now = wakeup
        assert lane.seal(now - 0.001) is None
        probe = sealed(lane, now)
        assert probe.probe
        assert lane.seal(now) is None, "one at a time"
        assert lane._gate() == math.inf
        settle(lane, probe, LOST, now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    probe = sealed(lane, now + 5.0)
    settle(lane, probe, fine(probe), now + 5.0)
    assert len(all_sealed(lane, now + 5.0)) > 1, "one useful answer ends it"


def test_four_failures_in_a_row_are_not_enough_for_that() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(4)]:
        settle(lane, chunk, LOST)
    assert len(all_sealed(lane)) > 1
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    assert len(all_sealed(lane)) == 0
    assert len(all_sealed(lane, 1.0)) == 1


def test_a_late_good_answer_opens_the_way_before_it_is_time_for_a_probe() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    late = sealed(lane)
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    assert lane.seal(0.01) is None
    settle(lane, late, fine(late), 0.01)
    assert lane.seal(0.01) is not None


@pytest.mark.parametrize(
    "useless", [refusal(91000), values([]), errors(whoever=70500)], ids=["busy", "silence", "each busy"]
)
def test_an_answer_that_decides_nothing_is_a_failure_too(useless: Answer) -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        items = dict.fromkeys(chunk.accounts, (70500, "busy")) if useless.errors else {}
        settle(lane, chunk, useless._replace(errors=items))
    assert lane.failures == 5
    assert lane.seal(0.0) is None


def test_a_refusal_that_one_item_may_have_caused_is_a_useful_answer() -> None:
    lane = lane_of()
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(5)]:
        settle(lane, chunk, LOST)
    settle(lane, sealed(lane, 1.0), refusal(40003), 1.0)
    assert len(all_sealed(lane, 1.0)) > 1


def test_late_failures_of_calls_sent_before_the_back_off_do_not_make_it_longer() -> None:
    lane = lane_of(chance=1.0)
    give(lane, users(1_000))
    for chunk in [sealed(lane) for _ in range(10)]:
        settle(lane, chunk, LOST)
    assert lane._gate() == 0.1


def test_without_a_useful_answer_everything_ends_after_two_minutes_unless_it_has_a_timeout() -> None:
    lane = lane_of(attempts=1_000)
    hurried, patient = give(lane, ["d1", "d2"]), give(lane, ["d3"], patient=True)
    now = 0.0
    while not hurried.finished:
        wakeup = lane.next_wakeup(now)
        assert wakeup is not None
        now = wakeup
        lane.tick(now)
        if (chunk := lane.seal(now)) is not None:
            settle(lane, chunk, LOST, now)
    assert now == SILENCE_MOST
    assert codes(hurried) == [("Unknown", None)] * 2
    assert reasons(hurried)[0] == "the service gave no useful answer for 120 s"
    assert not patient.finished
    drive(lane, fine, now)
    assert kinds(patient) == ["Ok"]


def test_what_only_met_refused_connections_for_two_minutes_was_not_sent() -> None:
    lane = lane_of(attempts=1_000)
    feed = give(lane, ["d1"])
    _, now = drive(lane, lambda _: NO_CONNECTION)
    assert (kinds(feed), now) == (["NotSent"], SILENCE_MOST)


def test_two_minutes_of_frequency_refusals_are_no_useful_answer_either() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    _, now = drive(lane, lambda _: refusal(60007))
    assert (codes(feed), now) == ([("Unknown", 60007)], SILENCE_MOST)


def test_a_useful_answer_begins_the_two_minutes_anew() -> None:
    lane = lane_of(attempts=1_000)
    give(lane, ["d1"], last=False)
    settle(lane, sealed(lane), LOST)
    feed = give(lane, ["d2"], now=100.0)
    chunk = sealed(lane, 100.0)
    settle(lane, chunk, values(["d2"]), 100.0)
    assert kinds(feed) == ["Ok"]
    lane.tick(SILENCE_MOST + 1.0)
    assert not lane.idle


def test_the_two_minutes_run_from_the_last_useful_answer_and_not_from_the_next_call() -> None:
    lane = lane_of(attempts=1_000)
    feed = give(lane, users(200))
    good, lost = sealed(lane), sealed(lane)
    settle(lane, good, fine(good), 10.0)
    settle(lane, lost, LOST, 15.0)
    lose_until(lane, 10.0 + SILENCE_MOST, now=15.0)
    assert kinds(feed) == ["Ok"] * 100 + ["Unknown"] * 100


def test_an_old_silence_does_not_shorten_the_patience_with_what_comes_later() -> None:
    lane = lane_of(attempts=1)
    give(lane, ["d1"])
    answered(lane, LOST)
    assert lane.idle
    lane.attempts = 1_000
    feed = give(lane, ["d2"], now=100.0)
    lose_until(lane, 219.0, now=100.0)
    assert not feed.finished
    lose_until(lane, 221.0, now=219.0)
    assert kinds(feed) == ["Unknown"]


def test_a_source_that_is_silent_for_minutes_is_not_a_service_that_is() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"], last=False)
    answered(lane, values(["d1"]))
    lane.add(feed, ["d2"], None, 1_000.0)
    answered(lane, LOST, 1_000.0)
    lane.tick(1_000.0)
    assert feed.stop_reason is None
    assert lane.next_wakeup(1_000.0) == 1_000.05


def test_a_newcomer_is_tried_however_long_the_silence_was() -> None:
    lane = lane_of(attempts=1_000)
    give(lane, ["d1"], patient=True)
    lose_until(lane, 300.0)
    newcomer = give(lane, ["d2"], now=300.0)
    lane.tick(300.0)
    assert not newcomer.finished
    lose_until(lane, 300.0 + SILENCE_MOST + 15.0, now=300.0)
    assert kinds(newcomer) == ["Unknown"]


def test_what_must_not_be_repeated_is_unknown_after_one_lost_answer() -> None:
    lane = lane_of(PUSH_SEND_TO)
    feed = give(lane, ["d1", "d2"], [{}, {}])
    chunk = sealed(lane)
    settle(lane, chunk, LOST)
    assert kinds(feed) == ["Unknown"] * 2
    assert reasons(feed)[0].startswith("not sent again, for it may have been done")
    assert lane.idle


def test_what_must_not_be_repeated_is_tried_again_if_it_surely_was_not_done() -> None:
    lane = lane_of(PUSH_SEND_TO)
    feed = give(lane, ["d1"], [{}])
    answered(lane, NO_CONNECTION)
    answered(lane, refusal(60007), 1.0)
    chunk = sealed(lane, 5.0)
    settle(lane, chunk, fine(chunk), 5.0)
    assert kinds(feed) == ["Ok"]


# 4: frequency codes


@pytest.mark.parametrize("code", [60007, 60018, 60019])
def test_a_frequency_code_pauses_the_lane_until_a_time_and_costs_no_attempt(code: int) -> None:
    lane = lane_of(attempts=1)
    feed = give(lane, users(150))
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
    assert kinds(feed) == ["Ok"] * 150
    assert feed.retries == len(chunks) + 3


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
    feed = give(lane, ["d1", "d2"], [{}, {}])
    settle(lane, sealed(lane), errors(d1=60007))
    assert lane.pause.until == 0.0
    settle(lane, sealed(lane, 1.0), errors(d1=60007), 1.0)
    assert codes(feed) == [("Unknown", 60007), ("Ok", None)]


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
    feed = give(lane, ["d1"])
    answered(lane, unsure)
    answered(lane, errors(d1=70107), 1.0)
    assert kinds(feed) == ["Ok"]


def test_silence_about_a_deletion_leaves_it_open_whether_it_was_done() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed = give(lane, ["d1"])
    answered(lane, FINE)
    answered(lane, errors(d1=70107), 1.0)
    assert kinds(feed) == ["Ok"]


@pytest.mark.parametrize("definite", [NO_CONNECTION, refusal(60007), refusal(20028)], ids=str)
def test_after_a_definite_no_an_account_that_does_not_exist_never_did(definite: Answer | RequestError) -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed = give(lane, ["d1"])
    answered(lane, definite)
    answered(lane, errors(d1=70107), 2.0)
    assert codes(feed) == [("Rejected", 70107)]


def test_an_account_that_does_not_exist_is_rejected_at_the_first_try() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed = give(lane, ["d1"])
    answered(lane, errors(d1=70107))
    assert codes(feed) == [("Rejected", 70107)]
    assert not feed.result().retryable()


def test_to_other_commands_a_missing_account_is_a_no_even_after_a_lost_answer() -> None:
    lane = lane_of(PUSH_SET_ATTRIBUTES)
    feed = give(lane, ["d1"], [{}])
    answered(lane, LOST)
    answered(lane, errors(d1=70107), 1.0)
    assert codes(feed) == [("Rejected", 70107)]


def test_a_whole_call_that_names_no_account_can_be_such_an_echo_too() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed = give(lane, ["d1", "d2"])
    answered(lane, LOST)
    calls, _ = drive(lane, lambda _: refusal(70107))
    assert calls == [["d1", "d2"], ["d1"], ["d2"]]
    assert kinds(feed) == ["Ok", "Ok"]


# 7: the signature


def test_an_expired_signature_is_renewed_once_and_the_call_repeated_at_no_cost() -> None:
    lane = lane_of(attempts=1)
    feed = give(lane, ["d1"])
    assert settle(lane, sealed(lane), refusal(70001), resigned=True) == Effect()
    answered(lane, values(["d1"]))
    assert kinds(feed) == ["Ok"]


def test_a_fresh_signature_that_is_refused_too_stops_the_client() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    settle(lane, sealed(lane), refusal(70001), resigned=True)
    chunk = sealed(lane)
    waiting = give(lane, ["d2"])
    effect = settle(lane, chunk, refusal(70052), resigned=True)
    assert effect.wide
    assert isinstance(effect.stop_all, CredentialsError)
    assert (codes(feed), codes(waiting)) == ([("Rejected", 70052)], [("NotSent", 70052)])
    assert waiting.error is effect.stop_all


def test_an_expired_signature_without_a_fresh_one_stops_the_client() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    assert settle(lane, sealed(lane), refusal(70001)).stop_all is feed.error


# What makes every further call pointless


def test_a_command_that_is_not_allowed_stops_its_lane_and_no_other() -> None:
    health = Health()
    lane, other = lane_of(ACCOUNTS_DELETE, health=health), lane_of(health=health)
    sent, waiting = give(lane, users(100)), give(lane, ["d1"], priority=BULK)
    give(other, ["d1"])
    assert settle(lane, sealed(lane), refusal(71000)) == Effect()
    assert codes(sent) == [("Rejected", 71000)] * 100
    assert codes(waiting) == [("NotSent", 71000)]
    assert isinstance(waiting.error, APIError)
    assert sent.error is waiting.error
    assert sent.result().retryable() == users(100)
    assert (health.suspect, other.seal(0.0) is not None) == (None, True)


def test_after_a_stop_later_items_go_one_probe_at_a_time_until_one_succeeds() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    give(lane, ["d1"])
    answered(lane, refusal(71000))
    later = give(lane, users(300))
    probe = sealed(lane)
    assert lane.seal(0.0) is None
    assert lane.next_wakeup(0.0) is not None, "only the silence is waited for, or the answer"
    settle(lane, probe, fine(probe))
    assert len(all_sealed(lane)) == 2
    assert not later.finished


def test_an_item_by_item_refusal_of_the_command_stops_the_lane_if_all_are_told_so() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed, waiting = give(lane, users(100)), give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {}, dict.fromkeys(users(100), (71000, "no"))))
    assert (codes(feed)[0], codes(waiting)) == (("Rejected", 71000), [("NotSent", 71000)])
    assert isinstance(feed.error, APIError)
    assert feed.error.info == "no"


def test_a_single_item_that_is_told_so_among_others_stops_nobody() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    feed = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": None}, {"d2": (71000, "no")}))
    assert codes(feed) == [("Ok", None), ("Rejected", 71000)]
    assert feed.error is None


def test_a_wrong_key_stops_what_waits_in_every_lane_through_the_client() -> None:
    lane = lane_of()
    feed = give(lane, users(150))
    effect = settle(lane, sealed(lane), refusal(70009))
    assert effect == Effect(wide=True, stop_all=feed.error)
    assert isinstance(feed.error, CredentialsError)
    assert kinds(feed) == ["Rejected"] * 100 + ["NotSent"] * 50
    assert lane.health.suspect is feed.error


def test_a_wrong_key_does_not_tell_what_became_of_a_call_whose_answer_was_lost() -> None:
    lane = lane_of()
    feed = give(lane, ["d1"])
    answered(lane, LOST)
    answered(lane, refusal(70009), 1.0)
    assert codes(feed) == [("Unknown", 70009)]


def test_ten_thousand_single_items_with_a_wrong_key_make_a_handful_of_calls() -> None:
    lane = lane_of(proven=False)
    feeds = [give(lane, [account], priority=INTERACTIVE) for account in users(10_000)]
    flying = all_sealed(lane)
    assert len(flying) == 4
    for chunk in flying:
        settle(lane, chunk, refusal(70009))
    assert lane.idle
    found = [kind for feed in feeds for kind in kinds(feed)]
    assert (found.count("Rejected"), found.count("NotSent")) == (400, 9_600)
    assert all(feed.error is not None for feed in feeds)


def test_the_first_good_answer_opens_the_way_for_all() -> None:
    lane = lane_of(proven=False)
    give(lane, users(1_000))
    first = all_sealed(lane)[0]
    settle(lane, first, fine(first))
    assert len(all_sealed(lane)) == 6


def test_a_locked_account_is_left_alone_for_a_minute() -> None:
    lane = lane_of()
    give(lane, ["d1"])
    settle(lane, sealed(lane), refusal(70050), 100.0)
    during = give(lane, ["d2"], now=130.0)
    assert codes(during) == [("NotSent", 70050)]
    assert isinstance(during.error, CredentialsError)
    after = give(lane, users(200), now=159.9)
    assert kinds(after) == ["NotSent"] * 200
    late = give(lane, users(200), now=160.0)
    probe = sealed(lane, 160.0)
    assert lane.seal(160.0) is None
    settle(lane, probe, fine(probe), 160.1)
    drive(lane, fine, 160.1)
    assert kinds(late) == ["Ok"] * 200


def test_a_lock_that_a_good_answer_disproves_still_holds_what_waits_until_its_time() -> None:
    lane = lane_of()
    give(lane, users(200))
    good, bad = sealed(lane), sealed(lane)
    settle(lane, bad, refusal(70050))
    settle(lane, good, fine(good))
    feed = give(lane, ["d1"], now=1.0)
    assert not feed.finished
    assert lane.next_wakeup(1.0) == 60.0
