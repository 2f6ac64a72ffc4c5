"""The family ``im_open_login_svc``: importing and deleting accounts."""

from typing import Any

from .command import JSON, Command, Family, Item, entries_in, entry, listed, named
from .refusals import Refusal
from .replies import codes_listed, failures_named
from .store import Account, Store

FAMILY = Family(
    bad_json=60003,
    malformed=70402,
    empty=70402,
    too_many=70402,
    not_admin=70403,
    busy=(70500, 30006, 30007, 40006, 70169, 70202),
    longest=32,
)


def _delete(store: Store, account: str, _argument: None) -> tuple[int, None]:
    return (0 if store.delete(account) else 70107), None


def _text(command: Command, value: JSON, field: str) -> str | None:
    text = value.get(field)
    if text is not None and not isinstance(text, str):
        raise Refusal(command.family.malformed)
    return text


def _to_import(command: Command, _store: Store, body: JSON) -> list[Item]:
    """Both spellings: ``Accounts`` with names alone, and since 2024 ``AccountList`` with Nick and FaceUrl."""
    if "AccountList" not in body:
        return [(named(command, account), (None, None)) for account in listed(command, body.get("Accounts"))]
    pairs = [entry(command, value, "UserID") for value in listed(command, body["AccountList"])]
    return [(account, (_text(command, value, "Nick"), _text(command, value, "FaceUrl"))) for account, value in pairs]


def _import(store: Store, account: str, profile: tuple[str | None, str | None]) -> tuple[int, Any]:
    if not store.can_import(account):
        return 70399, None
    nickname, face_url = profile
    kept = store.accounts.setdefault(account, Account())
    if nickname is not None:
        kept.nickname = nickname
    if face_url is not None:
        kept.face_url = face_url
    return 0, None


COMMANDS = [
    Command(
        path="im_open_login_svc/account_delete",
        family=FAMILY,
        read=entries_in("DeleteItem", "UserID"),
        apply=_delete,
        write=codes_listed,
    ),
    Command(
        path="im_open_login_svc/multiaccount_import",
        family=FAMILY,
        read=_to_import,
        apply=_import,
        write=failures_named,
    ),
]
