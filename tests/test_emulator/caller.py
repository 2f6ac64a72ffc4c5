"""A foreign program: signs with Tencent's generator, calls with plain aiohttp, reads with plain json."""

import asyncio
import json
import time
from typing import Any

import aiohttp
from TLSSigAPIv2 import TLSSigAPIv2

from tim_async.emulator import DEMO_KEY, Emulator


def usersig(identifier: str = "administrator", *, app: int = 1400000000, key: str = DEMO_KEY, expire: int = 600) -> str:
    return str(TLSSigAPIv2(app, key).gen_sig(identifier, expire))


class Announced:
    """A clock that tells when the judge looks at it, that is, when a call has arrived."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()

    def __call__(self) -> float:
        self.arrived.set()
        return time.monotonic()


class Caller:
    """Calls one emulator."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session

    def query(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good call, with some of them changed, or left out (None)."""
        query: dict[str, str | None] = {
            "sdkappid": "1400000000",
            "identifier": "administrator",
            "usersig": usersig(),
            "random": "7",
            "contenttype": "json",
            **changes,
        }
        return {name: value for name, value in query.items() if value is not None}

    async def __call__(self, path: str, body: Any, **changes: str | None) -> dict[str, Any]:
        """One call; a body of bytes goes as it is."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.emulator.url}/v4/{path}"
        async with self.session.post(url, params=self.query(**changes), data=data) as response:
            assert response.status == 200
            assert response.content_type == "application/json"
            reply: dict[str, Any] = json.loads(await response.read())
            assert reply["ActionStatus"] in ({"OK", "SomeError"} if reply["ErrorCode"] == 0 else {"FAIL"})
            return reply

    async def code(self, path: str, body: Any, **changes: str | None) -> int:
        """The ErrorCode of one call."""
        code = (await self(path, body, **changes))["ErrorCode"]
        assert isinstance(code, int)
        return code

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call of the emulator's own doors: HTTP status and JSON."""
        async with self.session.request(method, f"{self.emulator.url}/emulator/{path}", json=body) as response:
            return response.status, json.loads(await response.read())
