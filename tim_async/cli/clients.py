"""What the command line needs of the client: one for a connection, and the operation of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tim_async.bulk.reading import InputError
from tim_async.client import Client

from .proxies import proxy_of
from .stopping import CLOSE_SECONDS
from .telling import tell

if TYPE_CHECKING:
    from tim_async.bulk.running import Operation
    from tim_async.service.endpoints import Endpoint

    from .options import Connection

__all__ = ["connect", "operation_of"]


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
