"""The page about lists keeps its word."""

import gzip
import re
from pathlib import Path

import pytest
from box import running

from tim_async.bulk import Record
from tim_async.emulator import DEMO_KEY, Emulator

PAGE = (Path(__file__).parents[1] / "docs" / "bulk.md").read_text(encoding="utf-8")


def test_its_program_works_when_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "users.csv.gz").write_bytes(gzip.compress(b"account,city\nMary,Lyon\nMary\nNobody,x\n"))
    monkeypatch.chdir(tmp_path)
    with running(Emulator()) as emulator:
        emulator.accounts.add("Mary")
        for name, value in (("SDK_APP_ID", "1400000000"), ("SECRET_KEY", DEMO_KEY), ("BASE_URL", emulator.url)):
            monkeypatch.setenv(f"TIM_{name}", value)
        exec(compile(code, "bulk.md", "exec"), {})  # noqa: S102 - our own lines, run as a reader would
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "3 rows, 2 accounts"
    assert sorted(line.partition(" ")[0] for line in out[1:]) == ["Mary", "Nobody"]


def test_its_fields_of_a_record_are_all_there_are() -> None:
    rows = PAGE.partition("**A `Record`**")[2].partition("`sink=`")[0]
    assert re.findall(r"`(\w+): ", rows) == list(Record.__struct_fields__)
