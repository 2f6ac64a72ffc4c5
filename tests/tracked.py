"""A program with an error tracker and a tracer, as they come out of the box, which does one thing with the client.

It is a process of its own, because both change aiohttp for the whole process. What they would have sent goes to
standard output, and nothing of it to a network.

    TIM_SECRET_KEY=... python tests/tracked.py [--loud] WHAT [URL...]
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import sentry_sdk
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, generate_latest
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.asyncio import AsyncioIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from tim_async import Client, RequestError
from tim_async.cli.app import app
from tim_async.emulator import Emulator
from tim_async.limits.permits import Permit
from tim_async.otel import Metrics, Tracing, redact_url
from tim_async.prometheus import Metrics as Scraped
from tim_async.service.keys import keyed
from tim_async.service.usersig import Signer, sign


class Memory(Transport):
    """Keeps what the error tracker would send."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize())


PATIENCE = 20.0  # seconds; for a slow machine, since every answer comes at once


def key() -> str:
    """Asked for where it is handed over, so that no frame here has it as a local: those are sent, too."""
    return os.environ["TIM_SECRET_KEY"]


def client(url: str, **more: Any) -> Client:
    own: dict[str, Any] = {"attempts": 2, "call_timeout": PATIENCE, "close_timeout": 0, "limiter": None}
    return Client(sdk_app_id=1400000000, secret_key=key(), base_url=url, **(own | more))


def caught(does: Callable[..., object], *arguments: object) -> None:
    """Do what raises, and let the tracker have the error."""
    try:
        does(*arguments)
    except Exception:  # noqa: BLE001 - whatever is raised
        sentry_sdk.capture_exception()
    else:
        raise AssertionError(f"{does} did not raise with {arguments}")


# What the client is asked


async def ask_in_all_ways(tim: Client) -> None:
    asks: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: tim.accounts.delete(["Mary", "Tom"], timeout=PATIENCE),
        lambda: tim.push.get_tags.one("Mary", timeout=PATIENCE),
        lambda: tim.call("openim/sendmsg", {"To_Account": ["Mary"]}, timeout=PATIENCE),
        lambda: streamed(tim),
    )
    for ask in asks:
        try:
            result = await ask()
        except Exception:  # noqa: BLE001 - whatever is raised
            sentry_sdk.capture_exception()
        else:
            sentry_sdk.capture_message(repr(result))


async def streamed(tim: Client) -> list[object]:
    async with tim.accounts.delete.stream(["Mary", "Tom"]) as outcomes:
        return [outcome async for outcome in outcomes]


async def asks(url: str) -> None:
    """The client's own session."""
    asyncio.get_running_loop().set_debug(enabled=True)
    async with client(url) as tim:
        await ask_in_all_ways(tim)


class Broken(Permit):
    """A permit that cannot be marked, so that the body cannot be sent."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "fresh" and value:
            raise LookupError(name)
        super().__setattr__(name, value)


class Flag:
    """A permit that tells when the body goes out."""

    fresh = False

    def __init__(self) -> None:
        self.up = asyncio.Event()

    @property
    def written(self) -> float:
        return 0.0

    @written.setter
    def written(self, _: float) -> None:
        self.up.set()


async def is_cut_short(url: str) -> None:
    """A call that is cancelled while it waits, a body that cannot be sent, a hook that raises, a time that is over."""

    def hook(event: object) -> None:
        raise LookupError(event)

    async with client(url, hooks=[hook], attempts=1) as tim:
        transport: Any = tim._transport  # neither a permit nor a body of these kinds is ever given
        flag = Flag()
        task = asyncio.create_task(transport.send("timpush/get_tag", b"{}", flag))
        await flag.up.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            sentry_sdk.capture_exception()
        try:
            await transport.send("timpush/get_tag", b"{}", Broken(0.0))
        except Exception:  # noqa: BLE001 - whatever aiohttp makes of it
            sentry_sdk.capture_exception()
        try:
            async with asyncio.timeout(0):
                await tim.push.get_tags(["Mary"])
        except TimeoutError:
            sentry_sdk.capture_exception()
    async with client(url, attempts=1, call_timeout=0.2) as tim:
        try:
            await tim.call("timpush/get_tag", {})
        except RequestError:
            sentry_sdk.capture_exception()


async def asks_with_a_session(url: str) -> None:
    """The caller's own session, made after the tracers were switched on."""
    async with aiohttp.ClientSession() as session, client(url, session=session) as tim:
        await ask_in_all_ways(tim)


WATCHING: dict[str, Any] = {"tracer": None, "hooks": []}
"""The tracer of whoever asks, and all that can watch a client."""


def note(signer: Signer) -> None:
    """Write down for the test what must not be found."""
    with Path(os.environ["KEY_FILE"]).open("a") as file:
        print(signer.current(time.time()), file=file)


async def asks_a_thousand_times(url: str) -> None:
    """Each request in a span of its own; with the client's own session, and with one that is instrumented."""
    tracer: Tracer = WATCHING["tracer"]

    async def ask(tim: Client, account: str) -> None:
        with tracer.start_as_current_span(account):
            try:
                await tim.push.get_tags.one(account)
            except Exception:  # noqa: BLE001 - whatever is raised
                sentry_sdk.capture_exception()

    async with aiohttp.ClientSession() as session:
        for given in (None, session):
            name = "own" if given is None else "given"
            async with client(url, session=given, hooks=WATCHING["hooks"], attempts=3, call_timeout=1.0) as tim:
                async with asyncio.TaskGroup() as group:
                    for number in range(500):
                        group.create_task(ask(tim, f"{name}{number}"))
                        if number % 20 == 0:
                            await asyncio.sleep(0.001)
                note(tim._transport.signer)


# What is refused when it is made. The key is handed over and named nowhere: the locals of these frames are sent, too.


def make(options: dict[str, Any]) -> None:
    Client(secret_key=key(), **options)


def make_from_environment(options: dict[str, Any]) -> None:
    Client.from_env(**options)


def make_from_environment_with_key(options: dict[str, Any]) -> None:
    Client.from_env(secret_key=key(), **options)


def spoil_client(spoiled: Callable[[str], Any]) -> None:
    Client(sdk_app_id=1, secret_key=spoiled(key()))


def spoil_option(spoiled: Callable[[str], Any]) -> None:
    Client.from_env(sdk_app_id=1, secret_key=spoiled(key()))


def spoil_signer(spoiled: Callable[[str], Any]) -> None:
    Signer(1, spoiled(key()), "administrator")


def spoil_key(spoiled: Callable[[str], Any]) -> None:
    keyed(spoiled(key()))


WRONG: tuple[dict[str, Any], ...] = (
    {"sdk_app_id": 0},
    {"sdk_app_id": "x"},
    {"sdk_app_id": None},
    {"identifier": "\n"},
    {"identifier": "'admin'"},
    {"identifier": None},
    {"region": "nowhere"},
    {"region": 7},
    {"base_url": "ftp://x"},
    {"base_url": 7},
    {"limits": {"a/b": -1}},
    {"limits": 7},
    {"attempts": 0},
    {"call_timeout": -1},
    {"call_timeout": "x"},
    {"linger": -1},
    {"hooks": 7},
    {"nonsense": 1},
)

SPOILED: tuple[Callable[[str], Any], ...] = (
    lambda text: f"\ufeff{text}",
    lambda text: f'"{text}"',
    lambda text: f"TIM_SECRET_KEY={text}",
    lambda text: f"{text}\x00",
    lambda text: f"{text}\u200b",
    lambda text: f"{text}\n",
    lambda text: f"{text}\udc80",
    str.encode,
    lambda text: bytearray(text, "ascii"),
    lambda text: int(text, 16),
    lambda text: [text],
    lambda text: {"secret_key": text},
)
TEXTS = SPOILED[:5]


def refuse_to_be_made() -> None:
    """Every way in which a constructor raises, with a sound key and with keys that are none."""
    for options in WRONG:
        for way in (make, make_from_environment, make_from_environment_with_key):
            caught(way, {"sdk_app_id": 1} | options)
    for spoiled in SPOILED:
        for spoil in (spoil_client, spoil_option, spoil_signer, spoil_key):
            caught(spoil, spoiled)
    caught(lambda: Client.from_env(secret_key=key()))  # and no app
    caught(lambda: Signer(0, key(), "administrator"))
    caught(lambda: Signer(1, key(), "administrator", 0))
    caught(lambda: sign(sdk_app_id=1, key=keyed(key()), identifier="", now=1, lifetime=1))
    caught(lambda: Emulator(secret_key=key(), latency=-1))


def swap_two_variables() -> None:
    os.environ["TIM_SDK_APP_ID"] = key()
    caught(Client.from_env)


def refuse_on_the_command_line() -> None:
    file = Path(os.environ["KEY_FILE"])
    for arguments in (["--region", "nowhere"], ["--sdk-app-id", "0"], ["--base-url", "x"], ["--identifier", "'a'"]):
        caught(on_the_command_line, arguments)
    for spoiled in TEXTS:
        file.write_bytes(spoiled(key()).encode())
        caught(on_the_command_line, ["--secret-key-file", str(file)])
    file.write_bytes(key().encode("utf-16"))
    caught(on_the_command_line, ["--secret-key-file", str(file)])
    file.write_bytes(b"\xff" + key().encode())
    caught(on_the_command_line, ["--secret-key-file", str(file)])


def on_the_command_line(arguments: list[str]) -> None:
    """As the program does, but for the one line that it makes of an error."""
    line = ["accounts", "check", "--from", "nowhere.txt", "--sdk-app-id", "1", *arguments]
    app.main(line, prog_name="tim-async", standalone_mode=False)


async def goes_wrong(url: str) -> None:
    """All that raises before anything is sent, and calls that are cut short."""
    refuse_to_be_made()
    refuse_on_the_command_line()
    swap_two_variables()
    await is_cut_short(url)


ASKED: dict[str, Callable[[str], Awaitable[None]]] = {
    "asks": asks,
    "goes wrong": goes_wrong,
    "asks with a session": asks_with_a_session,
    "asks with a session and a filter": asks_with_a_session,
    "asks a thousand times": asks_a_thousand_times,
}


def fails() -> None:
    marker = "a-local-of-the-program"  # which must be found, or nothing else that is not found proves anything
    raise LookupError(len(marker))


async def main(what: str, urls: list[str]) -> None:
    with sentry_sdk.start_transaction(name=what):
        caught(fails)
        for url in urls:
            await ASKED[what](url)


def run(what: str, urls: list[str], *, loud: bool) -> None:
    memory = Memory()
    more: dict[str, Any] = {}
    if loud:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        more = {
            "send_default_pii": True,
            "attach_stacktrace": True,
            "max_breadcrumbs": 10_000,
            "max_value_length": 100_000,
            "integrations": [AsyncioIntegration(), LoggingIntegration(logging.DEBUG, logging.DEBUG)],
        }
    sentry_sdk.init(dsn="http://nobody@127.0.0.1:9/1", transport=memory, traces_sample_rate=1.0, **more)
    spans, numbers = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    AioHttpClientInstrumentor().instrument(
        tracer_provider=provider,
        meter_provider=MeterProvider([numbers]),
        **({"url_filter": redact_url} if "filter" in what else {}),
    )
    registry = CollectorRegistry()
    hooks = [Tracing(provider), Metrics(MeterProvider([ours := InMemoryMetricReader()])), Scraped(registry)]
    WATCHING.update(tracer=provider.get_tracer("the program"), hooks=hooks)
    asyncio.run(main(what, urls))
    sentry_sdk.flush()
    metrics = numbers.get_metrics_data()
    lines = [
        json.dumps({"spans": [span.to_json() for span in spans.get_finished_spans()]}),
        metrics.to_json() if metrics is not None else "{}",
        own.to_json() if (own := ours.get_metrics_data()) is not None else "{}",
        generate_latest(registry).decode(),
        *(envelope.decode("utf-8", "replace") for envelope in memory.sent),
    ]
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    is_loud = sys.argv[1] == "--loud"
    what_to_do, *services = sys.argv[1 + is_loud :]
    run(what_to_do, services, loud=is_loud)
