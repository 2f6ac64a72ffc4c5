"""The service without its sockets: judges a call, does what it asks, and says what became of it. Told the time."""

import random
from collections.abc import Callable, Mapping

from .command import JSON, Command, Item, Result, parse
from .gate import Gate
from .rates import Traffic
from .refusals import Refusal
from .replies import base
from .store import Store


class Service:
    """One app: who may call, who called, and what is remembered.

    Args:
        gate: Who may call.
        traffic: Who called when.
        store: What is remembered.
        rng: Where the order of answers comes from.
        now: The wall clock, Unix seconds.
    """

    def __init__(
        self, *, gate: Gate, traffic: Traffic, store: Store, rng: random.Random, now: Callable[[], float]
    ) -> None:
        self.gate = gate
        self.traffic = traffic
        self.store = store
        self.rng = rng
        self.now = now

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
            raise Refusal(60007)
        code = self.gate.check(query, command.family.not_admin, self.now())
        if code:
            raise Refusal(code)
        items = command.read(command, self.store, parse(command, body))
        meter.accounts += len(items)
        return items

    def perform(self, command: Command, items: list[Item]) -> list[Result]:
        """Do what a call asks, account by account in the order of the request.

        Args:
            command: What was called.
            items: What ``admit`` returned.
        """
        store, apply = self.store, command.apply
        return [(account, *apply(store, account, argument)) for account, argument in items]

    def tell(self, command: Command, results: list[Result]) -> JSON:
        """Say what became of each account, in another order than that of the request.

        The samples on the service's pages are not in the order of their requests either, so nobody may rely on it.
        """
        told = results.copy()
        self.rng.shuffle(told)
        return {**base(), **command.write(told)}

    def reset(self, *, keep_accounts: bool = False) -> None:
        """Forget calls, locks and void signatures, and the accounts unless they are to be kept."""
        self.gate.clear()
        self.traffic.clear()
        if not keep_accounts:
            self.store.clear()
