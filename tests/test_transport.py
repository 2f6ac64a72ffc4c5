"""One signed POST: what goes over the wire, and what a foreign error becomes."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from servers import APP, Puppet, client_of, yes

from tim_async import (
    BadStatus,
    Client,
    ConnectError,
    InvalidReply,
    RequestError,
    RequestTimeout,
)
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.hosts import Hosts
from tim_async.permits import Permit
from tim_async.transport import Transport
from tim_async.usersig import Signer, read

GET_TAGS = "timpush/get_tag"
BODY = b'{"To_Account":["Mary"]}'


def transport_to(base_url: str, *, identifier: str = "administrator", **options: Any) -> Transport:
    signer = Signer(APP, DEMO_KEY, identifier)
    own: dict[str, Any] = {"call_timeout": 10.0}
    transport = Transport(signer, Hosts(base_url), **(own | options))
    transport.open()
    return transport


@pytest.fixture
async def transport(puppet: Puppet) -> AsyncIterator[Transport]:
    transport = transport_to(puppet.url)
    yield transport
    await transport.close()


async def sent(transport: Transport, permit: Permit | None = None) -> RequestError:
    """The error with which a call ends; nothing of it is anybody else's, and nothing tells the signature."""
    with pytest.raises(RequestError) as caught:
        await transport.send(GET_TAGS, BODY, permit)
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    assert error.path == GET_TAGS
    assert str(error).startswith(f"{GET_TAGS}: ")
    assert "://" not in str(error)
    assert "usersig" not in repr(error)
    assert transport.signer.current(0) not in repr(error)
    return error


# What goes over the wire


async def test_the_url_is_the_one_of_the_page(puppet: Puppet, transport: Transport) -> None:
    puppet.respond = yes
    await transport.send(GET_TAGS, BODY, None)
    (call,) = puppet.calls
    assert call.target.startswith("/v4/timpush/get_tag?sdkappid=1400000000&identifier=administrator&contenttype=json&")
    assert list(call.query) == ["sdkappid", "identifier", "contenttype", "usersig", "random"]
    assert call.headers["content-type"] == "application/json"
    assert call.body == {"To_Account": ["Mary"]}
    assert 0 <= int(call.query["random"]) < 2**32


async def test_random_is_fresh_for_every_call(puppet: Puppet, transport: Transport) -> None:
    puppet.respond = yes
    for _ in range(20):
        await transport.send(GET_TAGS, BODY, None)
    assert len({call.query["random"] for call in puppet.calls}) == 20


@pytest.mark.parametrize("identifier", ["a&b=c", "50%", "ü ?#/+", "root@rest", "%41", "王"])
async def test_an_identifier_is_encoded_exactly_once(identifier: str, puppet: Puppet) -> None:
    puppet.respond = yes
    transport = transport_to(puppet.url, identifier=identifier)
    await transport.send(GET_TAGS, BODY, None)
    await transport.close()
    (call,) = puppet.calls
    raw = call.target.split("identifier=")[1].split("&")[0]
    assert unquote(raw) == identifier
    assert read(call.query["usersig"]).identifier == identifier


async def test_a_usersig_goes_as_it_is_whatever_characters_it_has(puppet: Puppet) -> None:
    """Base64 in the service's alphabet has * and - where others have + and /; an encoded * would be another one."""
    puppet.respond = yes
    seen: set[str] = set()
    for number in range(40):
        transport = transport_to(puppet.url, identifier=f"admin{number}")
        await transport.send(GET_TAGS, BODY, None)
        await transport.close()
        usersig = transport.signer.current(0)
        seen |= set(usersig)
    assert {"*", "-", "_"} <= seen
    for call in puppet.calls:
        assert read(call.target.split("usersig=")[1].split("&")[0]) == read(call.query["usersig"])


async def test_the_emulator_takes_an_odd_identifier() -> None:
    async with (
        Emulator(admins=["a&b=c %王"]) as emulator,
        client_of(emulator, identifier="a&b=c %王") as tim,
    ):
        emulator.accounts.add("Mary")
        assert await tim.push.get_tags.one("Mary") == ()


async def test_cookies_are_not_sent_back(puppet: Puppet, transport: Transport) -> None:
    for _ in range(2):
        task = asyncio.create_task(transport.send(GET_TAGS, BODY, None))
        call = await puppet.call()
        call.answer(yes(call), headers="Set-Cookie: a=b; Path=/\r\n")
        await task
    assert all("cookie" not in call.headers for call in puppet.calls)


async def test_a_connection_is_used_again(puppet: Puppet, transport: Transport) -> None:
    puppet.respond = yes
    for _ in range(5):
        await transport.send(GET_TAGS, BODY, None)
    assert puppet.connections == 1
    await transport.close()
    await puppet.all_gone()


async def test_a_redirect_is_not_followed(puppet: Puppet, transport: Transport) -> None:
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.answer(b"", status=302, headers=f"Location: {puppet.url}/elsewhere\r\n")
    error = await task
    assert isinstance(error, BadStatus)
    assert error.status == 302
    assert len(puppet.calls) == 1


# Permits


async def test_a_permit_is_told_when_the_body_went_out_and_whether_the_connection_is_new(
    puppet: Puppet, transport: Transport
) -> None:
    puppet.respond = yes
    loop = asyncio.get_running_loop()
    permits = [Permit(loop.time()), Permit(loop.time())]
    for permit in permits:
        before = loop.time()
        await transport.send(GET_TAGS, BODY, permit)
        assert permit.written is not None
        assert before <= permit.written <= loop.time()
        assert permit.answered is None  # that is for the one who judges the answer
    assert [permit.fresh for permit in permits] == [True, False]


async def test_a_permit_whose_call_never_went_out_is_not_used_up(free_port: int) -> None:
    transport = transport_to(f"http://127.0.0.1:{free_port}")
    permit = Permit(0.0)
    assert isinstance(await sent(transport, permit), ConnectError)
    assert permit.written is None
    await transport.close()


# Foreign errors


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_refused_connection_sent_nothing(free_port: int) -> None:
    transport = transport_to(f"http://127.0.0.1:{free_port}")
    error = await sent(transport)
    assert type(error) is ConnectError
    assert not error.may_have_happened
    assert f"cannot connect to 127.0.0.1:{free_port}" in str(error)
    await transport.close()


class NoNames(AbstractResolver):
    """A resolver that finds nothing."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, "no such name")

    async def close(self) -> None:
        pass


async def test_a_name_without_an_address_sent_nothing() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as session:
        error = await sent(transport_to("https://tim.example.com", session=session))
    assert type(error) is ConnectError
    assert str(error) == f"{GET_TAGS}: no address found for tim.example.com"


async def test_a_failed_tls_handshake_sent_nothing(puppet: Puppet) -> None:
    transport = transport_to(puppet.url.replace("http:", "https:"))
    answering = asyncio.create_task(_answer_no_tls(puppet))
    error = await sent(transport)
    assert type(error) is ConnectError
    assert not error.may_have_happened
    answering.cancel()
    await transport.close()


async def _answer_no_tls(puppet: Puppet) -> None:
    """The puppet waits for a head that never comes; a plain answer to the first bytes ends the handshake."""
    await puppet.connected.wait()
    for transport in puppet.open:
        transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_certificate_that_is_not_trusted_sent_nothing(fake_replies: aioresponses) -> None:
    """Made up, because a server would need a certificate."""
    key = ConnectionKey("tim.example.com", 443, True, True, None, None, None)
    exception = aiohttp.ClientConnectorCertificateError(key, ValueError("self-signed"))
    fake_replies.post(re.compile("https://tim.example.com/v4/"), exception=exception)
    transport = transport_to("https://tim.example.com")
    error = await sent(transport)
    assert type(error) is ConnectError
    assert str(error) == f"{GET_TAGS}: the certificate of tim.example.com is not trusted"
    await transport.close()


async def test_callers_may_fake_replies_in_their_own_tests(fake_replies: aioresponses) -> None:
    said = {"ErrorCode": 0, "UserTags": [{"To_Account": "Mary", "Tags": ["red"]}]}
    fake_replies.post(re.compile(".*/timpush/get_tag"), exception=aiohttp.ServerDisconnectedError())
    fake_replies.post(re.compile(".*/timpush/get_tag"), payload=said)
    async with Client(sdk_app_id=APP, secret_key=DEMO_KEY) as tim:
        result = await tim.push.get_tags(["Mary"])
    assert result.values == {"Mary": ("red",)}
    assert result.stats.calls == 2


async def test_a_connection_that_is_never_accepted_sent_nothing() -> None:
    """As with a firewall that drops packets: a full backlog answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        transport = transport_to(f"http://127.0.0.1:{address[1]}", call_timeout=0.05)
        error = await sent(transport)
        assert type(error) is ConnectError
        assert str(error) == f"{GET_TAGS}: no connection in time"
        await transport.close()
        for filler in fillers:
            filler.close()


async def test_no_answer_in_time_may_have_happened(puppet: Puppet) -> None:
    transport = transport_to(puppet.url, call_timeout=0.05)
    error = await sent(transport)
    assert type(error) is RequestTimeout
    assert error.may_have_happened
    assert str(error) == f"{GET_TAGS}: no answer in time"
    await transport.close()
    await puppet.all_gone()


async def test_half_an_answer_in_time_may_have_happened(puppet: Puppet) -> None:
    transport = transport_to(puppet.url, call_timeout=0.1)
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ErrorCode"')
    assert type(await task) is RequestTimeout
    await transport.close()


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_connection_lost_before_the_answer_may_have_happened(
    how: str, puppet: Puppet, transport: Transport
) -> None:
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    if how == "reset":
        call.reset()
    else:
        call.transport.close()
    error = await task
    assert type(error) is RequestError
    assert error.may_have_happened
    assert "the connection was lost before the answer came" in str(error)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_an_answer_that_breaks_off_is_no_answer(how: str, puppet: Puppet, transport: Transport) -> None:
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ErrorCode":0')
    await asyncio.sleep(0)
    if how == "reset":
        call.reset()
    else:
        call.transport.close()
    error = await task
    assert error.may_have_happened
    assert "the answer broke off" in str(error) or "connection was lost" in str(error)


async def test_an_answer_that_is_no_http_is_no_answer(puppet: Puppet, transport: Transport) -> None:
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.send(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")
    error = await task
    assert type(error) is InvalidReply
    assert str(error) == f"{GET_TAGS}: the answer is not HTTP"


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
async def test_another_status_than_200_is_not_the_services_word(
    status: int, puppet: Puppet, transport: Transport
) -> None:
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.answer(b"<html>no</html>", status=status)
    error = await task
    assert isinstance(error, BadStatus)
    assert (error.status, error.may_have_happened) == (status, True)
    assert str(error) == f"{GET_TAGS}: HTTP status {status} instead of 200"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ErrorCode":0', b"[]", b'{"ErrorInfo":""}', b"\xff\xfe"])
async def test_an_answer_that_is_not_the_promised_json_is_tried_again(body: bytes, puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        call = await puppet.call()
        call.answer(body)
        call = await puppet.call()
        call.answer(yes(call))
        result = await task
    assert result.ok
    assert result.stats.retries == 1


async def test_a_closed_transport_sends_nothing(puppet: Puppet, transport: Transport) -> None:
    await transport.close()
    await transport.close()
    error = await sent(transport)
    assert type(error) is ConnectError
    assert str(error) == f"{GET_TAGS}: the session is closed"


# Where to


async def test_the_transport_goes_to_the_standby_domain_and_keeps_to_it(puppet: Puppet, free_port: int) -> None:
    puppet.respond = yes
    hosts = Hosts(f"http://127.0.0.1:{free_port}", puppet.url)
    transport = Transport(Signer(APP, DEMO_KEY, "administrator"), hosts, call_timeout=10.0)
    transport.open()
    for _ in range(3):
        assert isinstance(await sent(transport), ConnectError)
    for _ in range(2):
        await transport.send(GET_TAGS, BODY, None)
    assert len(puppet.calls) == 2
    await transport.close()
