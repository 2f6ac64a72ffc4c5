"""One command for each row of the endpoint table: ``group.method`` becomes ``tim-async group method``.

What varies stands in two tables below: the options for commands that take an argument beside the account, and those
for what all items of a call share. A row with anything that nobody has described there is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import click

from tim_async.bulk.reading import Row
from tim_async.endpoints import ENDPOINTS, Endpoint

from .options import COMMON, options_from

__all__ = ["groups", "help_if_alone"]

Item = Callable[[Row], Any]
Said = Mapping[str, Any]


class Argument(NamedTuple):
    """How the command line tells a command's argument."""

    options: tuple[click.Option, ...]
    item: Callable[[Said], Item]
    """Makes of what was said what makes of a row an (account, argument) pair."""
    columns: Callable[[Said], Iterable[str]]
    """The columns that the file must have, of what was said."""


def _account(row: Row) -> str:
    return row.account


def _from_columns(said: Said) -> Item:
    names: tuple[str, ...] = said["names"]
    # An empty cell says nothing, so it must not overwrite anything.
    return lambda row: (row.account, {name: row.columns[name] for name in names if row.columns[name]})


def _for_all(said: Said) -> Item:
    names: tuple[str, ...] = said["names"]
    return lambda row: (row.account, names)


def _profile(said: Said) -> Item:
    fields = list(_profile_columns(said).items())
    return lambda row: (row.account, {field: row.columns[name] for field, name in fields if row.columns[name]})


def _names(flag: str, text: str) -> tuple[click.Option, ...]:
    return (click.Option([flag, "names"], multiple=True, required=True, metavar="NAME", help=text),)


def _profile_columns(said: Said) -> dict[str, str]:
    return {field: said[field] for field in ("nick", "face_url") if said[field] is not None}


def _profile_names(said: Said) -> Iterable[str]:
    return _profile_columns(said).values()


def _no_columns(_: Said) -> Iterable[str]:
    return ()


def _all_names(said: Said) -> Iterable[str]:
    names: tuple[str, ...] = said["names"]
    return names


ARGUMENTS: dict[str, Argument] = {
    "set_attributes": Argument(
        _names("--attribute", "A column, and the attribute that it becomes; may be repeated. Empty cells set nothing."),
        _from_columns,
        _all_names,
    ),
    "remove_attributes": Argument(
        _names("--attribute", "An attribute to remove from every account; may be repeated."), _for_all, _no_columns
    ),
    "add_tags": Argument(_names("--tag", "A tag for every account; may be repeated."), _for_all, _no_columns),
    "remove_tags": Argument(
        _names("--tag", "A tag to remove from every account; may be repeated."), _for_all, _no_columns
    ),
    "import_many": Argument(
        (
            click.Option(["--nick"], metavar="NAME", help="The column with the nicknames."),
            click.Option(["--face-url"], metavar="NAME", help="The column with the addresses of the portraits."),
        ),
        _profile,
        _profile_names,
    ),
}

SHARED: dict[str, click.Option | None] = {
    "from_account": click.Option(
        ["--of", "from_account"], required=True, metavar="ACCOUNT", help="The account whose list it is."
    ),
    "group_id": click.Option(["--group", "group_id"], required=True, metavar="ID", help="The group."),
    "silence": click.Option(["--silence"], is_flag=True, help="Tell the members nothing."),
    "reason": click.Option(["--reason"], metavar="TEXT", help="Why members are removed, for them to read."),
    "replace": click.Option(["--replace"], is_flag=True, help="Put the tags in place of all that the account has."),
    "check_type": None,
    "delete_type": None,
    "tags": None,
}
"""What all items of a call share: option of the row -> how the command line tells it, None for the client's default."""

GROUPS = {
    "accounts": "Accounts of the app.",
    "push": "Attributes and tags of the push service.",
    "all_member_push": "Attributes and tags of the older push service.",
    "presence": "Who is online.",
    "profiles": "Profiles of accounts.",
    "friends": "Friends of one account.",
    "block_list": "The block list of one account.",
    "groups": "The members of one group.",
}

FOR_GOOD = {"im_open_login_svc/account_delete"}
"""Commands that nobody can undo: they ask first."""

YES = click.Option(["--yes"], is_flag=True, help="Do not ask first.")


def help_if_alone(context: click.Context) -> None:
    """Print the help of a group that is called without a command: click calls that an error from 8.2 on."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _is_offered(row: Endpoint[Any, Any]) -> bool:
    return not row.plain and SHARED.keys() >= {*row.options} and (row.prepare is None or row.method in ARGUMENTS)


def groups() -> Iterator[click.Group]:
    """The groups of commands, generated from the endpoint table."""
    offered = sorted(filter(_is_offered, ENDPOINTS), key=lambda row: (row.group, row.method))
    for name, rows in groupby(offered, key=lambda row: row.group):
        group = click.Group(
            name.replace("_", "-"),
            help=GROUPS.get(name, name),
            callback=click.pass_context(help_if_alone),
            invoke_without_command=True,
        )
        for row in rows:
            group.add_command(_command(row))
        yield group


def _command(endpoint: Endpoint[Any, Any]) -> click.Command:
    argument = ARGUMENTS[endpoint.method] if endpoint.prepare is not None else None
    shared = [option for name in endpoint.options if (option := SHARED[name]) is not None]
    options = [*COMMON[:2], *shared, *(argument.options if argument else ()), *COMMON[2:]]
    if endpoint.path in FOR_GOOD:
        options.append(YES)
    return click.Command(
        endpoint.method.replace("_", "-"),
        params=list(options),
        callback=partial(_run, endpoint, argument),
        help=f"{endpoint.summary}\n\nOne outcome for every row: Ok, Rejected, Unknown or NotSent.",
        epilog=f"Page of the service: {endpoint.page}",
        short_help=endpoint.summary,
    )


def _run(endpoint: Endpoint[Any, Any], argument: Argument | None, **said: Any) -> int:
    from .runner import run_file

    options = options_from(said)
    item, needs = (argument.item(said), tuple(argument.columns(said))) if argument is not None else (_account, ())
    if needs and options.column is None:
        raise click.UsageError("columns are only in CSV: say --column NAME for that of the accounts too")
    return run_file(
        endpoint,
        options,
        item=item,
        needs=needs,
        shared={name: said[name] for name in endpoint.options if SHARED[name] is not None},
        ask=endpoint.path in FOR_GOOD and not said["yes"],
    )
