"""What is refused here, before it is sent: with the service's code, and the others of the block go on."""

import enum
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tim_async.service.checks import (
    Problem,
    Problems,
    Unfit,
    check_accounts,
    check_text,
    prepare,
    prepare_attributes,
    prepare_names,
    prepare_tags,
)

CODE = 70402
prepare_words = prepare_names("a tag", 90037)


class Label(str):
    """As numpy, template engines and HTML parsers hand them out."""

    __slots__ = ()


class City(enum.StrEnum):
    OSLO = "oslo"


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.binary(), st.lists(st.text())
)
# Any text, halves of surrogate pairs too, and more of what stands at the edge of 32 and 50 bytes.
texts = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.builds(operator.mul, st.sampled_from("aé测😀"), st.integers(0, 60)),
)


def size(text: str) -> int:
    """Bytes of UTF-8, counted without encoding."""
    return sum(1 + (char > "\x7f") + (char > "\u07ff") + (char > "\uffff") for char in text)


def has_half_a_pair(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def reason_of(call: Callable[[object], Any], argument: object) -> Problem | None:
    """What `prepare` finds wrong with one argument."""
    problems: Problems = {}
    prepare(call, [argument], problems)
    return problems.get(0)


# Accounts


@given(st.lists(st.one_of(texts, texts.map(Label), anything)), st.sampled_from([32, None]))
def test_an_account_is_fine_if_it_is_text_of_1_to_32_bytes(accounts: list[object], most: int | None) -> None:
    good = [
        isinstance(account, str)
        and not has_half_a_pair(account)
        and account != ""
        and (most is None or size(account) <= most)
        for account in accounts
    ]
    problems = check_accounts(accounts, most, CODE)[1]
    assert sorted(problems) == [place for place, fine in enumerate(good) if not fine]
    assert all(problem.code == CODE and problem.reason for problem in problems.values())


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("", "the account is empty"),
        ("a" * 33, "the account is 33 bytes long, at most 32 are allowed"),
        ("测" * 11, "the account is 33 bytes long, at most 32 are allowed"),
        ("😀" * 8 + "a", "the account is 33 bytes long, at most 32 are allowed"),
        ("half \ud83d", "the account is not valid Unicode (half a surrogate pair)"),
        (17, "an account must be a str, not int"),
        (None, "an account must be a str, not NoneType"),
        (b"Mary", "an account must be a str, not bytes"),
        (["Mary"], "an account must be a str, not list"),
    ],
)
def test_a_bad_account_is_told_why_wherever_it_stands(account: object, reason: str) -> None:
    problem = Problem(CODE, reason)
    assert check_accounts([account], 32, CODE)[1] == {0: problem}
    assert check_accounts(["Mary", account, "Paul", account], 32, CODE)[1] == {1: problem, 3: problem}


@pytest.mark.parametrize(
    "account", ["a" * 32, "é" * 16, "测" * 10 + "ab", "😀" * 8, Label("Mary"), City.OSLO, " ", "0"]
)
def test_thirty_two_bytes_are_fine_in_any_script_and_any_kind_of_str(account: str) -> None:
    assert check_accounts([account], 32, CODE)[1] == {}


def test_registration_ids_may_be_of_any_length_but_not_empty() -> None:
    accounts = ["a" * 10_000, "测" * 10_000, "", "x"]
    assert check_accounts(accounts, None, 90001)[1] == {2: Problem(90001, "the account is empty")}


def test_an_empty_block_has_no_problems() -> None:
    assert check_accounts([], 32, CODE)[1] == {}


# Attributes


@given(st.dictionaries(texts, texts, min_size=1))
def test_attributes_are_fine_if_names_and_values_are_at_most_50_bytes(attributes: dict[str, str]) -> None:
    fine = all(not has_half_a_pair(text) and size(text) <= 50 for text in [*attributes.keys(), *attributes.values()])
    problem = reason_of(prepare_attributes, attributes)
    assert (problem is None) is fine
    assert problem is None or problem.code == 90033


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("city", "attributes must be a mapping of name to value, not str"),
        ([("city", "Oslo")], "attributes must be a mapping of name to value, not list"),
        (None, "attributes must be a mapping of name to value, not NoneType"),
        ({}, "no attribute is given"),
        ({1: "Oslo"}, "an attribute name must be a str, not int"),
        ({"n" * 51: "Oslo"}, "an attribute name is 51 bytes long, at most 50 are allowed"),
        ({"\udc00": "Oslo"}, "an attribute name is not valid Unicode (half a surrogate pair)"),
        ({"age": 17}, "the value of attribute 'age' must be a str, not int"),
        ({"age": None}, "the value of attribute 'age' must be a str, not NoneType"),
        ({"city": "测" * 17}, "the value of attribute 'city' is 51 bytes long, at most 50 are allowed"),
        ({"a": "1", "b": "\ud800"}, "the value of attribute 'b' is not valid Unicode (half a surrogate pair)"),
    ],
)
def test_bad_attributes_are_told_why(argument: object, reason: str) -> None:
    assert reason_of(prepare_attributes, argument) == Problem(90033, reason)


def test_fifty_bytes_and_an_empty_value_are_fine() -> None:
    attributes = {"测" * 16 + "ab": "é" * 25, "city": ""}
    assert prepare_attributes(attributes) == attributes


@pytest.mark.parametrize("kind", [dict[str, str], OrderedDict[str, str], MappingProxyType[str, str]])
def test_prepared_attributes_are_a_copy(kind: Callable[[dict[str, str]], object]) -> None:
    mine = {"city": "Oslo"}
    given_away = kind(mine)
    prepared = prepare_attributes(given_away)
    assert type(prepared) is dict
    assert prepared is not given_away
    mine["city"] = "Rome"
    assert prepared == {"city": "Oslo"}


# Names and tags


@given(st.lists(texts, min_size=1))
@example(["a" * 50, "b" * 51])
def test_names_are_fine_if_each_is_at_most_50_bytes(names: list[str]) -> None:
    fine = all(not has_half_a_pair(name) and size(name) <= 50 for name in names)
    problem = reason_of(prepare_words, names)
    assert (problem is None) is fine
    assert problem is None or problem.code == 90037


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("vip", "a list of names is needed, not str"),
        (b"vip", "a list of names is needed, not bytes"),
        (17, "a list of names is needed, not int"),
        (None, "a list of names is needed, not NoneType"),
        ([], "the list of names is empty"),
        (iter(()), "the list of names is empty"),
        (["vip", 17], "a tag must be a str, not int"),
        (bytearray(b"vip"), "a tag must be a str, not int"),
        (["vip", "测" * 17], "a tag is 51 bytes long, at most 50 are allowed"),
        (["\ud800"], "a tag is not valid Unicode (half a surrogate pair)"),
    ],
)
def test_bad_names_are_told_why(argument: object, reason: str) -> None:
    assert reason_of(prepare_words, argument) == Problem(90037, reason)


def letters() -> Iterator[str]:
    yield from "abc"


@pytest.mark.parametrize("argument", [["a", "b", "c"], ("a", "b", "c"), {"a": 1, "b": 2, "c": 3}, letters()])
def test_prepared_names_are_a_tuple_whatever_they_came_in(argument: object) -> None:
    assert prepare_words(argument) == ("a", "b", "c")


def test_prepared_names_are_a_copy() -> None:
    mine = ["vip"]
    prepared = prepare_words(mine)
    mine.append("late")
    assert prepared == ("vip",)


def test_more_tags_than_one_call_may_hold_are_refused_with_the_code_of_their_number() -> None:
    prepare_three = prepare_tags(3)
    assert prepare_three(["a", "b", "c"]) == ("a", "b", "c")
    assert reason_of(prepare_three, ["a", "b", "c", "d"]) == Problem(90032, "4 tags are given, at most 3 are allowed")
    assert reason_of(prepare_three, ["a", "测" * 17]) == Problem(
        90020, "a tag is 51 bytes long, at most 50 are allowed"
    )


def test_an_empty_tag_is_refused() -> None:
    assert reason_of(prepare_tags(3), ["vip", ""]) == Problem(90040, "a tag is empty")


# Other texts


@given(texts, st.integers(0, 200))
def test_a_text_may_have_another_limit_that_counts_bytes_too(text: str, most: int) -> None:
    if has_half_a_pair(text) or size(text) > most:
        with pytest.raises(Unfit) as caught:
            check_text("a nickname", text, 40601, most)
        assert caught.value.problem.code == 40601
        assert caught.value.problem.reason.startswith("a nickname is ")
    else:
        assert check_text("a nickname", text, 40601, most) == text


# What comes out can be sent


@pytest.mark.parametrize("account", [Label("oslo"), City.OSLO])
def test_an_account_of_a_class_of_its_own_becomes_plain_text_like_those_beside_it(account: str) -> None:
    accounts, problems = check_accounts([account, "rome"], 32, CODE)
    assert (accounts, problems) == (["oslo", "rome"], {})
    assert {type(each) for each in accounts} == {str}


@pytest.mark.parametrize("text", [Label("oslo"), City.OSLO, "oslo"])
def test_a_str_of_a_class_of_its_own_becomes_plain_text_that_the_encoder_takes(text: str) -> None:
    attributes, tags = prepare_attributes({text: text}), prepare_words([text])
    assert {type(part) for part in [*attributes, *attributes.values(), *tags]} == {str}
    assert msgspec.json.encode([attributes, tags]) == b'[{"oslo":"oslo"},["oslo"]]'


def test_plain_text_is_kept_not_copied() -> None:
    text = "".join(["O", "slo"])
    assert prepare_words([text])[0] is text


# A block


@given(st.lists(st.one_of(st.dictionaries(texts, texts, max_size=3), anything), max_size=5))
@example([{"city": "Oslo"}, {"city": "Rome", "": ""}])
@example([{"city": "a" * 50}, {"b" * 50: "Rome"}])
@example([{"city": "a" * 51}, {"city": "Rome"}])
@example([{"city": "Oslo"}, {}])
@example([])
def test_a_block_is_judged_as_its_items_are_one_by_one_and_every_good_one_is_copied(arguments: list[object]) -> None:
    problems: Problems = {}
    prepared = prepare(prepare_attributes, arguments, problems)
    assert prepared == arguments
    singly = {place: reason_of(prepare_attributes, argument) for place, argument in enumerate(arguments)}
    assert problems == {place: problem for place, problem in singly.items() if problem is not None}
    for place, (mine, theirs) in enumerate(zip(prepared, arguments, strict=True)):
        assert (mine is theirs) is (place in problems)


def test_of_a_block_only_the_bad_items_have_problems_and_keep_their_argument() -> None:
    bad = {"city": 17}
    problems: Problems = {}
    prepared = prepare(prepare_attributes, [{"city": "Oslo"}, bad, {"city": "Rome"}], problems)
    assert prepared == [{"city": "Oslo"}, {"city": 17}, {"city": "Rome"}]
    assert prepared[1] is bad
    assert problems == {1: Problem(90033, "the value of attribute 'city' must be a str, not int")}


def test_an_item_whose_account_is_bad_already_keeps_that_problem() -> None:
    problems = check_accounts(["", "Mary"], 32, CODE)[1]
    prepare(prepare_words, [[], []], problems)
    assert problems == {0: Problem(CODE, "the account is empty"), 1: Problem(90037, "the list of names is empty")}


def test_an_argument_that_raises_when_it_is_read_is_that_items_problem_alone() -> None:
    def broken() -> Iterator[str]:
        yield "vip"
        raise LookupError("the cursor is gone")

    problems: dict[int, Problem] = {}
    tags = prepare(prepare_names("a tag", 90020), [["a"], broken(), ["b"]], problems)
    assert problems == {1: Problem(90001, "the argument cannot be read: LookupError")}
    assert (tags[0], tags[2]) == (("a",), ("b",))


def test_a_value_that_has_no_hash_is_that_items_problem_alone() -> None:
    problems: dict[int, Problem] = {}
    prepare(prepare_attributes, [{"city": "Oslo"}, {"city": ["Oslo"]}], problems)
    assert problems == {1: Problem(90033, "the value of attribute 'city' must be a str, not list")}


def test_one_bad_argument_for_a_whole_block_is_the_problem_of_each_that_has_no_other() -> None:
    tags, other = [""], Problem(CODE, "the account is empty")
    problems: Problems = {1: other}
    assert prepare(prepare_tags(3), [tags, tags, tags], problems) == [tags, tags, tags]
    empty = Problem(90040, "a tag is empty")
    assert problems == {0: empty, 1: other, 2: empty}
