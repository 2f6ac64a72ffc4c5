"""What a program gives is a source too: as often as it can be iterated."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import pytest

from tim_async.bulk.items import ItemSource
from tim_async.bulk.rows import InputError, Row
from tim_async.bulk.source import Source


def read(source: Source) -> list[Row]:
    rows = source.rows()
    assert not isinstance(rows, AsyncIterator)
    return list(rows)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["Mary", "John"], [Row(1, "Mary", {}), Row(2, "John", {})]),
        ([("Mary", ["a"]), ("John", None)], [Row(1, "Mary", {}, argument=["a"]), Row(2, "John", {})]),
        ({"Mary": {"x": 1}}, [Row(1, "Mary", {}, argument={"x": 1})]),
        ({"Mary": 1}.keys(), [Row(1, "Mary", {})]),
        ([7], [Row(1, "7", {}, "an account must be a str, not int")]),
        ([("a", "b", "c")], [Row(1, "('a', 'b', 'c')", {}, "an account must be a str, not tuple")]),
        ([], []),
    ],
)
def test_accounts_and_pairs_are_rows(items: Any, expected: list[Row]) -> None:
    with ItemSource(items) as source:
        assert read(source) == expected
        assert source.count == len(expected)
        assert source.fingerprint is not None
        assert source.fingerprint.size == len(expected)
        assert (source.description, source.columns, source.column) == ({}, (), None)
        source.check()


def test_a_collection_is_read_again_and_known_by_its_items() -> None:
    items = [("Mary", {"a": 1, "b": 2}), ("John", None)]
    source = ItemSource(items)
    first = source.rows()
    assert read(source) == read(ItemSource(items))
    assert not isinstance(first, AsyncIterator)
    assert list(first) == []
    assert source.fingerprint == ItemSource({"Mary": {"b": 2, "a": 1}, "John": None}).fingerprint
    assert source.fingerprint != ItemSource(items[::-1]).fingerprint
    assert source.fingerprint != ItemSource(["MaryJohn"]).fingerprint
    items[1] = ("Bob", None)
    with pytest.raises(InputError, match="the items were changed after they had been looked through"):
        source.check()


def test_an_argument_that_is_no_json_leaves_no_proof() -> None:
    with pytest.raises(InputError, match=r"what item 2 gets is no JSON \(Encoding objects of type object"):
        _ = ItemSource(["Mary", ("John", object())], name="users").fingerprint


def test_what_can_be_read_once_is_read_once() -> None:
    source = ItemSource(iter(["Mary"]), name="users")
    assert (source.count, source.fingerprint) == (None, None)
    source.check()
    assert read(source) == [Row(1, "Mary", {})]
    with pytest.raises(InputError, match="users can be read only once, and that was done; give a list, or a file"):
        source.rows()


async def test_what_is_iterated_with_await_is_read_so() -> None:
    async def items() -> AsyncIterable[Any]:
        yield "Mary"
        yield "John", ["a"]

    source = ItemSource(items())
    assert (source.count, source.fingerprint) == (None, None)
    rows = source.rows()
    assert isinstance(rows, AsyncIterator)
    assert [row async for row in rows] == [Row(1, "Mary", {}), Row(2, "John", {}, argument=["a"])]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ("users.csv", r"a str is not a list of accounts; a file is opened by AccountFile\(path\)"),
        (b"x", "a bytes is not a list"),
        (7, "accounts come from something that can be iterated, not int"),
    ],
)
def test_what_is_no_list_is_told(items: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        ItemSource(items)
