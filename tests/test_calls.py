"""Commands without a list: one body, one call, one answer, over a socket."""

import asyncio
import math
import pickle
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from servers import Puppet, client_of, refuse

from tim_async import (
    APIError,
    Client,
    ConnectError,
    CredentialsError,
    InvalidReply,
    InvalidRequest,
    RequestError,
    ServiceBusy,
    Unknown,
)
from tim_async.emulator import Emulator
from tim_async.operations.plain import AnyCommand
from tim_async.outcomes import Failure
from tim_async.service.endpoints import ENDPOINTS
from tim_async.service.endpoints.values import AttributeNames

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

MESSAGE = {"Title": "t", "Desc": "d"}
GROUP = "group_open_http_svc/create_group"
ANY: Any = object()
"""What a caller without a type checker may hand us."""


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(seed=1, rate=math.inf) as emulator:
        yield emulator


@pytest.fixture
async def tim(emulator: Emulator) -> AsyncIterator[Client]:
    async with client_of(emulator, limiter=None) as client:
        yield client


OK = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}

# Every plain row: how it is written, and what it sends

PLAIN: dict[str, tuple[Callable[[Client], Coroutine[Any, Any, Any]], dict[str, Any]]] = {
    "timpush/push": (
        lambda tim: tim.push.send(offline_push_info=MESSAGE, msg_random=7),
        {"From_Account": "administrator", "MsgRandom": 7, "OfflinePushInfo": MESSAGE},
    ),
    "timpush/revoke": (lambda tim: tim.push.revoke("all_1"), {"TaskId": "all_1"}),
    "timpush/set_attr_name": (
        lambda tim: tim.push.set_attribute_names({0: "sex", 1: "city"}, {0: 0, 1: 1}),
        {"AttrNames": {"0": "sex", "1": "city"}, "AttrTypes": {"0": 0, "1": 1}},
    ),
    "timpush/get_attr_name": (lambda tim: tim.push.get_attribute_names(), {}),
    "all_member_push/im_set_attr_name": (
        lambda tim: tim.all_member_push.set_attribute_names({"9": "sex"}),
        {"AttrNames": {"9": "sex"}},
    ),
    "all_member_push/im_get_attr_name": (lambda tim: tim.all_member_push.get_attribute_names(), {}),
}


def test_every_plain_row_is_played() -> None:
    assert set(PLAIN) == {row.path for row in ENDPOINTS if row.plain}


@pytest.mark.parametrize("path", PLAIN)
async def test_a_plain_command_sends_its_one_body(path: str, puppet: Puppet) -> None:
    call, body = PLAIN[path]
    puppet.respond = lambda _: {**OK, "TaskId": "all_1"}
    async with client_of(puppet) as tim:
        value = await call(tim)
    (sent,) = puppet.calls
    assert (sent.path, sent.body) == (path, body)
    if path == "timpush/push":
        assert value == "all_1"
    elif "get_attr_name" in path:
        assert value == AttributeNames({}, {})
    else:
        assert value is None


@pytest.mark.parametrize("path", PLAIN)
async def test_a_no_of_the_service_is_raised(path: str, puppet: Puppet) -> None:
    call, _ = PLAIN[path]
    puppet.respond = lambda _: refuse(90033, "which name?")
    async with client_of(puppet) as tim:
        with pytest.raises(InvalidRequest) as caught:
            await call(tim)
    assert (caught.value.code, caught.value.info, caught.value.path) == (90033, "which name?", path)
    assert caught.value.result is None
    assert len(puppet.calls) == 1


@pytest.mark.parametrize("path", PLAIN)
async def test_after_a_lost_answer_only_what_may_be_repeated_is_sent_again(path: str, puppet: Puppet) -> None:
    call, _ = PLAIN[path]
    (row,) = [row for row in ENDPOINTS if row.path == path]
    async with client_of(puppet) as tim:
        asked = asyncio.create_task(call(tim))
        (await puppet.call()).reset()
        if row.repeatable:
            (await puppet.call()).answer(OK)
            await asked
        else:
            with pytest.raises(RequestError) as caught:
                await asked
            assert caught.value.may_have_happened
    assert len(puppet.calls) == (2 if row.repeatable else 1)


# What they do there


async def test_names_that_were_declared_can_be_read_and_declared_again(emulator: Emulator, tim: Client) -> None:
    await tim.push.set_attribute_names({"0": "sex", "1": "device"}, {"1": 1})
    declared = await tim.push.get_attribute_names()
    assert declared == AttributeNames({"0": "sex", "1": "device"}, {"0": 0, "1": 1})
    await tim.push.set_attribute_names(declared.names, declared.types)
    assert await tim.all_member_push.get_attribute_names() == AttributeNames(declared.names, {})


async def test_a_push_can_be_revoked(emulator: Emulator, tim: Client) -> None:
    task = await tim.push.send(offline_push_info=MESSAGE)
    await tim.push.revoke(task, offline_push_info={"Title": "sorry"})
    with pytest.raises(APIError):
        await tim.push.revoke("another")


async def test_a_push_carries_all_that_was_said(puppet: Puppet) -> None:
    puppet.respond = lambda _: {**OK, "TaskId": "t"}
    async with client_of(puppet, limiter=None) as tim:
        await tim.push.send(
            offline_push_info=MESSAGE,
            message_body=[{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}],
            tags_or=["a", "b"],
            tags_not=["c"],
            from_account="boss",
            msg_random=1,
            message_lifetime=0,
            online_only=True,
            data_id="x",
        )
        await tim.push.send(message_body=[], attrs_and={"sex": "female"}, attrs_or={"city": "Oslo"})
    first, second = (call.body for call in puppet.calls)
    assert first == {
        "From_Account": "boss",
        "MsgRandom": 1,
        "Condition": {"TagsOr": ["a", "b"], "TagsNot": ["c"]},
        "OfflinePushInfo": MESSAGE,
        "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}],
        "MsgLifeTime": 0,
        "OnlineOnlyFlag": 1,
        "DataId": "x",
    }
    assert second["Condition"] == {"AttrsAnd": {"sex": "female"}, "AttrsOr": {"city": "Oslo"}}
    assert 0 <= second["MsgRandom"] < 2**32
    assert second["From_Account"] == "administrator"


# Any command


async def test_a_bare_call_gives_the_whole_reply(emulator: Emulator, tim: Client) -> None:
    reply = await tim.call(GROUP, {"Type": "Public", "Name": "n", "GroupId": "g1"})
    assert reply == {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "", "GroupId": "g1"}
    assert (await tim.groups.of("g1").remove_members(["Mary"])).ok


async def test_a_bare_call_and_a_typed_one_of_the_same_path_each_have_their_own_answer(
    emulator: Emulator, tim: Client
) -> None:
    emulator.accounts.add("Mary")
    reply, tags = await asyncio.gather(
        tim.call("timpush/get_tag", {"To_Account": ["Mary"]}), tim.push.get_tags.one("Mary")
    )
    assert reply["UserTags"] == [{"To_Account": "Mary", "Tags": []}]
    assert tags == ()


async def test_calls_of_one_command_do_not_wait_for_each_other(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        puppet.respond = lambda _: OK
        await tim.call("openim/sendmsg", {"number": 0})
        puppet.respond = lambda _: None
        asked = [asyncio.create_task(tim.call("openim/sendmsg", {"number": number})) for number in range(1, 4)]
        waiting = [await puppet.call() for _ in asked]
        for call in waiting[::-1]:
            call.answer({**OK, "Number": call.body["number"]})
        assert [(await each)["Number"] for each in asked] == [1, 2, 3]


async def test_the_body_is_taken_when_the_call_is_made(puppet: Puppet) -> None:
    body = {"a": [1]}
    async with client_of(puppet) as tim:
        asked = asyncio.create_task(tim.call("openim/sendmsg", body))
        await asyncio.sleep(0)
        body["a"].append(2)
        call = await puppet.call()
        assert call.body == {"a": [1]}
        call.answer(OK)
        await asked


@pytest.mark.parametrize(
    ("code", "error"),
    [(10010, APIError), (70003, CredentialsError), (60009, InvalidRequest), (70398, APIError), (4711, APIError)],
)
async def test_a_refused_bare_call_raises_by_whose_fault_it_is(
    code: int, error: type[APIError], puppet: Puppet
) -> None:
    puppet.respond = lambda _: refuse(code, "no")
    async with client_of(puppet) as tim:
        with pytest.raises(error) as caught:
            await tim.call(GROUP, {})
    assert (caught.value.code, caught.value.info, caught.value.path) == (code, "no", GROUP)
    assert caught.value.result is None


@pytest.mark.parametrize(("code", "error"), [(60008, ServiceBusy), (91000, ServiceBusy)])
async def test_a_busy_service_is_asked_again_only_if_the_call_may_be_repeated(
    code: int, error: type[APIError], puppet: Puppet
) -> None:
    answers = [refuse(code), refuse(code), OK]
    puppet.respond = lambda _: answers.pop(0)
    async with client_of(puppet) as tim:
        with pytest.raises(error):
            await tim.call(GROUP, {})
        assert await tim.call(GROUP, {}, repeat=True) == OK
    assert not answers


async def test_a_call_whose_time_is_over_says_whether_it_may_have_happened(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        with pytest.raises(RequestError, match="timeout") as caught:
            await tim.call(GROUP, {}, timeout=0.05)
        assert caught.value.may_have_happened
        (await puppet.call()).answer(OK)
        with pytest.raises(ConnectError) as unsent:
            await tim.call(GROUP, {}, timeout=0)
        assert not unsent.value.may_have_happened


async def test_what_is_no_reply_is_no_answer(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        asked = asyncio.create_task(tim.call(GROUP, {}))
        (await puppet.call()).answer(b"<html>")
        with pytest.raises(RequestError) as caught:
            await asked
    assert not isinstance(caught.value, InvalidReply | ConnectError)
    assert caught.value.may_have_happened


def test_a_bare_call_draws_on_the_limit_of_its_command() -> None:
    async def main() -> None:
        tim = Client(sdk_app_id=1, secret_key="k", limits={"timpush/get_tag": 7.0, "timpush/batch": 250.0})
        rates = {}
        for path in ("timpush/get_tag", "timpush/push", "timpush/batch", "openim/sendmsg"):
            rates[path] = tim.dispatcher(AnyCommand(tim, path, repeat=False).endpoint).command.rate
        assert rates == {"timpush/get_tag": 7.0, "timpush/push": 1.0, "timpush/batch": 0.5, "openim/sendmsg": 100.0}
        pushing = tim.dispatcher(tim.push.send_to.endpoint)
        assert (pushing.lane.endpoint.limit, pushing.command.rate) == (250, 1.0)
        await tim.aclose()

    asyncio.run(main())


async def test_a_caller_who_is_cancelled_leaves_nothing_behind(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        asked = asyncio.create_task(tim.call(GROUP, {}))
        call = await puppet.call()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        call.answer(OK)


# Mistakes


Call = Callable[[Client], Coroutine[Any, Any, Any]]

BOOLEAN: Any = {True: "x"}

MISTAKES: list[tuple[Call, type[Exception], str]] = [
    (lambda tim: tim.call("openim", {}), ValueError, "service/command"),
    (lambda tim: tim.call("/v4/openim/sendmsg", {}), ValueError, "service/command"),
    (lambda tim: tim.call("openim/sendmsg?x=1", {}), ValueError, "service/command"),
    (lambda tim: tim.call("openim/../x", {}), ValueError, "service/command"),
    (lambda tim: tim.call("openim/sendmsg\n", {}), ValueError, "service/command"),
    (lambda tim: tim.call(ANY, {}), TypeError, "path must be a str"),
    (lambda tim: tim.call("openim/sendmsg", ANY), TypeError, "must be a mapping"),
    (lambda tim: tim.call("openim/sendmsg", {"a": ANY}), TypeError, "object"),
    (lambda tim: tim.call("openim/sendmsg", {}, priority=ANY), ValueError, "priority"),
    (lambda tim: tim.call("openim/sendmsg", {}, timeout=-1), ValueError, "timeout"),
    (lambda tim: tim.push.set_attribute_names({}), ValueError, "no name"),
    (lambda tim: tim.push.set_attribute_names({10: "x"}), ValueError, "a slot is a number from 0 to 9"),
    (lambda tim: tim.push.set_attribute_names({"": "x"}), ValueError, "a slot is a number from 0 to 9"),
    (lambda tim: tim.push.set_attribute_names({"a": "x"}), ValueError, "a slot is a number from 0 to 9"),
    (lambda tim: tim.push.set_attribute_names(BOOLEAN), ValueError, "a slot is a number from 0 to 9"),
    (lambda tim: tim.push.set_attribute_names({0: ""}), ValueError, "a name"),
    (lambda tim: tim.push.set_attribute_names({0: "x" * 51}), ValueError, "51 bytes"),
    (lambda tim: tim.push.set_attribute_names({0: ANY}), TypeError, "a name must be a str"),
    (lambda tim: tim.push.set_attribute_names({0: "x"}, {0: 2}), ValueError, "a type is 0"),
    (lambda tim: tim.push.set_attribute_names({0: "x"}, {0: True}), ValueError, "a type is 0"),
    (lambda tim: tim.push.send(), ValueError, "nothing to send"),
    (lambda tim: tim.push.send(offline_push_info={}, tags_or="ab"), TypeError, "TagsOr"),
    (lambda tim: tim.push.send(offline_push_info={}, tags_and=["x"] * 11), ValueError, "TagsAnd: 11 tags"),
    (
        lambda tim: tim.push.send(offline_push_info={}, tags_or=["a"], attrs_or={"a": "b"}),
        ValueError,
        "tags or about attributes",
    ),
    (lambda tim: tim.push.send(offline_push_info={}, message_lifetime=604_801), ValueError, "message_lifetime"),
    (lambda tim: tim.push.send(offline_push_info={}, message_lifetime=-1), ValueError, "message_lifetime"),
    (lambda tim: tim.push.send(offline_push_info={}, from_account=""), ValueError, "from_account"),
    (lambda tim: tim.push.send(offline_push_info={}, data_id="x" * 65), ValueError, "data_id"),
    (lambda tim: tim.push.revoke(""), ValueError, "task_id"),
    (lambda tim: tim.push.revoke(ANY), TypeError, "task_id"),
]


@pytest.mark.parametrize(("call", "error", "words"), MISTAKES)
async def test_a_mistake_in_a_call_raises_before_anything_is_sent(
    call: Call, error: type[Exception], words: str, puppet: Puppet
) -> None:
    async with client_of(puppet) as tim:
        with pytest.raises(error, match=words):
            await call(tim)
    assert not puppet.calls


# What a refused call says besides


INFO = "group_open_http_svc/get_group_info"
GROUPS = [{"GroupId": "a", "ErrorCode": 10010}, {"GroupId": "b", "ErrorCode": 0, "Name": "\ud83d"}]


@pytest.mark.parametrize("repeat", [True, False])
@pytest.mark.parametrize("number", [10010, 90033, 99_999, 70003, 91000])
async def test_the_error_of_a_bare_call_carries_the_whole_reply(number: int, *, repeat: bool, puppet: Puppet) -> None:
    puppet.respond = lambda _: {**refuse(number, "no"), "GroupInfo": GROUPS, "Url": "https://x/?usersig=eJw&random=1"}
    async with client_of(puppet, limiter=None, attempts=2) as tim:
        with pytest.raises(APIError) as caught:
            await tim.call(INFO, {"GroupIdList": ["a", "b"]}, repeat=repeat)
    error = caught.value
    for same in (error, pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert same.reply is not None
        assert same.reply["ErrorCode"] == number
        assert same.reply["GroupInfo"] == [GROUPS[0], {**GROUPS[1], "Name": "\ufffd"}]
        assert same.reply["Url"] == "https://x/?[the rest held a signature]"
        assert "GroupInfo" not in str(same)
        assert same.result is None


async def test_an_error_that_is_not_of_this_call_carries_no_reply(puppet: Puppet) -> None:
    puppet.respond = lambda _: {**OK, **refuse(90033, "no"), "More": 1}
    async with client_of(puppet, limiter=None) as tim:
        with pytest.raises(InvalidRequest) as caught:
            await tim.push.revoke("all_1")
    assert caught.value.reply is None


async def test_what_stopped_a_call_does_not_carry_what_was_answered_to_it_before(puppet: Puppet) -> None:
    before = Failure(Unknown, 91000, "busy", "", final=False, reply={**refuse(91000)})
    async with client_of(puppet) as tim:
        error = AnyCommand(tim, "a/b", repeat=True)._error_of(before, CredentialsError(70003, "no", "c/d"))
    assert isinstance(error, CredentialsError)
    assert (error.code, error.path, error.reply) == (70003, "c/d", None)


@pytest.mark.parametrize(("length", "kept"), [(10, True), (2_000_000, False)])
async def test_a_reply_too_deep_to_follow_is_cut_there_and_left_out_if_it_is_long(
    length: int, *, kept: bool, puppet: Puppet
) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    puppet.respond = lambda _: {**refuse(10010), "Deep": deep, "Long": "x" * length}
    async with client_of(puppet, limiter=None) as tim:
        with pytest.raises(APIError) as caught:
            await tim.call(INFO, {})
    reply = caught.value.reply
    assert (reply is not None) == kept
    if reply is not None:
        assert (reply["Long"], str(reply["Deep"]).count("[")) == ("x" * length, 30)
        assert str(reply["Deep"]).strip("[]") == "None"


async def test_what_is_done_already_gives_the_reply_that_says_so(puppet: Puppet) -> None:
    puppet.respond = lambda _: refuse(90050, "revoked already")
    async with client_of(puppet, limiter=None) as tim:
        reply = await tim.call("timpush/revoke", {"TaskId": "t"})
    assert reply["ErrorInfo"] == "revoked already"


async def test_a_recall_whose_answer_was_lost_is_done_when_the_repeat_says_so(puppet: Puppet) -> None:
    async with client_of(puppet, limiter=None) as tim:
        asked = asyncio.create_task(tim.call("openim/admin_msgwithdraw", {"MsgKey": "k"}, repeat=True))
        (await puppet.call()).reset()
        (await puppet.call()).answer(refuse(20023, "recalled already"))
        assert (await asked)["ErrorCode"] == 20023
        puppet.respond = lambda _: refuse(20023, "recalled already")
        with pytest.raises(APIError):
            await tim.call("openim/admin_msgwithdraw", {"MsgKey": "k"}, repeat=True)


async def test_a_call_that_was_stopped_tells_no_reply_that_belongs_to_another_code(tim: Client) -> None:
    operation = AnyCommand(tim, "openim/sendmsg", repeat=True)
    busy = Failure(Unknown, 91000, "busy", "stopped", final=False, reply={"ErrorCode": 91000})
    stopped = operation._error_of(busy, CredentialsError(70003, "no", "openim/sendmsg"))
    assert isinstance(stopped, CredentialsError)
    assert stopped.reply is None
    own = operation._error_of(busy, None)
    assert isinstance(own, ServiceBusy)
    assert own.reply == {"ErrorCode": 91000}
