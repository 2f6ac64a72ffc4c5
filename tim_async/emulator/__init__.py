"""The service in a box: TIM's REST API on a loopback socket, for tests, demonstrations and benchmarks."""

from .rates import Arrival, PathStatistics, Window
from .server import DEMO_KEY, Emulator, serve
from .store import Account, Accounts

__all__ = ["DEMO_KEY", "Account", "Accounts", "Arrival", "Emulator", "PathStatistics", "Window", "serve"]
