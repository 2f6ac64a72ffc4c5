"""Whatever bytes come back, a row's decoder gives an `Answer` or raises `Unreadable`, and nothing else."""

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect
from thorough import examples

from tim_async.service import wire
from tim_async.service.endpoints import ENDPOINTS, Answer, Endpoint, Unreadable, any_command
from tim_async.service.endpoints.base import reading
from tim_async.service.endpoints.readers import read_tags
from tim_async.service.endpoints.values import FRIEND_FIELDS, PROFILE_FIELDS

pytestmark = pytest.mark.uncounted

# All rows, and what a bare call of any other command is decoded with. Each example goes through every one of them: to
# think of an example takes longer than to decode it forty times.
ROWS = [*ENDPOINTS, any_command("some_service/some_command", repeatable=True)]
many = examples(80)
# What is too deep takes a tenth of a second and is cut by the same code whatever the row: one of each group.
DEEP = list({row.group: row for row in ROWS}.values())

SECRET = "eJwtzE"
ECHO = f"https://console.tim.qq.com/v4/x?sdkappid=1&usersig={SECRET}&random=1"


noise: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["0", "70107", "", "usersig=", ECHO, -1, 10**30, 1.0]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.just(ECHO), inner, max_size=4),
    max_leaves=8,
)
numbers = st.sampled_from([0, 0, 0, 1, 70107, -1, "0", "70107"]) | st.integers()
words = st.sampled_from(["Mary", "Paul", "", ECHO, *PROFILE_FIELDS, *FRIEND_FIELDS]) | st.text(max_size=8)

SCALARS: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
    inspect.IntType: numbers,
    inspect.StrType: words,
    inspect.NoneType: st.none(),
}


def shaped_like(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values as the wire's own type promises them."""
    if isinstance(kind, inspect.StructType):
        needed = {field.encode_name: nearly(field.type) for field in kind.fields if field.required}
        others = {field.encode_name: nearly(field.type) for field in kind.fields if not field.required}
        return st.fixed_dictionaries(needed, optional=others)
    if isinstance(kind, inspect.UnionType):
        return st.one_of([shaped_like(each) for each in kind.types])
    if isinstance(kind, inspect.VarTupleType):
        return st.lists(nearly(kind.item_type), max_size=4)
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(words, nearly(kind.value_type), max_size=4)
    return SCALARS.get(type(kind), noise)


def nearly(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """The same, and now and then anything else in its place."""
    return st.integers(0, 39).flatmap(lambda dice: shaped_like(kind) if dice else noise)


REPLIES = {
    name: shaped_like(inspect.type_info(kind))
    for name, kind in sorted(vars(wire).items())
    if isinstance(kind, type) and issubclass(kind, wire.Reply)
}


def judge(endpoint: Endpoint[Any, Any], body: bytes) -> Answer | Unreadable:
    """Decode, and hold what is promised of everything that comes out."""
    try:
        answer = endpoint.decode(body)
    except Unreadable as exc:
        hold_error(exc)
        return exc
    hold_answer(answer)
    return answer


def hold_error(error: Unreadable) -> None:
    for text in (str(error), repr(error), "".join(traceback.format_exception(error))):
        assert "usersig=" not in text
        assert SECRET not in text


def hold_answer(answer: Answer) -> None:
    assert isinstance(answer, Answer)
    assert (type(answer.code), type(answer.info)) == (int, str)
    assert "usersig=" not in answer.info
    for account, (code, info) in answer.errors.items():
        assert (type(account), type(code), type(info)) == (str, int, str)
        assert "usersig=" not in info
    if answer.values is not None:
        assert all(type(account) is str for account in answer.values)


@many
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_an_invalid_reply(body: bytes) -> None:
    """Nobody draws an ``ErrorCode`` out of thin air, so these are all invalid."""
    for endpoint in ROWS:
        assert isinstance(judge(endpoint, body), Unreadable)


@many
@given(noise)
def test_arbitrary_json_is_an_answer_or_an_invalid_reply(value: object) -> None:
    alone, inside = json.dumps(value).encode(), json.dumps({"ErrorCode": 0, ECHO: value}).encode()
    for endpoint in ROWS:
        judge(endpoint, alone)
        judge(endpoint, inside)


@pytest.mark.parametrize("kind", REPLIES)
@examples(30)
@given(data=st.data())
def test_what_looks_like_some_reply_of_the_service_is_an_answer_or_an_invalid_reply(
    kind: str, data: st.DataObject
) -> None:
    body = json.dumps(data.draw(REPLIES[kind])).encode()
    for endpoint in ROWS:
        judge(endpoint, body)


def tags_in(decode: Callable[[bytes], Answer], body: bytes) -> object:
    """All that is read of an answer with tags."""
    try:
        answer = decode(body)
    except Unreadable:
        return Unreadable
    return answer._replace(values=dict(answer.values or {}))


@examples(300)
@given(st.one_of(REPLIES["TagsReply"], REPLIES["RawTagsReply"]))
def test_tags_that_are_known_already_are_what_reading_them_would_give(reply: object) -> None:
    body = json.dumps(reply).encode()
    (row,) = [row for row in ENDPOINTS if row.path == "timpush/get_tag"]
    expected = tags_in(reading(wire.TagsReply, read_tags), body)
    assert tags_in(row.decode, body) == expected
    assert tags_in(row.decode, body) == expected  # known now


@many
@given(st.one_of(list(REPLIES.values())), st.data())
def test_a_reply_that_was_cut_off_is_an_invalid_reply(reply: object, data: st.DataObject) -> None:
    body = json.dumps(reply if isinstance(reply, dict) else [reply]).encode()
    cut = data.draw(st.integers(0, len(body) - 1))
    for endpoint in ROWS:
        assert isinstance(judge(endpoint, body[:cut]), Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>502 Bad Gateway</html>",
        b'{"ErrorCode":null}',
        b'{"ErrorCode":"' + ECHO.encode() + b'"}',
        b'{"ErrorCode":' + b"9" * 5_000 + b"}",
        b'{"ErrorCode":null,"ErrorInfo":"\xff"}',
        b'{"ErrorCode":[],"ErrorInfo":"\\ud800"}',
        b'{"ErrorCode":0}{"ErrorCode":0}',
    ],
)
def test_what_is_not_the_promised_json_is_an_invalid_reply(body: bytes) -> None:
    for endpoint in ROWS:
        assert isinstance(judge(endpoint, body), Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        b'{"ErrorCode":70107,"ErrorInfo":"no \xff"}',
        b'{"ErrorCode":70107,"ErrorInfo":"no \\ud800"}',
        b'{"ErrorCode":70107,"ErrorInfo":"no \xed\xa0\xbd"}',
        b'{"ErrorCode":70107,"ErrorInfo":"no \x00\n"}',
        b'\xef\xbb\xbf{"ErrorCode":70107,"ErrorInfo":"no"}',
        b'{"ErrorCode":70107,"ErrorInfo":["no"]}',
        b'{"ErrorCode":70107,"ErrorInfo":7}',
        b'{"ErrorCode":70107.0,"Since":NaN,"Until":-Infinity}',
        b'{"ErrorCode":"70107","Serial":' + b"9" * 5_000 + b"}",
        b'{"ErrorCode":70107,"Unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"ErrorCode":70107,"Unknown":' + b'{"a":' * 1_500 + b'"]"' + b"}" * 1_500 + b"}",
    ],
)
def test_an_answer_with_a_readable_code_is_never_garbage(body: bytes) -> None:
    for endpoint in ROWS if len(body) < 100_000 else DEEP:
        answer = judge(endpoint, body)
        assert isinstance(answer, Answer)
        assert answer.code == 70107
        answer.info.encode()


def test_what_is_too_deep_is_looked_through_only_as_far_as_an_answer_may_be_long() -> None:
    body = b'{"ErrorCode":0,"ErrorInfo":"' + b"x" * 2_000_000 + b'","Unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for endpoint in ROWS[:2]:
        assert isinstance(judge(endpoint, body), Unreadable)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_an_answer_nested_deeper_than_a_parser_can_follow_is_an_invalid_reply(opening: bytes) -> None:
    body = b'{"ErrorCode":0,"Unknown":' + opening * 100_000
    for endpoint in DEEP:
        assert isinstance(judge(endpoint, body), Unreadable)


@pytest.mark.parametrize("code", [0, 70107, -1, 123_456_789, 10**30, "0", "70107"])
def test_any_number_may_be_the_code_also_as_text(code: int | str) -> None:
    body = json.dumps({"ErrorCode": code, "ErrorInfo": ECHO, "New": {"a": [1]}}).encode()
    for endpoint in ROWS:
        answer = judge(endpoint, body)
        assert isinstance(answer, Answer)
        assert answer.code == int(code)
        assert SECRET not in answer.info
