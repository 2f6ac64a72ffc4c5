"""Who may call: the parameters in the URL, the signature, the administrators. Pure; it's told the time.

Pages: https://trtc.io/document/34620 (the parameters), https://trtc.io/document/34348 (the codes).
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_FROM_USERSIG = str.maketrans("*-_", "+/=")
_LARGEST_CLAIMS = 4096  # a signature that inflates to more is a bomb, not a signature
_KEPT = 256  # a client signs anew once in hours, so more signatures than this are somebody else's game

LOCK_AFTER = 10
"""Wrong signatures in a row, within a minute, that lock the app (70050). The number isn't documented."""

LOCK_SECONDS = 60.0
"""A lock ends after as much time without a call (the error table says "at least one minute")."""

_WRONG = frozenset({70003, 70009, 70013, 70014})


@dataclass(frozen=True, slots=True)
class Claims:
    """What a usersig says, and whether our key signed it."""

    identifier: str
    sdk_app_id: int
    signed_at: int
    lifetime: int
    genuine: bool


def read_usersig(usersig: str, secret_key: str) -> Claims | None:
    """Take a usersig apart (TLSSigAPIv2).

    Args:
        usersig: What came in the URL.
        secret_key: The key of the app.

    Returns:
        What it says, or None if it's illegal.
    """
    try:
        packed = base64.b64decode(usersig.translate(_FROM_USERSIG), validate=True)
        inflater = zlib.decompressobj()
        text = inflater.decompress(packed, _LARGEST_CLAIMS)
        fields = msgspec.json.decode(text) if inflater.eof else None
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None
    return _claims(fields, secret_key) if isinstance(fields, dict) else None


def _claims(fields: dict[str, Any], secret_key: str) -> Claims | None:
    wanted = ("TLS.identifier", str), ("TLS.sdkappid", int), ("TLS.time", int), ("TLS.expire", int), ("TLS.sig", str)
    if not all(isinstance(fields.get(name), kind) for name, kind in wanted):
        return None
    names = ["identifier", "sdkappid", "time", "expire"]
    if "TLS.userbuf" in fields:
        names.append("userbuf")
    text = "".join(f"TLS.{name}:{fields[f'TLS.{name}']}\n" for name in names)
    digest = hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return Claims(
        identifier=fields["TLS.identifier"],
        sdk_app_id=fields["TLS.sdkappid"],
        signed_at=fields["TLS.time"],
        lifetime=fields["TLS.expire"],
        genuine=hmac.compare_digest(base64.b64encode(digest), fields["TLS.sig"].encode()),
    )


class Gate:
    """Checks who calls.

    Args:
        sdk_app_id: The app that this service has.
        secret_key: Its key.
        admins: The identifiers that may call.
    """

    def __init__(self, *, sdk_app_id: int, secret_key: str, admins: Collection[str]) -> None:
        self._sdk_app_id = sdk_app_id
        self._secret_key = secret_key
        self._admins = frozenset(admins)
        self._seen: dict[str, Claims | None] = {}
        self.clear()

    def clear(self) -> None:
        """Forget locks, and what was declared void or expired."""
        self._seen.clear()
        self._ended: dict[str, int] = {}
        self._ended_before, self._end_code = 0, 0
        self._wrong: deque[float] = deque(maxlen=LOCK_AFTER)
        self._locked_until = float("-inf")

    def end_signatures(self, code: int, now: float) -> None:
        """Declare over what was signed until now.

        A usersig knows its time to the second only. Those seen here, and those of earlier seconds, are over; another
        one, signed later in this very second, is not.

        Args:
            code: What they get from now on: 70052 (void) or 70001 (expired).
            now: The wall clock, Unix seconds.
        """
        self._ended.update(dict.fromkeys(self._seen, code))
        self._ended_before, self._end_code = int(now), code

    def check(self, query: Mapping[str, str], not_admin: int, now: float) -> int:
        """Judge the parameters of a URL.

        Args:
            query: The decoded parameters.
            not_admin: What the command answers to somebody who is not an administrator.
            now: The wall clock, Unix seconds.

        Returns:
            The code to refuse the call with, or 0.
        """
        return self._parameters(query) or self._signature(query, now) or self._administrator(query, not_admin)

    @staticmethod
    def _parameters(query: Mapping[str, str]) -> int:
        if "sdkappid" not in query:
            return 60012
        if not query["sdkappid"].isdecimal() or query.get("contenttype") != "json":
            return 60025
        if not query.get("identifier") or "usersig" not in query:
            return 60025
        random = query.get("random", "0")
        if not random.isdecimal() or int(random) >= 2**32:
            return 60002
        return 0 if query["usersig"] else 70002

    def _administrator(self, query: Mapping[str, str], not_admin: int) -> int:
        return 0 if query["identifier"] in self._admins else not_admin

    def _signature(self, query: Mapping[str, str], now: float) -> int:
        if now < self._locked_until:
            self._locked_until = now + LOCK_SECONDS
            return 70050
        code = self._verify(query, now)
        if code in _WRONG:
            self._wrong.append(now)
            if len(self._wrong) == LOCK_AFTER and self._wrong[0] > now - LOCK_SECONDS:
                self._locked_until = now + LOCK_SECONDS
                self._wrong.clear()
        elif not code:
            self._wrong.clear()
        return code

    def _verify(self, query: Mapping[str, str], now: float) -> int:
        usersig, app = query["usersig"], int(query["sdkappid"])
        claims = self._read(usersig)
        if claims is None:
            return 70003
        if claims.sdk_app_id != app:
            return 70014
        if app != self._sdk_app_id:
            return 70020
        if not claims.genuine:
            return 70009
        if claims.identifier != query["identifier"]:
            return 70013
        if now >= claims.signed_at + claims.lifetime:
            return 70001
        return self._end_code if claims.signed_at < self._ended_before else self._ended.get(usersig, 0)

    def _read(self, usersig: str) -> Claims | None:
        """Reading costs more than everything else at the gate, and a client repeats itself."""
        if usersig not in self._seen:
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[usersig] = read_usersig(usersig, self._secret_key)
        return self._seen[usersig]
