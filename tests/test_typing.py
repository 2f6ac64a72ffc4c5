"""Users need no cast: both type checkers read `typing/api.py`, and refuse what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
API = HERE / "typing" / "api.py"

WRONG = """
from tim_async import Client

async def wrong(tim: Client) -> None:
    await tim.accounts.delete(7)
    await tim.push.set_attributes({"Mary": ["city"]})
    await tim.push.add_tags.one("Mary", 7)
    await tim.push.get_tags(["Mary"], priority="now")
    await tim.friends.of("Mary", add_type="both").add({})
    await tim.push.send(["Mary"])
    x: int = (await tim.push.get_tags(["Mary"]))["Mary"]
    await tim.push.add_tags({"Mary": ["a"]}, replace="yes")
    tim.push.add_tags.stream({"Mary": ["a"]}, before_send=lambda places: None)
    await tim.push.get_tags(["Mary"], replace=True)
"""


def mypy(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *arguments]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)


@pytest.mark.timeout(300)
def test_every_type_of_the_public_surface_is_inferred() -> None:
    told = mypy(str(API))
    assert told.returncode == 0, told.stdout


@pytest.mark.timeout(300)
def test_a_call_that_cannot_work_is_an_error_before_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)
    told = mypy(str(file))
    lines = {int(line.split(":")[1]) for line in told.stdout.splitlines() if ": error:" in line}
    assert lines == {*range(5, 15)}, told.stdout


def test_every_operation_of_a_client_is_called_there() -> None:
    from tim_async.service.endpoints import ENDPOINTS

    written = API.read_text()
    missing = [row.path for row in ENDPOINTS if f".{row.method}" not in written]
    assert not missing
