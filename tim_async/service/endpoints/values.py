"""What the reads give where a str, a bool or a dict would not do, and what the writes take: small typed structs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Required, TypeAlias, TypedDict

import msgspec

__all__ = [
    "FRIEND_TAGS",
    "PROFILE_TAGS",
    "AttributeNames",
    "BlockRelation",
    "Device",
    "Friend",
    "FriendRelation",
    "ImportedFriend",
    "NewAccount",
    "NewFriend",
    "Presence",
    "Profile",
]

FriendRelation: TypeAlias = str
"""``CheckResult_Type_BothWay``, ``..._AWithB``, ``..._BWithA`` or ``..._NoRelation``; others may come some day."""
BlockRelation: TypeAlias = str
"""``BlackCheckResult_Type_BothWay``, ``..._AWithB``, ``..._BWithA`` or ``..._NO``; others may come some day."""


class Device(msgspec.Struct, frozen=True):
    """One device of an account."""

    platform: str
    """For example ``iPhone``, ``Android``, ``Web``."""
    status: str
    """As of the account."""


class Presence(msgspec.Struct, frozen=True):
    """Whether an account is online: https://trtc.io/document/35477."""

    status: str
    """``Online``, ``PushOnline`` or ``Offline``."""
    devices: tuple[Device, ...] = ()
    """Where it is logged in, or can be reached by push."""

    @property
    def online(self) -> bool:
        """Whether the account is connected at this moment."""
        return self.status == "Online"


class Profile(msgspec.Struct, frozen=True):
    """The profile of an account; a field that was not asked for, or was never set, is None."""

    nick: str | None = None
    gender: str | None = None
    """``Gender_Type_Unknown``, ``Gender_Type_Female`` or ``Gender_Type_Male``."""
    birthday: int | None = None
    """For example 20001231."""
    location: str | None = None
    signature: str | None = None
    allow_type: str | None = None
    """Who may become a friend: ``AllowType_Type_NeedConfirm``, ``..._AllowAny`` or ``..._DenyAny``."""
    language: int | None = None
    image: str | None = None
    """The URL of the portrait."""
    message_settings: int | None = None
    admin_forbid_type: str | None = None
    level: int | None = None
    role: int | None = None
    custom: dict[str, Any] = {}
    """Tag -> value of all others."""


class Friend(msgspec.Struct, frozen=True):
    """What an account keeps of a friend; a field that was not asked for, or was never set, is None."""

    remark: str | None = None
    groups: tuple[str, ...] | None = None
    add_source: str | None = None
    add_wording: str | None = None
    add_time: int | None = None
    """Unix seconds."""
    custom: dict[str, Any] = {}
    """Tag -> value of all others, the fields of the friend's profile among them."""


class AttributeNames(msgspec.Struct, frozen=True):
    """The attributes of the app, by their slot "0" to "9"."""

    names: dict[str, str]
    types: dict[str, int]
    """0: for UserIDs, 1: for RegistrationIDs; empty where the service does not say."""


class NewAccount(TypedDict, total=False):
    """What may be said of an account that is imported."""

    nick: str
    face_url: str


class NewFriend(TypedDict, total=False):
    """What may be said of a friend that is added."""

    add_source: Required[str]
    """``AddSource_Type_`` and up to eight letters."""
    remark: str
    group_name: str
    add_wording: str


class ImportedFriend(TypedDict, total=False):
    """What may be said of a friend that is imported."""

    add_source: Required[str]
    """``AddSource_Type_`` and up to eight letters."""
    remark: str
    remark_time: int
    """Unix seconds."""
    group_names: Sequence[str]
    add_wording: str
    add_time: int
    """Unix seconds."""
    custom: Mapping[str, str | int]
    """Tag -> value."""


PROFILE_FIELDS: Mapping[str, tuple[str, Any]] = {
    "Tag_Profile_IM_Nick": ("nick", str),
    "Tag_Profile_IM_Gender": ("gender", str),
    "Tag_Profile_IM_BirthDay": ("birthday", int),
    "Tag_Profile_IM_Location": ("location", str),
    "Tag_Profile_IM_SelfSignature": ("signature", str),
    "Tag_Profile_IM_AllowType": ("allow_type", str),
    "Tag_Profile_IM_Language": ("language", int),
    "Tag_Profile_IM_Image": ("image", str),
    "Tag_Profile_IM_MsgSettings": ("message_settings", int),
    "Tag_Profile_IM_AdminForbidType": ("admin_forbid_type", str),
    "Tag_Profile_IM_Level": ("level", int),
    "Tag_Profile_IM_Role": ("role", int),
}
"""Tag -> field of `Profile` and its type: https://trtc.io/document/33520."""

FRIEND_FIELDS: Mapping[str, tuple[str, Any]] = {
    "Tag_SNS_IM_Remark": ("remark", str),
    "Tag_SNS_IM_Group": ("groups", tuple[str, ...]),
    "Tag_SNS_IM_AddSource": ("add_source", str),
    "Tag_SNS_IM_AddWording": ("add_wording", str),
    "Tag_SNS_IM_AddTime": ("add_time", int),
}
"""Tag -> field of `Friend` and its type: https://trtc.io/document/33521."""

PROFILE_TAGS = tuple(PROFILE_FIELDS)
"""The standard fields of a profile."""
FRIEND_TAGS = tuple(FRIEND_FIELDS)
"""The standard fields of a friendship."""
