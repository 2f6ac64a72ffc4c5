"""The report of a job: written whole or not at all, over nothing that somebody may need, and without a secret."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from box import connection, emulator_apart, start, table
from journals import MEMO, Journal, made_for

from tim_async import NotSent, Rejected, Unknown
from tim_async.bulk.journal.lock import Lock
from tim_async.bulk.journal.runs import AGAIN, ASSUMED, FINE, MAYBE
from tim_async.bulk.journal.seconds import Second, number_of
from tim_async.cli.app import run
from tim_async.cli.saving import save
from tim_async.emulator import DEMO_KEY, Emulator

GONE = Rejected(0, "", 70107, "", "the account does not exist")
LONG = NotSent(0, "", 70402, "", "the account is 35 bytes long, and 32 are allowed", final=True)
NEVER = Unknown(0, "", None, "", "it must not be sent twice", final=True)


emulator = emulator_apart()


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def journal(folder: Path, name: str = "it.job") -> Path:
    return Journal(folder / name, memo=MEMO).start((FINE, 0, 9), (GONE, 9, 1)).path


def test_a_run_of_the_command_line_is_told_and_no_secret_is_in_it(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*connection(emulator, tmp_path), *table(tmp_path, emulator, 3), "--column", "account", "--yes"]
    assert run(["accounts", "delete", *options, "--proxy", ""]) == 0
    job, page, told = (tmp_path / name for name in ("accounts.csv.accounts-delete.job", "it.html", "it.json"))
    capsys.readouterr()
    assert run(["job", str(job), "--report", str(page), "--report-json", str(told)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[2] == "    3 rows done, 0 not sent yet"
    assert captured.err == "it.html: open it in a browser\n"
    found = json.loads(text(told))
    assert found["verdict"] == "All 3 rows deleted; nothing is open"
    assert "All 3 rows deleted; nothing is open" in text(page)
    assert found["who"] == {"app": 1400000000, "identifier": "administrator", "host": emulator.url, "region": "china"}
    assert (found["what"]["command"], found["what"]["column"]) == ("accounts.delete", "account")
    for words in (text(page), text(told)):
        assert DEMO_KEY not in words
        assert "u0" not in words
        assert "usersig" not in words.lower()


def test_accounts_are_there_only_where_somebody_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("account\nMary\nJohn\n")
    job = made_for(ids, tmp_path / "it.job", column="account").start((FINE, 0, 1), (GONE, 1, 1)).path
    page, told = tmp_path / "it.html", tmp_path / "it.json"
    both = ["job", str(job), "--report", str(page), "--report-json", str(told)]
    assert run(["job", str(job)]) == run(both) == 0
    assert "John" not in text(page) + text(told)
    assert "It holds no accounts." in text(page)
    assert run([*both, "--with-accounts"]) == 0
    assert 'class="account">John</bdi>' in text(page)
    assert json.loads(text(told))["kinds"][1]["accounts"] == ["John"]
    assert "It holds no accounts." not in text(page)
    ids.write_text("account\nMary\nJoan\n")
    before = text(page)
    capsys.readouterr()
    assert run([*both, "--with-accounts"]) == 2
    assert capsys.readouterr().err == "tim-async: ids.csv is not the same input as before, byte for byte\n"
    assert text(page) == before


@pytest.mark.usefixtures("counted")
def test_standard_output_gets_the_json_and_nothing_else(tmp_path: Path) -> None:
    with start("job", str(journal(tmp_path)), "--report-json", "-") as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["verdict"] == "9 of 10 deleted; 1 was not there; nothing is open"
    assert err.startswith(b"it.job: accounts.delete")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--report", "-"], "only --report-json may be -"),
        (["--report", "x", "--report-json", "x"], "are two files"),
        (["--with-accounts"], "--with-accounts belongs to --report or --report-json"),
        (["--report", "no/such/folder/it.html"], "there is no directory no/such/folder"),
        (["--report", "."], "cannot be written: Is a directory"),
        (["--report", "x" * 300], "cannot be written: File name too long"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    tmp_path: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["job", str(journal(tmp_path)), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_only_an_earlier_report_of_the_same_job_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, other = journal(tmp_path), journal(tmp_path, "other.job")
    page, told = tmp_path / "it.html", tmp_path / "it.json"
    for _ in range(2):
        assert run(["job", str(mine), "--report", str(page), "--report-json", str(told)]) == 0
    capsys.readouterr()
    for option, place in (("--report", page), ("--report-json", told), ("--report", mine), ("--report-json", mine)):
        before = place.read_bytes()
        assert run(["job", str(other), option, str(place)]) == 2
        assert f"{option} {place} exists already, and is not an earlier report of this job" in capsys.readouterr().err
        assert place.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "new" in path.name) == []


def test_a_link_stays_one_and_what_is_no_file_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "it.html")
    job = str(journal(tmp_path))
    assert run(["job", job, "--report", str(tmp_path / "link.html"), "--report-json", os.devnull]) == 0
    assert (tmp_path / "link.html").is_symlink()
    assert text(tmp_path / "it.html").startswith("<!doctype html>")
    assert Path(os.devnull).is_char_device()


def test_a_full_disk_is_75_and_leaves_what_was_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job, page = str(journal(tmp_path)), tmp_path / "it.html"
    assert run(["job", job, "--report", str(page)]) == 0
    before = page.read_bytes()
    capsys.readouterr()
    assert run(["job", job, "--report", "/dev/full"]) == 75
    assert capsys.readouterr().err == (
        "tim-async: /dev/full cannot be written: No space left on device; nothing of the job is lost\n"
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        assert run(["job", job, "--report", str(page)]) == 75
        assert run(["job", job, "--report-json", str(tmp_path / "it.json")]) == 75
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "it.html cannot be written: File too large" in capsys.readouterr().err
    assert page.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"it.job", "it.job.lock", "it.html"}


def test_what_cannot_be_made_at_all_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "it.html.new").mkdir()
    with pytest.raises(ValueError, match="cannot be written: Is a directory; nothing of the job is lost"):
        save(tmp_path / "it.html", b"x")
    assert not (tmp_path / "it.html").exists()


@pytest.mark.usefixtures("counted")
def test_without_jinja2_one_line_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['jinja2'] = None; from tim_async.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "job", str(journal(tmp_path)), "--report", str(tmp_path / "it.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "tim-async: --report needs jinja2; get it with: pip install 'tim-async[cli]'\n"
    assert not (tmp_path / "it.html").exists()


def page_of(job: Path) -> str:
    page = job.with_suffix(".html")
    assert run(["job", str(job), "--report", str(page)]) == 0
    return text(page)


def test_each_state_has_its_badge_and_what_to_do_now(tmp_path: Path) -> None:
    source = {"name": "the items", "count": 0, "description": {}, "columns": [], "column": None}
    empty = page_of(Journal(tmp_path / "empty.job", source=source).start().path)
    assert '<p class="badge">Empty input</p>' in empty
    assert "Look whether the input should have had rows." in empty
    assert "What became of the rows" not in empty
    well = page_of(Journal(tmp_path / "well.job").start((FINE, 0, 10)).path)
    assert '<p class="badge">Done</p>' in well
    assert "Nothing: it is all done." in well
    failed = page_of(Journal(tmp_path / "failed.job").start((FINE, 0, 9), (LONG, 9, 1)).path)
    assert '<p class="badge">Done, with failures</p>' in failed
    held = page_of(Journal(tmp_path / "held.job").start((FINE, 0, 5), how="the first 5 rows sent").path)
    assert '<main class="mixed">' in held
    assert '<p class="badge">Stopped</p>' in held
    assert "The first 5 rows sent: 5 of 10 deleted; 5 are open" in held
    never = page_of(Journal(tmp_path / "never.job").path)
    assert '<p class="badge">Stopped</p>' in never
    assert "It was never started." in never
    job = Journal(tmp_path / "work.job", memo=MEMO).start((FINE, 0, 9), how=None).path
    lock = Lock(job)
    try:
        working = page_of(job)
    finally:
        lock.release(whole=False)
    assert '<p class="badge">At work</p>' in working
    assert ", while the job was at work." in working
    killed = page_of(job)
    assert f"tim-async resume {job}" in killed
    assert "last heard of" in killed


def test_what_an_end_means_and_what_to_do_before_going_on_is_told(tmp_path: Path) -> None:
    key = page_of(
        Journal(tmp_path / "key.job", memo=MEMO).start((FINE, 0, 1), how="ended by CredentialsError 70003").path
    )
    assert "Ended by CredentialsError 70003 (" in key
    assert "Put the app, the secret key, the identifier or the region right; then go on:" in key
    other = page_of(Journal(tmp_path / "other.job", memo=MEMO).start((FINE, 0, 1), how="ended by Whatever").path)
    assert "Ended by Whatever: 1 of 10 deleted" in other
    assert "See to what ended it; then go on:" in other
    silent = page_of(Journal(tmp_path / "silent.job").start((FINE, 0, 1), how="stopped: no useful answer came").path)
    assert "Stopped: no useful answer came; 1 of 10 deleted" in silent


def test_what_may_have_been_done_is_not_to_be_sent_again_without_care(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("Mary\nJohn\n")
    job = made_for(ids, tmp_path / "it.job", command="push.send_to").start((FINE, 0, 1), (NEVER, 1, 1)).path
    told = page_of(job)
    assert "1 of 2 sent; 1 may have been done; nothing is open" in told
    assert (
        "Write out the Unknown rows; of Unknown ones nobody knows whether they were done, so send them again only"
        in told
    )
    both = page_of(Journal(tmp_path / "both.job", command="push.send_to").start((LONG, 0, 9), (NEVER, 9, 1)).path)
    assert "Mend the rows that failed in the program that gave them; of Unknown ones" in both


def test_what_was_asked_again_is_told_and_many_starts_are_cut_short(tmp_path: Path) -> None:
    second = Second(calls=1, items=1, limit=10_000, latencies={number_of(0.02): 1})
    job = Journal(tmp_path / "it.job").start(
        (FINE, 0, 1), (ASSUMED, 8, 1), (MAYBE, 1, 2), how=None, seconds=[(1, second)]
    )
    job.start((AGAIN, 0, 1), (ASSUMED, 1, 1), (FINE, 2, 1), (FINE, 0, 1), how=None)
    told = page_of(job.path)
    assert "1 Ok, 1 so already, 1 done already, and sent once more" in told
    assert "these were sent again, for a second time changes nothing; 1 was gone already when asked again" in told
    assert "<b>1</b> more is Ok because it was so already when asked again after a lost answer" in told
    for _ in range(17):
        job.start((MAYBE, 9, 1), how=None)
    told = page_of(job.path)
    assert "4 more starts between them are not shown." in told
    assert "2 more between them are not shown." in told


def test_where_the_input_is_gone_rows_are_counted(tmp_path: Path) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("account\nMary\n")
    job = made_for(ids, tmp_path / "it.job", column="account").start((GONE, 0, 1)).path
    assert "Rows are named by the line of the input on which they begin." in page_of(job)
    ids.unlink()
    assert "the same input is no longer there." in page_of(job)
