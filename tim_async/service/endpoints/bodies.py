"""What is sent as JSON: (accounts, arguments, options) -> the body of one call.

Structs rather than dicts where most calls go: they are made and encoded in two thirds of the time; and text rather than
structs where these would hold an account alone: that takes half as long again.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

import msgspec

from tim_async.service import wire

from .base import Body

__all__ = [
    "account_list",
    "as_given",
    "friend_add",
    "friend_import",
    "friend_update",
    "member_add",
    "member_remove",
    "presence",
    "push_batch",
    "to_accounts",
    "to_accounts_with",
    "user_attrs",
    "user_ids",
    "user_tags",
    "user_tags_replacing",
]


_ENCODER = msgspec.json.Encoder()


def as_given(_accounts: Sequence[str], arguments: Sequence[Any], _options: object) -> object:
    """The one argument is the body."""
    (body,) = arguments
    return body


def to_accounts(accounts: Sequence[str], _arguments: Sequence[None], _options: object) -> object:
    """``{"To_Account": ["Mary"]}``."""
    return {"To_Account": accounts}


def to_accounts_with(*fields: str) -> Body:
    """Make the body of a list of accounts beside which the options stand under these names."""
    return lambda accounts, _arguments, options: dict(zip(fields, options, strict=True)) | {"To_Account": accounts}


def user_ids(field: str) -> Body:
    """Make the body of a list of ``{"UserID": ...}``."""
    begin, between, end = (text.encode() for text in (f'{{"{field}":[{{"UserID":', '},{"UserID":', "}]}"))

    def body(accounts: Sequence[str], _arguments: Sequence[None], _options: object) -> object:
        # JSON has no bare line feed within a text, so each one ends an account.
        return msgspec.Raw(begin + _ENCODER.encode_lines(accounts)[:-1].replace(b"\n", between) + end)

    return body


def account_list(accounts: Sequence[str], arguments: Sequence[Mapping[str, str]], _options: object) -> object:
    """``{"AccountList": [{"UserID": "Mary", "Nick": "M"}]}``."""
    pairs = zip(accounts, arguments, strict=True)
    return {"AccountList": [{"UserID": account} | _spelled(argument) for account, argument in pairs]}


# Push


def user_attrs(accounts: Sequence[str], arguments: Sequence[Any], _options: object) -> object:
    """``{"UserAttrs": [{"To_Account": "Mary", "Attrs": ...}]}``: a mapping to set, names to remove."""
    return {"UserAttrs": list(starmap(wire.AccountAttrs, zip(accounts, arguments, strict=True)))}


def user_tags(accounts: Sequence[str], arguments: Sequence[Any], _options: object) -> dict[str, object]:
    """``{"UserTags": [{"To_Account": "Mary", "Tags": ["a"]}]}``."""
    return {"UserTags": list(starmap(wire.AccountTags, zip(accounts, arguments, strict=True)))}


def user_tags_replacing(accounts: Sequence[str], arguments: Sequence[Any], options: tuple[bool]) -> object:
    """The same with ``Replace``: whether these tags are put in place of all others."""
    (replace,) = options
    return {"Replace": int(replace)} | user_tags(accounts, arguments, None)


def push_batch(
    accounts: Sequence[str], _arguments: Sequence[None], options: tuple[str, int, bytes, str | None]
) -> object:
    """One message for many accounts."""
    from_account, msg_random, offline_push_info, data_id = options
    # The service drops a message with the MsgRandom of another one of the same second. The calls of one batch must not
    # share theirs, and a call that is repeated must keep it: so it follows from the accounts.
    number = zlib.crc32("\0".join(accounts).encode(), msg_random)
    body = {
        "From_Account": from_account,
        "To_Account": accounts,
        "MsgRandom": number,
        "OfflinePushInfo": msgspec.Raw(offline_push_info),
    }
    return body if data_id is None else body | {"DataId": data_id}


# Presence and profiles


def presence(accounts: Sequence[str], _arguments: Sequence[None], _options: object) -> object:
    """The status of accounts, with their devices."""
    return {"To_Account": accounts, "IsNeedDetail": 1}


# Friends and the block list

_SPELLED = {
    "nick": "Nick",
    "face_url": "FaceUrl",
    "add_source": "AddSource",
    "remark": "Remark",
    "remark_time": "RemarkTime",
    "group_name": "GroupName",
    "group_names": "GroupName",
    "add_wording": "AddWording",
    "add_time": "AddTime",
}


def _tagged(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"Tag": tag, "Value": value} for tag, value in values.items()]


def _spelled(argument: Mapping[str, Any]) -> dict[str, object]:
    """Our names in the service's spelling."""
    spelled: dict[str, object] = {_SPELLED[name]: value for name, value in argument.items() if name != "custom"}
    if "custom" in argument:
        spelled["CustomItem"] = _tagged(argument["custom"])
    return spelled


def _friend_items(accounts: Sequence[str], arguments: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    pairs = zip(accounts, arguments, strict=True)
    return [{"To_Account": account} | _spelled(argument) for account, argument in pairs]


def friend_add(
    accounts: Sequence[str], arguments: Sequence[Mapping[str, Any]], options: tuple[str, str, bool]
) -> object:
    """New friends."""
    from_account, add_type, force_add = options
    return {
        "From_Account": from_account,
        "AddFriendItem": _friend_items(accounts, arguments),
        "AddType": add_type,
        "ForceAddFlags": int(force_add),
    }


def friend_import(accounts: Sequence[str], arguments: Sequence[Mapping[str, Any]], options: tuple[str]) -> object:
    """Imported friends."""
    (from_account,) = options
    return {"From_Account": from_account, "AddFriendItem": _friend_items(accounts, arguments)}


def friend_update(accounts: Sequence[str], arguments: Sequence[Mapping[str, Any]], options: tuple[str]) -> object:
    """Changed fields of friends."""
    (from_account,) = options
    pairs = zip(accounts, arguments, strict=True)
    items = [{"To_Account": account, "SnsItem": _tagged(values)} for account, values in pairs]
    return {"From_Account": from_account, "UpdateItem": items}


# Groups


def member_add(accounts: Sequence[str], _arguments: Sequence[None], options: tuple[str, bool]) -> object:
    """New members of a group."""
    group_id, silence = options
    members = [{"Member_Account": account} for account in accounts]
    return {"GroupId": group_id, "Silence": int(silence), "MemberList": members}


def member_remove(accounts: Sequence[str], _arguments: Sequence[None], options: tuple[str, bool, str | None]) -> object:
    """Members to be removed from a group."""
    group_id, silence, reason = options
    body = {"GroupId": group_id, "Silence": int(silence), "MemberToDel_Account": accounts}
    return body if reason is None else body | {"Reason": reason}
