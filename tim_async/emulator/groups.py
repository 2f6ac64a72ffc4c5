"""The family ``group_open_http_svc``, as far as lists of accounts go: groups and their members."""

from collections.abc import Sequence

from .command import JSON, Command, Item, Result, entries_in, listed, named, text_in
from .families import GROUPS
from .refusals import Refusal
from .replies import nothing
from .store import Store

TYPES = frozenset({"Public", "Private", "Work", "ChatRoom", "Meeting", "AVChatRoom", "Community"})
"""What ``Type`` may say."""

FAILED, DONE, ALREADY = 0, 1, 2
"""``Result`` of a new member; here, and only here, 0 is failure and 1 success."""


def _group(command: Command, store: Store, body: JSON) -> str:
    group = body.get("GroupId")
    if not isinstance(group, str):
        raise Refusal(command.family.malformed)
    if group not in store.groups:
        raise Refusal(10010)
    return group


def _to_create(command: Command, store: Store, body: JSON) -> list[Item]:
    if text_in(command, body, "Type") not in TYPES or not text_in(command, body, "Name"):
        raise Refusal(command.family.malformed)
    group = text_in(command, body, "GroupId") or store.new_id("@TGS#")
    if group in store.groups:
        raise Refusal(10021)
    members = body.get("MemberList", [])
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise Refusal(command.family.malformed)
    people = [named(command, member.get("Member_Account")) for member in members]
    owner = text_in(command, body, "Owner_Account")
    people += [owner] if owner else []
    if not all(store.user(person) for person in people):
        raise Refusal(10019)
    return [("", (group, people))]


def _create(store: Store, _account: str, argument: tuple[str, list[str]]) -> tuple[int, str]:
    group, people = argument
    store.groups[group] = set(people)
    return 0, group


def _created(results: Sequence[Result]) -> JSON:
    return {"GroupId": results[0][2]}


def _in_group(command: Command, store: Store, _value: JSON, body: JSON) -> str:
    return _group(command, store, body)


def _add(store: Store, account: str, group: str) -> tuple[int, int]:
    if store.user(account) is None:
        return 10019, FAILED
    members = store.groups[group]
    if account in members:
        return 0, ALREADY
    members.add(account)
    return 0, DONE


def _added(results: Sequence[Result]) -> JSON:
    members = [{"Member_Account": account, "Result": FAILED if code else result} for account, code, result in results]
    return {"MemberList": members}


def _to_remove(command: Command, store: Store, body: JSON) -> list[Item]:
    members = [named(command, account) for account in listed(command, body.get("MemberToDel_Account"))]
    group = _group(command, store, body)
    return [(member, group) for member in members]


def _remove(store: Store, account: str, group: str) -> tuple[int, None]:
    store.groups[group].discard(account)
    return 0, None


COMMANDS = [
    Command(
        path="group_open_http_svc/create_group",
        family=GROUPS,
        read=_to_create,
        apply=_create,
        write=_created,
        rate=200,
        per_account=False,
    ),
    Command(
        path="group_open_http_svc/add_group_member",
        family=GROUPS,
        read=entries_in("MemberList", "Member_Account", _in_group),
        apply=_add,
        write=_added,
        rate=200,
        limit=300,
    ),
    Command(
        path="group_open_http_svc/delete_group_member",
        family=GROUPS,
        read=_to_remove,
        apply=_remove,
        write=nothing,
        rate=200,
        per_account=False,
    ),
]
