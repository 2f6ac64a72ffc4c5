"""Commands without a list: one body, one call, one answer.

They go the way of every item, through a lane of their own, so they are signed, limited, judged and repeated like any
other call. The account of such an item is a name that nobody else has: then no call waits for another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, TypeVar

import msgspec

from tim_async.errors import APIError, ConnectError, RequestError, TIMError
from tim_async.lane.verdicts import error_for
from tim_async.outcomes import Failure, NotSent, bare
from tim_async.service.checks import MOST_VALUE_BYTES
from tim_async.service.codes import code
from tim_async.service.endpoints import PUSH_REVOKE, PUSH_SEND, Endpoint, any_command
from tim_async.service.endpoints.values import AttributeNames

from .operation import Host, Operation, Priority
from .options import bound_name, custom_id, random_number, sender
from .streams import with_result

__all__ = ["Calls", "GetNames", "PlainOperation", "Revoke", "Send", "SetNames", "check_path"]

V = TypeVar("V")

_PATH = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_]+")
_serial = count(1)


class PlainOperation(Operation[V]):
    """A command that takes no accounts."""

    async def ask(
        self, body: Mapping[str, object], *, priority: Priority = "interactive", timeout: float | None = None
    ) -> V:
        """Make one call.

        Args:
            body: what is sent as JSON.
            priority: who goes first when the limit is reached.
            timeout: seconds until the answer.

        Returns:
            What the answer holds.

        Raises:
            TypeError: *body* is no mapping, or cannot be written as JSON.
            ValueError: *priority* or *timeout* is impossible.
            APIError: the service said no.
            RequestError: no trustworthy answer came; ``.may_have_happened`` tells whether it may have been applied.
            ClientClosed: the client has been closed.
        """
        if not isinstance(body, Mapping):
            raise TypeError(f"the body of a call must be a mapping, not {type(body).__name__}")
        # Encoded at once: the caller may go on with his own object while the call waits.
        encoded = msgspec.Raw(msgspec.json.encode(dict(body)))
        asked = self._ask(f"call {next(_serial)}", encoded, None, priority, timeout=timeout)
        try:
            value = await asked.waiter
        finally:
            asked.leave()
        if isinstance(value, Failure):
            raise self._error_of(value, asked.singles.error)
        return bare(value)

    def _error_of(self, failure: Failure, stopped_by: APIError | RequestError | None) -> TIMError:
        """Of the call, for nobody has heard of the account that its item has."""
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


class Calls:
    """Any command of the service, by its path."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._operations: dict[tuple[str, bool], PlainOperation[dict[str, Any]]] = {}

    def of(self, path: str, *, repeat: bool) -> PlainOperation[dict[str, Any]]:
        """The operation of a path.

        Args:
            path: ``service/command``, for example ``openim/sendmsg``.
            repeat: whether the call may be sent again where it is open whether it was applied.

        Raises:
            TypeError: *path* is no str.
            ValueError: *path* is no ``service/command``.
        """
        check_path(path)
        operation = self._operations.get((path, repeat))
        if operation is None:
            operation = PlainOperation(self._host, any_command(path, repeatable=repeat))
            self._operations[path, repeat] = operation
        return operation


def check_path(path: object) -> None:
    """Refuse what is no ``service/command``.

    Raises:
        TypeError: it is no str.
        ValueError: it is one, and nothing of the kind.
    """
    if not isinstance(path, str):
        raise TypeError(f"path must be a str, not {type(path).__name__}")
    if not _PATH.fullmatch(path):
        raise ValueError(f"path must be service/command, for example openim/sendmsg, not {path!r}")


class SetNames:
    """Declares the names of the app's attributes."""

    def __init__(self, host: Host, endpoint: Endpoint[Any, None]) -> None:
        self._operation = PlainOperation(host, endpoint)

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
            TypeError: a name is no str.
            ValueError: there is no such slot or type, no name is given, or one is empty or too long.
            TIMError: as `PlainOperation.ask`.
        """
        body: dict[str, object] = {
            "AttrNames": {_slot(slot): bound_name("a name", name, MOST_VALUE_BYTES) for slot, name in names.items()}
        }
        if not names:
            raise ValueError("no name is given")
        if types is not None:
            body["AttrTypes"] = {_slot(slot): _account_type(kind) for slot, kind in types.items()}
        await self._operation.ask(body, timeout=timeout)


def _slot(slot: str | int) -> str:
    text = str(slot)
    if isinstance(slot, bool) or text not in "0123456789" or len(text) != 1:
        raise ValueError(f"a slot is a number from 0 to 9, not {slot!r}")
    return text


def _account_type(kind: int) -> int:
    if isinstance(kind, bool) or kind not in (0, 1):
        raise ValueError(f"a type is 0 (UserID) or 1 (RegistrationID), not {kind!r}")
    return kind


class GetNames:
    """Reads the names of the app's attributes."""

    def __init__(self, host: Host, endpoint: Endpoint[Any, AttributeNames]) -> None:
        self._operation = PlainOperation(host, endpoint)

    async def __call__(self, *, timeout: float | None = None) -> AttributeNames:
        """Read the names of the app's attributes.

        Args:
            timeout: seconds until the answer.

        Returns:
            Names and types by slot.

        Raises:
            TIMError: as `PlainOperation.ask`.
        """
        return await self._operation.ask({}, timeout=timeout)


class Send:
    """``timpush/push``: one message to all users, or to those that a condition selects."""

    def __init__(self, host: Host, identifier: str) -> None:
        self._operation = PlainOperation(host, PUSH_SEND)
        self._identifier = identifier

    async def __call__(
        self,
        *,
        offline_push_info: Mapping[str, object] | None = None,
        message_body: Sequence[Mapping[str, object]] | None = None,
        tags_or: Sequence[str] = (),
        tags_and: Sequence[str] = (),
        tags_not: Sequence[str] = (),
        attrs_or: Mapping[str, str] | None = None,
        attrs_and: Mapping[str, str] | None = None,
        from_account: str | None = None,
        msg_random: int | None = None,
        message_lifetime: int | None = None,
        online_only: bool = False,
        data_id: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Push one message, once, to all users, or to those that the conditions select.

        The service allows one such call a second, and a number of them a day.

        Args:
            offline_push_info: ``OfflinePushInfo`` in the service's spelling, such as ``{"Title": ..., "Desc": ...}``.
            message_body: ``MsgBody``, a list of message elements; for apps that use the chat service.
            tags_or: users who have one of these tags, at most 10.
            tags_and: users who have all of these tags, at most 10.
            tags_not: users who have none of these tags, at most 10.
            attrs_or: users of whom one of these attributes is so.
            attrs_and: users of whom all of these attributes are so.
            from_account: the sender; None: the administrator who signs.
            msg_random: ``MsgRandom``, by which the service drops repeats within a second; None: chance.
            message_lifetime: seconds for which a message is kept for those who are offline, at most 604800.
            online_only: reach only those who are online, and keep nothing.
            data_id: handed to the app's webhooks, at most 64 bytes.
            timeout: seconds until the answer.

        Returns:
            The id of the push task.

        Raises:
            TypeError: something is not of its type, or cannot be written as JSON.
            ValueError: there is nothing to send, tags and attributes are mixed, or something is out of range.
            APIError: the service said no.
            RequestError: no trustworthy answer came. It is not sent again: it may have been pushed.
        """
        if offline_push_info is None and message_body is None:
            raise ValueError("there is nothing to send: offline_push_info or message_body is needed")
        tags = {"TagsOr": tags_or, "TagsAnd": tags_and, "TagsNot": tags_not}
        fields: dict[str, object] = {
            "From_Account": sender(from_account, self._identifier),
            "MsgRandom": random_number(msg_random),
            "Condition": _condition(tags, {"AttrsOr": attrs_or, "AttrsAnd": attrs_and}),
            "OfflinePushInfo": None if offline_push_info is None else dict(offline_push_info),
            "MsgBody": None if message_body is None else [dict(element) for element in message_body],
            "MsgLifeTime": _lifetime(message_lifetime),
            "OnlineOnlyFlag": 1 if online_only else None,
            "DataId": custom_id(data_id),
        }
        body = {name: value for name, value in fields.items() if value is not None}
        return await self._operation.ask(body, timeout=timeout)


def _condition(
    tags: Mapping[str, Sequence[str]], attributes: Mapping[str, Mapping[str, str] | None]
) -> dict[str, tuple[str, ...] | dict[str, str]] | None:
    """Who is meant; None means everybody.

    Raises:
        TypeError: a ``str`` is given for a list of tags.
        ValueError: tags and attributes are mixed, or there are too many tags.
    """
    for name, names in tags.items():
        if isinstance(names, str):
            raise TypeError(f"{name}: a list of tags is needed, not one str")
        if len(names) > 10:
            raise ValueError(f"{name}: {len(names)} tags are given, at most 10 are allowed")
    by_tags = {name: tuple(names) for name, names in tags.items() if names}
    by_attributes = {name: dict(values) for name, values in attributes.items() if values}
    if by_tags and by_attributes:
        raise ValueError("a condition is about tags or about attributes, not about both")
    return {**by_tags, **by_attributes} or None


def _lifetime(seconds: int | None) -> int | None:
    if seconds is not None and not 0 <= seconds <= 604_800:
        raise ValueError(f"message_lifetime must be between 0 and 604800 seconds, not {seconds}")
    return seconds


class Revoke:
    """``timpush/revoke``: stops a push task."""

    def __init__(self, host: Host) -> None:
        self._operation = PlainOperation(host, PUSH_REVOKE)

    async def __call__(
        self, task_id: str, *, offline_push_info: Mapping[str, object] | None = None, timeout: float | None = None
    ) -> None:
        """Stop a push task of the last 24 hours.

        Args:
            task_id: as `Send` gave it.
            offline_push_info: a message that covers the one that is shown already.
            timeout: seconds until the answer.

        Raises:
            TypeError: *task_id* is no str.
            ValueError: it is empty.
            TIMError: as `PlainOperation.ask`.
        """
        body: dict[str, object] = {"TaskId": bound_name("task_id", task_id, None)}
        if offline_push_info is not None:
            body["OfflinePushInfo"] = dict(offline_push_info)
        await self._operation.ask(body, timeout=timeout)
