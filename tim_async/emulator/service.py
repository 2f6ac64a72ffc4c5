"""The service without its sockets: judges a call, does what it asks, and says what became of it. Told the time."""

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .books import Books, Call
from .command import JSON, Command, Item, Result, parse
from .faults import TOO_FAST, Fault, Faults, Kind
from .gate import Gate
from .lies import LIES
from .rates import Traffic
from .refusals import Refusal
from .replies import base
from .store import Store

_BUSY_SECONDS = 0.5
_WHOLE: dict[Kind, int] = {"busy": 91000, "internal": 70500, "expired": 70001}


class Busy(NamedTuple):
    """An account that fails for a while, see the fault ``item_busy``."""

    until: float
    code: int | None
    applied: bool


class Service:
    """One app: who may call, who called, what is remembered, what goes wrong, and what was really done.

    Args:
        gate: Who may call.
        traffic: Who called when.
        store: What is remembered.
        books: What was really done.
        faults: What goes wrong.
        rng: Where the order of answers comes from.
        now: The wall clock, Unix seconds.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        traffic: Traffic,
        store: Store,
        books: Books,
        faults: Faults,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self.gate = gate
        self.traffic = traffic
        self.store = store
        self.books = books
        self._faults = faults
        self.rng = rng
        self.now = now
        self._busy: dict[str, Busy] = {}

    @property
    def faults(self) -> Faults:
        """What goes wrong. Others let go what these hold."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        past, self._faults = self._faults, faults
        if past is not faults:
            past.end()

    def admit(self, command: Command, query: Mapping[str, str], body: bytes, arrived: float) -> list[Item]:
        """Judge and read a call, without any effect yet.

        Args:
            command: What is called.
            query: The decoded parameters of the URL.
            body: The bytes of the request's body.
            arrived: When it came, seconds on the monotonic clock.

        Returns:
            What is to be done for each account.

        Raises:
            Refusal: The whole call is refused.
        """
        meter = self.traffic.meter(command.path, command.rate)
        if not meter.arrive(arrived):
            raise Refusal(command.too_fast)
        code = self.gate.check(query, command.family.not_admin, self.now())
        if code:
            raise Refusal(code)
        items = command.read(command, self.store, parse(command, body))
        meter.accounts += len(items)
        return items

    def strike(self, command: Command, items: list[Item], at: float) -> tuple[Fault | None, Call]:
        """Say what goes wrong with a call that was let through, and open its entry in the books.

        Args:
            command: What is called.
            items: What ``admit`` returned.
            at: The monotonic clock, seconds.
        """
        fault = self.faults.strike(command.path)
        if fault is not None and fault.do == "item_busy":
            seconds = _BUSY_SECONDS if fault.seconds is None else fault.seconds
            busy = Busy(at + seconds, fault.code, fault.applied is True)
            chosen = [account for account, _ in items and self.faults.rng.choices(items)]
            self._busy.update(dict.fromkeys(fault.accounts or chosen, busy))
        return fault, self.books.note(command.path, items, "" if fault is None else fault.do, at)

    def perform(self, command: Command, call: Call, at: float) -> list[Result]:
        """Do what a call asks, account by account in the order of the request.

        Args:
            command: What was called.
            call: Its entry in the books, completed here with the truth.
            at: The monotonic clock, seconds.

        Returns:
            What to say of each account, which is not the truth for those that are busy.
        """
        call.time = at
        if self._busy and command.per_account:
            pairs = [self._perform_unless_busy(command, account, argument, at) for account, argument in call.items]
            call.codes = [code for code, _ in pairs]
            return [result for _, result in pairs]
        store, apply = self.store, command.apply
        results: list[Result] = [(account, *apply(store, account, argument)) for account, argument in call.items]
        call.codes = [code for _, code, _ in results]
        return results

    def _perform_unless_busy(
        self, command: Command, account: str, argument: Any, at: float
    ) -> tuple[int | None, Result]:
        busy = self._busy.get(account)
        if busy is not None and busy.until <= at:
            busy = None
            del self._busy[account]
        if busy is None:
            code, value = command.apply(self.store, account, argument)
            return code, (account, code, value)
        truth = command.apply(self.store, account, argument)[0] if busy.applied else None
        return truth, (account, busy.code or self.faults.rng.choice(command.family.busy), None)

    def tell(self, command: Command, results: list[Result], fault: Fault | None) -> JSON:
        """Say what became of each account, in another order than that of the request.

        The samples on the service's pages are not in the order of their requests either, so nobody may rely on it.

        Args:
            command: What was called.
            results: What ``perform`` returned.
            fault: What goes wrong with the call.
        """
        told = results.copy()
        self.rng.shuffle(told)
        reply = {**base(), **command.write(told)}
        lie = None if fault is None else LIES.get(fault.do)
        if fault is None or lie is None:
            return reply
        return lie(reply, [account for account, _, _ in results], fault.accounts, self.faults.rng)

    def whole_code(self, fault: Fault) -> int:
        """The code that a fault gives the whole call, or 0.

        Args:
            fault: What goes wrong with the call.
        """
        if fault.do == "too_fast":
            return fault.code or self.faults.rng.choice(TOO_FAST)
        code = _WHOLE.get(fault.do, 0)
        return fault.code or code if code else 0

    def reset(self, *, keep_accounts: bool = False) -> None:
        """Start again; faults stay, and are counted from zero.

        Args:
            keep_accounts: Let the accounts stay as they are.
        """
        self.gate.clear()
        self.traffic.clear()
        self.books.clear()
        self._busy.clear()
        plan = self.faults.plan
        self.faults = Faults(plan.chances, plan.rules, seed=plan.seed)
        if not keep_accounts:
            self.store.clear()
