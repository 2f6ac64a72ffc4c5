"""A command of the service as one asks for it once: what single requests and plain calls have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from tim_async.errors import AccountError
from tim_async.lane.items import PRIORITIES
from tim_async.outcomes import Assumed, Failure, NotSent, Unknown
from tim_async.printable import sturdy
from tim_async.service.checks import Problems, check_account, prepare

from .single import Single

if TYPE_CHECKING:
    from tim_async.dispatch.dispatcher import Dispatcher
    from tim_async.service.endpoints import Endpoint

__all__ = ["Command", "Host", "Priority", "check_seconds", "level_of"]

V = TypeVar("V")
Priority: TypeAlias = Literal["interactive", "normal", "bulk"]


class Host(Protocol):
    """What an operation needs of its client."""

    max_in_flight: int
    sdk_app_id: int

    def dispatcher(self, endpoint: Endpoint[Any, Any]) -> Dispatcher:
        """The one dispatcher of a command; opens the client."""
        ...

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it ends, and end it when the client closes."""
        ...


def level_of(priority: str) -> int:
    """The urgency of a priority's name; raises `ValueError` if there is no such priority."""
    if priority not in PRIORITIES:
        raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
    return PRIORITIES[priority]


def check_seconds(name: str, seconds: float | None) -> None:
    """Raises a `TypeError` if *seconds* is not a number, and a `ValueError` if it is negative or NaN."""
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError(f"{name} must not be negative: {seconds}")


class Command(Generic[V]):
    """A row of the table, and what all items of a call share: the row's options, by their names."""

    def __init__(self, host: Host, endpoint: Endpoint[Any, V], **shared: Hashable) -> None:
        self._host = host
        self.endpoint = endpoint
        self._options = tuple(shared[name] for name in endpoint.options) or None
        self._pairs = endpoint.prepare is not None

    @sturdy
    def __repr__(self) -> str:
        return f"<{self.endpoint.group}.{self.endpoint.method}: {self.endpoint.path}>"

    @property
    def options(self) -> Mapping[str, Hashable]:
        """What all items of a call share, by the names of the row's ``options``."""
        return dict(zip(self.endpoint.options, self._options or (), strict=True))

    @property
    def sdk_app_id(self) -> int:
        """The app of its client."""
        return self._host.sdk_app_id

    def _ask(
        self,
        account: Any,
        argument: Any,
        priority: Priority,
        timeout: float | None,
        *,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> Single[V]:
        """A single request that waits from now on."""
        level = level_of(priority)
        timed = timeout is not None or max_wait is not None
        if timed:
            check_seconds("timeout", timeout)
            check_seconds("max_wait", max_wait)
        dispatcher = self._host.dispatcher(self.endpoint)
        if max_wait is not None and (ahead := dispatcher.wait_ahead(level)) > max_wait:
            reason = f"about {ahead:.2f} s of waiting are ahead, more than max_wait allows"
            kind, final = (Unknown, not self.endpoint.repeatable) if maybe_sent else (NotSent, False)
            raise AccountError(kind(0, str(account), None, "", reason, final))
        account, argument = self._prepared(account, argument)
        singles = dispatcher.lane.singles(level, self._options, patient=timeout is not None, maybe_sent=maybe_sent)
        waiter: asyncio.Future[V | Failure | Assumed] = asyncio.get_running_loop().create_future()
        dispatcher.ask(singles, waiter, account, argument)
        asked = Single(dispatcher, singles, waiter, account, self._pairs)
        if timed:
            asked.end_after(timeout, max_wait)
        return asked

    def _prepared(self, account: Any, argument: Any) -> tuple[str, Any]:
        """A single item, checked and copied; raises `AccountError` if it cannot be sent."""
        endpoint = self.endpoint
        account, problem = check_account(account, endpoint.account_bytes, endpoint.account_code)
        if endpoint.prepare is not None and problem is None:
            problems: Problems = {}
            (argument,) = prepare(endpoint.prepare, [argument], problems)
            problem = problems.get(0)
        if problem is not None:
            raise AccountError(NotSent(0, account, problem.code, "", problem.reason, final=True))
        return account, argument
