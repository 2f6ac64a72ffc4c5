"""What one row of the table is, and how the reply of a command becomes an `Answer`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from tim_async.service import wire
from tim_async.service.codes import Action, Code, Fault, code

from .mending import Odd, mend

__all__ = ["Answer", "Body", "Endpoint", "Errors", "InOrder", "Same", "Unreadable", "reading", "said"]

A = TypeVar("A")
V = TypeVar("V")
R = TypeVar("R", bound=wire.Reply)
Q = TypeVar("Q", bound=wire.Reply)

Errors: TypeAlias = Mapping[str, tuple[int, str]]
"""Account -> (code, info); code 0 where the service names the account and gives no code."""
Body: TypeAlias = Callable[[Sequence[str], Sequence[Any], Any], object]
"""(accounts, arguments, options) -> what is sent as JSON."""

Reader: TypeAlias = Callable[[R], tuple[Mapping[str, Any] | None, Errors]]
"""From a reply to the values of those that are fine, and the codes of those that are not."""

# In a URL, which may be quoted, or bare: a usersig is base64 of zlib data, which begins with 78 9c or 78 da.
_SIGNATURE = re.compile(
    r"(usersig(=|%(25)*3d|\\u003d|&#61;|&#x3d;)|e[jn](?:[\w*-]|%(25)*(2a|2d|5f)){60}).*", re.DOTALL | re.IGNORECASE
)


def _as_str(value: object) -> str:
    """A str of a class of its own (numpy's, a template engine's) is written like any other."""
    if isinstance(value, str):
        return str.__str__(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_as_str)
_FINAL = frozenset({Action.SPLIT, Action.STOP})
# Words about parameters; of what is already so it says Friend_Exist, Already_Exist, Not_Friend.
_DISLIKED = re.compile(r"illegal|invalid|param|format|missing|required|empty|too[ _]?long|sensitive", re.IGNORECASE)
_BINDING = frozenset({"from_account", "group_id"})
_ITEMS_MOST = 500  # that a call which is counted in items may hold, where we don't know how many it holds


class Unreadable(ValueError):
    """An answer is not what the page promises; the text says how, and holds no signature."""


class Answer(NamedTuple):
    """A decoded reply, before it is judged."""

    code: int
    """The ``ErrorCode`` of the whole call."""
    info: str
    values: Mapping[str, Any] | None
    """Account -> value of those that are fine; None when the page names only those that failed."""
    errors: Errors
    """Account -> (code, info) of those that are not."""
    doubted: AbstractSet[str] = frozenset()
    """Accounts of which something was said that cannot be read; an empty one stands for an entry that names nobody."""
    reply: Mapping[str, Any] | None = None
    """The whole reply of a bare call that was refused."""

    def values_of(self, accounts: list[str]) -> list[Any] | None:
        """The values of all these accounts, in their order; None if not each of them has one."""
        values = self.values
        if values is None:
            return None
        try:
            # Not isinstance(), which is slow for a class that is a Mapping.
            return values.of_all(accounts) if type(values) is InOrder else [values[each] for each in accounts]
        except KeyError:
            return None

    def doubtful(self, accounts: Sequence[str]) -> AbstractSet[str]:
        """Those of these accounts that the answer leaves in doubt, though it may have meant to be clear.

        Where it names only those that failed, who is not named is fine. But if it names nobody that was asked about
        (``mary`` for ``Mary``), it says nothing of anybody; and if it names some, and strangers beside them, it may
        mean by a stranger the one whose name is like it.
        """
        if not (self.errors or self.doubted) or not (self.values is None or isinstance(self.values, Same)):
            return self.doubted
        ours = set(accounts)
        strangers = [name for name in (*self.errors, *self.doubted) if name not in ours]
        if not strangers:
            return self.doubted
        if ours.isdisjoint(self.errors) and ours.isdisjoint(self.doubted):
            return ours
        return self.doubted | _alike(ours, strangers)


def _alike(accounts: Iterable[str], strangers: Iterable[str]) -> set[str]:
    """The accounts that a stranger may stand for: written another way, or cut short."""
    folded = {name for name in map(_folded, strangers) if name}
    return {account for account in accounts if not folded.isdisjoint(accumulate(_folded(account)))}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Generic[A, V]):
    """One command of the service."""

    group: str
    """The group of the client under which the method stands."""
    method: str
    path: str
    """``service/command`` as it stands in the URL behind ``/v4/``."""
    page: str
    """The service's own page."""
    summary: str
    """What it does, in one sentence."""
    takes: str = "accounts"
    """What the caller gives, for people."""
    gives: str = "None"
    """The type of the value of an `Ok`, for people."""
    body: Body
    """(accounts, arguments, options) -> what is sent as JSON."""
    decode: Callable[[bytes], Answer]
    """The body of an answer -> what it says; raises `Unreadable`."""
    silence_is_ok: bool
    """What it means that a good answer does not mention an item: done, or ask again."""
    writes: bool
    """Whether it changes something, so that the order of two items of one account matters."""
    prepare: Callable[[object], Any] | None = None
    """Checks and copies one argument; None for a command that takes accounts alone."""
    options: tuple[str, ...] = ()
    """Names of what all items of a call share, in the order of the tuple that `body` gets."""
    account_bytes: int | None = 32
    """The greatest length of an account in bytes; None where a RegistrationID may stand for it."""
    account_code: int = 70402
    """What the service answers to an account that it does not understand."""
    done_again: frozenset[int] = frozenset()
    """Codes that mean success when an earlier call with the same item may have been applied."""
    shared: frozenset[int] = frozenset()
    """Codes of a whole call that concern what all its items share: the message, the group, ``From_Account``."""
    repeatable: bool = True
    """Whether it may be sent again after an answer that leaves open whether it was applied."""
    plain: bool = False
    """Whether it takes no accounts: its one item is the body of the call."""
    counts_items: bool = False
    """Whether its rate counts items, not calls."""
    limit: int = 100
    """Most items in one call."""
    rate: float = 100.0
    """Calls in one second; items in one second if `counts_items`."""

    @property
    def lane(self) -> tuple[str, str, str, bool]:
        """What has a waiting line of its own: a typed row and a bare call of the same path do not share theirs."""
        return self.path, self.group, self.method, self.repeatable

    @property
    def bound(self) -> bool:
        """Whether the method stands behind an account, a group or a message: ``tim.friends.of("Mary").add``."""
        return not _BINDING.isdisjoint(self.options)

    def verdict(self, number: int) -> Code:
        """What is known of the code of a whole call to this command."""
        known = code(number)
        if number not in self.shared or known.action in _FINAL:
            return known
        return Code(number, known.meaning, Fault.CALLER, Action.SPLIT, why="it concerns what all items share")

    def concerns_all(self, number: int) -> bool:
        """Whether a "no" to a whole call is about what all its items share: of a message that is the webhook's too."""
        return number in self.shared or (not self.repeatable and code(number).fault is Fault.APP)

    def of_all(self, verdict: Code) -> str:
        """The reason for which an account was refused with all others of its call: it may look like its own."""
        shared = ", ".join(self.options)
        return (
            f"refused for what all accounts of the call share ({shared}): {verdict.meaning}"
            if shared
            else verdict.meaning
        )

    def is_echo(self, number: int, info: str) -> bool:
        """Whether a "no" to one item is what a repeat meets where the first call was applied.

        Some have one code for "already so" and for parameters that they do not like: then its words tell them apart.
        """
        return number in self.done_again and (number != self.account_code or not _DISLIKED.search(info))

    def encode(self, accounts: Sequence[str], arguments: Sequence[Any], options: object) -> bytes:
        """The body of one call."""
        return _ENCODER.encode(self.body(accounts, arguments, options))

    def paced(self, rate: float) -> tuple[Endpoint[A, V], float]:
        """How the row is used where its rate is limited to *rate*.

        A limit that counts items is kept by counting each call as a full one: never over it, and with full calls
        at it, but for what is lost by whole numbers.

        Args:
            rate: in the unit of the row's own rate.

        Returns:
            The row, with no more items in a call than the limit has for a second; and calls per second.
        """
        if not self.counts_items:
            return self, rate
        if self.plain:
            return self, rate / _ITEMS_MOST
        if rate < 1:
            return replace(self, limit=1), rate
        # Whole calls: half a call a second would be lost in a second that holds one.
        calls = math.ceil(rate / self.limit)
        return replace(self, limit=int(rate / calls)), float(calls)


class InOrder(Mapping[str, V]):
    """The values of an answer, in its order: where that is the order of the question, nobody needs to look one up."""

    def __init__(self, accounts: list[str], values: list[V]) -> None:
        if len(accounts) != len(values):
            raise ValueError(f"{len(values)} values for {len(accounts)} accounts")
        self._accounts = accounts
        self._values = values

    @cached_property
    def _by_account(self) -> dict[str, V]:
        return dict(zip(self._accounts, self._values, strict=True))

    def of_all(self, accounts: list[str]) -> list[V]:
        """The values of these accounts, in their order.

        Raises:
            KeyError: one of them has none.
        """
        if self._accounts == accounts:
            return self._values
        return list(map(self._by_account.__getitem__, accounts))

    def __getitem__(self, account: str) -> V:
        return self._by_account[account]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_account)

    def __len__(self) -> int:
        return len(self._by_account)


class Same(Mapping[str, V]):
    """One value for whoever asks: the answer of a command that gives one for its whole call."""

    def __init__(self, value: V) -> None:
        self._value = value

    def __getitem__(self, account: str) -> V:
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


def said(info: str | None) -> str:
    """The service's words, which must not carry a signature even if the service echoes our URL."""
    if not info:
        return ""
    return _SIGNATURE.sub("[the rest held a signature]", info)


def reading(
    reply: type[R], read: Reader[R], quick: tuple[type[Q], Reader[Q]] | None = None
) -> Callable[[bytes], Answer]:
    """Make the decoder of a row.

    Args:
        reply: the struct of the page.
        read: from a reply to its values and errors.
        quick: a cheaper pair of both, which may refuse what the page does not promise as decoding does.
    """
    first, read_first = quick or (reply, read)
    # strict=False: the service has been seen to write numbers as strings.
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(first, strict=False)

    def decode(body: bytes) -> Answer:
        try:
            got = decoder.decode(body)
            return Answer(got.ErrorCode, said(got.ErrorInfo), *read_first(got))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            mended, doubted = mending(body, exc)
        return Answer(mended.ErrorCode, said(mended.ErrorInfo), *read(mended), doubted)

    def mending(body: bytes, why: Exception) -> tuple[R, frozenset[str]]:
        try:
            return mend(reply, body)
        except Odd:
            detail = f"the answer of {len(body)} bytes is not the JSON that the page promises: {why}"
        raise Unreadable(said(detail))

    return decode
