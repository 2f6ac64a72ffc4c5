"""Users need no cast: both type checkers read `typing/api.py`, and refuse what is wrong."""

import subprocess
import sys
from pathlib import Path

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


def test_every_type_of_the_public_surface_is_inferred_and_a_call_that_cannot_work_is_an_error(tmp_path: Path) -> None:
    """In one run of the type checker: two at once would write into the same cache."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(API), str(wrong)]
    told = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False).stdout
    errors = {tuple(line.rpartition("/")[2].split(":")[:2]) for line in told.splitlines() if ": error:" in line}
    assert errors == {("wrong.py", str(number)) for number in range(5, 15)}, told


def test_every_operation_of_a_client_is_called_there() -> None:
    from tim_async.service.endpoints import ENDPOINTS

    written = API.read_text()
    missing = [row.path for row in ENDPOINTS if f".{row.method}" not in written]
    assert not missing
