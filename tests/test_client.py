"""The client: made, opened, shared, and closed, whatever else goes on."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from servers import APP, Puppet, client_of, yes

from tim_async import AccountError, Client, ClientClosed, CredentialsError, NotSent, Ok, Unknown
from tim_async.emulator import DEMO_KEY, Emulator
from tim_async.limits.local import Command, LocalLimiter
from tim_async.transport.hosts import REGIONS

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

DELETE = "im_open_login_svc/account_delete"
GET_TAGS = "timpush/get_tag"


# Made

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("sdk_app_id must be", {"sdk_app_id": 0}),
    ("sdk_app_id must be", {"sdk_app_id": "1400000000"}),
    ("secret key is empty", {"secret_key": ""}),
    ("white space", {"secret_key": "key\n"}),
    ("identifier must be", {"identifier": ""}),
    ("region must be one of china, singapore", {"region": "atlantis", "base_url": None}),
    ("scheme://host", {"base_url": "127.0.0.1:80"}),
    ("scheme://host", {"base_url": "http://127.0.0.1/v4"}),
    ("scheme://host", {"base_url": "ftp://127.0.0.1"}),
    ("scheme://host", {"base_url": "https://127.0.0.1?x=1"}),
    ("plain http is for this machine only", {"base_url": "http://example.com"}),
    ("plain http is for this machine only", {"base_url": "http://10.0.0.1:80"}),
    ("the limit of timpush/get_tag must be", {"limits": {GET_TAGS: 0}}),
    ("the limit of timpush/get_tag must be", {"limits": {GET_TAGS: float("inf")}}),
    ("max_in_flight must be", {"max_in_flight": 0}),
    ("max_in_flight must be", {"max_in_flight": 1.5}),
    ("max_in_flight must be", {"max_in_flight": True}),
    ("attempts must be", {"attempts": 0}),
    ("call_timeout must be", {"call_timeout": 0}),
    ("call_timeout must be", {"call_timeout": float("nan")}),
    ("call_timeout must be", {"call_timeout": "10"}),
    ("close_timeout must be", {"close_timeout": -1}),
    ("linger must be", {"linger": -0.1}),
    ("max_reply_bytes must be", {"max_reply_bytes": 0}),
    ("max_reply_bytes must be", {"max_reply_bytes": 1e6}),
    ("proxy must be", {"proxy": "proxy:3128"}),
    ("proxy must be", {"proxy": 5}),
    ("plain http is for this machine only", {"proxy": "http://proxy:3128"}),
]


@pytest.mark.parametrize(("words", "options"), WRONG)
def test_an_impossible_argument_is_refused_in_one_queue_that_says_which(words: str, options: dict[str, Any]) -> None:
    good: dict[str, Any] = {"sdk_app_id": APP, "secret_key": DEMO_KEY, "base_url": "http://127.0.0.1:1"}
    Client(**good)
    with pytest.raises(ValueError, match=words) as caught:
        Client(**(good | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1", "http://[::1]:1/", "https://example.com", "http://127.9.9.9"]
)
def test_plain_http_is_for_this_machine_and_https_for_any(base_url: str) -> None:
    client = Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=base_url)
    assert client._transport._hosts.current(0.0) == base_url.rstrip("/")


def test_every_region_can_be_chosen() -> None:
    for region in (
        "china",
        "singapore",
        "seoul",
        "tokyo",
        "frankfurt",
        "silicon_valley",
        "jakarta",
        "riyadh",
        "mumbai",
    ):
        hosts = Client(sdk_app_id=APP, secret_key=DEMO_KEY, region=region)._transport._hosts
        assert hosts.current(0.0) == f"https://{REGIONS[region][0]}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("TIM_SDK_APP_ID", "TIM_SECRET_KEY", "TIM_IDENTIFIER", "TIM_REGION", "TIM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIM_SDK_APP_ID", str(APP))
    monkeypatch.setenv("TIM_SECRET_KEY", DEMO_KEY)
    return monkeypatch


async def test_a_client_can_be_made_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    async with Emulator(admins=["root"]) as emulator:
        emulator.accounts.add("Mary")
        environment.setenv("TIM_IDENTIFIER", "root")
        environment.setenv("TIM_BASE_URL", emulator.url)
        async with Client.from_env() as tim:
            assert await tim.push.get_tags.one("Mary") == ()


def test_what_is_said_goes_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TIM_REGION", "atlantis")
    with pytest.raises(ValueError, match="atlantis"):
        Client.from_env()
    assert Client.from_env(region="seoul", sdk_app_id=7, secret_key="other").sdk_app_id == 7


@pytest.mark.parametrize("name", ["TIM_SDK_APP_ID", "TIM_SECRET_KEY"])
def test_what_is_missing_in_the_environment_is_named(name: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv(name, "")
    with pytest.raises(ValueError, match=f"{name} is not set"):
        Client.from_env()


def test_an_app_id_that_is_no_number_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TIM_SDK_APP_ID", "fourteen")
    with pytest.raises(ValueError, match="TIM_SDK_APP_ID must be a number, not 'fourteen'"):
        Client.from_env()


# Opened


def test_a_client_can_be_made_before_the_loop_runs(environment: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        async with Emulator() as emulator:
            emulator.accounts.add("Mary")
            made.append(client_of(emulator))
            await made[0].accounts.delete.one("Mary")
            await made[0].aclose()

    made: list[Client] = []
    idle = Client.from_env()
    asyncio.run(ask())
    assert repr(idle) == f"<Client of app {APP}: not opened>"
    assert repr(made[0]) == f"<Client of app {APP}: closed>"


async def test_it_opens_with_the_first_call(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    tim = client_of(emulator)
    assert (await tim.accounts.delete(["Mary"])).ok
    assert repr(tim) == f"<Client of app {APP}: open>"
    await tim.aclose()


async def test_it_may_be_entered_when_it_is_open(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    tim = client_of(emulator)
    assert await tim.accounts.check.one("Mary")
    async with tim:
        assert await tim.accounts.check.one("Mary")
    with pytest.raises(ClientClosed):
        await tim.accounts.check.one("Mary")


async def test_it_may_be_entered_in_one_task_and_closed_in_another(emulator: Emulator) -> None:
    emulator.accounts.add("Mary")
    tim = client_of(emulator)
    await asyncio.create_task(tim.__aenter__())
    assert (await tim.accounts.delete(["Mary"])).ok
    await asyncio.create_task(tim.__aexit__(None, None, None))
    assert repr(tim).endswith("closed>")


def test_it_belongs_to_the_loop_that_first_uses_it() -> None:
    tim = Client(sdk_app_id=APP, secret_key=DEMO_KEY)
    with asyncio.Runner() as first:
        first.run(tim.__aenter__())

        async def use() -> None:
            with pytest.raises(RuntimeError, match="another event loop"):
                await tim.accounts.delete(["Mary"])
            with pytest.raises(RuntimeError, match="another event loop"):
                await tim.aclose()

        with asyncio.Runner() as second:
            second.run(use())
        first.run(tim.aclose())


async def test_two_clients_of_one_app_share_one_limit(puppet: Puppet) -> None:
    puppet.respond = yes
    of_all: dict[str, Any] = {"limits": {DELETE: 2.0}, "limiter": ...}
    async with client_of(puppet, **of_all) as one, client_of(puppet, **of_all) as two:
        await one.accounts.delete(["a"])
        await one.accounts.delete(["b"])
        with pytest.raises(AccountError, match="timeout"):
            await two.accounts.delete.one("c", timeout=0.05)
        assert len(puppet.calls) == 2


async def test_without_a_limiter_there_is_no_limit(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, limiter=None, limits={DELETE: 0.001}) as tim:
        result = await tim.accounts.delete([f"u{number}" for number in range(500)])
    assert result.ok
    assert result.stats.seconds_waited < 1
    assert len(puppet.calls) == 5


async def test_a_limiter_of_ones_own_is_asked(puppet: Puppet) -> None:
    puppet.respond = yes
    limiter = LocalLimiter()
    async with client_of(puppet, limiter=limiter) as tim:
        await tim.accounts.delete(["a"])
    assert limiter.statistics(Command(APP, DELETE, 100)).resting == 1


async def test_no_more_calls_are_in_flight_than_allowed(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=3, limiter=None) as tim:
        task = asyncio.create_task(tim.accounts.delete([f"u{number}" for number in range(1000)]))
        for number in range(10):
            call = await puppet.call()
            if number >= 2:
                assert len(puppet.calls) - number <= 3
                call.answer(yes(call))
            else:
                call.answer(yes(call))
        assert (await task).ok


async def test_a_call_with_room_lingers_for_more_items(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, linger=0.05, limiter=None) as tim:
        first = asyncio.create_task(tim.push.get_tags.one("Mary"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await tim.push.get_tags.one("Tom") == ("tag of Tom",)
        assert await first == ("tag of Mary",)
    assert [call.accounts for call in puppet.calls] == [["Mary", "Tom"]]


async def test_a_full_call_does_not_linger(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet, linger=3600, limiter=None) as tim:
        assert (await tim.accounts.delete([f"u{number}" for number in range(200)])).ok


async def test_any_other_command_can_be_called_by_its_path(puppet: Puppet) -> None:
    puppet.respond = lambda call: {"ErrorCode": 0, "MsgTime": 7, "Said": call.body}
    async with client_of(puppet) as tim:
        reply = await tim.call("openim/sendmsg", {"MsgBody": []})
    assert reply["MsgTime"] == 7
    assert reply["Said"] == {"MsgBody": []}


async def test_a_refusal_of_the_credentials_stops_every_command_of_the_client(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        tags = asyncio.create_task(tim.push.get_tags(["a"]))
        reading = await puppet.call()
        deleting = asyncio.create_task(tim.accounts.delete([f"u{number}" for number in range(250)]))
        first = await puppet.call()
        reading.answer({"ErrorCode": 70009})
        with pytest.raises(CredentialsError):
            await tags
        first.answer(yes(first))
        with pytest.raises(CredentialsError) as caught:
            await deleting
    assert caught.value.result is not None
    assert [type(outcome) for outcome in caught.value.result] == [Ok] * 100 + [NotSent] * 150
    assert len(puppet.calls) == 2


# Closed


async def test_a_closed_client_refuses_everything(client: Client) -> None:
    await client.aclose()
    with pytest.raises(ClientClosed):
        await client.accounts.delete(["Mary"])
    with pytest.raises(ClientClosed):
        await client.push.get_tags.one("Mary")
    with pytest.raises(ClientClosed):
        await client.__aenter__()
    await client.aclose()


async def test_a_client_that_was_never_opened_can_be_closed() -> None:
    tim = Client(sdk_app_id=APP, secret_key=DEMO_KEY)
    await tim.aclose()
    with pytest.raises(ClientClosed):
        await tim.accounts.delete(["Mary"])


async def test_two_may_close_it_at_once_and_one_of_them_may_be_cancelled(puppet: Puppet) -> None:
    tim = client_of(puppet)
    work = asyncio.create_task(tim.push.get_tags.one("Mary"))
    call = await puppet.call()
    closers = [asyncio.create_task(tim.aclose()) for _ in range(3)]
    await asyncio.sleep(0)
    assert repr(tim).endswith("closing>")
    closers[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await closers[0]
    call.answer(yes(call))
    await asyncio.gather(*closers[1:])
    assert await work == ("tag of Mary",)
    assert repr(tim).endswith("closed>")
    await puppet.all_gone()


async def test_what_is_in_flight_finishes_and_what_waits_gets_its_time(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        task = asyncio.create_task(tim.push.get_tags([f"u{number}" for number in range(250)]))
        call = await puppet.call()
        closing = asyncio.create_task(tim.aclose())
        await asyncio.sleep(0)
        puppet.respond = yes
        call.answer(yes(call))
        await closing
    assert (await task).ok
    await puppet.all_gone()


async def test_while_it_closes_nothing_new_begins(puppet: Puppet) -> None:
    tim = client_of(puppet)
    task = asyncio.create_task(tim.push.get_tags.one("Mary"))
    call = await puppet.call()
    closing = asyncio.create_task(tim.aclose())
    await asyncio.sleep(0)
    with pytest.raises(ClientClosed):
        await tim.push.get_tags.one("Tom")
    call.answer(yes(call))
    await closing
    assert await task == ("tag of Mary",)


@pytest.mark.parametrize("close_timeout", [0, 0.05])
async def test_under_a_service_that_hangs_closing_ends_and_every_item_has_an_outcome(
    close_timeout: float, puppet: Puppet
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal taken
        while True:
            yield f"e{taken}"
            taken += 1
            await asyncio.sleep(0)

    tim = client_of(puppet, max_in_flight=1, close_timeout=close_timeout, call_timeout=60)
    batch = asyncio.create_task(tim.accounts.delete([f"u{number}" for number in range(3000)]))
    await puppet.call()
    source = asyncio.create_task(tim.push.get_tags(endless()))
    one = asyncio.create_task(tim.accounts.delete.one("Mary"))
    await puppet.call()
    await tim.aclose()
    stopped = taken
    result, streamed = await batch, await source
    assert [type(outcome) for outcome in result] == [Unknown] * 100 + [NotSent] * (len(result) - 100)
    assert {error.reason for error in result.errors if isinstance(error, NotSent)} == {"the client was closed"}
    assert (len(result), result.unread) == (3000, False)
    assert streamed.unread
    assert {type(outcome) for outcome in streamed} <= {Unknown, NotSent}
    with pytest.raises(AccountError, match="NotSent"):
        await one
    assert taken <= stopped + 1
    await puppet.all_gone()


async def test_a_source_that_does_not_end_does_not_keep_it_open(
    puppet: Puppet, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tim_async.operations.dispatchers.GRACE", 0.01)
    let_go = asyncio.Event()

    async def stubborn() -> AsyncIterator[str]:
        try:
            yield "Mary"
            await asyncio.Event().wait()
        finally:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

    tim = client_of(puppet, close_timeout=0)
    async with tim.accounts.delete.stream(stubborn()) as outcomes:
        await puppet.call()
        await tim.aclose()
        assert "a source has not ended" in caplog.text
        let_go.set()
        assert type(await anext(outcomes)) is Unknown
        with pytest.raises(ClientClosed):
            await anext(outcomes)


async def test_the_callers_own_session_is_used_and_not_closed(puppet: Puppet) -> None:
    puppet.respond = yes
    async with aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session:
        async with client_of(puppet, session=session) as tim:
            assert await tim.push.get_tags.one("Mary") == ("tag of Mary",)
        assert not session.closed
    assert puppet.calls[0].headers["x-mine"] == "yes"


# The loop ends under it


def run_in_dev_mode(main: str) -> str:
    """What a program says on its error stream, with all of Python's own warnings on."""
    head = """
        import asyncio, gc, sys
        from servers import Puppet, client_of, refusing
    """
    program = textwrap.dedent(head) + textwrap.dedent(main)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always", "-c", program],
        cwd=__file__.rpartition("/")[0],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


ENDINGS = {
    "a batch in flight": "task = asyncio.create_task(tim.accounts.delete([str(n) for n in range(5000)]))",
    "a retry that waits": "puppet.respond = refusing(91000); task = asyncio.create_task(tim.push.get_tags(['a']))",
    "a stream": "task = asyncio.create_task(consume(tim))",
    "a closer": "task = asyncio.create_task(tim.accounts.delete(['a'])); closing = asyncio.create_task(tim.aclose())",
    "nothing": "await tim.__aenter__()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_when_the_loop_ends_under_it_nothing_complains(ending: str) -> None:
    said = run_in_dev_mode(
        f"""
        async def consume(tim):
            async with tim.accounts.delete.stream(str(n) for n in range(5000)) as outcomes:
                async for outcome in outcomes:
                    pass

        async def main():
            asyncio.get_running_loop().slow_callback_duration = 3600  # how long a step takes is the machine's affair
            async with Puppet() as puppet:
                tim = client_of(puppet)
                {ENDINGS[ending]}
                for _ in range(50):
                    await asyncio.sleep(0.001)

        asyncio.run(main())
        gc.collect()
        """
    )
    assert said == ""


async def test_all_that_was_asked_for_is_told_when_foreign_hands_cancel_the_dispatcher(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        task = asyncio.create_task(tim.push.get_tags([f"u{number}" for number in range(150)]))
        call = await puppet.call()
        (dispatcher,) = tim._dispatchers.values()
        assert dispatcher._task is not None
        dispatcher._task.cancel()
        call.answer(yes(call))
        result = await task
        assert [type(outcome) for outcome in result] == [Ok] * 100 + [NotSent] * 50
        puppet.respond = yes
        assert await tim.push.get_tags.one("Mary") == ("tag of Mary",)


WITHOUT_A_LOOP: dict[str, Callable[[Client], Coroutine[Any, Any, Any]]] = {
    "open": Client.__aenter__,
    "one": lambda tim: tim.push.get_tags.one("Mary"),
    "batch": lambda tim: tim.accounts.delete(["Mary"]),
    "call": lambda tim: tim.call("a/b", {}),
    "stream": lambda tim: tim.accounts.delete.stream(["Mary"]).__aenter__(),
}


@pytest.mark.parametrize("way", WITHOUT_A_LOOP)
def test_without_a_loop_of_asyncio_one_line_says_what_to_do(way: str) -> None:
    """As under Trio, which runs coroutines by itself."""
    tim = Client(sdk_app_id=1, secret_key=DEMO_KEY)
    with pytest.raises(RuntimeError, match=r"no asyncio event loop runs here: .* under Trio"):
        WITHOUT_A_LOOP[way](tim).send(None)
