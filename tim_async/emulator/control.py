"""The doors for other processes, outside ``/v4``: what came, what is stored, and a way to start again. Plain JSON.

| | |
|---|---|
| ``GET /emulator/arrivals?path=timpush/get_tag`` | ``{"arrivals": [[seconds, refused], ...]}`` |
| ``GET /emulator/statistics`` | calls, refused, worst seconds ... by path |
| ``GET /emulator/accounts?prefix=M&limit=100`` | ``{"count": n, "accounts": {id: {...}}}``, at most ``limit`` of them |
| ``POST /emulator/accounts`` | ``["Mary", ...]``: import them |
| ``GET /emulator/books?account=Mary&path=timpush/set_attr`` | ``{"lines": [...]}``: what was really done |
| ``GET /emulator/entries?path=timpush/set_attr`` | ``{"entries": [[account, code], ...]}``: what was done to \
whom, of all calls of a command in their order; the code is null where nothing was done |
| ``GET /emulator/faults`` | what goes wrong, and how often each kind struck |
| ``POST /emulator/faults`` | ``{"chances": {"hang": 0.01}, "rules": [{"do": "busy", "call": 3}], "seed": 1}``; see \
``Fault``; ``{}`` ends all faults, and lets go what ``hold`` holds |
| ``POST /emulator/reset?keep_accounts=1`` | forget all, or all but the accounts; faults stay, counted from zero |
| ``POST /emulator/void?code=70052`` | declare the signatures of the past void, or expired with 70001 |
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import msgspec

from .faults import Faults, Plan
from .service import Service

_LIMIT = 100


class Mistake(Exception):
    """A control call that makes no sense; the text says what would."""


def _arrivals(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    if "path" not in query:
        raise Mistake("which command? ?path=service/command")
    return {"arrivals": service.traffic.arrivals(query["path"])}


def _statistics(service: Service, _query: Mapping[str, str], _body: bytes) -> Any:
    return service.traffic.statistics()


def _accounts(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    limit = query.get("limit", str(_LIMIT))
    if not limit.isdecimal():
        raise Mistake("limit is a whole number")
    accounts, prefix = service.store.accounts, query.get("prefix", "")
    names = [name for name in accounts if name.startswith(prefix)] if prefix else accounts
    return {"count": len(names), "accounts": {name: accounts[name] for name in islice(names, int(limit))}}


def _add_accounts(service: Service, _query: Mapping[str, str], body: bytes) -> Any:
    try:
        names = msgspec.json.decode(body, type=list[str])
    except ValueError as error:
        raise Mistake(f'accounts are a list such as ["Mary", "Bob"]: {error}') from error
    service.store.accounts.add(*names)
    return {}


def _books(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    if "account" not in query:
        raise Mistake("whose? ?account=Mary")
    return {"lines": [line._asdict() for line in service.books.of(query["account"], query.get("path", ""))]}


def _entries(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    if "path" not in query:
        raise Mistake("which command? ?path=service/command")
    calls = (call for call in service.books.calls if call.path == query["path"])
    return {"entries": [[item[0], code] for call in calls for item, code in zip(call.items, call.codes, strict=True)]}


def _faults(service: Service, _query: Mapping[str, str], _body: bytes) -> Any:
    return {"plan": service.faults.plan, "struck": service.faults.struck}


def _set_faults(service: Service, _query: Mapping[str, str], body: bytes) -> Any:
    try:
        plan = msgspec.json.decode(body, type=Plan)
        service.faults = Faults(plan.chances, plan.rules, seed=plan.seed)
    except ValueError as error:
        raise Mistake(str(error)) from error
    return {}


def _reset(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    service.reset(keep_accounts=query.get("keep_accounts", "0") != "0")
    return {}


def _void(service: Service, query: Mapping[str, str], _body: bytes) -> Any:
    code = query.get("code", "70052")
    if code not in {"70001", "70052"}:
        raise Mistake("code is 70052 (void) or 70001 (expired)")
    service.gate.end_signatures(int(code), service.now())
    return {}


_DOORS: dict[tuple[str, str], Callable[[Service, Mapping[str, str], bytes], Any]] = {
    ("GET", "arrivals"): _arrivals,
    ("GET", "statistics"): _statistics,
    ("GET", "accounts"): _accounts,
    ("GET", "books"): _books,
    ("GET", "entries"): _entries,
    ("GET", "faults"): _faults,
    ("POST", "accounts"): _add_accounts,
    ("POST", "faults"): _set_faults,
    ("POST", "reset"): _reset,
    ("POST", "void"): _void,
}


def answer(service: Service, method: str, name: str, query: Mapping[str, str], body: bytes) -> tuple[int, Any]:
    """Answer a control call.

    Args:
        service: What is controlled.
        method: The HTTP method.
        name: The last part of the path.
        query: The decoded parameters of the URL.
        body: The bytes of the request's body.

    Returns:
        The HTTP status, and what to send as JSON.
    """
    door = _DOORS.get((method, name))
    if door is None:
        return 404, {"error": "doors: " + ", ".join(f"{method} /emulator/{name}" for method, name in _DOORS)}
    try:
        return 200, door(service, query, body)
    except Mistake as mistake:
        return 400, {"error": str(mistake)}
