"""One outcome for every item, in the order of the input, and one result that holds them all."""

import tracemalloc
from multiprocessing import Pipe
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.errors import AccountError, BatchError
from tim_async.outcomes import Failure, NotSent, Ok, Outcome, Rejected, Stats, Unknown
from tim_async.results import BatchResult

Kept: TypeAlias = str | Failure | None

STATS = Stats(calls=3, retries=1, items=4, seconds=1.5, seconds_waited=0.25)
LOST = Failure(Unknown, 60008, "timeout", "gave up after 6 attempts", final=False, argument={"city": "Oslo"})
GUILTY = Failure(Rejected, 70107, "unknown", "the account does not exist", final=True, argument={"city": "Rome"})
UNSENT = Failure(NotSent, None, "", "its timeout was over", final=False, argument={"city": "Lima"})
REFUSED_HERE = Failure(NotSent, 70402, "", "the account is empty", final=True)

kept_values = st.one_of(st.text(), st.none(), st.sampled_from([LOST, GUILTY, UNSENT, REFUSED_HERE]))
books = st.lists(st.tuples(st.text(max_size=3), kept_values), max_size=20)


def result_of(*rows: tuple[str, Kept], unread: bool = False, pairs: bool = False) -> BatchResult[str | None]:
    accounts = [account for account, _ in rows]
    return BatchResult(accounts, [value for _, value in rows], STATS, unread=unread, pairs=pairs)


def pickled(thing: Any) -> Any:
    """What another process is handed."""
    here, there = Pipe()
    with here, there:
        here.send(thing)
        return there.recv()


# Order and size


@given(books)
def test_every_input_item_has_exactly_one_outcome_in_its_place(rows: list[tuple[str, Kept]]) -> None:
    result = result_of(*rows)
    assert len(result) == len(rows)
    assert list(result) == result.outcomes == [result.outcomes[place] for place in range(len(rows))]
    assert [(outcome.index, outcome.account) for outcome in result] == [
        (place, account) for place, (account, _) in enumerate(rows)
    ]
    for outcome, (account, value) in zip(result, rows, strict=True):
        if isinstance(value, Failure):
            assert outcome == value.outcome(outcome.index, account)
        else:
            assert outcome == Ok(outcome.index, account, value)


def test_an_empty_batch_is_fine() -> None:
    result = result_of()
    assert (len(result), list(result), result.values, result.errors, result.ok) == (0, [], {}, [], True)
    assert result.raise_for_errors() is result
    assert result.retryable() == []


@pytest.mark.parametrize("failure", [LOST, GUILTY, UNSENT])
def test_what_is_not_ok_tells_code_info_and_reason(failure: Failure) -> None:
    (outcome,) = result_of(("Mary", failure))
    assert type(outcome) is failure.kind
    assert not isinstance(outcome, Ok)
    assert (outcome.index, outcome.account) == (0, "Mary")
    assert (outcome.code, outcome.info, outcome.reason) == (failure.code, failure.info, failure.reason)


@pytest.mark.parametrize(
    "outcome", [Ok(0, "Mary", "x"), Rejected(0, "Mary", 1, "i", "r"), Unknown(0, "Mary"), NotSent(0, "Mary")]
)
def test_outcomes_are_frozen_values(outcome: Outcome[str]) -> None:
    for field in outcome.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(outcome, field, None)
    assert outcome == msgspec.structs.replace(outcome)
    assert hash(outcome) == hash(msgspec.structs.replace(outcome))
    assert outcome != msgspec.structs.replace(outcome, index=1)


def test_outcomes_of_different_kinds_are_never_equal() -> None:
    assert (
        len({Rejected(0, "Mary", 1, "i", "r"), Unknown(0, "Mary", 1, "i", "r"), NotSent(0, "Mary", 1, "i", "r")}) == 3
    )


# By account


def test_an_account_that_was_not_asked_for_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"^'Paul'$"):
        result_of(("Mary", "x"))["Paul"]


@pytest.mark.parametrize("key", [None, b"Mary", ("Mary",), ["Mary"], 1.0])
def test_what_is_no_account_was_not_asked_for(key: object) -> None:
    result = result_of(("Mary", "x"))
    assert key not in result
    with pytest.raises(KeyError) as caught:
        result[key]
    assert caught.value.args == (key,)


@pytest.mark.parametrize("key", [0, 1, -1, True])
def test_an_int_is_a_type_error_that_names_outcomes(key: int) -> None:
    with pytest.raises(TypeError, match=rf"result\.outcomes\[{key}\]"):
        result_of(("Mary", "x"))[key]


@given(books)
def test_of_an_account_given_twice_the_last_place_counts(rows: list[tuple[str, Kept]]) -> None:
    result = result_of(*rows)
    assert "somebody else" not in result
    for account, value in dict(rows).items():
        assert account in result
        if isinstance(value, Failure):
            with pytest.raises(AccountError) as caught:
                result[account]
            assert caught.value.outcome == [outcome for outcome in result if outcome.account == account][-1]
        else:
            assert result[account] == value


# Good and bad


@given(books)
def test_values_and_errors_are_the_outcomes_sorted_into_good_and_bad(rows: list[tuple[str, Kept]]) -> None:
    result = result_of(*rows)
    assert result.values == {outcome.account: outcome.value for outcome in result if isinstance(outcome, Ok)}
    assert result.errors == [outcome for outcome in result if not isinstance(outcome, Ok)]
    assert result.ok is (not result.errors)


@given(books)
def test_raise_for_errors_returns_the_result_itself_or_raises_with_it(rows: list[tuple[str, Kept]]) -> None:
    result = result_of(*rows)
    if all(not isinstance(value, Failure) for _, value in rows):
        assert result.raise_for_errors() is result
    else:
        with pytest.raises(BatchError) as caught:
            result.raise_for_errors()
        assert caught.value.result is result


ROWS: tuple[tuple[str, Kept], ...] = (
    ("Mary", "x"),
    ("Paul", LOST),
    ("Anna", GUILTY),
    ("Paul", UNSENT),
    ("", REFUSED_HERE),
)


def test_accounts_worth_sending_again_are_a_batch_in_input_order() -> None:
    assert result_of(*ROWS).retryable() == ["Paul", "Paul"]


def test_pairs_worth_sending_again_carry_their_arguments() -> None:
    assert result_of(*ROWS, pairs=True).retryable() == [("Paul", {"city": "Oslo"}), ("Paul", {"city": "Lima"})]


@pytest.mark.parametrize(
    ("rows", "unread", "text"),
    [
        ((), False, "<BatchResult: 0 of 0 ok>"),
        ((("Mary", "x"), ("Paul", GUILTY)), False, "<BatchResult: 1 of 2 ok>"),
        ((("Mary", "x"),), True, "<BatchResult: 1 of 1 ok, source not read to its end>"),
    ],
)
def test_the_repr_counts(rows: tuple[tuple[str, Kept], ...], unread: bool, text: str) -> None:
    result = result_of(*rows, unread=unread)
    assert repr(result) == text
    assert result.unread is unread


# Out of the process


FIELDS = ("outcome", "index", "account", "code", "info", "reason", "final")
JSON: dict[str, Any] = {
    "outcomes": [
        {"outcome": "Ok", "index": 0, "account": "Mary", "value": "x"},
        dict(zip(FIELDS, ("Unknown", 1, "Paul", 60008, "timeout", "gave up after 6 attempts", False), strict=True)),
        dict(zip(FIELDS, ("Rejected", 2, "Anna", 70107, "unknown", "the account does not exist", True), strict=True)),
        dict(zip(FIELDS, ("NotSent", 3, "Paul", None, "", "its timeout was over", False), strict=True)),
        dict(zip(FIELDS, ("NotSent", 4, "", 70402, "", "the account is empty", True), strict=True)),
    ],
    "stats": {"calls": 3, "retries": 1, "items": 4, "seconds": 1.5, "seconds_waited": 0.25},
    "unread": False,
}


def test_a_result_encodes_as_json_whether_or_not_it_was_looked_at() -> None:
    result = result_of(*ROWS)
    assert msgspec.json.decode(msgspec.json.encode(result)) == JSON
    assert not result.ok
    assert result.outcomes
    assert "Mary" in result
    assert msgspec.json.decode(msgspec.json.encode(result)) == JSON


def test_a_result_becomes_plain_objects_and_msgpack_too() -> None:
    assert msgspec.to_builtins(result_of(*ROWS)) == JSON
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(result_of(*ROWS))) == JSON


@given(books)
def test_outcomes_come_back_from_json_as_they_were(rows: list[tuple[str, Kept]]) -> None:
    result = result_of(*rows)
    raw = msgspec.json.encode(result.outcomes)
    assert msgspec.json.decode(raw, type=list[Ok[str | None] | Rejected | Unknown | NotSent]) == result.outcomes


def test_a_pickled_result_is_as_it_was() -> None:
    result = result_of(*ROWS, unread=True, pairs=True)
    copy: BatchResult[str | None] = pickled(result)
    assert copy.outcomes == result.outcomes
    assert copy.stats == STATS
    assert copy.unread
    assert copy.retryable() == result.retryable()


def test_a_pickled_batch_error_carries_its_result() -> None:
    result = result_of(*ROWS)
    copy: BatchError = pickled(BatchError(result))
    assert copy.result.outcomes == result.outcomes
    assert str(copy) == str(BatchError(result))


# Memory


def test_the_callers_own_strings_and_values_are_kept_not_copied() -> None:
    account, value = "".join(["Ma", "ry"]), "".join(["v", "alue"])
    result = result_of((account, value))
    assert result.outcomes[0].account is account
    assert result[account] is value
    assert next(iter(result.values)) is account


def test_asking_whether_all_is_ok_makes_no_outcomes() -> None:
    """A million deleted accounts take the 16 MB of their two lists: to ask for the sum must not add 70 to that."""
    accounts = [f"account{n}" for n in range(10_000)]
    values: list[Failure | None] = [None] * len(accounts)
    tracemalloc.start()
    try:
        result = BatchResult(accounts, values, STATS)
        assert result.ok
        assert result.retryable() == []
        assert sum(isinstance(outcome, Ok) for outcome in result) == len(accounts)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < len(accounts)
