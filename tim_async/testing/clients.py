"""A client of an emulator, which sync code can close."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tim_async.client import Client
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.local import LocalLimiter
from tim_async.service.settings import VARIABLES

__all__ = ["client_of", "environment_of"]

CALL_TIMEOUT = 0.5  # seconds: a hanging call costs a test no more, and an answer over loopback takes a hundredth of it
CLOSE_TIMEOUT = 1.0


class _Closed(Client):
    """A client that can be closed after the test, from outside of its loop."""

    def close(self) -> None:
        """Close it, unless its loop was closed, and the client with it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if loop.is_running():  # in another thread, as that of a web application
            asyncio.run_coroutine_threadsafe(self.aclose(), loop).result()
        else:
            loop.run_until_complete(self.aclose())


def _key(made_with: Mapping[str, Any]) -> str:
    return str(made_with.get("secret_key", DEMO_KEY))


@contextmanager
def client_of(emulator: Emulator, made_with: Mapping[str, Any], options: Mapping[str, Any]) -> Generator[Client]:
    """A client of an emulator, with short timeouts.

    Args:
        emulator: whose client.
        made_with: what the emulator was made with; its key is there.
        options: what the client is made with; they take precedence over the defaults here.
    """
    usual: dict[str, Any] = {
        "sdk_app_id": emulator.sdk_app_id,
        "secret_key": _key(made_with),
        "base_url": emulator.url,
        "limiter": LocalLimiter(),  # that of the process is shared with all other tests
        "call_timeout": CALL_TIMEOUT,
        "close_timeout": CLOSE_TIMEOUT,
    }
    client = _Closed(**(usual | dict(options)))
    try:
        yield client
    finally:
        client.close()


def environment_of(emulator: Emulator, made_with: Mapping[str, Any]) -> dict[str, str | None]:
    """What ``Client.from_env()`` reads, for a client of an emulator; None for what must not be set."""
    told = {"sdk_app_id": str(emulator.sdk_app_id), "secret_key": _key(made_with), "base_url": emulator.url}
    return {variable: told.get(name) for name, variable in VARIABLES.items()}
