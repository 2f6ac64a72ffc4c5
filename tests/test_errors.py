"""Every error descends from one root, says what happened, survives a pickle and keeps the signature to itself."""

import inspect
import re
import traceback
from multiprocessing import Pipe
from typing import Any

import msgspec
import pytest

import tim_async.errors
from tim_async.errors import (
    AccountError,
    APIError,
    BadStatus,
    BatchError,
    ClientClosed,
    ConnectError,
    CredentialsError,
    InvalidReply,
    InvalidRequest,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServiceBusy,
    TIMError,
)
from tim_async.outcomes import Failure, NotSent, Rejected, Stats, Unknown
from tim_async.results import BatchResult
from tim_async.service.codes import code
from tim_async.service.endpoints import ENDPOINTS, Endpoint

STATS = Stats(2, 0, 3, 0.5, 0.0)
GONE = Failure(Rejected, 70107, "no such user", "the account does not exist", final=True)
LOST = Failure(Unknown, None, "", "gave up after 6 attempts", final=False)


def result_of(*values: Failure | None) -> BatchResult[None]:
    return BatchResult([f"user{place}" for place in range(len(values))], list(values), STATS)


PATH = "timpush/get_tag"

# Each error with its text, whole.
TEXTS: list[tuple[TIMError, str]] = [
    (TIMError("something"), "something"),
    (RequestError(PATH, "the call was cut short"), "timpush/get_tag: the call was cut short"),
    (ConnectError(PATH, "connection refused"), "timpush/get_tag: connection refused"),
    (RequestTimeout(PATH, "no answer within 10 s"), "timpush/get_tag: no answer within 10 s"),
    (BadStatus(PATH, 502), "timpush/get_tag: HTTP status 502 instead of 200"),
    (BadStatus(PATH, 429, 7.0), "timpush/get_tag: HTTP status 429 instead of 200"),
    (ConnectError(PATH, "the session is closed", final=True), "timpush/get_tag: the session is closed"),
    (InvalidReply(PATH, "not JSON"), "timpush/get_tag: not JSON"),
    (APIError(12345678, "", PATH), "timpush/get_tag answered 12345678 (unknown code)"),
    (
        CredentialsError(70001, "UserSig expired", PATH, result_of(None, GONE)),
        f"timpush/get_tag answered 70001 ({code(70001).meaning}): UserSig expired",
    ),
    (RateLimited(60007, "too fast", PATH), f"timpush/get_tag answered 60007 ({code(60007).meaning}): too fast"),
    (ServiceBusy(60008, "", PATH), f"timpush/get_tag answered 60008 ({code(60008).meaning})"),
    (
        InvalidRequest(90033, "bad attribute", PATH, result_of(GONE)),
        f"timpush/get_tag answered 90033 ({code(90033).meaning}): bad attribute",
    ),
    (
        AccountError(Rejected(3, "Mary", 70107, "no such user", "the account does not exist")),
        "'Mary' is Rejected [70107]: the account does not exist (no such user)",
    ),
    (AccountError(NotSent(0, "Mary", None, "", "its timeout was over")), "'Mary' is NotSent: its timeout was over"),
    (AccountError(Unknown(0, "Mary", None, "hm")), "'Mary' is Unknown (hm)"),
    (AccountError(NotSent(0, "\ud800")), "'\\ud800' is NotSent"),
    (
        BatchError(result_of(None, GONE, LOST, GONE)),
        (
            "3 of 4 items are not Ok: 2 Rejected 70107, 1 Unknown; "
            "first: 'user1' is Rejected [70107]: the account does not exist (no such user)"
        ),
    ),
    (BatchError(result_of(None, None)), "the source failed; every one of the 2 items taken before is Ok"),
    (ClientClosed(), "this client has been closed; make a new one"),
]
EXAMPLES = [error for error, _ in TEXTS]
CLASSES: list[type[TIMError]] = [getattr(tim_async.errors, name) for name in tim_async.errors.__all__]

by_type = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def pickled(error: TIMError) -> tuple[TIMError, bytes]:
    """What another process is handed, and as which bytes."""
    here, there = Pipe()
    with here, there:
        here.send(error)
        twin: TIMError = there.recv()
        here.send(error)
        return twin, there.recv_bytes()


def look(thing: Any) -> Any:
    """A value that can be compared: results are equal only to themselves."""
    return (thing.outcomes, thing.stats, thing.unread) if isinstance(thing, BatchResult) else thing


def test_the_public_list_is_the_whole_tree() -> None:
    defined = {
        name
        for name, value in vars(tim_async.errors).items()
        if inspect.isclass(value) and value.__module__ == tim_async.errors.__name__
    }
    assert set(tim_async.errors.__all__) == defined


def test_every_error_has_an_example_here() -> None:
    assert {type(error) for error in EXAMPLES} == set(CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_descends_from_the_root_and_has_a_docstring_of_its_own(cls: type[TIMError]) -> None:
    assert issubclass(cls, TIMError)
    assert "__doc__" in vars(cls)
    assert cls.__doc__


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    branch: list[str] = []
    for indent, name in re.findall(r"^    ([│├└─ ]*)(\w+)", tim_async.errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        branch[depth:] = [name]
        drawn[name] = branch[depth - 1] if depth else "Exception"
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=lambda part: type(part).__name__)
def test_every_error_says_what_happened_and_to_what(error: TIMError, text: str) -> None:
    assert str(error) == text


@by_type
def test_every_error_pickles_with_all_that_it_knows(error: TIMError) -> None:
    twin, _ = pickled(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert list(map(look, twin.args)) == list(map(look, error.args))
    assert {name: look(value) for name, value in vars(twin).items()} == {
        name: look(value) for name, value in vars(error).items()
    }


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if issubclass(cls, RequestError)])
def test_only_a_call_that_found_no_connection_cannot_have_happened(cls: type[RequestError]) -> None:
    assert cls.may_have_happened is not issubclass(cls, ConnectError)


@pytest.mark.parametrize("kind", [Rejected, Unknown, NotSent])
def test_an_account_error_tells_what_its_outcome_tells(kind: type[Rejected | Unknown | NotSent]) -> None:
    outcome = kind(4, "Mary", 70107, "no such user", "the account does not exist")
    error = AccountError(outcome)
    assert error.outcome is outcome
    assert (error.account, error.code, error.info) == ("Mary", 70107, "no such user")


def test_a_batch_error_tells_only_the_three_commonest_kinds() -> None:
    values = [Failure(Rejected, number, "", "no", final=True) for number in (1, 2, 2, 3, 3, 4, 4)]
    error = BatchError(result_of(*values))
    assert str(error).startswith("7 of 7 items are not Ok: 2 Rejected 2, 2 Rejected 3, 2 Rejected 4; first: ")
    assert len(error.result) == 7


ECHO = "bad request: https://console.tim.qq.com/v4/x?sdkappid=1&" + "usersig" + "=eJwtzE&random=1"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_no_error_prints_a_signature_even_if_the_service_echoes_the_url(endpoint: Endpoint[Any, Any]) -> None:
    row = {"To_Account": "a", "ErrorCode": 1, "ErrorInfo": ECHO, "UserID": "a", "ResultCode": 1, "ResultInfo": ECHO}
    lists = ("ErrorList", "ResultItem", "InfoItem", "BlackListCheckItem", "UserProfileItem")
    reply = {"ErrorCode": 70003, "ErrorInfo": ECHO} | {name: [row] for name in lists}
    answer = endpoint.decode(msgspec.json.encode(reply))
    said = [(answer.code, answer.info), *answer.errors.values()]
    result = result_of(*[Failure(Rejected, number, info, "no", final=True) for number, info in said])
    for error in (
        APIError(answer.code, answer.info, endpoint.path, result),
        *map(AccountError, result.errors),
        BatchError(result),
    ):
        for text in (str(error), repr(error), "".join(traceback.format_exception(error))):
            assert "usersig=" not in text
            assert "eJwtzE" not in text
        assert b"eJwtzE" not in pickled(error)[1]
