"""What the command line needs of the client: one for a connection or for a run, and the operation of a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tim_async.bulk.reading import InputError
from tim_async.client import Client

from .limiters import limiter_of
from .proxies import proxy_of
from .stopping import CLOSE_SECONDS
from .telling import tell

if TYPE_CHECKING:
    from tim_async.bulk.running import Operation
    from tim_async.dispatch.events import Hook
    from tim_async.service.endpoints import Endpoint

    from .options import Connection, Options

__all__ = ["connect", "operation_of", "paced"]


def connect(connection: Connection, *, told: bool = True, **more: Any) -> Client:
    """A client, not yet opened. A proxy that the environment names is told.

    Args:
        connection: whom to call.
        told: False, if it was told before.
        **more: what else `tim_async.Client` takes.

    Raises:
        InputError: an option is impossible.
    """
    proxy = proxy_of(connection)
    try:
        client = Client(
            sdk_app_id=connection.sdk_app_id,
            secret_key=connection.secret_key,
            identifier=connection.identifier,
            region=connection.region,
            base_url=connection.base_url,
            proxy=None if proxy is None else proxy.url,
            close_timeout=CLOSE_SECONDS,
            **more,
        )
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None
    if told and proxy is not None and proxy.variable:
        tell(f"tim-async: calls go through the proxy {proxy} ({proxy.variable})")
    return client


def paced(options: Options, endpoint: Endpoint[Any, Any], hooks: Iterable[Hook], opened: AsyncExitStack) -> Client:
    """The client of a run, with the speed and the shared limit that were asked for; not yet opened.

    Args:
        options: what was asked for.
        endpoint: the command.
        hooks: who watches it.
        opened: closes a shared limiter, after the client.

    Raises:
        InputError: an option is impossible.
    """
    speed, more = options.speed, dict[str, Any]()
    if speed.rate is not None:
        more["limits"] = {endpoint.path: speed.rate}
    if (limiter := limiter_of(speed, opened)) is not None:
        more["limiter"] = limiter
    return connect(options.connection, told=False, hooks=[*hooks], **more)


def operation_of(client: Client, endpoint: Endpoint[Any, Any], shared: Mapping[str, Any] | None = None) -> Operation:
    """The client's operation for a row.

    Args:
        client: whose.
        endpoint: the row.
        shared: what all items of a call share: arguments of the group's ``of`` or ``select``, or of the method's
            ``of`` or ``which``.

    Raises:
        InputError: something shared is impossible.
    """
    group, options = getattr(client, endpoint.group), dict(shared or {})
    try:
        if hasattr(group, "of"):
            group, options = group.of(**options), {}
        elif "tags" in options:
            group = group.select(*options.pop("tags"))
        operation = getattr(group, endpoint.method)
        bind = getattr(operation, "of", None) or getattr(operation, "which", None)
        found: Operation = operation if bind is None else bind(**options)
    except (TypeError, ValueError) as exc:
        raise InputError(str(exc)) from None
    return found
