"""UserSig, the signature in every URL: sign it, read it, and know when to sign again.

Pages of the service: https://trtc.io/document/34385 and Tencent's generators, of which
https://github.com/tencentyun/tls-sig-api-v2-python is one (scheme "2.0": HMAC-SHA256 with the app's secret key).
A usersig is as good as a password until it expires, so no message and no repr here shows one.
"""

import base64
import math
import zlib
from typing import NoReturn

import msgspec

from tim_async.printable import shown, sturdy

from .keys import Key, Sealed, keyed, opened, sealed

__all__ = ["Key", "Signer", "UserSig", "keyed", "read", "sign"]

# The service's own alphabet, which is not base64url; what only the standard one has must not pass as a usersig.
_TO_URL = str.maketrans("+/=", "*-_")
_FROM_URL = str.maketrans("*-_+/=", "+/=!!!")

_LONGEST = 64 * 1024  # bytes once unpacked; real ones have some 200, and a few bytes must not fill the memory

_FRESH = 5.0  # seconds; more than the 3 s after which the service gives up on a call


class UserSig(msgspec.Struct, frozen=True, tag_field="TLS.ver", tag="2.0"):
    """What a usersig says, spelled as in its JSON. Its repr leaves the signature out.

    Attributes:
        identifier: the account that it signs for.
        sdk_app_id: the app.
        time: Unix seconds at which it was signed.
        expire: its lifetime in seconds, counted from `time`.
        sig: base64 of the HMAC over the other four.
    """

    identifier: str = msgspec.field(name="TLS.identifier")
    sdk_app_id: int = msgspec.field(name="TLS.sdkappid")
    time: int = msgspec.field(name="TLS.time")
    expire: int = msgspec.field(name="TLS.expire")
    sig: str = msgspec.field(name="TLS.sig")

    def __repr__(self) -> str:
        said = f"identifier={self.identifier!r}, sdk_app_id={self.sdk_app_id}, time={self.time}, expire={self.expire}"
        return f"UserSig({said})"


def sign(*, sdk_app_id: int, key: Key, identifier: str, now: int, lifetime: int) -> str:
    """A new usersig.

    `TLS.time` is `now` as it is, as in Tencent's generators. Dating it back would forgive a clock that runs ahead, but
    `kick` voids what was signed before it: a fresh signature, dated back, would be void for as long again. How far
    ahead the service tolerates is not documented; keep the clock in step (NTP).

    Args:
        sdk_app_id: the app.
        key: from `keyed`; not changed.
        identifier: the account that signs; for calls of the REST API an admin of the app.
        now: Unix seconds.
        lifetime: seconds from `now` for which it holds; the service advises at least a day.

    Returns:
        The usersig, ready for a URL.

    Raises:
        ValueError: app id or lifetime below 1, or an identifier that is empty or has a line feed (the signed text has
            one field per line).
    """
    _check(sdk_app_id, identifier, lifetime)
    text = f"TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{now}\nTLS.expire:{lifetime}\n"
    mac = key.copy()
    mac.update(text.encode())
    said = UserSig(identifier, sdk_app_id, now, lifetime, base64.b64encode(mac.digest()).decode())
    return base64.b64encode(zlib.compress(msgspec.json.encode(said))).decode().translate(_TO_URL)


def _check(sdk_app_id: int, identifier: str, lifetime: int) -> None:
    if not isinstance(identifier, str):
        raise TypeError(f"identifier must be a str, not {type(identifier).__name__}")
    if sdk_app_id < 1:
        raise ValueError(f"sdk_app_id must be positive, not {sdk_app_id}")
    if not identifier or "\n" in identifier:
        raise ValueError(f"identifier must be one line of text, not {identifier!r}")
    if lifetime < 1:
        raise ValueError(f"lifetime must be at least a second, not {lifetime}")


def _check_name(identifier: str) -> None:
    """Stricter than the signature needs: what comes with a name from a file or a variable makes it another name."""
    quoted = len(identifier) > 1 and identifier[0] == identifier[-1] and identifier[0] in "\"'`"
    if quoted or identifier != identifier.strip() or shown(identifier) != identifier:
        raise ValueError(
            "identifier must be the name alone, with no quotes or white space around it and nothing in it "
            f"that cannot be seen, not {identifier!r}"
        )


def read(usersig: str) -> UserSig:
    """What a usersig says; whether its signature is right only the owner of the key can tell.

    Args:
        usersig: as in a URL, not percent-encoded.

    Raises:
        ValueError: it is not a usersig of scheme 2.0; one line says at which layer, without any of its text.
    """
    try:
        packed = base64.b64decode(usersig.translate(_FROM_URL), validate=True)
    except ValueError:
        raise ValueError("not a usersig: no base64 in the service's alphabet") from None
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _LONGEST)
    except zlib.error:
        raise ValueError("not a usersig: base64, but not of zlib data") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("not a usersig: cut off, or too long")
    try:
        return msgspec.json.decode(text, type=UserSig)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("not a usersig: not the JSON fields of TLSSigAPIv2 (scheme 2.0)") from None


class Signer:
    """The usersig of one admin account: signed once, kept, and renewed at half of its life.

    Half a life is also the clock skew that it forgives in one direction: with the default of a day, a clock 12 hours
    slow still sends usersigs that hold. It belongs to one thread, does no I/O, and can't be copied or pickled.

    A call remembers `version` next to the usersig that it took. When the service refuses the usersig, and the version
    has moved on meanwhile, the call just goes again; else it asks `renew`.

    Attributes:
        sdk_app_id: the app.
        identifier: the account that signs.
        lifetime: of each usersig, in seconds.
        version: how often was signed so far.
    """

    __slots__ = ("_key", "_now", "_signed", "_usersig", "identifier", "lifetime", "sdk_app_id", "version")

    def __init__(self, sdk_app_id: int, secret_key: str | Sealed, identifier: str, lifetime: int = 86400) -> None:
        """Nothing is signed yet.

        Raises:
            TypeError: as in `keyed`.
            ValueError: as in `keyed` and `sign`.
        """
        seal = sealed(secret_key)
        del secret_key
        self._key = opened(seal)
        _check(sdk_app_id, identifier, lifetime)
        _check_name(identifier)
        self.sdk_app_id = sdk_app_id
        self.identifier = identifier
        self.lifetime = lifetime
        self.version = 0
        self._usersig = ""
        self._signed = -math.inf
        self._now = 0.0

    def current(self, now: float) -> str:
        """The usersig for a call that starts at `now` (Unix seconds); signs when there is none or it is half spent.

        Also when the clock has been set back to before it was signed: the service would see one from the future.
        """
        self._now = now
        if not self._signed - _FRESH <= now < self._signed + self.lifetime / 2:
            self._sign(now)
        return self._usersig

    def renew(self, now: float) -> bool:
        """Sign again because the service refused the usersig.

        Args:
            now: Unix seconds.

        Returns:
            Whether it signed. False: the present one is younger than 5 s, and one that is refused fresh will not get
            better by signing again (wrong key, locked account).
        """
        self._now = now
        if abs(now - self._signed) < _FRESH:
            return False
        self._sign(now)
        return True

    def _sign(self, now: float) -> None:
        second = int(now)
        self._usersig = sign(
            sdk_app_id=self.sdk_app_id,
            key=self._key,
            identifier=self.identifier,
            now=second,
            lifetime=self.lifetime,
        )
        self._signed = second
        self.version += 1

    @sturdy
    def __repr__(self) -> str:
        """App, identifier, and the seconds left when it was last asked."""
        left = int(max(0.0, self._signed + self.lifetime - self._now))
        return f"Signer(sdk_app_id={self.sdk_app_id}, identifier={self.identifier!r}, seconds_left={left})"

    def __reduce__(self) -> NoReturn:
        """No copy and no pickle: the key stays where it was given.

        Raises:
            TypeError: always.
        """
        raise TypeError("a Signer can't be copied or pickled: it holds a secret key")
