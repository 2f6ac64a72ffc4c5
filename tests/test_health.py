"""What one answer tells all lanes of a client about the app's standing with the service."""

from tim_async.errors import CredentialsError
from tim_async.lane.health import Health

BARRED = CredentialsError(70009, "no administrator", "sim")


def full(health: Health, in_flight: int) -> bool:
    health.in_flight = in_flight
    return health.full


def test_a_new_client_tries_a_handful_of_calls_and_a_proven_one_any_number() -> None:
    health = Health()
    assert [full(health, calls) for calls in (0, 3, 4)] == [False, False, True]
    health.good(1.0)
    assert not full(health, 10_000)


def test_after_a_refusal_of_the_credentials_one_call_at_a_time_until_one_is_good() -> None:
    health = Health()
    health.good(0.0)
    health.refused(BARRED, 0.0, 1.0)
    assert [full(health, calls) for calls in (0, 1)] == [False, True]
    health.good(2.0)
    assert not full(health, 1)
    assert health.suspect is None


def test_a_locked_account_is_left_alone_for_as_long_as_the_code_says() -> None:
    health = Health()
    assert health.locked(0.0) is None
    health.refused(BARRED, 0.0, 10.0)
    assert health.locked(10.0) is None
    health.refused(BARRED, 30.0, 10.0)
    assert health.locked(39.9) is BARRED
    assert health.locked(40.0) is None


def test_a_good_answer_ends_a_row_of_refusals_for_frequency() -> None:
    health = Health()
    assert health.pause.refused(10.0) == 11.0
    assert health.pause.refused(11.0) == 13.0
    health.good(13.0)
    assert health.pause.refused(20.0) == 21.0
