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
    "Command",
    "Gates",
    "Limiter",
    "LocalLimiter",
    "Observable",
    "Shared",
    "Slowable",
    "local_limiter",
]


class _Claim:
    """What one user of a command says its rate is, for as long as that `Command` is held."""

    __slots__ = ("command", "last_word", "rate", "seat")

    def __init__(self, command: weakref.ref[Command], rate: float, seat: Seat | None, *, last_word: bool) -> None:
        self.command = command
        self.rate = rate
        self.seat = seat
        self.last_word = last_word

    @property
    def holds(self) -> bool:
        """Whether its user is still there."""
        return self.command() is not None and not (self.seat is not None and self.seat.dead)


class Gates:
    """A limiter: the gates of all commands.

    Where users of a command disagree about its rate, they are heard in the order in which they came: a lower rate
    holds for all, a higher one for none; but what `Client.set_limit` says holds whatever was said before it. A user
    who is gone (the client is closed, or the `Command` dropped, or the loop closed) is not heard any more.
    """

    def __init__(self) -> None:
        self._start_anew()
        _all.add(self)

    def _start_anew(self) -> None:
        # Held for some microseconds by whoever asks or reports; may be taken twice, as a signal handler may ask too.
        self._lock = RLock()
        self._gates: dict[tuple[int, str], Gate] = {}
        self._claims: dict[tuple[int, str], list[_Claim]] = {}
        self._known: dict[int, _Claim] = {}
        self._running: dict[Permit, Seat] = {}

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        """Waits until one call may be made: see `Limiter.acquire`."""
        claim = self._known.get(id(command))
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

    def slow(self, command: Command) -> None:
        """The limit of a command is near, says the service: a tenth less for some seconds."""
        with self._lock:
            self._gate(command).source.permits.slow(_now())

    def change(self, old: Command, new: Command, *, last_word: bool) -> None:
        """Whoever went by *old* goes by *new* from now on: see `Adjustable.change`. From any thread."""
        check_rate(new.rate)
        with self._lock:
            self._gate(new)
            claim = self._drop(old)
            self._claim(new, None if claim is None else claim.seat, last_word=last_word)

    def forget(self, command: Command) -> None:
        """Whoever went by this rate does not use it any more: see `Adjustable.forget`."""
        with self._lock:
            if self._drop(command) is not None:
                self._agree((command.sdk_app_id, command.path))

    def statistics(self, command: Command) -> PermitStatistics:
        """The permits of a command at this moment, in all loops."""
        with self._lock:
            return self._gate(command).source.permits.statistics(_now())

    def _new_source(self, command: Command) -> Source:
        """Where the permits of a command come from."""
        return Source(Permits(command.rate))

    def _sit_down(self, command: Command) -> Seat:
        """The place of the running loop at a gate, for one who is there for the first time."""
        with self._lock:
            seat = self._gate(command).seat(asyncio.get_running_loop())
            claim = self._known.get(id(command))
            if claim is None:
                self._claim(command, seat)
            else:
                claim.seat = seat
            return seat

    def _gate(self, command: Command) -> Gate:
        key = (command.sdk_app_id, command.path)
        gate = self._gates.get(key)
        if gate is None:
            check_rate(command.rate)
            gate = self._gates[key] = Gate(self._new_source(command), self._lock, self._running)
            self._claims[key] = []
        return gate

    def _drop(self, command: Command) -> _Claim | None:
        claim = self._known.pop(id(command), None)
        if claim is not None:
            self._claims[command.sdk_app_id, command.path].remove(claim)
        return claim

    def _claim(self, command: Command, seat: Seat | None, *, last_word: bool = False) -> None:
        """Takes note of what a user says."""
        check_rate(command.rate)
        key, number = (command.sdk_app_id, command.path), id(command)

        def gone(_: weakref.ref[Command]) -> None:
            # In whatever thread, perhaps in the middle of anything: what follows is left to a loop.
            self._known.pop(number, None)
            self._gates[key].post(self._agree_again, key)

        claim = _Claim(weakref.ref(command, gone), command.rate, seat, last_word=last_word)
        self._known[number] = claim
        self._claims[key].append(claim)
        self._agree(key)

    def _agree_again(self, key: tuple[int, str]) -> None:
        with self._lock:
            self._agree(key)

    def _agree(self, key: tuple[int, str]) -> None:
        """Sets the rate on which those who are there agree; if nobody is, the last one stays."""
        claims = self._claims[key] = [claim for claim in self._claims[key] if claim.holds]
        rate = math.inf
        for claim in claims:
            rate = claim.rate if claim.last_word else min(rate, claim.rate)
        if claims:
            self._gates[key].set_rate(rate, _now())


class LocalLimiter(Gates):
    """The limits of one process, for all of its event loops and threads: all clients of one app share each limit.

    Where users of a command disagree about its rate, they are heard in the order in which they came: a lower rate
    holds for all, a higher one for none; but what `Client.set_limit` says holds whatever was said before it. A user
    who is gone (the client is closed, or the `Command` dropped, or the loop closed) is not heard any more.

    After a fork the child has limits of its own, as any other process; `tim_async.FileLimiter` shares one.
    """


_all: weakref.WeakSet[Gates] = weakref.WeakSet()
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
