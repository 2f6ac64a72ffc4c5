"""What a program hands to a run, looked at before anything is done."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from inspect import getattr_static, iscoroutinefunction
from typing import Any, cast

from tim_async.operations.command import level_of

from .items import ItemSource
from .running import Operation
from .source import Source

__all__ = ["check_call", "source_of"]

_NONE = object()


def check_call(operation: object, *, item: object, priority: str = "bulk", **functions: object) -> None:
    """Refuse what is no operation, what cannot be called, and a priority that there is not.

    Args:
        operation: to be one of a client.
        item: to be a function.
        priority: to be one of an operation's.
        **functions: the same, by the names of the arguments; None for none.

    Raises:
        TypeError: one of them is something else.
        ValueError: there is no such priority.
    """
    if not isinstance(operation, Operation):
        raise TypeError(
            "the operation is one of a client, bound to its options if it needs some, such as tim.accounts.delete or "
            f"tim.push.send_to.of(...), not {type(operation).__name__}"
        )
    level_of(priority)
    for name, function in (("item", item), *functions.items()):
        if not callable(function) and (name == "item" or function is not None):
            raise TypeError(f"{name} must be a function, not {type(function).__name__}")
        if iscoroutinefunction(function):
            raise TypeError(f"{name} must be a plain function: nobody would await what this one gives")


def source_of(items: Source | Iterable[Any] | AsyncIterable[Any]) -> Source:
    """A source as it is; anything else as an `ItemSource`.

    Raises:
        TypeError: it is neither a source nor anything with accounts in it.
    """
    # Not by hasattr(), for to give its fingerprint an object may read all of its rows.
    if getattr_static(items, "fingerprint", _NONE) is not _NONE:
        return cast("Source", items)
    return ItemSource(cast("Iterable[Any] | AsyncIterable[Any]", items))
