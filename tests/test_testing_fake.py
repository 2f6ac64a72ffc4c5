"""The fake client: a client in all but that nobody is asked."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tim_async import (
    AccountError,
    AttributeNames,
    BadStatus,
    BatchError,
    CallEvent,
    ClientClosed,
    ConnectError,
    CredentialsError,
    InvalidRequest,
    NotSent,
    Ok,
    Rejected,
    RequestTimeout,
    ServiceBusy,
    Unknown,
)
from tim_async.emulator import Emulator
from tim_async.operations.operation import AccountsOperation
from tim_async.service.endpoints import ENDPOINTS
from tim_async.testing import virtual_clock
from tim_async.testing.fake import EMPTY, FakeClient

ARGUMENTS: dict[str, Any] = {
    "set_attributes": {"city": "Oslo"},
    "remove_attributes": ["city"],
    "add_tags": ["red"],
    "remove_tags": ["red"],
    "import_many": None,
    "add": {"add_source": "AddSource_Type_Web"},
    "import_": {"add_source": "AddSource_Type_Web"},
    "update": {"Tag_SNS_IM_Remark": "r"},
}
PUSH: dict[str, Any] = {"offline_push_info": {"Title": "t"}}
TAGS = "timpush/get_tag"


@pytest.fixture
def tim() -> FakeClient:
    return FakeClient()


def operations(tim: FakeClient) -> Iterator[Any]:
    """All that a client can do."""
    bound = tim.friends.of("Ann"), tim.block_list.of("Ann"), tim.groups.of("g")
    for group in (tim.accounts, tim.push, tim.all_member_push, tim.presence, tim.profiles, *bound):
        yield from (each for each in vars(group).values() if hasattr(each, "endpoint"))


async def ask(operation: Any) -> Any:
    method = operation.endpoint.method
    plain: dict[str, Any] = {"set_attribute_names": ({"0": "city"},), "get_attribute_names": (), "revoke": ("task",)}
    if method in plain:
        return await operation(*plain[method])
    if method == "send":
        return await operation(**PUSH)
    if method == "send_to":
        return await operation.of(**PUSH).one("Mary")
    return await operation.one("Mary", *([] if isinstance(operation, AccountsOperation) else [ARGUMENTS[method]]))


async def test_every_operation_answers_and_is_remembered(tim: FakeClient) -> None:
    asked = [operation.endpoint for operation in operations(tim)]
    assert {row.lane for row in asked} == {row.lane for row in ENDPOINTS}
    for operation in operations(tim):
        assert await ask(operation) == EMPTY[operation.endpoint.gives]
    assert [each.path for each in tim.asked] == [row.path for row in asked]
    assert {each.account for each in tim.asked} == {"Mary", ""}


def test_every_operation_can_be_scripted_in_the_emulator(tim: FakeClient) -> None:
    emulator = Emulator()
    for operation in operations(tim):
        emulator.script(operation, "busy")
        fault = emulator.faults.strike(operation.endpoint.path)
        assert fault is not None
        assert fault.do == "busy"


async def test_accounts_get_what_was_said_of_them(tim: FakeClient) -> None:
    tim.when(tim.push.get_tags).answer(
        {"Mary": ("red",), "Bob": AccountError.of("Bob", 70107), "Jim": NotSent(0, "Jim")}
    )
    result = await tim.push.get_tags(["Jim", "Mary", "Bob", "Ann", ""])
    assert [type(outcome) for outcome in result] == [NotSent, Ok, Rejected, Ok, NotSent]
    assert result.values == {"Mary": ("red",), "Ann": ()}
    assert [outcome.index for outcome in result] == [0, 1, 2, 3, 4]
    assert "" not in [asked.account for asked in tim.asked]
    with pytest.raises(AccountError, match=r"Rejected.*the account does not exist"):
        await tim.push.get_tags.one("Bob")


async def test_what_a_caller_does_to_a_value_is_not_seen_by_the_next(tim: FakeClient) -> None:
    tim.when(tim.push.get_attributes).answer({"Mary": {"city": "Oslo"}})
    for account, value in {"Mary": {"city": "Oslo"}, "Bob": {}}.items():
        for _ in range(2):
            got = await tim.push.get_attributes.one(account)
            assert got == value
            got["city"] = "Rome"


async def test_an_inferred_yes_is_one(tim: FakeClient) -> None:
    tim.when(tim.accounts.delete).answer({"Mary": Ok(0, "Mary", None, assumed=True)})
    assert (await tim.accounts.delete(["Mary"])).outcomes == [Ok(0, "Mary", None, assumed=True)]


async def test_what_failed_can_be_given_again_with_its_argument(tim: FakeClient) -> None:
    tim.when(tim.push.add_tags).answer({"Mary": AccountError.of("Mary", 91000)})
    result = await tim.push.add_tags({"Mary": ["red"], "Bob": ["blue"]})
    tim.when(tim.push.add_tags).answer({})
    assert (await tim.push.add_tags(result.retryable())).ok
    assert [(asked.account, asked.argument) for asked in tim.asked][::2] == [("Mary", ("red",)), ("Mary", ("red",))]
    assert tim.asked[0].options == {"replace": False}


async def test_a_list_of_one_account_is_not_that_of_another(tim: FakeClient) -> None:
    tim.when(tim.friends.of("Ann").check).answer({"Mary": "CheckResult_Type_BothWay"})
    of_ann, of_eve = tim.friends.of("Ann", check_type="CheckResult_Type_Single"), tim.friends.of("Eve")
    assert await of_ann.check.one("Mary") == "CheckResult_Type_BothWay"
    assert await of_eve.check.one("Mary") == "CheckResult_Type_NoRelation"
    assert [asked.options["from_account"] for asked in tim.asked] == ["Ann", "Eve"]
    tim.when(tim.push.send_to).answer({"Mary": "task-7"})
    assert (await tim.push.send_to(["Mary"], **PUSH)).values == {"Mary": "task-7"}
    assert tim.asked[-1].options["offline_push_info"] == {"Title": "t"}


async def test_commands_without_accounts_give_their_value(tim: FakeClient) -> None:
    tim.when(tim.push.send).answer("task-7")
    assert await tim.push.send(**PUSH) == "task-7"
    tim.when(tim.push.get_attribute_names).answer(AttributeNames({"0": "city"}, {}))
    assert (await tim.push.get_attribute_names()).names == {"0": "city"}
    tim.when("openim/sendmsg").answer({"ErrorCode": 0, "MsgKey": "k"})
    assert (await tim.call("openim/sendmsg", {"To_Account": "Mary"}))["MsgKey"] == "k"
    assert tim.asked[-1] == ("client.call", "openim/sendmsg", "", {"To_Account": "Mary"}, {})
    assert "MsgKey" not in await tim.call("openim/batchsendmsg", {})
    tim.when("openim/sendmsg").fail(ServiceBusy(91000, "", "openim/sendmsg"))
    with pytest.raises(ServiceBusy):
        await tim.call("openim/sendmsg", {})


@pytest.mark.parametrize("code", [70009, 70001, 60020])
async def test_what_makes_every_call_pointless_is_raised(tim: FakeClient, code: int) -> None:
    tim.when(tim.accounts.delete).fail(CredentialsError(code, "said", "im_open_login_svc/account_delete"))
    with pytest.raises(CredentialsError, match="said") as caught:
        await tim.accounts.delete(str(number) for number in range(1000))
    result = caught.value.result
    assert result is not None
    assert type(result.errors[0]) is Rejected
    assert type(result.errors[-1]) is NotSent
    assert not any(error.final for error in result.errors)
    with pytest.raises(CredentialsError):
        await tim.accounts.delete.one("Mary")
    tim.when(tim.accounts.delete).answer({})
    assert (await tim.accounts.delete(["Mary"])).ok


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServiceBusy(91000, "", TAGS), Unknown),
        (RequestTimeout(TAGS, "no answer in time"), Unknown),
        (ConnectError(TAGS, "no route"), NotSent),
        (BadStatus(TAGS, 502), Unknown),
    ],
)
async def test_what_may_pass_is_no_error_of_the_batch(tim: FakeClient, error: Any, kind: type[Any]) -> None:
    tim.when(tim.push.get_tags).fail(error)
    result = await tim.push.get_tags(["Mary", "Mary"])
    assert [type(outcome) for outcome in result] == [kind, kind]
    assert result.errors[0].reason
    assert result.retryable() == ["Mary", "Mary"]


async def test_a_final_error_of_a_call_is_raised(tim: FakeClient) -> None:
    tim.when(tim.push.get_tags).fail(BadStatus(TAGS, 407))
    with pytest.raises(BadStatus):
        await tim.push.get_tags(["Mary"])
    tim.when(tim.push.get_tags).fail(InvalidRequest(90001, "", TAGS))
    with pytest.raises(InvalidRequest) as caught:
        await tim.push.get_tags(["Mary"])
    assert caught.value.result is not None
    assert caught.value.result.errors[0].final


async def test_a_stream_gives_what_was_said_and_tells_before_it_sends(tim: FakeClient) -> None:
    tim.when(tim.accounts.delete).answer({"7": AccountError.of("7", 70107)})
    places: list[int] = []

    async def before(sent: Any) -> None:
        places.extend(sent)

    async with tim.accounts.delete.stream(map(str, range(250)), before_send=before) as outcomes:
        kinds = [type(outcome) async for outcome in outcomes]
    assert (kinds.count(Rejected), kinds.count(Ok)) == (1, 249)
    assert sorted(places) == list(range(250))


async def test_hooks_are_told_of_calls_that_nobody_made() -> None:
    told: list[Any] = []
    tim = FakeClient(hooks=[told.append])
    tim.when(tim.accounts.delete).answer({"Bob": AccountError.of("Bob", 70107)})
    await tim.accounts.delete(["Mary", "Bob", "Jim"])
    (event,) = (each for each in told if isinstance(each, CallEvent))
    assert (event.path, event.items, event.code) == ("im_open_login_svc/account_delete", 3, 0)
    assert event.kinds == {"Ok": 2, "Rejected": 1}


async def test_it_may_be_asked_again_after_hours(tim: FakeClient) -> None:
    with virtual_clock():
        for _ in range(3):
            assert (await tim.accounts.delete(["Mary"])).ok
            await asyncio.sleep(7200)


async def test_a_source_that_fails_does_so_as_ever(tim: FakeClient) -> None:
    def source() -> Iterator[str]:
        yield "Mary"
        raise LookupError

    with pytest.raises(BatchError):
        await tim.accounts.delete(source())


def test_it_is_bound_to_no_loop_and_ends_where_it_is_closed(tim: FakeClient) -> None:
    for _ in range(2):
        assert asyncio.run(tim.accounts.check.one("Mary"))
    asyncio.run(tim.aclose())
    with pytest.raises(ClientClosed):
        asyncio.run(tim.accounts.check.one("Mary"))
    asyncio.run(tim.aclose())
    assert "closed" in repr(tim)


async def test_closing_it_ends_what_is_in_flight(tim: FakeClient) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def before(_: Any) -> None:
        reached.set()
        await never.wait()

    quick = FakeClient(close_timeout=0)
    async with quick, quick.accounts.delete.stream(["Mary"], before_send=before) as outcomes:
        await reached.wait()
        await quick.aclose()
        assert type(await anext(outcomes)) is NotSent


MARY: Any = ["Mary"]
OTHER: Any = OSError()


def test_what_cannot_be_answered_is_refused(tim: FakeClient) -> None:
    nothing: Any = tim.accounts
    with pytest.raises(TypeError, match=r"an operation is needed, such as tim.accounts.delete, not Accounts"):
        tim.when(nothing)
    with pytest.raises(ValueError, match="path must be service/command"):
        tim.when("delete")
    deleting = tim.when(tim.accounts.delete)
    with pytest.raises(TypeError, match="account -> value is needed, not list"):
        deleting.answer(MARY)
    with pytest.raises(ValueError, match="the outcome of 'Bob' stands under 'Mary'"):
        deleting.answer({"Mary": AccountError.of("Bob")})
    with pytest.raises(TypeError, match="a call can get an APIError or a RequestError, not OSError"):
        deleting.fail(OTHER)
    with pytest.raises(ValueError, match="0 is no failure"):
        deleting.fail(InvalidRequest(0, "", ""))
