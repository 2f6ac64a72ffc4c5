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

__all__ = ["TURN", "VirtualClock", "VirtualLoop", "go_by", "run", "virtual_clock"]

T = TypeVar("T")

# Seconds that each turn of the loop costs. On a clock that stands still aiolimiter 1.3 can re-arm a timer for ever that
# is due in 1e-16 s, because a float near 1000 cannot tell the two times apart.
TURN = 1e-6


class VirtualClock:
    """A clock that only moves when its loops move it; several loops of one process may share it.

    Args:
        now: the time at which it begins, seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.began = self.now = now

    def time(self) -> float:
        """The current time, seconds."""
        return self.now

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self.now - self.began


def go_by(loop: asyncio.AbstractEventLoop, clock: VirtualClock) -> Callable[[], None]:
    """Make a loop use a virtual clock.

    Args:
        loop: one of asyncio's own.
        clock: its clock from now on.

    Returns:
        A function that makes it use its own clock again; timers that are set then keep the time that they have left.

    Raises:
        RuntimeError: the loop is not one of asyncio's own.
    """
    selector = getattr(loop, "_selector", None)
    if selector is None:
        raise RuntimeError(f"virtual time needs one of asyncio's own event loops, not {type(loop).__module__}'s")
    select: Callable[[float | None], list[Any]] = selector.select

    def wait(timeout: float | None = None) -> list[Any]:
        """Ask for what is ready now, and let the time pass that was to be waited."""
        ready = select(0)
        if not ready and timeout is None:
            return select(None)
        clock.now += TURN if ready else max(timeout or 0.0, TURN)
        return ready

    def stop() -> None:
        del vars(selector)["select"], vars(loop)["time"]
        passed = clock.now - loop.time()
        for timer in vars(loop)["_scheduled"]:
            timer._when -= passed  # noqa: SLF001 - there is no public way to move a timer

    # In the instances, which shadows what their classes have until it is taken out again.
    vars(selector)["select"] = wait
    vars(loop)["time"] = clock.time
    return stop


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which starts at 0.0 seconds, or where the other loops of *clock* are."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        super().__init__()
        self.clock = clock or VirtualClock()
        go_by(self, self.clock)


@contextmanager
def virtual_clock() -> Generator[VirtualClock]:
    """Make the running loop use a virtual clock within the block.

    ``with virtual_clock() as clock: await asyncio.sleep(3600)``

    Raises:
        RuntimeError: the running loop is not one of asyncio's own, or there is none.
    """
    loop = asyncio.get_running_loop()
    # At a whole second: aiohttp rounds long timeouts up to one, and what that adds must be the same in every run.
    clock = VirtualClock(math.ceil(loop.time()))
    stop = go_by(loop, clock)
    try:
        yield clock
    finally:
        stop()


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``main()`` to its end on a new `VirtualLoop`, and close the loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
