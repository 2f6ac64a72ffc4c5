"""Paths that are no UTF-8, as those of an archive from elsewhere: they are read, kept, told and found again."""

import json
import os
from pathlib import Path

import pytest
from box import connection, emulator_apart, lines, start

from tim_async.bulk.paths import from_json, to_json
from tim_async.emulator import Emulator

NAME = os.fsdecode("名字.csv".encode("gbk"))
IMPORT = ("accounts", "import-many", "--column", "account")


emulator = emulator_apart()


@pytest.mark.parametrize("value", [{"a": [1, "x", None]}, {"a": NAME}, NAME])
def test_what_is_written_is_read(value: object) -> None:
    assert from_json(to_json(value)) == value
    assert json.loads(to_json(value)) == value


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        from_json("{")


def told(code: int, *words: str) -> str:
    with start(*words) as process:
        out, err = process.communicate()
    assert process.returncode == code, err
    return (out + err).decode()


def test_a_file_of_such_a_name_goes_all_the_way(emulator: Emulator, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    path, page, facts = folder / NAME, folder / "it.html", folder / "it.json"
    path.write_text("account\nMary\nTom\n")
    whom = connection(emulator, tmp_path)
    plan = told(0, *IMPORT, "--from", str(path), *whom, "--plan", "--json")
    assert lines(plan)[0]["source"] == NAME
    told(0, *IMPORT, "--from", str(path), *whom, "--to", str(folder / "out.jsonl"), "--first", "1")
    job = f"{path}.accounts-import_many.job"
    assert "go on:  tim-async resume " in told(0, "job", job, "--report", str(page), "--report-json", str(facts))
    found = json.loads(facts.read_bytes())
    assert found["numbered"] == "line"
    assert found["what"]["options"] == {"encoding": "utf-8"}  # and no word of what an import gets nothing of
    assert "2 rows of \\udcc3" in told(0, "resume", job, "--secret-key-file", str(tmp_path / "key"))
    assert len((folder / "out.jsonl").read_text().splitlines()) == 2
    assert set(emulator.accounts) == {"Mary", "Tom"}
    assert "it.html: open it in a browser" in told(0, "job", job, "--report", str(page))
    assert "\\udcc3" in page.read_text()


@pytest.mark.usefixtures("counted")
def test_what_each_row_gets_is_text_or_nothing_is_sent(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("account\nMary\n")
    words = ["push", "add-tags", "--from", str(path), "--column", "account", "--tag", os.fsdecode(b"\xff")]
    err = told(2, *words, *connection(emulator, tmp_path))
    assert err.startswith("tim-async: what each row gets is not valid Unicode ")
    assert err.count("\n") == 1
    assert emulator.books.calls == []
