"""What stands between the client and the service: a gateway that refuses, a wrong address, a proxy, a session."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from servers import Puppet, client_of, contexts, yes

from tim_async import BadStatus, Client, ConnectError, NotSent, Unknown
from tim_async.emulator import Emulator, Faults, Gateway, on

GET_TAGS = "timpush/get_tag"
DELETE = "im_open_login_svc/account_delete"
NAMES = [f"user{number}" for number in range(1_000)]

# A gateway that lets fewer calls through


@pytest.mark.parametrize(
    ("status", "retry_after", "options"),
    [
        (429, None, {}),
        (503, None, {"limiter": None}),
        (429, "1", {"limits": {GET_TAGS: 1000}}),
        (503, "0", {"limits": {GET_TAGS: 10}}),
    ],
)
async def test_a_gateway_of_five_calls_a_second_is_met_and_costs_nobody_anything(
    status: int, retry_after: str | None, options: dict[str, Any]
) -> None:
    gateway = Gateway(5, status=status, retry_after=retry_after)
    async with Emulator(gateway=gateway, seed=1) as emulator, client_of(emulator, **options) as tim:
        for name in NAMES:
            emulator.accounts.add(name)
        result = await tim.push.get_tags(NAMES)
        assert result.ok
        assert result.stats.calls == 10 + gateway.refused
        assert gateway.refused >= 1
        assert tim.statistics()[GET_TAGS].refused == gateway.refused
        assert len(emulator.arrivals(GET_TAGS)) == 10  # what was refused never got there


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_costs_no_attempt_and_leaves_nothing_open(status: int) -> None:
    """A write that is deleted after ten refusals was never there twice: 70107 stays a no."""
    faults = Faults(rules=[on(DELETE, call=1, do="status", code=status)])
    async with Emulator(faults=faults) as emulator, client_of(emulator, attempts=1) as tim:
        result = await tim.accounts.delete(["Mary"])
        assert result.stats.calls == 2
        (outcome,) = result.errors
        assert outcome.code == 70107


async def test_a_gateway_is_asked_again_when_it_said_and_not_before(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"], timeout=0.5))
        (await puppet.call()).answer(b"", status=429, headers="Retry-After: 30\r\n")
        result = await task
    assert [type(outcome) for outcome in result] == [NotSent]
    assert len(puppet.calls) == 1


# What a repeat would not change


@pytest.mark.parametrize("status", [404, 401, 403, 407, 301, 400, 405, 413, 431, 451])
async def test_a_wrong_address_is_told_at_once(status: int, puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.accounts.delete(["Mary", "Tom"]))
        (await puppet.call()).answer(b"<html>no</html>", status=status)
        with pytest.raises(BadStatus, match=f"HTTP status {status}") as caught:
            await task
    assert len(puppet.calls) == 1
    assert not caught.value.may_have_happened
    assert caught.value.result is not None
    assert [type(outcome) for outcome in caught.value.result] == [NotSent, NotSent]
    assert caught.value.result.retryable() == ["Mary", "Tom"]


async def refused(puppet: Puppet, what: Callable[[Client], Any]) -> BadStatus:
    async with client_of(puppet) as tim:
        task = asyncio.ensure_future(what(tim))
        (await puppet.call()).answer(b"", status=404)
        with pytest.raises(BadStatus) as caught:
            await task
    return caught.value


async def test_one_account_a_stream_and_any_command_are_told_too(puppet: Puppet) -> None:
    async def stream(tim: Client) -> None:
        async with tim.push.get_tags.stream(["Mary"]) as outcomes:
            assert [type(outcome) async for outcome in outcomes] == [NotSent]

    assert (await refused(puppet, lambda tim: tim.push.get_tags.one("Mary"))).result is not None
    assert (await refused(puppet, stream)).result is None
    assert (await refused(puppet, lambda tim: tim.call("openim/sendmsg", {}))).result is None


async def test_what_was_open_before_stays_open(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.accounts.delete(["Mary"]))
        (await puppet.call()).reset()
        (await puppet.call()).answer(b"", status=404)
        with pytest.raises(BadStatus) as caught:
            await task
    assert caught.value.result is not None
    assert [type(outcome) for outcome in caught.value.result] == [Unknown]


async def test_after_that_one_call_at_a_time_tries_until_one_is_answered(puppet: Puppet) -> None:
    async with client_of(puppet, limiter=None) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        (await puppet.call()).answer(b"", status=404)
        with pytest.raises(BadStatus):
            await task
        task = asyncio.create_task(tim.push.get_tags(NAMES))
        probe = await puppet.call()
        assert len(puppet.calls) == 2
        puppet.respond = yes
        probe.answer(yes(probe))
        assert (await task).ok


@pytest.mark.parametrize("status", [408, 421, 425, 500, 502, 504])
async def test_what_may_pass_is_tried_again(status: int, puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        (await puppet.call()).answer(b"", status=status)
        call = await puppet.call()
        call.answer(yes(call))
        assert (await task).ok


# Sessions


async def test_a_session_that_was_closed_is_told_at_once(puppet: Puppet) -> None:
    async with aiohttp.ClientSession() as session:
        tim = client_of(puppet, session=session)
    with pytest.raises(ConnectError, match="the session is closed; it was given to this client") as caught:
        await tim.accounts.delete(["Mary", "Tom"])
    assert caught.value.result is not None
    assert [type(outcome) for outcome in caught.value.result] == [NotSent, NotSent]
    assert not puppet.calls
    await tim.aclose()


@pytest.mark.parametrize("connections", [0, 1], ids=["any number of connections", "one connection"])
async def test_a_session_that_is_closed_in_the_middle_is_told(connections: int, puppet: Puppet) -> None:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections))
    async with client_of(puppet, session=session) as tim:
        first = asyncio.create_task(tim.accounts.delete(["Mary"]))
        await puppet.call()
        second = asyncio.create_task(tim.push.get_tags(["Tom"]))
        if not connections:
            await puppet.call()
        for _ in range(5):
            await asyncio.sleep(0)
        await session.close()
        with pytest.raises(ConnectError, match="the session is closed") as caught:
            await first
        assert caught.value.result is not None
        assert [type(outcome) for outcome in caught.value.result] == [Unknown]
        with pytest.raises(ConnectError, match="the session is closed") as caught:
            await second
        assert caught.value.result is not None
        assert [type(outcome) for outcome in caught.value.result] == [NotSent if connections else Unknown]


async def test_a_call_that_is_cut_short_before_it_was_written_was_not_sent(puppet: Puppet) -> None:
    class Nowhere(aiohttp.ThreadedResolver):
        """Finds no address, and does not say so."""

        asked = asyncio.Event()

        async def resolve(self, *_: Any, **__: Any) -> Any:
            self.asked.set()
            await asyncio.Event().wait()

    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with aiohttp.ClientSession(connector=connector) as session:
        tim = Client(
            sdk_app_id=1, secret_key="x", base_url="https://tim.example.com", session=session, close_timeout=0.05
        )
        task = asyncio.create_task(tim.accounts.delete(["Mary"]))
        await Nowhere.asked.wait()
        await tim.aclose()
        assert [type(outcome) for outcome in await task] == [NotSent]


def test_a_client_whose_session_belongs_to_another_loop_is_told_and_not_opened() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use() -> None:
        tim = Client(sdk_app_id=1, secret_key="x", base_url="http://127.0.0.1:1", session=session)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the session belongs to another event loop"):
                await tim.push.get_tags(["Mary"])
        assert repr(tim).endswith("not opened>")

    with asyncio.Runner() as first, asyncio.Runner() as second:
        session = first.run(make())
        second.run(use())
        first.run(session.close())


# A proxy


@asynccontextmanager
async def proxy_server(status: int = 200) -> AsyncGenerator[tuple[str, list[dict[str, str]]]]:
    """A proxy that connects, or refuses with a status; its address, and the heads that it was sent."""
    heads: list[dict[str, str]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        heads.append({"": first} | dict(line.lower().split(": ", 1) for line in lines if line))
        if status != 200:
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = first.split(" ")[1].rpartition(":")
        there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1")
    yield "127.0.0.1:{1}".format(*server.sockets[0].getsockname()), heads
    server.close()


@pytest.mark.parametrize("own", [True, False], ids=["its own session", "the caller's"])
async def test_calls_go_through_a_proxy_and_its_password_to_nobody_else(own: bool) -> None:
    server, trusting = contexts()
    async with (
        Emulator(ssl=server) as emulator,
        proxy_server() as (proxy, heads),
        aiohttp.ClientSession() as session,
        client_of(emulator, ssl=trusting, proxy=f"http://me:p%40ss@{proxy}", session=None if own else session) as tim,
    ):
        emulator.accounts.add("Mary")
        assert await tim.push.get_tags.one("Mary") == ()
        assert "p%40ss" not in repr(tim)
        (head,) = heads
        assert head[""] == f"CONNECT {urlsplit(emulator.url).netloc} HTTP/1.1"
        said = base64.b64decode(head["proxy-authorization"].removeprefix("basic "), validate=False)
        assert len(said) == len(b"me:p@ss")


@pytest.mark.parametrize("status", [407, 403])
async def test_a_proxy_that_refuses_is_told_at_once_and_nothing_was_sent(status: int) -> None:
    server, trusting = contexts()
    async with (
        Emulator(ssl=server) as emulator,
        proxy_server(status) as (proxy, heads),
        client_of(emulator, ssl=trusting, proxy=f"http://me:secret@{proxy}") as tim,
    ):
        with pytest.raises(ConnectError, match=f"the proxy answered with HTTP status {status}") as caught:
            await tim.push.get_tags(["Mary"])
        assert "secret" not in repr(caught.value)
        assert len(heads) == 1
        assert not emulator.arrivals(GET_TAGS)


async def test_a_proxy_that_may_recover_is_tried_again() -> None:
    server, trusting = contexts()
    async with (
        Emulator(ssl=server) as emulator,
        proxy_server(502) as (proxy, heads),
        client_of(emulator, ssl=trusting, proxy=f"http://{proxy}", attempts=2) as tim,
    ):
        result = await tim.push.get_tags(["Mary"])
        assert [type(outcome) for outcome in result] == [NotSent]
        assert len(heads) == 2


async def test_a_proxy_that_is_not_there_is_told_without_its_password(puppet: Puppet) -> None:
    async with client_of(puppet, proxy="http://me:secret@127.0.0.1:1", attempts=1) as tim:
        result = await tim.push.get_tags(["Mary"])
    (outcome,) = result.errors
    assert isinstance(outcome, NotSent)
    assert "cannot connect to 127.0.0.1:1" in outcome.reason
    assert "secret" not in outcome.reason
