"""Where people try things: a notebook, IPython, one ``asyncio.run`` after another; each as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from box import running

from tim_async.emulator import DEMO_KEY, Emulator

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook" / "tags.ipynb"
EXECUTE = NOTEBOOK.with_name("execute.py")
TOP_LEVEL = """
from tim_async import Client
tim = Client.from_env()
print(await tim.push.get_tags.one("Mary"))
"""
AGAIN = """
import asyncio
from tim_async import Client

async def main():
    async with Client.from_env() as tim:
        print(await tim.push.get_tags.one("Mary"))

for _ in range(3):
    asyncio.run(main())
"""
NESTED = f"""
import asyncio
import nest_asyncio
nest_asyncio.apply()

async def cell():
    {AGAIN.strip().replace(chr(10), chr(10) + "    ")}

asyncio.run(cell())
"""


def said_by(folder: Path, *command: str, url: str = "") -> str:
    """What a program of Python prints; it must end well, and say nothing beside it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment |= {"TIM_SDK_APP_ID": "1400000000", "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": url}
    environment |= {"HOME": str(folder), "IPYTHONDIR": str(folder), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        check=False,
        text=True,
        timeout=200,
        cwd=folder,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("command", "times"),
    [
        (["-W", "always::ResourceWarning", "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", TOP_LEVEL], 1),
        (["-W", "error", "-c", AGAIN], 3),
        (["-c", NESTED], 3),
    ],
    ids=["IPython, and nothing is closed", "asyncio.run again and again", "nest_asyncio"],
)
def test_it_works_and_ends_without_a_warning(tmp_path: Path, command: list[str], times: int) -> None:
    with running(Emulator()) as emulator:
        emulator.accounts.add("Mary")
        emulator.accounts["Mary"].tags.append("vip")
        said = said_by(tmp_path, *command, url=emulator.url)
    assert said.count("vip") == times


def test_the_example_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    said = said_by(tmp_path, str(EXECUTE), str(NOTEBOOK))
    assert "vip" in said
    assert "nobody Rejected" in said
