"""Two event loops on a clock of their own, for which it does not matter how fast the machine is.

`VirtualLoop` jumps to the next timer as soon as nothing else is ready: an hour of waiting takes as long as the work in
it, and the same program always sees the same times. For tests without sockets: what comes from outside (a thread, a
signal) is still waited for in real time, and only if no timer is set.

`PatientLoop` really waits, but only waiting makes its clock go, not working: on a machine that is ten times slower, or
has something else to do, a server in the same loop answers as soon after the call as anywhere. For tests with sockets
and short times.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Clock", "PatientLoop", "VirtualLoop", "run"]

T = TypeVar("T")

# Seconds that each turn of the loop costs. On a clock that stands still aiolimiter 1.3 can re-arm a timer for ever that
# is due in 1e-16 s, because a float near 1000 cannot tell the two times apart.
TURN = 1e-6
# The same for `PatientLoop`, about as much as one costs on a quick machine: a task that never waits must not stop time.
PATIENT_TURN = 5e-5


class Clock:
    """What loops share that go by one virtual time, such as several of one process.

    Attributes:
        now: seconds.
    """

    now = 0.0


class _Selector(selectors.DefaultSelector):
    """Asks for what is ready now, and lets the time pass that it was to wait."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            return super().select(None)
        self.clock.now += TURN if ready else max(timeout or 0.0, TURN)
        return ready


class _Patient(selectors.DefaultSelector):
    """Counts a wait only if nothing came of it: else there was something to do, perhaps for long."""

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.now += PATIENT_TURN if ready else max(timeout or 0.0, PATIENT_TURN)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, which starts at 0.0 seconds, or where the other loops of *clock* are."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        super().__init__(_Selector(self.clock))

    def time(self) -> float:
        """Virtual seconds."""
        return self.clock.now


class PatientLoop(asyncio.SelectorEventLoop):
    """A selector loop whose clock begins with the real one and then goes only while the loop waits."""

    def __init__(self) -> None:
        self._patient = _Patient()
        super().__init__(self._patient)

    def time(self) -> float:
        """Seconds of a monotonic clock, never ahead of the real one."""
        return self._patient.now


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `main()` to its end on a new `VirtualLoop`, and closes the loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
