"""The house: one script for everything, and a lock that any mirror can serve."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
SCRIPTS = ["run", ".ci/run", "tests/slow_machine.sh", "examples/consumer/get_nats_server", "examples/consumer/start"]
LOCK = (HOUSE / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_the_script_tells_its_commands_and_sets_nothing_up_for_that(tmp_path: Path, arguments: list[str]) -> None:
    script = tmp_path / "run"
    script.write_bytes((HOUSE / "run").read_bytes())
    told = subprocess.run(["sh", str(script), *arguments], capture_output=True, check=True, text=True).stdout
    assert all(f"./run {name}" in told for name in ("demo", "test", "example", "lock"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_python_that_will_not_do_is_told(tmp_path: Path) -> None:
    for name in ("run", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_bytes((HOUSE / name).read_bytes())
    done = subprocess.run(
        ["sh", str(tmp_path / "run"), "demo"],
        env={**os.environ, "PYTHON": "no-such-python"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr


def test_an_example_that_there_is_not_is_told_together_with_those_that_there_are() -> None:
    done = subprocess.run([HOUSE / "run", "example", "nothing"], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run: which example? consumer")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with the script, set up with the interpreter that runs the tests."""
    house = tmp_path / "house"
    (house / ".venv" / "bin").mkdir(parents=True)
    for name in ("run", "pyproject.toml", "requirements.lock"):
        shutil.copy(HOUSE / name, house / name)
    python = house / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    stamp = 'echo "$(cat pyproject.toml requirements.lock | cksum) ${PYTHON:-} $PWD" >.venv/.ready'
    subprocess.run(["sh", "-c", stamp], cwd=house, check=True)
    return house


def test_files_are_looked_for_where_the_caller_stands_and_are_no_modules_of_ours(house: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.csv").write_text("account\nMary\n")
    (here / "csv.py").write_text("raise RuntimeError")
    (here / "key").write_text("a" * 64)
    where = ["--sdk-app-id", "1400000000", "--secret-key-file", "key"]
    plan = ["accounts", "delete", "--from", "mine.csv", "--column", "account", "--plan", *where]
    done = subprocess.run(["../house/run", *plan], cwd=here, capture_output=True, check=False, text=True)
    assert done.returncode == 0
    assert done.stderr.startswith("mine.csv: 1 row, 1 account\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_can_be_run(script: str) -> None:
    assert os.access(HOUSE / script, os.X_OK)


@pytest.mark.skipif(shutil.which("taskset") is None, reason="pins to a core, which needs taskset")
@pytest.mark.parametrize(("asked", "code"), [("--version", 0), ("--no-such-option", 4)])
def test_a_slow_run_ends_as_pytest_does_and_its_busy_loops_end_with_it(asked: str, code: int) -> None:
    command = [str(HOUSE / "tests" / "slow_machine.sh"), "2", "--noconftest", asked]
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    assert done.wait() == code
    with pytest.raises(ProcessLookupError):
        os.killpg(done.pid, 0)


def test_the_lock_names_no_host() -> None:
    assert "://" not in LOCK
    options = {word for word in LOCK.split() if word.startswith("--")}
    assert {option.partition("=")[0] for option in options} == {"--hash"}


def test_the_lock_has_hashes_for_all_that_is_needed() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["cli"],
        *project["project"]["optional-dependencies"]["redis"],
        *project["dependency-groups"]["test"],
        *project["dependency-groups"]["examples"],
    ]
    names = {re.split(r"[^\w.-]", requirement)[0].replace(".", "-") for requirement in needed}
    locked = re.findall(r"^([\w-]+)==\S+(?: ;[^\\\n]*)? \\\n +--hash=sha256:", LOCK, re.MULTILINE)
    assert names <= set(locked)
    assert len(locked) == len(re.findall(r"^[\w-]+==", LOCK, re.MULTILINE))
