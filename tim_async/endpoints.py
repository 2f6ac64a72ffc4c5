"""The table: one frozen row per command. What varies between commands stands here, and only here.

A reader turns a decoded reply into two mappings keyed by account: the values of those that are fine, and the codes of
those that are not. Judging what a code means is not the table's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from . import wire
from .checks import prepare_attributes, prepare_names
from .errors import InvalidReply

__all__ = ["ENDPOINTS", "Answer", "Endpoint"]

A = TypeVar("A")
V = TypeVar("V")
R = TypeVar("R", bound=wire.Reply)

Errors: TypeAlias = Mapping[str, tuple[int, str]]
Body: TypeAlias = Callable[[Sequence[str], Sequence[Any], Any], object]

_ENCODER = msgspec.json.Encoder()
_NO_ERRORS: Errors = {}


class Answer(NamedTuple):
    """A decoded reply, before it is judged."""

    code: int
    """The ``ErrorCode`` of the whole call."""
    info: str
    values: Mapping[str, Any] | None
    """Account -> value of those that are fine; None when the page names only those that failed."""
    errors: Errors
    """Account -> (code, info) of those that are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Generic[A, V]):
    """One command that takes a list of accounts."""

    group: str
    """The group of the client under which the method stands."""
    method: str
    path: str
    """``service/command`` as it stands in the URL behind ``/v4/``."""
    page: str
    """The service's own page."""
    body: Body
    """(accounts, arguments, options) -> what is sent as JSON."""
    decode: Callable[[str, bytes], Answer]
    """(path, body) -> the reply; raises `InvalidReply`."""
    silence_is_ok: bool
    """What it means that a good answer does not mention an item: done, or ask again."""
    writes: bool
    """Whether it changes something, so that the order of two items of one account matters."""
    prepare: Callable[[object], Any] | None = None
    """Checks and copies one argument; None for a command that takes accounts alone."""
    account_bytes: int | None = 32
    """The greatest length of an account in bytes; None where a RegistrationID may stand for it."""
    account_code: int = 70402
    """What the service answers to an account that it does not understand."""
    done_again: frozenset[int] = frozenset()
    """Codes that mean success when an earlier call with the same item may have been applied."""
    limit: int = 100
    """Most items in one call."""
    rate: float = 100.0
    """Calls in one second."""

    def encode(self, accounts: Sequence[str], arguments: Sequence[Any], options: object) -> bytes:
        """The body of one call."""
        return _ENCODER.encode(self.body(accounts, arguments, options))


def _said(info: str | None) -> str:
    """The service's words, which must not carry a signature even if the service echoes our URL."""
    if not info:
        return ""
    return info if "usersig=" not in info else info.partition("usersig=")[0] + "[the rest held a signature]"


def reading(
    reply: type[R], read: Callable[[R], tuple[Mapping[str, Any] | None, Errors]]
) -> Callable[[str, bytes], Answer]:
    """Make the decoder of a row from the struct of its reply and a reader."""
    # strict=False: the service has been seen to write numbers as strings.
    decoder = msgspec.json.Decoder(reply, strict=False)

    def decode(path: str, body: bytes) -> Answer:
        try:
            got = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            detail = f"the answer of {len(body)} bytes is not the JSON that the page promises: {exc}"
            raise InvalidReply(path, _said(detail)) from None
        return Answer(got.ErrorCode, _said(got.ErrorInfo), *read(got))

    return decode


def _errors(reply: wire.ErrorListReply) -> Errors:
    if not reply.ErrorList:
        return _NO_ERRORS
    return {row.To_Account: (row.ErrorCode, _said(row.ErrorInfo)) for row in reply.ErrorList if row.ErrorCode}


def read_failures(reply: wire.ErrorListReply) -> tuple[None, Errors]:
    return None, _errors(reply)


def read_results(reply: wire.DeleteReply) -> tuple[Mapping[str, None], Errors]:
    rows = reply.ResultItem or ()
    values = dict.fromkeys([row.UserID for row in rows if not row.ResultCode])
    if len(values) == len(rows):
        return values, _NO_ERRORS
    return values, {row.UserID: (row.ResultCode, _said(row.ResultInfo)) for row in rows if row.ResultCode}


_shared_tags: dict[tuple[str, ...], tuple[str, ...]] = {}
_MOST_SHARED = 10_000  # combinations; an app has at most 1,000 tags, and most accounts share a few combinations


def _shared(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for equal tags: of a million accounts' tags 31 MB are kept instead of 362."""
    if len(_shared_tags) >= _MOST_SHARED:
        _shared_tags.clear()
    return _shared_tags.setdefault(tags, tags)


def read_tags(reply: wire.TagsReply) -> tuple[Mapping[str, tuple[str, ...]], Errors]:
    return {row.To_Account: _shared(row.Tags or ()) for row in reply.UserTags or ()}, _errors(reply)


def read_attrs(reply: wire.AttrsReply) -> tuple[Mapping[str, dict[str, str]], Errors]:
    return {row.To_Account: row.Attrs or {} for row in reply.UserAttrs or ()}, _errors(reply)


def to_accounts(accounts: Sequence[str], _arguments: Sequence[None], _options: object) -> object:
    return {"To_Account": accounts}


def delete_items(accounts: Sequence[str], _arguments: Sequence[None], _options: object) -> object:
    return {"DeleteItem": [{"UserID": account} for account in accounts]}


def user_attrs(accounts: Sequence[str], arguments: Sequence[object], _options: object) -> object:
    pairs = zip(accounts, arguments, strict=True)
    return {"UserAttrs": [{"To_Account": account, "Attrs": attrs} for account, attrs in pairs]}


ACCOUNTS_DELETE: Endpoint[None, None] = Endpoint(
    group="accounts",
    method="delete",
    path="im_open_login_svc/account_delete",
    page="https://trtc.io/document/34955",
    body=delete_items,
    decode=reading(wire.DeleteReply, read_results),
    silence_is_ok=False,
    writes=True,
    # The account is gone: after an answer that was lost, that is what the caller wished for.
    done_again=frozenset({70107}),
)

PUSH_SET_ATTRIBUTES: Endpoint[Mapping[str, str], None] = Endpoint(
    group="push",
    method="set_attributes",
    path="timpush/set_attr",
    page="https://trtc.io/document/60565",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_attributes,
    account_bytes=None,
    account_code=90001,
)

PUSH_GET_TAGS: Endpoint[None, tuple[str, ...]] = Endpoint(
    group="push",
    method="get_tags",
    path="timpush/get_tag",
    page="https://trtc.io/document/67820",
    body=to_accounts,
    decode=reading(wire.TagsReply, read_tags),
    silence_is_ok=False,
    writes=False,
    account_bytes=None,
    account_code=90001,
)

ALL_MEMBER_GET_ATTRIBUTES: Endpoint[None, dict[str, str]] = Endpoint(
    group="all_member_push",
    method="get_attributes",
    path="all_member_push/im_get_attr",
    page="https://www.tencentcloud.com/document/product/1047/37169",
    body=to_accounts,
    decode=reading(wire.AttrsReply, read_attrs),
    silence_is_ok=False,
    writes=False,
    account_code=90001,
)

ALL_MEMBER_REMOVE_ATTRIBUTES: Endpoint[Sequence[str], None] = Endpoint(
    group="all_member_push",
    method="remove_attributes",
    path="all_member_push/im_remove_attr",
    page="https://www.tencentcloud.com/document/product/1047/37171",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_names("an attribute name", 90033),
    account_code=90001,
)

ENDPOINTS: tuple[Endpoint[Any, Any], ...] = (
    ACCOUNTS_DELETE,
    PUSH_SET_ATTRIBUTES,
    PUSH_GET_TAGS,
    ALL_MEMBER_GET_ATTRIBUTES,
    ALL_MEMBER_REMOVE_ATTRIBUTES,
)
