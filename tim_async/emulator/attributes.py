"""Attributes of accounts: one store, spoken to by ``timpush`` and by the older ``all_member_push``."""

from dataclasses import replace

from .command import JSON, Command, Family, accounts_in, entries_in
from .refusals import Refusal
from .replies import errors_listed, nothing, values_listed
from .store import Store

FAMILY = Family(bad_json=90001, malformed=90001, empty=90001, too_many=90018, not_admin=90009, busy=(91000,))

READING = replace(FAMILY, not_admin=60010)
"""The pages of get_attr and im_get_attr don't list 90009, so the general code of the gateway remains."""

LONGEST_VALUE = 50
"""Bytes of an attribute's value (timpush/set_attr)."""


def _values(command: Command, store: Store, value: JSON, _body: JSON) -> dict[str, str]:
    attributes = value.get("Attrs")
    if not isinstance(attributes, dict):
        raise Refusal(command.family.malformed)
    for name, text in attributes.items():
        if not store.declared(name) or not isinstance(text, str) or len(text.encode()) > LONGEST_VALUE:
            raise Refusal(90033)
    return attributes


def _names(command: Command, store: Store, value: JSON, _body: JSON) -> list[str]:
    names = value.get("Attrs")
    if not isinstance(names, list):
        raise Refusal(command.family.malformed)
    if not all(isinstance(name, str) and store.declared(name) for name in names):
        raise Refusal(90033)
    return names


def _set(store: Store, account: str, attributes: dict[str, str]) -> tuple[int, None]:
    known = store.accounts.get(account)
    if known is None:
        return 70107, None
    known.attributes.update(attributes)
    return 0, None


def _get(store: Store, account: str, _argument: None) -> tuple[int, dict[str, str]]:
    known = store.accounts.get(account)
    return (70107, {}) if known is None else (0, known.attributes)


def _remove(store: Store, account: str, names: list[str]) -> tuple[int, None]:
    known = store.accounts.get(account)
    if known is None:
        return 70107, None
    for name in names:
        known.attributes.pop(name, None)
    return 0, None


COMMANDS = [
    Command(
        path="timpush/set_attr",
        family=FAMILY,
        read=entries_in("UserAttrs", "To_Account", _values),
        apply=_set,
        write=errors_listed(),
    ),
    Command(
        path="all_member_push/im_get_attr",
        family=READING,
        read=accounts_in("To_Account"),
        apply=_get,
        write=values_listed("UserAttrs", "Attrs"),
        per_account=False,
    ),
    Command(
        path="all_member_push/im_remove_attr",
        family=FAMILY,
        read=entries_in("UserAttrs", "To_Account", _names),
        apply=_remove,
        write=nothing,
        per_account=False,
    ),
]
