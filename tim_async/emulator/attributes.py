"""Attributes of accounts: one store, spoken to by ``timpush`` and by the older ``all_member_push``.

Pages: https://trtc.io/document/67815 to 67819; for the older family
https://www.tencentcloud.com/document/product/1047/37167 to 37171.
"""

from typing import Any

from .command import JSON, Command, accounts_in, entries_in
from .families import PUSH, PUSH_READING
from .refusals import Refusal
from .replies import nothing
from .store import Account, Store
from .twins import twins

LONGEST_VALUE = 50
"""Bytes of an attribute's value (timpush/set_attr), and of its name (timpush/set_attr_name)."""

SLOTS = frozenset("0123456789")


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


def _set(store: Store, known: Account, attributes: dict[str, str]) -> tuple[int, None]:
    if any(store.for_registrations(name) not in {None, known.registration} for name in attributes):
        return 90035, None
    known.attributes.update(attributes)
    return 0, None


def _get(_store: Store, known: Account, _argument: None) -> tuple[int, dict[str, str]]:
    return 0, known.attributes


def _remove(_store: Store, known: Account, names: list[str]) -> tuple[int, None]:
    for name in names:
        known.attributes.pop(name, None)
    return 0, None


def _declaration(command: Command, store: Store, body: JSON) -> list[tuple[str, Any]]:
    """Names and types of slots; a name is there once only, and a type never changes."""
    names, types = body.get("AttrNames"), body.get("AttrTypes", {})
    if not isinstance(names, dict) or not names or not isinstance(types, dict):
        raise Refusal(command.family.malformed)
    for slot, name in names.items():
        if slot not in SLOTS or not isinstance(name, str) or not 0 < len(name.encode()) <= LONGEST_VALUE:
            raise Refusal(90033)
    after = [*{**(store.slots or {}), **names}.values()]
    if len(set(after)) < len(after) or not all(_may_have(store, names, *pair) for pair in types.items()):
        raise Refusal(90033)
    return [("", (names, types))]


def _may_have(store: Store, names: JSON, slot: str, kind: object) -> bool:
    return (slot in names or slot in store.slot_types) and kind in (0, 1) and store.slot_types.get(slot, kind) == kind


def _declare(store: Store, _account: str, declaration: tuple[dict[str, str], dict[str, int]]) -> tuple[int, None]:
    names, types = declaration
    store.slots = {**(store.slots or {}), **names}
    store.slot_types = {**dict.fromkeys(names, 0), **store.slot_types, **types}
    return 0, None


def _nothing_else(command: Command, _store: Store, body: JSON) -> list[tuple[str, Any]]:
    if body:
        raise Refusal(command.family.malformed)
    return [("", None)]


def _declared(store: Store, _account: str, _argument: None) -> tuple[int, JSON]:
    return 0, {"AttrNames": store.slots or {}, "AttrTypes": store.slot_types}


def _old_declared(store: Store, _account: str, _argument: None) -> tuple[int, JSON]:
    return 0, {"AttrNames": store.slots or {}}


def _declarations(results: Any) -> JSON:
    fields: JSON = results[0][2]
    return fields


def _naming(path: str, *, reading: bool, apply: Any) -> Command:
    return Command(
        path=path,
        family=PUSH,
        read=_nothing_else if reading else _declaration,
        apply=apply,
        write=_declarations if reading else nothing,
        per_account=False,
    )


COMMANDS = [
    *twins("set_attr", read=entries_in("UserAttrs", "To_Account", _values), apply=_set),
    *twins(
        "get_attr",
        read=accounts_in("To_Account"),
        apply=_get,
        listed=("UserAttrs", "Attrs"),
        unknown={},
        family=PUSH_READING,
    ),
    *twins("remove_attr", read=entries_in("UserAttrs", "To_Account", _names), apply=_remove),
    _naming("timpush/set_attr_name", reading=False, apply=_declare),
    _naming("timpush/get_attr_name", reading=True, apply=_declared),
    _naming("all_member_push/im_set_attr_name", reading=False, apply=_declare),
    _naming("all_member_push/im_get_attr_name", reading=True, apply=_old_declared),
]
