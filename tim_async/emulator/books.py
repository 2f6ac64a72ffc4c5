"""The truth: what was really done to whom and when, whatever the caller was told. Pure; it's told the time."""

from typing import Any, NamedTuple

import msgspec

from .command import Item


class Call(msgspec.Struct):
    """One call that was let through."""

    #: ``service/command``.
    path: str
    #: The accounts and what was to be done, in the order of the request.
    items: list[Item]
    #: The fault that struck it, or an empty string.
    fault: str
    #: When it took effect, seconds on the monotonic clock; if it never did, when it came.
    time: float
    #: The code of each item; None where nothing was done.
    codes: list[int | None]
    #: A whole answer was written to an open connection (which a fault may have made untrue).
    answered: bool = False


class Line(NamedTuple):
    """One account's part of a call."""

    #: When it took effect, seconds on the monotonic clock; if it never did, when the call came.
    time: float
    #: ``service/command``.
    path: str
    account: str
    #: What was to be done (the attributes to set, the tags to add ...); None if the command says it all.
    argument: Any
    #: What the service came to, 0 being success; None if nothing was done.
    code: int | None
    #: The fault that struck the call, or an empty string.
    fault: str
    #: Whether the caller was answered; with a fault, not necessarily the truth.
    answered: bool


class Books:
    """The calls that were let through, and each account's part of them.

    Args:
        kept: Whether anything is written down; ten million accounts would need a gigabyte or two.
    """

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self.clear()

    def clear(self) -> None:
        """Begin new books."""
        #: All calls in the order in which they came.
        self.calls: list[Call] = []
        self._places: dict[str, list[tuple[Call, int]]] = {}
        self._indexed = 0

    def note(self, path: str, items: list[Item], fault: str, at: float) -> Call:
        """Write down a call that has not taken effect yet.

        Args:
            path: ``service/command``.
            items: What is to be done for each account.
            fault: What will go wrong, or an empty string.
            at: The monotonic clock, seconds.

        Returns:
            The entry, to be completed.
        """
        call = Call(path, items, fault, at, [None] * len(items))
        if self._kept:
            self.calls.append(call)
        return call

    def of(self, account: str, path: str = "") -> list[Line]:
        """What was asked for an account, done or not, in the order in which the calls came.

        Args:
            account: Whose lines.
            path: Only the calls of this command, if given.
        """
        for call in self.calls[self._indexed :]:
            for place, (name, _) in enumerate(call.items):
                self._places.setdefault(name, []).append((call, place))
        self._indexed = len(self.calls)
        return [
            Line(call.time, call.path, account, call.items[place][1], call.codes[place], call.fault, call.answered)
            for call, place in self._places.get(account, [])
            if path in {"", call.path}
        ]

    def done(self, account: str, path: str = "") -> list[Line]:
        """What was done to an account with success, in the order in which it took effect.

        Args:
            account: Whose lines.
            path: Only the calls of this command, if given.
        """
        return sorted((line for line in self.of(account, path) if line.code == 0), key=lambda line: line.time)
