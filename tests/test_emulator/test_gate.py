"""Who may call: signatures made by Tencent's own generator, and a wall clock that is told."""

import base64
import json
import time
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from tim_async.emulator import DEMO_KEY
from tim_async.emulator.gate import LOCK_AFTER, LOCK_SECONDS, Gate, read_usersig

from .caller import usersig

APP = 1400000000
NOW = time.time()
GOOD = usersig()


def gate() -> Gate:
    return Gate(sdk_app_id=APP, secret_key=DEMO_KEY, admins=["administrator"])


def query(**changes: str | None) -> dict[str, str]:
    parameters: dict[str, str | None] = {
        "sdkappid": str(APP),
        "identifier": "administrator",
        "usersig": GOOD,
        "random": "1",
        "contenttype": "json",
        **changes,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def check(parameters: Mapping[str, str], now: float = NOW) -> int:
    return gate().check(parameters, 90009, now)


def packed(fields: Any) -> str:
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return base64.b64encode(zlib.compress(text)).decode().translate(str.maketrans("+/=", "*-_"))


def test_a_good_call_passes() -> None:
    assert check(query()) == 0


def test_the_random_number_may_be_left_out() -> None:
    assert check(query(random=None)) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sdkappid": None}, 60012),
        ({"sdkappid": "my-app"}, 60025),
        ({"identifier": None}, 60025),
        ({"identifier": ""}, 60025),
        ({"usersig": None}, 60025),
        ({"usersig": ""}, 70002),
        ({"contenttype": None}, 60025),
        ({"contenttype": "xml"}, 60025),
        ({"random": "-1"}, 60002),
        ({"random": "4294967296"}, 60002),
    ],
)
def test_a_missing_or_malformed_parameter_has_its_code(changes: dict[str, str | None], code: int) -> None:
    assert check(query(**changes)) == code


@pytest.mark.parametrize(
    "illegal",
    [
        GOOD[:40],
        "!" + GOOD,
        "ä",
        packed(b"no json"),
        packed(b"\xff"),
        packed([]),
        packed({"TLS.identifier": "administrator"}),
        packed({"padding": "x" * 100_000}),
    ],
    ids=["cut off", "no base64", "no ASCII", "no JSON", "no text", "a list", "half of it", "too long"],
)
def test_a_usersig_that_cannot_be_read_is_illegal(illegal: str) -> None:
    assert check(query(usersig=illegal)) == 70003


def test_a_usersig_of_another_key_is_refused() -> None:
    assert check(query(usersig=usersig(key="0" * 64))) == 70009


def test_a_usersig_of_somebody_else_is_refused() -> None:
    assert check(query(usersig=usersig("Mary"))) == 70013


def test_a_usersig_of_another_app_is_refused() -> None:
    assert check(query(usersig=usersig(app=1))) == 70014


def test_an_app_that_does_not_live_here_is_not_found() -> None:
    assert check(query(sdkappid="1", usersig=usersig(app=1))) == 70020


def test_a_usersig_expires_after_its_lifetime() -> None:
    signed = read_usersig(GOOD, DEMO_KEY)
    assert signed is not None
    assert check(query(), signed.signed_at + 599.9) == 0
    assert check(query(), signed.signed_at + 600.0) == 70001


def test_only_administrators_may_call() -> None:
    assert check(query(identifier="Mary", usersig=usersig("Mary"))) == 90009


def test_a_userbuf_is_part_of_what_is_signed() -> None:
    from TLSSigAPIv2 import TLSSigAPIv2

    signed = TLSSigAPIv2(APP, DEMO_KEY).gen_sig_with_userbuf("administrator", 600, b"room 7")
    assert check(query(usersig=signed)) == 0


def test_ten_wrong_signatures_in_a_row_lock_until_a_quiet_minute_has_passed() -> None:
    door, wrong = gate(), query(usersig="wrong")
    assert [door.check(wrong, 90009, NOW) for _ in range(LOCK_AFTER + 1)] == [70003] * LOCK_AFTER + [70050]
    assert door.check(query(), 90009, NOW + LOCK_SECONDS - 1) == 70050, "even the right one, while locked"
    assert door.check(query(), 90009, NOW + LOCK_SECONDS + 1) == 70050, "each call prolongs the lock"
    assert door.check(query(), 90009, NOW + 2 * LOCK_SECONDS + 1) == 0


def test_a_right_signature_in_between_starts_the_count_anew() -> None:
    door, wrong = gate(), query(usersig="wrong")
    for _ in range(3):
        assert [door.check(wrong, 90009, NOW) for _ in range(LOCK_AFTER - 1)] == [70003] * (LOCK_AFTER - 1)
        assert door.check(query(), 90009, NOW) == 0


def test_wrong_signatures_far_apart_do_not_lock() -> None:
    door, wrong = gate(), query(usersig="wrong")
    assert {door.check(wrong, 90009, NOW + 10 * n) for n in range(30)} == {70003}


def test_an_expired_signature_is_no_wrong_one() -> None:
    door = gate()
    assert {door.check(query(), 90009, NOW + 1e6) for _ in range(30)} == {70001}


@pytest.mark.parametrize("code", [70052, 70001])
def test_signatures_of_the_past_can_be_ended_and_new_ones_work(code: int) -> None:
    door, other = gate(), usersig(expire=601)
    claims = read_usersig(other, DEMO_KEY)
    assert claims is not None
    assert door.check(query(), 90009, NOW) == 0
    door.end_signatures(code, claims.signed_at + 0.5)
    assert door.check(query(), 90009, NOW) == code, "seen before"
    assert door.check(query(usersig=other), 90009, NOW) == 0, "not seen, and signed in this very second"
    door.end_signatures(code, claims.signed_at + 1)
    assert door.check(query(usersig=other), 90009, NOW) == code, "signed in an earlier second"
    door.clear()
    assert door.check(query(), 90009, NOW) == 0


def test_the_gate_remembers_a_bounded_number_of_signatures() -> None:
    door = gate()
    for n in range(600):
        assert door.check(query(usersig=packed({"n": n})), 90009, NOW + 100 * n) == 70003
    assert len(door._seen) <= 256
