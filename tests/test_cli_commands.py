"""Every row of the endpoint table is a command, and each sends what the service's page shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from box import at_a_terminal, connection, running
from pages import Page, page_of
from servers import Puppet

from tim_async.cli.app import run
from tim_async.cli.commands import groups
from tim_async.emulator import Emulator
from tim_async.service.endpoints import ENDPOINTS, Endpoint


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(Emulator()) as emulator:
        emulator.accounts.add("Mary", "يوسف")
        for account in emulator.accounts.values():
            account.attributes.update(city="Lyon", tier="gold")
        yield emulator


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    path = tmp_path / "accounts.csv"
    path.write_text("user,city,tier\nMary,Oslo,\nيوسف,,silver\n", encoding="utf-8")
    return str(path)


def attributes(emulator: Emulator) -> dict[str, Any]:
    return {name: account.attributes for name, account in emulator.accounts.items()}


def words(row: Endpoint[Any, Any]) -> list[str]:
    """How the command line spells a row."""
    return [name.strip("_").replace("_", "-") for name in (row.group, row.method)]


def test_every_row_of_the_table_is_a_command_with_its_page() -> None:
    offered = {(group.name, name): command for group in groups() for name, command in group.commands.items()}
    assert len(offered) == len(ENDPOINTS)
    for row in ENDPOINTS:
        group, name = words(row)
        command = offered[group, name]
        assert row.page in (command.epilog or "")
        assert row.summary in (command.help or "")
        assert isinstance(command, click.Command)


# What each command sends

FLAGS = {
    "from_account": "--of",
    "push.from_account": "--from-account",
    "group_id": "--group",
    "tags": "--tag",
    "offline_push_info": "--message",
}
PLAIN = {
    "timpush/push": ["--yes", "--tags-or", "a", "--tags-or", "b", "--msg-random", "3674128", "--message", "MESSAGE"],
    "timpush/revoke": ["all_1", "--title", "t", "--desc", "d"],
    "timpush/set_attr_name": ["0=sex", "1=city"],
    "all_member_push/im_set_attr_name": ["0=sex", "1=city"],
    "timpush/get_attr_name": [],
    "all_member_push/im_get_attr_name": [],
}


def flag(row: Endpoint[Any, Any], name: str, value: Any, message: Path) -> list[str]:
    """One of the row's options on the command line."""
    spelled = FLAGS.get(f"{row.group}.{name}") or FLAGS.get(name, f"--{name.replace('_', '-')}")
    if name == "offline_push_info":
        message.write_text(value)
        return [spelled, str(message)]
    if isinstance(value, list):
        return [part for each in value for part in (spelled, str(each))]
    if isinstance(value, bool):
        return [spelled] if value else []
    return [spelled, str(value)]


def arguments(row: Endpoint[Any, Any], page: Page, folder: Path) -> list[str]:
    """The command line that says what the page shows."""
    message = folder / "message.json"
    if row.plain:
        message.write_text(json.dumps(page.request.get("OfflinePushInfo")))
        return [str(message) if word == "MESSAGE" else word for word in PLAIN[row.path]]
    source = folder / "items.jsonl"
    pairs = zip(page.accounts, page.arguments, strict=True)
    source.write_text("".join(json.dumps({"account": a, "argument": b}) + "\n" for a, b in pairs))
    options = zip(row.options, page.options or [], strict=True)
    confirmed = ["--yes"] if words(row) == ["accounts", "delete"] else []
    return ["--from", str(source), *confirmed, *(word for option in options for word in flag(row, *option, message))]


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: " ".join(words(row)))
def test_a_command_sends_what_the_page_shows_and_tells_what_comes_back(
    row: Endpoint[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_of(row)
    with running(Puppet(lambda _: page.answer)) as service:
        assert run([*words(row), *arguments(row, page, tmp_path), *connection(service, tmp_path)]) == 0
        (call,) = service.calls
    assert call.path == row.path
    assert call.body == page.request
    captured = capsys.readouterr()
    values = row.decode(msgspec.json.encode(page.answer)).values or {}
    if row.plain:
        assert (captured.out, captured.err) == (printed(values.get("")), "Ok\n")
        return
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [(line["account"], line["outcome"]) for line in lines] == [(account, "Ok") for account in page.accounts]
    assert [line["value"] for line in lines] == [as_json(values.get(account)) for account in page.accounts]


def as_json(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def printed(value: Any) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else msgspec.json.encode(value).decode()) + "\n"


# What is told beside the accounts


def test_delete_deletes(emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["accounts", "delete", "--yes", *options]) == 0
    assert list(emulator.accounts) == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((line["row"], line["account"], line["outcome"]) for line in lines) == [
        (2, "Mary", "Ok"),
        (3, "يوسف", "Ok"),
    ]


def test_attributes_come_from_columns_and_empty_cells_overwrite_nothing(
    emulator: Emulator, accounts: str, tmp_path: Path
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["push", "set-attributes", *options, "--attribute", "city", "--attribute", "tier"]) == 0
    assert attributes(emulator) == {
        "Mary": {"city": "Oslo", "tier": "gold"},
        "يوسف": {"city": "Lyon", "tier": "silver"},
    }


def test_remove_attributes_removes_the_same_from_all(emulator: Emulator, accounts: str, tmp_path: Path) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["all-member-push", "remove-attributes", *options, "--attribute", "city"]) == 0
    assert attributes(emulator) == {"Mary": {"tier": "gold"}, "يوسف": {"tier": "gold"}}


def test_accounts_are_imported_with_and_without_names(emulator: Emulator, accounts: str, tmp_path: Path) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    emulator.accounts.clear()
    assert run(["accounts", "import-many", *options]) == 0
    assert {account.nickname for account in emulator.accounts.values()} == {""}
    assert run(["accounts", "import-many", *options, "--field", "nick=city", "--set", "face_url=http://a/b=c"]) == 0
    assert [(account.nickname, account.face_url) for account in emulator.accounts.values()] == [
        ("Oslo", "http://a/b=c"),
        ("", "http://a/b=c"),
    ]


def test_what_all_calls_share_is_an_option(emulator: Emulator, accounts: str, tmp_path: Path) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    emulator.accounts["Mary"].tags.append("old")
    assert run(["push", "add-tags", *options, "--tag", "new"]) == 0
    assert emulator.accounts["Mary"].tags == ["old", "new"]
    assert run(["push", "add-tags", *options, "--tag", "only", "--replace"]) == 0
    assert emulator.accounts["Mary"].tags == ["only"]


def test_lists_of_one_account_say_whose(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["block-list", "check", *options]) == 2
    assert "Missing option '--of'" in capsys.readouterr().err
    assert run(["block-list", "check", *options, "--of", ""]) == 2
    assert capsys.readouterr().err == "tim-async: from_account is empty\n"
    assert emulator.statistics() == {}


def test_a_group_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["push"]) == 0
    assert "set-attributes" in capsys.readouterr().out


def test_columns_need_a_table(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--attribute", "city"]
    assert run(["push", "set-attributes", *options]) == 2
    assert "say --column NAME for that of the accounts too" in capsys.readouterr().err


def test_a_column_that_is_missing_is_told_and_nothing_is_sent(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user", "--attribute", "citty"]
    assert run(["push", "set-attributes", *options]) == 2
    assert capsys.readouterr().err == (
        "tim-async: accounts.csv has no column 'citty'; did you mean 'city'? it has 'user', 'city', 'tier'\n"
    )
    assert emulator.statistics() == {}


def test_a_command_that_nobody_told_what_to_add_sends_nothing(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["push", "add-tags", *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tim-async: nothing tells what the accounts get; say --tag TAG, or give lines")
    assert run(["push", "send-to", *options]) == 2
    assert "there is no message; say --title and --desc, or --message FILE" in capsys.readouterr().err
    assert emulator.statistics() == {}


# To everybody


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        ([], "push this message to ALL users of app 1400000000?"),
        (["--tags-or", "a"], "push this message to the users that the conditions select of app 1400000000?"),
    ],
)
def test_a_push_without_a_list_asks_first(
    emulator: Emulator, tmp_path: Path, arguments: list[str], question: str
) -> None:
    options = [*connection(emulator, tmp_path), "--title", "t", *arguments]
    code, seen = at_a_terminal("push", "send", *options, answer=b"n\n")
    assert (code, emulator.statistics()) == (2, {})
    seen = " ".join(seen.split())
    assert question in seen
    assert seen.endswith("tim-async: nothing was pushed")


def test_a_push_that_nobody_could_confirm_is_not_sent(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = tmp_path / "message.json"
    message.write_text('{"Title": "t"}')
    options = [*connection(emulator, tmp_path), "--message-body", str(message.with_name("body.json"))]
    message.with_name("body.json").write_text("[]")
    assert run(["push", "send", *options]) == 2
    assert "nobody is there to be asked; say --yes if you mean it" in capsys.readouterr().err
    assert emulator.statistics() == {}
