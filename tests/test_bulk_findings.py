"""What a job did and how it stands is told by its journal alone: at work, killed, finished, resumed, old or odd."""

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from box import running, running_process
from journals import MEMO, Journal, made_for

from tim_async import Client, NotSent, Outcome, Rejected, Unknown, bulk
from tim_async.bulk.findings.facts import Findings, Kind
from tim_async.bulk.journal.lock import Lock
from tim_async.bulk.journal.runs import AGAIN, ASSUMED, FINE, MAYBE, NOTHING
from tim_async.bulk.journal.seconds import Second, latency_of, number_of
from tim_async.bulk.journal.store import Store
from tim_async.emulator import DEMO_KEY, Emulator

GONE = Rejected(0, "", 70107, "", "the account does not exist")
LONG = NotSent(0, "", 70402, "", "the account is 35 bytes long, and 32 are allowed", final=True)
LONGER = NotSent(0, "", 70402, "", "the account is 99 bytes long, and 32 are allowed", final=True)
LATER = NotSent(0, "", None, "", "interrupted before an answer came", final=False)
LOST = Unknown(0, "", None, "", "no answer in 10 s", final=False)
NEVER = Unknown(0, "", None, "", "no answer in 10 s", final=True)


def kinds(found: Findings) -> list[tuple[str, int | None, int, list[int], str]]:
    return [(each.outcome, each.code, each.count, each.rows, each.repeat) for each in found.kinds]


def test_all_well_is_one_sentence_and_nothing_to_do(tmp_path: Path) -> None:
    found = bulk.findings_of(Journal(tmp_path / "it.job").start((FINE, 0, 10)).path)
    assert (found.state, found.verdict) == ("done", "All 10 rows deleted; nothing is open")
    assert found.what_now == []
    assert kinds(found) == [("Ok", None, 10, [], "no need")]
    assert (found.done, found.open, found.maybe, found.assumed) == (10, 0, 0, 0)
    assert (found.calls, found.latency, found.seconds, found.asked_again) == (None, None, [], [])
    assert found.who == bulk.findings_of(tmp_path / "it.job").who
    assert [getattr(found.who, name) for name in ("app", "identifier", "host", "region")] == [1400000000, *[None] * 3]
    assert found.by.startswith("tim-async ")


def test_what_failed_is_told_by_kind_with_its_first_rows_and_whether_a_repeat_helps(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job", memo=MEMO).start(
        (FINE, 0, 1),
        (GONE, 1, 6),
        (LONG, 7, 1),
        (LONGER, 8, 1),
        (Rejected(0, "", 70107, "u7 is illegal", "the account does not exist"), 9, 1),
    )
    found = bulk.findings_of(journal.path)
    assert found.verdict == "1 of 10 deleted; 7 were not there, 2 failed; nothing is open"
    assert kinds(found) == [
        ("Ok", None, 1, [], "no need"),
        ("NotSent", 70402, 2, [8, 9], "mend"),
        ("Rejected", 70107, 7, [2, 3, 4, 5, 6], "no need"),
    ]
    assert found.numbered == "item"
    assert [step.command for step in found.what_now] == [""]  # of items of a program, none can be written out
    assert (found.who.host, found.who.region) == ("https://adminapisgp.im.qcloud.com", "singapore")


def advice(tmp_path: Path, outcome: Outcome[None], command: str = "accounts.delete") -> Kind:
    journal = Journal(tmp_path / "it.job", command=command).start((outcome, 0, 10))
    (kind,) = bulk.findings_of(journal.path).kinds
    return kind


@pytest.mark.parametrize(
    ("outcome", "command", "repeat"),
    [
        (LOST, "accounts.delete", "resume"),
        (LATER, "accounts.delete", "resume"),
        (LOST, "push.send_to", "risk"),
        (NEVER, "push.send_to", "risk"),
        (Rejected(0, "", 70050), "accounts.delete", "change"),  # the key
        (Rejected(0, "", 90002), "push.send_to", "change"),  # the request
        (Rejected(0, "", 60005), "accounts.delete", "change"),  # the request
        (Rejected(0, "", 30001), "friends.add", "no need"),
        (Rejected(0, "", 999999), "accounts.delete", "mend"),  # a code that nobody knows
        (Rejected(0, "", 120001), "accounts.delete", "change"),  # the app's own webhook
        (Rejected(0, "", 70500), "accounts.delete", "later"),
        (Rejected(0, "", None), "accounts.delete", "mend"),
        (Rejected(0, "", 70107), "of.tomorrow", "mend"),
        (LOST, "of.tomorrow", "resume"),
    ],
)
def test_whether_a_repeat_helps_follows_from_the_tables(
    tmp_path: Path, outcome: Outcome[None], command: str, repeat: str
) -> None:
    assert advice(tmp_path, outcome, command).repeat == repeat


def test_the_words_of_the_service_are_told_where_no_table_knows_the_code(tmp_path: Path) -> None:
    assert advice(tmp_path, Rejected(0, "", 70107, "u1 is not there", "the account does not exist")).info == ""
    (tmp_path / "other").mkdir()
    assert advice(tmp_path / "other", Rejected(0, "", 999999, "who?", "unknown code")).info == "who?"


def test_a_killed_job_is_open_and_a_resume_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("".join(f"u{number}\n\n" for number in range(10)))
    journal = made_for(file, tmp_path / "it.job", memo=MEMO).start((FINE, 0, 3), (LATER, 3, 1), (MAYBE, 4, 2), how=None)
    found = bulk.findings_of(journal.path)
    assert found.state == "killed"
    assert found.verdict == (
        "Stopped without a goodbye (killed, or the power went): 3 of 10 deleted; 7 are open, "
        "2 of them may have been sent"
    )
    assert kinds(found) == [
        ("Ok", None, 3, [], "no need"),
        ("Unknown", None, 2, [9, 11], "resume"),
        ("NotSent", None, 1, [7], "resume"),
        ("Open", None, 4, [13, 15, 17, 19], "resume"),
    ]
    assert [step.command for step in found.what_now] == [f"tim-async resume {tmp_path}/it.job"]
    assert (found.numbered, found.open, found.maybe) == ("line", 7, 2)
    assert found.runs[0].how == "stopped without a goodbye (killed, or the power went)"
    assert found.runs[0].ended is None
    assert found.runs[0].last_word is not None


def test_while_it_works_there_is_nothing_to_do_but_wait(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job").start((FINE, 0, 9), (GONE, 9, 1), how=None)
    lock = Lock(journal.path)
    try:
        found = bulk.findings_of(journal.path)
    finally:
        lock.release(whole=False)
    assert found.state == "at work"
    assert found.verdict.startswith("At work: 9 of 10 deleted; 1 was not there; nothing is open")
    assert found.runs[0].how == "at work"
    assert found.what_now[0].words.startswith("Wait, ")
    (tmp_path / "other").mkdir()
    lock = Lock(Journal(tmp_path / "other" / "it.job").start((FINE, 0, 1), how=None).path)
    try:
        assert bulk.findings_of(tmp_path / "other" / "it.job").kinds[-1].advice == "the run comes to them"
    finally:
        lock.release(whole=False)


def test_rows_of_a_file_that_failed_can_be_written_out(tmp_path: Path) -> None:
    (tmp_path / "some ids.txt").write_text("Mary\nJohn\n")
    journal = made_for(tmp_path / "some ids.txt", tmp_path / "my job").start((FINE, 0, 1), (LONG, 1, 1))
    (step,) = bulk.findings_of(journal.path).what_now
    assert step.command == f"tim-async job '{tmp_path}/my job' --failures FILE"


def test_what_was_asked_again_is_told_for_each_start_with_what_became_of_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job")
    journal.start((FINE, 0, 2), (MAYBE, 2, 6), (GONE, 9, 1), how=None)
    journal.start((AGAIN, 0, 1), (ASSUMED, 2, 2), (GONE, 4, 1), (FINE, 0, 1), how=None)
    journal.start((FINE, 5, 1), (NOTHING, 6, 1), how="stopped")
    found = bulk.findings_of(journal.path)
    assert [(each.start, each.rows, each.outcomes, each.rewritten) for each in found.asked_again] == [
        (2, 6, {"assumed": 2, "Rejected": 1, "later": 3}, 1),
        (3, 3, {"Ok": 1, "Open": 2}, 0),
    ]
    assert found.asked_again[0].meaning == (
        "these were sent again, for a second time changes nothing; 2 were gone already when asked again: done by us "
        "before the stop, or never there; 1 done already was sent once more, after an earlier row of the same account "
        "that was open, so that the last write stays the last"
    )
    assert [run.outcomes for run in found.runs] == [3, 4, 1]
    assert found.verdict == "Stopped: 5 of 10 deleted; 2 were not there; 3 are open, 1 of them may have been sent"


@pytest.mark.parametrize(
    ("command", "meaning"),
    [
        ("push.send_to", "these must not be sent twice, so they were not: each was done once or not at all"),
        ("push.get_tags", "these were read again, which changes nothing"),
        ("of.tomorrow", "these were sent again"),
    ],
)
def test_what_a_repeat_means_follows_from_the_command(tmp_path: Path, command: str, meaning: str) -> None:
    journal = Journal(tmp_path / "it.job", command=command).start((MAYBE, 0, 1), how=None).start((FINE, 0, 1))
    (asked,) = bulk.findings_of(journal.path).asked_again
    assert asked.meaning.startswith(meaning)
    assert asked.sent_again == (command != "push.send_to")


def test_what_was_sent_once_more_for_the_order_is_told_where_nothing_else_was_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job").start((LATER, 0, 1), (FINE, 1, 9), how="stopped")
    journal.start((AGAIN, 9, 1), (FINE, 0, 1), (FINE, 9, 1))
    (asked,) = bulk.findings_of(journal.path).asked_again
    assert (asked.rows, asked.outcomes, asked.rewritten) == (0, {}, 1)
    assert asked.meaning.startswith("1 done already was sent once more")


def test_a_start_that_did_nothing_is_told_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job").start((ASSUMED, 0, 1), (MAYBE, 1, 1), how=None).start(how="stopped")
    found = bulk.findings_of(journal.path)
    assert [(run.number, run.how, run.outcomes) for run in found.runs] == [
        (1, "killed, or the power went", 1),
        (2, "stopped", 0),
    ]
    assert found.asked_again[0].outcomes == {"Open": 1}


@pytest.mark.parametrize(
    ("told", "how", "verdict", "is_open"),
    [
        ([(FINE, 0, 3)], "all rows sent", "3 deleted; nothing is open", 0),
        ([(FINE, 0, 3), (LATER, 3, 1)], "all rows sent", "All rows sent: 3 deleted; 1 is open", 1),
        ([(FINE, 0, 3)], "stopped", "Stopped: 3 deleted; 0 open, and nobody knows how many rows come after them", None),
    ],
)
def test_of_rows_that_can_be_read_only_once_nobody_knows_the_number(
    tmp_path: Path, told: list[tuple[int | Outcome[None], int, int]], how: str, verdict: str, is_open: int | None
) -> None:
    source: dict[str, object] = {"name": "the items", "count": None, "description": {}, "columns": [], "column": None}
    journal = Journal(tmp_path / "it.job", source=source, mark=(None, None)).start(*told, how=how)
    found = bulk.findings_of(journal.path)
    assert (found.state, found.verdict, found.open) == ("done" if is_open == 0 else "stopped", verdict, is_open)
    assert [step.words for step in found.what_now] == (
        [] if is_open == 0 else ["It cannot go on: its input could be read only once"]
    )


def test_no_rows_are_no_failure(tmp_path: Path) -> None:
    source: dict[str, object] = {"name": "the items", "count": 0, "description": {}, "columns": [], "column": None}
    found = bulk.findings_of(Journal(tmp_path / "it.job", source=source).start().path)
    assert (found.state, found.verdict, found.kinds) == (
        "done",
        "The input has no rows, so nothing was to be deleted",
        [],
    )
    source = {**source, "count": 1}
    (tmp_path / "one").mkdir()
    journal = Journal(tmp_path / "one" / "it.job", source=source, command="of.tomorrow").start((FINE, 0, 1))
    assert bulk.findings_of(journal.path).verdict == "The one row done; nothing is open"


def test_a_journal_that_never_started_is_open(tmp_path: Path) -> None:
    found = bulk.findings_of(Journal(tmp_path / "it.job").path)
    assert (found.state, found.runs, found.verdict) == ("stopped", [], "Never started: 0 of 10 deleted; 10 are open")
    assert found.what_now[0].words == "Go on: start its own program again, with the same journal"


def test_commits_before_the_first_start_are_of_the_first(tmp_path: Path) -> None:
    """A clock that was put back is no reason to lose what was done."""
    journal = Journal(tmp_path / "it.job").start((FINE, 0, 10))
    with closing(sqlite3.connect(journal.path)) as database:
        database.execute("UPDATE log SET at = 1")
        database.commit()
    assert bulk.findings_of(journal.path).runs[0].outcomes == 10


def test_the_seconds_are_added_up(tmp_path: Path) -> None:
    quick, slow = number_of(0.02), number_of(1.5)
    second = Second(calls=50, items=5_000, repeats=2, failed=1, limit=5_000, paused=50, latencies={quick: 49, slow: 2})
    seconds = [
        (1_000, Second(calls=100, items=10_000, limit=10_000, latencies={quick: 99})),
        (1_001, second),
        (1_060, Second(paused=100)),
    ]
    found = bulk.findings_of(Journal(tmp_path / "it.job").start((FINE, 0, 10), seconds=seconds).path)
    calls, latency = found.calls, found.latency
    assert calls is not None
    assert latency is not None
    assert (calls.calls, calls.items, calls.repeats, calls.failed) == (150, 15_000, 2, 1)
    assert (calls.paused, calls.seconds, calls.rate, calls.most, calls.limit) == (1.5, 3, 50.0, 100, 100.0)
    assert [(each.at, each.calls, each.limit, each.paused) for each in found.seconds] == [
        (1_000, 100, 100.0, 0.0),
        (1_001, 50, 50.0, 0.5),
        (1_060, 0, None, 1.0),
    ]
    assert (latency.answers, latency.p50, latency.p90) == (150, latency_of(quick), latency_of(quick))
    assert (latency.p99, latency.most) == (latency_of(slow), latency_of(slow))
    assert [each.answers for each in latency.bins] == [148, 2]


def test_a_service_with_a_thousand_reasons_makes_fifty_kinds(tmp_path: Path) -> None:
    source = {"name": "the items", "count": 60, "description": {}, "columns": [], "column": None}
    words = [Rejected(0, "", 999999, "", "about " + chr(97 + n // 26) + chr(97 + n % 26)) for n in range(60)]
    journal = Journal(tmp_path / "it.job", source=source).start(*((each, at, 1) for at, each in enumerate(words)))
    found = bulk.findings_of(journal.path)
    assert len(found.kinds) == 51
    assert (found.kinds[0].count, found.kinds[0].words) == (10, "for other reasons, the first: about by")
    assert found.kinds[0].rows == [51, 52, 53, 54, 55]
    assert sum(kind.count for kind in found.kinds) == 60


def test_what_is_read_is_of_one_moment(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job").start((FINE, 0, 1), how="stopped")
    with closing(Store(journal.path, writes=True)), closing(Store(journal.path, writes=False)) as store, store.still():
        assert len(store.starts()) == 1
        journal_now = Store(journal.path, writes=True)
        journal_now.begin(2, "there")
        journal_now.close()
        assert len(store.starts()) == 1


async def test_a_real_run_that_was_killed_and_resumed_is_told_as_it_was(tmp_path: Path) -> None:
    """The emulator's books are the judge."""
    names = [f"u{number}" for number in range(2_000)]
    source = tmp_path / "ids.csv"
    source.write_text("account,city\n" + "".join(f"{name},Oslo\n" for name in names))
    journal = tmp_path / "it.job"
    with running(Emulator(latency=0.005)) as emulator:
        emulator.accounts.add(*names[:-1])
        program = [sys.executable, str(Path(__file__).with_name("doomed.py")), emulator.url, "delete", str(source)]
        with running_process([*program, str(journal), "5", str(int(signal.SIGKILL)), "-1"], -1) as process:
            process.communicate()
        killed = bulk.findings_of(journal)
        assert killed.state == "killed"
        assert killed.open is not None
        assert killed.done + killed.open == 2_000
        assert killed.done <= 1_999 - len(emulator.accounts) + 1
        async with Client(sdk_app_id=1400000000, secret_key=DEMO_KEY, base_url=emulator.url) as tim:
            with bulk.AccountFile(source, column="account", needs=("city",)) as file:
                await bulk.run(tim.accounts.delete, file, journal=journal)
        assert len(emulator.accounts) == 0
    found = bulk.findings_of(journal)
    assert (found.state, len(found.runs)) == ("done", 2)
    assert [run.how for run in found.runs] == ["killed, or the power went", "all rows sent"]
    assert found.asked_again[0].rows == killed.maybe
    assert sum(found.asked_again[0].outcomes.values()) == killed.maybe
    assert sum(kind.count for kind in found.kinds) == 2_000
    # The one that was never there is refused, unless it may have been sent before the end.
    assert (found.verdict, [kind.rows for kind in found.kinds if kind.outcome == "Rejected"]) in (
        ("1,999 of 2,000 deleted; 1 was not there; nothing is open", [[2_001]]),
        ("All 2,000 rows deleted; nothing is open", []),
    )
    assert msgspec.json.decode(msgspec.json.encode(found), type=Findings) == found
