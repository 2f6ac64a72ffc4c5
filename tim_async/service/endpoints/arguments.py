"""What the caller says of one account in the relation and account services, checked and copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from tim_async.service.checks import Unfit, check_text

__all__ = ["prepare_friend", "prepare_imported_friend", "prepare_new_account", "prepare_tag_values"]

Field: TypeAlias = Callable[[str, object, int], Any]

PARAMETERS_ILLEGAL = 30001
PROFILE_TOO_LONG = 40601
SOURCE = "AddSource_Type_"


def _text(most: int) -> Field:
    return lambda what, value, code: check_text(what, value, code, most)


def _seconds(what: str, value: object, code: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unfit(code, f"{what} must be a number of Unix seconds, not {value!r}")
    return int(value)


def _source(what: str, value: object, code: int) -> str:
    text = check_text(what, value, code, len(SOURCE) + 8)
    word = text.removeprefix(SOURCE)
    if word == text or not (word.isascii() and word.isalpha()):
        raise Unfit(code, f"{what} must be {SOURCE} and one to eight letters, not {text!r}")
    return text


def _texts(what: str, value: object, code: int) -> tuple[str, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise Unfit(code, f"{what} must be a list, not {type(value).__name__}")
    return tuple(check_text(f"one of {what}", text, code, 30) for text in value)


def _values(what: str, value: object, code: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Unfit(code, f"{what} must be a mapping of tag to value, not {type(value).__name__}")
    return {check_text("a tag", tag, code, 100): _value(tag, each, code) for tag, each in value.items()}


def _value(tag: str, value: object, code: int) -> str | int | tuple[str, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return check_text(f"the value of {tag}", value, code, 500)
    return _texts(f"the values of {tag}", value, code)


_ACCOUNT: dict[str, Field] = {"nick": _text(500), "face_url": _text(500)}
# The limits of https://trtc.io/document/33521.
_FRIEND: dict[str, Field] = {
    "add_source": _source,
    "remark": _text(96),
    "group_name": _text(30),
    "add_wording": _text(256),
}
_IMPORTED: dict[str, Field] = {
    "add_source": _source,
    "remark": _text(96),
    "remark_time": _seconds,
    "group_names": _texts,
    "add_wording": _text(256),
    "add_time": _seconds,
    "custom": _values,
}


def _fields(argument: object, fields: Mapping[str, Field], code: int) -> dict[str, Any]:
    if not isinstance(argument, Mapping):
        raise Unfit(code, f"a mapping is needed, not {type(argument).__name__}")
    unknown = [name for name in argument if name not in fields]
    if unknown:
        raise Unfit(code, f"unknown: {unknown[0]!r}; known are {', '.join(fields)}")
    return {name: fields[name](name, value, code) for name, value in argument.items()}


def prepare_new_account(argument: object) -> dict[str, str]:
    """A copy of what is said of an account to be imported; nothing need be said.

    Raises:
        Unfit: the service would refuse it.
    """
    return {} if argument is None else _fields(argument, _ACCOUNT, PROFILE_TOO_LONG)


def _friend(fields: Mapping[str, Field]) -> Callable[[object], dict[str, Any]]:
    def prepare_them(argument: object) -> dict[str, Any]:
        checked = _fields(argument, fields, PARAMETERS_ILLEGAL)
        if "add_source" not in checked:
            raise Unfit(PARAMETERS_ILLEGAL, "add_source is missing")
        return checked

    return prepare_them


prepare_friend = _friend(_FRIEND)
prepare_imported_friend = _friend(_IMPORTED)


def prepare_tag_values(argument: object) -> dict[str, Any]:
    """A copy of the fields of a friendship to change, tag -> value.

    Raises:
        Unfit: the service would refuse them.
    """
    values = _values("the fields of a friend", argument, PARAMETERS_ILLEGAL)
    if not values:
        raise Unfit(PARAMETERS_ILLEGAL, "no field is given")
    return values
