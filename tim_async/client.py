"""The client: opens and closes what it owns, and holds the groups of operations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import endpoints
from .dispatch import Dispatcher, Hook
from .errors import APIError, ClientClosed
from .lane import Lane
from .limits import Command, Limiter, local_limiter
from .operations import AccountsOperation, Host, PairsOperation
from .transport import REGIONS, Hosts, Transport, check_base_url
from .usersig import Signer
from .waiting import Health

if TYPE_CHECKING:
    import aiohttp

    from .endpoints import Endpoint

__all__ = ["Accounts", "AllMemberPush", "Client", "Push"]


class Accounts:
    """Accounts of the app: https://trtc.io/document/34953."""

    def __init__(self, host: Host) -> None:
        self.delete: AccountsOperation[None] = AccountsOperation(host, endpoints.ACCOUNTS_DELETE)
        """Delete accounts with all their data: https://trtc.io/document/34955."""


class Push:
    """The push service: https://trtc.io/document/60561."""

    def __init__(self, host: Host) -> None:
        self.set_attributes: PairsOperation[Mapping[str, str], None] = PairsOperation(
            host, endpoints.PUSH_SET_ATTRIBUTES
        )
        """Set attributes, account -> {name: value}: https://trtc.io/document/60565."""
        self.get_tags: AccountsOperation[tuple[str, ...]] = AccountsOperation(host, endpoints.PUSH_GET_TAGS)
        """Read tags: https://trtc.io/document/67820."""


class AllMemberPush:
    """The older push service: https://www.tencentcloud.com/document/product/1047/37166."""

    def __init__(self, host: Host) -> None:
        self.get_attributes: AccountsOperation[dict[str, str]] = AccountsOperation(
            host, endpoints.ALL_MEMBER_GET_ATTRIBUTES
        )
        """Read attributes: https://www.tencentcloud.com/document/product/1047/37169."""
        self.remove_attributes: PairsOperation[Sequence[str], None] = PairsOperation(
            host, endpoints.ALL_MEMBER_REMOVE_ATTRIBUTES
        )
        """Remove attributes, account -> names: https://www.tencentcloud.com/document/product/1047/37171."""


class Client:
    """A client of one app of Tencent Cloud Chat.

    It can be made before the event loop runs. It opens with ``async with`` or with the first call, and belongs from
    then on to that loop.

    Args:
        sdk_app_id: the app's SDKAppID.
        secret_key: the app's secret key, from the console. It is not kept: only a keyed HMAC of it is.
        identifier: an administrator account of the app.
        region: where the app lives; one of `REGIONS`.
        base_url: ``scheme://host[:port]`` instead of the region's domains; plain http only for this machine.
        session: an `aiohttp.ClientSession` to use; it is not closed. None: the client has its own.
        limits: path -> calls a second, where it differs from the service's default.
        limiter: shared by whoever draws on the same limit. Left out: the one of this event loop. None: no limit at all.
        max_in_flight: most calls of one command that are unanswered at once.
        attempts: how often an item is tried before it is given up, counting the first time.
        call_timeout: seconds for one call; the service itself gives up after 3.
        close_timeout: seconds that `aclose` may take.
        linger: seconds that a call with room waits for more items. 0: an idle client sends at once.
        hooks: called with a `CallEvent` after every call; they must return quickly and must not raise.

    Raises:
        ValueError: an argument is impossible; one line says which and why.
    """

    def __init__(
        self,
        *,
        sdk_app_id: int,
        secret_key: str,
        identifier: str = "administrator",
        region: str = "china",
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        limits: Mapping[str, float] | None = None,
        limiter: Limiter | EllipsisType | None = ...,
        max_in_flight: int = 128,
        attempts: int = 6,
        call_timeout: float = 10.0,
        close_timeout: float = 10.0,
        linger: float = 0.0,
        hooks: Sequence[Hook] = (),
    ) -> None:
        self._limits = dict(limits or {})
        for path, rate in self._limits.items():
            _check_positive(f"the limit of {path}", rate)
        _check_positive("max_in_flight", max_in_flight)
        _check_positive("attempts", attempts)
        _check_positive("call_timeout", call_timeout)
        if close_timeout < 0 or linger < 0:
            raise ValueError("close_timeout and linger must not be negative")
        self.sdk_app_id = sdk_app_id
        self.max_in_flight = max_in_flight
        self._limiter = limiter
        self._attempts = attempts
        self._close_timeout = close_timeout
        self._linger = linger
        self._hooks = tuple(hooks)
        signer = Signer(sdk_app_id, secret_key, identifier)
        self._transport = Transport(signer, _hosts(region, base_url), call_timeout=call_timeout, session=session)
        self._health = Health()
        self._dispatchers: dict[str, Dispatcher] = {}
        self._held: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closed = False
        self.accounts = Accounts(self)
        """Delete accounts."""
        self.push = Push(self)
        """Attributes and tags of the push service."""
        self.all_member_push = AllMemberPush(self)
        """The same in the older push service, under its own paths."""

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """A client made from the environment.

        ``TIM_SDK_APP_ID`` and ``TIM_SECRET_KEY`` are needed; ``TIM_IDENTIFIER``, ``TIM_REGION`` and ``TIM_BASE_URL`` may
        be set.

        Args:
            **options: what the constructor takes; they go before the environment.

        Raises:
            ValueError: a variable is missing or makes no sense.
        """
        for name, key in (
            ("sdk_app_id", "TIM_SDK_APP_ID"),
            ("secret_key", "TIM_SECRET_KEY"),
            ("identifier", "TIM_IDENTIFIER"),
            ("region", "TIM_REGION"),
            ("base_url", "TIM_BASE_URL"),
        ):
            if os.environ.get(key):
                options.setdefault(name, os.environ[key])
            elif name in ("sdk_app_id", "secret_key") and name not in options:
                raise ValueError(f"{key} is not set in the environment")
        try:
            options["sdk_app_id"] = int(options["sdk_app_id"])
        except ValueError:
            raise ValueError(f"TIM_SDK_APP_ID must be a number, not {options['sdk_app_id']!r}") from None
        return cls(**options)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "closing" if self._closing else "open" if self._loop else "not opened"
        return f"<Client of app {self.sdk_app_id}: {state}>"

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _open(self) -> None:
        if self._closing is not None or self._closed:
            raise ClientClosed
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            self._transport.open()
            if isinstance(self._limiter, EllipsisType):
                self._limiter = local_limiter()
        elif self._loop is not loop:
            raise RuntimeError("this client belongs to another event loop; make one client for each loop")

    def dispatcher(self, endpoint: Endpoint[Any, Any]) -> Dispatcher:
        """The one dispatcher of a command; opens the client (for the operations).

        Raises:
            ClientClosed: the client has been closed.
            RuntimeError: it belongs to another event loop.
        """
        self._open()
        dispatcher = self._dispatchers.get(endpoint.path)
        if dispatcher is None:
            rate = self._limits.get(endpoint.path, endpoint.rate)
            limiter = None if isinstance(self._limiter, EllipsisType) else self._limiter
            dispatcher = self._dispatchers[endpoint.path] = Dispatcher(
                Lane(endpoint, self._health, attempts=self._attempts, linger=self._linger),
                self._transport,
                limiter,
                Command(self.sdk_app_id, endpoint.path, rate),
                max_in_flight=self.max_in_flight,
                hooks=self._hooks,
                stop_all=self._stop_all,
                wake_all=self._wake_all,
            )
        return dispatcher

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it ends (for the operations)."""
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    def _stop_all(self, error: APIError) -> None:
        now = asyncio.get_running_loop().time()
        for dispatcher in self._dispatchers.values():
            dispatcher.lane.stop_all(error, now)

    def _wake_all(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()

    async def aclose(self) -> None:
        """Close the client: calls in flight finish, what waits gets until the close timeout, and nothing hangs.

        Nothing more is taken from any source. What is still open when the time is over ends `NotSent`, or `Unknown`
        where its call was in flight. It may be called twice, and from any task of the loop.

        Raises:
            RuntimeError: the client belongs to another event loop.
        """
        if self._loop is None:
            self._closed = True
        if self._closed:
            return
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("this client belongs to another event loop; close it there")
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="tim_async close")
        # Shielded: if one of two closers is cancelled, the other one still sees the client closed.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._close_timeout
        lanes = [dispatcher.lane for dispatcher in self._dispatchers.values()]
        for lane in lanes:
            lane.cut(loop.time())
        while (tasks := self._tasks()) and loop.time() < deadline:
            await asyncio.wait(tasks, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes:
            for feed in list(lane.feeds):
                lane.stop(feed, "the client was closed before it was sent", loop.time())
        while tasks := self._tasks():
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            # The last callbacks of these tasks have yet to run: they settle what was cut short.
            await asyncio.sleep(0)
        await self._transport.close()
        self._closed = True

    def _tasks(self) -> set[asyncio.Task[Any]]:
        tasks: set[asyncio.Task[Any]] = set(self._held)
        for dispatcher in self._dispatchers.values():
            tasks |= dispatcher.tasks
        return tasks


def _check_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{name} must be a positive number, not {value!r}")


def _hosts(region: str, base_url: str | None) -> Hosts:
    if base_url is not None:
        return Hosts(check_base_url(base_url))
    if region not in REGIONS:
        raise ValueError(f"region must be one of {', '.join(REGIONS)}, not {region!r}")
    return Hosts(*(f"https://{domain}" for domain in REGIONS[region]))
