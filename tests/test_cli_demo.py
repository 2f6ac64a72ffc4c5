"""The demonstration runs every step against an emulator in another process, and judges itself."""

import csv
import http.client
import io
import json
import os
import signal
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from box import start
from rich.console import Console

from tim_async import Client, CredentialsError
from tim_async.bulk.files import AccountFile
from tim_async.bulk.reading import InputError
from tim_async.bulk.report import Tally
from tim_async.bulk.writing import Record
from tim_async.cli.app import run
from tim_async.cli.demonstration import STEPS, Arrivals, Done, _carry_out_all, _emulator, _report, _table
from tim_async.cli.stopping import Stop
from tim_async.emulator import Emulator


def cells(out: str) -> dict[str, list[str]]:
    """The rows of the table by the title of their step."""
    rows: dict[str, list[str]] = {}
    for line in out.splitlines():
        for step in STEPS:
            if line.startswith(step.title + " ") and ":" not in line:
                rows[step.title] = line.removeprefix(step.title).split()
    return rows


def test_without_options_it_takes_the_accounts_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--latency", "0"]) == 0
    captured = capsys.readouterr()
    rows = cells(captured.out)
    assert list(rows) == ["import", "read tags", "set city", "read city", "remove city", "delete"]
    for title, row in rows.items():
        long = 2 if title == "set city" else 0
        assert row == ["300", "3", "0", "-", "-", str(300 - long), "0", "0", str(long)]
    assert "set city: NotSent 90033, 2 rows (59, 205): the value of attribute 'city'" in captured.out
    assert (
        "Every row got exactly one outcome in every step.\nCalls over the limit of 100 a second: 0.\n" in captured.out
    )
    assert "How close the calls come to the limit shows with more rows: --accounts FILE," in captured.out
    assert captured.err.startswith("300 rows of accounts.csv, emulator at http://127.0.0.1:")
    assert all(len(line) <= 80 for line in captured.out.splitlines())


def test_what_is_wrong_with_a_file_is_shown_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id;account\n1;Mary\n2;John\n3;Mary\n4\n5;" + "x" * 40 + "\n")
    assert run(["demo", "--accounts", str(path), "--latency", "1ms", "--rate", "50"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "in every step: NotSent, row 5: the number of cells is wrong: 1 instead of 2" in out
    assert "1 row with the account of an earlier row: 4 as 2" in out


@pytest.mark.parametrize(
    ("text", "column"), [("Mary\nJohn\n", []), ("user,city\nMary,Lyon\nJohn,\n", ["--column", "user"])]
)
def test_other_files_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, column: list[str]) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(text)
    assert run(["demo", "--accounts", str(path), "--latency", "0", *column]) == 0
    assert cells(capsys.readouterr().out)["delete"][0] == "2"


def test_a_table_without_the_column_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("user,city\nMary,Lyon\n")
    assert run(["demo", "--accounts", str(path)]) == 2
    assert "say which one holds the accounts: --column NAME" in capsys.readouterr().err


def arrivals(refused: int = 0) -> dict[str, Arrivals]:
    """A hundred calls a second for ten seconds, of each command; so many of them refused."""
    came = [(5.0 + number / 100, number < refused) for number in range(1000)]
    return {step.endpoint.path: Arrivals(came) for step in STEPS}


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ([], None),
        ([7.0] * 3, None),
        ([7.0, 8.9], None),
        ([7.0, 7.5, 8.96], 1.5),
        ([7.0] * 100 + [8.0] * 100 + [9.0] * 100, 100.0),
        ([7.0] * 100 + [8.0] * 100 + [9.5] * 90, 100.0),
    ],
)
def test_a_rate_is_that_of_the_whole_seconds_of_a_step_that_took_two_at_least(
    times: list[float], rate: float | None
) -> None:
    assert Arrivals([(at, False) for at in times]).rate == rate


@pytest.mark.parametrize(("records", "refused", "code"), [(2, 0, 0), (1, 0, 1), (2, 1, 1)])
def test_only_complete_and_within_the_limit_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], records: int, refused: int, code: int
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a\nb\n")
    tally = Tally()
    for row in range(1, records + 1):
        tally.add(Record(row, "x", "Ok"))
    with AccountFile(str(path)) as file:
        assert _report([Done(step, tally) for step in STEPS], arrivals(refused), file, 100.0) == code
    out = capsys.readouterr().out
    complete = "Every row got exactly one outcome in every step." if records == 2 else "Some rows got no outcome."
    assert f"{complete}\nCalls over the limit of 100 a second: {refused * len(STEPS)}.\n" in out
    assert "How close" not in out
    assert cells(out)["delete"][1:5] == ["1,000", str(refused), "100.0", "100.0%"]


def statistics(address: str) -> dict[str, object]:
    with closing(http.client.HTTPConnection(address)) as asking:
        asking.request("GET", "/emulator/statistics")
        answer: dict[str, object] = json.load(asking.getresponse())
        return answer


def test_the_table_of_a_million_rows_has_80_columns() -> None:
    tally = Tally()
    tally.counts.update(Ok=8_765_432, Rejected=1_234_567)
    table = _table([Done(step, tally) for step in STEPS], arrivals(), 100.0)
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as printed:
        console.print(table)
    assert cells(printed.get())["delete"] == ["9999999", "1000", "0", "100.0", "100.0%", "8765432", "1234567", "0", "0"]


def test_ctrl_c_finishes_the_calls_in_flight_and_ends_the_emulator() -> None:
    with start("demo", "--latency", "1s") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stderr.readline().split()[-1].decode().removeprefix("http://")
        while not statistics(address):
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().decode() == "tim-async: interrupted; import: 300 rows: 300 Ok\n"
        assert process.stdout.read() == b""
    assert process.returncode == 130
    with pytest.raises(ConnectionRefusedError):
        statistics(address)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--accounts", str(tmp_path / "none")]) == 2
    assert "there is no file" in capsys.readouterr().err


async def test_an_emulator_that_does_not_start_is_told() -> None:
    with pytest.raises(InputError, match="the emulator did not start"):
        async with _emulator(0.0, -1.0):
            pass


async def test_what_makes_every_call_pointless_ends_it(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("Mary\nTom\n")
    client = Client(sdk_app_id=emulator.sdk_app_id, secret_key="another-key", base_url=emulator.url)
    with AccountFile(str(tmp_path / "users.txt")) as file, pytest.raises(CredentialsError):
        await _carry_out_all(client, file, Stop())


def test_the_accounts_of_the_examples_are_those_of_the_package_and_are_what_the_service_takes() -> None:
    shipped = (files("tim_async.cli") / "accounts.csv").read_text(encoding="utf-8")
    example = Path(__file__).parent.parent / "examples" / "accounts.csv"
    assert example.read_text(encoding="utf-8") == shipped
    rows = list(csv.DictReader(shipped.splitlines()))
    accounts = [row["account"] for row in rows]
    assert list(rows[0]) == ["account", "city", "sex", "tier"]
    assert len(set(accounts)) == len(accounts) == 300
    assert all(0 < len(os.fsencode(account)) <= 32 for account in accounts)
