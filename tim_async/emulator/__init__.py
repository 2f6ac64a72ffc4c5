"""The service in a box: TIM's REST API on a loopback socket, for tests, demonstrations and benchmarks."""

from .books import Books, Call, Line
from .faults import Fault, Faults, Kind, on
from .gateway import Gateway
from .rates import Arrival, PathStatistics, Window
from .server import DEMO_KEY, Emulator, serve
from .store import Account, Accounts

__all__ = [
    "DEMO_KEY",
    "Account",
    "Accounts",
    "Arrival",
    "Books",
    "Call",
    "Emulator",
    "Fault",
    "Faults",
    "Gateway",
    "Kind",
    "Line",
    "PathStatistics",
    "Window",
    "on",
    "serve",
]
