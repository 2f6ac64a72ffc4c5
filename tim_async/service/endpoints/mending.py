"""Answers that are not quite what the page promises: what can be read of them counts.

Asked only where the quick way of decoding has failed. A number where text should be is text, broken text is read with
replacement, and an entry that cannot be read costs its own account alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from tim_async.service import wire

__all__ = ["Odd", "loose", "mend"]

R = TypeVar("R", bound=wire.Reply)

DEEPEST = 32  # levels, of which the last is read as null; the pages have at most five
LONGEST_CUT = 2_000_000  # characters; what is longer and too deep is no answer of this service
# A text, to its end or the end of all; or a bracket outside of texts.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class Odd(Exception):
    """This is not what the page promises."""


# From bytes to plain data


def _whole(text: str) -> str:
    """A text without halves of characters, which nobody could write down again."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _shallow(text: str) -> str:
    """The JSON with null in place of what lies too deep."""
    if len(text) > LONGEST_CUT:
        raise Odd("nested too deeply")
    kept: list[str] = []
    depth = start = 0
    for found in _BRACKETS.finditer(text):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth == DEEPEST:
                kept.append(text[start : found.start()])
        elif bracket in "]}":
            depth -= 1
            if depth == DEEPEST - 1:
                kept.append("null")
                start = found.end()
    return "".join(kept) + text[start:] if depth < DEEPEST else ""


def _number(digits: str) -> int | str:
    """An int; as text, if it is longer than Python likes to read."""
    return int(digits) if len(digits) < 1_000 else digits


def _parsed(text: str, put: Callable[[str], str]) -> Any:
    return _each_text(json.loads(text, parse_int=_number, strict=False), put)


def _each_text(value: Any, put: Callable[[str], str], room: int = DEEPEST - 1) -> Any:
    """The same with each of its texts put down as *put* says.

    Raises:
        RecursionError: there are more levels than there is room for.
    """
    if isinstance(value, str):
        return put(value)
    if not isinstance(value, list | dict):
        return value
    if not room:
        raise RecursionError
    if isinstance(value, list):
        return [_each_text(each, put, room - 1) for each in value]
    return {put(name): _each_text(each, put, room - 1) for name, each in value.items()}


def loose(body: bytes, put: Callable[[str], str] = str) -> dict[str, Any]:
    """The JSON object of an answer, read with all patience.

    Args:
        body: what came; broken UTF-8 is read with replacement, and so are halves of characters.
        put: from each text in it to what is kept of it.

    Raises:
        Odd: it is not a JSON object.
    """
    text = body.decode("utf-8-sig", "replace")

    def kept(each: str) -> str:
        return put(_whole(each))

    try:
        try:
            value = _parsed(text, kept)
        except RecursionError:
            value = _parsed(_shallow(text), kept)
    except ValueError as exc:
        raise Odd(str(exc)) from None
    if not isinstance(value, dict):
        raise Odd("it is no object")
    return value


# From plain data to what the page promises


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return json.dumps(value)
    raise Odd("no text")


def _int(value: Any) -> int:
    try:
        return msgspec.convert(value, int, strict=False)
    except ValueError:  # ValidationError is one
        raise Odd("no number") from None


def _fitted(kind: inspect.Type, value: Any) -> Any:
    """A value as its type has it.

    Raises:
        Odd: nothing of the type can be made of it.
    """
    match kind:
        case inspect.UnionType():  # of something and None
            return None if value is None else _fitted(kind.types[0], value)
        case inspect.StrType():
            return _text(value)
        case inspect.IntType():
            return _int(value)
        case inspect.VarTupleType() if isinstance(value, list):
            return tuple(_fitted(kind.item_type, each) for each in value)
        case inspect.DictType() if isinstance(value, dict):
            return {name: _fitted(kind.value_type, each) for name, each in value.items()}
        case inspect.StructType() if isinstance(value, dict):
            return _struct(kind, value)
        case inspect.AnyType():
            return value
        case _:
            raise Odd("of another type")


def _struct(kind: inspect.StructType, value: dict[str, Any]) -> Any:
    fields: dict[str, Any] = {}
    for field in kind.fields:
        if field.encode_name in value:
            try:
                fields[field.name] = _fitted(field.type, value[field.encode_name])
            except Odd:
                # Words for people, which decide nothing.
                if not field.name.endswith("Info"):
                    raise
        elif field.required:
            raise Odd("incomplete")
    return kind.cls(**fields)


def _entry(kind: inspect.Type, value: Any) -> Any:
    """One entry of a list of accounts; of one that is odd its error, where that can be read.

    Raises:
        Odd: it says nothing that can be understood.
    """
    try:
        return _fitted(kind, value)
    except Odd:
        if not isinstance(kind, inspect.StructType) or not isinstance(value, dict):
            raise
        account, code = kind.fields[:2]
        if not isinstance(code.type, inspect.IntType):
            raise
        number = _int(value.get(code.encode_name))
        if not number:
            raise
        return kind.cls(_text(value.get(account.encode_name)), number)


def _account(kind: inspect.Type, value: Any) -> str:
    """The account that an odd entry names; empty if it names none."""
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        value = value.get(kind.fields[0].encode_name)
    try:
        return _text(value)
    except Odd:
        return ""


def _listed(kind: inspect.Type, value: Any) -> list[Any]:
    """The entries of what should be a list.

    Raises:
        Odd: it holds none.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(kind, inspect.StructType):
        return [value] if kind.fields[0].encode_name in value else list(value.values())
    if value in (None, "", 0):
        return []
    raise Odd("no list")


def _entries(kind: inspect.Type, value: Any, doubted: set[str]) -> Iterator[Any]:
    """The entries that can be read; the accounts of the others are *doubted*, the empty one for those without."""
    try:
        listed = _listed(kind, value)
    except Odd:
        doubted.add("")
        return
    for each in listed:
        if each is not None:
            try:
                yield _entry(kind, each)
            except Odd:
                doubted.add(_account(kind, each))


@cache
def _fields(reply: type[wire.Reply]) -> tuple[inspect.Field, ...]:
    kind = cast("inspect.StructType", inspect.type_info(reply))  # a reply is a struct
    return kind.fields


def mend(reply: type[R], body: bytes) -> tuple[R, frozenset[str]]:
    """Read what can be read of an answer.

    Args:
        reply: what the page promises.
        body: what came.

    Returns:
        The reply without its odd entries, and the accounts that those name; an empty one stands for an entry that names
        none.

    Raises:
        Odd: it is not a JSON object with a readable ``ErrorCode``, or what is odd concerns all of it.
    """
    data = loose(body)
    doubted: set[str] = set()
    fields: dict[str, Any] = {}
    for field in _fields(reply):
        value = data.get(field.encode_name)
        kind = field.type.types[0] if isinstance(field.type, inspect.UnionType) else field.type
        if isinstance(kind, inspect.VarTupleType):
            fields[field.name] = tuple(_entries(kind.item_type, value, doubted))
        elif value is not None or field.required:
            try:
                fields[field.name] = _fitted(kind, value)
            except Odd:
                # A text that cannot be read was not said.
                if not isinstance(kind, inspect.StrType):
                    raise
    return reply(**fields), frozenset(doubted)
