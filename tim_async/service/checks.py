"""What is refused before it is sent: the code is the one that the service would have given.

Lengths are counted in bytes of UTF-8, as the service counts them, not in characters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from operator import is_
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeGuard

import msgspec

__all__ = [
    "Problem",
    "Problems",
    "Unfit",
    "check_account",
    "check_accounts",
    "check_text",
    "prepare",
    "prepare_attributes",
    "prepare_names",
    "prepare_tags",
]

MOST_VALUE_BYTES = 50  # attribute values, names and tags: https://trtc.io/document/60565


class Problem(NamedTuple):
    """Why one item is not sent."""

    code: int
    reason: str


Problems: TypeAlias = dict[int, Problem]


class Unfit(ValueError):
    """An argument that the service would refuse."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.problem = Problem(code, reason)


def _byte_length(text: str) -> int | None:
    """The length in UTF-8, or None for text that has no UTF-8: half a surrogate pair."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


def _are_str(texts: Collection[object]) -> TypeGuard[Collection[str]]:
    """Whether all are plain ``str``."""
    return set(map(type, texts)) == {str}


def check_accounts(accounts: list[Any], most: int | None, code: int) -> tuple[list[str], Problems]:
    """Find the accounts that cannot be sent.

    Args:
        accounts: what the caller gave, of any type.
        most: the greatest length in bytes; None where the service allows long ids (RegistrationID).
        code: what the service answers to an account that it does not understand.

    Returns:
        The accounts as plain ``str``, whatever they were; and place -> problem, empty when all is well.
    """
    if _are_plain(accounts, most):
        return accounts, {}
    problems = {
        place: Problem(code, reason)
        for place, account in enumerate(accounts)
        if (reason := _account_problem(account, most)) is not None
    }
    return [_as_text(account) for account in accounts], problems


def _are_plain(accounts: list[Any], most: int | None) -> bool:
    """Whether all are plain ASCII of the right length, as nearly all are: a few looks at the whole block by C code."""
    if not _are_str(accounts) or not all(accounts) or not "".join(accounts).isascii():
        return False
    try:
        return most is None or bool(msgspec.convert(accounts, _fitting(most)))
    except msgspec.ValidationError:
        return False


@cache
def _fitting(most: int) -> Any:
    """The type of lists of accounts that are not too long."""
    return list[Annotated[str, msgspec.Meta(max_length=most)]]


def check_account(account: object, most: int | None, code: int) -> tuple[str, Problem | None]:
    """The same for one account: as a plain ``str``, and why it cannot be sent, if it cannot."""
    if type(account) is str and account and account.isascii() and (most is None or len(account) <= most):
        return account, None
    reason = _account_problem(account, most)
    return _as_text(account), None if reason is None else Problem(code, reason)


def _as_text(account: object) -> str:
    """A plain ``str``: the JSON encoder takes no other, and a single numpy.str_ would spoil its whole call."""
    return str.__str__(account) if isinstance(account, str) else repr(account)


def _account_problem(account: object, most: int | None) -> str | None:
    if not isinstance(account, str):
        return f"an account must be a str, not {type(account).__name__}"
    if not account:
        return "the account is empty"
    length = _byte_length(account)
    if length is None:
        return "the account is not valid Unicode (half a surrogate pair)"
    if most is not None and length > most:
        return f"the account is {length} bytes long, at most {most} are allowed"
    return None


def check_text(what: str, text: object, code: int, most: int = MOST_VALUE_BYTES) -> str:
    """The text, if it can be sent.

    Args:
        what: what it is called in the reason, for example ``a tag``.
        text: what the caller gave.
        code: what the service answers to one that it refuses.
        most: the greatest length in bytes.

    Raises:
        Unfit: it is not a str, too long, or no Unicode.
    """
    if not isinstance(text, str):
        raise Unfit(code, f"{what} must be a str, not {type(text).__name__}")
    length = _byte_length(text)
    if length is None:
        raise Unfit(code, f"{what} is not valid Unicode (half a surrogate pair)")
    if length > most:
        raise Unfit(code, f"{what} is {length} bytes long, at most {most} are allowed")
    # A str of a class of its own (numpy's, a template engine's) would be refused by the JSON encoder, with its chunk.
    return str.__str__(text)


def prepare_attributes(argument: object) -> dict[str, str]:
    """A copy of the attributes to set, each checked.

    Raises:
        Unfit: the service would refuse them.
    """
    if not isinstance(argument, Mapping):
        raise Unfit(90033, f"attributes must be a mapping of name to value, not {type(argument).__name__}")
    if not argument:
        raise Unfit(90033, "no attribute is given")
    return {
        check_text("an attribute name", name, 90033): check_text(f"the value of attribute {name!r}", value, 90033)
        for name, value in argument.items()
    }


def prepare_names(what: str, code: int) -> Callable[[object], tuple[str, ...]]:
    """Make a check for a list of names or tags.

    Args:
        what: what one of them is called in the reason, for example ``a tag``.
        code: what the service answers to one that it refuses.
    """

    def prepare_them(argument: object) -> tuple[str, ...]:
        if isinstance(argument, str | bytes) or not isinstance(argument, Iterable):
            raise Unfit(code, f"a list of names is needed, not {type(argument).__name__}")
        names: tuple[Any, ...] = tuple(argument)
        if not names:
            raise Unfit(code, "the list of names is empty")
        return tuple(check_text(what, name, code) for name in names)

    return prepare_them


def prepare_tags(most: int) -> Callable[[object], tuple[str, ...]]:
    """Make a check for the tags of one account.

    Args:
        most: how many of them one call may hold for one account: https://trtc.io/document/67821.
    """
    names = prepare_names("a tag", 90020)

    def prepare_them(argument: object) -> tuple[str, ...]:
        tags = names(argument)
        if not all(tags):
            raise Unfit(90040, "a tag is empty")
        if len(tags) > most:
            raise Unfit(90032, f"{len(tags)} tags are given, at most {most} are allowed")
        return tags

    return prepare_them


def _are_plain_attributes(arguments: Sequence[object]) -> TypeGuard[Sequence[dict[str, str]]]:
    """Whether all are dicts of short ASCII texts, as nearly all are: one look at the whole block, by C code."""
    if set(map(type, arguments)) != {dict} or not all(arguments):
        return False
    dicts: Sequence[Any] = arguments
    try:
        # Names and values recur, so only the different ones are looked at.
        texts = {*chain.from_iterable(dicts), *chain.from_iterable(map(dict.values, dicts))}
    except TypeError:
        return False  # a value that has no hash is no text
    return _are_str(texts) and max(map(len, texts)) <= MOST_VALUE_BYTES and "".join(texts).isascii()


def prepare(check: Callable[[object], Any], arguments: Sequence[object], problems: Problems) -> list[Any]:
    """Check and copy the arguments of a block of items; what is wrong is added to *problems*.

    They are copied because the caller may go on with his own object while the item waits.
    """
    if len(arguments) > 1 and all(map(is_, arguments, repeat(arguments[0]))):
        # One object for a whole batch, as where all get the same tag: to look at it once is enough.
        return _prepare_once(check, arguments[:1], len(arguments), problems)
    if check is prepare_attributes and _are_plain_attributes(arguments):
        return [argument.copy() for argument in arguments]
    prepared: list[Any] = []
    for place, argument in enumerate(arguments):
        try:
            prepared.append(check(argument))
        except Unfit as exc:
            problems.setdefault(place, exc.problem)
            prepared.append(argument)
        except Exception as exc:  # noqa: BLE001 - the caller's own object: a mistake in an item is that item's alone
            reason = f"the argument cannot be read: {type(exc).__name__}"
            problems.setdefault(place, Problem(90001, reason))
            prepared.append(argument)
    return prepared


def _prepare_once(
    check: Callable[[object], Any], argument: Sequence[object], times: int, problems: Problems
) -> list[Any]:
    problem: Problems = {}
    prepared = prepare(check, argument, problem)
    if problem:
        for place in range(times):
            problems.setdefault(place, problem[0])
    return prepared * times
