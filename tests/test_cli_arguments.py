"""What each account gets: the same for all, from columns, or by JSON lines."""

from collections.abc import Mapping
from typing import Any

import click
import pytest

from tim_async.bulk.reading import InputError, Row, RowError
from tim_async.cli.arguments import Told, account_of, argument_of
from tim_async.service import endpoints
from tim_async.service.endpoints import Endpoint

ATTRIBUTES, IMPORT = endpoints.PUSH_SET_ATTRIBUTES, endpoints.ACCOUNTS_IMPORT_MANY


def told(row: Endpoint[Any, Any], *words: str) -> Told:
    """What a command makes of these words."""
    argument = argument_of(row)
    assert argument is not None
    command = click.Command("test", params=list(argument.options))
    return argument.tell(command.make_context("test", list(words)).params)


def row(argument: Any = None, columns: Mapping[str, str] | None = None) -> Row:
    return Row(2, "Mary", columns or {}, argument=argument)


def test_a_command_that_takes_accounts_alone_has_no_argument() -> None:
    assert argument_of(endpoints.ACCOUNTS_DELETE) is None
    assert account_of(row()) == "Mary"


@pytest.mark.parametrize(
    ("endpoint", "flag"), [(endpoints.PUSH_ADD_TAGS, "--tag"), (endpoints.PUSH_REMOVE_ATTRIBUTES, "--attribute")]
)
def test_a_list_is_the_same_for_all_unless_a_line_brings_its_own(endpoint: Endpoint[Any, Any], flag: str) -> None:
    item = told(endpoint, flag, "a", flag, "b").item
    assert item(row()) == ("Mary", ("a", "b"))
    assert item(row(["c"])) == ("Mary", ["c"])
    assert item(row([])) == ("Mary", [])


def test_a_record_comes_from_columns_of_the_same_or_another_name() -> None:
    said = told(ATTRIBUTES, "--attribute", "city", "--attribute", "tier=level", "--attribute", "who=user")
    assert said.needs == ("city", "level", "user")
    # The column of the accounts is not among the others.
    assert said.item(row(columns={"city": "Lyon", "level": "gold"})) == (
        "Mary",
        {"city": "Lyon", "tier": "gold", "who": "Mary"},
    )


def test_an_empty_cell_sets_nothing_and_leaves_what_is_said_for_all() -> None:
    said = told(ATTRIBUTES, "--attribute", "city", "--attribute", "tier", "--set", "city=Oslo")
    assert said.item(row(columns={"city": "", "tier": ""})) == ("Mary", {"city": "Oslo"})
    assert said.item(row(columns={"city": "Lyon", "tier": "gold"})) == ("Mary", {"city": "Lyon", "tier": "gold"})


def test_what_is_said_for_all_needs_no_table() -> None:
    said = told(ATTRIBUTES, "--set", "a=b=c", "--set", "d=")
    said.check(column=None)
    assert said.item(row()) == ("Mary", {"a": "b=c", "d": ""})


def test_a_line_brings_its_own_record_and_goes_before_what_is_said_for_all() -> None:
    item = told(ATTRIBUTES, "--set", "city=Oslo", "--set", "tier=gold").item
    assert item(row({"city": "Lyon"})) == ("Mary", {"city": "Lyon", "tier": "gold"})
    # What is no record is for the client to refuse.
    assert item(row("Lyon")) == ("Mary", "Lyon")


def test_with_a_colon_it_is_json() -> None:
    said = told(endpoints.FRIENDS_IMPORT, "--field", "add_time:=since", "--set", 'group_names:=["a"]')
    assert said.needs == ("since",)
    assert said.item(row(columns={"since": "7"})) == ("Mary", {"group_names": ["a"], "add_time": 7})
    with pytest.raises(RowError, match="the column 'since' does not hold JSON: "):
        said.item(row(columns={"since": "yesterday"}))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--set", "city"], "'city' is not of the form NAME=VALUE"),
        (["--set", "=Lyon"], "'=Lyon' does not begin with a name"),
        (["--set", "a:=[1"], "what follows := must be JSON, not '[1'"),
        (["--attribute", ""], "'' does not begin with a name"),
        (["--attribute", "=city"], "'=city' does not begin with a name"),
    ],
)
def test_words_that_make_no_sense_are_told(words: list[str], why: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        told(ATTRIBUTES, *words)
    assert why in str(caught.value)


def test_columns_are_only_in_csv() -> None:
    said = told(ATTRIBUTES, "--attribute", "city")
    said.check(column="user")
    with pytest.raises(click.UsageError, match="columns are only in CSV"):
        said.check(column=None)


@pytest.mark.parametrize(
    ("endpoint", "how"),
    [(endpoints.PUSH_ADD_TAGS, "--tag TAG"), (endpoints.FRIENDS_ADD, "--field NAME=COLUMN or --set NAME=VALUE")],
)
def test_somebody_must_tell_what_the_accounts_get(endpoint: Endpoint[Any, Any], how: str) -> None:
    said = told(endpoint)
    said.check_rows(has_arguments=True)
    with pytest.raises(InputError, match=f"^nothing tells what the accounts get; say {how}, or give lines "):
        said.check_rows(has_arguments=False)


def test_accounts_may_be_imported_as_they_are() -> None:
    said = told(IMPORT)
    said.check_rows(has_arguments=False)
    assert said.item(row()) == ("Mary", {})


def test_help_tells_the_form_of_a_line_and_the_names_of_the_fields() -> None:
    argument = argument_of(endpoints.FRIENDS_ADD)
    assert argument is not None
    assert "{add_source, remark, group_name, add_wording}" in argument.help
    assert '{"account": "Mary", "argument": {...}}' in argument.help
