"""The bar shows what is done, how fast, what went wrong, and how long it will take."""

import io

from rich.console import Console

from tim_async.bulk.report import Tally
from tim_async.bulk.writing import Record
from tim_async.cli.progress import Bars


def drawn(records: list[Record], *, shown: bool = True, seconds: float = 2.0) -> tuple[str, int]:
    """What is seen of a job that takes so long in all, and how often the other one was told of it."""
    now = [100.0]
    out = io.StringIO()
    ticks: list[None] = []
    console = Console(file=out, force_terminal=True, color_system=None, width=80)
    tally = Tally()
    with Bars(console, shown=shown, clock=lambda: now[0], tick=lambda: ticks.append(None)) as bars:
        bar = bars.begin("delete", 10_000, tally)
        for record in records:
            now[0] += seconds / len(records)
            tally.add(record)
            bar.moved()
        bar.draw()
    return out.getvalue().rpartition("delete")[2], len(ticks)


def test_all_is_in_one_line_of_80_columns() -> None:
    text, _ = drawn([Record(2, "a", "Ok")] * 9_998 + [Record(3, "b", "NotSent"), Record(4, "c", "Unknown")])
    line = text.splitlines()[0]
    assert "10,000/10,000" in line
    assert "2 errors" in line
    assert "5,000/s" in line
    assert len("delete" + line) <= 80


def test_a_single_error_is_one() -> None:
    assert "1 error " in drawn([Record(2, "a", "Ok"), Record(3, "b", "NotSent")])[0]


def test_the_first_second_has_no_rate() -> None:
    assert "/s" not in drawn([Record(2, "a", "Ok")] * 300, seconds=0.02)[0]


def test_a_burst_of_outcomes_is_drawn_once_and_the_end_always() -> None:
    assert drawn([Record(2, "a", "Ok")] * 1000, seconds=0.05)[1] == 2
    assert drawn([Record(2, "a", "Ok")] * 1000, seconds=1.04)[1] == 12


def test_nothing_is_drawn_where_nobody_looks_but_the_ticks_go_on() -> None:
    assert drawn([Record(2, "a", "Ok")], shown=False) == ("", 2)
