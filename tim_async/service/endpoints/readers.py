"""From a decoded reply to two mappings by account: the values of those that are fine, the codes of those that are not.

The six ways in which the service tells a partial failure meet here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from tim_async.service import wire

from .base import Errors, InOrder, Same, said
from .values import FRIEND_FIELDS, PROFILE_FIELDS, AttributeNames, Device, Friend, Presence, Profile

__all__ = [
    "read_attrs",
    "read_checks",
    "read_done",
    "read_fail_accounts",
    "read_failures",
    "read_friends",
    "read_members",
    "read_names",
    "read_nothing",
    "read_presence",
    "read_profiles",
    "read_raw_tags",
    "read_relations",
    "read_results",
    "read_rows",
    "read_tags",
    "read_task",
]

V = TypeVar("V")
Values: TypeAlias = Mapping[str, V]

_NO_ERRORS: Errors = {}
_NO_REASON = (0, "")
IMPORTED, NOT_IMPORTED = "Imported", "NotImported"


def _errors(reply: wire.ErrorListReply) -> Errors:
    if not reply.ErrorList:
        return _NO_ERRORS
    return {row.To_Account: (row.ErrorCode, said(row.ErrorInfo)) for row in reply.ErrorList if row.ErrorCode}


def _whole(reply: wire.Reply, value: V) -> Values[V]:
    """The value for all who asked; nobody has one where the whole call was refused."""
    return {} if reply.ErrorCode else Same(value)


# ErrorList: those that failed, with a code


def read_failures(reply: wire.ErrorListReply) -> tuple[None, Errors]:
    """Nothing but who failed."""
    return None, _errors(reply)


class _SharedTags(dict[bytes, tuple[str, ...]]):
    """Tags as they stand in answers -> the same tuple for equal ones: of a million accounts 31 MB instead of 362.

    Most accounts of an app share a few combinations, so that nearly all are found here, and need not be read at all.
    """

    def __missing__(self, raw: bytes) -> tuple[str, ...]:
        if len(self) >= _MOST_SHARED:
            self.clear()
        tags = self[raw] = _TAGS.decode(raw) or ()
        return tags


_MOST_SHARED = 10_000  # combinations; an app has at most 1,000 tags
_TAGS = msgspec.json.Decoder(tuple[str, ...] | None, strict=False)  # as the rest of an answer
_shared_tags = _SharedTags()


def read_tags(reply: wire.TagsReply) -> tuple[Values[tuple[str, ...]], Errors]:
    """Tags."""
    rows = reply.UserTags or ()
    return InOrder([row.To_Account for row in rows], [row.Tags or () for row in rows]), _errors(reply)


def read_raw_tags(reply: wire.RawTagsReply) -> tuple[Values[tuple[str, ...]], Errors]:
    """Tags, most of which are known.

    Raises:
        msgspec.DecodeError: some are not what the page promises.
    """
    rows = reply.UserTags or ()
    values = list(map(_shared_tags.__getitem__, map(bytes, [row.Tags for row in rows])))
    return InOrder([row.To_Account for row in rows], values), _errors(reply)


def read_attrs(reply: wire.AttrsReply) -> tuple[Values[dict[str, str]], Errors]:
    """Attributes."""
    rows = reply.UserAttrs or ()
    return InOrder([row.To_Account for row in rows], [row.Attrs or {} for row in rows]), _errors(reply)


def read_presence(reply: wire.PresenceReply) -> tuple[Values[Presence], Errors]:
    """Who is online."""
    rows = reply.QueryResult or ()
    told = {row.To_Account: _presence(row, status) for row in rows if (status := row.Status or row.State)}
    return told, _errors(reply)


def _presence(row: wire.AccountStatus, status: str) -> Presence:
    devices = tuple(Device(device.Platform, device.Status or device.State or "") for device in row.Detail or ())
    return Presence(status, devices)


def read_task(reply: wire.TaskReply) -> tuple[Values[str], Errors]:
    """The id of a push task, the same for all accounts; an answer without one does not say that there is a task."""
    return _whole(reply, reply.TaskId) if reply.TaskId else {}, _errors(reply)


# ResultItem and its kin: everybody, with a code


def read_results(reply: wire.DeleteReply) -> tuple[Values[None], Errors]:
    """``ResultItem`` of the account service."""
    rows = reply.ResultItem or ()
    done = [row.UserID for row in rows if not row.ResultCode]
    values = InOrder(done, [None] * len(done))
    if len(done) == len(rows):
        return values, _NO_ERRORS
    return values, _refused(rows)


def read_checks(reply: wire.DeleteReply) -> tuple[Values[bool], Errors]:
    """Whether accounts are imported; any other word than the two says nothing."""
    rows = reply.ResultItem or ()
    told = {
        row.UserID: row.AccountStatus == IMPORTED
        for row in rows
        if row.AccountStatus in (IMPORTED, NOT_IMPORTED) and not row.ResultCode
    }
    return told, _NO_ERRORS if len(told) == len(rows) else _refused(rows)


def _refused(rows: Iterable[wire.UserResult]) -> Errors:
    return {row.UserID: (row.ResultCode, said(row.ResultInfo)) for row in rows if row.ResultCode}


def _rows(reply: wire.RowsReply, value: Callable[[wire.AccountRow], V]) -> tuple[Values[V], Errors]:
    return {row.To_Account: value(row) for row in reply.rows or () if not row.ResultCode}, _failed(reply)


def _failed(reply: wire.RowsReply) -> Errors:
    errors = dict.fromkeys(reply.Fail_Account or (), _NO_REASON)
    return errors | {
        row.To_Account: (row.ResultCode, said(row.ResultInfo)) for row in reply.rows or () if row.ResultCode
    }


def read_rows(reply: wire.RowsReply) -> tuple[Values[None], Errors]:
    """Rows of the relation service that say done or not."""
    return _rows(reply, lambda _: None)


def read_relations(reply: wire.RowsReply) -> tuple[Values[str], Errors]:
    """How accounts stand to each other."""
    rows = reply.rows or ()
    return {row.To_Account: row.Relation for row in rows if row.Relation and not row.ResultCode}, _failed(reply)


def read_profiles(reply: wire.RowsReply) -> tuple[Values[Profile], Errors]:
    """Profiles."""
    return _rows(reply, lambda row: Profile(**_sorted_out(row.ProfileItem, PROFILE_FIELDS)))


def read_friends(reply: wire.RowsReply) -> tuple[Values[Friend], Errors]:
    """What is kept of friends."""
    return _rows(reply, lambda row: Friend(**_sorted_out(row.SnsProfileItem, FRIEND_FIELDS)))


def _sorted_out(items: Iterable[wire.TagValue] | None, fields: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """Fields by their names; what has no name, or a value of another type than promised, goes to ``custom``."""
    custom: dict[str, Any] = {}
    known: dict[str, Any] = {"custom": custom}
    for item in items or ():
        name, kind = fields.get(item.Tag, (None, None))
        if name is None:
            custom[item.Tag] = item.Value
            continue
        try:
            known[name] = msgspec.convert(item.Value, kind, strict=False)
        except msgspec.ValidationError:
            custom[item.Tag] = item.Value
    return known


# FailAccounts: those that failed, without a word


def read_fail_accounts(reply: wire.FailAccountsReply) -> tuple[None, Errors]:
    """``FailAccounts``."""
    return None, dict.fromkeys(reply.FailAccounts or (), _NO_REASON)


# MemberList: 0 failed, 1 done, 2 was a member already, 3 invited and not yet agreed; any other says nothing

_JOINED = frozenset({1, 2, 3})


def read_members(reply: wire.MembersReply) -> tuple[Values[None], Errors]:
    """``MemberList``."""
    rows = reply.MemberList or ()
    done = dict.fromkeys([row.Member_Account for row in rows if row.Result in _JOINED])
    if len(done) == len(rows):
        return done, _NO_ERRORS
    return done, {row.Member_Account: _NO_REASON for row in rows if not row.Result}


# Nobody


def read_nothing(_reply: wire.Reply) -> tuple[None, Errors]:
    """A good answer that names nobody."""
    return None, _NO_ERRORS


# Calls without accounts


def read_done(reply: wire.Reply) -> tuple[Values[None], Errors]:
    """A good answer."""
    return _whole(reply, None), _NO_ERRORS


def read_names(reply: wire.AttrNamesReply) -> tuple[Values[AttributeNames], Errors]:
    """Names of attributes."""
    return _whole(reply, AttributeNames(reply.AttrNames or {}, reply.AttrTypes or {})), _NO_ERRORS
