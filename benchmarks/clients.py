"""The client that a run measures."""

from typing import Any

from bare import APP

import tim_async
from tim_async.emulator import DEMO_KEY
from tim_async.limits import LocalLimiter

__all__ = ["client_of"]


def client_of(url: str, **more: Any) -> tim_async.Client:
    """A client with a limiter of its own: every run has a fresh service, which knows nothing of the calls before."""
    return tim_async.Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limiter=LocalLimiter(), **more)
