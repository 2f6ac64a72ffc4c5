"""Commands without a list: one body, one call, one answer.

They go the way of every item, through a lane of their own, so they are signed, limited, judged and repeated like any
other call. The account of such an item is a name that no other one has: then no call waits for another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec

from tim_async.errors import APIError, ConnectError, RequestError, TIMError
from tim_async.lane.verdicts import error_for
from tim_async.outcomes import Failure, NotSent, bare
from tim_async.service.checks import MOST_VALUE_BYTES
from tim_async.service.codes import code
from tim_async.service.endpoints import any_command
from tim_async.service.endpoints.values import AttributeNames

from .command import Command, Host, Priority
from .naming import bound_name
from .streams import with_result

__all__ = ["AnyCommand", "GetNames", "PlainCommand", "SetNames", "check_path"]

V = TypeVar("V")

_PATH = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_]+")
_serial = count(1)


class PlainCommand(Command[V]):
    """A command that takes no accounts."""

    async def _call(
        self, body: Mapping[str, object], *, priority: Priority = "interactive", timeout: float | None
    ) -> V:
        """Make one call; raises what `Client.call` does."""
        if not isinstance(body, Mapping):
            raise TypeError(f"the body of a call must be a mapping, not {type(body).__name__}")
        # Encoded at once: the caller may change his own object while the call waits.
        encoded = msgspec.Raw(msgspec.json.encode(dict(body)))
        asked = self._ask(f"call {next(_serial)}", encoded, priority, timeout)
        try:
            value = await asked.waiter
        finally:
            asked.leave()
        if isinstance(value, Failure):
            raise self._error_of(value, asked.singles.error)
        return bare(value)

    def _error_of(self, failure: Failure, stopped_by: APIError | RequestError | None) -> TIMError:
        """The error of the call: its item's account means nothing to the caller."""
        path = self.endpoint.path
        if isinstance(stopped_by, RequestError):
            return with_result(stopped_by, None)
        if stopped_by is not None:
            error = type(stopped_by)(stopped_by.code, stopped_by.info, stopped_by.path)
        elif failure.code:
            error = error_for(code(failure.code), failure.info, path)
        else:
            return (ConnectError if failure.kind is NotSent else RequestError)(path, failure.reason)
        if failure.code == error.code:
            error.reply = failure.reply
        return error


class AnyCommand(PlainCommand[dict[str, Any]]):
    """Any command of the service, by its path."""

    def __init__(self, host: Host, path: str, *, repeat: bool) -> None:
        check_path(path)
        super().__init__(host, any_command(path, repeatable=repeat))

    async def __call__(
        self, body: Mapping[str, object], *, priority: Priority, timeout: float | None
    ) -> dict[str, Any]:
        """Make one call; see `Client.call`."""
        return await self._call(body, priority=priority, timeout=timeout)


def check_path(path: object) -> None:
    """Refuse what is not a ``service/command``: a `TypeError` if it is not a str, and else a `ValueError`."""
    if not isinstance(path, str):
        raise TypeError(f"path must be a str, not {type(path).__name__}")
    if not _PATH.fullmatch(path):
        raise ValueError(f"path must be service/command, for example openim/sendmsg, not {path!r}")


class SetNames(PlainCommand[None]):
    """Declares the names of the app's attributes."""

    async def __call__(
        self,
        names: Mapping[str, str] | Mapping[int, str],
        types: Mapping[str, int] | Mapping[int, int] | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Declare the names of attributes; those of the slots that are not mentioned stay.

        Args:
            names: slot (0 to 9) -> name, at most 50 bytes.
            types: slot -> 0 for UserIDs, 1 for RegistrationIDs; cannot be changed later. `timpush` only.
            timeout: seconds until the answer.

        Raises:
            TypeError: a name is not a str.
            ValueError: there is no such slot or type, no name is given, or one is empty or too long.
            APIError: the service said no.
            RequestError: no trustworthy answer came; ``.may_have_happened`` says whether it may have been applied.
            ClientClosed: the client has been closed.
        """
        body: dict[str, object] = {
            "AttrNames": {_slot(slot): bound_name("a name", name, MOST_VALUE_BYTES) for slot, name in names.items()}
        }
        if not names:
            raise ValueError("no name is given")
        if types is not None:
            body["AttrTypes"] = {_slot(slot): _account_type(kind) for slot, kind in types.items()}
        await self._call(body, timeout=timeout)


def _slot(slot: str | int) -> str:
    text = str(slot)
    if isinstance(slot, bool) or text not in "0123456789" or len(text) != 1:
        raise ValueError(f"a slot is a number from 0 to 9, not {slot!r}")
    return text


def _account_type(kind: int) -> int:
    if isinstance(kind, bool) or kind not in (0, 1):
        raise ValueError(f"a type is 0 (UserID) or 1 (RegistrationID), not {kind!r}")
    return kind


class GetNames(PlainCommand[AttributeNames]):
    """Reads the names of the app's attributes."""

    async def __call__(self, *, timeout: float | None = None) -> AttributeNames:
        """Read the names of the app's attributes.

        Args:
            timeout: seconds until the answer.

        Returns:
            Names and types by slot.

        Raises:
            APIError: the service said no.
            RequestError: no trustworthy answer came.
            ClientClosed: the client has been closed.
        """
        return await self._call({}, timeout=timeout)
