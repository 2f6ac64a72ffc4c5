"""When a command is in trouble, and what is written about it."""

import math

from tim_async.dispatch.standing import SILENCE, Standing


def test_each_kind_of_trouble_is_written_once_until_all_is_well() -> None:
    standing = Standing()
    standing.asked(0)
    assert standing.paused(1, 2.0, "too fast") == "paused for 2 s: too fast"
    assert standing.paused(4, 4.0, "too fast") is None
    assert standing.stopped(5, "wrong key") == "stopped, what waits is not sent: wrong key"
    assert standing.stopped(6, "wrong key") is None
    assert [standing.well, standing.answered(7.5, asks_on=False)] == [False, "well again after 6.5 s"]
    assert standing.well
    assert standing.answered(8, asks_on=False) is None
    assert standing.paused(9, 2.0, "too fast") is not None


def test_silence_counts_from_the_first_call_after_the_last_useful_answer() -> None:
    standing = Standing()
    assert standing.silent_at() == math.inf
    standing.asked(5)
    standing.asked(9)
    assert standing.silent_at() == 5 + SILENCE
    assert standing.silent(14.9) is None
    standing.answered(14.9, asks_on=True)
    assert standing.silent_at() == 14.9 + SILENCE
    standing.answered(15, asks_on=False)
    assert standing.silent_at() == math.inf
    standing.asked(100)
    standing.failed("refused")
    assert standing.silent(110) == "no useful answer for 10 s: refused"
    assert standing.silent(120) is None
    assert standing.silent_at() == math.inf
    assert standing.answered(130, asks_on=False) == "well again after 30.0 s"


def test_a_full_stop_is_an_answer_and_no_silence_follows_it_until_something_is_asked() -> None:
    standing = Standing()
    standing.asked(0)
    standing.stopped(1, "unknown command")
    assert standing.silent_at() == math.inf
    standing.asked(50)
    assert standing.silent_at() == 50 + SILENCE


def test_where_nothing_at_all_is_answered_that_is_what_is_said() -> None:
    standing = Standing()
    standing.asked(0)
    assert standing.silent(10) == "no useful answer for 10 s: nothing is answered"
