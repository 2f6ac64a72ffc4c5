"""The family ``profile``: reading the profiles of many accounts, writing that of one."""

from collections.abc import Sequence
from typing import Any

from .command import JSON, Command, Item, Result, accounts_in, one_in
from .families import PROFILES
from .refusals import INFO, Refusal
from .replies import failed, top_level
from .store import Account, Store

NICK, IMAGE = "Tag_Profile_IM_Nick", "Tag_Profile_IM_Image"
"""The two fields that an import sets too."""

ALLOW = "Tag_Profile_IM_AllowType"
"""Whether somebody may be added as a friend without being asked."""

LONGEST_VALUE = 500
"""Bytes of a value."""

_accounts = accounts_in("To_Account")


def known_tag(tag: object) -> bool:
    """Whether a profile can have a field of this name."""
    return isinstance(tag, str) and tag.startswith(("Tag_Profile_IM_", "Tag_Profile_Custom_"))


def _asked(command: Command, store: Store, body: JSON) -> list[Item]:
    items, tags = _accounts(command, store, body), body.get("TagList")
    if not isinstance(tags, list) or not tags:
        raise Refusal(command.family.malformed)
    if not all(known_tag(tag) for tag in tags):
        raise Refusal(40009)
    return [(account, tags) for account, _ in items]


def profile_of(account: Account) -> JSON:
    """The fields of a profile that are set, by tag."""
    fields = {NICK: account.nickname, IMAGE: account.face_url}
    return {**{tag: value for tag, value in fields.items() if value}, **(account.profile or {})}


def _get(store: Store, account: str, tags: list[str]) -> tuple[int, list[JSON]]:
    known = store.user(account)
    if known is None:
        return 40003, []
    fields = profile_of(known)
    return 0, [{"Tag": tag, "Value": fields[tag]} for tag in tags if tag in fields]


def _profiles(results: Sequence[Result]) -> JSON:
    items = [
        {"To_Account": account, "ProfileItem": fields or [], "ResultCode": code, "ResultInfo": INFO.get(code, "")}
        for account, code, fields in results
    ]
    return {"UserProfileItem": items, **failed(results)}


def _fields(command: Command, _store: Store, body: JSON) -> JSON:
    items = body.get("ProfileItem")
    if not isinstance(items, list) or not items:
        raise Refusal(command.family.malformed)
    return dict(_field(command, item) for item in items)


def _field(command: Command, item: object) -> tuple[str, Any]:
    if not isinstance(item, dict) or "Value" not in item:
        raise Refusal(command.family.malformed)
    if not known_tag(item.get("Tag")):
        raise Refusal(40009)
    value = item["Value"]
    if not isinstance(value, str | int):
        raise Refusal(40610)
    if isinstance(value, str) and len(value.encode()) > LONGEST_VALUE:
        raise Refusal(40601)
    return item["Tag"], value


def _set(store: Store, account: str, fields: JSON) -> tuple[int, None]:
    known = store.user(account)
    if known is None:
        return 40003, None
    known.nickname = str(fields.get(NICK, known.nickname))
    known.face_url = str(fields.get(IMAGE, known.face_url))
    rest = {tag: value for tag, value in fields.items() if tag not in {NICK, IMAGE}}
    known.profile = {**(known.profile or {}), **rest} or None
    return 0, None


COMMANDS = [
    Command(path="profile/portrait_get", family=PROFILES, read=_asked, apply=_get, write=_profiles, rate=200),
    Command(
        path="profile/portrait_set",
        family=PROFILES,
        read=one_in("From_Account", _fields),
        apply=_set,
        write=top_level,
        rate=200,
    ),
]
