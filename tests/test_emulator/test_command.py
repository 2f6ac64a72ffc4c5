"""How a body is read, without a socket."""

from typing import Any

import pytest

from tim_async.emulator.command import Command, accounts_in, entries_in, one_in, parse, text_in
from tim_async.emulator.families import ACCOUNTS, PUSH
from tim_async.emulator.refusals import INFO, Refusal
from tim_async.emulator.replies import nothing
from tim_async.emulator.store import Account, Store
from tim_async.emulator.twins import twins

STORE = Store(attribute_names=None, reimport_after=0.0, now=lambda: 0.0)


def applied(_store: Store, account: str, argument: Any) -> tuple[int, Any]:
    return 0, (account, argument)


def command(family: Any = ACCOUNTS, read: Any = None) -> Command:
    return Command(
        path="a/b", family=family, read=read or accounts_in("To_Account"), apply=applied, write=nothing, limit=2
    )


def read(reader: Any, body: Any, family: Any = ACCOUNTS) -> Any:
    row = command(family, reader)
    try:
        return row.read(row, STORE, body)
    except Refusal as refusal:
        return refusal.code


@pytest.mark.parametrize(("body", "code"), [(b"", 60003), (b"\xff", 60003), (b"[" * 100_000, 60003), (b"[]", 70402)])
def test_a_body_is_a_json_object(body: bytes, code: int) -> None:
    with pytest.raises(Refusal) as caught:
        parse(command(), body)
    assert caught.value.code == code
    assert parse(command(), b'{"a": 1}') == {"a": 1}


def test_a_list_of_accounts_is_measured_and_its_accounts_too() -> None:
    reader = accounts_in("To_Account")
    assert read(reader, {"To_Account": ["a", "b"]}) == [("a", None), ("b", None)]
    for wrong in (None, "ab", [], ["a", "b", "c"], [""], ["x" * 33], ["\u738b" * 11]):
        assert read(reader, {"To_Account": wrong}) == 70402
    assert read(reader, {"To_Account": [7]}) == 60015
    assert read(reader, {"To_Account": ["x" * 99]}, PUSH) == [("x" * 99, None)]
    assert read(reader, {"To_Account": ["a", "b", "c"]}, PUSH) == 90018


def test_entries_may_have_arguments() -> None:
    def argument(_command: Command, _store: Store, value: Any, body: Any) -> Any:
        return value["n"], body["m"]

    entries = [{"UserID": "a", "n": 1}]
    assert read(entries_in("Items", "UserID"), {"Items": entries}) == [("a", None)]
    assert read(entries_in("Items", "UserID", argument), {"Items": entries, "m": 2}) == [("a", (1, 2))]
    assert read(entries_in("Items", "UserID"), {"Items": ["a"]}) == 70402
    assert read(entries_in("Items", "UserID"), {"Items": [{}]}) == 70402


def test_one_account_may_have_an_argument() -> None:
    def argument(row: Command, _store: Store, body: Any) -> Any:
        return text_in(row, body, "Nick")

    assert read(one_in("UserID"), {"UserID": "a"}) == [("a", None)]
    assert read(one_in("UserID", argument), {"UserID": "a", "Nick": "n"}) == [("a", "n")]
    assert read(one_in("UserID", argument), {"UserID": "a"}) == [("a", None)]
    assert read(one_in("UserID", argument), {"UserID": "a", "Nick": 7}) == 70402
    assert read(one_in("UserID"), {}) == 70402


def test_the_older_family_sees_users_only() -> None:
    store = Store(attribute_names=None, reimport_after=0.0, now=lambda: 0.0)
    store.accounts.add("Mary")
    store.accounts.add("device", registration=True)

    def kind(_store: Store, known: Account, argument: Any) -> tuple[int, Any]:
        return 0, (known.registration, argument)

    new, old = twins("x", read=accounts_in("To_Account"), apply=kind, unknown="nobody")
    assert (new.path, old.path) == ("timpush/x", "all_member_push/im_x")
    everybody = ("Mary", "device", "nobody")
    stranger = (70107, "nobody")
    assert [new.apply(store, account, 1) for account in everybody] == [(0, (False, 1)), (0, (True, 1)), stranger]
    assert [old.apply(store, account, 1) for account in everybody] == [(0, (False, 1)), stranger, stranger]


def test_each_code_of_a_family_has_words() -> None:
    for family in (ACCOUNTS, PUSH):
        codes = {family.bad_json, family.malformed, family.empty, family.too_many, family.not_admin, *family.busy}
        assert codes <= set(INFO)
