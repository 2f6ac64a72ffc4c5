"""One command for each row of the endpoint table: ``group.method`` becomes ``tim-async group method``.

What is told of a command beside its accounts stands in `parameters` and `arguments`, by the row's own words for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from tim_async.service.endpoints import ENDPOINTS, Endpoint

from .arguments import Argument, Told, account_of, argument_of, written
from .asking import NO_LINE_END, SKIP_BROKEN, YES, ask_first
from .guards import EXPECTED, GOING_ON, PLAN
from .limiters import SPEED
from .options import CONNECTION, DISPLAY, JOURNAL, OUTCOMES, SOURCE, TIMEOUT, connection_from, options_from
from .parameters import Parameter, parameters_of, values_of

if TYPE_CHECKING:
    from tim_async.client import Client

__all__ = ["groups", "help_if_alone", "name_of"]

GROUPS = {
    "accounts": "Accounts of the app.",
    "push": "Messages, attributes and tags of the push service.",
    "all_member_push": "Attributes and tags of the older push service.",
    "presence": "Who is online.",
    "profiles": "Profiles of accounts.",
    "friends": "Friends of one account.",
    "block_list": "The block list of one account.",
    "groups": "The members of one group.",
}

_CONDITIONS = {"tags_or", "tags_and", "tags_not", "attrs_or", "attrs_and"}

FOR_GOOD = {"im_open_login_svc/account_delete", "timpush/push"}
"""Commands that nobody can undo, for many accounts at once: they ask first."""


def help_if_alone(context: click.Context) -> None:
    """Print the help of a group that is called without a command: click calls that an error from 8.2 on."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def name_of(name: str) -> str:
    """A group or method as the command line spells it: ``import_`` has its underscore from Python."""
    return name.strip("_").replace("_", "-")


def groups() -> Iterator[click.Group]:
    """The groups of commands, generated from the endpoint table."""
    for name, rows in groupby(ENDPOINTS, key=lambda row: row.group):
        group = click.Group(
            name_of(name),
            help=GROUPS.get(name, name),
            callback=click.pass_context(help_if_alone),
            invoke_without_command=True,
        )
        for row in rows:
            group.add_command(_plain_command(row) if row.plain else _file_command(row))
        yield group


def _command(row: Endpoint[Any, Any], options: list[click.Parameter], text: str, callback: Any) -> click.Command:
    if row.path in FOR_GOOD:
        options = [*options, YES] if row.plain else [*options, YES, SKIP_BROKEN, NO_LINE_END]
    return click.Command(
        name_of(row.method),
        params=options,
        callback=callback,
        help=f"{row.summary}\n\n{text}",
        epilog=f"Page of the service: {row.page}",
        short_help=row.summary,
    )


# Commands for files of accounts


def _file_command(row: Endpoint[Any, Any]) -> click.Command:
    parameters = parameters_of(row)
    argument = argument_of(row)
    own = [option for parameter in parameters.values() for option in parameter.options]
    text = "One outcome for every row: Ok, Rejected, Unknown or NotSent."
    if row.gives != "None":
        text += f" The value of an Ok: {row.gives}."
    if argument is not None:
        own += argument.options
        text = f"{argument.help}\n\n{text}"
    options = [*SOURCE, *own, PLAN, *EXPECTED, *GOING_ON, *OUTCOMES, *JOURNAL, *DISPLAY, TIMEOUT, *SPEED, *CONNECTION]
    return _command(row, options, text, partial(_run_file, row, parameters, argument))


def _run_file(row: Endpoint[Any, Any], parameters: dict[str, Parameter], argument: Argument | None, **said: Any) -> int:
    from .carrying import Care, Command
    from .parts import run_part
    from .runner import run_file

    told = Told(account_of) if argument is None else argument.tell(said)
    told.check(column=said["column"])
    shared = values_of(parameters, said)
    care = Care(not said["yes"], said["skip_broken"], said["no_final_newline_ok"]) if row.path in FOR_GOOD else None
    command, options = Command(row, told, written(said), shared, care), options_from(said)
    return run_file(command, options) if options.part is None else run_part(command, options)


# Plain calls


def _plain_command(row: Endpoint[Any, Any]) -> click.Command:
    parameters = parameters_of(row)
    own = [option for parameter in parameters.values() for option in parameter.options]
    text = "" if row.gives == "None" else f"Prints what the service answers: {row.gives}."
    return _command(row, [*own, TIMEOUT, *CONNECTION], text, partial(_run_plain, row, parameters))


def _run_plain(row: Endpoint[Any, Any], parameters: dict[str, Parameter], **said: Any) -> int:
    from .calls import run_call

    values = values_of(parameters, said)
    connection = connection_from(said)
    if row.path in FOR_GOOD and not said["yes"]:
        whom = "the users that the conditions select" if _CONDITIONS & values.keys() else "ALL users"
        readable = "-" not in (said["message"], said["message_body"])
        question = f"push this message to {whom} of app {connection.sdk_app_id}?"
        ask_first(question, readable=readable, otherwise="nothing was pushed")
    return run_call(connection, lambda client: _ask_plain(client, row, values, said["timeout"]))


def _ask_plain(
    client: Client, row: Endpoint[Any, Any], values: dict[str, Any], timeout: float | None
) -> Awaitable[Any]:
    answer: Awaitable[Any] = getattr(getattr(client, row.group), row.method)(**values, timeout=timeout)
    return answer
