"""One signed POST: what goes over the wire, and what a foreign error becomes."""

import asyncio
import gzip
import re
import socket
from collections.abc import AsyncIterator, Callable
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import CallbackResult, aioresponses
from ports import free_port
from servers import APP, Call, Puppet, client_of, yes
from yarl import URL

from tim_async import BadStatus, Client, ConnectError, InvalidReply, RequestError, RequestTimeout
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.permits import Permit
from tim_async.service.usersig import Signer, read
from tim_async.transport.hosts import Hosts
from tim_async.transport.payload import EARLY
from tim_async.transport.post import Transport, check_session

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

GET_TAGS = "timpush/get_tag"
BODY = b'{"To_Account":["Mary"]}'
PAGE = b"<html>no</html>"


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


async def test_a_permit_whose_call_never_went_out_is_not_used_up() -> None:
    transport = transport_to(f"http://127.0.0.1:{free_port()}")
    permit = Permit(0.0)
    assert isinstance(await sent(transport, permit), ConnectError)
    assert permit.written is None
    await transport.close()


# Foreign errors


async def test_a_refused_connection_sent_nothing() -> None:
    transport = transport_to(f"http://127.0.0.1:{(port := free_port())}")
    error = await sent(transport)
    assert type(error) is ConnectError
    assert not error.may_have_happened
    assert f"cannot connect to 127.0.0.1:{port}" in str(error)
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


OK = b"HTTP/1.1 200 OK\r\n"
HALF = OK + b'Content-Length: 100\r\n\r\n{"ErrorCode":0'
LOST = "the connection was lost before the answer came"


def sends(data: bytes, then: Callable[[Call], object] = lambda _: None) -> Callable[[Call], None]:
    def answer(call: Call) -> None:
        call.send(data)
        asyncio.get_running_loop().call_soon(then, call)

    return answer


def close(call: Call) -> None:
    call.transport.close()


def drips(piece: bytes) -> Callable[[Call], None]:
    """Sends it again and again, as long as anybody listens."""

    def answer(call: Call) -> None:
        if not call.gone.is_set():
            call.send(piece)
            asyncio.get_running_loop().call_soon(answer, call)

    return answer


@pytest.mark.parametrize(
    ("happens", "kind", "words"),
    [
        (Call.reset, "RequestError", LOST),
        (close, "RequestError", LOST),
        (sends(HALF, Call.reset), "RequestError|InvalidReply", f"the answer broke off|{LOST}"),
        (sends(HALF, close), "RequestError|InvalidReply", f"the answer broke off|{LOST}"),
        (sends(HALF), "RequestTimeout", "no answer in time"),
        (sends(OK + b"Content-Length: 100000\r\n\r\n", drips(b"x")), "RequestTimeout", "no answer in time"),
        (drips(b"HTTP/1.1 102 Processing\r\n\r\n"), "RequestTimeout", "no answer in time"),
        (sends(b"SSH-2.0-OpenSSH_9.0\r\n\r\n"), "InvalidReply", "the answer is not HTTP"),
        (sends(OK + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n"), "InvalidReply", "the answer is not HTTP"),
        (sends(OK + b"X-Many: x\r\n" * 20_000 + b"\r\n"), "InvalidReply", "the answer is not HTTP"),
        (sends(OK + b"Content-Length: 99999999999\r\n\r\n"), "InvalidReply", "longer than 16777216 bytes"),
        (sends(b"HTTP/1.1 502 No\r\nContent-Length: 100\r\n\r\n<html>"), "BadStatus", "HTTP status 502"),
    ],
)
async def test_what_comes_instead_of_an_answer_leaves_open_whether_it_happened(
    happens: Callable[[Call], None], kind: str, words: str, puppet: Puppet
) -> None:
    transport = transport_to(puppet.url, call_timeout=0.1)
    task = asyncio.create_task(sent(transport))
    happens(await puppet.call())
    error = await task
    assert re.fullmatch(kind, type(error).__name__)
    assert error.may_have_happened
    assert re.search(words, str(error))
    assert len(puppet.calls) == 1
    await transport.close()
    await puppet.all_gone()


# Another status than 200


async def answered(puppet: Puppet, transport: Transport, status: int, body: bytes = PAGE, headers: str = "") -> Any:
    """The error to which an answer leads, or the bytes."""
    task = asyncio.create_task(transport.send(GET_TAGS, BODY, None))
    call = await puppet.call()
    call.answer(body, status=status, headers=headers)
    try:
        return await task
    except RequestError as exc:
        return exc


@pytest.mark.parametrize(
    ("status", "may_have_happened", "final", "throttled"),
    [
        (201, True, False, False),
        (204, True, False, False),
        *[(status, False, True, False) for status in (301, 302, 304, 308)],
        *[(status, False, True, False) for status in (400, 401, 403, 404, 405, 407, 413, 414, 418, 431, 451)],
        *[(status, False, False, False) for status in (408, 421, 425)],
        *[(status, False, False, True) for status in (429, 503)],
        *[(status, True, False, False) for status in (500, 501, 502, 504, 520, 599)],
    ],
)
async def test_a_status_says_whether_it_can_have_happened_and_whether_a_repeat_is_of_use(
    *, status: int, may_have_happened: bool, final: bool, throttled: bool, puppet: Puppet, transport: Transport
) -> None:
    nowhere = f"Location: {puppet.url}/elsewhere\r\n"  # which nobody follows
    error = await answered(puppet, transport, status, b"" if status in (204, 304) else PAGE, nowhere)
    assert len(puppet.calls) == 1
    assert type(error) is BadStatus
    assert str(error) == f"{GET_TAGS}: HTTP status {status} instead of 200"
    assert (error.status, error.may_have_happened, error.final, error.throttled) == (
        status,
        may_have_happened,
        final,
        throttled,
    )


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 502, 503])
@pytest.mark.parametrize("body", [b'{"ErrorCode":60007}', b'{"ErrorCode":"0","More":[]}', b'{"ErrorCode":0}'])
async def test_a_body_with_an_error_code_is_the_services_own_word_whatever_the_status(
    status: int, body: bytes, puppet: Puppet, transport: Transport
) -> None:
    assert await answered(puppet, transport, status, body) == body


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", ""),
        (b'{"error":"no"}', ""),
        (b'{"ErrorCode":"no"}', ""),
        (b"[" * 50_000, ""),
        (b'"\xff"', ""),
        (b"x" * 2000, ""),
        (gzip.compress(b'{"ErrorCode":0}'), "Content-Encoding: gzip\r\n"),
    ],
    ids=["empty", "other words", "no number", "deep", "no text", "long", "encoded"],
)
async def test_any_other_body_leaves_it_to_the_status(body: bytes, headers: str, puppet: Puppet) -> None:
    transport = transport_to(puppet.url, max_reply_bytes=1000)
    error = await answered(puppet, transport, 404, body, headers)
    assert type(error) is BadStatus
    assert error.final
    await transport.close()


async def test_a_session_that_raises_for_a_status_leaves_the_status_to_us(puppet: Puppet) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        transport = transport_to(puppet.url, session=session)
        error = await answered(puppet, transport, 429, headers="Retry-After: 3\r\n")
    assert type(error) is BadStatus
    assert (error.status, error.retry_after) == (429, 3)


async def test_a_gateway_says_how_long_to_wait(puppet: Puppet, transport: Transport) -> None:
    error = await answered(puppet, transport, 429, headers="Retry-After: 7\r\n")
    assert error.retry_after == 7
    dates = "Date: Sun, 01 Mar 2026 12:00:00 GMT\r\nRetry-After: Sun, 01 Mar 2026 12:00:09 GMT\r\n"
    error = await answered(puppet, transport, 503, headers=dates)
    assert error.retry_after == 9
    error = await answered(puppet, transport, 503)
    assert error.retry_after == 0


# Bounds


@pytest.mark.parametrize("own", [True, False], ids=["its own session", "the caller's"])
@pytest.mark.parametrize("size", [1000, 1001])
async def test_an_answer_is_read_up_to_a_bound(size: int, own: bool, puppet: Puppet) -> None:
    async with aiohttp.ClientSession() as session:
        transport = transport_to(puppet.url, max_reply_bytes=1000, session=None if own else session)
        got = await answered(puppet, transport, 200, b"x" * size)
        if size == 1000:
            assert got == b"x" * 1000
        else:
            assert type(got) is InvalidReply
            assert got.may_have_happened
            assert got.detail == "the answer is longer than 1000 bytes; raise max_reply_bytes if it may be"
        await transport.close()


@pytest.mark.parametrize(
    "head", ["Transfer-Encoding: chunked\r\n", "Connection: close\r\n"], ids=["chunked", "endless"]
)
async def test_an_endless_answer_is_cut_off(head: str, puppet: Puppet) -> None:
    transport = transport_to(puppet.url, max_reply_bytes=1_000_000)
    task = asyncio.create_task(sent(transport))
    call = await puppet.call()
    call.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
    piece = b"x" * 65_536
    if "chunked" in head:
        piece = b"10000\r\n" + piece + b"\r\n"
    written = 0
    while not call.gone.is_set() and written < 100_000_000:
        if call.transport.get_write_buffer_size() < 1_000_000:
            call.send(piece)
            written += len(piece)
        await asyncio.sleep(0)
    error = await task
    assert type(error) is InvalidReply
    assert "longer than 1000000 bytes" in error.detail
    assert written < 100_000_000
    await transport.close()


@pytest.mark.parametrize("own", [True, False], ids=["its own session", "the caller's"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, gzip"])
async def test_an_encoded_answer_is_not_decoded(encoding: str, own: bool, puppet: Puppet) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with aiohttp.ClientSession(headers={"Accept-Encoding": "gzip"}) as session:
        transport = transport_to(puppet.url, session=None if own else session)
        error = await answered(puppet, transport, 200, bomb, f"Content-Encoding: {encoding}\r\n")
        assert type(error) is InvalidReply
        assert error.detail == f"the answer is encoded ({encoding!r}), which nobody asked for"
        assert puppet.calls[0].headers.get("accept-encoding") == (None if own else "identity")
        assert puppet.calls[0].headers["content-type"] == "application/json"
        await transport.close()


@pytest.mark.parametrize("encoding", ["Identity", "", "UTF-8"])
async def test_an_answer_that_says_that_it_is_not_encoded_is_read(
    encoding: str, puppet: Puppet, transport: Transport
) -> None:
    got = await answered(puppet, transport, 200, b'{"ErrorCode":0}', f"Content-Encoding: {encoding}\r\n")
    assert got == b'{"ErrorCode":0}'


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
    assert error.final
    assert str(error) == f"{GET_TAGS}: the session is closed"


@pytest.mark.parametrize("session", ["x", 5, object(), aiohttp.ClientSession, {"post": 1}])
def test_what_cannot_be_a_session_is_told(session: object) -> None:
    with pytest.raises(TypeError, match=r"session must be an aiohttp.ClientSession, not"):
        check_session(session, None)


@pytest.mark.parametrize("ssl", [True, "ca.pem", SSLContext])
def test_what_is_no_ssl_context_is_told(ssl: object) -> None:
    with pytest.raises(TypeError, match=r"ssl must be an ssl.SSLContext, not"):
        check_session(None, ssl)


async def failing(*_: Any) -> Any:
    raise LookupError("with a usersig=in it")


async def test_a_session_that_fails_before_the_call_is_written_sent_nothing(puppet: Puppet) -> None:
    async with aiohttp.ClientSession(middlewares=[failing]) as session:
        error = await sent(transport_to(puppet.url, session=session))
    assert type(error) is ConnectError
    assert error.detail == "nothing was sent: the session failed (LookupError)"


async def test_of_a_session_of_another_kind_nobody_knows_what_it_wrote(puppet: Puppet) -> None:
    class Failing:
        closed = False

        def post(self, *_: Any, **__: Any) -> Any:
            raise LookupError("with a usersig=in it")

    permit = Permit(0.0)
    session: Any = Failing()
    with pytest.raises(LookupError):  # told by its type alone, by who runs the call
        await transport_to(puppet.url, session=session).send(GET_TAGS, BODY, permit)
    assert permit.written is not None


async def test_a_url_that_the_session_does_not_take_sent_nothing() -> None:
    async with aiohttp.ClientSession() as session:
        error = await sent(transport_to("ftp://127.0.0.1", session=session))
    assert type(error) is ConnectError
    assert error.detail == "nothing was sent: the connection was lost before the answer came (NonHttpUrlClientError)"


async def test_an_error_of_a_fake_is_taken_for_what_it_says(fake_replies: aioresponses) -> None:
    fake_replies.post(re.compile("https://tim.example.com/v4/"), exception=aiohttp.ServerDisconnectedError())
    transport = transport_to("https://tim.example.com")
    assert type(await sent(transport)) is RequestError
    await transport.close()


async def test_an_answer_before_the_body_had_its_turn_is_nobodys(fake_replies: aioresponses) -> None:
    """Up to Python 3.11 the body is written by a task that begins later; made up, so that it holds on all."""

    def answer(_: URL, **told: Any) -> CallbackResult:
        assert told["data"].size == len(BODY)  # as if a request had been made ready
        return CallbackResult(body=b'{"ErrorCode":0}')

    fake_replies.post(re.compile("https://tim.example.com/v4/"), callback=answer)
    transport = transport_to("https://tim.example.com")
    error = await sent(transport)
    assert type(error) is ConnectError
    assert error.detail == EARLY
    await transport.close()


# Where to


async def test_the_transport_goes_to_the_standby_domain_and_keeps_to_it(puppet: Puppet) -> None:
    puppet.respond = yes
    hosts = Hosts(f"http://127.0.0.1:{free_port()}", puppet.url)
    transport = Transport(Signer(APP, DEMO_KEY, "administrator"), hosts, call_timeout=10.0)
    transport.open()
    for _ in range(3):
        assert isinstance(await sent(transport), ConnectError)
    for _ in range(2):
        await transport.send(GET_TAGS, BODY, None)
    assert len(puppet.calls) == 2
    await transport.close()
