"""What is seen of a run at each moment, on terminals of any width, in logs and by programs."""

import asyncio
import io
import json
import os
import pty
import sys
import termios
from pathlib import Path

import pytest
from box import AT_A_TERMINAL, connection, emulator_apart, rest_of, running_process, table
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tim_async import LaneEvent, LaneSlowed, PauseBegun, PauseEnded, RedisBack
from tim_async.bulk.report import Progress
from tim_async.bulk.writing import Record
from tim_async.cli.display import Display, Drawn, Told, view_of
from tim_async.cli.eyes import Eyes
from tim_async.cli.screen import Moment, Pace, as_json, in_one_line, length, screen
from tim_async.emulator import Emulator
from tim_async.lane.statistics import LaneStatistics

PATH = "im_open_login_svc/account_delete"


def moment(**changed: object) -> Moment:
    usual = Moment(
        title="delete",
        total=10_000_000,
        counts={"Ok": 4_309_102, "Rejected": 870, "Unknown": 0, "NotSent": 28},
        trouble=None,
        rate=99.6,
        limit=100.0,
        full_limit=100.0,
        left=569.0,
        repeated=12,
        pause="",
        pause_left=0.0,
        paused=0.0,
        slowed="",
    )
    return usual._replace(**changed)  # type: ignore[arg-type]  # a test names what it changes


def statistics(**changed: object) -> LaneStatistics:
    usual: dict[str, object] = {
        "waiting": {}, "in_backoff": 0, "in_flight": 3, "calls": 9, "calls_per_second": 50.0, "seconds_waited": 0.0,
        "retries": 2, "refused": 0, "failures": 0, "limit": 100.0, "share": 1.0, "cap": None,
    }  # fmt: skip
    return LaneStatistics(**(usual | changed))  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rate": 1234.4, "limit": 1500.0, "full_limit": 12_000.0}, "1234 of 1,500 calls/s (usually 12,000)"),
        ({"rate": 0.4, "limit": 0.5, "full_limit": 0.5}, "0 of 0.5 calls/s"),
        ({}, "delete   4,310,000/10,000,000   43 %   100 of 100 calls/s   9:29 min left"),
        ({}, "12 calls repeated"),
        ({"repeated": 1}, "1 call repeated"),
        ({"repeated": 0, "paused": 3.0}, "28 not sent   paused 3 s in all"),
        ({"limit": 30.0, "slowed": "too many calls"}, "of 30 calls/s (usually 100)"),
        ({"slowed": "too many calls"}, "slower than the limit for some seconds: too many calls"),
        ({"pause": "locked", "pause_left": 61.0}, "paused for 1:01 min more: locked"),
        ({"stopping": True, "in_flight": 3}, "stopping: 3 calls are still out (Ctrl-C again: do not wait)"),
        ({"stopping": True, "in_flight": 1}, "stopping: 1 call is still out"),
        ({"total": 0, "counts": {"Ok": 0, "Rejected": 0, "Unknown": 0, "NotSent": 0}, "limit": 0.0}, "0/0   100 %"),
        ({"left": None}, "100 of 100 calls/s\n"),
    ],
)
def test_a_moment_in_lines_and_in_one(changed: dict[str, object], told: str) -> None:
    assert told in "\n".join(screen(moment(**changed), 140)) + "\n"


def test_the_commonest_failure_is_told_in_words_with_rows_everywhere() -> None:
    progress = Progress(3)
    progress.tally.add(Record(2, "a", "Rejected", 70107, reason="the account does not exist"))
    changed = moment(trouble=progress.tally.troubles()[0], pause="locked", pause_left=1.0, left=None)
    words = "Rejected 70107, row 2: the account does not exist"
    assert screen(changed, 80)[-1].strip() == words
    assert in_one_line(changed).endswith(f"paused for 1 s more: locked, mostly {words}")
    assert "mostly" not in in_one_line(moment())
    assert as_json(changed)["commonest_failure"] == {"code": 70107, "reason": "the account does not exist", "count": 1}
    assert (as_json(moment())["commonest_failure"], as_json(moment())["seconds_left"]) == (None, 569.0)
    assert as_json(changed)["seconds_left"] is None


@given(columns=st.integers(45, 200), reason=st.text(max_size=120), stopping=st.booleans())
def test_no_line_is_wider_than_the_terminal_nor_steers_it(columns: int, reason: str, stopping: bool) -> None:
    for line in screen(moment(slowed=reason, pause=reason, stopping=stopping, paused=7.0), columns):
        assert cell_len(line) <= columns
        assert line.replace("\u3000", "").isprintable()


def test_a_length_of_time_is_told_in_the_unit_that_fits() -> None:
    assert [length(seconds) for seconds in (0.4, 59, 600, 7500, 100_000)] == [
        "0 s", "59 s", "10:00 min", "2:05 h", "1 d 3 h",
    ]  # fmt: skip


def test_the_time_left_is_that_of_the_limit_first_and_then_that_of_what_was_measured() -> None:
    pace = Pace()
    assert pace.left(1000, 100.0) == 10
    pace.look(0.0, 0)
    pace.look(1.0, 10)
    assert pace.left(1000, 100.0) == 10
    pace.look(2.0, 100)
    assert pace.left(1000, 100.0) == 20
    assert pace.left(1000, 10.0) == 100  # the limit fell
    for second in range(3, 14):
        pace.look(float(second), 100 * (second - 1))
    assert pace.left(1000, 200.0) == 10  # what was slow is ten seconds ago
    pace.look(100.0, 5000)  # nobody was there in between
    assert pace.left(1000, 100.0) == 10
    pace.anew()
    assert pace.left(1000, 0.0) is None


def test_the_eyes_remember_pauses_limits_and_repeats() -> None:
    now = [0.0]
    eyes = Eyes(100.0, lambda: now[0])
    eyes(PauseBegun(PATH, 3.0, "too many calls", whole_app=False))
    now[0] = 1.0
    assert (eyes.pause, eyes.pause_left) == ("too many calls", 2.0)
    eyes(PauseEnded(PATH, 3.0, whole_app=False))
    assert (eyes.pause, eyes.pause_left, eyes.paused) == ("", 0.0, 3.0)
    eyes(LaneSlowed(PATH, 50.0, 100.0, "too many calls"))
    eyes(LaneEvent(PATH, statistics(share=0.6)))
    assert (eyes.slowed, eyes.limit, eyes.full_limit) == ("too many calls", 60.0, 100.0)
    eyes(LaneEvent(PATH, statistics()))
    eyes(RedisBack(1.0))
    assert (eyes.slowed, eyes.repeated, eyes.rate, eyes.in_flight) == ("", 2, 50.0, 3)


def told_of(view: Told | Drawn, seconds: list[float], pause: float = 0.0) -> Display:
    now = [0.0]
    eyes = Eyes(100.0, lambda: now[0])
    if pause:
        eyes(PauseBegun(PATH, pause, "locked", whole_app=True))
    display = Display("delete", 1000, 100, eyes, view, clock=lambda: now[0])

    async def show() -> None:
        with display.showing():
            await asyncio.sleep(0)
            for now[0] in seconds:
                display.look()

    asyncio.run(show())
    return display


def test_a_line_comes_every_ten_seconds_and_none_before() -> None:
    seen: list[Moment] = []
    told_of(Told(seen.append), [0.0, 9.9, 10.0, 10.1, 19.9, 20.0])
    assert len(seen) == 2
    long: list[Moment] = []
    told_of(Told(long.append), [0.0, 10.0], pause=3600.0)
    assert (long[0].pause, long[0].pause_left) == ("locked", 3590.0)


def test_it_is_drawn_at_once_and_taken_away_at_the_end() -> None:
    out = io.StringIO()
    view = Drawn(Console(file=out, force_terminal=True, color_system=None, width=80))
    view.show(moment())  # before it begins there is nothing to be seen
    view.end()
    assert out.getvalue() == ""
    told_of(view, [0.0, 0.5])
    assert "delete   0/1,000   0 %" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("look", "environment", "crowded", "kind"),
    [
        ("", {}, False, Drawn),
        ("", {"NO_COLOR": "1"}, False, Drawn),
        ("", {"TERM": "dumb"}, False, Told),
        ("", None, True, Told),
        ("", {}, True, type(None)),
        ("quiet", {}, False, type(None)),
        ("json", {}, True, Told),
    ],
)
def test_it_is_shown_as_it_suits_the_terminal(
    look: str,
    environment: dict[str, str] | None,
    crowded: bool,
    kind: type,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without an environment it is no terminal."""
    terminal = environment is not None
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": "xterm"} | (environment or {}))
    view = view_of(look, console, crowded=crowded)  # type: ignore[arg-type]  # parametrized
    assert type(view) is kind
    if isinstance(view, Told):
        view.show(moment())
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert json.loads(told)["done"] == 4_310_000 if look == "json" else "43 %" in told


emulator = emulator_apart(latency=0.005)


@pytest.mark.usefixtures("counted")
def test_after_ctrl_z_it_goes_on_below(emulator: Emulator, tmp_path: Path) -> None:
    arguments = ["accounts", "delete", "--yes", "--column", "account", *connection(emulator, tmp_path), "--rate", "20"]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-c", AT_A_TERMINAL, *arguments, *table(tmp_path, emulator, 6000)]
    # A shell's child: the group of a process without one is never stopped from the terminal.
    with running_process([sys.executable, "-c", SHELL, *command], theirs) as process:
        os.close(theirs)
        seen = b""
        while b"stopped" not in seen:
            seen += os.read(ours, 10_000)
            if b"delete   " in seen and b"\x1a" not in seen:
                os.write(ours, b"\x1a")
                seen += b"\x1a"
        drawn = seen.count(b"delete   ")
        seen += rest_of(ours)
    os.close(ours)
    assert process.returncode == 0
    assert seen.count(b"delete   ") > drawn
    assert b"6,000 rows: 6,000 Ok" in seen


# Starts a command in the foreground, waits until it is stopped, says so, and lets it go on.
SHELL = (
    "import fcntl, os, signal, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
    "pid = os.fork()\n"
    "if not pid:\n"
    "    os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); signal.signal(signal.SIGTTOU, signal.SIG_DFL)\n"
    "    os.execv(sys.executable, [sys.executable, '-m', 'tim_async', *sys.argv[4:]])\n"
    "_, status = os.waitpid(pid, os.WUNTRACED)\n"
    "assert os.WIFSTOPPED(status), status\n"
    "os.write(1, b'stopped')\n"
    "os.kill(pid, signal.SIGCONT)\n"
    "_, status = os.waitpid(pid, 0)\n"
    "sys.exit(os.waitstatus_to_exitcode(status))\n"
)
