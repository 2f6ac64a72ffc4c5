"""What a client tells of itself, and what the service's own alarm tells the client."""

import asyncio
import json
import math
import re
from typing import Any

import pytest
from arrivals import most_in_a_second
from servers import APP, Puppet, client_of

from tim_async import CallEvent, Client, TIMError
from tim_async.emulator import Emulator, Faults, on
from tim_async.lane.health import Health
from tim_async.lane.judging import Lane
from tim_async.lane.owners import CallOwner
from tim_async.lane.statistics import Alarm, read_alarm
from tim_async.limits.local import Command, LocalLimiter
from tim_async.limits.permits import Permit
from tim_async.service.endpoints import ACCOUNTS_DELETE, Answer

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

DELETE = "im_open_login_svc/account_delete"
ALARM = {
    "CallbackCommand": "Alert.RequestOverLimit",
    "ServiceName": "im_open_login_svc",
    "Command": "account_delete",
    "Request": 85,
    "Limit": 50,
}


async def test_a_client_that_was_not_used_has_nothing_to_tell(client: Client) -> None:
    assert client.statistics() == {}


async def test_each_command_tells_its_calls_and_what_waits_and_what_is_left(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    async with client_of(emulator) as client:
        await client.accounts.delete(["Mary", "Nobody"])
        told = client.statistics()[DELETE]
    assert (told.calls, told.calls_per_second, told.in_flight, told.in_backoff) == (1, 1.0, 0, 0)
    assert (told.refused, told.retries, told.failures) == (0, 0, 0)
    assert told.waiting == {"interactive": 0, "normal": 0, "bulk": 0}
    assert (told.limit, told.share, told.cap) == (100.0, 1.0, 0.05)
    assert told.seconds_waited >= 0


async def test_what_waits_is_told_by_its_priority(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as client:
        first = asyncio.create_task(client.accounts.delete(["Mary"], timeout=0.5))
        call = await puppet.call()
        rest = asyncio.create_task(client.accounts.delete([f"user{n}" for n in range(7)], priority="bulk"))
        await asyncio.sleep(0)  # the batch is given when its task first runs
        told = client.statistics()[DELETE]
        assert (told.waiting, told.in_flight) == ({"interactive": 0, "normal": 0, "bulk": 7}, 1)
        call.answer({"ActionStatus": "OK", "ErrorCode": 91000, "ErrorInfo": "busy"})
        await puppet.call()  # the next call goes out when that answer has been judged
        assert client.statistics()[DELETE].failures == 1
    await asyncio.gather(first, rest)


def test_what_waits_for_another_try_is_counted_as_that() -> None:
    lane = Lane(ACCOUNTS_DELETE, Health(), chance=lambda: 0.5)
    owner = CallOwner(0, None, now=0.0)
    lane.add(owner, ["Mary", "Zhang"], None, 0.0)
    chunk = lane.seal(0.0)
    assert chunk is not None
    lane.settle(chunk, Answer(91000, "busy", None, {}), 0.0)
    assert (lane.in_backoff, len(lane.schedule)) == (2, 0)
    lane.tick(1.0)
    assert (lane.in_backoff, len(lane.schedule)) == (0, 2)


async def test_refused_calls_are_counted_and_slow_the_lane(emulator: Emulator) -> None:
    emulator.faults = Faults(rules=[on(DELETE, call=1, do="too_fast")])
    async with client_of(emulator) as client:
        await client.accounts.delete(["Nobody"])
        told = client.statistics()[DELETE]
    assert (told.refused, told.calls, told.retries) == (1, 2, 1)
    assert told.share < 1


async def test_without_a_limiter_that_knows_there_is_no_cap_to_tell(emulator: Emulator) -> None:
    async with client_of(emulator, limiter=None) as client:
        await client.accounts.delete(["Nobody"])
        told = client.statistics()[DELETE]
        client.over_limit_alarm(ALARM)
        assert client.statistics()[DELETE].limit == 50
    assert (told.cap, told.share) == (None, 1.0)


class Plain:
    """A limiter that lets everything through and tells nothing."""

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        return Permit(0.0)

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """Nobody counts."""


async def test_a_limiter_need_not_be_able_to_tell_or_to_slow(emulator: Emulator) -> None:
    async with client_of(emulator, limiter=Plain()) as client:
        await client.accounts.delete(["Nobody"])
        client.over_limit_alarm(ALARM)
        assert client.statistics()[DELETE].cap is None


async def test_an_alarm_lowers_the_limit_to_what_the_service_names_and_slows_the_lane(emulator: Emulator) -> None:
    async with client_of(emulator, limiter=LocalLimiter()) as client:
        await client.accounts.delete(["Nobody"])
        answer = client.over_limit_alarm(json.dumps(ALARM).encode(), sdk_app_id=str(APP))
        assert answer == {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}
        told = client.statistics()[DELETE]
        assert told.limit == 50
        assert told.share == pytest.approx(0.9)


async def test_an_alarm_is_remembered_for_a_command_that_was_not_used_yet(emulator: Emulator) -> None:
    async with client_of(emulator, limiter=LocalLimiter()) as client:
        client.over_limit_alarm(ALARM)
        client.over_limit_alarm(ALARM | {"Limit": 80})  # a later, higher one does not undo it
        await client.accounts.delete(["Nobody"])
        await client.push.get_tags(["Nobody"])
        client.over_limit_alarm(ALARM)  # concerns its own command alone
        assert {path: told.limit for path, told in client.statistics().items()} == {
            DELETE: 50,
            "timpush/get_tag": 100,
        }


@pytest.mark.clock("virtual")
async def test_ten_minutes_after_an_alarm_the_known_limit_is_told_again() -> None:
    async with client_of(Puppet(), base_url=None) as client:  # nothing is sent
        client.dispatcher(ACCOUNTS_DELETE)
        client.over_limit_alarm(ALARM)
        assert client.statistics()[DELETE].limit == 50
        await asyncio.sleep(600)
        assert client.statistics()[DELETE].limit == 100


async def test_an_alarm_does_not_raise_a_limit(emulator: Emulator) -> None:
    async with client_of(emulator, limiter=LocalLimiter(), limits={DELETE: 20}) as client:
        await client.accounts.delete(["Nobody"])
        client.over_limit_alarm(ALARM)
        assert client.statistics()[DELETE].limit == 20


async def test_an_alarm_for_another_app_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match=r"^this alarm is for app 7, and this is a client of app 1400000000$"):
        client.over_limit_alarm(ALARM, sdk_app_id=7)


def test_an_alarm_is_read_as_the_service_writes_it() -> None:
    assert read_alarm(ALARM) == Alarm("Alert.RequestOverLimit", "im_open_login_svc", "account_delete", 85, 50)
    assert read_alarm(json.dumps(ALARM)).path == DELETE


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "this is no Alert.RequestOverLimit webhook: Input data was truncated"),
        (b"\xff", "this is no Alert.RequestOverLimit webhook: "),
        ({}, "this is no Alert.RequestOverLimit webhook: Object missing required field `CallbackCommand`"),
        (ALARM | {"CallbackCommand": "State.StateChange"}, "this is a State.StateChange webhook, not "),
        (ALARM | {"Limit": 0}, "the alarm names an impossible limit: 0"),
    ],
)
def test_what_is_no_alarm_is_refused_in_one_queue(body: bytes | dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}.*$") as caught:
        read_alarm(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", ["50", True, None, -1, math.nan, math.inf, -math.inf, [50], 10**400])
def test_a_limit_that_is_no_positive_number_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match=r"alarm|webhook"):
        read_alarm(ALARM | {"Limit": limit})


@pytest.mark.parametrize("body", [b'{"Limit": NaN}', b'{"Limit": Infinity}', b"[" * 100_000, b"1", "{}", 7, None])
def test_whatever_is_posted_there_is_one_queue(body: Any) -> None:
    with pytest.raises(ValueError, match=r"^this is no Alert.RequestOverLimit webhook: ") as caught:
        read_alarm(body)
    assert "\n" not in str(caught.value)


async def test_an_alarm_cannot_stop_a_command(emulator: Emulator) -> None:
    async with client_of(emulator) as client:
        client.over_limit_alarm(ALARM | {"Limit": 5e-324})
        await client.accounts.delete([f"user{number}" for number in range(300)], timeout=30)
        assert client.statistics()[DELETE].limit == 10


async def test_after_its_time_an_alarm_is_over(emulator: Emulator) -> None:
    async with client_of(emulator) as client:
        await client.accounts.delete(["Nobody"])
        client.over_limit_alarm(ALARM, seconds=1e-6)
        await client.accounts.delete(["Nobody"])
        assert client.statistics()[DELETE].limit == 100


@pytest.mark.parametrize("seconds", [0, -1, math.nan, True])
async def test_an_impossible_time_for_an_alarm_is_refused(client: Client, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"^seconds must be a positive number, not "):
        client.over_limit_alarm(ALARM, seconds=seconds)


@pytest.mark.parametrize("used", [True, False])
async def test_an_alarm_for_pushes_counts_accounts_as_their_limit_does(emulator: Emulator, *, used: bool) -> None:
    alarm = ALARM | {"ServiceName": "timpush", "Command": "batch", "Limit": 250}
    async with client_of(emulator) as client:
        if used:
            await client.push.send_to(["a"], offline_push_info={"Title": "x", "Desc": "y"})
        client.over_limit_alarm(alarm)
        if not used:
            await client.push.send_to(["a"], offline_push_info={"Title": "x", "Desc": "y"})
        dispatcher = client.dispatcher(client.push.send_to.endpoint)
        assert (dispatcher.command.rate, dispatcher.lane.endpoint.limit) == (1, 250)


# A limit that changes while the client runs.


async def judged(emulator: Emulator, path: str = DELETE) -> tuple[int, int]:
    seen = emulator.statistics()[path]
    return seen.calls, seen.refused


@pytest.mark.parametrize("used", [True, False])
async def test_a_limit_can_be_raised_and_is_reached(emulator: Emulator, *, used: bool) -> None:
    async with client_of(emulator, limits={DELETE: 2}) as client:
        if used:
            await client.accounts.delete(["a"])
        client.set_limit(DELETE, 100)
        await client.accounts.delete([f"user{number}" for number in range(2500)], timeout=5)
        assert client.statistics()[DELETE].limit == 100
    assert await judged(emulator) == (25 + used, 0)


async def test_calls_that_wait_feel_a_raised_limit_at_once(emulator: Emulator) -> None:
    async with client_of(emulator, limits={DELETE: 0.001}) as client:
        await client.accounts.delete(["a"])
        waiting = asyncio.create_task(client.accounts.delete([f"user{number}" for number in range(300)], timeout=20))
        for _ in range(5):
            await asyncio.sleep(0)  # until they are given, and a token is asked for
        assert client.statistics()[DELETE].waiting["normal"] == 300
        client.set_limit(DELETE, 100)
        assert len((await waiting).values) + len(waiting.result().errors) == 300
    assert await judged(emulator) == (4, 0)


@pytest.mark.uncounted
async def test_a_limit_can_be_lowered_and_is_never_passed_after_that() -> None:
    many, calls = asyncio.Event(), list[CallEvent]()

    def count(call: CallEvent) -> None:
        calls.append(call)
        if len(calls) == 60:
            many.set()

    async with Emulator(seed=1) as emulator, client_of(emulator, hooks=[count]) as client:
        work = asyncio.create_task(client.accounts.delete([f"user{number}" for number in range(14_000)]))
        await many.wait()
        client.set_limit(DELETE, 50)
        sent = client.statistics()[DELETE].calls
        await work
        arrivals = [at for at, _ in emulator.arrivals(DELETE)]
    assert most_in_a_second(arrivals[sent:]) <= 50
    assert len(arrivals) == 140


async def test_a_changed_limit_holds_for_all_clients_of_the_limiter(emulator: Emulator) -> None:
    limiter = LocalLimiter()
    async with client_of(emulator, limiter=limiter) as one:
        async with client_of(emulator, limiter=limiter) as other:
            for client in (one, other):
                await client.accounts.delete(["a"])
            for rate in (20, 300):
                one.set_limit(DELETE, rate)
                await other.accounts.delete(["a"])
                assert [client.statistics()[DELETE].limit for client in (one, other)] == [rate, rate]
            other.set_limit(DELETE, 30)
            assert one.statistics()[DELETE].limit == 30
        await one.accounts.delete(["a"])
        assert one.statistics()[DELETE].limit == 300


async def test_a_limit_of_pushes_counts_accounts(emulator: Emulator) -> None:
    async with client_of(emulator) as client:
        await client.push.send_to(["a"], offline_push_info={"Title": "x", "Desc": "y"})
        dispatcher = client.dispatcher(client.push.send_to.endpoint)
        for rate, calls, limit in ((1000, 2, 500), (200, 1, 200), (0.5, 0.5, 1)):
            client.set_limit("timpush/batch", rate)
            assert (dispatcher.command.rate, dispatcher.lane.endpoint.limit) == (calls, limit)


async def test_a_call_that_waits_is_cut_down_to_a_lowered_limit_of_accounts(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as client:
        send = client.push.send_to
        first = asyncio.create_task(send(["a"], offline_push_info={"Title": "x", "Desc": "y"}))
        (await puppet.call()).answer({"ActionStatus": "OK", "ErrorCode": 0, "TaskId": "t"})
        await first
        rest = asyncio.create_task(
            send([f"u{number}" for number in range(500)], offline_push_info={"Title": "x", "Desc": "y"})
        )
        await asyncio.sleep(0)
        client.set_limit("timpush/batch", 200)
        assert len((await puppet.call()).accounts) == 200
        rest.cancel()
        await asyncio.wait({rest})


async def test_a_command_that_nobody_knows_has_a_limit_too(emulator: Emulator) -> None:
    async with client_of(emulator, attempts=1) as client:
        client.set_limit("my_service/my_command", 3)
        with pytest.raises(TIMError):
            await client.call("my_service/my_command", {})
        assert client.statistics()["my_service/my_command"].limit == 3


@pytest.mark.parametrize("limiter", [None, Plain()])
async def test_a_limiter_need_not_be_able_to_change_a_limit(emulator: Emulator, limiter: Any) -> None:
    async with client_of(emulator, limiter=limiter) as client:
        await client.accounts.delete(["a"])
        client.set_limit(DELETE, 3)
        assert client.statistics()[DELETE].limit == 3


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, True, "50", None])
async def test_a_limit_that_is_nonsense_is_refused_and_changes_nothing(client: Client, rate: Any) -> None:
    await client.accounts.delete(["a"])
    with pytest.raises(ValueError, match=rf"^the limit of {DELETE} must be a positive number, not "):
        client.set_limit(DELETE, rate)
    assert client.statistics()[DELETE].limit == 100


@pytest.mark.parametrize(("path", "error"), [("delete", ValueError), ("", ValueError), (None, TypeError)])
def test_a_path_that_is_nonsense_is_refused(client: Client, path: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^path must be "):
        client.set_limit(path, 5)
