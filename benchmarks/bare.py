"""What everything is compared with: a call of aiohttp alone, and nothing that looks after it."""

import random
import time

import aiohttp
import msgspec
from yarl import URL

from tim_async.emulator import DEMO_KEY
from tim_async.service.usersig import Signer

__all__ = ["APP", "Address", "TagsReply", "open_session"]

APP = 1400000000


def open_session() -> aiohttp.ClientSession:
    """A session as fast as aiohttp has it: no limit of connections, no cookies, no headers that nobody asked for."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=10, connect=5),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        headers={"Content-Type": "application/json"},
    )


class Address:
    """Where a command is called: signed once, with a fresh random number for every call, as the service asks for."""

    def __init__(self, base: str, path: str) -> None:
        usersig = Signer(APP, DEMO_KEY, "administrator").current(time.time())
        self._start = (
            f"{base}/v4/{path}?sdkappid={APP}&identifier=administrator&contenttype=json&usersig={usersig}&random="
        )

    def __repr__(self) -> str:
        return "<Address>"

    def fresh(self) -> URL:
        """The address of the next call."""
        return URL(f"{self._start}{random.getrandbits(32)}", encoded=True)


class Tags(msgspec.Struct, frozen=True, gc=False):
    """One account of an answer."""

    To_Account: str
    Tags: tuple[str, ...] = ()


class TagsReply(msgspec.Struct, frozen=True, gc=False):
    """The answer to get_tag."""

    ErrorCode: int
    UserTags: tuple[Tags, ...] = ()
