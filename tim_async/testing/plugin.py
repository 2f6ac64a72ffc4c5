"""The fixtures that pytest finds wherever this library is installed. All are sync: no plugin for asyncio is needed,
and any will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tim_async.client import Client
    from tim_async.emulator import Emulator

__all__ = ["tim_client", "tim_client_options", "tim_emulator", "tim_emulator_options", "tim_environment"]


@pytest.fixture
def tim_emulator_options() -> dict[str, Any]:
    """Options for `tim_emulator`: override it in a module or a ``conftest.py``."""
    return {}


@pytest.fixture
def tim_client_options() -> dict[str, Any]:
    """Options for `tim_client`, besides short timeouts: override it in a module or a ``conftest.py``."""
    return {}


@pytest.fixture
def tim_emulator(tim_emulator_options: dict[str, Any]) -> Iterator[Emulator]:
    """The service in a box, empty, at ``tim_emulator.url``."""
    from .emulators import running_emulator  # noqa: PLC0415 - who does not use it does not pay for aiohttp

    with running_emulator(**{"seed": 1, **tim_emulator_options}) as emulator:
        yield emulator


@pytest.fixture
def tim_client(
    tim_emulator: Emulator,
    tim_emulator_options: dict[str, Any],
    tim_client_options: dict[str, Any],
    request: pytest.FixtureRequest,
) -> Iterator[Client]:
    """A client of `tim_emulator` with short timeouts; it opens with its first call, and is closed after the test."""
    if "anyio_backend" in request.fixturenames and request.getfixturevalue("anyio_backend_name") != "asyncio":
        pytest.fail(
            "tim-async runs on asyncio only: let the fixture anyio_backend return 'asyncio', see docs/testing.md",
            pytrace=False,
        )
    from .clients import client_of  # noqa: PLC0415 - as above

    with client_of(tim_emulator, tim_emulator_options, tim_client_options) as client:
        yield client


@pytest.fixture
def tim_environment(
    tim_emulator: Emulator, tim_emulator_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment from which ``Client.from_env()`` and the command line make clients of `tim_emulator`."""
    from .clients import environment_of  # noqa: PLC0415 - as above

    for name, value in environment_of(tim_emulator, tim_emulator_options).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
