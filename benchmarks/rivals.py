"""The same calls made otherwise: by hand, and with what others have published for it, where that is installed.

All of them get it easier than the client: a signature made once, no retry, no limit, no outcomes. All but the last one
share the session, the codec and the 16 calls in flight, so that what differs is the way to make many calls.
"""

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import aiohttp
import msgspec
from bare import APP, Address

from tim_async.emulator import DEMO_KEY

__all__ = ["CHUNK", "IN_FLIGHT", "Work", "installed", "rivals"]

CHUNK = 100
IN_FLIGHT = 16


class Work(NamedTuple):
    """What is to be done in one round: every chunk one call of `path`."""

    base: str
    path: str
    ids: list[str]
    encode_body: Callable[[list[str]], object]
    reply: type[Any]
    """The struct of an answer, with its ``ErrorCode``."""
    rows: str
    """The field of an answer that has a row for each account; empty if there is none."""

    @property
    def chunks(self) -> Iterator[list[str]]:
        """The accounts of each call."""
        return (self.ids[start : start + CHUNK] for start in range(0, len(self.ids), CHUNK))


Rival = Callable[[aiohttp.ClientSession, Work], Awaitable[list[Any]]]
"""Does the work; gives the answers, decoded."""


class _Caller:
    """One call: encode, a fresh URL, POST, decode into frozen structs."""

    def __init__(self, session: aiohttp.ClientSession, work: Work) -> None:
        self._session = session
        self._address = Address(work.base, work.path)
        self._encode_body = work.encode_body
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(work.reply).decode

    async def __call__(self, chunk: list[str]) -> Any:
        body = self._encode(self._encode_body(chunk))
        async with self._session.post(self._address.fresh(), data=body) as response:
            return self._decode(await response.read())


async def bare(session: aiohttp.ClientSession, work: Work) -> list[Any]:
    """What one would write by hand if speed were all: some workers that share an iterator."""
    call = _Caller(session, work)
    chunks = work.chunks
    replies: list[Any] = []

    async def worker() -> None:
        replies.extend([await call(chunk) for chunk in chunks])

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return replies


async def with_aiometer(session: aiohttp.ClientSession, work: Work) -> list[Any]:
    """aiometer, which keeps to a number in flight (and could keep to a rate)."""
    call = _Caller(session, work)
    aiometer = importlib.import_module("aiometer")
    replies: list[Any] = await aiometer.run_all([partial(call, chunk) for chunk in work.chunks], max_at_once=IN_FLIGHT)
    return replies


async def with_aiodataloader(session: aiohttp.ClientSession, work: Work) -> list[Any]:
    """aiodataloader, which is asked account by account and makes the chunks itself."""
    call = _Caller(session, work)
    slots = asyncio.Semaphore(IN_FLIGHT)
    replies: list[Any] = []

    async def load(accounts: list[str]) -> list[Any]:
        async with slots:
            reply = await call(accounts)
        replies.append(reply)
        return list(getattr(reply, work.rows)) if work.rows else [None] * len(accounts)

    loader = importlib.import_module("aiodataloader").DataLoader(load, max_batch_size=CHUNK)
    await loader.load_many(work.ids)
    return replies


async def with_pinecone(session: aiohttp.ClientSession, work: Work) -> list[Any]:
    """The bulk engine of pinecone's client: chunks, slots, one entry for each chunk that failed; no outcome by item."""
    call = _Caller(session, work)
    replies: list[Any] = []

    async def operation(items: list[dict[str, str]]) -> None:
        replies.append(await call([item["id"] for item in items]))

    engine = importlib.import_module("pinecone._internal.bulk.async_engine")
    await engine.bulk_execute_async(
        items=[{"id": account} for account in work.ids],
        operation=operation,
        batch_size=CHUNK,
        max_concurrency=IN_FLIGHT,
        show_progress=False,
        host=work.base,
    )
    return replies


async def with_tencentcloud_sdk(_session: aiohttp.ClientSession, work: Work) -> list[Any]:
    """tencentcloud-sdk-python-im: synchronous, a new connection for every call; it blocks the loop meanwhile."""
    client = importlib.import_module("tencentcloud_im.tcim_client").TCIMClient(
        APP, DEMO_KEY, "administrator", f"{work.base}/v4"
    )
    # Its logger tells every request of urllib3 at DEBUG, and has a handler of its own.
    logging.getLogger("tencentcloud_im.tcim_client").setLevel(logging.WARNING)
    replies: list[Any] = []
    for chunk in work.chunks:
        with client.del_user(chunk) as response:
            replies.append(response.json())
    return replies


_MODULES = {
    "aiometer": "aiometer",
    "pinecone": "pinecone",
    "aiodataloader": "aiodataloader",
    "tencentcloud-sdk": "tencentcloud_im",
}
_RIVALS: dict[str, Rival] = {
    "bare": bare,
    "aiometer": with_aiometer,
    "pinecone": with_pinecone,
    "aiodataloader": with_aiodataloader,
    "tencentcloud-sdk": with_tencentcloud_sdk,
}


def installed(name: str) -> bool:
    """Whether what a rival needs is there."""
    return name not in _MODULES or find_spec(_MODULES[name]) is not None


def rivals(path: str) -> dict[str, Rival]:
    """Those that know a command, as far as they are installed: name -> how it does the work."""
    return {
        name: rival
        for name, rival in _RIVALS.items()
        if installed(name) and (name != "tencentcloud-sdk" or path == "im_open_login_svc/account_delete")
    }
