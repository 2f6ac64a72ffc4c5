"""Words of others reach a terminal or a log in one line, without what steers it; and every repr always answers."""

import importlib
import inspect
import json
import pkgutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tim_async
from tim_async import AccountError, APIError, BatchError, BatchResult, InvalidReply, NotSent, Rejected, Stats, TIMError
from tim_async.outcomes import Failure
from tim_async.printable import escaped, one_line, shown

STEERING = {
    "an escape sequence": "\x1b[31m",
    "its one-character form": "\x9b31m",
    "a title": "\x1b]0;title\x07",
    "a link": "\x1b]8;;https://example.com\x1b\\",
    "a backspace": "\b\b\b",
    "NUL": "\x00",
    "DEL": "\x7f",
    "an operating system command": "\x9d0;title\x9c",
    "a right-to-left override": "\u202e",
    "an isolate": "\u2066",
    "an Arabic letter mark": "\u061c",
    "a zero-width space": "\u200b",
    "a byte-order mark": "\ufeff",
    "a tag": "\U000e0041",
    "a lone surrogate": "\ud83d",
}
BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\t", "\n\n\n"]


@pytest.mark.parametrize("name", STEERING)
def test_what_steers_a_terminal_is_shown_as_its_number(name: str) -> None:
    steering = STEERING[name]
    told = one_line(f"before{steering}behind")
    assert told.isprintable()
    assert told.startswith("before\\")
    assert told.endswith("behind")
    assert shown(f"before{steering}behind") == told


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_line_break_becomes_a_space_in_a_sentence_and_a_number_in_a_name(line_break: str) -> None:
    assert one_line(f"a{line_break}b") == "a b"
    assert len(f"a{line_break}b".splitlines()) > 1 or line_break == "\t"
    assert shown(f"a{line_break}b").startswith("a\\x" if ord(line_break[0]) < 256 else "a\\u")


@pytest.mark.parametrize(
    "text", ["", "Mary", "two  words", "Łódź", "王　小明", "🙂", "a\\x1bb", "[red]b[/red]", "50 %"]
)
def test_what_can_be_printed_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text
    assert shown(text) == text


@given(st.text(st.characters()))
def test_no_text_is_left_with_a_character_that_is_not_seen(text: str) -> None:
    for told in (one_line(text), shown(text)):
        assert told.replace("\u3000", "").isprintable()
        assert not {unicodedata.category(char) for char in told} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.uncounted
@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_escaped_json_says_the_same(value: object) -> None:
    plain = msgspec.json.encode(value)
    safe = escaped(plain)
    assert json.loads(safe) == json.loads(plain)
    assert escaped(safe) == safe


@pytest.mark.parametrize("name", sorted(STEERING.keys() - {"a lone surrogate", "a tag"}))
def test_escaped_json_steers_nothing(name: str) -> None:
    assert escaped(msgspec.json.encode([STEERING[name]])).decode().isprintable()


# Errors


WORDS = "no\x1b[31m\r\nERROR forged line\u202e\u2028"


@pytest.mark.parametrize(
    "error",
    [
        APIError(90009, WORDS, "timpush/set_attr"),
        InvalidReply("timpush/set_attr", WORDS),
        AccountError(Rejected(0, "Mary", 70107, WORDS, "")),
        AccountError(NotSent(0, WORDS, None, "", WORDS)),
        BatchError(
            BatchResult([WORDS], [Failure(Rejected, 70107, WORDS, WORDS, final=True)], Stats(1, 0, 1, 0.0, 0.0))
        ),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_one_line_that_steers_nothing_and_its_data_is_what_was_said(error: Exception) -> None:
    assert str(error).isprintable()
    assert repr(error).isprintable()
    assert "ERROR forged line" in str(error)
    assert WORDS in vars(error).values() or isinstance(error, AccountError | BatchError)


# Reprs


def classes() -> Iterator[type[object]]:
    """Every class that says of itself what it is, and every error. No struct and no tuple is ever half made."""
    for found in pkgutil.walk_packages(tim_async.__path__, "tim_async."):
        if not found.name.endswith("__main__"):
            for cls in vars(importlib.import_module(found.name)).values():
                is_ours = isinstance(cls, type) and cls.__module__ == found.name
                if (
                    is_ours
                    and not issubclass(cls, msgspec.Struct | tuple)
                    and (issubclass(cls, TIMError) or says_of_itself(cls))
                ):
                    yield cls


def says_of_itself(cls: type) -> bool:
    made_here = inspect.unwrap(cls.__repr__)
    return inspect.isfunction(made_here) and Path(tim_async.__path__[0]) in Path(inspect.getfile(made_here)).parents


@pytest.mark.parametrize("cls", list(classes()), ids=lambda cls: cls.__name__)
def test_the_repr_of_an_object_whose_constructor_did_not_come_to_its_end_still_answers(cls: type[object]) -> None:
    """As error trackers ask for it: of ``self`` in the frame of the constructor that raised."""
    half_made: object = cls.__new__(cls)
    assert "object at" not in repr(half_made)
    assert cls.__name__ in repr(half_made) or "not complete" in repr(half_made)
    assert str(half_made) or cls is TIMError


def test_the_classes_that_are_looked_at_are_found() -> None:
    names = {cls.__name__ for cls in classes()}
    assert names >= {
        "Client",
        "Signer",
        "Lane",
        "BatchResult",
        "Emulator",
        "RedisLimiter",
        "Budget",
        "APIError",
    }
