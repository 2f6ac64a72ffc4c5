"""The service's JSON, spelled the service's way. Unknown fields are ignored; a list may be missing or null.

What an entry must say to count has no default: an entry without it goes the way of the odd ones (`endpoints.mending`).
The first field of an entry is its account, and the second, where that is a number, its code.

Tuples rather than lists, and no garbage collection: a tuple of strings leaves the collector alone, which for a million
answers is the difference between a pause of 0.4 s and none.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "AccountAttrs",
    "AccountCode",
    "AccountRow",
    "AccountTags",
    "AttrNamesReply",
    "AttrsReply",
    "BlackListReply",
    "DeleteReply",
    "DeviceStatus",
    "ErrorListReply",
    "FailAccountsReply",
    "InfoReply",
    "MembersReply",
    "PresenceReply",
    "ProfilesReply",
    "RawTags",
    "RawTagsReply",
    "Reply",
    "RowsReply",
    "TagValue",
    "TagsReply",
    "TaskReply",
]


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What every answer carries."""

    ErrorCode: int
    ErrorInfo: str | None = ""


class AccountCode(msgspec.Struct, frozen=True, gc=False):
    """One account of an ``ErrorList``."""

    To_Account: str
    ErrorCode: int
    ErrorInfo: str | None = ""


class ErrorListReply(Reply, frozen=True, gc=False):
    """Only the accounts that failed are named: https://trtc.io/document/60565."""

    ErrorList: tuple[AccountCode, ...] | None = None


class AccountTags(msgspec.Struct, frozen=True, gc=False):
    """The tags of one account; in a request too."""

    To_Account: str
    Tags: tuple[str, ...] | None


class TagsReply(ErrorListReply, frozen=True, gc=False):
    """https://trtc.io/document/67820 ."""

    UserTags: tuple[AccountTags, ...] | None = None


class RawTags(msgspec.Struct, frozen=True, gc=False):
    """The tags of one account, not read yet."""

    To_Account: str
    Tags: msgspec.Raw


class RawTagsReply(ErrorListReply, frozen=True, gc=False):
    """The same as `TagsReply`, for who knows most of the tags already."""

    UserTags: tuple[RawTags, ...] | None = None


class AccountAttrs(msgspec.Struct, frozen=True, gc=False):
    """The attributes of one account; in a request too."""

    To_Account: str
    Attrs: dict[str, str] | None


class AttrsReply(ErrorListReply, frozen=True, gc=False):
    """https://trtc.io/document/67817 ."""

    UserAttrs: tuple[AccountAttrs, ...] | None = None


class TaskReply(ErrorListReply, frozen=True, gc=False):
    """A push task was made: https://trtc.io/document/67553."""

    TaskId: str | None = ""


class AttrNamesReply(Reply, frozen=True, gc=False):
    """The app's attributes by slot: https://trtc.io/document/67815."""

    AttrNames: dict[str, str] | None = None
    AttrTypes: dict[str, int] | None = None


class UserResult(msgspec.Struct, frozen=True, gc=False):
    """What became of one account of ``account_delete`` or ``account_check``."""

    UserID: str
    ResultCode: int
    ResultInfo: str | None = ""
    AccountStatus: str | None = None


class DeleteReply(Reply, frozen=True, gc=False):
    """Every account is named, with its code: https://trtc.io/document/34955."""

    ResultItem: tuple[UserResult, ...] | None = None


class FailAccountsReply(Reply, frozen=True, gc=False):
    """The names of those that failed, and no reason: https://trtc.io/document/34954."""

    FailAccounts: tuple[str, ...] | None = None


class DeviceStatus(msgspec.Struct, frozen=True, gc=False):
    """One device of an account."""

    Platform: str = ""
    Status: str | None = None
    State: str | None = None


class AccountStatus(msgspec.Struct, frozen=True, gc=False):
    """Whether one account is online; older pages spell the key ``State``."""

    To_Account: str
    Status: str | None = None
    State: str | None = None
    Detail: tuple[DeviceStatus, ...] | None = None


class PresenceReply(ErrorListReply, frozen=True, gc=False):
    """https://trtc.io/document/35477 ."""

    QueryResult: tuple[AccountStatus, ...] | None = None


class TagValue(msgspec.Struct, frozen=True, gc=False):
    """One field of a profile or of a friendship."""

    Tag: str
    Value: Any = None


class AccountRow(msgspec.Struct, frozen=True, gc=False):
    """One account of the relation and profile services: its code, and what was asked for."""

    To_Account: str
    ResultCode: int
    ResultInfo: str | None = ""
    Relation: str | None = ""
    ProfileItem: tuple[TagValue, ...] | None = None
    SnsProfileItem: tuple[TagValue, ...] | None = None


class RowsReply(Reply, frozen=True, gc=False):
    """Every account is named with its code, in a list whose name differs; those that failed are named once more."""

    Fail_Account: tuple[str, ...] | None = None
    rows: tuple[AccountRow, ...] | None = msgspec.field(name="ResultItem", default=None)
    """https://trtc.io/document/34902 ."""


class InfoReply(RowsReply, frozen=True, gc=False):
    """https://trtc.io/document/34907 and https://trtc.io/document/34910 ."""

    rows: tuple[AccountRow, ...] | None = msgspec.field(name="InfoItem", default=None)


class BlackListReply(RowsReply, frozen=True, gc=False):
    """https://trtc.io/document/34913 ."""

    rows: tuple[AccountRow, ...] | None = msgspec.field(name="BlackListCheckItem", default=None)


class ProfilesReply(RowsReply, frozen=True, gc=False):
    """https://trtc.io/document/34917 ."""

    rows: tuple[AccountRow, ...] | None = msgspec.field(name="UserProfileItem", default=None)


class Member(msgspec.Struct, frozen=True, gc=False):
    """One member; here, and only here, 0 is a failure."""

    Member_Account: str
    Result: int


class MembersReply(Reply, frozen=True, gc=False):
    """https://trtc.io/document/34921 ."""

    MemberList: tuple[Member, ...] | None = None
