"""The limits of one process: a gate for each command, and the rate on which its users agree.

Three things stand between a call and the wire (`gates.py`):

* the permits (`permits.py`) prove that no second at the service sees more calls than it allows, whoever makes them;
* a token bucket smooths. Without it a burst eats the second's permits and then everybody waits: with single requests at
  1,000/s, p99 is 45 ms with a burst of 3 and 784 ms with a burst of 100. Urgent calls have a bucket of their own, so
  that one of them beside saturating bulk goes at once. Only full calls skip it, and only while permits abound;
* a reserve: while urgent calls come, the others leave some permits for them.

All of it belongs to the process: event loops may come and go, one after the other or at once in several threads, and
share each command's limit. Permits are handed out first come, first served, the urgent first, and the loops in turn.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
import weakref
from threading import RLock

from .gates import Gate
from .limiter import Adjustable, Command, Limiter, Observable, Shared, Slowable
from .permits import Permit, Permits, PermitStatistics, check_rate
from .seats import Seat, clock_of
from .sources import Source

__all__ = [
    "Adjustable",
    "BaseLimiter",
    "Command",
    "Limiter",
    "LocalLimiter",
    "Observable",
    "Shared",
    "Slowable",
    "local_limiter",
]


class _Claim:
    """What one user of a command says its rate is, for as long as that `Command` is held."""

    __slots__ = ("command", "gate", "last_word", "rate", "seat")

    def __init__(
        self, command: weakref.ref[Command], rate: float, gate: Gate, seat: Seat | None, *, last_word: bool
    ) -> None:
        self.command = command
        self.rate = rate
        self.gate = gate
        self.seat = seat
        self.last_word = last_word

    @property
    def holds(self) -> bool:
        """Whether its user is still there."""
        return self.command() is not None and not (self.seat is not None and self.seat.dead)


class BaseLimiter:
    """What all limiters are: a gate for each command. Where the permits come from is said by `_new_source`."""

    def __init__(self) -> None:
        self._start_anew()
        _all.add(self)

    def _start_anew(self) -> None:
        # Held for some microseconds by whoever asks or reports; may be taken twice, as a signal handler may ask too.
        self._lock = RLock()
        self._gates: dict[tuple[int, str], Gate] = {}
        self._claims: dict[int, _Claim] = {}  # by the id of the command, in the order in which they came
        self._running: dict[Permit, Seat] = {}

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made: see `Limiter.acquire`."""
        claim = self._claims.get(id(command))
        seat = None if claim is None or claim.command() is not command else claim.seat
        if seat is None or seat.loop() is not asyncio.get_running_loop():
            seat = self._sit_down(command)
        return await seat.gate.acquire(seat, urgent=urgent, full=full)

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """The call of `permit` is over: see `Limiter.report`. A second report of the same call changes nothing."""
        with self._lock:
            seat = self._running.get(permit)
            if seat is not None:
                seat.gate.end(permit, seat, refused=refused)

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Replace *old* by *new*: see `Adjustable.change`. It may be called from any thread."""
        check_rate(new.rate)
        with self._lock:
            gate, claim = self._gate(new), self._claims.pop(id(old), None)
            self._claim(new, gate, None if claim is None else claim.seat, last_word=last_word)

    def forget(self, command: Command) -> None:
        """The user of this rate has gone: see `Adjustable.forget`."""
        claim = self._claims.pop(id(command), None)
        if claim is not None:
            self._agree(claim.gate)

    def statistics(self, command: Command) -> PermitStatistics:
        """The permits of a command at this moment, in all loops of the process."""
        with self._lock:
            return self._gate(command).source.permits.statistics(_now())

    def _new_source(self, command: Command) -> Source:
        """Where the permits of a command come from."""
        return Source(Permits(command.rate))

    def _gate(self, command: Command) -> Gate:
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(self._new_source(command), self._lock, self._running)
        return gate

    def _sit_down(self, command: Command) -> Seat:
        """The place of the running loop at a gate, for one who is there for the first time."""
        with self._lock:
            gate, claim = self._gate(command), self._claims.get(id(command))
            seat = gate.seat(asyncio.get_running_loop())
            if claim is None:
                self._claim(command, gate, seat)
            else:
                claim.seat = seat
            return seat

    def _claim(self, command: Command, gate: Gate, seat: Seat | None, *, last_word: bool = False) -> None:
        """Takes note of what a user says."""
        check_rate(command.rate)
        number = id(command)

        def gone(_: weakref.ref[Command]) -> None:
            # In whatever thread, perhaps in the middle of anything: what follows is left to a loop.
            self._claims.pop(number, None)
            gate.post(self._agree, gate)

        self._claims[number] = _Claim(weakref.ref(command, gone), command.rate, gate, seat, last_word=last_word)
        self._agree(gate)

    def _agree(self, gate: Gate) -> None:
        """Sets the rate on which the present users agree; without any, the last rate stays."""
        with self._lock:
            rate = math.inf
            for claim in list(self._claims.values()):
                if claim.gate is gate and claim.holds:
                    rate = claim.rate if claim.last_word else min(rate, claim.rate)
            if rate < math.inf:
                gate.set_rate(rate, _now())


class LocalLimiter(BaseLimiter):
    """The limits of one process, for all of its event loops and threads: all clients of one app share each limit.

    If users of a command disagree about its rate, they are asked in the order in which they came: a lower rate holds
    for all, a higher one is ignored; but what `Client.set_limit` sets holds whatever was set before it. A user who has
    gone (the client was closed, the `Command` dropped, or the loop closed) does not count.

    After a fork the child has limits of its own, like any other process; `tim_async.FileLimiter` shares them.
    """

    def slow(self, command: Command) -> None:
        """The service says that the limit of a command is near: a tenth less for some seconds."""
        with self._lock:
            self._gate(command).source.permits.slow(_now())


_all: weakref.WeakSet[BaseLimiter] = weakref.WeakSet()
_process = LocalLimiter()


def local_limiter() -> LocalLimiter:
    """The limiter of the process, for all of its event loops and threads."""
    return _process


def _now() -> float:
    """The time of permits: that of the running loop, if there is one."""
    try:
        return clock_of(asyncio.get_running_loop())()
    except RuntimeError:
        return time.monotonic()


def _forked() -> None:
    """A child of a fork: a lock may be held by a thread that it does not have, and no permit is its own."""
    for limiter in _all:
        limiter._start_anew()  # noqa: SLF001 - of this module's own class


# Where there is no fork, there is nothing to register.
getattr(os, "register_at_fork", dict)(after_in_child=_forked)
