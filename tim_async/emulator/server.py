"""The service in a box: the socket, the waiting, and the way of one call through it."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Collection, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Self, Unpack

import msgspec
from aiohttp import web

from . import control
from .books import Books
from .command import Command
from .faults import Fault, Faults, Kind, on
from .gate import Gate
from .gateway import Gateway
from .rates import Arrival, PathStatistics, Traffic, Window
from .refusals import Refusal
from .replies import base, encode
from .scripting import Options, Scriptable, path_of
from .service import Service
from .sockets import Sockets
from .store import Accounts, Store
from .table import COMMANDS
from .wire import BREAKS, page

DEMO_KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
"""The key that Tencent prints in the README of its own UserSig generators: public, and good for nothing else."""

LATENCY_SPREAD = 0.2
"""The service time of a call is uniform within this fraction around its middle."""


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


class Emulator:
    """TIM's REST API on a loopback socket, with its state in memory.

    It speaks the documented commands, checks signatures, and judges the rate limit. It shares no code with this
    package's client, so it can disagree with it. ::

        async with Emulator(latency=0.02) as emulator:
            emulator.accounts.add("Mary")
            ...  # talk to emulator.url
            assert emulator.statistics()["timpush/get_tag"].refused == 0

    Args:
        sdk_app_id: The app that it serves.
        secret_key: The app's key.
        admins: The identifiers that may call.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        unix_socket: The path of a Unix socket to listen at, instead of host and port. What is written to one can be
            read at once, so a test's clock may jump over waiting without losing an answer on its way.
        ssl: Makes it speak https, with the certificate that this context holds; None for plain http.
        gateway: What stands before it, and refuses calls by HTTP status; None for nothing.
        rate: Calls per second for every command; None leaves each its documented rate, ``math.inf`` allows all.
        rates: Other rates for single commands: calls per second by ``service/command``.
        window: Which accounting refuses calls: ``"sliding"``, ``"fixed"`` or ``"both"``.
        latency: Seconds of service time, uniform within 20 % around this middle. The effect comes at its end; calls
            that are refused get no service and are answered at once.
        jitter: Seconds; each call reaches the judge up to this much later than its bytes came.
        connect_delay: Seconds; the first call of a new connection reaches the judge that much later.
        attribute_names: The declared attributes, at most ten; None accepts any name.
        reimport_after: Seconds for which a deleted UserID cannot be imported again (70399; three months by the newest
            page of ``account_delete``, none by the older ones, which is the default).
        status_field: How the reply to query_online_status spells a status: ``Status``, or the older ``State``.
        faults: What goes wrong; can be changed at any time.
        keep_books: Whether to record what was really done to whom (see ``books``).
        seed: Makes order, jitter and service times repeatable.
        now: The wall clock, Unix seconds; signatures are judged by it.
        clock: The monotonic clock, seconds; arrivals are judged by it.

    Raises:
        ValueError: A negative time, a rate that is not positive, more than ten attribute names.
    """

    def __init__(
        self,
        *,
        sdk_app_id: int = 1400000000,
        secret_key: str = DEMO_KEY,
        admins: Collection[str] = ("administrator",),
        host: str = "127.0.0.1",
        port: int = 0,
        unix_socket: str | None = None,
        ssl: SSLContext | None = None,
        gateway: Gateway | None = None,
        rate: float | None = None,
        rates: Mapping[str, float] | None = None,
        window: Window = "both",
        latency: float = 0.0,
        jitter: float = 0.0,
        connect_delay: float = 0.0,
        attribute_names: Collection[str] | None = None,
        reimport_after: float = 0.0,
        status_field: str = "Status",
        faults: Faults | None = None,
        keep_books: bool = True,
        seed: int | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        gate = Gate(sdk_app_id=sdk_app_id, secret_key=secret_key, admins=admins)
        del secret_key  # before anything can raise: error trackers send the locals of every frame
        times = {"latency": latency, "jitter": jitter, "connect_delay": connect_delay, "reimport_after": reimport_after}
        for name, seconds in times.items():
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} is a number of seconds, not {seconds!r}")
        self.sdk_app_id = sdk_app_id
        self._rng = random.Random(seed)
        self._service = Service(
            gate=gate,
            traffic=Traffic(rate, rates or {}, window),
            store=Store(
                attribute_names=attribute_names,
                reimport_after=reimport_after,
                now=now,
                status_field=status_field,
                admins=admins,
            ),
            books=Books(kept=keep_books),
            faults=faults or Faults(),
            rng=self._rng,
            now=now,
        )
        self._host, self._port, self._ssl = host, port, ssl
        self._unix_socket = unix_socket
        self._gateway = gateway
        self._latency, self._jitter, self._connect_delay = latency, jitter, connect_delay
        self._clock = clock
        self._sockets: Sockets | None = None

    def __repr__(self) -> str:
        if not hasattr(self, "_sockets"):
            return "<Emulator, not complete>"  # whose constructor raised, as error trackers show it
        where = "closed" if self._sockets is None else self.url
        return f"<Emulator {where}, app {self.sdk_app_id}, {len(self.accounts)} accounts>"

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:8080``; https if it was given an SSL context.

        Raises:
            RuntimeError: It isn't listening.
        """
        if self._sockets is None:
            raise RuntimeError("the emulator has no address until it is entered: async with Emulator() as emulator")
        scheme = "http" if self._ssl is None else "https"
        if self._unix_socket is not None:
            return f"{scheme}://localhost"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self._port}"

    @property
    def accounts(self) -> Accounts:
        """The imported accounts by their id: look at them, change them, or add some with ``accounts.add("Mary")``."""
        return self._service.store.accounts

    def arrivals(self, path: str) -> list[Arrival]:
        """The calls of one command as the judge saw them, the refused ones among them.

        Args:
            path: ``service/command``, such as ``"timpush/get_tag"``.

        Returns:
            Pairs of time (seconds on the monotonic clock) and refused, in the order of arrival.
        """
        return self._service.traffic.arrivals(path)

    def statistics(self) -> dict[str, PathStatistics]:
        """The sums of each command that was called, by ``service/command``."""
        return self._service.traffic.statistics()

    @property
    def faults(self) -> Faults:
        """What goes wrong; set it to change it: ``emulator.faults = Faults({"reset_after": 0.02}, seed=1)``.

        Setting it releases what the faults before it held.
        """
        return self._service.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._service.faults = faults

    def script(self, command: str | Scriptable, do: Kind, *, call: int | None = 1, **options: Unpack[Options]) -> None:
        """Make something go wrong with a command, in addition to what goes wrong already.

        ``emulator.script(tim.accounts.delete, "hang")`` makes the next deletion hang; see `Fault` for what there is.

        Args:
            command: An operation of a client, or ``service/command``.
            do: What happens.
            call: The first call of the command to strike: 1 is the next one. None strikes each.
            **options: ``times``, ``chance``, ``seconds``, ``applied``, ``code``, ``accounts``; see `Fault`.

        Raises:
            TypeError: *command* is neither.
            ValueError: There is no such command, or the options make no sense together.
        """
        self.faults.add(on(path_of(command), do=do, call=call, **options))

    @property
    def books(self) -> Books:
        """What was really done to whom and when, whatever the caller was told."""
        return self._service.books

    def reset(self, *, keep_accounts: bool = False) -> None:
        """Start again: forget arrivals, books, locks and void signatures; faults stay, and are counted from zero.

        Args:
            keep_accounts: Leave the accounts as they are.
        """
        self._service.reset(keep_accounts=keep_accounts)

    def void_signatures(self) -> None:
        """Make all signatures made until now void: calls with them get 70052."""
        self._service.gate.end_signatures(70052, self._service.now())

    def expire_signatures(self) -> None:
        """Make all signatures made until now expire: calls with them get 70001."""
        self._service.gate.end_signatures(70001, self._service.now())

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: The address is taken.
            RuntimeError: It's listening already.
        """
        if self._sockets is not None:
            raise RuntimeError("the emulator is listening already")
        sockets = Sockets(self._handle, self._ssl, self._unix_socket)
        self._port = await sockets.listen(self._host, self._port)
        self._sockets = sockets
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening; calls that are being served get two seconds to finish."""
        sockets, self._sockets = self._sockets, None
        if sockets is not None:
            await sockets.close()

    async def _handle(self, sockets: Sockets, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError):
            return web.Response()  # the caller went away before the call had arrived
        path = request.path
        if path.startswith("/emulator/"):
            door = path.removeprefix("/emulator/")
            status, value = control.answer(self._service, request.method, door, request.query, body)
            return _json(msgspec.json.encode(value), status)
        if self._gateway is not None and not self._gateway.lets_through(self._clock()):
            return page(self._gateway.status, self._gateway.retry_after)
        await self._travel(sockets, request)
        command = COMMANDS.get(path.removeprefix("/v4/")) if path.startswith("/v4/") else None
        try:
            return await self._call(sockets, request, command, body)
        except Refusal as refusal:
            return _json(encode(base(refusal.code)))

    async def _travel(self, sockets: Sockets, request: web.BaseRequest) -> None:
        """The rest of a call's way to the judge, after its bytes came."""
        seconds = self._rng.uniform(0, self._jitter)
        if self._connect_delay and sockets.is_first(request):
            seconds += self._connect_delay
        if seconds:
            await asyncio.sleep(seconds)

    async def _call(
        self, sockets: Sockets, request: web.BaseRequest, command: Command | None, body: bytes
    ) -> web.StreamResponse:
        """From the judge to the answer."""
        if command is None:
            raise Refusal(60009)
        if request.method != "POST":
            raise Refusal(60002)
        service, faults, arrived = self._service, self._service.faults, self._clock()
        items = service.admit(command, request.query, body, arrived)
        fault, call = service.strike(command, items, arrived)
        reply = base()
        if fault is None or fault.does:
            if self._latency:
                await asyncio.sleep(self._latency * self._rng.uniform(1 - LATENCY_SPREAD, 1 + LATENCY_SPREAD))
            reply = service.tell(command, service.perform(command, call, self._clock()), fault)
        if fault is not None:
            code = service.whole_code(fault)
            reply = base(code) if code else reply
            if fault.do == "hold":
                await self._hold(sockets, request, fault, faults)
            elif fault.do in BREAKS:
                answer = await BREAKS[fault.do](sockets, request, fault, encode(reply))
                call.answered = fault.do == "slow_drip" and request.transport is not None
                return answer
        call.answered = request.transport is not None
        return _json(encode(reply))

    async def _hold(self, sockets: Sockets, request: web.BaseRequest, fault: Fault, faults: Faults) -> None:
        """Wait until other faults are set, or the caller has gone away, or the fault's time is over."""
        loop = asyncio.get_running_loop()

        def let_go() -> None:  # in the thread that sets other faults
            loop.call_soon_threadsafe(sockets.let_go, request.protocol)

        with faults.holding(let_go):
            if faults is self._service.faults:  # else they ended during the service
                await sockets.gone(request, fault.seconds)


async def serve(emulator: Emulator, listening: Callable[[str], object]) -> None:
    """Run an emulator until this task is cancelled.

    Args:
        emulator: What to run.
        listening: Called once with its url.

    Raises:
        OSError: The address is taken.
    """
    async with emulator:
        listening(emulator.url)
        await asyncio.Event().wait()
