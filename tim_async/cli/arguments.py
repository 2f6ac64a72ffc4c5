"""What each account gets, for commands that take more than accounts: told for all of them, by columns, or line by line.

The row of a command says in `takes` what form it has: ``account -> tags`` is a list, ``account -> {nick, face_url}`` a
record. Whatever the form, a JSON line may bring the argument of its account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import click
import msgspec

from tim_async.bulk.reading import InputError, Row, RowError
from tim_async.service.endpoints import Endpoint

from .parameters import Said

__all__ = ["Argument", "Told", "account_of", "argument_of", "said_again", "written"]

Item: TypeAlias = Callable[[Row], Any]

_FLAGS = {"names": "--attribute", "tags": "--tag", "{name: value}": "--attribute"}
"""What a list or a record is made of -> its option, where there is a better word than ``--field``."""


class Told(NamedTuple):
    """What was said of the items."""

    item: Item
    """Makes of a row what the client takes."""
    needs: tuple[str, ...] = ()
    """The columns that the file must have."""
    missing: str = ""
    """What to say if no row brings an argument of its own; empty if none need do."""

    def check(self, *, column: str | None) -> None:
        """Refuse what makes no sense without a table.

        Raises:
            click.UsageError: columns are named, and the file is not CSV.
        """
        if self.needs and column is None:
            raise click.UsageError("columns are only in CSV: say --column NAME for that of the accounts too")

    def check_rows(self, *, has_arguments: bool) -> None:
        """Refuse a file that leaves open what the accounts get.

        Raises:
            InputError: neither the options nor the file tell.
        """
        if self.missing and not has_arguments:
            raise InputError(self.missing)


@dataclass(frozen=True, slots=True)
class Argument:
    """How a command's argument is told."""

    options: tuple[click.Option, ...]
    tell: Callable[[Said], Told]
    """Raises `click.UsageError`: something that was said makes no sense."""
    help: str


def account_of(row: Row) -> str:
    """The item of a command that takes accounts alone."""
    return row.account


def argument_of(row: Endpoint[Any, Any]) -> Argument | None:
    """How the argument of a command is told; None if it takes accounts alone."""
    if row.prepare is None:
        return None
    form = row.takes.rpartition("-> ")[2]
    flag = _FLAGS.get(form, "--field")
    if form.startswith("{"):
        return _record(flag, form, needed=not row.takes.startswith("accounts"))
    return _list(flag)


_SAID = ("names", "fields", "fixed")


def written(said: Said) -> dict[str, Any]:
    """What was said of the items, as it can be written as JSON."""
    return {name: said[name] for name in _SAID if name in said}


def said_again(told: Mapping[str, Any]) -> Said:
    """What was said of the items, from its JSON.

    Args:
        told: what `written` gave, perhaps to another process.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return msgspec.structs.asdict(msgspec.convert(told, _Said))


def _missing(how: str) -> str:
    return f'nothing tells what the accounts get; say {how}, or give lines {{"account": ..., "argument": ...}}'


# Lists: the same for all


def _list(flag: str) -> Argument:
    word = flag.removeprefix("--")
    text = f"One {word} for every account; may be repeated."

    def tell(said: Said) -> Told:
        names: tuple[str, ...] = said["names"]

        def item(row: Row) -> tuple[str, Any]:
            return row.account, names if row.argument is None else row.argument

        return Told(item, missing="" if names else _missing(f"{flag} {word.upper()}"))

    return Argument(
        (click.Option([flag, "names"], multiple=True, metavar=word.upper(), help=text),),
        tell,
        f"What the accounts get is the same for all ({flag}), or is given for each account in JSON lines:\n\n"
        '{"account": "Mary", "argument": ["one", "two"]}',
    )


# Records: from columns, and the same for all


class _Field(NamedTuple):
    name: str
    is_json: bool
    source: str
    """The column; or the value itself."""

    def of(self, text: str) -> Any:
        """The value that a text stands for."""
        return msgspec.json.decode(text) if self.is_json else text


class _Said(msgspec.Struct):
    names: tuple[str, ...] = ()
    fields: tuple[_Field, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()


def _field(text: str) -> _Field:
    match = re.fullmatch(r"([^=]*?)(?:(:?=)(.*))?", text, re.DOTALL)
    if match is None or not match[1]:
        raise click.BadParameter(f"{text!r} does not begin with a name")
    return _Field(match[1], match[2] == ":=", match[1] if match[2] is None else match[3])


def _fixed(text: str) -> tuple[str, Any]:
    if "=" not in text:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    field = _field(text)
    try:
        return field.name, field.of(field.source)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise click.BadParameter(f"what follows := must be JSON, not {field.source!r}: {exc}") from None


def _record(flag: str, form: str, *, needed: bool) -> Argument:
    options = (
        click.Option(
            [flag, "fields"],
            type=_field,
            multiple=True,
            metavar="NAME[=COLUMN]",
            help="From a column, by default the one of the same name; may be repeated. Empty cells set nothing. "
            "With := instead of = the cells are JSON, for numbers and lists.",
        ),
        click.Option(
            ["--set", "fixed"],
            type=_fixed,
            multiple=True,
            metavar="NAME=VALUE",
            help="The same for every account; may be repeated. With := instead of = it is JSON.",
        ),
    )
    missing = _missing(f"{flag} NAME=COLUMN or --set NAME=VALUE") if needed else ""
    return Argument(
        options,
        lambda said: _tell_record(said["fields"], dict(said["fixed"]), missing),
        f"What the accounts get, {form}, comes from columns ({flag}), is the same for all (--set), or is given in JSON "
        'lines:\n\n{"account": "Mary", "argument": {...}}',
    )


def _tell_record(fields: tuple[_Field, ...], fixed: Mapping[str, Any], missing: str) -> Told:
    def item(row: Row) -> tuple[str, Any]:
        if row.argument is None:
            return row.account, {**fixed, **_from_columns(row, fields)}
        # What is no record is left as it is: the client knows what is wrong with it.
        return row.account, {**fixed, **row.argument} if isinstance(row.argument, dict) else row.argument

    needs = tuple(dict.fromkeys(field.source for field in fields))
    return Told(item, needs, "" if fields or fixed else missing)


def _from_columns(row: Row, fields: tuple[_Field, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        # The column of the accounts is not among the others. An empty cell says nothing, so it overwrites nothing.
        if text := row.columns.get(field.source, row.account):
            try:
                values[field.name] = field.of(text)
            except (msgspec.DecodeError, RecursionError) as exc:
                raise RowError(f"the column {field.source!r} does not hold JSON: {exc}") from None
    return values
