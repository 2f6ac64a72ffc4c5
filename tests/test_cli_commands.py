"""Every row of the endpoint table is a command, and each does what it says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from box import connection, running

from tim_async.cli.app import run
from tim_async.cli.commands import ARGUMENTS, SHARED, groups
from tim_async.emulator import Emulator
from tim_async.endpoints import ENDPOINTS


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


def test_every_row_of_the_table_whose_argument_is_described_has_a_command_with_its_page() -> None:
    offered = {(group.name, name): command for group in groups() for name, command in group.commands.items()}
    expected = [
        row
        for row in ENDPOINTS
        if not row.plain and set(row.options) <= set(SHARED) and (row.prepare is None or row.method in ARGUMENTS)
    ]
    assert len(offered) == len(expected)
    for row in expected:
        command = offered[row.group.replace("_", "-"), row.method.replace("_", "-")]
        assert row.page in (command.epilog or "")
        assert isinstance(command, click.Command)


def test_the_commands_of_the_first_hour_are_there() -> None:
    names = {f"{group.name} {name}" for group in groups() for name in group.commands}
    assert names >= {
        "accounts delete",
        "push set-attributes",
        "push get-tags",
        "all-member-push get-attributes",
        "all-member-push remove-attributes",
    }


def test_delete_deletes(emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    assert run(["accounts", "delete", "--yes", *options]) == 0
    assert list(emulator.accounts) == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((line["row"], line["account"], line["outcome"]) for line in lines) == [
        (2, "Mary", "Ok"),
        (3, "يوسف", "Ok"),
    ]


def test_set_attributes_takes_them_from_columns_and_empty_cells_overwrite_nothing(
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


def test_import_takes_names_and_portraits_from_columns_if_there_are_any(
    emulator: Emulator, accounts: str, tmp_path: Path
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    emulator.accounts.clear()
    assert run(["accounts", "import-many", *options]) == 0
    assert {account.nickname for account in emulator.accounts.values()} == {""}
    assert run(["accounts", "import-many", *options, "--nick", "city", "--face-url", "tier"]) == 0
    assert [(account.nickname, account.face_url) for account in emulator.accounts.values()] == [
        ("Oslo", ""),
        ("", "silver"),
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
    emulator.accounts.add("boss")
    assert run(["block-list", "add", *options, "--of", "boss"]) == 0
    capsys.readouterr()
    assert run(["block-list", "check", *options, "--of", "boss"]) == 0
    values = {json.loads(line)["value"] for line in capsys.readouterr().out.splitlines()}
    assert values == {"BlackCheckResult_Type_AWithB"}
    assert run(["block-list", "check", *options]) == 2
    assert "Missing option '--of'" in capsys.readouterr().err
    assert run(["block-list", "check", *options, "--of", ""]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tim-async: from_account")
    assert err.endswith("empty\n")


def test_a_group_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["push"]) == 0
    assert "set-attributes" in capsys.readouterr().out


def test_reads_write_what_they_read(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user"]
    emulator.accounts["Mary"].tags.extend(["a", "b"])
    assert run(["push", "get-tags", *options]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["account"]: line["value"] for line in lines} == {"Mary": ["a", "b"], "يوسف": []}
    assert run(["all-member-push", "get-attributes", *options]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["value"] == {"city": "Lyon", "tier": "gold"}


def test_attributes_need_a_table(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--attribute", "city"]
    assert run(["push", "set-attributes", *options]) == 2
    assert "say --column NAME for that of the accounts too" in capsys.readouterr().err


def test_a_column_for_an_attribute_that_is_missing_is_told_and_nothing_is_sent(
    emulator: Emulator, accounts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), "--from", accounts, "--column", "user", "--attribute", "citty"]
    assert run(["push", "set-attributes", *options]) == 2
    assert capsys.readouterr().err == (
        "tim-async: accounts.csv has no column 'citty'; did you mean 'city'? it has 'user', 'city', 'tier'\n"
    )
    assert emulator.statistics() == {}
