"""Answers that break on their way: the faults that are in the connection, not in what is said."""

import asyncio
import contextlib
import http
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from .faults import Fault, Kind
from .sockets import Sockets

_DROPS = 10
_REFUSE_SECONDS = 0.5
_DRIP_SECONDS = 1.0


def reset(request: web.BaseRequest) -> None:
    """End a connection the hard way: what is not yet sent is thrown away, and the caller's kernel says "reset"."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _refuse_connection(
    sockets: Sockets, request: web.BaseRequest, fault: Fault, _body: bytes
) -> web.StreamResponse:
    sockets.refuse(_REFUSE_SECONDS if fault.seconds is None else fault.seconds)
    return await _reset(sockets, request, fault, _body)


async def _reset(_sockets: Sockets, request: web.BaseRequest, _fault: Fault, _body: bytes) -> web.StreamResponse:
    reset(request)
    return web.Response()  # goes nowhere


async def _hang(sockets: Sockets, request: web.BaseRequest, fault: Fault, _body: bytes) -> web.StreamResponse:
    await sockets.gone(request, fault.seconds)
    return await _reset(sockets, request, fault, _body)


def _answer(body: bytes) -> web.StreamResponse:
    return web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})


async def _slow_drip(_sockets: Sockets, request: web.BaseRequest, fault: Fault, body: bytes) -> web.StreamResponse:
    pause = (_DRIP_SECONDS if fault.seconds is None else fault.seconds) / _DROPS
    size = -(-len(body) // _DROPS)
    answer = _answer(body)
    with contextlib.suppress(ConnectionError):  # the caller had enough
        await answer.prepare(request)
        for start in range(0, len(body), size):
            await asyncio.sleep(pause)
            await answer.write(body[start : start + size])
    return answer


async def _half_body(_sockets: Sockets, request: web.BaseRequest, _fault: Fault, body: bytes) -> web.StreamResponse:
    answer = _answer(body)
    with contextlib.suppress(ConnectionError):
        await answer.prepare(request)
        await answer.write(body[: len(body) // 2])
    answer.force_close()  # only now, or a header would announce it
    return answer


async def _not_json(_sockets: Sockets, _request: web.BaseRequest, _fault: Fault, body: bytes) -> web.StreamResponse:
    return web.Response(body=b"<!-- " + body[:-1], content_type="application/json")


async def _bad_gateway(_sockets: Sockets, _request: web.BaseRequest, _fault: Fault, _body: bytes) -> web.StreamResponse:
    return page(502)


async def _status(_sockets: Sockets, _request: web.BaseRequest, fault: Fault, _body: bytes) -> web.StreamResponse:
    return page(fault.code or 503, None if fault.seconds is None else f"{fault.seconds:g}")


def page(status: int, retry_after: str | None = None) -> web.Response:
    """What a gateway says in place of the service: a page of HTML.

    Args:
        status: The HTTP status.
        retry_after: What stands in the header ``Retry-After``; None for no such header.
    """
    names = {each.value: each.phrase for each in http.HTTPStatus}
    title = f"{status} {names.get(status, 'Unknown')}"
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


BREAKS: dict[Kind, Callable[[Sockets, web.BaseRequest, Fault, bytes], Awaitable[web.StreamResponse]]] = {
    "refuse_connection": _refuse_connection,
    "reset_before": _reset,
    "reset_after": _reset,
    "hang": _hang,
    "slow_drip": _slow_drip,
    "half_body": _half_body,
    "not_json": _not_json,
    "bad_gateway": _bad_gateway,
    "status": _status,
}
"""From the sockets, a request, the fault and the bytes of the true reply, to what is sent instead."""
