"""One signed POST over aiohttp. Foreign errors become ours here, and nowhere else.

The usersig is part of every URL, and aiohttp's errors print URLs: so ours say in their own words what went wrong, and
hold nothing of the others, not even as context. Whether a call may have reached the service is not read off the kind of
a foreign error, but known: the body notes when it is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, TypedDict
from weakref import WeakSet

import aiohttp
import msgspec
from yarl import URL

from tim_async.errors import BadStatus, ConnectError, InvalidReply, RequestError, RequestTimeout
from tim_async.limits.permits import Permit
from tim_async.service import wire

from .mocks import failure_of_mock, refuse_mock
from .payload import Body
from .retry_after import seconds_of
from .signing import Signing, forget_the_past

if TYPE_CHECKING:
    from aiohttp import ClientMiddlewareType

    from tim_async.service.usersig import Signer

    from .hosts import Hosts, Proxy

__all__ = ["REPLY_BYTES", "Transport", "check_session", "closing_at_the_end"]

CONNECT_TIMEOUT = 5.0  # seconds; the service itself gives up after 3
IDLE = 30.0  # seconds that an unused connection is kept; well below the minute after which balancers drop them
REPLY_BYTES = 16 * 1024 * 1024  # the longest answer of the pages, 100 profiles with all their fields, is below 1 MiB

# An encoded answer is small on the wire and of any size once it is decoded: none is asked for, and none decoded.
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_PLAIN = ("", "identity", "utf-8")  # the last is no encoding of this kind; some say it of their text all the same
_NO_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding")  # the service asks for none, and each costs time


def check_session(session: object, ssl: object) -> None:
    """See that things can be what they are given for.

    Args:
        session: an `aiohttp.ClientSession`, or what has its ``post`` and ``closed``; None for none.
        ssl: an `ssl.SSLContext`; None for none.

    Raises:
        TypeError: one of them cannot.
    """
    fits = callable(getattr(session, "post", None)) and hasattr(session, "closed") and not isinstance(session, type)
    if session is not None and not fits:
        raise TypeError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if ssl is not None and not isinstance(ssl, SSLContext):
        raise TypeError(f"ssl must be an ssl.SSLContext, not {type(ssl).__name__}")


class _CallOptions(TypedDict, total=False):
    """What is said for each call."""

    timeout: aiohttp.ClientTimeout
    headers: dict[str, str]
    auto_decompress: bool
    raise_for_status: bool
    proxy: URL
    ssl: SSLContext
    middlewares: list[ClientMiddlewareType]


class Transport:
    """Calls of one app over one aiohttp session.

    Args:
        signer: signs each call.
        hosts: where to.
        call_timeout: seconds for one call, from connecting to the last byte of its answer.
        session: whose connections are used; it is not closed. None: its own.
        proxy: through which each call goes.
        ssl: by which the service is trusted.
        max_reply_bytes: of the longest answer that is read.
    """

    def __init__(
        self,
        signer: Signer,
        hosts: Hosts,
        *,
        call_timeout: float,
        session: aiohttp.ClientSession | None = None,
        proxy: Proxy | None = None,
        ssl: SSLContext | None = None,
        max_reply_bytes: int = REPLY_BYTES,
    ) -> None:
        self.signer = signer
        self._hosts = hosts
        self._own = session is None
        self._session = session
        given: object = session
        self._opaque = given is not None and not isinstance(given, aiohttp.ClientSession)
        self._max_reply_bytes = max_reply_bytes
        # Less for connecting than for all, so that a timeout tells which of the two it was.
        self._timeout = aiohttp.ClientTimeout(total=call_timeout, connect=min(CONNECT_TIMEOUT, call_timeout / 2))
        self._signing = Signing(signer)
        self._call_options: _CallOptions = {}
        if session is not None:  # our own has these for all of its calls, which is cheaper than to merge them into each
            self._call_options = {
                "timeout": self._timeout,
                "headers": _HEADERS,
                "auto_decompress": False,
                "raise_for_status": False,  # the status is judged here, with what comes with it
            }
            if not self._opaque:  # who knows what another kind of session does with them
                # No public name gives the session's own, which would be left out for those of a call.
                self._call_options["middlewares"] = [*getattr(session, "_middlewares", ()), self._signing]
        if proxy is not None:
            self._call_options["proxy"] = URL(proxy.url)
        if ssl is not None:
            self._call_options["ssl"] = ssl
        self._seen: WeakSet[Any] = WeakSet()

    def open(self) -> None:
        """Make the session, unless it is the caller's. Needs the running loop.

        Raises:
            RuntimeError: the caller's belongs to another loop.
            TypeError: a test has put a mock in place of aiohttp's.
        """
        if self._session is None:
            # No limit here: the slots of the dispatchers are the limit, and a call that waits for a connection holds
            # a token of the rate. No cookies: the service has none, and a jar costs time with every answer.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE)
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                headers={"Content-Type": _HEADERS["Content-Type"]},
                skip_auto_headers=_NO_AUTO_HEADERS,
                auto_decompress=False,
                middlewares=(self._signing,),
            )
            # Tracers add themselves to every session that is made in the process, and record whole URLs.
            session.trace_configs.clear()
            refuse_mock(session)
            self._session = session
        # Its public name warns of being removed; a session that hides its loop is taken as it is.
        elif getattr(self._session, "_loop", None) not in (None, asyncio.get_running_loop()):
            refuse_mock(self._session)
            raise RuntimeError("the session belongs to another event loop; make it in the loop that uses the client")

    def server(self, now: float) -> str:
        """``scheme://host[:port]`` for a call that starts now."""
        return self._hosts.current(now)

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
        session = self._session
        if session is None or session.closed:
            advice = "" if self._own else "; it was given to this client: make a new one, and a client with it"
            raise ConnectError(path, f"the session is closed{advice}", final=True)
        loop = asyncio.get_running_loop()
        base = self._hosts.current(loop.time())
        data = Body(body, Permit(0.0) if permit is None else permit, self._seen)
        if self._opaque:
            data.permit.written = loop.time()  # who knows how it goes out, and when
        try:
            got = await self._post(session, path, base, data)
        except BaseException as exc:
            forget_the_past(exc)
            raise
        if isinstance(got, ConnectError) and not data.connected:
            self._hosts.unreachable(base, loop.time())
        else:
            self._hosts.reached()
        if isinstance(got, RequestError):
            # Raised here and not where the foreign error was caught, or that would be its context.
            raise got
        return got

    async def _post(self, session: aiohttp.ClientSession, path: str, base: str, data: Body) -> bytes | RequestError:
        try:
            url = self._signing.address(base, path)
            if self._opaque:
                url = self._signing.signed(url)
            async with session.post(url, data=data, allow_redirects=False, **self._call_options) as response:
                if data.unsent:
                    response.close()
                    return ConnectError(path, data.drop())
                if response.status != 200:
                    return await self._bad_status(path, response)
                return await self._read(path, response)
        except Exception as exc:
            if not data.prepared and (told := failure_of_mock(session, path, exc)):
                return ConnectError(path, told, final=True)
            if isinstance(exc, aiohttp.ClientError | TimeoutError | OSError):
                return _ours(path, exc, data)
            if data.permit.written is not None:
                raise  # of the caller's tracers, or a fault of ours: told loudly by who runs the call
            return ConnectError(path, f"nothing was sent: the session failed ({type(exc).__name__})")

    async def _read(self, path: str, response: aiohttp.ClientResponse) -> bytes | InvalidReply:
        """The body of an answer, as it came and within bounds."""
        encoding = response.headers.get("Content-Encoding", "")
        if encoding.lower() not in _PLAIN:
            response.close()
            return InvalidReply(path, f"the answer is encoded ({encoding[:20]!r}), which nobody asked for")
        most = self._max_reply_bytes
        content = response.content
        body = await (content.readany() if content.is_eof() else self._bounded(response))  # nearly always all is here
        if body is None or len(body) > most:
            response.close()
            return InvalidReply(path, f"the answer is longer than {most} bytes; raise max_reply_bytes if it may be")
        return body

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes | None:
        """A body, to its end or to where it is too long; None if it says of itself that it is."""
        content, most = response.content, self._max_reply_bytes
        if (response.content_length or 0) > most:
            return None
        blocks: list[bytes] = []
        size = 0
        while size <= most and (block := await content.readany()):
            size += len(block)
            blocks.append(block)
        return b"".join(blocks)

    async def _bad_status(self, path: str, response: aiohttp.ClientResponse) -> bytes | BadStatus:
        """The body if it is the service's own word, with an ``ErrorCode``; else what the status says."""
        after = seconds_of(response.headers.get("Retry-After", ""), response.headers.get("Date", ""), time.time())
        try:
            body = await self._read(path, response)
            if isinstance(body, bytes):
                _REPLY.decode(body)
                return body
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            response.close()  # the status has come, and is enough
        return BadStatus(path, response.status, after)


_REPLY = msgspec.json.Decoder(wire.Reply, strict=False)

# What can only come of a connection; if no request was made for one, then a test of the caller's has it raised.
_OF_A_CONNECTION = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientResponseError,
    TimeoutError,
    OSError,
)


def _ours(path: str, exc: aiohttp.ClientError | OSError, data: Body) -> RequestError:
    """The error in our words, by what is known of the body: aiohttp's would print the URL."""
    error = _translated(path, exc)
    unsent = data.permit.written is None and (data.prepared or not isinstance(exc, _OF_A_CONNECTION))
    if unsent and error.may_have_happened:
        return ConnectError(path, data.refused or f"nothing was sent: {error.detail}")
    return error


def _translated(path: str, exc: aiohttp.ClientError | OSError) -> RequestError:
    """The error in our words, by its kind alone."""
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
        case aiohttp.ClientHttpProxyError():
            final = BadStatus(path, exc.status).final
            return ConnectError(path, f"the proxy answered with HTTP status {exc.status}", final=final)
        case TimeoutError():
            return RequestTimeout(path, "no answer in time")
        case aiohttp.ClientPayloadError():
            return InvalidReply(path, "the answer broke off")
        case aiohttp.ClientResponseError():
            return InvalidReply(path, "the answer is not HTTP")
        case _:
            return RequestError(path, f"the connection was lost before the answer came ({type(exc).__name__})")


async def closing_at_the_end(transport: Transport) -> AsyncGenerator[None]:
    """Closes the transport when the loop closes its generators, for a client that nobody closes."""
    try:
        yield
    finally:
        await transport.close()
