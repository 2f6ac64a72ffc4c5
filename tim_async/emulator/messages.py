"""The family ``openim``: who is online, and one message to many accounts; nothing is really sent.

Pages: https://trtc.io/document/35477 (query_online_status); batchsendmsg, whose limit of recipients per minute
(https://cloud.tencent.com/document/product/269/93324) is not kept.
"""

from collections.abc import Sequence

from .command import JSON, Command, Item, Result, accounts_in
from .families import MESSAGES
from .refusals import Refusal
from .replies import base, errors_listed
from .store import Store

_accounts = accounts_in("To_Account")
_errors = errors_listed()


def _asked(command: Command, store: Store, body: JSON) -> list[Item]:
    detailed = body.get("IsNeedDetail", 0) == 1
    return [(account, detailed) for account, _ in _accounts(command, store, body)]


def _status(store: Store, account: str, detailed: object) -> tuple[int, JSON | None]:
    known = store.user(account)
    if known is None:
        return 70107, None
    platforms, field = known.platforms or {}, store.status_field
    told: JSON = {
        field: next((status for status in ("Online", "PushOnline") if status in platforms.values()), "Offline")
    }
    if detailed and platforms:
        told["Detail"] = [{"Platform": platform, field: status} for platform, status in platforms.items()]
    return 0, told


def _statuses(results: Sequence[Result]) -> JSON:
    """The code of the whole call is not zero if, and only if, every account failed."""
    told = [{"To_Account": account, **status} for account, code, status in results if not code]
    return {**({} if told else base(results[0][1])), "QueryResult": told, **_errors(results)}


def _message(command: Command, store: Store, body: JSON) -> list[Item]:
    if body.get("To_Account") == []:
        raise Refusal(90029)
    accounts = _accounts(command, store, body)
    message = body.get("MsgBody")
    if not isinstance(body.get("MsgRandom"), int):
        raise Refusal(90005)
    if not isinstance(message, list):
        raise Refusal(90007)
    if not message:
        raise Refusal(90002)
    key = store.new_id("message_")
    return [(account, key) for account, _ in accounts]


def _send(store: Store, account: str, key: str) -> tuple[int, str]:
    return (70107 if store.user(account) is None else 0), key


def _sent(results: Sequence[Result]) -> JSON:
    """Some failed: a third ActionStatus, with a code that means success. All failed: 90012."""
    failed = sum(1 for _, code, _ in results if code)
    if failed == len(results):
        return {**base(90012), **_errors(results)}
    key = next(key for _, code, key in results if not code)
    return {**({"ActionStatus": "SomeError"} if failed else {}), "MsgKey": key, **_errors(results)}


COMMANDS = [
    Command(
        path="openim/query_online_status",
        family=MESSAGES,
        read=_asked,
        apply=_status,
        write=_statuses,
        rate=200,
        limit=500,
    ),
    Command(
        path="openim/batchsendmsg",
        family=MESSAGES,
        read=_message,
        apply=_send,
        write=_sent,
        rate=200,
        limit=500,
    ),
]
