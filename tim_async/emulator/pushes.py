"""Pushes: to everybody, to those that fit a condition, or to a list of accounts; nothing is really sent.

Pages: https://trtc.io/document/60561 (push), 67553 (batch), 67824 (revoke) and 74196 (their codes); for im_push
https://www.tencentcloud.com/document/product/1047/37166. Daily quotas are not kept.
"""

from collections.abc import Sequence
from typing import Any

from .command import JSON, Command, Item, Result, listed, named
from .families import PUSH
from .refusals import Refusal
from .replies import encode, errors_listed, top_level
from .store import Store, Task
from .tags import LONGEST, MOST_AT_ONCE

LIFETIME = 604_800
"""Longest ``MsgLifeTime``, seconds."""

REVOCABLE = 86_400
"""How long a push can be revoked, seconds."""

LONGEST_DATA_ID = 64
"""Bytes of ``DataId``."""

LONGEST_PUSH = 10_240
"""Bytes of ``OfflinePushInfo`` and ``MsgBody``."""

_NUMBERS, _TEXTS = ("PushFlag",), ("Title", "Desc", "Ext")

_TAGS = ("TagsOr", "TagsAnd", "TagsNot")
_ATTRIBUTES = ("AttrsOr", "AttrsAnd")
_errors = errors_listed()


def _message(store: Store, body: JSON) -> None:
    """Refuse a message that nobody could get."""
    sender, told = body.get("From_Account"), body.get("OfflinePushInfo", {})
    if sender is not None and not (isinstance(sender, str) and (sender in store.admins or store.user(sender))):
        raise Refusal(90008)
    if not isinstance(told, dict):
        raise Refusal(90043)
    for fields, kind in ((_NUMBERS, int), (_TEXTS, str)):
        if not all(isinstance(told[field], kind) for field in fields if field in told):
            raise Refusal(90043)
    if len(encode({"OfflinePushInfo": told, "MsgBody": body.get("MsgBody")})) > LONGEST_PUSH:
        raise Refusal(90056)


def _condition(store: Store, condition: object) -> None:
    """Refuse a condition that fits nobody by its form."""
    if not isinstance(condition, dict):
        raise Refusal(90001)
    tags = {field: condition[field] for field in _TAGS if field in condition}
    attributes = [condition[field] for field in _ATTRIBUTES if field in condition]
    if tags and attributes:
        raise Refusal(90039)
    for wanted in tags.values():
        _tags(wanted)
    if set(tags.get("TagsOr", ())) & set(tags.get("TagsAnd", ())):
        raise Refusal(90022)
    for wanted in attributes:
        if not isinstance(wanted, dict) or not all(store.declared(name) for name in wanted):
            raise Refusal(90033)


def _tags(wanted: object) -> None:
    if not isinstance(wanted, list) or not all(isinstance(tag, str) for tag in wanted):
        raise Refusal(90001)
    if len(wanted) > MOST_AT_ONCE:
        raise Refusal(90032)
    if not all(wanted):
        raise Refusal(90040)
    if any(len(tag.encode()) > LONGEST for tag in wanted):
        raise Refusal(90020)


def _to_all(command: Command, store: Store, body: JSON) -> list[Item]:
    random, message = body.get("MsgRandom"), body.get("MsgBody")
    if not isinstance(random, int):
        raise Refusal(90005)
    if message is not None and not isinstance(message, list):
        raise Refusal(90007)
    if not message and not (command.path.startswith("timpush/") and isinstance(body.get("OfflinePushInfo"), dict)):
        raise Refusal(90002)
    lifetime = body.get("MsgLifeTime", 0)
    if not isinstance(lifetime, int) or not 0 <= lifetime <= LIFETIME:
        raise Refusal(90026)
    _message(store, body)
    if "Condition" in body:
        _condition(store, body["Condition"])
    return [("", (store.new_id("all_"), body))]


def _push(store: Store, _account: str, argument: tuple[str, JSON]) -> tuple[int, str]:
    task, body = argument
    store.tasks[task] = Task(body, store.now())
    return 0, task


def _to_list(command: Command, store: Store, body: JSON) -> list[Item]:
    accounts = [named(command, account) for account in listed(command, body.get("To_Account"))]
    data = body.get("DataId", "")
    if not isinstance(body.get("MsgRandom"), int) or body.get("OfflinePushInfo") is None:
        raise Refusal(90001)
    _message(store, body)
    if not isinstance(data, str) or len(data.encode()) > LONGEST_DATA_ID:
        raise Refusal(90057)
    task = store.new_id("batch_")
    return [(account, (task, body)) for account in accounts]


def _push_one(store: Store, account: str, argument: tuple[str, JSON]) -> tuple[int, str]:
    task, body = argument
    kept = store.tasks.setdefault(task, Task(body, store.now()))
    if account not in store.accounts:
        return 70107, task
    kept.accounts.append(account)
    return 0, task


def _task(results: Sequence[Result]) -> JSON:
    return {"TaskId": next((task for _, _, task in results if task), "")}


def _task_and_errors(results: Sequence[Result]) -> JSON:
    return {**_task(results), **_errors(results)}


def _task_named(command: Command, _store: Store, body: JSON) -> list[Item]:
    task = body.get("TaskId")
    if not isinstance(task, str):
        raise Refusal(command.family.malformed)
    return [("", task)]


def _revoke(store: Store, _account: str, name: str) -> tuple[int, Any]:
    task = store.tasks.get(name)
    if task is None:
        return 90049, None
    if task.revoked:
        return 90050, None
    if store.now() > task.time + REVOCABLE:
        return 90052, None
    task.revoked = True
    return 0, None


COMMANDS = [
    *[
        Command(
            path=path,
            family=PUSH,
            read=_to_all,
            apply=_push,
            write=_task,
            rate=1,
            per_account=False,
            too_fast=90024,
        )
        for path in ("timpush/push", "all_member_push/im_push")
    ],
    Command(
        path="timpush/batch",
        family=PUSH,
        read=_to_list,
        apply=_push_one,
        write=_task_and_errors,
        rate=30,
        limit=500,
    ),
    Command(
        path="timpush/revoke",
        family=PUSH,
        read=_task_named,
        apply=_revoke,
        write=top_level,
        rate=1,
        per_account=False,
        too_fast=90051,
    ),
]
