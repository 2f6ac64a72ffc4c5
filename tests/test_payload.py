"""The body of a call: when it goes out, and the connections on which it does not."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakSet

import aiohttp
import pytest
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from servers import APP, Call, Puppet, client_of, contexts, yes

from tim_async import ConnectError, InvalidReply, Ok, RequestError
from tim_async.emulator import DEMO_KEY
from tim_async.limits.permits import Permit
from tim_async.service.usersig import Signer
from tim_async.transport.hosts import Hosts
from tim_async.transport.payload import CLOSED, EARLY, Body, _unread
from tim_async.transport.post import Transport

GET_TAGS = "timpush/get_tag"
BODY = b'{"To_Account":["Mary"]}'
STRAY = json.dumps({"ErrorCode": 0, "UserTags": [{"To_Account": "Mary", "Tags": ["somebody else's"]}]}).encode()


def head(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()


ANSWER = head(len(STRAY)) + STRAY


@pytest.fixture(params=["http", "https"])
async def linked(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Puppet, Transport]]:
    """A puppet, and a transport to it that has one connection, which is idle."""
    server, client = contexts() if request.param == "https" else (None, None)
    async with Puppet(ssl=server) as puppet:
        transport = Transport(Signer(APP, DEMO_KEY, "administrator"), Hosts(puppet.url), call_timeout=10.0, ssl=client)
        transport.open()
        task = asyncio.create_task(transport.send(GET_TAGS, BODY, None))
        call = await puppet.call()
        call.answer(yes(call))
        await task
        yield puppet, transport
        await transport.close()


def idle(transport: Transport) -> ResponseHandler:
    """The connection that waits in the pool."""
    assert transport._session is not None
    assert transport._session.connector is not None
    ((connections),) = transport._session.connector._conns.values()
    ((protocol, _),) = connections
    return protocol


async def until(happened: Callable[[], bool]) -> None:
    """Let the loop turn until something has happened of which aiohttp tells nobody."""
    for _ in range(10_000):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it has not happened")


async def unsent(transport: Transport) -> str:
    """The words with which a call ends that was never written."""
    permit = Permit(0.0)
    with pytest.raises(ConnectError) as caught:
        await transport.send(GET_TAGS, BODY, permit)
    assert not caught.value.may_have_happened
    assert not caught.value.final
    assert permit.written is None
    return caught.value.detail


# What is there before anything was asked


async def test_an_answer_that_was_there_before_is_nobodys_and_its_connection_is_closed(
    linked: tuple[Puppet, Transport],
) -> None:
    puppet, transport = linked
    puppet.calls[0].send(ANSWER)
    protocol = idle(transport)
    await until(lambda: protocol.should_close)
    assert await unsent(transport) == EARLY
    await puppet.all_gone()
    assert len(puppet.calls) == 1
    puppet.respond = yes
    assert b"tag of Mary" in await transport.send(GET_TAGS, BODY, None)


async def test_an_answer_that_the_loop_has_not_read_yet_is_nobodys_too(linked: tuple[Puppet, Transport]) -> None:
    puppet, transport = linked
    puppet.calls[0].send(ANSWER)
    assert await unsent(transport) == EARLY
    await puppet.all_gone()


@pytest.mark.parametrize("cut", [len(head(len(STRAY))), len(ANSWER) - 5], ids=["the head", "nearly all"])
async def test_a_part_of_an_answer_is_nobodys_even_if_the_rest_comes_after_the_call(
    cut: int, linked: tuple[Puppet, Transport]
) -> None:
    puppet, transport = linked
    protocol = idle(transport)
    puppet.calls[0].send(ANSWER[:cut])
    await until(lambda: protocol.should_close)
    asyncio.get_running_loop().call_soon(puppet.calls[0].transport.write, ANSWER[cut:])
    assert await unsent(transport) == EARLY


async def test_a_piece_of_a_head_spoils_the_next_answer_but_never_becomes_it(linked: tuple[Puppet, Transport]) -> None:
    puppet, transport = linked
    protocol = idle(transport)
    puppet.calls[0].send(ANSWER[:20])
    assert protocol.transport is not None
    await until(lambda: not _unread(protocol.transport))
    task = asyncio.create_task(transport.send(GET_TAGS, BODY, None))
    call = await puppet.call()
    call.send(ANSWER[20:])
    with pytest.raises(RequestError) as caught:
        await task
    assert type(caught.value) is InvalidReply
    assert caught.value.may_have_happened
    await puppet.all_gone()


async def test_an_interim_answer_is_nobodys(linked: tuple[Puppet, Transport]) -> None:
    puppet, transport = linked
    puppet.calls[0].send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert await unsent(transport) == EARLY


async def test_bytes_that_are_not_read_are_seen_all_the_same() -> None:
    here, there = socket.socketpair()
    loop = asyncio.get_running_loop()
    link, protocol = await loop.create_connection(lambda: ResponseHandler(loop), sock=here)
    link.pause_reading()
    there.send(b"x")
    writer = Writer(protocol)
    with pytest.raises(aiohttp.ClientConnectionResetError, match=EARLY):
        await Body(BODY, Permit(0.0), WeakSet()).write_with_length(writer, None)
    assert not writer.written
    there.close()


async def test_a_server_that_speaks_first_is_not_believed() -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    transport = Transport(Signer(APP, DEMO_KEY, "administrator"), Hosts(f"http://{host}:{port}"), call_timeout=10.0)
    transport.open()
    permit = Permit(0.0)
    with pytest.raises(RequestError) as caught:
        await transport.send(GET_TAGS, BODY, permit)
    assert caught.value.may_have_happened is (permit.written is not None)
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_a_connection_that_the_other_side_closed_takes_no_call(linked: tuple[Puppet, Transport]) -> None:
    puppet, transport = linked
    puppet.calls[0].transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    assert await unsent(transport) == CLOSED
    puppet.respond = yes
    assert b"tag of Mary" in await transport.send(GET_TAGS, BODY, None)


async def test_a_connection_that_ends_in_that_moment_takes_no_call() -> None:
    here, there = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: ResponseHandler(loop), sock=here)
    there.close()
    permit = Permit(0.0)
    body = Body(BODY, permit, WeakSet())
    with pytest.raises(aiohttp.ClientConnectionResetError, match=CLOSED):
        await body.write_with_length(Writer(protocol), None)
    assert permit.written is None
    await until(lambda: protocol.transport is None)
    with pytest.raises(aiohttp.ClientConnectionResetError, match=CLOSED):
        await Body(BODY, permit, WeakSet()).write_with_length(Writer(protocol), None)
    assert permit.written is None


# Through the client


@pytest.mark.parametrize("own", [True, False], ids=["its own session", "the caller's"])
@pytest.mark.parametrize("limited", [True, False], ids=["limited", "unlimited"])
async def test_nobody_gets_the_answer_of_another_call(puppet: Puppet, *, own: bool, limited: bool) -> None:
    def twice(call: Call) -> None:
        call.answer(yes(call))
        call.send(ANSWER)

    options: dict[str, Any] = {} if limited else {"limiter": None}
    async with aiohttp.ClientSession() as session:
        if not own:
            options["session"] = session
        async with client_of(puppet, **options) as tim:
            for name in ("Tom", "Mary", "Ann"):
                task = asyncio.create_task(tim.push.get_tags([name]))
                twice(await puppet.call())
                assert list(await task) == [Ok(0, name, (f"tag of {name}",))]
    assert [call.accounts for call in puppet.calls] == [["Tom"], ["Mary"], ["Ann"]]


# The notes never break a write


class Writer(AbstractStreamWriter):
    """What a body is written to."""

    def __init__(self, protocol: object) -> None:
        self.protocol = protocol
        self.written: list[Any] = []

    async def write(self, chunk: Any, *_: Any, **__: Any) -> None:
        self.written.append(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None: ...

    async def drain(self) -> None: ...

    def enable_compression(self, *_: Any, **__: Any) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, status_line: str, headers: Any) -> None: ...


class NoReference:
    """Takes no weak reference, as uvloop's TLS transport does not."""

    __slots__ = ()


@pytest.mark.parametrize("protocol", [None, NoReference(), 5], ids=["none", "no reference", "a number"])
async def test_what_cannot_be_remembered_counts_as_new_and_is_written_to(protocol: object) -> None:
    seen: WeakSet[Any] = WeakSet()
    for _ in range(2):
        permit, writer = Permit(0.0), Writer(protocol)
        await Body(BODY, permit, seen).write_with_length(writer, None)
        assert permit.fresh
        assert permit.written is not None
        assert writer.written == [BODY]


async def test_a_body_that_came_too_late_is_not_written(linked: tuple[Puppet, Transport]) -> None:
    _, transport = linked
    protocol, permit = idle(transport), Permit(0.0)
    body = Body(BODY, permit, WeakSet())
    assert body.drop() == body.drop() == EARLY
    writer = Writer(protocol)
    with pytest.raises(aiohttp.ClientConnectionResetError, match=EARLY):
        await body.write_with_length(writer, None)
    assert not writer.written
    assert permit.written is None


class Line:
    """A transport of which only its socket is known."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def get_extra_info(self, _: str) -> object:
        return self._connection


def test_where_it_cannot_be_known_nothing_is_said_to_wait() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert not _unread(Line(here))
        there.send(b"x")
        assert _unread(Line(here))
        assert not _unread(Line(here), poll=None)
    assert not _unread(Line(here))  # closed: it has no number
    assert not _unread(Line(None))
