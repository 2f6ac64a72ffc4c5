"""For the tests of those who use this library: the service in a box as fixtures, time that takes none, and fakes.

    plugin     the fixtures `tim_emulator`, `tim_client` and `tim_environment`, which pytest finds by itself
    emulators  the emulator in a thread of its own: for sync tests, and for any loop
    virtual    `virtual_time`: emulator and client on a clock that jumps over all waiting
    clock      that clock
    fake       `FakeClient`: a client that sends nothing and gives the answers that a test has set

Every run of pytest loads the plugin in an environment that has this library, so nothing here is imported before it is
used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import VirtualClock, VirtualLoop, virtual_clock
    from .emulators import running_emulator
    from .fake import Asked, FakeClient
    from .virtual import VirtualTime, virtual_time

__all__ = [
    "Asked",
    "FakeClient",
    "VirtualClock",
    "VirtualLoop",
    "VirtualTime",
    "running_emulator",
    "virtual_clock",
    "virtual_time",
]

_HOMES = {
    "Asked": "fake",
    "FakeClient": "fake",
    "VirtualClock": "clock",
    "VirtualLoop": "clock",
    "VirtualTime": "virtual",
    "running_emulator": "emulators",
    "virtual_clock": "clock",
    "virtual_time": "virtual",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value
