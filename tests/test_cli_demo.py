"""The demonstration runs real command lines against an emulator in another process, kills one, and judges all."""

import csv
import http.client
import io
import json
import os
import pty
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
from box import AT_A_TERMINAL, rest_of, running_process, start, until
from rich.console import Console

from tim_async.bulk.reading import InputError
from tim_async.cli.app import run
from tim_async.cli.demo.apart import Arrivals, emulator_apart
from tim_async.cli.demo.judged import Judged, judge
from tim_async.cli.demo.made import write_lists
from tim_async.cli.demo.show import demonstrate
from tim_async.cli.demo.steps import Lists, Step, steps_of
from tim_async.cli.demo.table import Done, _table, tell_all
from tim_async.emulator import Fault

IMPORT, DELETE = "im_open_login_svc/multiaccount_import", "im_open_login_svc/account_delete"


def demo(folder: Path, *options: str) -> int:
    return run(["demo", "--folder", str(folder / "demo"), "--latency", "0", *options])


def cells(out: str) -> dict[str, list[str]]:
    """The rows of the table by the title of their step."""
    titles = ("import", "set city", "delete")
    rows = (line for line in out.splitlines() if "done by" not in line)
    return {title: line.removeprefix(title).split() for line in rows for title in titles if line.startswith(title)}


def test_a_deletion_is_killed_and_goes_on_and_all_that_is_told_is_true(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--rows", "1500", "--rate", "20") == 0
    out, err = capfd.readouterr()
    rows = cells(out)
    assert {title: row[0] for title, row in rows.items()} == {"import": "1,500", "set city": "1,500", "delete": "1,501"}
    assert all(row[2] == "0" for row in rows.values())
    assert "Every row got exactly one outcome in every step." in out
    assert "Calls over the limit of 20 a second: 0." in out
    assert out.count(" done by the emulator, all told Ok.") == 3
    assert "\nkilled with -9 after " in err
    lines = err.splitlines()
    typed = [line.split()[2:4] for line in lines if line.startswith("$ ")]
    assert typed == [
        ["accounts", "import-many"],
        ["push", "set-attributes"],
        ["accounts", "delete"],
        ["resume", "delete.job"],
        ["job", "delete.job"],
    ]
    assert any("2 starts" in line and "all rows sent" in line for line in lines)
    assert len((tmp_path / "demo" / "delete.jsonl").read_text().splitlines()) == 1_501
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "killed, or the power went" in page
    assert (tmp_path / "demo" / "report.html").as_uri() in out


def test_a_short_list_is_not_killed_and_what_is_wrong_with_it_is_shown_and_is_no_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # as the documentation of tempfile says
    path = tmp_path / "mine.csv"
    path.write_text("id;account\n1;Mary\n2;John\n3;Mary\n4\n5;" + "x" * 40)
    assert run(["demo", "--latency", "0", "--accounts", str(path), "--rate", "50"]) == 0
    out, err = capfd.readouterr()
    assert cells(out)["delete"][0] == "5"
    assert "The deletion takes fewer than 10 calls: too short to be killed on its way." in err
    assert "NotSent, row 5: the number of cells is wrong: 1 instead of 2" in err
    assert "1 row with the account of an earlier row: 4 as 2" in err
    [folder] = tmp_path.glob("tim-async-demo-*")
    assert {"import.job", "delete.job", "delete.jsonl"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_a_list_in_another_encoding_is_refused_with_what_to_do_and_that_works(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], encoding: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("account,city\n张伟,北京\n李娜,上海\n", encoding=encoding)
    assert demo(tmp_path, "--accounts", str(path)) == 2
    assert f"--encoding {encoding}" in capfd.readouterr().err
    assert demo(tmp_path, "--accounts", str(path), "--encoding", encoding) == 0
    out, err = capfd.readouterr()
    assert cells(out)["delete"][0] == "2"
    assert f"--column account --encoding {encoding} " in err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("--accounts", "mine.csv", "--encoding", "utf-16"), "mine.csv has no byte-order mark"),
        (("--accounts", "mine.csv", "--encoding", "utf-32"), "mine.csv has no byte-order mark"),
        (("--accounts", "/proc/self/mem"), "Input/output error"),
    ],
)
def test_a_list_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("account\nMary\n")
    assert demo(tmp_path, *said) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"tim-async: {told}")


def test_an_encoding_that_there_is_not_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("account\nMary\n")
    assert demo(tmp_path, "--accounts", str(path), "--encoding", "gkb") == 2
    assert capfd.readouterr().err == "tim-async: 'gkb' is not an encoding of text; did you mean gbk?\n"


@pytest.mark.parametrize(
    ("text", "column", "city"),
    [
        ("Mary\nJohn\n", None, ["--set", "city=somewhere"]),
        ("user,city\nMary,Lyon\nJohn,\n", "user", ["--attribute", "city"]),
    ],
)
def test_other_files_will_do(tmp_path: Path, text: str, column: str | None, city: list[str]) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(text)
    steps = steps_of(Lists(tmp_path / "demo", str(path), column, "utf-8", 0), 50.0)
    assert [each.path for each in steps] == [str(path)] * 3
    named = [] if column is None else ["--column", column]
    assert [*steps[1].words] == ["push", "set-attributes", *city, "--from", str(path), *named, "--rate", "50"]


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ("user,city\nMary,Lyon\n", [], "say which one holds the accounts: --column NAME"),
        (None, ["--accounts", "none"], "there is no file"),
    ],
)
def test_a_list_that_cannot_be_read_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], rows: str | None, options: list[str], told: str
) -> None:
    path = tmp_path / "mine.csv"
    if rows is not None:
        path.write_text(rows)
        options = ["--accounts", str(path)]
    assert demo(tmp_path, *options) == 2
    assert told in capfd.readouterr().err


def test_a_folder_of_an_earlier_demonstration_or_that_cannot_be_made_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "import.job").write_text("x")
    assert demo(tmp_path) == 2
    assert "is not empty" in capfd.readouterr().err
    assert run(["demo", "--folder", str(tmp_path / "demo" / "import.job" / "below")]) == 2
    assert "Not a directory" in capfd.readouterr().err


@pytest.mark.parametrize(("taken", "steps"), [("import.jsonl", 1), ("delete.jsonl", 3)])
async def test_a_step_that_cannot_go_on_ends_it_with_its_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, taken: str, steps: int
) -> None:
    monkeypatch.setenv("TIM_REGION", "nowhere")  # is of the reader's own app
    (tmp_path / taken).touch()
    assert await demonstrate(Lists(tmp_path, None, None, "utf-8", 3), latency=0.0, rate=100.0) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("$ tim-async") == steps
    assert f"{taken} exists already" in err


def statistics(address: str) -> dict[str, Any]:
    with closing(http.client.HTTPConnection(address)) as asking:
        asking.request("GET", "/emulator/statistics")
        answer: dict[str, Any] = json.load(asking.getresponse())
        return answer


def set_faults(address: str, *rules: Fault) -> None:
    with closing(http.client.HTTPConnection(address)) as asking:
        asking.request("POST", "/emulator/faults", json.dumps({"rules": msgspec.to_builtins(rules)}))
        assert asking.getresponse().status == 200


def until_a_call_came(address: str, path: str) -> None:
    until(lambda: path in statistics(address))


def address_in(lines: Iterator[bytes] | IO[bytes]) -> str:
    """Where the emulator is, as the first line says."""
    first = next(line for line in lines if b"emulator at" in line)
    return first.split()[-1].decode().removeprefix("http://")


@pytest.mark.usefixtures("counted")
def test_a_signal_finishes_the_calls_in_flight_and_ends_the_emulator(tmp_path: Path) -> None:
    with start("demo", "--rows", "300", "--latency", "1s", "--folder", str(tmp_path / "demo")) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = address_in(process.stderr)
        until_a_call_came(address, IMPORT)
        process.send_signal(signal.SIGTERM)
        err = process.stderr.read().decode()
        assert process.stdout.read() == b""
    assert "interrupted; 300 rows: 300 Ok" in err
    assert err.splitlines()[-1] == f"tim-async: interrupted; what was written is in {tmp_path / 'demo'}"
    assert err.count("$ tim-async") == 1
    assert process.returncode == 143
    with pytest.raises(ConnectionRefusedError):
        statistics(address)


@pytest.mark.usefixtures("counted")
def test_ctrl_c_at_a_terminal_reaches_a_command_once(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    # Until Ctrl-C is on its way the answers are held, and with them all but the first of twenty calls: so the demo does
    # not kill the deletion before.
    words = ["demo", "--rows", "2000", "--latency", "0", "--folder", str(tmp_path / "demo")]
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        running_process([sys.executable, "-c", AT_A_TERMINAL, *words], theirs) as process,
    ):
        os.close(theirs)
        address = address_in(terminal)
        set_faults(address, Fault(path=DELETE, do="hold", call=None))
        until_a_call_came(address, DELETE)
        os.write(ours, b"\x03")
        set_faults(address)
        seen = rest_of(ours).decode(errors="replace")
    assert process.returncode == 130
    assert "tim-async: interrupted; what was written is in " in seen
    assert " Unknown" not in seen


def arrivals(refused: int = 0) -> Arrivals:
    """A hundred calls a second for ten seconds."""
    return Arrivals([(number / 100, number < refused) for number in range(1_000)])


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ([], None),
        ([0.0], None),
        ([number / 100 for number in range(150)], None),
        ([number / 100 for number in range(200)], 100.0),
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.4], 2.0),
        ([*(number / 100 for number in range(300)), *(9 + number / 50 for number in range(100))], 100.0),
    ],
)
def test_a_rate_is_that_of_the_whole_seconds_of_the_longest_stretch_without_a_break(
    times: list[float], rate: float | None
) -> None:
    assert Arrivals([(at, False) for at in times]).rate == rate


@pytest.mark.parametrize(
    ("told", "done", "judged"),
    [
        ([("a", "Ok", False), ("b", "Rejected", False)], ["a"], Judged(1, 0, 0, 0)),
        ([("a", "Ok", False), ("a", "Rejected", False)], ["a", "a"], Judged(1, 0, 0, 0)),
        ([("a", "Ok", True)], ["a"], Judged(1, 0, 0, 0)),
        ([("a", "Ok", True)], [], Judged(0, 1, 0, 0)),
        ([("a", "Unknown", False)], ["a"], Judged(0, 0, 0, 0)),
        ([("a", "Ok", False)], [], Judged(0, 0, 1, 0)),
        ([("a", "NotSent", False)], ["a", "b"], Judged(0, 0, 0, 2)),
    ],
)
def test_what_was_told_is_held_against_what_was_done(
    told: list[tuple[str, str, bool]], done: list[str], judged: Judged
) -> None:
    assert judge(told, done) == judged
    assert judged.fair == (not judged.false and not judged.untold)


def step(title: str) -> Step:
    return next(each for each in steps_of(Lists(Path(), None, None, "utf-8", 0), 100.0) if each.title == title)


@pytest.mark.parametrize(
    "case",
    [
        (2, 0, Judged(2, 0, 0, 0), 0),
        (2, 0, Judged(1, 1, 0, 0), 0),
        (3, 0, Judged(2, 0, 0, 0), 1),
        (2, 1, Judged(2, 0, 0, 0), 1),
        (2, 0, Judged(1, 0, 1, 0), 1),
        (2, 0, Judged(1, 0, 0, 1), 1),
    ],
)
def test_only_complete_and_true_and_within_the_limit_is_0(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[int, int, Judged, int],
) -> None:
    rows, refused, judged, code = case
    monkeypatch.chdir(tmp_path)
    counts = {"Ok": 2, "Rejected": 0, "Unknown": 0, "NotSent": 0}
    done = [Done(step("delete"), rows, counts, arrivals(refused), judged)]
    assert tell_all(done, 100.0, Path("report.html")) == code
    out = capsys.readouterr().out
    assert ("Every row got exactly one outcome" in out) == (rows == 2)
    assert f"Calls over the limit of 100 a second: {refused}." in out
    assert ("all told Ok" in out) == judged.fair
    assert ("they never were" in out) == (judged.assumed > 0)
    assert f"file://{tmp_path}/report.html" in out
    assert cells(out)["delete"][1:5] == ["1,000", str(refused), "100.0", "100.0%"]


def test_the_table_of_a_million_rows_has_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    counts = {"Ok": 8_765_432, "Rejected": 1_234_567, "Unknown": 0, "NotSent": 0}
    table = _table([Done(step("delete"), 9_999_999, counts, arrivals(), Judged(0, 0, 0, 0))], 100.0)
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as printed:
        console.print(table)
    assert cells(printed.get())["delete"] == ["9999999", "1000", "0", "100.0", "100.0%", "8765432", "1234567", "0", "0"]


def test_lists_are_of_any_length_name_each_account_once_and_some_who_never_were(tmp_path: Path) -> None:
    write_lists(2_500, tmp_path / "a.csv", tmp_path / "b.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8") as lines:
        everybody = [row["account"] for row in csv.DictReader(lines)]
    leaving = (tmp_path / "b.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(everybody) == len(set(everybody)) == 2_500
    assert [name for name in leaving if name not in set(everybody)] == ["never-was-1", "never-was-2"]
    assert [name for name in leaving if not name.startswith("never-was")] == everybody


def test_a_folder_without_room_for_the_lists_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        assert run(["demo", "--folder", str(tmp_path / "it"), "--rows", "5000"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert capsys.readouterr().err == (
        f"tim-async: {tmp_path / 'it'} cannot be written: File too large; say another: --folder DIR\n"
    )


async def test_an_emulator_that_does_not_start_is_told() -> None:
    with pytest.raises(InputError, match="the emulator did not start"):
        async with emulator_apart(0.0, -1.0):
            pass


def test_the_accounts_of_the_examples_are_those_of_the_package_and_are_what_the_service_takes() -> None:
    shipped = (files("tim_async.cli") / "accounts.csv").read_text(encoding="utf-8")
    example = Path(__file__).parent.parent / "examples" / "accounts.csv"
    assert example.read_text(encoding="utf-8") == shipped
    rows = list(csv.DictReader(shipped.splitlines()))
    accounts = [row["account"] for row in rows]
    assert list(rows[0]) == ["account", "city", "sex", "tier"]
    assert len(set(accounts)) == len(accounts) == 300
    assert all(0 < len(os.fsencode(account)) <= 32 for account in accounts)
