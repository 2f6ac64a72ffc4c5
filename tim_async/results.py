"""The one result of a batch, which holds the outcomes of all its items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload

from msgspec.structs import replace

from .errors import AccountError, BatchError
from .outcomes import Assumed, Failure, NotSent, Ok, Outcome, Rejected, Stats, Unknown, bare, kept, outcome_of
from .printable import sturdy

__all__ = ["BatchResult", "Retryable"]

V = TypeVar("V")
W = TypeVar("W")


@dataclass(frozen=True)
class _Shape:
    outcomes: list[Outcome[Any]]
    stats: Stats
    unread: bool


class Retryable(list[Any]):
    """Items worth sending again: a list like any other, which also knows which of them may have been sent.

    The operation that gets it needs to know that: an account that may have been deleted already, and is not found any
    more, was deleted. Slices keep it. A new list made of the items, by a comprehension for example, does not, and needs
    ``maybe_sent=True`` for what is `Unknown`.
    """

    def __init__(self, items: list[Any], maybe_sent: frozenset[str]) -> None:
        super().__init__(items)
        self.maybe_sent = maybe_sent
        """The accounts for which a call may have been applied."""

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, index: slice, /) -> Retryable: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        """An item, or some of them that remember the same."""
        found = super().__getitem__(index)
        return Retryable(found, self.maybe_sent) if isinstance(index, slice) else found

    def __reduce__(self) -> tuple[type[Retryable], tuple[list[Any], frozenset[str]]]:
        return Retryable, (list(self), self.maybe_sent)


def kept_of(account: str, outcome: Any) -> Any:
    """What is kept of an account's value, outcome or error.

    Raises:
        ValueError: it is the outcome of another account.
    """
    if isinstance(outcome, AccountError):
        outcome = outcome.outcome
    if not isinstance(outcome, Ok | Rejected | Unknown | NotSent):
        return outcome
    if outcome.account != account:
        raise ValueError(f"the outcome of {outcome.account!r} stands under {account!r}")
    return kept(outcome)


class BatchResult(Generic[V]):
    """The merged answers of a batch: exactly one outcome for every input item, in the order of the input.

    It is a sized iterable of outcomes. It keeps the caller's own strings and the bare values, and makes the outcomes
    on demand: a million deleted accounts take 16 MB instead of 90.
    """

    # What msgspec.json.encode() writes: the outcomes are made by a property, which a Struct could not have.
    __dataclass_fields__: ClassVar[dict[str, Any]] = _Shape.__dataclass_fields__

    stats: Stats
    """What the batch took."""
    unread: bool
    """Whether the source may hold more items, which were never taken."""

    def __init__(
        self,
        accounts: list[str],
        values: Sequence[V | Failure | Assumed],
        stats: Stats,
        *,
        unread: bool = False,
        pairs: bool = False,
    ) -> None:
        self._accounts = accounts
        self._values = values
        self._pairs = pairs
        self.stats = stats
        self.unread = unread

    # Two overloads, because mypy finds the type of the values only where they are all outcomes, or none is an `Ok`.
    @overload
    @staticmethod
    def of(
        outcomes: Mapping[str, Outcome[W]], *, arguments: Mapping[str, object] | None = None, unread: bool = False
    ) -> BatchResult[W]: ...
    @overload
    @staticmethod
    def of(
        outcomes: Mapping[str, W | Outcome[W] | AccountError],
        *,
        arguments: Mapping[str, object] | None = None,
        unread: bool = False,
    ) -> BatchResult[W]: ...
    @staticmethod
    def of(
        outcomes: Mapping[str, W | Outcome[W] | AccountError],
        *,
        arguments: Mapping[str, object] | None = None,
        unread: bool = False,
    ) -> BatchResult[W]:
        """The result of a batch that was never sent, for tests.

        ``BatchResult.of({"Mary": ("red",), "Bob": AccountError.of("Bob", 70107)})``

        Args:
            outcomes: account -> its value, or its outcome (the place in it is not looked at), or its error.
            arguments: account -> its argument, for an operation that takes pairs: `retryable` gives pairs.
            unread: whether the source may hold more items.

        Raises:
            ValueError: an outcome is that of another account than its key.
        """
        values: list[Any] = [kept_of(account, outcome) for account, outcome in outcomes.items()]
        if arguments is not None:
            values = [
                replace(value, argument=arguments.get(account)) if isinstance(value, Failure) else value
                for account, value in zip(outcomes, values, strict=True)
            ]
        stats = Stats(-(-len(outcomes) // 100), 0, len(outcomes), 0.0, 0.0)
        return BatchResult(list(outcomes), values, stats, unread=unread, pairs=arguments is not None)

    def _outcome(self, index: int) -> Outcome[V]:
        return outcome_of(self._values[index], index, self._accounts[index])

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
        """The value of an account (of its last place, if it is in the batch several times).

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
        return bare(value)

    @property
    def values(self) -> dict[str, V]:
        """The values of the accounts that are `Ok`; for an account with several places, the last `Ok`."""
        return self._good

    @cached_property
    def _good(self) -> dict[str, V]:
        pairs = zip(self._accounts, self._values, strict=True)
        return {account: bare(value) for account, value in pairs if not isinstance(value, Failure)}

    @property
    def errors(self) -> list[Rejected | Unknown | NotSent]:
        """The outcomes that are not `Ok`, in the order of the input: the merged error list."""
        return self._bad

    @cached_property
    def _bad(self) -> list[Rejected | Unknown | NotSent]:
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

    def retryable(self) -> Retryable:
        """The items worth sending again, ready to be passed to the same operation.

        Accounts, or (account, argument) pairs for an operation that takes arguments. Left out are the items that the
        service refused for good, those that were refused here because no call with them could succeed, and those that
        may have been sent and must not be sent twice. What is `Unknown` counts as maybe sent when it is sent again: an
        account that is not there any more was deleted.
        """
        failed = [
            (account, value)
            for account, value in zip(self._accounts, self._values, strict=True)
            if isinstance(value, Failure) and not value.final
        ]
        # Copies, for items that were given one object share one, and the caller may change what he gets.
        items = [(account, copy(value.argument)) if self._pairs else account for account, value in failed]
        return Retryable(items, frozenset(account for account, value in failed if value.kind is Unknown))

    @sturdy
    def __repr__(self) -> str:
        bad = len(self.errors)
        unread = ", source not read to its end" if self.unread else ""
        return f"<BatchResult: {len(self) - bad} of {len(self)} ok{unread}>"
