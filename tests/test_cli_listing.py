"""The table of all commands, for people and for programs."""

import io
import json
import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from box import at_a_terminal
from rich.console import Console

from tim_async.cli.app import run
from tim_async.cli.listing import _table
from tim_async.service.endpoints import ENDPOINTS


@contextmanager
def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Generator[str]:
    assert run(["commands", *arguments]) == 0
    yield capsys.readouterr().out


def test_programs_get_a_line_for_each_command_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    with told(capsys) as out:
        lines = [line.split("\t") for line in out.splitlines()]
    assert [line[1] for line in lines] == [row.path for row in ENDPOINTS]
    assert ["push send-to", "timpush/batch", "500", "500 accounts", "no", "https://trtc.io/document/67553"] in lines
    assert ["friends import", "sns/friend_import", "100", "200", "yes", "https://trtc.io/document/34903"] in lines
    assert ["push revoke", "timpush/revoke", "-", "1", "no", "https://trtc.io/document/60571"] in lines


def test_programs_can_have_json(capsys: pytest.CaptureFixture[str]) -> None:
    with told(capsys, "--json") as out:
        lines = json.loads(out)
    assert len(lines) == len(ENDPOINTS)
    assert {
        "command": "push send-to",
        "path": "timpush/batch",
        "accounts_per_call": 500,
        "per_second": 500.0,
        "counts": "accounts",
        "retry_safe": False,
        "page": "https://trtc.io/document/67553",
    } in lines
    assert [line["accounts_per_call"] for line in lines if line["command"] == "push revoke"] == [None]


@pytest.mark.usefixtures("counted")
def test_people_get_a_table_of_80_columns() -> None:
    code, colourful = at_a_terminal("commands")
    assert code == 0
    # Without colours and links.
    seen = re.sub(r"\x1b(\[[\d;]*m|\]8;[^\x1b]*\x1b\\)", "", colourful)
    assert all(len(line) <= 80 for line in seen.splitlines())
    assert all(row.path in seen for row in ENDPOINTS)
    assert "Paths are links to the pages" in " ".join(seen.split())


@pytest.mark.parametrize("wide", [False, True])
def test_a_wide_table_has_the_pages_too(*, wide: bool) -> None:
    console = Console(file=io.StringIO(), width=140 if wide else 80, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(_table(wide=wide))
    out = captured.get()
    lines = out.splitlines()
    assert any(line.rstrip() == "block-list" for line in lines)
    assert ("https://trtc.io/document/34955" in out) == wide
    assert any("send-to" in line and "500*" in line for line in lines)
