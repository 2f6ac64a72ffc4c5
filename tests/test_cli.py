"""The command line as a whole: help at once, and every mistake in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from box import start

from tim_async import ClientClosed, __version__
from tim_async.cli.app import app, run
from tim_async.cli.telling import AS_JSON

BLOCKED = "import sys; sys.modules[{name!r}] = None; from tim_async.cli import main; sys.exit(main())"

INTERRUPTED = """
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "tim_async.cli.app":
            raise KeyboardInterrupt
from tim_async.cli import main
sys.meta_path.insert(0, Interrupted())
sys.exit(main())
"""


@app.command(hidden=True)
def closed() -> None:
    """Raise what the client raises."""
    raise ClientClosed


@app.command(hidden=True)
def interrupted() -> None:
    """End as Ctrl-C ends a command."""
    raise KeyboardInterrupt


@app.command(hidden=True)
def interrupted_as_json() -> None:
    """The same with --json."""
    AS_JSON.set(True)
    raise KeyboardInterrupt


@app.command(hidden=True)
def full() -> None:
    """Write where there is no room."""
    raise OSError(28, "No space left on device")


@app.command(hidden=True)
def nothing() -> None:
    """End well."""


def test_python_m_is_the_command() -> None:
    with start("--version") as process:
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, f"tim-async, version {__version__}\n".encode(), b"")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("accounts", "push", "call", "commands", "demo", "emulator"))


@pytest.mark.parametrize("arguments", [["push"], ["push", "--help"]])
def test_a_group_alone_tells_its_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert "set-attributes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["demo", "--help"], ["accounts", "delete", "--help"], ["push", "send", "--help"], ["commands"]],
)
def test_help_waits_for_no_slow_import(arguments: list[str]) -> None:
    program = (
        "import sys; from tim_async.cli.app import run; run(sys.argv[1:]);"
        "slow = {'aiohttp', 'asyncio', 'rich', 'tim_async.client'} & set(sys.modules); assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("name", ["click", "rich"])
def test_without_the_extra_one_line_tells_how_to_get_it(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED.format(name=name)], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"tim-async: the command line needs {name}; get it with: pip install 'tim-async[cli]'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command 'nonsense'. (tim-async --help tells more)"),
        (["push", "get-tags"], "Missing option '--from'. (tim-async push get-tags --help tells more)"),
        (["demo", "--latency", "fast"], "Invalid value for '--latency': 'fast' is not a length of time such as 20ms"),
        (["closed"], "this client has been closed; make a new one"),
    ],
)
def test_a_mistake_is_one_line_and_the_exit_code_is_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"tim-async: {told}")
    assert captured.err.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--accounts", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"tim-async: there is no file {tmp_path / 'none.csv'}\n"


@pytest.mark.usefixtures("counted")
def test_ctrl_c_while_modules_are_imported_is_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"tim-async: interrupted\n")


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interrupted"]) == 130
    assert capsys.readouterr().err.strip() == "tim-async: interrupted"
    assert run(["interrupted-as-json"]) == 130
    assert capsys.readouterr().err == '{"event":"told","text":"tim-async: interrupted"}\n'


def test_a_command_that_says_nothing_else_ended_well() -> None:
    assert run(["nothing"]) == 0
