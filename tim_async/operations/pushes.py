"""Messages of the push service: to all users, to some by a condition, to a list; and how to stop one."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence

import msgspec

from tim_async.printable import sturdy
from tim_async.results import BatchResult
from tim_async.service.endpoints import PUSH_REVOKE, PUSH_SEND, PUSH_SEND_TO

from .command import Host, Priority
from .naming import bound_name, custom_id, number_up_to, random_number
from .operation import AccountsOperation
from .plain import PlainCommand

__all__ = ["Revoke", "Send", "SendTo"]


class SendTo:
    """``timpush/batch``: pushes one message to a list of accounts."""

    def __init__(self, host: Host, identifier: str) -> None:
        self.endpoint = PUSH_SEND_TO
        self._host = host
        self._identifier = identifier

    @sturdy
    def __repr__(self) -> str:
        return f"<{self.endpoint.group}.{self.endpoint.method}: {self.endpoint.path}>"

    def of(
        self,
        *,
        offline_push_info: Mapping[str, object],
        from_account: str | None = None,
        msg_random: int | None = None,
        data_id: str | None = None,
    ) -> AccountsOperation[str]:
        """The operation that pushes one message.

        Args:
            offline_push_info: ``OfflinePushInfo`` in the service's spelling, such as ``{"Title": ..., "Desc": ...}``.
            from_account: the sender; None: the administrator who signs.
            msg_random: where the ``MsgRandom`` of each call comes from, 0 to 4294967295; None: a random one.
            data_id: passed to the app's webhooks, at most 64 bytes.

        Returns:
            An operation whose value is the id of the push task. A call holds up to 500 accounts; each call is a task.

        Raises:
            TypeError: an argument has the wrong type, or cannot be written as JSON.
            ValueError: an argument is too long or out of range.
        """
        return AccountsOperation(
            self._host,
            self.endpoint,
            from_account=_sender(from_account, self._identifier),
            msg_random=random_number(msg_random),
            offline_push_info=msgspec.json.encode(dict(offline_push_info)),
            data_id=custom_id(data_id),
        )

    async def __call__(
        self,
        batch: Iterable[str] | AsyncIterable[str],
        *,
        offline_push_info: Mapping[str, object],
        from_account: str | None = None,
        msg_random: int | None = None,
        data_id: str | None = None,
        priority: Priority = "normal",
        timeout: float | None = None,
        maybe_sent: bool = False,
    ) -> BatchResult[str]:
        """Push one message to every account of a batch, once.

        An account whose answer was lost ends `Unknown`, and gets no second push.

        Args:
            batch: accounts, any number of them; RegistrationIDs too.
            offline_push_info: see `of`.
            from_account: see `of`.
            msg_random: see `of`.
            data_id: see `of`.
            priority: as for every operation.
            timeout: seconds for the whole batch.
            maybe_sent: as for every operation: nothing is sent, and each account is `Unknown`.

        Returns:
            One outcome for every account, in the order of the batch; its value is the id of the push task.

        Raises:
            Exception: what `of` raises, and every operation.
        """
        operation = self.of(
            offline_push_info=offline_push_info, from_account=from_account, msg_random=msg_random, data_id=data_id
        )
        return await operation(batch, priority=priority, timeout=timeout, maybe_sent=maybe_sent)


class Send(PlainCommand[str]):
    """``timpush/push``: one message to all users, or to those that a condition selects."""

    def __init__(self, host: Host, identifier: str) -> None:
        super().__init__(host, PUSH_SEND)
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
            attrs_or: users who have one of these attributes.
            attrs_and: users who have all of these attributes.
            from_account: the sender; None: the administrator who signs.
            msg_random: ``MsgRandom``, by which the service drops repeats within a second; None: a random one.
            message_lifetime: seconds for which a message is kept for those who are offline, at most 604800.
            online_only: reach only those who are online, and keep nothing.
            data_id: passed to the app's webhooks, at most 64 bytes.
            timeout: seconds until the answer.

        Returns:
            The id of the push task.

        Raises:
            TypeError: an argument has the wrong type, or cannot be written as JSON.
            ValueError: there is nothing to send, tags and attributes are mixed, or an argument is out of range.
            APIError: the service said no.
            RequestError: no trustworthy answer came. It is not sent again: it may have been pushed.
        """
        if offline_push_info is None and message_body is None:
            raise ValueError("there is nothing to send: offline_push_info or message_body is needed")
        tags = {"TagsOr": tags_or, "TagsAnd": tags_and, "TagsNot": tags_not}
        fields: dict[str, object] = {
            "From_Account": _sender(from_account, self._identifier),
            "MsgRandom": random_number(msg_random),
            "Condition": _condition(tags, {"AttrsOr": attrs_or, "AttrsAnd": attrs_and}),
            "OfflinePushInfo": None if offline_push_info is None else dict(offline_push_info),
            "MsgBody": None if message_body is None else [dict(element) for element in message_body],
            "MsgLifeTime": _lifetime(message_lifetime),
            "OnlineOnlyFlag": 1 if online_only else None,
            "DataId": custom_id(data_id),
        }
        body = {name: value for name, value in fields.items() if value is not None}
        return await self._call(body, timeout=timeout)


class Revoke(PlainCommand[None]):
    """``timpush/revoke``: stops a push task."""

    def __init__(self, host: Host) -> None:
        super().__init__(host, PUSH_REVOKE)

    async def __call__(
        self, task_id: str, *, offline_push_info: Mapping[str, object] | None = None, timeout: float | None = None
    ) -> None:
        """Stop a push task of the last 24 hours.

        Args:
            task_id: as `Send` gave it.
            offline_push_info: a message that covers the one that is shown already.
            timeout: seconds until the answer.

        Raises:
            TypeError: *task_id* is not a str.
            ValueError: it is empty.
            APIError: the service said no.
            RequestError: no trustworthy answer came. It is not sent again: it may have been applied.
        """
        body: dict[str, object] = {"TaskId": bound_name("task_id", task_id, None)}
        if offline_push_info is not None:
            body["OfflinePushInfo"] = dict(offline_push_info)
        await self._call(body, timeout=timeout)


def _sender(from_account: str | None, identifier: str) -> str:
    """The account that a message comes from: the caller's, or the administrator who signs."""
    return bound_name("from_account", identifier if from_account is None else from_account, None)


def _lifetime(seconds: int | None) -> int | None:
    return None if seconds is None else number_up_to(604_800, "message_lifetime", seconds, " seconds")


def _condition(
    tags: Mapping[str, Sequence[str]], attributes: Mapping[str, Mapping[str, str] | None]
) -> dict[str, tuple[str, ...] | dict[str, str]] | None:
    """Who gets a push; None: all users."""
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
