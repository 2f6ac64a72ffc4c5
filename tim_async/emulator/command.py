"""What one command of the service consists of: a row of the table, and how its body is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .refusals import Refusal
from .store import Store

JSON = dict[str, Any]

Item = tuple[str, Any]
"""One account of a call and what is to be done with it: already checked, so applying it cannot refuse the call."""

Result = tuple[str, int, Any]
"""An account, the code that it got (0 is success), and the value that was read."""


@dataclass(frozen=True, slots=True)
class Family:
    """The codes with which the commands of one family refuse a whole call."""

    #: The body is no JSON.
    bad_json: int
    #: A field is missing or has the wrong type.
    malformed: int
    #: The list of accounts is empty.
    empty: int
    #: The list of accounts is longer than the command allows.
    too_many: int
    #: The identifier in the URL is no administrator.
    not_admin: int
    #: What a single account may answer for a while (see the fault ``item_busy``).
    busy: tuple[int, ...]
    #: Most bytes of an account id; 0 if ids are not measured (RegistrationIDs may be longer than UserIDs).
    longest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: what it reads, does and answers."""

    #: ``service/command``, without the leading ``/v4/``.
    path: str
    family: Family
    #: From the body to its items; raises Refusal.
    read: "Callable[[Command, Store, JSON], list[Item]]"
    #: One item's effect: a code and a value.
    apply: Callable[[Store, str, Any], tuple[int, Any]]
    #: From the results, in the order in which they are to be told, to the fields of the reply.
    write: Callable[[Sequence[Result]], JSON]
    #: Documented calls per second.
    rate: float = 100.0
    #: Most accounts in one call.
    limit: int = 100
    #: Whether the reply can say "no" about a single account.
    per_account: bool = True
    #: What a call over the limit answers.
    too_fast: int = 60007


def parse(command: Command, body: bytes) -> JSON:
    """The body as a JSON object.

    Args:
        command: Whose body it is.
        body: What came over the wire.

    Raises:
        Refusal: It's no JSON, or no object.
    """
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise Refusal(command.family.bad_json) from None
    if not isinstance(value, dict):
        raise Refusal(command.family.malformed)
    return value


def listed(command: Command, value: object) -> list[Any]:
    """A batch field, measured.

    Raises:
        Refusal: It's no list, an empty one, or longer than the command's limit.
    """
    if not isinstance(value, list):
        raise Refusal(command.family.malformed)
    if not value:
        raise Refusal(command.family.empty)
    if len(value) > command.limit:
        raise Refusal(command.family.too_many)
    return value


def named(command: Command, account: object) -> str:
    """An account id, checked.

    Raises:
        Refusal: It's no string (60015), or, where the family measures ids, empty or too long.
    """
    if not isinstance(account, str):
        raise Refusal(60015)
    longest = command.family.longest
    # An id of at most longest / 4 characters can't have more bytes than that, whatever its script.
    if longest and (not account or (len(account) > longest // 4 and len(account.encode()) > longest)):
        raise Refusal(command.family.malformed)
    return account


def entry(command: Command, value: object, key: str) -> tuple[str, JSON]:
    """The account that an entry of a batch field is about, and the entry.

    Raises:
        Refusal: The entry is not an object, or its account not an account id.
    """
    if not isinstance(value, dict):
        raise Refusal(command.family.malformed)
    if key not in value:
        raise Refusal(command.family.malformed)
    return named(command, value[key]), value


def accounts_in(field: str) -> Callable[[Command, Store, JSON], list[Item]]:
    """A reader of bodies like ``{"To_Account": ["Mary", "xiaoming"]}``."""

    def read(command: Command, _store: Store, body: JSON) -> list[Item]:
        return [(named(command, account), None) for account in listed(command, body.get(field))]

    return read


def entries_in(
    field: str, key: str, argument: Callable[[Command, Store, JSON, JSON], Any] | None = None
) -> Callable[[Command, Store, JSON], list[Item]]:
    """A reader of bodies like ``{"DeleteItem": [{"UserID": "Mary"}]}``.

    Args:
        field: The batch field of the body.
        key: The field of an entry that names the account.
        argument: Reads what else there is from an entry (and the body around it); raises Refusal.
    """

    def read(command: Command, store: Store, body: JSON) -> list[Item]:
        pairs = [entry(command, value, key) for value in listed(command, body.get(field))]
        if argument is None:
            return [(account, None) for account, _ in pairs]
        return [(account, argument(command, store, value, body)) for account, value in pairs]

    return read


def one_in(
    field: str, argument: Callable[[Command, Store, JSON], Any] | None = None, *, formerly: str = ""
) -> Callable[[Command, Store, JSON], list[Item]]:
    """A reader of bodies about one account, like ``{"UserID": "Mary"}``.

    Args:
        field: The field that names the account.
        argument: Reads what else there is from the body; raises Refusal.
        formerly: The name that the field had before, which is still understood.
    """

    def read(command: Command, store: Store, body: JSON) -> list[Item]:
        account, value = entry(command, body, formerly if formerly in body and field not in body else field)
        return [(account, None if argument is None else argument(command, store, value))]

    return read


def text_in(command: Command, value: JSON, field: str) -> str | None:
    """A field that may be missing, and is a string if it isn't.

    Raises:
        Refusal: It's something else.
    """
    text = value.get(field)
    if text is not None and not isinstance(text, str):
        raise Refusal(command.family.malformed)
    return text
