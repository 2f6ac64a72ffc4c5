"""The README keeps its word."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from tim_async.service.endpoints import ENDPOINTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_twenty_lines_work_when_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    main = code.replace("asyncio.run(main())", "")
    namespace: dict[str, object] = {}
    exec(compile(main, "README.md", "exec"), namespace)  # noqa: S102 - our own lines, run as a reader would
    asyncio.run(namespace["main"]())  # type: ignore[operator] # defined by the lines above
    promised = re.findall(r"  # (\{.*|Nobody.*|\d+)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == promised
    assert len(code.splitlines()) <= 25


def test_its_table_names_every_command() -> None:
    rows = {name: line for line in README.splitlines() for name in re.findall(r"^\| `tim\.(\w+)", line)}
    for endpoint in ENDPOINTS:
        assert endpoint.group in rows
        assert f"`{endpoint.method}`" in README


@pytest.mark.parametrize("command", ["./run demo", "./run test"])
def test_its_two_commands_are_those_of_the_script(command: str) -> None:
    assert command in README
    usage = subprocess.run([str(ROOT / "run"), "help"], capture_output=True, text=True, check=True).stdout
    assert command in usage


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https://)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
