"""What makes every further call pointless: the signature, the key, a command that is not allowed (rule 7)."""

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
    refusal,
    sealed,
    settle,
    users,
    values,
)

from tim_async.errors import APIError, CredentialsError
from tim_async.lane.health import Health
from tim_async.lane.items import BULK, INTERACTIVE
from tim_async.lane.judging import Effect
from tim_async.operations.operation import result_of
from tim_async.service.endpoints import ACCOUNTS_DELETE, Answer

# 7: the signature


def test_an_expired_signature_is_renewed_once_and_the_call_repeated_at_no_cost() -> None:
    lane = lane_of(attempts=1)
    owner = give(lane, ["d1"])
    assert settle(lane, sealed(lane), refusal(70001), resigned=True) == Effect()
    answered(lane, values(["d1"]))
    assert kinds(owner) == ["Ok"]


def test_a_fresh_signature_that_is_refused_too_stops_the_client() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    settle(lane, sealed(lane), refusal(70001), resigned=True)
    chunk = sealed(lane)
    waiting = give(lane, ["d2"])
    effect = settle(lane, chunk, refusal(70052), resigned=True)
    assert effect.wide
    assert isinstance(effect.stop_all, CredentialsError)
    assert (codes(owner), codes(waiting)) == ([("Rejected", 70052)], [("NotSent", 70052)])
    assert waiting.error is effect.stop_all


def test_an_expired_signature_without_a_fresh_one_stops_the_client() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    assert settle(lane, sealed(lane), refusal(70001)).stop_all is owner.error


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
    assert result_of(sent).retryable() == users(100)
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
    owner, waiting = give(lane, users(100)), give(lane, ["d1"])
    settle(lane, sealed(lane), Answer(0, "", {}, dict.fromkeys(users(100), (71000, "no"))))
    assert (codes(owner)[0], codes(waiting)) == (("Rejected", 71000), [("NotSent", 71000)])
    assert isinstance(owner.error, APIError)
    assert owner.error.info == "no"


def test_a_single_item_that_is_told_so_among_others_stops_nobody() -> None:
    lane = lane_of(ACCOUNTS_DELETE)
    owner = give(lane, ["d1", "d2"])
    settle(lane, sealed(lane), Answer(0, "", {"d1": None}, {"d2": (71000, "no")}))
    assert codes(owner) == [("Ok", None), ("Rejected", 71000)]
    assert owner.error is None


def test_a_wrong_key_stops_what_waits_in_every_lane_through_the_client() -> None:
    lane = lane_of()
    owner = give(lane, users(150))
    effect = settle(lane, sealed(lane), refusal(70009))
    assert isinstance(owner.error, CredentialsError)
    assert effect == Effect(wide=True, stop_all=owner.error)
    assert kinds(owner) == ["Rejected"] * 100 + ["NotSent"] * 50
    assert lane.health.suspect is owner.error


def test_a_wrong_key_does_not_tell_what_became_of_a_call_whose_answer_was_lost() -> None:
    lane = lane_of()
    owner = give(lane, ["d1"])
    answered(lane, LOST)
    answered(lane, refusal(70009), 1.0)
    assert codes(owner) == [("Unknown", 70009)]


def test_ten_thousand_single_items_with_a_wrong_key_make_a_handful_of_calls() -> None:
    lane = lane_of(proven=False)
    owners = [give(lane, [account], priority=INTERACTIVE) for account in users(10_000)]
    flying = all_sealed(lane)
    assert len(flying) == 4
    for chunk in flying:
        settle(lane, chunk, refusal(70009))
    assert lane.idle
    found = [kind for owner in owners for kind in kinds(owner)]
    assert (found.count("Rejected"), found.count("NotSent")) == (400, 9_600)
    assert all(owner.error is not None for owner in owners)


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
    owner = give(lane, ["d1"], now=1.0)
    assert not owner.finished
    assert lane.next_wakeup(1.0) == 60.0
