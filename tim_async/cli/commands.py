"""One command for each row of the endpoint table: ``group.method`` becomes ``tim-async group method``.

What varies stands in two small tables below: the sentence for the help, and the options for commands that take an
argument beside the account. A row whose argument is in neither table is not offered until somebody describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import click

from tim_async.bulk.reading import Row
from tim_async.endpoints import ENDPOINTS, Endpoint

from .options import COMMON, options_from

__all__ = ["groups"]

Item = Callable[[Row], Any]


class Argument(NamedTuple):
    """How the command line tells a command's argument."""

    options: tuple[click.Option, ...]
    item: Callable[[Sequence[str]], Item]
    """What was said -> (row -> pair of account and argument)."""
    columns: bool
    """Whether what was said are names of columns, so that the file must have them."""


def _account(row: Row) -> str:
    return row.account


def _from_columns(names: Sequence[str]) -> Item:
    # An empty cell says nothing, so it must not overwrite anything.
    return lambda row: (row.account, {name: row.columns[name] for name in names if row.columns[name]})


def _for_all(names: Sequence[str]) -> Item:
    return lambda row: (row.account, tuple(names))


def _names(flag: str, text: str) -> tuple[click.Option, ...]:
    return (click.Option([flag, "names"], multiple=True, required=True, metavar="NAME", help=text),)


ARGUMENTS: dict[str, Argument] = {
    "set_attributes": Argument(
        _names("--attribute", "A column, and the attribute that it becomes; may be repeated. Empty cells set nothing."),
        _from_columns,
        columns=True,
    ),
    "remove_attributes": Argument(
        _names("--attribute", "An attribute to remove from every account; may be repeated."), _for_all, columns=False
    ),
    "add_tags": Argument(_names("--tag", "A tag for every account; may be repeated."), _for_all, columns=False),
    "remove_tags": Argument(
        _names("--tag", "A tag to remove from every account; may be repeated."), _for_all, columns=False
    ),
}

SENTENCES = {
    "delete": "Delete accounts with all their data, for good.",
    "check": "Tell which accounts are imported.",
    "import_many": "Import accounts.",
    "set_attributes": "Set attributes of accounts from columns of the file.",
    "get_attributes": "Read the attributes of accounts.",
    "remove_attributes": "Remove attributes from accounts.",
    "get_tags": "Read the tags of accounts.",
    "add_tags": "Add tags to accounts.",
    "remove_tags": "Remove tags from accounts.",
    "clear_tags": "Remove all tags from accounts.",
    "query": "Tell which accounts are online.",
    "get": "Read the profiles of accounts.",
}

GROUPS = {
    "accounts": "Accounts of the app.",
    "push": "Attributes and tags of the push service.",
    "all_member_push": "Attributes and tags of the older push service.",
    "presence": "Who is online.",
    "profiles": "Profiles of accounts.",
}

FOR_GOOD = {"im_open_login_svc/account_delete"}
"""Commands that nobody can undo: they ask first."""

YES = click.Option(["--yes"], is_flag=True, help="Do not ask first.")


def groups() -> Iterator[click.Group]:
    """The groups of commands, generated from the endpoint table."""
    offered = [row for row in ENDPOINTS if row.prepare is None or row.method in ARGUMENTS]
    for name, rows in groupby(sorted(offered, key=lambda row: row.group), key=lambda row: row.group):
        group = click.Group(name.replace("_", "-"), help=GROUPS.get(name, name), no_args_is_help=True)
        for row in rows:
            group.add_command(_command(row))
        yield group


def _command(endpoint: Endpoint[Any, Any]) -> click.Command:
    argument = ARGUMENTS[endpoint.method] if endpoint.prepare is not None else None
    options = [*COMMON[:2], *(argument.options if argument else ()), *COMMON[2:]]
    if endpoint.path in FOR_GOOD:
        options.append(YES)
    sentence = SENTENCES.get(endpoint.method, f"Call {endpoint.path}.")
    return click.Command(
        endpoint.method.replace("_", "-"),
        params=list(options),
        callback=partial(_run, endpoint, argument),
        help=f"{sentence}\n\nOne outcome for every row: Ok, Rejected, Unknown or NotSent.",
        epilog=f"Page of the service: {endpoint.page}",
        short_help=sentence,
        no_args_is_help=True,
    )


def _run(endpoint: Endpoint[Any, Any], argument: Argument | None, **values: Any) -> int:
    from .runner import run_file

    options = options_from(values)
    names: tuple[str, ...] = values.get("names", ())
    needs = names if argument is not None and argument.columns else ()
    if needs and options.column is None:
        raise click.UsageError(
            "the attributes come from columns, so the file is CSV: say --column NAME for the accounts"
        )
    item = argument.item(names) if argument is not None else _account
    return run_file(endpoint, options, item=item, needs=needs, ask=endpoint.path in FOR_GOOD and not values["yes"])
