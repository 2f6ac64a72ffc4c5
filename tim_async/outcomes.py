"""What became of one item: four kinds of outcome; and what a batch took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

__all__ = ["Failure", "NotSent", "Ok", "Outcome", "Rejected", "Result", "Stats", "Unknown"]

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
        """The outcome that it stands for."""
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


class Result(Protocol):
    """What an error tells of its batch. It is always a `tim_async.BatchResult`, which stands above the errors."""

    stats: Stats
    unread: bool

    @property
    def outcomes(self) -> list[Outcome[Any]]:
        """All outcomes, in the order of the input."""
        ...

    @property
    def values(self) -> dict[str, Any]:
        """The values of the accounts that are `Ok`."""
        ...

    @property
    def errors(self) -> list[Rejected | Unknown | NotSent]:
        """The outcomes that are not `Ok`."""
        ...

    @property
    def ok(self) -> bool:
        """Whether every item is `Ok`."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Outcome[Any]]: ...

    def __contains__(self, account: object, /) -> bool: ...

    def __getitem__(self, account: str, /) -> Any: ...

    def retryable(self) -> list[Any]:
        """The items worth sending again, ready to be passed to the same operation."""
        ...
