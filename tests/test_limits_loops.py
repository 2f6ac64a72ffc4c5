"""The limiter of the process in several event loops, one after the other and at once in threads; and in forks."""

import asyncio
import ctypes
import gc
import multiprocessing
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest
import uvloop
from arrivals import most_in_a_second
from box import running
from servers import APP
from virtual_time import Clock, VirtualLoop

from tim_async import Client
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.errors import AccountError
from tim_async.limits import local
from tim_async.limits.gates import LOOK_AGAIN, STANDSTILL, clock_of
from tim_async.limits.local import Command, LocalLimiter, local_limiter
from tim_async.limits.permits import Permit

PATH = "timpush/get_tag"
COMMAND = Command(7, PATH, 100)


left_behind: list[object] = []
"""What a dead thread was doing: never collected, for a coroutine that ends without its loop complains."""
ctypes.pythonapi.Py_IncRef(ctypes.py_object(left_behind))  # nor when the interpreter ends, which takes all else apart


class Loop:
    """An event loop in which a test may do one thing after the other, in this thread; it can be left or closed."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.loop = asyncio.new_event_loop() if clock is None else VirtualLoop(clock)

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    def turn(self) -> None:
        """Let it do what is to be done now."""
        self.run(asyncio.sleep(0))
        self.run(asyncio.sleep(0))

    def available(self, limiter: LocalLimiter) -> int:
        """Permits that are free, by the loop's clock."""

        async def look() -> int:
            return limiter.statistics(COMMAND).available

        return int(self.run(look()))


def close(made: list[Loop]) -> None:
    for each in made:
        if not each.loop.is_closed():
            for task in asyncio.all_tasks(each.loop):
                task.cancel()
            each.turn()
            each.loop.close()


@pytest.fixture
def loops() -> Iterator[Callable[[], Loop]]:
    """Makes loops, and closes them."""
    made: list[Loop] = []

    def make() -> Loop:
        made.append(Loop())
        return made[-1]

    yield make
    close(made)


@pytest.fixture
def clock() -> Clock:
    """The time of `virtual_loops`."""
    return Clock()


@pytest.fixture
def virtual_loops(clock: Clock) -> Iterator[Callable[[], Loop]]:
    """Makes loops that go by one virtual time, and closes them."""
    made: list[Loop] = []

    def make() -> Loop:
        made.append(Loop(clock))
        return made[-1]

    yield make
    close(made)


async def take_all(limiter: LocalLimiter, command: Command = COMMAND) -> list[Permit]:
    return [
        await limiter.acquire(command, urgent=True, full=True)
        for _ in range(limiter.statistics(command).available)
    ]  # fmt: skip


# Judged by the emulator.


@pytest.fixture
def box() -> Iterator[Emulator]:
    """The service, in a thread of its own."""
    with running(Emulator(sdk_app_id=APP, seed=1)) as box:
        yield box


class Noting(LocalLimiter):
    """Notes when calls were written. Where threads compete, the thread of the service may stand still for long."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[float] = []

    def report(self, permit: Permit, *, refused: bool = False) -> None:
        self.written += [] if permit.written is None else [permit.written]
        super().report(permit, refused=refused)


async def call_often(url: str, batches: int, name: str = "", limiter: LocalLimiter | None = None) -> None:
    """A client of its own, as a job has that is started for each piece of work."""
    limiter = limiter or local_limiter()
    async with Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, limiter=limiter) as tim:
        result = await tim.push.get_tags([f"{name}{number}" for number in range(100 * batches)])
        assert len(result) == 100 * batches


def assert_never_over(emulator: Emulator, calls: int) -> None:
    seen = emulator.statistics()[PATH]
    assert (seen.calls, seen.refused) == (calls, 0)
    assert most_in_a_second([at for at, _ in emulator.arrivals(PATH)]) <= 100


@pytest.mark.uncounted
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_one_loop_after_the_other_is_never_over_the_limit(box: Emulator, run: Callable[..., None]) -> None:
    for _ in range(5):
        run(call_often(box.url, 26))
    assert_never_over(box, 130)


@pytest.mark.uncounted
@pytest.mark.parametrize("runs", [[asyncio.run] * 4, [asyncio.run, uvloop.run]], ids=["threads", "both kinds"])
def test_loops_in_several_threads_are_never_over_the_limit_together(runs: list[Callable[..., None]]) -> None:
    limiter = Noting()
    with running(Emulator(sdk_app_id=APP, rate=1_000)) as box, ThreadPoolExecutor(len(runs)) as threads:
        jobs = [threads.submit(run, call_often(box.url, 50, f"t{n}-", limiter)) for n, run in enumerate(runs)]
        for job in jobs:
            job.result()
        assert len(box.arrivals(PATH)) == len(limiter.written) == 50 * len(runs)
    assert most_in_a_second(sorted(limiter.written)) <= 100


def test_threads_that_end_in_the_middle_of_their_calls_take_no_permit_with_them(box: Emulator) -> None:
    """Their calls may have reached the service: they count, but not for ever."""

    async def leave(tim: Client) -> None:
        left = asyncio.create_task(tim.push.get_tags([str(number) for number in range(5000)]))
        with pytest.raises(AccountError):
            await tim.push.get_tags.one("nobody")
        assert not left.done()

    def thread() -> None:
        loop = asyncio.new_event_loop()
        tim = Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=box.url)
        loop.run_until_complete(leave(tim))
        left_behind.append((loop, tim, asyncio.all_tasks(loop)))
        loop.close()

    for _ in range(3):
        worker = threading.Thread(target=thread)
        worker.start()
        worker.join()
    # What was written before this call is read before it, however slow the service is.
    with urlopen(f"{box.url}/nothing", timeout=30) as answer:  # noqa: S310 - its own address
        answer.read()
    before = len(box.arrivals(PATH))
    asyncio.run(call_often(box.url, 120))
    arrivals = box.arrivals(PATH)
    assert len(arrivals) >= before + 120
    assert not any(refused for _, refused in arrivals)
    assert most_in_a_second([at for at, _ in arrivals]) <= 100


# One thing after the other.


def test_who_waits_in_one_loop_is_served_by_the_end_of_a_call_in_another(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    waiting = other.loop.create_task(limiter.acquire(COMMAND, urgent=True, full=True))
    other.turn()
    assert not waiting.done()
    limiter.report(permits.pop())  # never sent, so it can be used at once
    other.turn()
    assert waiting.done()
    assert limiter.statistics(COMMAND).available == 0


def test_a_permit_for_a_loop_that_was_closed_meanwhile_is_not_lost(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    for task in [other.loop.create_task(limiter.acquire(COMMAND)) for _ in range(3)]:
        other.turn()
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left behind on purpose
    other.loop.close()
    limiter.report(permits.pop())
    assert one.run(asyncio.wait_for(limiter.acquire(COMMAND, urgent=True), 10)) is not None
    assert limiter.statistics(COMMAND).available == 0


def test_a_permit_on_its_way_to_a_waiter_that_is_cancelled_is_not_lost(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    waiting = other.loop.create_task(limiter.acquire(COMMAND, urgent=True, full=True))
    other.turn()
    limiter.report(permits.pop())
    assert limiter.statistics(COMMAND).available == 0
    waiting.cancel()
    other.turn()
    assert waiting.cancelled()
    assert limiter.statistics(COMMAND).available == 1


def test_a_loop_that_is_closed_on_the_way_of_its_permit_gives_it_back(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    waiting = other.loop.create_task(limiter.acquire(COMMAND, urgent=True, full=True))
    other.turn()
    limiter.report(permits.pop())
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left behind on purpose
    other.loop.close()
    assert one.run(asyncio.wait_for(limiter.acquire(COMMAND, urgent=True, full=True), 10)) is not None


def test_who_waits_in_another_loop_hears_that_a_permit_comes_back_sooner_than_was_known(
    loops: Callable[[], Loop],
) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    waiting = other.loop.create_task(limiter.acquire(COMMAND, urgent=True, full=True))
    other.turn()
    permits[0].written = permits[0].answered = time.monotonic() - 0.9
    limiter.report(permits[0])
    assert other.run(asyncio.wait_for(waiting, 10)).taken >= permits[0].written + 1


def test_loops_take_turns_however_many_wait_in_each(loops: Callable[[], Loop]) -> None:
    limiter, order = LocalLimiter(), list[str]()

    async def wait(name: str) -> None:
        await limiter.acquire(COMMAND, urgent=True, full=True)
        order.append(name)

    main, many, few = loops(), loops(), loops()
    permits = main.run(take_all(limiter))
    tasks = [many.loop.create_task(wait("many")) for _ in range(6)]
    many.turn()
    tasks += [few.loop.create_task(wait("few")) for _ in range(2)]
    few.turn()
    for _ in range(3):  # as many as go at once
        limiter.report(permits.pop())
        many.turn()
        few.turn()
    assert order == ["many", "few", "many"]
    assert sum(task.done() for task in tasks) == 3


def test_an_urgent_call_of_any_loop_goes_first(loops: Callable[[], Loop]) -> None:
    limiter, main, one, other = LocalLimiter(), loops(), loops(), loops()
    permits = main.run(take_all(limiter))
    bulk = one.loop.create_task(limiter.acquire(COMMAND, full=True))
    one.turn()
    urgent = other.loop.create_task(limiter.acquire(COMMAND, urgent=True, full=True))
    other.turn()
    limiter.report(permits.pop())
    one.turn()
    other.turn()
    assert urgent.done()
    assert not bulk.done()


@pytest.mark.parametrize("sent", [True, False])
def test_calls_of_a_closed_loop_are_unanswered_from_when_that_is_noticed(
    virtual_loops: Callable[[], Loop], clock: Clock, *, sent: bool
) -> None:
    """What was never written is free at once; what was may reach the service late, and rests another window."""
    limiter, dead, alive = LocalLimiter(), virtual_loops(), virtual_loops()
    permits = dead.run(take_all(limiter))
    for permit in permits:
        permit.written = clock.now if sent else None
    dead.loop.close()
    noticed = clock.now
    late = alive.run(asyncio.wait_for(limiter.acquire(COMMAND, urgent=True, full=True), 10))
    assert (late.taken - noticed >= 1) is sent
    assert alive.available(limiter) == 99
    for each in permits:
        limiter.report(each)  # too late
    assert alive.available(limiter) == 99


def test_a_loop_that_dies_while_another_waits_is_noticed_though_nobody_tells(
    virtual_loops: Callable[[], Loop], clock: Clock
) -> None:
    limiter, dying, waiting = LocalLimiter(), virtual_loops(), virtual_loops()
    dying.run(take_all(limiter))
    permit = waiting.loop.create_task(limiter.acquire(COMMAND, urgent=True))
    waiting.turn()
    dying.loop.close()
    closed = clock.now
    assert waiting.run(asyncio.wait_for(permit, 10)).taken - closed <= LOOK_AGAIN + 1


def test_a_loop_that_stopped_without_being_closed_keeps_no_permit_of_a_sent_call_for_ever(
    virtual_loops: Callable[[], Loop],
    clock: Clock,
) -> None:
    limiter, left, alive = LocalLimiter(), virtual_loops(), virtual_loops()
    permits = left.run(take_all(limiter))
    for permit in permits[:60]:
        permit.written = clock.now - STANDSTILL
    for permit in permits[60:80]:
        permit.written = clock.now  # its answer may still be read
    assert alive.run(asyncio.wait_for(limiter.acquire(COMMAND, urgent=True), 10)) is not None
    assert alive.available(limiter) == 59


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("closed", [True, False])
def test_a_loop_that_nobody_holds_is_forgotten_and_its_permits_come_back(
    loops: Callable[[], Loop], *, closed: bool
) -> None:
    limiter = LocalLimiter()

    def abandon() -> "weakref.ref[asyncio.AbstractEventLoop]":
        loop = asyncio.new_event_loop()
        loop.run_until_complete(take_all(limiter))
        if closed:
            loop.close()
        return weakref.ref(loop)

    abandoned = abandon()
    gc.collect()
    assert abandoned() is None
    assert loops().run(asyncio.wait_for(limiter.acquire(COMMAND, urgent=True), 10)) is not None


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_loop_that_was_paced_and_that_nobody_holds_is_forgotten_as_soon_as_another_one_looks(
    loops: Callable[[], Loop],
) -> None:
    """Aiolimiter holds the loop that it ran in."""
    limiter = LocalLimiter()

    def abandon() -> "weakref.ref[asyncio.AbstractEventLoop]":
        loop = asyncio.new_event_loop()
        loop.run_until_complete(limiter.acquire(COMMAND))
        loop.run_until_complete(take_all(limiter))
        return weakref.ref(loop)

    abandoned = abandon()
    other = loops()
    waiting = other.loop.create_task(limiter.acquire(COMMAND, urgent=True))
    other.turn()
    gc.collect()
    assert abandoned() is None
    assert other.run(asyncio.wait_for(waiting, 10)) is not None


def test_calls_that_wait_in_a_loop_that_stood_still_are_served_in_turn_with_those_that_came_since(
    loops: Callable[[], Loop],
) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    permits = one.run(take_all(limiter))
    tasks = [one.loop.create_task(limiter.acquire(COMMAND, urgent=True))]
    one.turn()
    tasks.append(other.loop.create_task(limiter.acquire(COMMAND, urgent=True)))
    other.turn()  # sees that the first one stands still
    tasks.append(one.loop.create_task(limiter.acquire(COMMAND, urgent=True)))
    one.turn()
    for served in range(1, 4):
        limiter.report(permits.pop())
        one.turn()
        other.turn()
        assert [task.done() for task in tasks] == [place < served for place in range(3)]


def test_a_rate_changes_though_a_loop_that_used_it_is_gone(loops: Callable[[], Loop]) -> None:
    limiter, loop = LocalLimiter(), loops()
    limiter.report(loop.run(limiter.acquire(COMMAND)))

    def abandon() -> None:
        other = Loop()
        other.run(limiter.acquire(Command(7, PATH, 100), urgent=True, full=True))
        other.loop.close()

    abandon()
    gc.collect()
    raised = Command(7, PATH, 200)
    limiter.change(COMMAND, raised, last_word=True)
    loop.turn()
    assert limiter.statistics(raised).rate == 200


def test_a_loop_that_stood_still_is_paced_again_when_it_runs_again(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    for _ in range(2):
        assert one.run(asyncio.wait_for(limiter.acquire(COMMAND), 10)) is not None
        assert other.run(asyncio.wait_for(limiter.acquire(COMMAND), 10)) is not None
    assert limiter.statistics(COMMAND).available == 96


def test_a_busy_loop_keeps_nobody_else_waiting() -> None:
    """It holds the next turn, and does not come to take it."""
    limiter, release, busy = LocalLimiter(), threading.Event(), threading.Event()
    command = Command(7, PATH, 20)

    async def stall() -> None:
        permits = await take_all(limiter, command)
        tasks = [asyncio.create_task(limiter.acquire(command, urgent=True)) for _ in range(3)]
        await asyncio.sleep(0)
        for permit in permits:
            permit.written = permit.answered = time.monotonic()
            limiter.report(permit)
        busy.set()
        release.wait(30)
        for task in tasks:
            limiter.report(await task)

    async def work() -> int:
        for _ in range(10):
            permit = await limiter.acquire(command, urgent=True)
            limiter.report(permit)
        return 10

    with ThreadPoolExecutor(2) as threads:
        stalled = threads.submit(asyncio.run, stall())
        busy.wait(30)
        assert threads.submit(asyncio.run, work()).result(30) == 10
        release.set()
        stalled.result(30)


def test_the_clock_is_the_same_in_all_loops_of_the_process() -> None:
    async def look() -> tuple[float, float, float]:
        return time.monotonic(), clock_of(asyncio.get_running_loop())(), time.monotonic()

    for run in (asyncio.run, uvloop.run):
        before, here, after = run(look())
        assert before <= here <= after


# Whose rate.


def test_who_is_gone_is_not_heard_any_more(loops: Callable[[], Loop]) -> None:
    limiter, one, other = LocalLimiter(), loops(), loops()
    high, low, lower = Command(7, PATH, 100), Command(7, PATH, 20), Command(7, PATH, 10)
    for loop, command in ((one, high), (one, low), (other, lower)):
        limiter.report(loop.run(limiter.acquire(command, urgent=True)))
    assert limiter.statistics(high).rate == 10
    other.loop.close()
    limiter.forget(low)
    limiter.forget(low)
    assert limiter.statistics(high).rate == 100


def test_a_rate_that_nobody_holds_any_more_is_forgotten_by_itself(loops: Callable[[], Loop]) -> None:
    limiter, loop = LocalLimiter(), loops()
    high = Command(7, PATH, 100)
    limiter.report(loop.run(limiter.acquire(high, urgent=True)))
    limiter.report(loop.run(limiter.acquire(Command(7, PATH, 20), urgent=True)))
    loop.turn()
    assert limiter.statistics(high).rate == 100


def test_the_last_word_holds_until_a_lower_rate_joins(loops: Callable[[], Loop]) -> None:
    limiter, loop = LocalLimiter(), loops()
    commands = [Command(7, PATH, rate) for rate in (100, 50)]
    for command in commands:
        limiter.report(loop.run(limiter.acquire(command, urgent=True)))
    raised = Command(7, PATH, 200)
    limiter.change(commands[0], raised, last_word=True)
    assert limiter.statistics(raised).rate == 200
    limiter.report(loop.run(limiter.acquire(commands[1], urgent=True)))  # was heard before
    assert limiter.statistics(raised).rate == 200
    later = Command(7, PATH, 150)
    limiter.report(loop.run(limiter.acquire(later, urgent=True)))
    assert limiter.statistics(raised).rate == 150


def test_one_command_in_two_loops_is_one_claim(loops: Callable[[], Loop]) -> None:
    limiter = LocalLimiter()
    for loop in (loops(), loops()):
        limiter.report(loop.run(limiter.acquire(COMMAND, urgent=True)))
    assert limiter.statistics(COMMAND).available == 100


def test_a_changed_rate_that_is_no_positive_number_is_refused() -> None:
    limiter = LocalLimiter()
    with pytest.raises(ValueError, match="positive number"):
        limiter.change(COMMAND, Command(7, PATH, 0), last_word=True)


# Forks.


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_of_a_fork_inherits_neither_a_held_lock_nor_permits() -> None:
    limiter = LocalLimiter()
    asyncio.run(take_all(limiter))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with limiter._lock:
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if len(asyncio.run(take_all(limiter))) == 100 else 1)
        finally:
            os._exit(2)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.statistics(COMMAND).available == 0


def one_call() -> None:
    asyncio.run(take_all(local_limiter()))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_worker_that_multiprocessing_forks_has_limits_of_its_own() -> None:
    asyncio.run(take_all(local_limiter()))
    worker = multiprocessing.get_context("fork").Process(target=one_call)
    worker.start()
    worker.join(30)
    assert worker.exitcode == 0


def test_after_a_fork_every_limiter_begins_anew() -> None:
    """As above, where it can be looked at: in this process."""
    limiter = LocalLimiter()
    permits = asyncio.run(take_all(limiter))
    local._forked()
    assert limiter.statistics(COMMAND).available == 100
    limiter.report(permits[0])
    assert limiter.statistics(COMMAND).available == 100
