"""The charts of a report: nothing that happened is lost, and a wait of days takes no more room than a finger."""

import os
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tim_async.bulk.findings.calls import calls_of
from tim_async.bulk.findings.facts import Bin, Findings, Latency, Moment, Run, What, Who
from tim_async.bulk.journal.seconds import latency_of
from tim_async.cli.drawing import Chart, chart_of, steps_below
from tim_async.cli.durations import clock, duration, moment, zone
from tim_async.cli.histogram import histogram_of

DAY = 86_400


@pytest.fixture(autouse=True)
def zone_of_shanghai() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CST-8"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def second(at: int, calls: int = 100, limit: float | None = 100.0, paused: float = 0.0, repeats: int = 0) -> Moment:
    return Moment(at=at, calls=calls, items=calls, repeats=repeats, failed=0, limit=limit, paused=paused)


def run(number: int, began: float, ended: float | None, how: str = "all rows sent", last: float | None = None) -> Run:
    return Run(number=number, began=began, ended=ended, last_word=last, how=how, host="here", pid=1, outcomes=0)


def found(seconds: list[Moment], *runs: Run) -> Findings:
    what = What(
        id="", command="accounts.delete", summary="", page="", options={}, journal="", input="", path=None, size=None,
        digest=None, rows=0, column=None,
    )  # fmt: skip
    return Findings(
        what=what, made=0.0, by="", state="done", verdict="", what_now=[], done=0, open=0, maybe=0, counts={},
        assumed=0, numbered="line", kinds=[], who=Who(app=1, identifier=None, host=None, region=None),
        runs=list(runs), asked_again=[], asked_again_means="", calls=calls_of(seconds), latency=None, seconds=seconds,
    )  # fmt: skip


def chart(seconds: list[Moment], *runs: Run, width: float = 900.0) -> Chart:
    drawn = chart_of(found(seconds, *runs), width=width, height=200.0)
    assert drawn is not None
    return drawn


def test_without_seconds_there_is_none() -> None:
    assert chart_of(found([]), width=900.0, height=200.0) is None


def test_a_day_is_drawn_in_at_most_600_columns_and_loses_neither_a_peak_nor_a_pause_nor_a_low_limit() -> None:
    seconds = [second(at, 50) for at in range(DAY)]
    seconds[12_345] = second(12_345, 99)
    seconds[50_000] = second(50_000, 0, 25.0, paused=1.0)
    seconds[70_000] = second(70_000, 50, repeats=1)
    drawn = chart(seconds, run(1, 0.0, DAY - 0.1))
    assert len(drawn.columns) <= 600
    assert sum(column.seconds for column in drawn.columns) == DAY
    assert max(column.peak for column in drawn.columns) == 99
    (low,) = [column for column in drawn.columns if column.limit != 100.0]
    assert (low.limit, low.paused) == (25.0, 1.0)
    assert low.at <= 50_000 < low.at + low.seconds
    assert len(drawn.pauses) == len(drawn.repeats) == 1
    assert all(bar.width >= 2.0 for bar in (*drawn.pauses, *drawn.repeats))
    assert sum(column.mean * column.seconds for column in drawn.columns) == pytest.approx(sum(s.calls for s in seconds))


def test_a_wait_of_two_days_is_a_narrow_break_and_a_wait_of_a_second_is_drawn_as_it_is() -> None:
    seconds = [second(at) for at in (*range(20), *range(21, 40), *range(2 * DAY, 2 * DAY + 40))]
    drawn = chart(seconds, run(1, 0.5, 39.9), run(2, 2 * DAY - 1.5, 2 * DAY + 40.0))
    (gap,) = drawn.gaps
    assert gap.words == "1 d 23 h without work"
    assert gap.width == 30.0
    widths = [column.width for column in drawn.columns]
    assert max(widths) - min(widths) < 0.02
    assert [column.peak for column in drawn.columns if column.at == 20] == [0]
    assert drawn.columns[-1].x + drawn.columns[-1].width == pytest.approx(900.0, abs=0.1)
    assert [flag.text for flag in drawn.flags if not flag.is_end] == ["1", "2"]
    assert [flag.x for flag in drawn.flags] == sorted(flag.x for flag in drawn.flags)
    assert drawn.mean.count("M") == drawn.mean.count("Z") == 2
    assert drawn.limit.count("M") == 2


def test_a_hundred_starts_leave_most_of_the_width_to_the_work() -> None:
    seconds = [second(start * 1_000 + at) for start in range(100) for at in range(3)]
    runs = [run(start + 1, start * 1_000.0, None, "killed", start * 1_000 + 3.0) for start in range(100)]
    drawn = chart(seconds, *runs, width=340.0)
    assert sum(gap.width for gap in drawn.gaps) <= 0.31 * 340
    told = [flag for flag in drawn.flags if flag.text]
    assert all(after.x - before.x >= 16 for before, after in pairwise(told))
    assert len([flag for flag in drawn.flags if flag.is_end and flag.is_bad]) == 100
    assert all(after.at - before.at >= 50 for before, after in pairwise(drawn.times))


def test_a_start_that_made_no_call_has_its_place_and_one_at_work_no_end() -> None:
    drawn = chart([second(1_000)], run(1, 10.0, None, "killed"), run(2, 1_000.0, None, "at work", 1_001.0))
    assert [(flag.words, flag.is_end) for flag in drawn.flags] == [
        ("start 1, 1970-01-01 08:00:10", False),
        ("start 2, 1970-01-01 08:16:40", False),
    ]


def test_where_nobody_told_the_limit_there_is_no_line_and_else_the_last_one_holds() -> None:
    assert chart([second(at, 5, None) for at in range(5)]).limit == ""
    limits = [None, None, 80.0, None, 50.0]
    drawn = chart([second(at, 5, limit) for at, limit in enumerate(limits)])
    assert [column.limit for column in drawn.columns] == [None, None, 80.0, 80.0, 50.0]


def test_the_words_tell_what_is_drawn() -> None:
    drawn = chart([second(0), second(1, 50, 50.0, paused=0.5, repeats=2)], run(1, 0.0, 2.0))
    assert drawn.words == (
        "150 calls from 1970-01-01 08:00:00 to 1970-01-01 08:00:01: 75.0 a second on average, 100 in the busiest one, "
        "of 100 allowed; 2 repeated, 0 without an answer, paused for 500 ms"
    )
    assert "allowed" not in chart([second(0, 1, None)]).words


def test_times_are_round_ones_of_the_day_there() -> None:
    ticks = chart([second(at) for at in range(5, 7_205)]).times
    assert [tick.text for tick in ticks] == [f"{8 + at // 60:02}:{at % 60:02}" for at in range(10, 111, 10)]
    assert [tick.text for tick in chart([second(at) for at in range(60)]).times][:3] == [
        "08:00:00", "08:00:05", "08:00:10",
    ]  # fmt: skip
    assert chart([second(at * DAY // 2) for at in range(400)], width=340.0).times


@pytest.mark.parametrize(
    ("top", "steps"), [(1.06, [0, 1]), (106, [0, 50, 100]), (21.2, [0, 5, 10, 15, 20]), (530, [0, 200, 400])]
)
def test_the_scale_has_few_whole_numbers(top: float, steps: list[int]) -> None:
    assert steps_below(top) == steps


def latency(*bins: tuple[int, int]) -> Latency:
    told = [Bin(seconds=latency_of(number), answers=answers) for number, answers in bins]
    return Latency(
        answers=sum(n for _, n in bins), p50=told[0].seconds, p90=told[-1].seconds, p99=9.0, most=9.0, bins=told
    )


def test_a_single_slow_answer_among_millions_is_seen() -> None:
    drawn = histogram_of(latency((20, 5_000_000), (95, 1)), width=900.0, height=140.0)
    assert [bar.height for bar in drawn.bars] == [140.0, 1.0]
    assert all(0 <= bar.x < bar.x + bar.width <= 900 for bar in drawn.bars)
    assert "5,000,001 answers" in drawn.words
    assert len(histogram_of(latency((0, 1), (95, 1)), width=340.0, height=100.0).times) <= 6


def test_one_bin_is_not_as_wide_as_the_page_and_percentiles_that_coincide_share_a_label() -> None:
    drawn = histogram_of(latency((30, 10)), width=900.0, height=140.0)
    assert drawn.bars[0].width < 60
    assert [mark.text for mark in drawn.marks] == ["p50, p90", "p99"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.0202, "20.2 ms"), (0.999, "999 ms"), (1.52, "1.5 s"), (12.4, "12 s"), (60, "1 min"),
        (1_000, "16 min 40 s"), (7_200, "2 h"), (7_201, "2 h"), (183_600, "2 d 3 h"), (172_800, "2 d"),
    ],
)  # fmt: skip
def test_spans_of_time_have_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_moments_are_local() -> None:
    assert moment(0.9) == "1970-01-01 08:00:00"
    assert zone(0) == "UTC+08:00"
    assert [clock(3_661, step) for step in (5, 60, 172_800)] == ["09:01:01", "09:01", "01-01"]
