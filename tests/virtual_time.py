"""An event loop whose clock jumps to the next timer as soon as nothing else is ready.

An hour of waiting takes as long as the work in it, and the same program always sees the same times. For tests without
sockets: what comes from outside (a thread, a signal) is still waited for in real time, and only if no timer is set.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualLoop", "run"]

T = TypeVar("T")

# Seconds that each turn of the loop costs. On a clock that stands still aiolimiter 1.3 can re-arm a timer for ever that
# is due in 1e-16 s, because a float near 1000 cannot tell the two times apart.
TURN = 1e-6


class _Selector(selectors.DefaultSelector):
    """Asks for what is ready now, and lets the time pass that it was to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            return super().select(None)
        self.now += TURN if ready else max(timeout or 0.0, TURN)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, which starts at 0.0 seconds."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual.now


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `main()` to its end on a new `VirtualLoop`, and closes the loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
