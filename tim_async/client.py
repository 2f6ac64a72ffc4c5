"""The client: opens and closes what it owns, and holds the groups of operations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self

from .dispatch.dispatcher import Dispatcher
from .dispatch.events import Hook
from .errors import ClientClosed
from .lane.statistics import LaneStatistics, read_alarm
from .limits.local import Limiter, local_limiter
from .limits.rates import ALARM_SECONDS, Rates, check_limit
from .operations.command import Priority
from .operations.dispatchers import Dispatchers, running_loop
from .operations.groups import Accounts, AllMemberPush, BlockList, Friends, Groups, PresenceGroup, Profiles, Push
from .operations.plain import AnyCommand, check_path
from .printable import shown, sturdy
from .service.keys import Key, sealed
from .service.settings import VARIABLES, check_counts, number
from .service.usersig import Signer
from .transport.hosts import hosts_of, read_proxy
from .transport.post import REPLY_BYTES, Transport, check_session, closing_at_the_end

if TYPE_CHECKING:
    from ssl import SSLContext

    import aiohttp

    from .service.endpoints import Endpoint

__all__ = ["Client"]


class Client:
    """A client of one app of Tencent Cloud Chat.

    It can be made before the event loop runs. It opens with ``async with`` or with the first call, and from then on
    belongs to that loop.

    Args:
        sdk_app_id: the app's SDKAppID.
        secret_key: the app's secret key, from the console. It is not kept: only a keyed HMAC of it is, which may be
            given instead (`tim_async.service.keys.keyed`).
        identifier: an administrator account of the app.
        region: where the app lives; one of `REGIONS`.
        base_url: ``scheme://host[:port]`` instead of the region's domains; plain http only for this machine.
        session: an `aiohttp.ClientSession` to use; it is not closed. None: the client has its own.
        proxy: ``http://[user:password@]host[:port]``, or https, through which every call goes; with *session* too.
        ssl: an `ssl.SSLContext` that verifies the service's certificate, such as one with a company's own authority;
            with *session* too. None: that of the session, or the system's.
        limits: path -> calls a second (``timpush/batch``: accounts), where it differs from the service's default.
        limiter: shared by all clients under the same limit. Left out: the one of this process. None: no limit at all.
        max_in_flight: the most calls of one command that may be unanswered at once.
        attempts: how often an item is tried before the client gives up, counting the first time.
        call_timeout: seconds for one call, to the last byte of its answer; the service itself gives up after 3.
        max_reply_bytes: the length of the longest answer that is read; a longer one counts as no answer.
        close_timeout: seconds that `aclose` may take.
        linger: seconds that a call with room waits for more items. 0: an idle client sends at once.
        hooks: called with a `CallEvent` after every call, a `Watcher` with every event; they must return quickly and
            must not raise. For OpenTelemetry and Prometheus see `tim_async.otel` and `tim_async.prometheus`.

    Raises:
        TypeError: *session*, *base_url*, *ssl* or one of *hooks* has the wrong type.
        ValueError: an argument is impossible, such as a negative time; the message says which and why in one line.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _closing: asyncio.Task[None] | None = None
    _closed = False

    def __init__(
        self,
        *,
        sdk_app_id: int,
        secret_key: str | Key,
        identifier: str = "administrator",
        region: str = "china",
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: SSLContext | None = None,
        limits: Mapping[str, float] | None = None,
        limiter: Limiter | EllipsisType | None = ...,
        max_in_flight: int = 128,
        attempts: int = 6,
        call_timeout: float = 10.0,
        max_reply_bytes: int = REPLY_BYTES,
        close_timeout: float = 10.0,
        linger: float = 0.0,
        hooks: Sequence[Hook] = (),
    ) -> None:
        # First, and let go of at once: error trackers send the variables of every frame where something is raised.
        seal = sealed(secret_key)
        del secret_key
        through, problem = read_proxy(proxy)
        del proxy
        hosts = hosts_of(region, base_url, through, problem)
        check_session(session, ssl)
        self._rates = Rates(limits or {})
        check_counts(
            sdk_app_id=sdk_app_id, max_in_flight=max_in_flight, attempts=attempts, max_reply_bytes=max_reply_bytes
        )
        check_limit("call_timeout", call_timeout)
        for name, seconds in (("close_timeout", close_timeout), ("linger", linger)):
            if seconds != 0:
                check_limit(name, seconds)
        self.sdk_app_id = sdk_app_id
        self.max_in_flight = max_in_flight
        self._limiter = limiter
        self._close_timeout = close_timeout
        self._transport = Transport(
            Signer(sdk_app_id, seal, identifier),
            hosts,
            call_timeout=call_timeout,
            session=session,
            proxy=through,
            ssl=ssl,
            max_reply_bytes=max_reply_bytes,
        )
        self._dispatchers = Dispatchers(
            self._transport,
            self._rates,
            sdk_app_id=sdk_app_id,
            max_in_flight=max_in_flight,
            attempts=attempts,
            linger=linger,
            hooks=hooks,
        )
        self._ends_with_loop = closing_at_the_end(self._transport)
        self._add_groups(identifier)

    def _add_groups(self, identifier: str) -> None:
        self.accounts = Accounts(self)
        """Import, check and delete accounts."""
        self.push = Push(self, identifier)
        """The push service: messages, attributes and tags."""
        self.all_member_push = AllMemberPush(self)
        """Attributes and tags in the older push service, under its own paths."""
        self.presence = PresenceGroup(self)
        """Who is online."""
        self.profiles = Profiles(self)
        """Profiles of accounts."""
        self.friends = Friends(self)
        """Friends, account by account."""
        self.block_list = BlockList(self)
        """Block lists, account by account."""
        self.groups = Groups(self)
        """Members of groups, group by group."""

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """A client made from the environment.

        ``TIM_SDK_APP_ID`` and ``TIM_SECRET_KEY`` are needed; ``TIM_IDENTIFIER``, ``TIM_REGION`` and ``TIM_BASE_URL``
        may be set.

        Args:
            **options: what the constructor takes; they take precedence over the environment.

        Raises:
            ValueError: a variable is missing or makes no sense.
        """
        if "secret_key" in options or os.environ.get("TIM_SECRET_KEY"):
            # Before anything can raise, and never as a local.
            options["secret_key"] = sealed(options.get("secret_key", os.environ.get("TIM_SECRET_KEY")))
        for name, variable in VARIABLES.items():
            if os.environ.get(variable):
                options.setdefault(name, os.environ[variable])
            elif name in ("sdk_app_id", "secret_key") and name not in options:
                raise ValueError(f"{variable} is not set in the environment")
        return cls(sdk_app_id=number("TIM_SDK_APP_ID", options.pop("sdk_app_id")), **options)

    @sturdy
    def __repr__(self) -> str:
        state = "closed" if self._closed else "closing" if self._closing else "open" if self._loop else "not opened"
        return f"<Client of app {self.sdk_app_id}: {state}>"

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.aclose()

    def _open(self) -> None:
        if self._closing is not None or self._closed:
            raise ClientClosed
        loop = running_loop()
        if self._loop is None:
            # What a session sets up for good does not belong to who happened to open it.
            Context().run(self._transport.open)
            self._loop = loop
            # Up to its yield, where it waits for nothing: from now on the loop knows it.
            with suppress(StopIteration):
                self._ends_with_loop.asend(None).send(None)
            if isinstance(self._limiter, EllipsisType):
                self._limiter = local_limiter()
            self._dispatchers.listen_to(self._limiter)
        elif self._loop is not loop:
            raise RuntimeError("this client belongs to another event loop; make one client for each loop")

    async def call(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        repeat: bool = False,
        priority: Priority = "interactive",
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Call any command of the service: signed, limited and judged.

        Args:
            path: ``service/command``, for example ``openim/sendmsg``.
            body: what is sent as JSON.
            repeat: send it again when it is not known whether it was applied; only for what may be applied twice.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.

        Returns:
            The reply.

        Raises:
            TypeError: *body* is not a mapping, or cannot be written as JSON.
            ValueError: *path* is not a ``service/command``, or *priority* or *timeout* is impossible.
            APIError: the service said no; ``.reply`` is its whole reply.
            RequestError: no trustworthy answer came; ``.may_have_happened`` says whether it may have been applied.
            ClientClosed: the client has been closed.
        """
        return await AnyCommand(self, path, repeat=repeat)(body, priority=priority, timeout=timeout)

    def dispatcher(self, endpoint: Endpoint[Any, Any]) -> Dispatcher:
        """The one dispatcher of a command; opens the client (for the operations)."""
        if self._closing is not None or self._loop is not running_loop():
            self._open()
        dispatcher = self._dispatchers.get(endpoint.lane)
        if dispatcher is None:
            limiter = None if isinstance(self._limiter, EllipsisType) else self._limiter
            dispatcher = self._dispatchers.add(endpoint, limiter)
        return dispatcher

    def statistics(self) -> dict[str, LaneStatistics]:
        """The current numbers of each command that was used, by its path. Call it in the client's loop."""
        return {dispatcher.command.path: dispatcher.statistics() for dispatcher in self._dispatchers.values()}

    def set_limit(self, path: str, rate: float) -> None:
        """Change the limit of a command while the client runs, up or down, before its first use or after.

        The new limit applies at once, also to calls that are waiting. Calls made before count, so no second from now on
        sees more calls than the new limit. It also applies to the other clients that share this one's limiter, whatever
        they set before, until one of them sets another, one with a lower limit joins, or this client is closed; if this
        client has not used the command yet, from its first use on. It ends an alarm of the service for the command.

        Call it in the client's loop, once the client is open.

        Args:
            path: the command, ``service/command``; it need not be one that this library knows.
            rate: calls a second; for ``timpush/batch`` accounts a second, as in ``limits``.

        Raises:
            TypeError: *path* is not a str.
            ValueError: *path* is not a ``service/command``, or *rate* is not a positive number.
        """
        check_path(path)
        self._rates.tell(path, rate)
        for dispatcher in self._dispatchers.of_path(path):
            dispatcher.keep_pace(last_word=True)

    def over_limit_alarm(
        self,
        body: bytes | str | Mapping[str, object],
        *,
        sdk_app_id: int | str | None = None,
        seconds: float = ALARM_SECONDS,
    ) -> dict[str, object]:
        """Pass on the service's own alarm, which it posts to the app's callback URL at 80 % of a limit.

        For ten minutes the client keeps to the limit that the service names if it is lower than the one it knows, but
        never to less than a tenth of the latter; and for some seconds it lets a tenth fewer calls of that command
        through. https://trtc.io/document/60256 . Call it in the client's loop.

        Nothing in the body proves who sent it. Check that first: by a secret token in the callback URL, or by the
        sender's address; and pass the ``SdkAppid`` of the URL. The worst that a forged alarm can do is to slow a
        command down to a tenth until the alarm ends.

        Args:
            body: the body of the webhook ``Alert.RequestOverLimit``, as received or decoded.
            sdk_app_id: the ``SdkAppid`` of its URL, to compare with the client's.
            seconds: how long its limit applies. Another alarm prolongs it, `set_limit` ends it.

        Returns:
            What to answer, as JSON. Answer the same after a `ValueError`: the service would only send it again.

        Raises:
            ValueError: it is not such an alarm, or one for another app; the limits stay as they are.
        """
        check_limit("seconds", seconds)
        if sdk_app_id is not None and str(sdk_app_id) != str(self.sdk_app_id):
            whose = shown(str(sdk_app_id))
            raise ValueError(f"this alarm is for app {whose}, and this is a client of app {self.sdk_app_id}")
        alarm = read_alarm(body)
        now = running_loop().time()
        self._rates.alarm(alarm.path, alarm.limit, now + seconds, now)
        for dispatcher in self._dispatchers.of_path(alarm.path):
            dispatcher.told()
        return {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it ends (for the operations)."""
        self._dispatchers.sources.add(task)
        task.add_done_callback(self._dispatchers.sources.discard)

    async def aclose(self) -> None:
        """Close the client: calls in flight finish, what waits may be sent until ``close_timeout``, and nothing hangs.

        Nothing more is taken from any source. What is still open after that time ends `NotSent`, or `Unknown` if its
        call was in flight. It may be called more than once, and from any task of the loop.

        Raises:
            RuntimeError: the client belongs to another event loop.
        """
        if self._loop is None:
            self._closed = True
        if self._closed:
            return
        if self._loop is not running_loop():
            raise RuntimeError("this client belongs to another event loop; close it there")
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="tim_async close")
        # Shielded: if one of two closers is cancelled, the other one still sees the client closed.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await self._dispatchers.close(self._close_timeout)
        finally:
            self._closed = True
            await self._ends_with_loop.aclose()
