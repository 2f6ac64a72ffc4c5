"""A mock that stands in for aiohttp's session, and fails: what to say of it, and what to use in its place.

Such a mock follows each version of aiohttp late or never, and what it raises then tells nobody what is wrong. It would
fail at every further call too, so it is told at the first.
"""

from __future__ import annotations

import sys
from typing import Any

import aiohttp

__all__ = ["failure_of_mock", "refuse_mock"]

INSTEAD = "use the fixture tim_emulator, or tim_async.testing.FakeClient, in its place"


def _is_mock(thing: object) -> bool:
    """Whether something is made by ``unittest.mock``, as by aioresponses too; who never imported it pays nothing."""
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(getattr(thing, "mock", thing), mock.NonCallableMock)


def refuse_mock(session: object) -> None:
    """Refuse what cannot be a session.

    Raises:
        TypeError: it is a mock.
    """
    if _is_mock(session):
        raise TypeError(f"the session of aiohttp is a mock, which cannot send; {INSTEAD}")


def failure_of_mock(session: Any, path: str, exc: Exception) -> str:
    """What to say of an error that a mocked session raised.

    Args:
        session: that was to send a call.
        path: the command.
        exc: what it raised.

    Returns:
        One line; empty if the session is no mock, or if a test wants it to raise this.
    """
    if not any(_is_mock(getattr(session, name, None)) for name in ("post", "_request")):
        return ""
    if type(exc) is aiohttp.ClientConnectionError and str(exc).startswith("Connection refused: POST "):
        return (
            "aioresponses has no reply (left) for it. Each call has a URL of its own, so register "
            f"post(re.compile('.*/{path}'), payload=...); {INSTEAD}"
        )
    if isinstance(exc, aiohttp.ClientError | TimeoutError | OSError):
        return ""
    return (
        f"a mock of aiohttp, such as aioresponses, stands in for its session and failed ({type(exc).__name__}). "
        f"It may not know this version of aiohttp; {INSTEAD}"
    )
