"""What users have written keeps working: every public name of the last release, and what it took, is still there."""

import inspect
import re
from typing import Any

import public
import pytest

import tim_async
from tim_async.operations import groups
from tim_async.service.endpoints import ENDPOINTS

NOW = public.everything()
BEFORE = {name: taken for name, *taken in map(str.split, public.LIST.read_text(encoding="utf-8").splitlines())}


def split(taken: list[str]) -> tuple[list[str], list[str]]:
    """Parameters by position, and by name."""
    star = taken.index("*") if "*" in taken else len(taken)
    return taken[:star], taken[star + 1 :]


def test_the_list_of_the_last_release_is_no_empty_one() -> None:
    assert {f"tim_async.{name}" for name in ("Client", "Ok", "BatchResult.stats", "Client.push")} <= {*BEFORE}
    assert BEFORE["Client.push.add_tags.one"][:4] == ["account", "argument", "*", "replace=False"]


@pytest.mark.parametrize("name", BEFORE)
def test_every_public_name_still_takes_what_it_took(name: str) -> None:
    assert name in NOW, "it was public, and is gone"
    by_position, by_name = split(BEFORE[name])
    now_by_position, now_by_name = split(public.taken_by(name, NOW[name]))
    assert now_by_position[: len(by_position)] == by_position
    assert {*by_name} <= {*now_by_name}, "a keyword or its default has changed"
    assert all("=" in word or word.startswith("*") for word in now_by_position[len(by_position) :])
    assert all("=" in word or word.startswith("*") or word in by_name for word in now_by_name), "a new one is required"


@pytest.mark.parametrize(
    "name", [name for name, thing in NOW.items() if callable(thing) or isinstance(thing, property)]
)
def test_everything_that_can_be_called_is_documented(name: str) -> None:
    thing: Any = NOW[name]
    home = getattr(thing, "__module__", "") or ""
    if home.startswith(tim_async.__name__):
        assert inspect.getdoc(thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing).__call__)
    elif isinstance(thing, property):
        assert thing.__doc__


@pytest.mark.parametrize("name", [name for name in NOW if name.startswith("Client.") and name.endswith(".one")])
def test_the_help_of_an_operation_names_each_of_its_parameters(name: str) -> None:
    """As `help()` and an editor show it, wherever it was inherited from."""
    operation: Any = type(NOW[name.removesuffix(".one")])
    for way in (operation.__call__, operation.one, operation.stream):
        text = inspect.getdoc(way) or ""
        described = [word.partition("=")[0] for word in public.parameters(way) if word != "*"]
        assert not [word for word in described if f"{word}:" not in text]


def test_every_operation_of_a_group_says_where_the_service_describes_it() -> None:
    """In the string behind the attribute, which an editor shows; at run time there is none."""
    documented = re.findall(
        r'self\.([a-z]\w*)(?:: [^=]+)? = [^"]*"""[^"]* (https://\S+)\."""', inspect.getsource(groups)
    )
    assert {(row.method, row.page) for row in ENDPOINTS} <= {*documented}
