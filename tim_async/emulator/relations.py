"""The family ``sns``: friends and block lists of one account, item by item."""

from collections.abc import Callable, Sequence
from typing import Any

from .command import JSON, Command, Item, Result, entries_in, listed, named
from .families import RELATIONS
from .profiles import ALLOW, profile_of
from .refusals import BLOCKED_ALREADY, FRIEND_EXISTS, IMPORTED_ALREADY, INFO, NOT_A_FRIEND_TO_UPDATE, Refusal
from .replies import failed
from .store import Store

Argument = tuple[str, Any]
"""The account whose relations they are, and what else there is."""

_ITEM_FIELDS = ("Remark", "GroupName", "AddSource", "AddWording", "AddTime")


def _owner(command: Command, store: Store, body: JSON) -> str:
    owner = named(command, body.get("From_Account"))
    if store.user(owner) is None:
        raise Refusal(30003)
    return owner


def _listed(option: str = "") -> Callable[[Command, Store, JSON], list[Item]]:
    """A reader of ``{"From_Account": ..., "To_Account": [...]}`` with one option beside it."""

    def read(command: Command, store: Store, body: JSON) -> list[Item]:
        accounts = [named(command, account) for account in listed(command, body.get("To_Account"))]
        argument = (_owner(command, store, body), body.get(option))
        return [(account, argument) for account in accounts]

    return read


def _to_read(command: Command, store: Store, body: JSON) -> list[Item]:
    items, tags = _listed("TagList")(command, store, body), body.get("TagList")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise Refusal(command.family.malformed)
    return items


def _to_add(command: Command, store: Store, value: JSON, body: JSON) -> Argument:
    fields = {f"Tag_SNS_IM_{name}": value[name] for name in _ITEM_FIELDS if name in value}
    options = (body.get("AddType", "Add_Type_Both") == "Add_Type_Both", body.get("ForceAddFlags", 0) == 1)
    return _owner(command, store, body), (fields, *options)


def _to_import(command: Command, store: Store, value: JSON, body: JSON) -> Argument:
    owner, (fields, _, _) = _to_add(command, store, value, body)
    return owner, (fields, False, True)


def _to_update(command: Command, store: Store, value: JSON, body: JSON) -> Argument:
    items = value.get("SnsItem")
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("Tag"), str) for item in items
    ):
        raise Refusal(command.family.malformed)
    return _owner(command, store, body), {item["Tag"]: item.get("Value") for item in items}


def _add(store: Store, account: str, argument: tuple[str, tuple[JSON, bool, bool]]) -> tuple[int, str | None]:
    code = _befriend(store, account, argument)
    return code, FRIEND_EXISTS if _is_friend(store, account, argument) and code == 30001 else None


def _import(store: Store, account: str, argument: tuple[str, tuple[JSON, bool, bool]]) -> tuple[int, str | None]:
    code = _befriend(store, account, argument)
    return code, IMPORTED_ALREADY if _is_friend(store, account, argument) and code == 30001 else None


def _is_friend(store: Store, account: str, argument: Argument) -> bool:
    return account in store.friends.get(argument[0], {})


def _befriend(store: Store, account: str, argument: tuple[str, tuple[JSON, bool, bool]]) -> int:
    owner, (fields, both, forced) = argument
    code = _may_add(store, owner, account, forced=forced)
    if not code:
        store.friends.setdefault(owner, {})[account] = fields
        if both:
            store.friends.setdefault(account, {}).setdefault(owner, {})
    return code


def _may_add(store: Store, owner: str, account: str, *, forced: bool) -> int:
    known = store.user(account)
    if known is None:
        return 30003
    if account == owner or account in store.friends.get(owner, {}):
        return 30001
    if account in store.blocked.get(owner, ()):
        return 30515
    if owner in store.blocked.get(account, ()):
        return 30525
    allow = "" if forced else (known.profile or {}).get(ALLOW, "")
    return {"AllowType_Type_NeedConfirm": 30539, "AllowType_Type_DenyAny": 30516}.get(allow, 0)


def _update(store: Store, account: str, argument: tuple[str, JSON]) -> tuple[int, str | None]:
    owner, fields = argument
    friend = store.friends.get(owner, {}).get(account)
    if friend is None:
        return 30001, NOT_A_FRIEND_TO_UPDATE
    friend.update(fields)
    return 0, None


def _remove(store: Store, account: str, argument: Argument) -> tuple[int, None]:
    """Somebody who is not a friend answers 31704: what was asked for is the case."""
    owner, kind = argument
    was_friend = store.friends.get(owner, {}).pop(account, None) is not None
    if kind == "Delete_Type_Both":
        store.friends.get(account, {}).pop(owner, None)
    return (0 if was_friend else 31704), None


def _relation(prefix: str, *, mine: bool, theirs: bool, neither: str) -> str:
    words = {(True, True): "BothWay", (True, False): "AWithB", (False, True): "BWithA", (False, False): neither}
    return f"{prefix}_{words[mine, theirs]}"


def _check(store: Store, account: str, argument: Argument) -> tuple[int, str]:
    owner, kind = argument
    if store.user(account) is None:
        return 30003, "CheckResult_Type_NoRelation"
    theirs = kind != "CheckResult_Type_Single" and owner in store.friends.get(account, {})
    mine = account in store.friends.get(owner, {})
    return 0, _relation("CheckResult_Type", mine=mine, theirs=theirs, neither="NoRelation")


def _get(store: Store, account: str, argument: Argument) -> tuple[int, list[JSON]]:
    owner, tags = argument
    friend, known = store.friends.get(owner, {}).get(account), store.user(account)
    if known is None:
        return 30003, []
    if friend is None:
        return 30001, []
    fields = {**profile_of(known), **friend}
    wanted = friend if tags is None else tags
    return 0, [{"Tag": tag, "Value": fields[tag]} for tag in wanted if tag in fields]


def _block(store: Store, account: str, argument: Argument) -> tuple[int, str | None]:
    """Whoever is blocked already answers 30001, which a blind repeat must expect."""
    owner, _ = argument
    if store.user(account) is None:
        return 30003, None
    blocked = store.blocked.setdefault(owner, set())
    if account in blocked:
        return 30001, BLOCKED_ALREADY
    blocked.add(account)
    store.friends.get(owner, {}).pop(account, None)
    return 0, None


def _unblock(store: Store, account: str, argument: Argument) -> tuple[int, None]:
    store.blocked.get(argument[0], set()).discard(account)
    return 0, None


def _check_blocked(store: Store, account: str, argument: Argument) -> tuple[int, str]:
    owner, kind = argument
    if store.user(account) is None:
        return 30003, "BlackCheckResult_Type_NO"
    theirs = kind != "BlackCheckResult_Type_Single" and owner in store.blocked.get(account, ())
    mine = account in store.blocked.get(owner, ())
    return 0, _relation("BlackCheckResult_Type", mine=mine, theirs=theirs, neither="NO")


def _words(code: int, said: object) -> str:
    """30001 has many causes, so it comes with words of its own."""
    return said if code == 30001 and isinstance(said, str) else INFO.get(code, "")


def _results(field: str, value: str = "", *, failures: bool = True) -> Callable[[Sequence[Result]], JSON]:
    """A writer of everybody with a code, and of the names of those that failed."""

    def write(results: Sequence[Result]) -> JSON:
        items = [
            {"To_Account": account, "ResultCode": code, "ResultInfo": _words(code, read)}
            for account, code, read in results
        ]
        if value:
            for item, (_, _, read) in zip(items, results, strict=True):
                if read is not None:
                    item[value] = read
        return {field: items, **(failed(results) if failures else {"ErrorDisplay": ""})}

    return write


def _row(path: str, read: Any, apply: Any, write: Any = None, limit: int = 1000) -> Command:
    write = write or _results("ResultItem")
    return Command(path=f"sns/{path}", family=RELATIONS, read=read, apply=apply, write=write, rate=200, limit=limit)


COMMANDS = [
    _row("friend_add", entries_in("AddFriendItem", "To_Account", _to_add), _add),
    _row("friend_import", entries_in("AddFriendItem", "To_Account", _to_import), _import),
    _row("friend_update", entries_in("UpdateItem", "To_Account", _to_update), _update),
    _row("friend_delete", _listed("DeleteType"), _remove, _results("ResultItem", failures=False)),
    _row("friend_check", _listed("CheckType"), _check, _results("InfoItem", "Relation")),
    _row("friend_get_list", _to_read, _get, _results("InfoItem", "SnsProfileItem"), limit=100),
    _row("black_list_add", _listed(), _block),
    _row("black_list_delete", _listed(), _unblock),
    _row("black_list_check", _listed("CheckType"), _check_blocked, _results("BlackListCheckItem", "Relation")),
]
