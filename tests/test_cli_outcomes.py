"""Outcomes never go over the file that is read, nor over anything that somebody may still need."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tim_async.bulk.reading import InputError
from tim_async.cli.outcomes import Outcomes

WRITE = """
import sys
from tim_async.bulk.reading import InputError
from tim_async.cli.outcomes import Outcomes
to, source, *force = sys.argv[1:]
try:
    with Outcomes(to or None, source, force=bool(force)).open() as sink:
        sink.write(b"outcomes")
except InputError as exc:
    sys.exit(str(exc))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ids").write_text("Mary\n")
    (tmp_path / "old").write_text("what was known")
    os.link(tmp_path / "ids", tmp_path / "hard")
    (tmp_path / "soft").symlink_to("ids")
    return tmp_path


def shell(folder: Path, line: str) -> tuple[str, str]:
    """What a line of the shell puts out and says, with WRITE for the program."""
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(WRITE)}"
    command = ["bash", "-c", line.replace("WRITE", program)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr.strip()


@pytest.mark.parametrize(
    "line",
    [
        "WRITE ids ids",
        "WRITE hard ids",
        "WRITE soft ids",
        "WRITE ids soft",
        "WRITE ids - <ids",
        "WRITE hard - <soft",
        "WRITE ids /dev/stdin <ids",
        "WRITE ids ids force",
        "WRITE '' ids >>ids",
        "WRITE - - <ids >>hard",
        "WRITE /dev/stdout ids >>ids",
    ],
)
def test_the_file_that_is_read_stays_as_it_is(folder: Path, line: str) -> None:
    out, said = shell(folder, line)
    assert (out, (folder / "ids").read_text()) == ("", "Mary\n")
    assert "the file that is read; give the outcomes another name" in said


@pytest.mark.usefixtures("counted")
def test_what_the_shell_has_emptied_is_told(folder: Path) -> None:
    assert "is read; give the outcomes another name" in shell(folder, "WRITE '' ids >ids")[1]


def test_what_stands_there_is_overwritten_only_by_force(folder: Path) -> None:
    assert shell(folder, "WRITE old ids")[1] == (
        "--to old exists already; give the outcomes another name, or overwrite it with --force"
    )
    assert (folder / "old").read_text() == "what was known"
    assert shell(folder, "WRITE old ids force") == ("", "")
    assert (folder / "old").read_text() == "outcomes"


def test_what_appears_meanwhile_is_not_overwritten_either(folder: Path) -> None:
    outcomes = Outcomes(str(folder / "new"), str(folder / "ids"), force=False)
    (folder / "new").write_text("somebody else's")
    with pytest.raises(InputError, match="exists already"), outcomes.open():
        pass
    assert (folder / "new").read_text() == "somebody else's"


def test_a_link_to_nowhere_is_something(folder: Path) -> None:
    (folder / "loose").symlink_to("nothing")
    with pytest.raises(InputError, match="exists already"), Outcomes(str(folder / "loose"), "-", force=False).open():
        pass


@pytest.mark.parametrize(
    "line",
    [
        "WRITE '' ids",
        "WRITE - ids",
        "WRITE /dev/stdout ids",
        "WRITE /dev/fd/1 - <ids",
        "WRITE '' - <ids",
        "WRITE new ids; cat new",
        "WRITE new nowhere; cat new",
        "WRITE >(cat) ids | cat",
        "mkfifo f; cat f & WRITE f ids; wait",
        "WRITE /dev/stdout ids >>old; tail -c 8 old",
        "WRITE new - <&- >&-; cat new",
    ],
)
def test_outcomes_go_where_they_are_told_to(folder: Path, line: str) -> None:
    assert shell(folder, line) == ("outcomes", "")


def test_a_device_may_be_written_and_read(folder: Path) -> None:
    assert shell(folder, "WRITE /dev/null /dev/null") == ("", "")
    assert shell(folder, "WRITE '' /dev/null >/dev/null") == ("", "")


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("WRITE . ids", ". cannot be written: Is a directory; say another place: --to FILE"),
        ("WRITE no/new ids", "no/new cannot be written: there is no directory no; say another place: --to FILE"),
        ("WRITE old/new ids", "old/new cannot be written: there is no directory old; say another place: --to FILE"),
        ("WRITE /proc/new ids", "/proc/new cannot be written: No such file or directory; say another place: --to FILE"),
        ("WRITE '' ids >&-", "standard output is closed; say where the outcomes go: --to FILE"),
    ],
)
def test_a_place_that_cannot_be_written_is_told(folder: Path, line: str, told: str) -> None:
    assert shell(folder, line) == ("", told)


def test_an_option_of_another_name_is_named_and_has_no_force(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        Outcomes(str(folder / "old"), "ids", force=False, option="--outcomes")
    assert str(caught.value) == f"--outcomes {folder / 'old'} exists already; give the outcomes another name"


def interrupted(sink: IO[bytes]) -> None:
    sink.write(b"half of the")
    raise KeyboardInterrupt


def test_what_is_written_at_the_end_is_there_whole_or_not_at_all(folder: Path) -> None:
    outcomes = Outcomes(str(folder / "old"), str(folder / "ids"), force=True)
    with pytest.raises(KeyboardInterrupt), outcomes.whole() as sink:
        interrupted(sink)
    assert (folder / "old").read_text() == "what was known"
    with outcomes.whole() as sink:
        sink.write(b"outcomes")
    assert (folder / "old").read_text() == "outcomes"
    assert sorted(path.name for path in folder.iterdir()) == ["hard", "ids", "old", "soft"]


def test_what_appears_before_the_end_is_not_overwritten_either(folder: Path) -> None:
    outcomes = Outcomes(str(folder / "new"), str(folder / "ids"), force=False)
    with outcomes.later():
        (folder / "new").write_text("somebody else's")
        with pytest.raises(InputError, match="exists already"), outcomes.whole():
            pass
    assert (folder / "new").read_text() == "somebody else's"


def test_a_place_for_later_is_tried_at_once(folder: Path) -> None:
    with (
        pytest.raises(InputError, match="/proc/new cannot be written: "),
        Outcomes("/proc/new", "-", force=False).later(),
    ):
        pass


def test_it_has_a_name() -> None:
    assert str(Outcomes(None, "ids", force=False)) == "standard output"
    assert str(Outcomes("x", "ids", force=False)) == "x"
