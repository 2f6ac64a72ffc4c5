"""Neither the secret key nor a usersig is ever told: by no log, error or repr, and the key by no attribute."""

import asyncio
import gc
import json
import logging
import pickle
import secrets
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import ClientSession, TraceConfig, TraceRequestStartParams
from servers import Call, Puppet, client_of, yes

from tim_async import APIError, BatchResult, CallEvent, Client, TIMError
from tim_async.emulator import Emulator, Faults
from tim_async.service.endpoints.base import said
from tim_async.service.usersig import Signer

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is


@pytest.fixture
def key() -> str:
    """A secret that stands nowhere else in memory, as that of a program that was given it does."""
    return secrets.token_hex(32)


class Listener(logging.Handler):
    """Keeps every line of every logger, with the tracebacks and all that was handed to it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [self.format(record), repr(record.__dict__)]


@pytest.fixture
def lines() -> Iterator[list[str]]:
    listener = Listener()
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield listener.lines
    root.removeHandler(listener)
    root.setLevel(level)


def every_word_of(error: BaseException | None) -> Iterator[str]:
    """All that can be read from an error and from what stands behind it, shown or not."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield repr(error.args)
        yield repr(vars(error))
        yield "".join(traceback.format_exception(error))
        if isinstance(error, TIMError):
            yield repr(pickle.dumps(error))
        yield from every_word_of(error.__cause__)
        error = error.__context__


def every_word_of_result(result: BatchResult[Any]) -> Iterator[str]:
    yield repr(result)
    yield repr(list(result))
    yield repr(result.stats)
    yield msgspec.json.encode(result).decode()
    yield repr(pickle.dumps(result))


# What a server may do, and what may go wrong with it


def echo(call: Call) -> dict[str, Any]:
    """A service that says our URL back to us."""
    said = f"bad request: https://console.tim.qq.com{call.target}"
    items = [{"UserID": account, "ResultCode": 70107, "ResultInfo": said} for account in call.accounts]
    return {"ErrorCode": 0, "ErrorInfo": said, "ResultItem": items}


def refused_with_echo(call: Call) -> dict[str, Any]:
    return {"ErrorCode": 70009, "ErrorInfo": f"no: {call.target}"}


def half_of(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    call.transport.close()


TROUBLE: dict[str, Callable[[Call], object]] = {
    "reset": lambda call: call.reset(),
    "closed": lambda call: call.transport.close(),
    "half": half_of,
    "no http": lambda call: call.send(b"SSH-2.0\r\n\r\n"),
    "bad header": lambda call: call.send(f"HTTP/1.1 200 OK\r\n{call.target}\r\n\r\n".encode()),
    "502": lambda call: call.answer(call.target.encode(), status=502),
    "302": lambda call: call.answer(b"", status=302, headers=f"Location: {call.target}\r\n"),
    "no json": lambda call: call.answer(call.target.encode()),
    "wrong json": lambda call: call.answer(json.dumps({"ErrorCode": call.target}).encode()),
    "busy with echo": lambda call: call.answer({"ErrorCode": 91000, "ErrorInfo": call.target}),
    "silence": lambda call: call.answer({"ErrorCode": 0, "ErrorInfo": call.target}),
    "echo": lambda call: call.answer(echo(call)),
    "a bare signature": lambda call: call.answer({"ErrorCode": 70003, "ErrorInfo": f"sig {call.query['usersig']}!"}),
    "refused with echo": lambda call: call.answer(refused_with_echo(call)),
    "hang": lambda _: None,
}


async def words_of_a_run(tim: Client) -> list[str]:
    """Asks in all three ways, and gives back every word that comes of it."""
    words: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: words.append(repr(context)))
    for ask in (
        lambda: tim.accounts.delete(["Mary", "Tom", ""], timeout=0.5),
        lambda: tim.accounts.delete.one("Mary", timeout=0.5),
        lambda: _streamed(tim),
        lambda: tim.call("openim/sendmsg", {"To_Account": ["Mary"]}, timeout=0.5),
    ):
        try:
            got: Any = await ask()
        except TIMError as exc:
            words += every_word_of(exc)
        else:
            if isinstance(got, BatchResult):
                words += every_word_of_result(got)
            elif not isinstance(got, dict):  # the raw reply of tim.call is the service's word to the one who asked
                words.append(repr(got))
        inside = (tim._transport, tim._transport.signer)
        words += [repr(thing) for thing in (tim, tim.accounts, tim.accounts.delete, *inside)]
        words += [repr(dispatcher.lane) for dispatcher in tim._dispatchers.values()]
        words += [repr(task) for task in asyncio.all_tasks()]
    return words


async def _streamed(tim: Client) -> list[Any]:
    async with tim.accounts.delete.stream(["Mary", "Tom"]) as outcomes:
        return [outcome async for outcome in outcomes]


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_no_trouble_makes_it_tell(trouble: str, puppet: Puppet, key: str, lines: list[str]) -> None:
    events: list[CallEvent] = []
    asyncio.get_running_loop().set_debug(enabled=True)

    def respond(call: Call) -> None:
        TROUBLE[trouble](call)

    puppet.respond = respond
    tim = client_of(
        puppet, secret_key=key, hooks=[events.append], attempts=2, call_timeout=0.1, close_timeout=0, limiter=None
    )
    async with tim:
        words = await words_of_a_run(tim)
    usersigs = {call.query["usersig"] for call in puppet.calls}
    assert usersigs
    assert_nothing_told([*words, *lines, repr(events)], key, usersigs)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
async def test_a_service_that_is_not_there_does_not_make_it_tell(base_url: str, key: str, lines: list[str]) -> None:
    asyncio.get_running_loop().set_debug(enabled=True)
    tim = Client(sdk_app_id=1, secret_key=key, base_url=base_url, attempts=2, limiter=None)
    async with tim:
        words = await words_of_a_run(tim)
        usersig = tim._transport.signer.current(0)
    assert_nothing_told([*words, *lines], key, {usersig})


async def test_a_hook_that_raises_does_not_make_it_tell(puppet: Puppet, key: str, lines: list[str]) -> None:
    def hook(event: CallEvent) -> None:
        raise LookupError(event)

    puppet.respond = echo
    async with client_of(puppet, secret_key=key, hooks=[hook]) as tim:
        words = await words_of_a_run(tim)
    assert any("LookupError" in line for line in lines)
    assert_nothing_told([*words, *lines], key, {call.query["usersig"] for call in puppet.calls})


async def test_a_run_with_faults_of_all_kinds_tells_nothing(lines: list[str], key: str) -> None:
    asyncio.get_running_loop().set_debug(enabled=True)
    async with Emulator(secret_key=key, rate=float("inf"), seed=7) as emulator:
        emulator.faults = Faults(
            {
                "reset_before": 0.1,
                "reset_after": 0.1,
                "half_body": 0.1,
                "not_json": 0.1,
                "bad_gateway": 0.1,
                "busy": 0.1,
                "expired": 0.05,
                "string_numbers": 0.1,
            },
            seed=7,
        )
        names = [f"u{number}" for number in range(3000)]
        emulator.accounts.add(*names[::2])
        async with client_of(emulator, secret_key=key, limiter=None, attempts=3) as tim:
            words: list[str] = []
            try:
                words += every_word_of_result(await tim.accounts.delete(names, timeout=10))
            except TIMError as exc:
                words += every_word_of(exc)
            usersig = tim._transport.signer.current(0)
        assert emulator.faults.struck.total() > 5
    assert_nothing_told([*words, *lines], key, {usersig})


async def test_a_tracer_of_the_callers_session_that_raises_does_not_make_it_tell(
    puppet: Puppet, key: str, lines: list[str]
) -> None:
    """It sees the URL, and may put it into its error."""

    async def on_request_start(_: ClientSession, __: SimpleNamespace, params: TraceRequestStartParams) -> None:
        raise LookupError(params.url)

    tracer = TraceConfig()
    tracer.on_request_start.append(on_request_start)
    async with ClientSession(trace_configs=[tracer]) as session:
        tim = client_of(puppet, secret_key=key, session=session, attempts=1)
        async with tim:
            words = await words_of_a_run(tim)
            usersig = tim._transport.signer.current(0)
    assert any("LookupError" in word for word in [*words, *lines])
    assert_nothing_told([*words, *lines], key, {usersig})


async def test_no_frame_of_a_call_that_is_cut_short_holds_its_url(puppet: Puppet, key: str) -> None:
    """Error trackers send the locals of every frame of a traceback."""
    async with client_of(puppet, secret_key=key) as tim:
        task = asyncio.create_task(tim._transport.send("timpush/get_tag", b"{}", None))
        call = await puppet.call()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert words_of_frames(caught.value) == []  # where the call waits, the frames below hold the URL
    assert_nothing_told(every_word_of(caught.value), key, {call.query["usersig"]})


def words_of_frames(error: BaseException | None) -> list[str]:
    """Every local of every frame of an error's traceback, as error trackers send them, and of what is behind it."""
    words: list[str] = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "tim_async" in frame.f_code.co_filename or "aiohttp" in frame.f_code.co_filename:
                words += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        words += words_of_frames(error.__cause__)
        error = error.__context__
    return words


def twice_quoted(text: str) -> str:
    return quote(quote(text))


def small_letters(text: str) -> str:
    return text.replace("*", "%2a").replace("_", "%5f")


@pytest.mark.parametrize(
    "around", ["{}", "sig {}!", "?usersig={}", "?a=1&UserSig={}&b=2", "usersig%3D{}", "usersig%253d{}"]
)
@pytest.mark.parametrize("quoted", [str, quote, twice_quoted, small_letters])
def test_the_services_words_lose_a_signature_in_whatever_way_it_is_quoted(
    around: str, quoted: Callable[[str], str], key: str
) -> None:
    usersig = Signer(1400000000, key, "administrator").current(1_800_000_000)
    words = said("before " + around.format(quoted(usersig)))
    assert words.startswith("before ")
    assert words.endswith("[the rest held a signature]")
    assert usersig[:20] not in words


async def test_others_words_reach_the_log_and_the_hooks_in_one_line(puppet: Puppet, lines: list[str]) -> None:
    puppet.respond = lambda _: {"ErrorCode": 90009, "ErrorInfo": "no\x1b[31m\r\nERROR forged\u2028\u202e"}
    events: list[CallEvent] = []
    async with client_of(puppet, hooks=[events.append]) as tim:
        with pytest.raises(APIError) as caught:
            await tim.call("openim/sendmsg", {})
    logged = [line for line in lines if line.startswith("openim/sendmsg: call of 1 items")]
    assert "ERROR forged" in logged[0]
    assert all(word.isprintable() for word in (logged[0], events[0].error, str(caught.value)))
    assert caught.value.info == "no\x1b[31m\r\nERROR forged\u2028\u202e"  # the data is what was said


@pytest.mark.parametrize("whose", [None, "7\x1b[31m\nERROR forged"])
def test_others_words_in_the_error_of_a_webhook_are_one_line(whose: str | None, key: str) -> None:
    """Anybody can call a webhook, and its errors are logged."""
    body = {
        "CallbackCommand": "State\x1b[31m\nERROR forged",
        "ServiceName": "a",
        "Command": "b",
        "Request": 1,
        "Limit": 1,
    }
    with pytest.raises(ValueError, match="ERROR forged") as caught:
        Client(sdk_app_id=1, secret_key=key).over_limit_alarm(body, sdk_app_id=whose)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["0123456789abcdef" * 4, "-1", "fourteen", None, 1.5, True])
def test_what_should_be_a_number_is_shown_only_if_it_is_too_short_for_a_key(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^TIM_SDK_APP_ID must be a number, not ") as caught:
        Client.from_env(sdk_app_id=value, secret_key="key")
    assert "0123" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^sdk_app_id must be a positive whole number, not ") as caught:
        Client(sdk_app_id=value, secret_key="key")
    assert "0123" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_constructor_that_refuses_does_not_tell(key: str) -> None:
    wrong: list[dict[str, Any]] = [
        {"sdk_app_id": 0},
        {"identifier": "\n"},
        {"region": "nowhere"},
        {"secret_key": f"{key}\n"},
    ]
    for options in wrong:
        good: dict[str, Any] = {"sdk_app_id": 1, "secret_key": key}
        with pytest.raises(ValueError, match=r"must be|white space") as caught:
            Client(**(good | options))
        assert_nothing_told(every_word_of(caught.value), key, set())


def assert_nothing_told(words: Iterator[str] | list[str], key: str, usersigs: set[str]) -> None:
    for word in words:
        assert key not in word
        assert "usersig=" not in word.lower()
        assert not any(usersig in word for usersig in usersigs)


# What can be reached


def reachable(start: object) -> Iterator[object]:
    """Everything that hangs on an object: attributes, slots, closures, items. Not what the whole program shares."""
    seen: set[int] = set()
    stack = [start]
    while stack:
        thing = stack.pop()
        shared = isinstance(thing, type | ModuleType | FrameType | asyncio.AbstractEventLoop | asyncio.Task)
        if id(thing) in seen or shared:
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, FunctionType):
            stack += [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
        elif isinstance(thing, MethodType):
            stack += [thing.__self__, thing.__func__]
        else:
            stack += gc.get_referents(thing)


async def test_the_bare_key_cannot_be_reached_from_a_client(puppet: Puppet, key: str) -> None:
    puppet.respond = yes
    async with client_of(puppet, secret_key=key) as tim:
        await tim.push.get_tags(["Mary"])
        task = asyncio.create_task(_streamed(tim))
        things = list(reachable(tim))
        await task
    texts = [thing for thing in things if isinstance(thing, str | bytes | bytearray)]
    assert len(things) > 500
    assert any(text == "https" or puppet.url in str(text) for text in texts)  # it does look into the transport
    assert not [text for text in texts if key in (text if isinstance(text, str) else bytes(text).decode("latin-1"))]


async def test_a_client_cannot_be_pickled_with_its_key(key: str) -> None:
    tim = Client(sdk_app_id=1, secret_key=key)
    with pytest.raises(TypeError):
        pickle.dumps(tim)
