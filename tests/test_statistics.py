"""What a client tells of itself, and what the service's own alarm tells the client."""

import asyncio
import json
import re

import pytest
from servers import APP, Puppet, client_of

from tim_async import Client
from tim_async.emulator import Emulator, Faults, on
from tim_async.endpoints import ACCOUNTS_DELETE, Answer
from tim_async.feeds import CallFeed
from tim_async.health import Health
from tim_async.lane import Lane
from tim_async.limits import Command, LocalLimiter
from tim_async.permits import Permit
from tim_async.statistics import Alarm, read_alarm

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
    feed = CallFeed(0, None, now=0.0)
    lane.add(feed, ["Mary", "Zhang"], None, 0.0)
    chunk = lane.seal(0.0)
    assert chunk is not None
    lane.settle(chunk, Answer(91000, "busy", None, {}), 0.0)
    assert (lane.in_backoff, len(lane.turns)) == (2, 0)
    lane.tick(1.0)
    assert (lane.in_backoff, len(lane.turns)) == (0, 2)


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
def test_what_is_no_alarm_is_refused_in_one_line(body: bytes | dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}.*$") as caught:
        read_alarm(body)
    assert "\n" not in str(caught.value)
