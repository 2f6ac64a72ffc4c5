"""JSON lines and JSON arrays are read as what they are, and what is no JSON becomes no row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.bulk.jsons import array_rows, json_rows
from tim_async.bulk.rows import RECORD_MOST, InputError, Row

HOW = 'write one object per line, {"account": "Mary"}, or an array: ["Mary", "John"]'


def lines(text: str) -> list[Row]:
    return list(json_rows(text.splitlines(keepends=True), name="a.json"))


def array(text: str) -> list[Row]:
    return list(array_rows(iter(text.splitlines(keepends=True)), name="a.json"))


def test_json_lines_have_an_account_and_may_have_an_argument() -> None:
    text = ' {"account": "Mary", "argument": ["a"], "row": 7}\r\n\n{"argument": {"b": 1}, "account": "يوسف"}\n'
    assert lines(text) == [Row(1, "Mary", {}, argument=["a"]), Row(3, "يوسف", {}, argument={"b": 1})]
    assert lines('{"account": ""}\n') == [Row(1, "", {})]


@pytest.mark.parametrize("line", ["Mary", '{"account": 1}', "[]", "{", '{"account": "\\ud800"}', "[" * 100_000])
def test_a_json_line_that_cannot_be_read_costs_only_itself(line: str) -> None:
    first, broken, last = lines('{"account": "a"}\n' + line + '\n{"account": "b"}\n')
    assert (first.account, last.account, broken.account) == ("a", "b", "")
    assert broken.problem.startswith("not a JSON line with an account, ")
    assert len(broken.problem) < 200


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{\n", "line 1 is not a JSON line with an account, Input data was truncated: {"),
        ('\n{"user": "Mary"}\n', "line 2 is not a JSON line with an account, Object missing required field `account`"),
        ('{"account": 7}\n', "line 1 is not a JSON line with an account, Expected `str`, got `int` - at `$.account`"),
    ],
)
def test_a_first_line_without_an_account_shows_that_all_are_something_else(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        lines(text)
    assert str(caught.value).startswith(f"a.json begins like JSON lines, but {problem}")
    assert str(caught.value).endswith(HOW)


def test_a_json_line_is_only_so_long() -> None:
    with pytest.raises(InputError, match=f"line 2 is longer than {RECORD_MOST:,} bytes"):
        lines('{"account": "a"}\n' + '"' + "x" * RECORD_MOST)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ('["Mary","Bob"]', (1, 1)),
        (' [ "Mary" , "Bob" ] \n\n', (1, 1)),
        ('["Mary",\n "Bob"]\n', (1, 2)),
        ('[\r\n  "Mary",\r\n  "Bob"\r\n]\r\n', (2, 3)),
        ('[\n{"account": "Mary"},\n{"account":\n"Bob"\n}]\n', (2, 3)),
        ('["Mary"\n\n,\n\n"Bob"\n]', (1, 5)),
    ],
)
def test_an_array_holds_accounts_or_objects_over_any_number_of_lines(text: str, numbers: tuple[int, int]) -> None:
    assert array(text) == [Row(numbers[0], "Mary", {}), Row(numbers[1], "Bob", {})]


def test_an_array_may_be_empty_or_mixed_and_its_objects_bring_arguments() -> None:
    assert array("[]") == array(" [\n ]\n") == []
    assert array('["Mary", {"account": "Bob", "argument": ["a"], "x": {"y": [1]}}]') == [
        Row(1, "Mary", {}),
        Row(1, "Bob", {}, argument=["a"]),
    ]


def test_an_element_without_an_account_costs_only_itself() -> None:
    first, number, nothing, last = array('["a",\n 7,\n {"user": "x"},\n "b"]')
    assert (first.account, last.account) == ("a", "b")
    assert number.problem.startswith("not an account, or an object with one, Expected `str | object`, got `int`: 7")
    assert (nothing.number, nothing.account) == (3, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('["a", "Bo', "it breaks off"),
        ('["a", "Bob"', "it breaks off"),
        ('["a",\n{"account": "Bob",\n', "it breaks off"),
        ('["a", ', "it breaks off"),
        ('["a", "x" "Bob"]', "'\"Bob\"]' instead of , or ]"),
        ('["a", "x"', "it breaks off"),
        ('["a", "x"\n', "'' instead of , or ]"),
        ('["a", "x"] "Bob"', "'\"Bob\"' stands behind its end"),
        ('["a", "x"]\n["Bob"]\n', "'[\"Bob\"]' stands behind its end"),
        ('["a", Bob\n, "c"]', "Expecting value: 'Bob'"),
        ('["a", "x\ny", "Bob"]\n', "Invalid control character at: 'y"),
        ('["a", ]\n', "Expecting value: ']'"),
        ('["a", ' + "[" * 100_000 + "\n", "it is nested too deeply"),
    ],
)
def test_where_an_array_is_no_json_the_rest_is_one_broken_row(text: str, problem: str) -> None:
    first, *others = array(text)
    assert first == Row(1, "a", {})
    assert "Bob" not in {row.account for row in others}
    assert others[-1].problem.startswith("the array is no JSON from here on, so the rest of the file is left out: ")
    assert problem[:12] in others[-1].problem


@pytest.mark.parametrize("text", ["[\n", "[", "[Mary]\n", "[{]\n", "[[1]]", "[1]", '[{"user": 1}]', "[] x", "[,]\n"])
def test_what_only_begins_like_an_array_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        array(text)
    assert str(caught.value).startswith("a.json begins like a JSON array")
    assert str(caught.value).endswith(HOW)


def test_an_element_is_only_so_long_and_one_of_many_lines_is_read_once_or_twice() -> None:
    element = "".join(f'"{number}": "{"1" * 900}",\n' for number in range(3 * RECORD_MOST // 900))
    first, broken = array('["a", {\n' + element + '"b": 1}, "Bob"]\n')
    assert first.account == "a"
    assert broken.problem.endswith(f"an element is longer than {RECORD_MOST:,} bytes")
    many = ",\n".join(f'"key {number}": 1' for number in range(20_000))
    assert array(f'[{{"account": "a", "more": {{\n{many}\n}}}},\n"b"]') == [Row(1, "a", {}), Row(20_003, "b", {})]


def test_an_array_in_one_endless_line_comes_in_parts() -> None:
    names = [f"user {number}" for number in range(1000)]
    text = json.dumps(names)
    for size in (1, 7, 64, 1000):
        parts = (text[place : place + size] for place in range(0, len(text), size))
        assert [row.account for row in array_rows(parts, name="")] == names


@pytest.mark.uncounted
@given(
    st.lists(st.text(max_size=5) | st.fixed_dictionaries({"account": st.text(max_size=5)}), min_size=1),
    st.sampled_from([None, 0, 2]),
)
def test_what_the_json_module_writes_is_read_back(items: list[str | dict[str, str]], indent: int | None) -> None:
    expected = [item if isinstance(item, str) else item["account"] for item in items]
    assert [row.account for row in array(json.dumps(items, indent=indent))] == expected
