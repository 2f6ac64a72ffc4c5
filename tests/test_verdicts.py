"""What an answer says about one account, and which error says a verdict on the whole call."""

import pytest

from tim_async.errors import APIError, CredentialsError, InvalidRequest, RateLimited, ServiceBusy
from tim_async.lane.verdicts import Said, error_for, said_of
from tim_async.service.codes import Action, code
from tim_async.service.endpoints import Answer

ANSWER = Answer(0, "all in all", {"Mary": 7, "Bob": 8}, {"Bob": (70107, "who?"), "Max": (0, "")})


def said(
    account: str, *, doubted: bool = False, silence_is_ok: bool = False, whole: int = 0, answer: Answer = ANSWER
) -> Said:
    verdict = code(whole) if whole else None
    return said_of(account, answer, doubted=doubted, silence_is_ok=silence_is_ok, whole=verdict)


def action(told: Said) -> Action:
    assert told.verdict is not None
    return told.verdict.action


def test_who_has_a_value_is_fine_unless_it_is_in_doubt() -> None:
    assert (action(said("Mary")), said("Mary").value) == (Action.DONE, 7)
    assert action(said("Mary", whole=10010)) is Action.DONE
    assert action(said("Mary", doubted=True)) is Action.RETRY


def test_an_error_goes_before_a_value_and_before_the_no_to_the_whole_call() -> None:
    assert said("Bob") == Said(code(70107), info="who?")
    assert said("Bob", doubted=True, whole=10010) == Said(code(70107), info="who?")


def test_who_is_named_without_a_code_has_that_of_the_whole_call_if_it_has_one() -> None:
    verdict = said("Max").verdict
    assert verdict is not None
    assert (verdict.number, verdict.action) == (0, Action.SPLIT)
    assert said("Max", whole=10010) == Said(code(10010), info="all in all")


@pytest.mark.parametrize("silence_is_ok", [False, True])
def test_of_who_is_not_mentioned_a_refused_call_says_no_more_than_its_code(*, silence_is_ok: bool) -> None:
    assert said("Eve", whole=10010, silence_is_ok=silence_is_ok) == Said(None)
    assert said("Eve", whole=10010, silence_is_ok=silence_is_ok, doubted=True) == Said(None)


def test_silence_is_what_the_row_says_but_doubt_is_none() -> None:
    assert said("Eve", silence_is_ok=True).value is None
    assert action(said("Eve", silence_is_ok=True)) is Action.DONE
    for told in (said("Eve"), said("Eve", silence_is_ok=True, doubted=True)):
        assert told.verdict is not None
        assert (told.verdict.number, told.verdict.action, told.verdict.unsure) == (0, Action.RETRY, True)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (70001, CredentialsError),
        (60007, RateLimited),
        (91000, ServiceBusy),
        (70402, InvalidRequest),
        (70107, APIError),
        (71000, APIError),
    ],
)
def test_the_error_says_whose_fault_it_is(number: int, kind: type[APIError]) -> None:
    error = error_for(code(number), "no", "a/b")
    assert type(error) is kind
    assert (error.code, error.info, error.path) == (number, "no", "a/b")
