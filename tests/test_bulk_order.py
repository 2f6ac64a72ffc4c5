"""What a resume sends, and in which order: the last write to an account stays the last."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tim_async import NotSent, Ok, Outcome, Rejected, Unknown
from tim_async.bulk.journal.order import plan
from tim_async.bulk.journal.runs import MAYBE, Endings, Runs, States

KINDS: dict[str, Outcome[Any] | None] = {
    ".": None,  # nothing is known of it
    "?": None,  # it was promised
    "k": Ok(0, "", None),
    "r": Rejected(0, "", 70107),
    "u": Unknown(0, ""),
    "U": Unknown(0, "", final=True),
    "n": NotSent(0, ""),
    "w": Rejected(0, "", 70009, final=False),
}
OPEN = set("?unw")


def states_of(kinds: str) -> States:
    endings, runs = Endings(), Runs()
    for place, kind in enumerate(kinds):
        outcome = KINDS[kind]
        if kind == "?":
            runs.add(MAYBE, place)
        elif outcome is not None:
            runs.add(endings.number_of(outcome), place)
    states = States(endings)
    states.read(runs.take())
    return states


def test_what_may_have_been_sent_goes_first_and_nobody_looks_at_the_accounts() -> None:
    def accounts() -> list[str]:
        raise AssertionError

    planned = plan(states_of("kr?k??k"), accounts)
    assert (list(planned.first), list(planned.again), list(planned.idle)) == ([2, 4, 5], [], [])


def test_a_later_write_that_is_done_is_sent_once_more_after_an_earlier_one_that_is_open() -> None:
    planned = plan(states_of("nkukr"), lambda: "abAAb")
    assert (list(planned.first), list(planned.again), list(planned.idle)) == ([2, 3], [3], [0])
    planned = plan(states_of("nkkr"), lambda: "abaa")
    assert (list(planned.first), list(planned.again), list(planned.idle)) == ([0, 2], [2], [0])


def test_where_the_order_makes_no_difference_what_is_done_stays_done() -> None:
    planned = plan(states_of("nku"), None)
    assert (list(planned.first), list(planned.again), list(planned.idle)) == ([2], [], [0])


ROWS = st.lists(st.tuples(st.sampled_from(sorted(set(KINDS) - {"."})), st.sampled_from("ab")), max_size=12)
"""Of which something is known: rows are promised in order, so all others stand behind them."""


@given(ROWS, st.text("ab", max_size=3))
def test_whatever_is_known_the_writes_to_each_account_end_with_the_last_that_took_effect(
    told: list[tuple[str, str]], untold: str
) -> None:
    rows = [*told, *((".", account) for account in untold)]
    kinds = "".join(kind for kind, _ in rows)
    states = states_of(kinds)
    planned = plan(states, lambda: (account for _, account in rows))
    first = list(planned.first)
    later = [place for place in range(len(rows)) if place not in first and not states.is_final(states[place])]
    for account in "ab":
        sent = [place for place in (*first, *later) if rows[place][1] == account]
        reopened = any(kind in "unw" for kind in kinds)
        done = [place for place in range(len(rows)) if rows[place][1] == account and kinds[place] == "k"]
        if reopened and sent and done and done[-1] > sent[0]:
            assert done[-1] in sent  # or the older write would come last
        if reopened:
            assert sent == sorted(sent)
    assert set(planned.again) == {place for place in first if kinds[place] not in OPEN}
