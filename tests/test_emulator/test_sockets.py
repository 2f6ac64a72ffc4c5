"""The listening socket and its connections."""

import asyncio
import socket

import pytest
from aiohttp import ClientConnectorError, ClientSession, web

from tim_async.emulator.sockets import Sockets

LOOPBACK = "127.0.0.1"


async def hello(_sockets: Sockets, _request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


async def get(session: ClientSession, port: int) -> str:
    async with session.get(f"http://{LOOPBACK}:{port}/") as response:
        return await response.text()


async def test_refusing_twice_is_refusing_once(session: ClientSession) -> None:
    sockets = Sockets(hello)
    port = await sockets.listen(LOOPBACK, 0)
    assert await get(session, port) == "hello"
    sockets.refuse(0.01)
    reopening = sockets._reopening
    assert reopening is not None
    sockets.refuse(3600)
    assert sockets._reopening is reopening
    with pytest.raises(ClientConnectorError):
        await get(session, port)
    await reopening
    assert await get(session, port) == "hello"
    sockets.refuse(3600)
    with pytest.raises(ClientConnectorError):
        await get(session, port)
    await sockets.close()


async def test_a_port_that_somebody_took_meanwhile_is_taken_back_when_it_is_free(session: ClientSession) -> None:
    class Impatient(Sockets):
        """Tells when an attempt has failed."""

        failed = 0

        async def listen(self, host: str, port: int) -> int:
            try:
                return await super().listen(host, port)
            except OSError:
                self.failed += 1
                thief.close()
                raise

    sockets = Impatient(hello)
    port = await sockets.listen(LOOPBACK, 0)
    sockets.refuse(0)
    thief = socket.create_server((LOOPBACK, port))
    assert sockets._reopening is not None
    await sockets._reopening
    assert sockets.failed == 1
    assert await get(session, port) == "hello"
    await sockets.close()


async def test_a_request_in_progress_is_answered_before_its_connection_is_closed(session: ClientSession) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_sockets: Sockets, _request: web.BaseRequest) -> web.StreamResponse:
        began.set()
        await go_on.wait()
        return web.Response(text="late")

    sockets = Sockets(slow)
    port = await sockets.listen(LOOPBACK, 0)
    answer = asyncio.create_task(get(session, port))
    await began.wait()
    sockets.refuse(0)
    go_on.set()
    assert await answer == "late"
    await sockets.close()


async def test_the_first_request_of_a_connection_is_known(session: ClientSession) -> None:
    first = []

    async def note(sockets: Sockets, request: web.BaseRequest) -> web.StreamResponse:
        first.append(sockets.is_first(request))
        return web.Response(text="noted")

    sockets = Sockets(note)
    port = await sockets.listen(LOOPBACK, 0)
    assert [await get(session, port) for _ in range(3)] == ["noted"] * 3
    async with ClientSession() as other:
        await get(other, port)
    assert first == [True, False, False, True]
    await sockets.close()


async def test_it_is_noticed_when_a_caller_goes_away(session: ClientSession) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(sockets: Sockets, request: web.BaseRequest) -> web.StreamResponse:
        began.set()
        await sockets.gone(request, None)
        assert request.transport is None
        await sockets.gone(request, None)  # at once
        ended.set()
        return web.Response()

    sockets = Sockets(wait)
    port = await sockets.listen(LOOPBACK, 0)
    asking = asyncio.create_task(get(session, port))
    await began.wait()
    asking.cancel()
    await ended.wait()
    await sockets.close()


async def test_waiting_for_a_caller_to_go_away_ends_after_some_time_or_with_the_server(session: ClientSession) -> None:
    began = asyncio.Event()

    async def wait(sockets: Sockets, request: web.BaseRequest) -> web.StreamResponse:
        await sockets.gone(request, 0.01)
        began.set()
        await sockets.gone(request, None)
        return web.Response(text="closing")

    sockets = Sockets(wait)
    port = await sockets.listen(LOOPBACK, 0)
    answer = asyncio.create_task(get(session, port))
    await began.wait()
    await sockets.close()
    assert await answer == "closing"
