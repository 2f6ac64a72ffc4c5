"""What hooks and watchers are told, what the log says, and what is remembered of those who ask."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desk import LOST, fine, give, refusal, sealed
from servers import APP, Call, Puppet, client_of, refuse, yes
from test_statistics import ALARM
from virtual_time import TURN
from watchers import WHO, Askers, Told

import tim_async
from tim_async import (
    CallBegun,
    CallEvent,
    Client,
    Event,
    Hook,
    LaneEvent,
    LaneSlowed,
    PauseBegun,
    PauseEnded,
    RedisBack,
    RedisLost,
    RepeatEvent,
    TIMError,
    Watcher,
)
from tim_async.dispatch.askers import DONE_MOST
from tim_async.dispatch.tally import Tally
from tim_async.dispatch.telling import listen
from tim_async.dispatch.watch import Watch, lane_for
from tim_async.emulator import Emulator, Faults, on
from tim_async.errors import BadStatus, RequestError
from tim_async.lane.health import Health
from tim_async.lane.watched import WatchedLane
from tim_async.limits.local import Command, LocalLimiter
from tim_async.limits.permits import Permit
from tim_async.service.endpoints import PUSH_GET_TAGS, Answer

DELETE, TAGS = "im_open_login_svc/account_delete", "timpush/get_tag"
virtual = pytest.mark.clock("virtual")


def queues(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is written at WARNING, without the figures."""
    return [record.getMessage() for record in caplog.records if record.name == "tim_async"]


# Calls and their items


async def test_a_plain_hook_is_told_of_calls_alone_and_a_watcher_of_all_that_happens(puppet: Puppet) -> None:
    plain: list[CallEvent] = []
    told = Told()
    puppet.respond = yes
    before = time.time()
    async with client_of(puppet, hooks=[plain.append, told]) as tim:
        await tim.accounts.delete(["Mary", "Tom"], priority="bulk")
    begun, ended, state = told.events
    assert plain == [ended]
    assert isinstance(begun, CallBegun)
    assert isinstance(ended, CallEvent)
    assert isinstance(state, LaneEvent)
    assert before <= begun.started == ended.started <= time.time()
    assert (begun.path, begun.items, begun.attempt, begun.priority) == (DELETE, 2, 1, "bulk")
    assert (ended.priority, ended.kinds, ended.item_codes) == ("bulk", {"Ok": 2}, {})
    assert (ended.server, ended.error_type, ended.status, ended.retry_reason) == (puppet.url, "", None, "")
    assert (state.path, state.statistics.calls, state.statistics.in_flight) == (DELETE, 1, 0)
    assert begun.askers == ()


async def test_a_call_tells_the_most_urgent_of_its_items(puppet: Puppet) -> None:
    told = Told()
    puppet.respond = yes
    async with client_of(puppet, hooks=[told]) as tim, asyncio.TaskGroup() as group:
        group.create_task(tim.push.get_tags(["Mary"]))
        group.create_task(tim.push.get_tags.one("Tom"))
    assert [(event.items, event.priority) for event in told.of(CallEvent)] == [(2, "interactive")]


async def test_it_is_told_what_items_were_answered_with_and_why_they_are_sent_again(puppet: Puppet) -> None:
    told = Told()
    codes = {"absent": 70107, "busy": 70169, "slow": 60008}

    def some(call: Call) -> dict[str, Any]:
        rows = [{"UserID": name, "ResultCode": codes.pop(name, 0)} for name in call.accounts]
        return {"ErrorCode": 0, "ResultItem": rows}

    puppet.respond = some
    async with client_of(puppet, hooks=[told]) as tim:
        await tim.accounts.delete(["Mary", "absent", "busy", "slow"])
    first, *others = told.of(CallEvent)
    assert (first.kinds, first.item_codes) == (
        {"Ok": 1, "Rejected": 1, "again": 2},
        {70107: 1, 70169: 1, 60008: 1},
    )
    repeats = told.of(RepeatEvent)
    assert {(event.accounts, event.code) for event in repeats} == {(("busy",), 70169), (("slow",), 60008)}
    assert all(event.reason and event.attempts == 1 and 0 < event.seconds <= 0.1 for event in repeats)
    assert first.retry_reason == repeats[0].reason
    assert sum(event.kinds["Ok"] for event in others) == 2


async def test_a_call_without_a_good_answer_tells_its_kind_of_error(puppet: Puppet) -> None:
    told = Told()
    async with client_of(puppet, hooks=[told], attempts=4, close_timeout=0) as tim:
        task = asyncio.create_task(tim.push.get_tags(["Mary"]))
        (await puppet.call()).answer(refuse(91000))
        (await puppet.call()).answer(b"<html>", status=502)
        (await puppet.call()).reset()
        await puppet.call()
        await tim.aclose()
        await task
    events = told.of(CallEvent)
    assert [event.error_type for event in events] == ["91000", "BadStatus", "RequestError", "RequestError"]
    assert [event.status for event in events] == [None, 502, None, None]
    assert events[-1].error == f"{TAGS}: the call was cut short"
    assert events[-1].kinds == {"Unknown": 1}
    assert [event.attempts for event in told.of(RepeatEvent)] == [1, 2, 3]


async def test_the_kinds_of_all_calls_are_all_items_whatever_goes_wrong() -> None:
    chances: Any = {"busy": 0.1, "item_busy": 0.1, "reset_after": 0.1, "missing_accounts": 0.1, "not_json": 0.1}
    told = Told()
    users = [f"u{number}" for number in range(3_000)]
    async with (
        Emulator(seed=1, faults=Faults(chances, seed=1)) as emulator,
        client_of(emulator, hooks=[told], limiter=None, attempts=30) as tim,
    ):
        emulator.accounts.add(*users[:2_500])
        result = await tim.accounts.delete(users)
    events = told.of(CallEvent)
    assert all(sum(event.kinds.values()) == event.items for event in events)
    ended = [sum(event.kinds.get(kind, 0) for event in events) for kind in ("Ok", "Rejected")]
    assert ended == [len(result.values), len(result.errors)]
    again = sum(event.kinds.get("again", 0) for event in events)
    assert again == sum(len(event.accounts) for event in told.of(RepeatEvent)) > 0


async def test_a_watcher_that_raises_costs_nothing_but_queues_in_the_log(
    puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Watcher):
        def __call__(self, event: Event) -> None:
            raise LookupError(type(event))

        def asker(self) -> object:
            raise LookupError

    told = Askers()
    puppet.respond = yes
    async with client_of(puppet, hooks=[Broken(), told]) as tim:
        assert await tim.push.get_tags.one("Mary") == ("tag of Mary",)
        assert (await tim.push.get_tags(["Mary"])).ok
    assert len(told.of(CallEvent)) == 2
    assert {record.levelno for record in caplog.records if record.name == "tim_async"} == {logging.ERROR}
    assert all("a hook raised" in queue for queue in queues(caplog))


KINDS = sorted(set(Event.__subclasses__()), key=lambda kind: kind.__name__)


@virtual
async def test_each_watcher_is_told_of_the_kinds_that_it_wants_as_one_that_wants_all() -> None:
    each = {kind: Told(kind) for kind in KINDS}
    told, plain, limiter = Told(), list[CallEvent](), Shared()
    desk = Desk(told, plain.append, *each.values())
    leave = listen(limiter, [told, plain.append, *each.values()])
    await desk.call(fine)
    await desk.call(lambda _: LOST)
    await desk.call(lambda _: refusal(60007), seconds=1.5)
    await desk.call(lambda _: BadStatus(TAGS, 429))
    for trouble in ("ConnectionError", None):
        for tell in limiter.told:
            tell(trouble)
    desk.watch.close()
    leave()
    for kind in KINDS:
        assert each[kind].events == told.of(kind)
        assert each[kind].events, kind
    assert plain == told.of(CallEvent)


@pytest.mark.parametrize(
    ("wants", "notes"),
    [((PauseBegun, LaneEvent), False), ((CallBegun,), False), ((CallEvent,), True), ((RepeatEvent, PauseEnded), True)],
    ids=["a display", "beginnings", "ends", "repeats"],
)
async def test_what_nobody_wants_is_not_noted(wants: tuple[type[Event], ...], notes: bool, puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[Told(*wants)]) as tim:
        assert await tim.push.get_tags.one("Mary")
        (dispatcher,) = tim._dispatchers.values()
        assert isinstance(dispatcher.lane, WatchedLane) == notes


async def test_a_watcher_that_wants_no_beginnings_is_not_asked_who_asks(puppet: Puppet) -> None:
    told = Askers(CallEvent)
    puppet.respond = yes
    async with client_of(puppet, hooks=[told]) as tim:
        await tim.push.get_tags.one("Mary")
        (dispatcher,) = tim._dispatchers.values()
        assert dispatcher._watch.askers is None
    assert [type(event) for event in told.events] == [CallEvent]


async def test_a_watcher_that_overrides_nothing_is_a_hook(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[Watcher()]) as tim:
        assert await tim.push.get_tags.one("Mary")
    assert Watcher().asker() is None


def test_the_page_names_every_event_and_all_of_them_are_public_and_frozen() -> None:
    page = (Path(__file__).parents[1] / "docs" / "watching.md").read_text(encoding="utf-8")
    for event in Event.__subclasses__():
        assert event.__name__ in tim_async.__all__
        assert f"`{event.__name__}`" in page
        assert event.__struct_config__.frozen


class Greedy(Watcher):
    """Wants anything."""

    def __init__(self, wants: Any) -> None:
        self.wants = wants


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (Told, r"^hooks takes instances, so Told\(\) and not Told$"),
        (7, "^hooks must be functions or watchers, not int$"),
        (Greedy(CallEvent), "^Greedy.wants must be a tuple of kinds of events, .* not <class .*CallEvent'>$"),
        (Greedy((CallEvent, "PauseBegun")), "^Greedy.wants must be a tuple of kinds of events, .*'PauseBegun'"),
        (Greedy((CallEvent, int)), "^Greedy.wants must be a tuple of kinds of events, .*'int'>"),
    ],
    ids=["a class", "a number", "wants no tuple", "wants a name", "wants what is no event"],
)
def test_what_can_be_no_hook_is_refused_when_the_client_is_made(hook: Any, why: str, puppet: Puppet) -> None:
    with pytest.raises(TypeError, match=why):
        client_of(puppet, hooks=[hook])


# Who asks


async def as_user(name: str, ask: Callable[[], Any]) -> Any:
    WHO.set(name)
    return await ask()


async def test_a_call_names_exactly_those_whose_items_are_in_it(puppet: Puppet) -> None:
    told = Askers()
    puppet.respond = yes

    async def stream(tim: Client) -> None:
        async with tim.push.get_tags.stream(["s1", "s2"]) as outcomes:
            assert len([outcome async for outcome in outcomes]) == 2

    async with client_of(puppet, hooks=[told, Told()], max_in_flight=1) as tim, asyncio.TaskGroup() as group:
        ways: dict[str, Callable[[], Any]] = {
            "one": lambda: tim.push.get_tags.one("o"),
            "twin": lambda: tim.push.get_tags.one("o"),
            "batch": lambda: tim.push.get_tags([f"b{number}" for number in range(150)]),
            "stream": partial(stream, tim),
            "of a batch's account": lambda: tim.push.get_tags.one("b3"),
        }
        for name, ask in ways.items():
            group.create_task(as_user(name, ask))
    asked = {"o": {"one", "twin"}, "s": {"stream"}, "b": {"batch"}, "b3": {"batch", "of a batch's account"}}
    events = told.of(CallBegun)
    assert len(events) == len(puppet.calls) == 2
    for event, call in zip(events, puppet.calls, strict=True):
        whose = [asked.get(account, asked[account[0]]) for account in call.accounts]
        assert sorted(map(str, event.askers)) == sorted(set().union(*whose))


async def test_whoever_left_before_his_item_was_sent_is_not_named(puppet: Puppet) -> None:
    told = Askers()
    async with client_of(puppet, hooks=[told], max_in_flight=1) as tim:
        first = asyncio.create_task(as_user("first", lambda: tim.push.get_tags.one("Mary")))
        answer = await puppet.call()
        tasks = [
            asyncio.create_task(as_user(name, partial(tim.push.get_tags.one, "Tom"))) for name in ("stays", "leaves")
        ]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        answer.answer(yes(answer))
        answer = await puppet.call()
        answer.answer(yes(answer))
        await asyncio.gather(first, tasks[0])
    assert [event.askers for event in told.of(CallBegun)] == [("first",), ("stays",)]


async def test_those_who_wait_no_more_are_forgotten(puppet: Puppet) -> None:
    told = Askers()
    puppet.respond = yes
    async with client_of(puppet, hooks=[told], limiter=None) as tim:
        for _ in range(3):
            await asyncio.gather(*(tim.push.get_tags.one(f"u{number}") for number in range(DONE_MOST)))
        (dispatcher,) = tim._dispatchers.values()
        assert dispatcher._watch.askers is not None
        (known,) = dispatcher._watch.askers._known.values()
        assert len(known.by_waiter) <= DONE_MOST + 1


async def test_where_nobody_wants_to_know_nobody_is_asked(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, hooks=[Told()]) as tim:
        await tim.push.get_tags.one("Mary")
        (dispatcher,) = tim._dispatchers.values()
        assert dispatcher._watch.askers is None


# How a command stands


def server(_: float) -> str:
    return "http://127.0.0.1:1"


class Desk:
    """A command whose calls are answered by hand, on virtual time."""

    def __init__(self, *hooks: Hook) -> None:
        self.lane = lane_for(hooks)(PUSH_GET_TAGS, Health(), chance=lambda: 0.5)
        self.lane.health.proven = True
        self.clock = asyncio.get_running_loop().time
        limiter = LocalLimiter()
        command = Command(APP, TAGS, 100)
        tally = Tally()
        self.watch = Watch(
            self.lane, hooks, self.clock, lambda: tally.statistics(self.lane, limiter, command, self.clock())
        )

    async def call(self, answer: Callable[[Any], Answer | RequestError], seconds: float = 0.0) -> None:
        """One call that is answered so, after some time; what it carried is given up."""
        owner = give(self.lane, ["Mary"], now=self.clock())
        await asyncio.sleep(self.lane.closed_for(self.clock()) + TURN)
        chunk = sealed(self.lane, self.clock())
        begun = self.watch.sealed(chunk, self.clock(), 0.0, server)
        self.watch.sends(begun)
        await asyncio.sleep(seconds)
        now = self.clock()
        reply = answer(chunk)
        self.watch.settled(chunk, begun, reply, self.lane.settle(chunk, reply, now), now)
        self.lane.withdraw(owner, "given up", self.clock())


@virtual
@pytest.mark.parametrize(
    ("answer", "wide"),
    [
        (refusal(60007), False),
        (BadStatus(TAGS, 429), False),
        (BadStatus(TAGS, 503, retry_after=3.0), False),
        (refusal(60011), True),
        (refusal(70050), True),
    ],
)
async def test_a_pause_is_told_when_it_begins_and_when_it_ends_however_often_it_is_prolonged(
    answer: Answer | RequestError, wide: bool
) -> None:
    told = Told()
    desk = Desk(told)
    began = desk.clock()
    chunks = []
    for name in ("Mary", "Tom"):
        give(desk.lane, [name], now=began)
        chunks.append(sealed(desk.lane, began))
    for chunk in chunks:
        begun = desk.watch.sealed(chunk, began, 0.0, server)
        desk.watch.settled(chunk, begun, answer, desk.lane.settle(chunk, answer, began), began)
    (pause,) = told.of(PauseBegun)
    assert (pause.path, pause.whole_app) == (TAGS, wide)
    assert pause.reason
    until = desk.watch._pauses.until(wide=wide)
    assert pause.seconds == pytest.approx(until - began)
    longer = desk.lane.health.pause if wide else desk.lane.pause
    longer.refused(desk.clock(), least=until - began + 5.0)
    await asyncio.sleep(until - began + 4.0)
    assert not told.of(PauseEnded)
    await asyncio.sleep(2.0)
    (over,) = told.of(PauseEnded)
    assert over.whole_app is wide
    assert over.seconds == pytest.approx(until - began + 5.0, abs=0.01)
    desk.watch.close()


@virtual
async def test_a_pause_ends_with_its_client() -> None:
    told = Told()
    desk = Desk(told)
    await desk.call(lambda _: refusal(60007))
    desk.watch.close()
    assert len(told.of(PauseBegun)) == len(told.of(PauseEnded)) == 1


@virtual
async def test_it_is_told_how_much_slower_a_command_goes(puppet: Puppet) -> None:
    told = Told()
    desk = Desk(told)
    for _ in range(3):
        await desk.call(fine)
    await desk.call(lambda _: BadStatus(TAGS, 429))
    (slowed,) = told.of(LaneSlowed)
    assert (slowed.path, slowed.limit, slowed.rate) == (TAGS, 100, 3)
    desk.watch.close()


async def test_the_services_alarm_is_told(puppet: Puppet) -> None:
    told = Told()
    puppet.respond = yes
    async with client_of(puppet, hooks=[told]) as tim:
        await tim.push.get_tags.one("Mary")
        await tim.accounts.delete(["Mary"])
        tim.over_limit_alarm(ALARM)
    (slowed,) = told.of(LaneSlowed)
    assert slowed.rate < slowed.limit
    assert slowed.reason == "the service's alarm"


@virtual
async def test_how_a_command_stands_is_told_each_second_until_nothing_is_left() -> None:
    told = Told()
    desk = Desk(told)
    await desk.call(fine, seconds=2.5)
    assert [event.statistics.in_flight for event in told.of(LaneEvent)] == [1, 1]
    await asyncio.sleep(1000)
    assert [event.statistics.in_flight for event in told.of(LaneEvent)] == [1, 1, 0]
    desk.watch.close()
    assert len(told.of(LaneEvent)) == 3


@virtual
@pytest.mark.parametrize("hooks", [[], [Told()]], ids=["nobody watches", "watched"])
async def test_a_silent_service_is_written_down_after_ten_seconds_and_once_when_it_is_back(
    hooks: list[Hook], caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(*hooks)
    await desk.call(fine)
    await desk.call(lambda _: LOST, seconds=9)
    assert queues(caplog) == []
    await desk.call(lambda _: LOST, seconds=9)
    await desk.call(lambda _: LOST, seconds=9)
    assert queues(caplog) == [f"{TAGS}: no useful answer for 10 s: {LOST}"]
    await desk.call(fine)
    assert len(queues(caplog)) == 2
    assert queues(caplog)[1].startswith(f"{TAGS}: well again after ")
    await desk.call(fine, seconds=1)
    await asyncio.sleep(1000)
    assert len(queues(caplog)) == 2
    assert desk.watch._timer is None
    desk.watch.close()


@virtual
async def test_items_that_are_only_put_off_are_no_useful_answer(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    busy = Answer(0, "", {}, {"Mary": (70169, "")})
    await desk.call(lambda _: busy)
    await asyncio.sleep(10)
    (queue,) = queues(caplog)
    assert queue.startswith(f"{TAGS}: no useful answer for 10 s: ")
    assert "nothing is answered" not in queue
    desk.watch.close()


@virtual
async def test_a_paused_command_is_well_again_with_the_first_answer_after_the_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    give(desk.lane, ["early"], now=desk.clock())
    early = sealed(desk.lane, desk.clock())
    await desk.call(lambda _: refusal(60007))
    now = desk.clock()
    desk.watch.settled(early, None, fine(early), desk.lane.settle(early, fine(early), now), now)
    assert len(queues(caplog)) == 1  # it was sent before the pause, and says nothing of it
    await desk.call(fine)
    assert [queue.split(" ")[1] for queue in queues(caplog)] == ["paused", "well"]
    desk.watch.close()


@virtual
@pytest.mark.parametrize("answer", [refusal(70003), refusal(60010), BadStatus(TAGS, 404)], ids=str)
async def test_a_command_that_is_stopped_is_written_down_once(
    answer: Answer | RequestError, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    await desk.call(lambda _: answer)
    await desk.call(lambda _: answer)
    (queue,) = queues(caplog)
    assert queue.startswith(f"{TAGS}: stopped, what waits is not sent: ")
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    await desk.call(fine)
    assert queues(caplog)[1].startswith(f"{TAGS}: well again")
    desk.watch.close()


async def test_a_total_outage_is_written_down_by_a_client_that_nobody_watches(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Emulator(faults=Faults(rules=[on("", do="expired")])) as emulator, client_of(emulator) as tim:
        with pytest.raises(TIMError):
            await tim.push.get_tags(["Mary"])
    assert queues(caplog)[0].startswith(f"{TAGS}: stopped, what waits is not sent: ")


# A shared limit


class Shared:
    """A limiter that is out of reach when the test says so."""

    def __init__(self) -> None:
        self.told: list[Callable[[str | None], None]] = []

    async def acquire(self, command: Command, *, urgent: bool = False, full: bool = False) -> Permit:
        return Permit(0.0)

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        """Nobody counts."""

    def listen(self, told: Callable[[str | None], None]) -> Callable[[], None]:
        self.told.append(told)
        return lambda: self.told.remove(told)


async def test_a_shared_limit_that_is_lost_and_back_is_told_while_the_client_is_open(puppet: Puppet) -> None:
    told, limiter = Told(), Shared()
    async with client_of(puppet, hooks=[told], limiter=limiter):
        (tell,) = limiter.told
        tell("ConnectionError")
        tell(None)
    lost, back = told.events
    assert lost == RedisLost("ConnectionError")
    assert isinstance(back, RedisBack)
    assert back.seconds >= 0
    assert not limiter.told


@pytest.mark.parametrize(("limiter", "hooks"), [(Shared(), [print]), (LocalLimiter(), [Told()]), (None, [Told()])])
def test_where_nobody_watches_or_nothing_is_shared_nobody_listens(limiter: object, hooks: list[Hook]) -> None:
    listen(limiter, hooks)()
    assert not getattr(limiter, "told", None)
