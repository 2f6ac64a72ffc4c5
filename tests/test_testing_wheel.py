"""The plugin and the page of a job as users have them: from the built wheel, in an environment of its own."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

import pytest
from journals import Journal
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tim_async.bulk.journal.runs import FINE

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "examples" / "testing"
# Where warnings are errors, pytest-asyncio wants to be told how long its loops live.
SCOPE = ["-o", "asyncio_default_fixture_loop_scope=function"]
MODES = {
    "auto": [*SCOPE, "-o", "asyncio_mode=auto"],
    "strict": [*SCOPE, "-o", "asyncio_mode=strict"],
    "anyio": ["-p", "no:asyncio"],
}
BACKEND = """
import pytest

@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
"""
HARMLESS = """
import sys

def test_nothing_heavy_was_loaded(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("tim_async")
    assert "tim_async.testing.plugin" in sys.modules
    assert not {"aiohttp", "msgspec", "tim_async.client", "tim_async.emulator"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's interpreter: the wheel, what it and its extra ``cli`` require, pytest and pytest-asyncio."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", str(folder), str(ROOT)], check=True, capture_output=True)
    venv.create(folder / "venv", symlinks=True)
    packages = next((folder / "venv").rglob("site-packages"))
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)  # which is all that installing a wheel of pure Python does
    for each in needed([*(requires("tim-async") or []), "pytest", "pytest-asyncio"]):
        for name in {file.parts[0] for file in each.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            (packages / name).symlink_to(str(each.locate_file(name)))
    return folder / "venv" / "bin" / "python"


def needed(lines: Iterable[str], extra: str = "cli") -> list[Distribution]:
    """What these requirements bring, of their own extras only this one; it is installed for this interpreter."""
    found: dict[str, Distribution] = {}
    waiting = [(line, extra) for line in lines]
    while waiting:
        line, wanted = waiting.pop()
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": wanted})):
            found[name] = distribution(name)
            waiting += [(further, "") for further in found[name].requires or []]
    return list(found.values())


def pytest_in(folder: Path, python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A run of pytest as in somebody else's project: nothing of this one's settings, and warnings are errors.

    Nor of this one's environment: where `PYTHONDONTWRITEBYTECODE` is set, each run would compile the wheel anew.
    """
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("mode", MODES)
def test_the_example_suite_passes_with_every_plugin_for_asyncio(mode: str, python: Path, tmp_path: Path) -> None:
    for file in SUITE.glob("*.py"):
        text = file.read_text()
        (tmp_path / file.name).write_text(text.replace("mark.asyncio", "mark.anyio") if mode == "anyio" else text)
    if mode == "anyio":
        (tmp_path / "conftest.py").write_text(BACKEND)
    told = pytest_in(tmp_path, python, *MODES[mode])
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.splitlines()[-1].startswith("10 passed"), told.stdout


def test_who_has_the_plugin_and_does_not_use_it_pays_nothing(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_harmless.py").write_text(HARMLESS)
    told = pytest_in(tmp_path, python, *MODES["strict"])
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_wheel_is_what_these_tests_run_and_says_where_its_plugin_is(python: Path) -> None:
    script = """
import importlib.metadata, json, tim_async
wheel = importlib.metadata.distribution("tim-async")
plugins = [point.value for point in wheel.entry_points if point.group == "pytest11"]
print(json.dumps([tim_async.__file__, str(wheel.locate_file("")), *plugins]))
"""
    told = subprocess.run([str(python), "-I", "-c", script], cwd="/", capture_output=True, text=True, check=True)
    package, wheel, *plugins = json.loads(told.stdout)
    home = python.parents[1]
    assert Path(package).is_relative_to(home)
    assert Path(wheel).is_relative_to(home)
    assert plugins == ["tim_async.testing.plugin"]


def test_the_wheel_makes_the_page_of_a_job(python: Path, tmp_path: Path) -> None:
    """Its templates are no Python, and easily left behind."""
    job = Journal(tmp_path / "it.job").start((FINE, 0, 10)).path
    command = [str(python), "-I", "-m", "tim_async", "job", str(job), "--report", str(tmp_path / "it.html")]
    subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert "All 10 rows deleted; nothing is open" in (tmp_path / "it.html").read_text()
