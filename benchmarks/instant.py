"""A server that answers at once, so that what is measured is the client: a hand-written HTTP/1.1 protocol.

It knows three commands and answers them as the service does. It builds an answer when it sees a request body for the
first time, and then only looks it up: an answer costs it a few microseconds. It remembers some thousands, not millions.
"""

import asyncio
import random
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

__all__ = ["serve_instantly"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REMEMBERED = 4_000
_COLOURS = ("red", "green", "blue", "white", "black", "brown")


def _tags(body: dict[str, Any]) -> dict[str, Any]:
    """80 bytes for each account, as in the example of the service."""
    rows: Iterable[tuple[int, str]] = enumerate(body["To_Account"])
    return {
        "UserTags": [
            {"To_Account": account, "Tags": [_COLOURS[place % 6], f"city-{_COLOURS[place // 6 % 6]}", "subscriber"]}
            for place, account in rows
        ]
    }


def _deleted(body: dict[str, Any]) -> dict[str, Any]:
    return {"ResultItem": [{"ResultCode": 0, "ResultInfo": "", "UserID": row["UserID"]} for row in body["DeleteItem"]]}


def _set(_: dict[str, Any]) -> dict[str, Any]:
    return {}


_COMMANDS: dict[bytes, Callable[[dict[str, Any]], dict[str, Any]]] = {
    b"/v4/timpush/get_tag": _tags,
    b"/v4/im_open_login_svc/account_delete": _deleted,
    b"/v4/timpush/set_attr": _set,
}


def _answer(path: bytes, body: bytes, *, shuffled: bool) -> bytes:
    rows = _COMMANDS[path](msgspec.json.decode(body))
    if shuffled:
        for each in rows.values():
            random.shuffle(each)
    reply = {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0, **rows}
    encoded = msgspec.json.encode(reply)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(encoded)}\r\n\r\n"
    return head.encode() + encoded


class _Connection(asyncio.Protocol):
    def __init__(self, answers: dict[tuple[bytes, bytes], bytes], *, shuffled: bool) -> None:
        self._answers = answers
        self._shuffled = shuffled
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            stop = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
            key = head.split(b" ", 2)[1].partition(b"?")[0], body
            answer = self._answers.get(key)
            if answer is None:
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                answer = self._answers[key] = _answer(*key, shuffled=self._shuffled)
            if self._transport is not None:
                self._transport.write(answer)


def serve_instantly(listening: Callable[[str], object], *, shuffled: bool = False) -> None:
    """Listen on a free port of loopback until the process ends.

    Args:
        listening: Called once with the url.
        shuffled: The rows of an answer stand in an order of their own, and not in that of the question.
    """

    async def main() -> None:
        answers: dict[tuple[bytes, bytes], bytes] = {}
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(answers, shuffled=shuffled), "127.0.0.1", 0
        )
        listening(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()

    asyncio.run(main())
