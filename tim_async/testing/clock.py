"""A clock that jumps to the next timer as soon as nothing else is ready: an hour of waiting takes no time.

The same program always sees the same times, on any machine. What comes from outside of the loop (a thread, a process, a
network) is not on this clock: it is waited for in real time, and only while no timer is set.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["TURN", "VirtualClock", "VirtualLoop", "run", "virtual_clock"]

T = TypeVar("T")

# Seconds that each turn of the loop costs. On a clock that stands still aiolimiter 1.3 can re-arm a timer for ever that
# is due in 1e-16 s, because a float near 1000 cannot tell the two times apart.
TURN = 1e-6


class VirtualClock:
    """The clock of one loop, which it goes by from now on.

    Args:
        loop: one of asyncio's own.
        now: the time at which it begins, seconds.

    Raises:
        RuntimeError: the loop is of another make.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        selector = getattr(loop, "_selector", None)
        if selector is None:
            raise RuntimeError(f"virtual time needs one of asyncio's own event loops, not {type(loop).__module__}'s")
        self.began = self.now = now
        self._select: Callable[[float | None], list[Any]] = selector.select
        self._selector = selector
        self._loop = loop
        # In the instances, which shadows what their classes have until it is taken out again.
        vars(selector)["select"] = self._wait
        vars(loop)["time"] = self.time

    def time(self) -> float:
        """The time that it is, seconds."""
        return self.now

    @property
    def elapsed(self) -> float:
        """Seconds that have passed on it since it began."""
        return self.now - self.began

    def _wait(self, timeout: float | None = None) -> list[Any]:
        """Ask for what is ready now, and let the time pass that was to be waited."""
        ready = self._select(0)
        if not ready and timeout is None:
            return self._select(None)
        self.now += TURN if ready else max(timeout or 0.0, TURN)
        return ready

    def stop(self) -> None:
        """Let the loop go by its own clock again; timers that are set come as much later as they would have."""
        del vars(self._selector)["select"], vars(self._loop)["time"]
        passed = self.now - self._loop.time()
        for timer in vars(self._loop)["_scheduled"]:
            timer._when -= passed  # noqa: SLF001 - there is no public way to move a timer


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which starts at 0.0 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(self, 0.0)


@contextmanager
def virtual_clock() -> Generator[VirtualClock]:
    """The running loop goes by a virtual clock within the block, and by its own again after it.

    ``with virtual_clock() as clock: await asyncio.sleep(3600)``

    Raises:
        RuntimeError: no loop of asyncio's own runs here.
    """
    loop = asyncio.get_running_loop()
    # At a whole second: aiohttp rounds long timeouts up to one, and what that adds must be the same in every run.
    clock = VirtualClock(loop, math.ceil(loop.time()))
    try:
        yield clock
    finally:
        clock.stop()


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``main()`` to its end on a new `VirtualLoop`, and close the loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
