"""One signed POST over aiohttp. Foreign errors become ours here, and nowhere else.

The usersig is part of every URL, and aiohttp's errors print URLs: so ours say in their own words what went wrong, and
hold nothing of the others, not even as context.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Self, TypedDict
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp

from .errors import BadStatus, ConnectError, InvalidReply, RequestError, RequestTimeout
from .signing import Signing, forget_the_past

if TYPE_CHECKING:
    from aiohttp import ClientMiddlewareType
    from aiohttp.abc import AbstractStreamWriter

    from .permits import Permit
    from .usersig import Signer

__all__ = ["REGIONS", "Hosts", "Transport", "check_base_url"]

REGIONS = {
    "china": ("console.tim.qq.com", "adminapi.my-imcloud.com"),
    "singapore": ("adminapisgp.im.qcloud.com", "adminapisgp.my-imcloud.com"),
    "seoul": ("adminapikr.im.qcloud.com", "adminapikr.my-imcloud.com"),
    "tokyo": ("adminapijpn.im.qcloud.com", "adminapijpn.my-imcloud.com"),
    "frankfurt": ("adminapiger.im.qcloud.com", "adminapiger.my-imcloud.com"),
    "silicon_valley": ("adminapiusa.im.qcloud.com", "adminapiusa.my-imcloud.com"),
    "jakarta": ("adminapiidn.im.qcloud.com", "adminapiidn.my-imcloud.com"),
    "riyadh": ("adminapiksa.im.qcloud.com", "adminapiksa.my-imcloud.com"),
    "mumbai": ("adminapiind.im.qcloud.com", "adminapiind.my-imcloud.com"),
}
"""Region of the app -> its domain and the standby one: https://trtc.io/document/34620."""

CONNECT_TIMEOUT = 5.0  # seconds; the service itself gives up after 3
IDLE = 30.0  # seconds that an unused connection is kept; well below the minute after which balancers drop them


def check_base_url(base_url: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        ValueError: it is not ``scheme://host[:port]``, or it would send the signature in clear over a network.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(
            "base_url must be scheme://host[:port], for example http://127.0.0.1:8080; the path is added here"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(
            f"base_url with plain http is for this machine only, and {parts.hostname} is not: use https, "
            "or the signature would cross the network for everybody to read"
        )
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Hosts:
    """Which of the region's two domains is called. Pure: it is told the time."""

    FAILURES = 3  # connections in a row that could not be opened
    AWAY = 60.0  # seconds on the standby domain before the first is tried again

    def __init__(self, *bases: str) -> None:
        self._bases = bases
        self._failures = 0
        self._away_until = 0.0
        self._at = 0

    def current(self, now: float) -> str:
        """The base URL for a call that starts now."""
        if self._at and now >= self._away_until:
            self._at = self._failures = 0
        return self._bases[self._at]

    def unreachable(self, base: str, now: float) -> None:
        """No connection could be opened to it."""
        if base != self._bases[self._at]:
            return
        self._failures += 1
        if self._failures >= self.FAILURES and len(self._bases) > 1:
            self._failures = 0
            self._at = 1 - self._at
            self._away_until = now + self.AWAY

    def reached(self) -> None:
        """A connection was there."""
        self._failures = 0


class _Body(aiohttp.BytesPayload):
    """A body that notes when it goes out, which is when a connection is open: the limit counts from then."""

    def __init__(self, value: bytes, permit: Permit, seen: WeakSet[asyncio.Transport]) -> None:
        super().__init__(value, content_type="application/json")
        self._permit = permit
        self._seen = seen

    def __deepcopy__(self, memo: object) -> Self:
        # aioresponses copies what it is called with, and would not stop at the permit and the connections.
        return self

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        transport = getattr(writer, "transport", None)
        self._permit.fresh = transport is None or transport not in self._seen
        if transport is not None:
            self._seen.add(transport)
        self._permit.written = asyncio.get_running_loop().time()
        await super().write_with_length(writer, content_length)


class _CallOptions(TypedDict, total=False):
    """What is said for each call of a session that is not ours."""

    timeout: aiohttp.ClientTimeout
    headers: dict[str, str]
    middlewares: list[ClientMiddlewareType]


class Transport:
    """Calls of one app over one aiohttp session."""

    def __init__(
        self, signer: Signer, hosts: Hosts, *, call_timeout: float, session: aiohttp.ClientSession | None = None
    ) -> None:
        self.signer = signer
        self._hosts = hosts
        self._own = session is None
        self._session = session
        # Less for connecting than for all, so that a timeout tells which of the two it was.
        self._timeout = aiohttp.ClientTimeout(total=call_timeout, connect=min(CONNECT_TIMEOUT, call_timeout / 2))
        self._signing = Signing(signer)
        # Our own session has these for all of its calls, which is cheaper than to merge them into each.
        self._call_options: _CallOptions = {}
        if session is not None:
            # No public name gives the session's own, which would be left out for those of a call.
            middlewares: list[ClientMiddlewareType] = [*getattr(session, "_middlewares", ()), self._signing]
            self._call_options = {"timeout": self._timeout, "headers": _HEADERS, "middlewares": middlewares}
        self._seen: WeakSet[asyncio.Transport] = WeakSet()

    def open(self) -> None:
        """Make the session, unless it is the caller's. Needs the running loop."""
        if self._session is None:
            # No limit here: the slots of the dispatchers are the limit, and a call that waits for a connection holds
            # a token of the rate. No cookies: the service has none, and a jar costs time with every answer.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                headers=_HEADERS,
                skip_auto_headers=_NO_AUTO_HEADERS,
                middlewares=(self._signing,),
            )
            # Tracers add themselves to every session that is made in the process, and record whole URLs.
            self._session.trace_configs.clear()

    async def close(self) -> None:
        """Close the session, unless it is the caller's."""
        if self._own and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def send(self, path: str, body: bytes, permit: Permit | None) -> bytes:
        """Send one call.

        Args:
            path: ``service/command``.
            body: JSON.
            permit: of the rate limit, if there is one; it is told when the body went out.

        Returns:
            The body of the answer.

        Raises:
            RequestError: no trustworthy answer came.
        """
        if self._session is None or self._session.closed:
            raise ConnectError(path, "the session is closed")
        loop = asyncio.get_running_loop()
        base = self._hosts.current(loop.time())
        data = body if permit is None else _Body(body, permit, self._seen)
        try:
            got = await self._post(self._session, path, base, data)
        except BaseException as exc:
            forget_the_past(exc)
            raise
        if isinstance(got, ConnectError):
            self._hosts.unreachable(base, loop.time())
        else:
            self._hosts.reached()
        if isinstance(got, RequestError):
            # Raised here and not where the foreign error was caught, or that would be its context.
            raise got
        return got

    async def _post(
        self, session: aiohttp.ClientSession, path: str, base: str, data: bytes | _Body
    ) -> bytes | RequestError:
        try:
            async with session.post(
                self._signing.address(base, path), data=data, allow_redirects=False, **self._call_options
            ) as response:
                answer = await response.read()
                return answer if response.status == 200 else BadStatus(path, response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return _ours(path, exc)


_HEADERS = {"Content-Type": "application/json"}
_NO_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding")  # the service asks for none, and each costs time


def _ours(path: str, exc: BaseException) -> RequestError:
    """The error in our words: aiohttp's would print the URL.

    Only what says itself that no connection was opened counts as not sent; in doubt the call may have happened.
    """
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return ConnectError(path, f"no address found for {exc.host}")
        case aiohttp.ClientConnectorCertificateError():
            return ConnectError(path, f"the certificate of {exc.host} is not trusted")
        case aiohttp.ClientConnectorError():
            return ConnectError(
                path, f"cannot connect to {exc.host}:{exc.port}: {exc.strerror or type(exc.os_error).__name__}"
            )
        case aiohttp.ConnectionTimeoutError():
            return ConnectError(path, "no connection in time")
        case TimeoutError():
            return RequestTimeout(path, "no answer in time")
        case aiohttp.ClientPayloadError():
            return InvalidReply(path, "the answer broke off")
        case aiohttp.ClientResponseError():
            return InvalidReply(path, "the answer is not HTTP")
        case _:
            return RequestError(path, f"the connection was lost before the answer came ({type(exc).__name__})")
