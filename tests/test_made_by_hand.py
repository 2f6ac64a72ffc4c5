"""Results and errors that tests make: the same as those that a client would give."""

from typing import Any

import msgspec
import pytest

from tim_async import AccountError, BatchError, BatchResult, NotSent, Ok, Rejected, Unknown
from tim_async.lane.health import Health
from tim_async.lane.judging import Lane
from tim_async.outcomes import Failure
from tim_async.service.codes import CODES
from tim_async.service.endpoints import PUSH_GET_TAGS, Answer


class Waiter:
    """Who asked for one account."""

    told: Any = None

    def done(self) -> bool:
        return False

    def set_result(self, result: Any, /) -> None:
        self.told = result


def judged(code: int) -> Any:
    """What the judge says of an account whose last attempt was answered with a code."""
    lane, waiter = Lane(PUSH_GET_TAGS, Health(), attempts=1), Waiter()
    lane.ask(lane.singles(0, None, patient=False), waiter, "Mary", None, 0.0)
    chunk = lane.seal(0.0)
    assert chunk is not None
    lane.settle(chunk, Answer(0, "", {}, {"Mary": (code, "said")}), 1.0)
    return waiter.told


@pytest.mark.parametrize("code", [*CODES, 120_007, 999_999])
def test_an_error_made_of_a_code_is_the_one_that_a_client_raises(code: int) -> None:
    failure = judged(code)
    if not isinstance(failure, Failure):
        with pytest.raises(ValueError, match=f"{code} is no failure: an account that is answered so is Ok"):
            AccountError.of("Mary", code)
        return
    made = AccountError.of("Mary", code, info="said").outcome
    real = failure.outcome(0, "Mary")
    assert (type(made), made.code, made.info, made.final) == (type(real), code, "said", real.final)
    assert real.reason.endswith(made.reason)


def test_without_a_code_nobody_answered() -> None:
    assert AccountError.of("Mary").outcome == Unknown(0, "Mary", reason="no answer came")
    assert AccountError.of("Mary", kind=NotSent).outcome == NotSent(0, "Mary")
    assert AccountError.of("Mary", reason="mine", info="theirs").outcome == Unknown(0, "Mary", None, "theirs", "mine")


def test_the_kind_may_be_chosen() -> None:
    known = CODES[70107]
    assert AccountError.of("Mary", 70107, kind=Unknown).outcome == Unknown(0, "Mary", 70107, "", known.meaning)
    assert AccountError.of("Mary", 90001, kind=NotSent).outcome.final


@pytest.mark.parametrize(
    ("account", "code", "error", "why"),
    [
        ("Mary", 0, ValueError, "0 is no failure"),
        ("Mary", "70107", TypeError, "a code is an int, such as 70107, not str"),
        ("Mary", True, TypeError, "a code is an int, such as 70107, not bool"),
        (7, 70107, TypeError, "an account is a str, not int"),
    ],
)
def test_what_can_be_no_error_of_an_account_is_refused(
    account: Any, code: Any, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        AccountError.of(account, code)


def test_a_result_is_made_of_values_outcomes_and_errors() -> None:
    refused = AccountError.of("Bob", 70107, info="none")
    busy = Unknown(9, "Jim", 70500, reason="busy")
    result: BatchResult[bool] = BatchResult.of(
        {"Mary": True, "Bob": refused, "Jim": busy, "Ann": Ok(0, "Ann", False), "Eve": NotSent(0, "Eve", final=True)},
        unread=True,
    )
    assert result.outcomes == [
        Ok(0, "Mary", True),
        Rejected(1, "Bob", 70107, "none", CODES[70107].meaning, True),
        Unknown(2, "Jim", 70500, "", "busy"),
        Ok(3, "Ann", False),
        NotSent(4, "Eve", final=True),
    ]
    assert result.retryable() == ["Jim"]
    assert result.retryable().maybe_sent == {"Jim"}
    assert (result.unread, result.stats.items, result.stats.calls) == (True, 5, 1)
    with pytest.raises(BatchError):
        result.raise_for_errors()
    assert len(msgspec.json.decode(msgspec.json.encode(result))["outcomes"]) == 5


def test_what_was_inferred_stays_so() -> None:
    assumed = Ok(0, "Mary", None, assumed=True)
    assert BatchResult.of({"Mary": assumed}).outcomes == [assumed]


def test_with_arguments_it_gives_pairs_to_be_written_again() -> None:
    result: BatchResult[None] = BatchResult.of(
        {"Mary": None, "Bob": AccountError.of("Bob")}, arguments={"Mary": ["a"], "Bob": ["b"]}
    )
    assert result.retryable() == [("Bob", ["b"])]


def test_an_empty_result_took_no_call() -> None:
    assert BatchResult.of({}).stats.calls == 0


def test_an_outcome_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="the outcome of 'Bob' stands under 'Mary'"):
        BatchResult.of({"Mary": AccountError.of("Bob", 70107)})
