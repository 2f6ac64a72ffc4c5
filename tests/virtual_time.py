"""Two event loops on a clock of their own, for which it does not matter how fast the machine is.

`VirtualLoop`, which users have too, jumps to the next timer as soon as nothing else is ready: for tests without
sockets.

`PatientLoop` really waits, but only waiting makes its clock go, not working: on a machine that is ten times slower, or
has something else to do, a server in the same loop answers as soon after the call as anywhere. For tests with sockets
and short times.
"""

import asyncio
import selectors
import time

from tim_async.testing.clock import TURN, VirtualLoop, run
from tim_async.testing.clock import VirtualClock as Clock

__all__ = ["TURN", "Clock", "PatientLoop", "VirtualLoop", "run"]

# Seconds that each turn of the loop costs, about as much as on a quick machine: a task that never waits must not stop
# time.
PATIENT_TURN = 5e-5


class _Patient(selectors.DefaultSelector):
    """Counts a wait only if nothing came of it: else there was something to do, perhaps for long."""

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.now += PATIENT_TURN if ready else max(timeout or 0.0, PATIENT_TURN)
        return ready


class PatientLoop(asyncio.SelectorEventLoop):
    """A selector loop whose clock begins with the real one and then goes only while the loop waits."""

    def __init__(self) -> None:
        self._patient = _Patient()
        super().__init__(self._patient)

    def time(self) -> float:
        """Seconds of a monotonic clock, never ahead of the real one."""
        return self._patient.now
