"""The family ``im_open_login_svc``: importing, checking, deleting and kicking accounts.

Pages: https://trtc.io/document/34953 to 34957.
"""

from typing import Any

from .command import JSON, Command, Item, entries_in, entry, listed, named, one_in, text_in
from .families import ACCOUNTS, DELETING
from .replies import codes_listed, failures_named, top_level
from .store import Account, Store

Profile = tuple[str | None, str | None]
"""Nick and FaceUrl; None leaves them as they are."""


def _delete(store: Store, account: str, _argument: None) -> tuple[int, None]:
    return (0 if store.delete(account) else 70107), None


def _check(store: Store, account: str, _argument: None) -> tuple[int, str]:
    return 0, "NotImported" if store.user(account) is None else "Imported"


def _profile(command: Command, value: JSON) -> Profile:
    return text_in(command, value, "Nick"), text_in(command, value, "FaceUrl")


def _one_profile(command: Command, _store: Store, body: JSON) -> Profile:
    return _profile(command, body)


def _profiles(command: Command, _store: Store, body: JSON) -> list[Item]:
    """Both spellings: ``Accounts`` with names alone, and since 2024 ``AccountList`` with Nick and FaceUrl."""
    if "AccountList" not in body:
        return [(named(command, account), (None, None)) for account in listed(command, body.get("Accounts"))]
    pairs = [entry(command, value, "UserID") for value in listed(command, body["AccountList"])]
    return [(account, _profile(command, value)) for account, value in pairs]


def _import(store: Store, account: str, profile: Profile) -> tuple[int, Any]:
    if not store.can_import(account):
        return 70399, None
    nickname, face_url = profile
    kept = store.accounts.setdefault(account, Account())
    if nickname is not None:
        kept.nickname = nickname
    if face_url is not None:
        kept.face_url = face_url
    return 0, None


def _kick(store: Store, account: str, _argument: None) -> tuple[int, None]:
    known = store.user(account)
    if known is None:
        return 70107, None
    known.platforms = None
    return 0, None


COMMANDS = [
    Command(
        path="im_open_login_svc/account_delete",
        family=DELETING,
        read=entries_in("DeleteItem", "UserID"),
        apply=_delete,
        write=codes_listed("ResultItem", "UserID"),
    ),
    Command(
        path="im_open_login_svc/account_check",
        family=ACCOUNTS,
        read=entries_in("CheckItem", "UserID"),
        apply=_check,
        write=codes_listed("ResultItem", "UserID", "AccountStatus"),
    ),
    Command(
        path="im_open_login_svc/multiaccount_import",
        family=ACCOUNTS,
        read=_profiles,
        apply=_import,
        write=failures_named,
    ),
    Command(
        path="im_open_login_svc/account_import",
        family=ACCOUNTS,
        read=one_in("UserID", _one_profile, formerly="Identifier"),
        apply=_import,
        write=top_level,
        rate=200,
    ),
    Command(
        path="im_open_login_svc/kick",
        family=ACCOUNTS,
        read=one_in("UserID", formerly="Identifier"),
        apply=_kick,
        write=top_level,
        rate=200,
    ),
]
