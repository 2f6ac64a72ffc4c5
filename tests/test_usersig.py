"""The signature: ours is Tencent's, theirs is read, and nothing gives the key away."""

import base64
import copy
import hashlib
import hmac
import json
import pickle
import traceback
import zlib
from typing import Any

import pytest
import TLSSigAPIv2
from hypothesis import given
from hypothesis import strategies as st

from tim_async.service.usersig import Signer, UserSig, keyed, read, sign

# The public demo key of Tencent's generators, with what they make of it.
APP = 1400000000
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
NOW = 1700000000
DAY = 86400
VECTOR = (
    "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN"
    "0RQXZ6aDLKn0cUzVLjcPD00NLS1MCrPM0A*JMLcoNTLMD3HP1M60jCowLDUOKMiLNDOwVaoFAD4PNPI_"
)
VECTOR_SIG = "yLAe+w7WUeUuqbV9h/TX78u21oTGi+i9Zp1u3PpnY60="

identifiers = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=40)
apps = st.integers(1, 2**32)
times = st.integers(0, 2**33)
lifetimes = st.integers(1, 50 * 366 * DAY)


def signed(identifier: str = "administrator", now: int = NOW, lifetime: int = DAY, app: int = APP) -> str:
    return sign(sdk_app_id=app, key=keyed(KEY), identifier=identifier, now=now, lifetime=lifetime)


def outer(data: bytes) -> str:
    """In the outermost layer of a usersig, by the standard library alone."""
    return base64.b64encode(data).decode().replace("+", "*").replace("/", "-").replace("=", "_")


def packed(data: bytes) -> str:
    """In both outer layers of a usersig, by the standard library alone."""
    return outer(zlib.compress(data))


def fields(usersig: str) -> dict[str, Any]:
    """The JSON of a usersig, by the standard library alone."""
    standard = usersig.replace("*", "+").replace("-", "/").replace("_", "=")
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(standard)))
    return found


def sig_by_hand(said: UserSig, key: str) -> str:
    """What `TLS.sig` has to be, by the standard library alone: the check that the service makes."""
    text = f"TLS.identifier:{said.identifier}\nTLS.sdkappid:{said.sdk_app_id}\n"
    text += f"TLS.time:{said.time}\nTLS.expire:{said.expire}\n"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def test_the_published_vector_is_read_and_signed_alike() -> None:
    expected = UserSig("administrator", APP, NOW, DAY, VECTOR_SIG)
    assert read(VECTOR) == expected
    assert read(signed()) == expected


def test_our_json_has_the_fields_of_tencents_and_no_other() -> None:
    assert fields(signed()) == fields(VECTOR)
    assert set(fields(signed())) == set(fields(TLSSigAPIv2.TLSSigAPIv2(APP, KEY).gen_sig("administrator")))


@given(apps, identifiers, lifetimes)
def test_tencents_generator_signs_the_same_at_the_same_second(app: int, identifier: str, lifetime: int) -> None:
    theirs = TLSSigAPIv2.TLSSigAPIv2(app, KEY).gen_sig(identifier, lifetime)
    said = read(theirs)
    ours = signed(identifier, said.time, lifetime, app)
    assert fields(ours) == fields(theirs)
    assert read(ours) == said


@given(apps, identifiers, times, lifetimes)
def test_an_independent_check_accepts_ours(app: int, identifier: str, now: int, lifetime: int) -> None:
    usersig = signed(identifier, now, lifetime, app)
    said = UserSig(identifier, app, now, lifetime, read(usersig).sig)
    assert said.sig == sig_by_hand(said, KEY)
    assert fields(usersig) == {
        "TLS.ver": "2.0",
        "TLS.identifier": identifier,
        "TLS.sdkappid": app,
        "TLS.time": now,
        "TLS.expire": lifetime,
        "TLS.sig": said.sig,
    }


def test_a_userbuf_is_no_hindrance_to_reading() -> None:
    theirs = TLSSigAPIv2.TLSSigAPIv2(APP, KEY).gen_sig_with_userbuf("Mary", DAY, b"abc")
    assert (read(theirs).identifier, read(theirs).expire) == ("Mary", DAY)


@given(apps, identifiers, times, lifetimes)
def test_a_usersig_needs_no_quoting_in_a_url(app: int, identifier: str, now: int, lifetime: int) -> None:
    usersig = signed(identifier, now, lifetime, app)
    assert usersig.isascii()
    assert usersig.replace("*", "a").replace("-", "a").replace("_", "a").isalnum()


def test_signing_does_not_use_the_key_up() -> None:
    key = keyed(KEY)
    once = sign(sdk_app_id=APP, key=key, identifier="Mary", now=NOW, lifetime=DAY)
    assert sign(sdk_app_id=APP, key=key, identifier="Mary", now=NOW, lifetime=DAY) == once


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=60))
def test_a_key_of_any_letters_and_digits_signs_as_its_bytes(key: str) -> None:
    said = read(sign(sdk_app_id=APP, key=keyed(key), identifier="Mary", now=NOW, lifetime=DAY))
    assert said.sig == sig_by_hand(said, key)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"app": 0}, "sdk_app_id must be positive, not 0"),
        ({"identifier": ""}, "identifier must be one line of text, not ''"),
        ({"identifier": "a\nTLS.sdkappid:1"}, r"identifier must be one line of text, not 'a\\nTLS.sdkappid:1'"),
        ({"lifetime": 0}, "lifetime must be at least a second, not 0"),
    ],
)
def test_what_cannot_be_signed_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        signed(**wrong)


@pytest.mark.parametrize(
    "identifier",
    ['"admin"', "'admin'", "`admin`", "\ufeffadmin", "admin ", "\tadmin", "ad\x00min", "admin\u200b", "ad\u202emin"],
)
def test_an_identifier_with_what_came_along_from_a_file_is_another_name_and_refused(identifier: str) -> None:
    with pytest.raises(
        ValueError, match=r"^identifier must be the name alone, with no quotes or white space around it"
    ):
        Signer(APP, KEY, identifier)


@pytest.mark.parametrize("identifier", ["admin", "the admin", "王 小明", "王\u3000小明", "o'neill", '"', "a'b'"])
def test_an_identifier_may_be_any_name_that_can_be_seen(identifier: str) -> None:
    assert read(Signer(APP, KEY, identifier).current(NOW)).identifier == identifier


@pytest.mark.parametrize("identifier", [None, 1, b"admin"])
def test_an_identifier_is_a_str(identifier: Any) -> None:
    with pytest.raises(TypeError, match=r"^identifier must be a str, not (NoneType|int|bytes)$"):
        Signer(APP, KEY, identifier)


def test_no_repr_of_a_usersig_shows_its_signature() -> None:
    text = "UserSig(identifier='administrator', sdk_app_id=1400000000, time=1700000000, expire=86400)"
    assert repr(read(VECTOR)) == text
    assert VECTOR_SIG not in f"{read(VECTOR)}{[read(VECTOR)]}"


GOOD = fields(VECTOR)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("not base64!", "no base64 in the service's alphabet"),
        ("ünicode", "no base64 in the service's alphabet"),
        (VECTOR[:-1], "no base64 in the service's alphabet"),
        (VECTOR.replace("*", "+"), "no base64 in the service's alphabet"),
        (VECTOR.replace("_", "="), "no base64 in the service's alphabet"),
        (VECTOR + "\n", "no base64 in the service's alphabet"),
        ("bm90IHpsaWI_", "base64, but not of zlib data"),
        (VECTOR[:-8], "cut off, or too long"),
        ("", "cut off, or too long"),
        (outer(zlib.compress(b"{}") + b"more"), "cut off, or too long"),
        (packed(json.dumps(GOOD | {"more": "a" * 100_000}).encode()), "cut off, or too long"),
        (packed(b"not json"), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
        (packed(b'{"TLS.ver": "2.0", "TLS.identifier": "\xff"}'), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
        (packed(b"[]"), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
        (packed(json.dumps(GOOD | {"TLS.ver": "1.0"}).encode()), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
        (packed(json.dumps(GOOD | {"TLS.time": "now"}).encode()), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
        (packed(b'{"TLS.identifier": "Mary"}'), "not the JSON fields of TLSSigAPIv2 (scheme 2.0)"),
    ],
)
def test_what_is_no_usersig_is_named_by_its_layer_and_not_echoed(text: str, layer: str) -> None:
    with pytest.raises(ValueError, match=r"^not a usersig: ") as caught:
        read(text)
    assert str(caught.value) == f"not a usersig: {layer}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.text() | st.binary().map(packed) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_reading_raises_nothing_but_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a usersig: "):
        read(text)


@given(st.integers(0, len(VECTOR) - 1))
def test_a_usersig_that_lost_its_end_is_no_usersig(length: int) -> None:
    with pytest.raises(ValueError, match=r"^not a usersig: "):
        read(VECTOR[:length])


def signer(lifetime: int = DAY) -> Signer:
    return Signer(APP, KEY, "administrator", lifetime)


def test_a_signer_signs_when_first_asked_and_then_keeps_the_usersig_for_half_of_its_life() -> None:
    ours = signer()
    assert ours.version == 0
    first = ours.current(NOW + 0.9)
    assert read(first) == UserSig("administrator", APP, NOW, DAY, VECTOR_SIG)
    assert ours.current(NOW + DAY / 2 - 0.1) == first
    assert ours.version == 1
    second = ours.current(NOW + DAY / 2)
    assert read(second).time == NOW + DAY // 2
    assert ours.version == 2


@given(st.integers(1, 3 * DAY), st.lists(st.floats(-2 * DAY, 2 * DAY), max_size=20))
def test_a_usersig_is_never_expired_nor_from_the_future_however_the_clock_jumps(
    lifetime: int, jumps: list[float]
) -> None:
    ours, now = signer(lifetime), float(NOW)
    for jump in jumps:
        now += jump
        said = read(ours.current(now))
        assert said.time - 5 <= now < said.time + said.expire


def test_a_clock_set_back_a_little_does_not_make_it_sign_again() -> None:
    ours = signer()
    ours.current(NOW)
    ours.current(NOW - 5)
    assert ours.version == 1
    ours.current(NOW - 5.1)
    assert ours.version == 2


def test_a_refused_usersig_is_renewed_but_not_one_that_is_fresh() -> None:
    ours = signer()
    old = ours.current(NOW)
    assert ours.renew(NOW + 5)
    new = ours.current(NOW + 5)
    assert (read(new).time, ours.version) == (NOW + 5, 2)
    assert new != old
    assert not ours.renew(NOW + 9.9)
    assert (ours.current(NOW + 9.9), ours.version) == (new, 2)


def test_renewing_before_the_first_call_signs() -> None:
    ours = signer()
    assert ours.renew(NOW)
    assert ours.version == 1


def test_the_repr_of_a_signer_tells_app_identifier_and_seconds_left() -> None:
    ours = signer()
    assert repr(ours) == "Signer(sdk_app_id=1400000000, identifier='administrator', seconds_left=0)"
    ours.current(NOW)
    ours.current(NOW + 400)
    assert repr(ours) == "Signer(sdk_app_id=1400000000, identifier='administrator', seconds_left=86000)"
    ours.renew(NOW + 500)
    assert repr(ours) == "Signer(sdk_app_id=1400000000, identifier='administrator', seconds_left=86400)"


def reachable(root: object) -> list[object]:
    """All objects that attributes, slots and containers lead to from `root`."""
    found: dict[int, object] = {}
    todo = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in found or isinstance(thing, type):
            continue
        found[id(thing)] = thing
        if isinstance(thing, list | tuple | set | frozenset):
            todo.extend(thing)
        elif not isinstance(thing, str | bytes | int | float):
            names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            todo.extend(getattr(thing, name, None) for name in [*names, *getattr(thing, "__dict__", {})])
    return list(found.values())


def test_the_key_cannot_be_reached_from_a_signer() -> None:
    ours = signer()
    ours.current(NOW)
    things = reachable(ours)
    assert ours.current(NOW) in things
    assert not [thing for thing in things if KEY in repr(thing)]
    assert KEY.encode() not in things


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signer_cannot_be_pickled_or_copied(take: Any) -> None:
    with pytest.raises(TypeError, match="can't be copied or pickled: it holds a secret key"):
        take(signer())


def test_a_signer_that_cannot_be_made_does_not_show_the_key_in_its_frame() -> None:
    with pytest.raises(ValueError, match="identifier must be one line") as caught:
        Signer(APP, KEY, "", DAY)
    frames = traceback.walk_tb(caught.value.__traceback__)
    inside = [frame for frame, _ in frames if frame.f_globals["__name__"] == "tim_async.service.usersig"]
    assert [frame.f_code.co_name for frame in inside] == ["__init__", "_check"]
    assert not [value for frame in inside for value in frame.f_locals.values() if value == KEY]
