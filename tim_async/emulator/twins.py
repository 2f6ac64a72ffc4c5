"""Commands that ``timpush`` and the older ``all_member_push`` have in common: one row of the table for each."""

from collections.abc import Callable
from typing import Any

from .command import JSON, Command, Family, Item
from .families import PUSH
from .replies import errors_listed, nothing, values_listed
from .store import Account, Store


def twins(
    name: str,
    *,
    read: Callable[[Command, Store, JSON], list[Item]],
    apply: Callable[[Store, Account, Any], tuple[int, Any]],
    listed: tuple[str, str] | None = None,
    unknown: Any = None,
    family: Family = PUSH,
    old: str = "",
) -> list[Command]:
    """The rows of both.

    The older one says nothing about single accounts (its pages show no field for it), and knows no RegistrationIDs.

    Args:
        name: The command of ``timpush``.
        read: From the body to its items.
        apply: What is done to an account that is there: a code and a value.
        listed: Where the reply of a command that reads has its values: the list, and the field in it.
        unknown: The value for an account that is not there.
        family: How a whole call is refused.
        old: The command of ``all_member_push``, if it isn't the same with ``im_`` before it.
    """

    def apply_to_any(store: Store, account: str, argument: Any) -> tuple[int, Any]:
        known = store.accounts.get(account)
        return (70107, unknown) if known is None else apply(store, known, argument)

    def apply_to_user(store: Store, account: str, argument: Any) -> tuple[int, Any]:
        known = store.user(account)
        return (70107, unknown) if known is None else apply(store, known, argument)

    return [
        Command(
            path=f"timpush/{name}",
            family=family,
            read=read,
            apply=apply_to_any,
            write=errors_listed(*listed or ()),
        ),
        Command(
            path=f"all_member_push/{old or f'im_{name}'}",
            family=family,
            read=read,
            apply=apply_to_user,
            write=nothing if listed is None else values_listed(*listed),
            per_account=False,
        ),
    ]
