"""What the service remembers, without a socket."""

import pytest

from tim_async.emulator.store import Store


def store(*names: str, reimport_after: float = 0.0, now: float = 0.0) -> Store:
    return Store(attribute_names=names or None, reimport_after=reimport_after, now=lambda: now)


def test_any_attribute_is_declared_unless_some_are() -> None:
    assert store().declared("town")
    assert store("city").declared("city")
    assert not store("city").declared("town")


def test_an_attribute_is_for_one_type_of_account_if_it_is_declared() -> None:
    declared = store("city", "model")
    declared.slot_types["1"] = 1
    assert [declared.for_registrations(name) for name in ("city", "model", "town")] == [False, True, None]
    assert store().for_registrations("city") is None


def test_registrations_are_no_users() -> None:
    kept = store()
    kept.accounts.add("Mary", "Mary")
    kept.accounts.add("device", registration=True)
    assert kept.user("Mary") is kept.accounts["Mary"]
    assert (kept.user("device"), kept.user("nobody")) == (None, None)
    assert [kept.delete(account) for account in ("Mary", "Mary", "device")] == [True, False, False]


def test_a_deleted_account_waits_before_it_is_imported_again() -> None:
    times = [0.0]
    kept = Store(attribute_names=None, reimport_after=10.0, now=lambda: times[0])
    kept.accounts.add("Mary")
    assert kept.can_import("Mary")
    kept.delete("Mary")
    assert not kept.can_import("Mary")
    times[0] = 10.0
    assert kept.can_import("Mary")
    assert store().can_import("Mary")


def test_deleting_an_account_deletes_what_hangs_on_it() -> None:
    kept = store()
    kept.accounts.add("Mary")
    kept.friends["Mary"], kept.blocked["Mary"], kept.groups["g"] = {"John": {}}, {"Eve"}, {"Mary", "John"}
    kept.delete("Mary")
    assert (kept.friends, kept.blocked, kept.groups) == ({}, {}, {"g": {"John"}})


def test_a_cleared_store_remembers_the_names_it_began_with() -> None:
    kept = store("city", "city", "sex")
    kept.accounts.add("Mary")
    kept.slots = {"0": "town"}
    assert (kept.new_id("a_"), kept.new_id("a_")) == ("a_1", "a_2")
    kept.clear()
    assert (kept.slots, kept.slot_types, kept.accounts) == ({"0": "city", "1": "sex"}, {"0": 0, "1": 0}, {})


def test_more_than_ten_names_are_too_many() -> None:
    with pytest.raises(ValueError, match="at most, not 11"):
        store(*"abcdefghijk")
