"""The signature joins the URL inside of aiohttp: whoever watches sees the command, and the service the signature."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, TraceConfig
from aioresponses import aioresponses
from servers import APP, Puppet, client_of, yes
from yarl import URL

from tim_async import Client, RequestError
from tim_async.emulator import DEMO_KEY
from tim_async.service.usersig import Signer
from tim_async.transport.signing import Signing

ADDRESS = "/v4/timpush/get_tag?sdkappid=1400000000&identifier=administrator&contenttype=json"


class Watcher(TraceConfig):
    """Keeps all that a session tells of its requests before and after them, and of their errors."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[URL] = []
        self.errors: list[BaseException] = []
        self.on_request_start.append(self._saw)
        self.on_request_end.append(self._saw)
        self.on_request_exception.append(self._saw)

    async def _saw(self, _: aiohttp.ClientSession, __: SimpleNamespace, params: Any) -> None:
        self.urls.append(params.url)
        if isinstance(params, aiohttp.TraceRequestExceptionParams):
            self.errors.append(params.exception)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def session(watcher: Watcher) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(trace_configs=[watcher]) as session:
        yield session


async def test_who_watches_a_session_sees_the_command_and_the_service_the_signature(
    puppet: Puppet, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    puppet.respond = yes
    async with client_of(puppet, session=session) as tim:
        await tim.push.get_tags(["Mary"])
    assert watcher.urls == [URL(puppet.url + ADDRESS)] * 2
    assert puppet.calls[0].query["usersig"]
    assert puppet.calls[0].target.startswith(ADDRESS)


async def test_each_call_is_signed_for_itself(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet) as tim:
        await tim.push.get_tags(["Mary"])
        await tim.push.get_tags(["Mary"])
    first, second = (call.query["random"] for call in puppet.calls)
    assert first != second


async def test_middlewares_of_the_callers_session_go_on_and_see_no_signature(puppet: Puppet) -> None:
    puppet.respond = yes
    seen: list[URL] = []

    async def theirs(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append(request.url)
        request.headers["X-Theirs"] = "yes"
        return await handler(request)

    async with (
        aiohttp.ClientSession(middlewares=[theirs]) as session,
        client_of(puppet, session=session) as tim,
    ):
        await tim.push.get_tags(["Mary"])
    assert seen == [URL(puppet.url + ADDRESS)]
    assert puppet.calls[0].headers["x-theirs"] == "yes"


async def test_replies_may_be_faked_in_the_callers_session_too(
    fake_replies: aioresponses, session: aiohttp.ClientSession
) -> None:
    fake_replies.post(re.compile(".*/timpush/get_tag"), payload={"ErrorCode": 0, "UserTags": []})
    async with Client(sdk_app_id=APP, secret_key=DEMO_KEY, session=session) as tim:
        await tim.call("timpush/get_tag", {})
    ((_, asked),) = fake_replies.requests
    assert "usersig" not in asked.query


@pytest.fixture
def deaf() -> Iterator[str]:
    """A server that accepts nothing, as behind a firewall that drops packets."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for filler in fillers:
            filler.close()


@pytest.mark.clock("patient")  # the time to connect is over before that of the call, however slow the machine is
async def test_the_errors_that_a_session_is_told_of_hold_no_signature(
    deaf: str, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    """They would: aiohttp writes the URL into them."""
    tim = Client(
        sdk_app_id=APP, secret_key=DEMO_KEY, base_url=deaf, session=session, call_timeout=0.05, attempts=1, limiter=None
    )
    async with tim:
        with pytest.raises(RequestError, match="no connection in time"):
            await tim.call("timpush/get_tag", {})
    (error,) = watcher.errors
    assert isinstance(error, aiohttp.ConnectionTimeoutError)
    assert str(error).endswith("&contenttype=json&[the rest held a signature]")
    assert error.__context__ is None


async def test_a_word_of_the_server_in_an_error_of_aiohttps_holds_no_signature(
    puppet: Puppet, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    puppet.respond = lambda call: call.send(f"HTTP/1.1 {call.target}\r\n\r\n".encode())
    async with client_of(puppet, session=session, attempts=1) as tim:
        with pytest.raises(RequestError):
            await tim.call("timpush/get_tag", {})
    (error,) = watcher.errors
    assert isinstance(error, aiohttp.ClientResponseError)
    assert "eJ" not in f"{error} {error!r} {vars(error)}"


WORDS = f"Can not write request body for http://127.0.0.1{ADDRESS}&usersig=eJw1jMsKwjAURP8laynV5llw0&random=7"


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientOSError(None, WORDS),
        aiohttp.ClientOSError(32, WORDS),
        aiohttp.ClientPayloadError(WORDS),
        aiohttp.ConnectionTimeoutError(WORDS),
        TimeoutError(),
        ConnectionResetError(104, WORDS),
    ],
    ids=lambda error: f"{type(error).__name__} {len(error.args)}",
)
async def test_no_words_of_an_error_hold_a_signature_wherever_it_keeps_them(error: Exception) -> None:
    request: Any = SimpleNamespace(url=URL(f"http://127.0.0.1{ADDRESS}"))

    async def handler(request: ClientRequest) -> ClientResponse:
        raise error

    with pytest.raises(type(error)) as raised:
        await Signing(Signer(APP, DEMO_KEY, "administrator"))(request, handler)
    assert raised.value is error
    told = [str(error), repr(error), repr(error.args), repr(getattr(error, "strerror", "")), repr(vars(error))]
    assert not any("eJw1jMsK" in words or "usersig=" in words for words in told)
