"""A server that does to each call what the test says, byte by byte, and a client for it or for the emulator."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

import trustme

from tim_async import Client
from tim_async.emulator import DEMO_KEY
from tim_async.limits.local import LocalLimiter

__all__ = ["APP", "Call", "Puppet", "client_of", "contexts", "refuse", "refusing", "yes"]

APP = 1400000000


class Address(Protocol):
    """Whatever listens somewhere."""

    @property
    def url(self) -> str: ...


def client_of(server: Address, **options: Any) -> Client:
    """A client of a server; not yet open. It shares its limits with nobody: the process's are those of other tests."""
    own: dict[str, Any] = {"sdk_app_id": APP, "secret_key": DEMO_KEY, "base_url": server.url}
    own["limiter"] = LocalLimiter()
    return Client(**(own | options))


class Call:
    """One request that came, and the connection on which it waits for its answer."""

    def __init__(self, target: str, headers: dict[str, str], body: bytes, transport: asyncio.Transport) -> None:
        parts = urlsplit(target)
        self.target = target
        self.path = parts.path.removeprefix("/v4/")
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = headers
        self.body: dict[str, Any] = json.loads(body)
        self.transport = transport
        self.answered = False
        self.gone = asyncio.Event()
        """Set when the connection is over."""

    @property
    def accounts(self) -> list[str]:
        """The accounts in the order of the request."""
        if "DeleteItem" in self.body:
            return [item["UserID"] for item in self.body["DeleteItem"]]
        if "UserAttrs" in self.body:
            return [item["To_Account"] for item in self.body["UserAttrs"]]
        return list(self.body["To_Account"])

    def answer(self, reply: dict[str, Any] | bytes, status: int = 200, headers: str = "") -> None:
        """Answer with JSON or with bytes."""
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send(f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.answered = True
        self.transport.write(data)

    def reset(self) -> None:
        """End the connection the hard way."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, puppet: "Puppet") -> None:
        self._puppet = puppet
        self._buffer = b""
        self._call: Call | None = None

    def connection_made(self, transport: Any) -> None:  # uvloop's is no subclass of asyncio.Transport
        self._transport: asyncio.Transport = transport
        self._puppet.connections += 1
        self._puppet.open.add(transport)
        self._puppet.connected.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._puppet.open.discard(self._transport)
        self._puppet.changed.set()
        if self._call is not None:
            self._call.gone.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers["content-length"])
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._call = Call(first.split(" ")[1], headers, rest[:length], self._transport)
            self._puppet.arrived(self._call)


class Puppet:
    """Hands every call to the test, or answers it by a function.

    Args:
        respond: Gives the answer to a call, or None to leave it to the test.
        ssl: For TLS; None for none.
    """

    def __init__(
        self, respond: Callable[[Call], dict[str, Any] | None] = lambda _: None, *, ssl: SSLContext | None = None
    ) -> None:
        self.ssl = ssl
        self.respond: Callable[[Call], dict[str, Any] | None] = respond
        self.calls: list[Call] = []
        self.connections = 0
        self.open: set[asyncio.Transport] = set()
        self.changed = asyncio.Event()
        self.connected = asyncio.Event()
        self._new: asyncio.Queue[Call] = asyncio.Queue()
        self._port = 0

    @property
    def url(self) -> str:
        return f"{'http' if self.ssl is None else 'https'}://127.0.0.1:{self._port}"

    def listens_at(self, port: int) -> None:
        """Lend the address of somebody else's socket, or choose one."""
        self._port = port

    def arrived(self, call: Call) -> None:
        self.calls.append(call)
        reply = self.respond(call)
        if reply is None:
            self._new.put_nowait(call)
        else:
            call.answer(reply)

    async def call(self) -> Call:
        """The next call that is left to the test."""
        return await self._new.get()

    async def all_gone(self) -> None:
        """Wait until no connection is open."""
        while self.open:
            self.changed.clear()
            await self.changed.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", self._port, backlog=1024, ssl=self.ssl
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for transport in list(self.open):
            transport.abort()
        await self.all_gone()


def contexts() -> tuple[SSLContext, SSLContext]:
    """For a server at 127.0.0.1, and for a client that trusts whoever signed its certificate."""
    authority = trustme.CA()
    server, client = SSLContext(PROTOCOL_TLS_SERVER), create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def yes(call: Call) -> dict[str, Any]:
    """What the service says when all is well."""
    reply: dict[str, Any] = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}
    accounts = call.accounts
    match call.path:
        case "im_open_login_svc/account_delete":
            reply["ResultItem"] = [{"UserID": account, "ResultCode": 0, "ResultInfo": ""} for account in accounts]
        case "timpush/get_tag":
            reply["UserTags"] = [{"To_Account": account, "Tags": [f"tag of {account}"]} for account in accounts]
        case "all_member_push/im_get_attr":
            reply["UserAttrs"] = [{"To_Account": account, "Attrs": {"name": account}} for account in accounts]
        case _:
            pass
    return reply


def refusing(code: int) -> Callable[[Call], dict[str, Any]]:
    """A server's answer to every call: no."""
    return lambda _: refuse(code)


def refuse(code: int, info: str = "") -> dict[str, Any]:
    """What the service says when it refuses a whole call."""
    return {"ActionStatus": "FAIL", "ErrorCode": code, "ErrorInfo": info}
