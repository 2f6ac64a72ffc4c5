"""Replies that nobody should trust: the faults that are in what is said, not in the connection. Pure."""

import random
from collections.abc import Callable, Collection
from typing import Any

from .command import JSON
from .faults import Kind

_ACCOUNT_FIELDS = ("To_Account", "UserID", "Member_Account")


def _lists(reply: JSON) -> dict[str, list[Any]]:
    return {name: value for name, value in reply.items() if isinstance(value, list)}


def _account(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return next((str(entry[field]) for field in _ACCOUNT_FIELDS if field in entry), "")


def _renamed(entry: Any, account: str) -> Any:
    if isinstance(entry, str):
        return account
    return {name: account if name in _ACCOUNT_FIELDS else value for name, value in entry.items()}


def _one(choices: list[Any], rng: random.Random) -> list[Any]:
    return [rng.choice(choices)] if choices else []


def _wrong_order(reply: JSON, asked: list[str], _accounts: Collection[str], _rng: random.Random) -> JSON:
    places = {account: place for place, account in enumerate(asked)}
    ordered = {
        name: sorted(entries, key=lambda entry: -places.get(_account(entry), 0))
        for name, entries in _lists(reply).items()
    }
    return {**reply, **ordered}


def _missing_accounts(reply: JSON, asked: list[str], accounts: Collection[str], rng: random.Random) -> JSON:
    silent = set(accounts) or {account for account in asked if rng.random() < 0.5} | set(_one(asked, rng))
    kept = {
        name: [entry for entry in entries if _account(entry) not in silent] for name, entries in _lists(reply).items()
    }
    return {**reply, **kept}


def _strangers(reply: JSON, _asked: list[str], accounts: Collection[str], rng: random.Random) -> JSON:
    """In the shape of what is there; where nothing is, as an error, the one thing that any reply may have."""
    names = list(accounts) or [f"stranger-{rng.randrange(1_000_000)}"]
    lists = {name: entries for name, entries in _lists(reply).items() if entries}
    if not lists:
        return {**reply, "ErrorList": [{"To_Account": name, "ErrorCode": 70107} for name in names]}
    joined = {field: [*[_renamed(entries[0], name) for name in names], *entries] for field, entries in lists.items()}
    return {**reply, **joined}


def _twice(reply: JSON, _asked: list[str], accounts: Collection[str], rng: random.Random) -> JSON:
    again = {}
    for name, entries in _lists(reply).items():
        chosen = [entry for entry in entries if _account(entry) in accounts]
        doubled = chosen if accounts else _one(entries, rng)
        again[name] = [*entries, *doubled]
    return {**reply, **again}


def _unknown_fields(reply: JSON, _asked: list[str], _accounts: Collection[str], _rng: random.Random) -> JSON:
    strange = {"Later": None, "Newer": {"Than": ["you", 1, True, None]}}
    entries = {
        name: [{**entry, **strange} if isinstance(entry, dict) else entry for entry in entries]
        for name, entries in _lists(reply).items()
    }
    return {"RequestId": "0", **reply, **entries, **strange}


def _null_list(reply: JSON, _asked: list[str], _accounts: Collection[str], _rng: random.Random) -> JSON:
    return {**reply, **(dict.fromkeys(_lists(reply)) or {"ErrorList": None})}


def _as_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_strings(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_strings(part) for part in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _string_numbers(reply: JSON, _asked: list[str], _accounts: Collection[str], _rng: random.Random) -> JSON:
    return {name: _as_strings(value) for name, value in reply.items()}


LIES: dict[Kind, Callable[[JSON, list[str], Collection[str], random.Random], JSON]] = {
    "wrong_order": _wrong_order,
    "missing_accounts": _missing_accounts,
    "strangers": _strangers,
    "twice": _twice,
    "unknown_fields": _unknown_fields,
    "null_list": _null_list,
    "string_numbers": _string_numbers,
}
"""From a true reply, the accounts asked for, the accounts that the fault names and a source of chance, to a lie."""
