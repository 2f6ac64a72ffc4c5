"""Every argument of the client's methods beside the accounts can be told on the command line."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import pytest

from tim_async.bulk.reading import InputError
from tim_async.cli.parameters import PARAMETERS, Parameter, parameters_of, read_json, values_of
from tim_async.operations.groups import BlockList, Friends
from tim_async.operations.plain import GetNames, SetNames
from tim_async.operations.pushes import Revoke, Send
from tim_async.service import endpoints
from tim_async.service.endpoints import ENDPOINTS, Endpoint

SEND = endpoints.PUSH_SEND


def values(row: Endpoint[Any, Any], *words: str) -> dict[str, Any]:
    """The arguments that a command makes of these words."""
    parameters = parameters_of(row)
    options: list[click.Parameter] = [option for each in parameters.values() for option in each.options]
    return values_of(parameters, click.Command("test", params=options).make_context("test", list(words)).params)


@pytest.mark.parametrize(
    ("row", "method"),
    [
        (SEND, Send.__call__),
        (endpoints.PUSH_REVOKE, Revoke.__call__),
        (endpoints.PUSH_SET_ATTRIBUTE_NAMES, SetNames.__call__),
        (endpoints.PUSH_GET_ATTRIBUTE_NAMES, GetNames.__call__),
    ],
)
def test_a_plain_call_can_say_all_that_its_method_takes(row: Endpoint[Any, Any], method: Callable[..., Any]) -> None:
    assert {*parameters_of(row)} == {*inspect.signature(method).parameters} - {"self", "timeout"}


def test_every_option_of_every_row_can_be_said() -> None:
    for row in ENDPOINTS:
        assert parameters_of(row).keys() >= {*row.options}


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("add_type", Friends.of),
        ("delete_type", Friends.of),
        ("check_type", Friends.of),
        ("block_list.check_type", BlockList.of),
    ],
)
def test_choices_are_those_of_the_client(name: str, of: Callable[..., Any]) -> None:
    (option,) = PARAMETERS[name].options
    assert isinstance(option.type, click.Choice)
    argument = name.rpartition(".")[2]
    assert set(option.type.choices) == set(get_args(get_type_hints(of)[argument]))
    assert isinstance(option, click.Option)
    assert f"[default: {inspect.signature(of).parameters[argument].default}]" in (option.help or "")


def test_what_was_not_said_is_left_to_the_client() -> None:
    assert values(SEND) == {"online_only": False}
    assert values(endpoints.FRIENDS_GET, "--of", "boss") == {"from_account": "boss"}


def test_a_zero_was_said() -> None:
    assert values(SEND, "--msg-random", "0", "--message-lifetime", "0") == {
        "msg_random": 0,
        "message_lifetime": 0,
        "online_only": False,
    }


def test_whoever_sends_is_no_owner_of_a_list() -> None:
    (sender,) = parameters_of(endpoints.PUSH_SEND_TO)["from_account"].options
    (owner,) = parameters_of(endpoints.FRIENDS_ADD)["from_account"].options
    assert (sender.opts, sender.required) == (["--from-account"], False)
    assert (owner.opts, owner.required) == (["--of"], True)


def test_conditions_are_lists_of_tags_and_mappings_of_attributes() -> None:
    words = ["--tags-or", "a", "--tags-or", "b", "--attrs-and", "city=Lyon", "--attrs-and", "tier=a=b"]
    assert values(SEND, *words) == {
        "tags_or": ("a", "b"),
        "attrs_and": {"city": "Lyon", "tier": "a=b"},
        "online_only": False,
    }
    with pytest.raises(click.BadParameter, match="'city' is not of the form NAME=VALUE"):
        values(SEND, "--attrs-or", "city")


def test_names_of_attributes_stand_by_their_slots() -> None:
    row = endpoints.PUSH_SET_ATTRIBUTE_NAMES
    assert values(row, "0=city", "1=tier") == {"names": {"0": "city", "1": "tier"}}
    assert values(row, "0=city", "--type", "0=1") == {"names": {"0": "city"}, "types": {"0": 1}}
    with pytest.raises(click.BadParameter):
        values(row, "0=city", "--type", "0=user")


def test_a_message_is_a_file_or_words_and_words_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "message.json"
    file.write_text('\ufeff{"PushFlag": 0, "Title": "old"}', encoding="utf-8")
    words = ["--title", "new", "--desc", "text", "--message", str(file)]
    info = {"PushFlag": 0, "Title": "new", "Desc": "text"}
    assert values(endpoints.PUSH_SEND_TO, *words) == {"offline_push_info": info}
    assert values(endpoints.PUSH_REVOKE, "all_1") == {"task_id": "all_1"}
    with pytest.raises(click.UsageError, match="there is no message; say --title and --desc, or --message FILE"):
        values(endpoints.PUSH_SEND_TO)


def test_message_elements_are_a_json_list(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('[{"MsgType": "TIMTextElem"}]')
    assert values(SEND, "--message-body", str(file))["message_body"] == [{"MsgType": "TIMTextElem"}]
    file.write_text("{}")
    with pytest.raises(InputError, match=f"{file} does not hold the JSON that is needed here: Expected `array`"):
        values(SEND, "--message-body", str(file))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[1]", b'{"a":' * 100_000])
def test_a_file_that_holds_something_else_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="does not hold the JSON that is needed here"):
        read_json(str(file), dict[str, Any])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^{tmp_path} cannot be read: Is a directory$"):
        read_json(str(tmp_path), dict[str, Any])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"a": 1}', "{'a': 1}"),
        (b"nothing", "standard input does not hold the JSON that is needed here: JSON is malformed: "),
    ],
)
def test_a_dash_is_standard_input(text: bytes, told: str) -> None:
    program = """
from tim_async.bulk.reading import InputError
from tim_async.cli.parameters import read_json
try:
    print(read_json("-", dict))
except InputError as exc:
    print(exc)
"""
    got = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, check=True)
    assert got.stdout.decode().startswith(told)


def test_only_one_file_can_be_standard_input() -> None:
    nothing: dict[str, Parameter] = {}
    assert values_of(nothing, {"source": "-", "message": "x"}) == {}
    for said in {"source": "-", "message": "-"}, {"message": "-", "message_body": "-"}:
        with pytest.raises(click.UsageError, match="only one file can be standard input"):
            values_of(nothing, said)
