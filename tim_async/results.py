"""What became of the items of a batch: four kinds of outcome, and the one result that holds them all."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import msgspec

from .errors import AccountError, BatchError
from .printable import sturdy

__all__ = ["BatchResult", "NotSent", "Ok", "Outcome", "Rejected", "Stats", "Unknown"]

V = TypeVar("V")


class Ok(msgspec.Struct, Generic[V], frozen=True, gc=False, tag_field="outcome"):
    """The service said yes."""

    index: int
    """Place in the input, from 0."""
    account: str
    """The account, as the caller wrote it."""
    value: V
    """What was asked for; None for a write."""


class _NotOk(msgspec.Struct, frozen=True, gc=False, tag_field="outcome"):
    index: int
    """Place in the input, from 0."""
    account: str
    """The account, as the caller wrote it."""
    code: int | None = None
    """The service's code: the last one seen, or for what was refused here the one that the service would have given."""
    info: str = ""
    """The service's own words; may be empty."""
    reason: str = ""
    """Ours: what it means."""


class Rejected(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """The service said no, with a code that is final."""


class Unknown(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """It may have reached the service, and neither a yes nor a final no came to the end."""


class NotSent(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """No call with it can have reached the service."""


Outcome: TypeAlias = Ok[V] | Rejected | Unknown | NotSent
"""What became of one item: exactly one of these, whatever happens."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """What is kept of an item that is not `Ok`, until somebody asks for its outcome.

    Nothing that it holds leads back to it, and a million of them would stop the program for 0.1 s at each collection.
    """

    kind: type[Rejected | Unknown | NotSent]
    code: int | None
    info: str
    reason: str
    again: bool
    """Whether the same item may fare better when it is sent again."""
    argument: Any = None
    reply: Any = None
    """All that was answered, where the item is a call without accounts."""

    def outcome(self, index: int, account: str) -> Rejected | Unknown | NotSent:
        return self.kind(index, account, self.code, self.info, self.reason)


class Stats(msgspec.Struct, frozen=True):
    """What a batch took."""

    calls: int
    """HTTP calls in which items of the batch went out; such a call may have carried other batches' items too."""
    retries: int
    """How many of these calls carried an item that had gone out before."""
    items: int
    """Items taken from the source."""
    seconds: float
    """From the first item taken to the last outcome."""
    seconds_waited: float
    """How much of that its calls waited for tokens of the rate limit, summed over its calls."""


@dataclass(frozen=True)
class _Shape:
    outcomes: list[Outcome[Any]]
    stats: Stats
    unread: bool


class BatchResult(Generic[V]):
    """The merged answers of a batch: exactly one outcome for every input item, in the order of the input.

    It is a sized iterable of outcomes. It keeps the caller's own strings and the bare values, and makes the outcomes
    when they are asked for: a million deleted accounts take 16 MB instead of 90.
    """

    # What msgspec.json.encode() writes: the outcomes are made by a property, which a Struct could not have.
    __dataclass_fields__: ClassVar[dict[str, Any]] = _Shape.__dataclass_fields__

    stats: Stats
    """What the batch took."""
    unread: bool
    """Whether the source may hold more items, which were never taken."""

    def __init__(
        self, accounts: list[str], values: list[V | Failure], stats: Stats, *, unread: bool = False, pairs: bool = False
    ) -> None:
        self._accounts = accounts
        self._values = values
        self._pairs = pairs
        self.stats = stats
        self.unread = unread

    def _outcome(self, index: int) -> Outcome[V]:
        value = self._values[index]
        if isinstance(value, Failure):
            return value.outcome(index, self._accounts[index])
        return Ok(index, self._accounts[index], value)

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Outcome[V]]:
        return map(self._outcome, range(len(self._accounts)))

    @cached_property
    def _outcomes(self) -> list[Outcome[V]]:
        return list(self)

    # A property of its own: msgspec finds the field of an instance in its __dict__ or as a data descriptor, and a
    # cached_property that nobody has asked for yet is neither, so the outcomes would be left out without a word.
    @property
    def outcomes(self) -> list[Outcome[V]]:
        """All outcomes, in the order of the input."""
        return self._outcomes

    @cached_property
    def _last_place(self) -> dict[str, int]:
        return {account: place for place, account in enumerate(self._accounts)}

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and account in self._last_place

    def __getitem__(self, account: object) -> V:
        """The value of an account (of its last place, if it was given several times).

        Raises:
            AccountError: the account is not `Ok`.
            KeyError: it was not in the batch.
            TypeError: *account* is an int; outcomes by place are in `.outcomes`.
        """
        if isinstance(account, int):
            raise TypeError(
                f"result[...] takes an account; the outcome at place {account} is result.outcomes[{account}]"
            )
        if not isinstance(account, str):
            raise KeyError(account)
        place = self._last_place[account]
        value = self._values[place]
        if isinstance(value, Failure):
            raise AccountError(value.outcome(place, self._accounts[place]))
        return value

    @cached_property
    def values(self) -> dict[str, V]:
        """The values of the accounts that are `Ok`; of an account given several times, the last place that is."""
        pairs = zip(self._accounts, self._values, strict=True)
        return {account: value for account, value in pairs if not isinstance(value, Failure)}

    @cached_property
    def errors(self) -> list[Rejected | Unknown | NotSent]:
        """The outcomes that are not `Ok`, in the order of the input: the merged error list."""
        return [
            value.outcome(place, self._accounts[place])
            for place, value in enumerate(self._values)
            if isinstance(value, Failure)
        ]

    @property
    def ok(self) -> bool:
        """Whether every item is `Ok`."""
        return not self.errors

    def raise_for_errors(self) -> BatchResult[V]:
        """This result, if every item is `Ok`.

        Raises:
            BatchError: some item is not; its ``.result`` is this result.
        """
        if self.errors:
            raise BatchError(self)
        return self

    def retryable(self) -> list[Any]:
        """The items worth sending again, ready to be passed to the same operation.

        Accounts, or (account, argument) pairs for an operation that takes arguments. Left out are the items that the
        service refused for good, and those that were refused here because no call with them could succeed.
        """
        failed = [
            (account, value)
            for account, value in zip(self._accounts, self._values, strict=True)
            if isinstance(value, Failure) and value.again
        ]
        # Copies, for items that were given one object share one, and the caller may change what he gets.
        return [(account, copy(value.argument)) if self._pairs else account for account, value in failed]

    @sturdy
    def __repr__(self) -> str:
        bad = len(self.errors)
        unread = ", source not read to its end" if self.unread else ""
        return f"<BatchResult: {len(self) - bad} of {len(self)} ok{unread}>"
