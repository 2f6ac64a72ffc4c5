"""What became of one item: four kinds of outcome; and what a batch took."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from .service.codes import Action, code

__all__ = [
    "ASSUMED",
    "Assumed",
    "Failure",
    "NotSent",
    "Ok",
    "Outcome",
    "Rejected",
    "Result",
    "Stats",
    "Unknown",
    "bare",
    "kept",
    "outcome_of",
    "refusal",
]

V = TypeVar("V")


class Ok(msgspec.Struct, Generic[V], frozen=True, gc=False, omit_defaults=True, tag_field="outcome"):
    """The service said yes."""

    index: int
    """Place in the input, from 0."""
    account: str
    """The account, as the caller wrote it."""
    value: V
    """What was asked for; None for a write."""
    assumed: bool = False
    """Whether the yes was inferred: the service refused a repeat because its effect was already there, and an earlier
    call whose answer was lost may have been the cause. An account that never existed looks the same."""

    @property
    def final(self) -> bool:
        """True: there is nothing left to do."""
        return True


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
    """What it means, in our words."""
    final: bool = False
    """Whether sending it again would change nothing; otherwise it may succeed another time."""


class Rejected(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """The service said no, with a code that is final."""

    final: bool = True
    """False if the whole app was refused, for a wrong key or a missing right: this account was not judged."""


class Unknown(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """It may have reached the service, and in the end neither a yes nor a final no had come."""

    final: bool = False
    """True for a command that must not be repeated."""


class NotSent(_NotOk, frozen=True, gc=False, tag_field="outcome"):
    """No call with it can have reached the service."""

    final: bool = False
    """True if it was refused before sending, such as an empty account."""


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
    final: bool
    """Whether sending the same item again would change nothing."""
    argument: Any = None
    reply: Any = None
    """All that was answered, where the item is a call without accounts."""

    def outcome(self, index: int, account: str) -> Rejected | Unknown | NotSent:
        """The outcome that it stands for."""
        return self.kind(index, account, self.code, self.info, self.reason, self.final)


class Assumed(enum.Enum):
    """What is kept of an item that is `Ok` by inference."""

    ASSUMED = enum.auto()


ASSUMED: Final[Literal[Assumed.ASSUMED]] = Assumed.ASSUMED


def bare(value: V | Assumed) -> V:
    """The value that a caller gets."""
    return None if value is ASSUMED else value  # type: ignore[return-value]  # what is assumed is a write, whose V is None


def outcome_of(value: V | Failure | Assumed, index: int, account: str) -> Outcome[V]:
    """The outcome that a kept value stands for."""
    if isinstance(value, Failure):
        return value.outcome(index, account)
    return Ok(index, account, bare(value), value is ASSUMED)


def kept(outcome: Outcome[V]) -> V | Failure | Assumed:
    """What is kept of an outcome: the other way round."""
    if isinstance(outcome, Ok):
        return ASSUMED if outcome.assumed else outcome.value
    return Failure(type(outcome), outcome.code, outcome.info, outcome.reason, outcome.final)


_MAY_PASS = frozenset({Action.RETRY, Action.PAUSE, Action.RESIGN})


def refusal(
    account: str, number: int | None, kind: type[Rejected | Unknown | NotSent] | None, info: str, reason: str
) -> Rejected | Unknown | NotSent:
    """The outcome in which a code of the service ends, when all attempts are over.

    Args:
        account: the account.
        number: the code; None where no answer came.
        kind: what the code means by itself is left out: a final no is `Rejected`, what may pass is `Unknown`.
        info: the service's own words.
        reason: ours; what the table of codes says, if empty.

    Raises:
        TypeError: *number* is not an int.
        ValueError: the code is that of a success.
    """
    if number is None:
        kind = Unknown if kind is None else kind
        return kind(0, account, None, info, reason or ("" if kind is NotSent else "no answer came"))
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a code is an int, such as 70107, not {type(number).__name__}")
    verdict = code(number)
    if not number or verdict.action is Action.DONE:
        raise ValueError(f"{number} is no failure: an account that is answered so is Ok")
    if kind is None:
        kind = Unknown if verdict.action in _MAY_PASS else Rejected
    final = verdict.action is Action.SPLIT and kind is not Unknown
    return kind(0, account, number, info, reason or verdict.meaning, final)


class Stats(msgspec.Struct, frozen=True):
    """What a batch took."""

    calls: int
    """HTTP calls that carried items of the batch; such a call may have carried other batches' items too."""
    retries: int
    """How many of these calls carried an item that had been sent before."""
    items: int
    """Items taken from the source."""
    seconds: float
    """From the first item taken to the last outcome."""
    seconds_waited: float
    """Seconds for which its calls waited for the rate limit, summed over the calls."""


class Result(Protocol):
    """What an error says about its batch. It is always a `tim_async.BatchResult`, which stands above the errors."""

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
