"""Operations whose calls carry more than a list: options that all items of a call share."""

from __future__ import annotations

import random
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace as with_changes
from typing import Any, TypeAlias

import msgspec

from tim_async.printable import sturdy
from tim_async.results import BatchResult
from tim_async.service.checks import Unfit, check_text, prepare_tags
from tim_async.service.endpoints import PUSH_ADD_TAGS, PUSH_SEND_TO
from tim_async.service.endpoints.push import TAGS_MOST
from tim_async.service.endpoints.values import NewAccount

from .operation import AccountsOperation, BeforeSend, Host, Operation, PairsOperation, Priority
from .sources import Source, source_of
from .streams import OutcomeStream

__all__ = ["AddTags", "ImportAccounts", "SendTo", "bound_name", "custom_id", "random_number", "sender"]

TagsBatch: TypeAlias = (
    Mapping[str, Sequence[str]] | Iterable[tuple[str, Sequence[str]]] | AsyncIterable[tuple[str, Sequence[str]]]
)
ImportBatch: TypeAlias = (
    Mapping[str, NewAccount | None]
    | Iterable[str | tuple[str, NewAccount | None]]
    | AsyncIterable[str | tuple[str, NewAccount | None]]
)


def bound_name(what: str, name: object, most: int | None = 32) -> str:
    """A name that is said once for a whole call.

    Args:
        what: what it is called in the error.
        name: what the caller gave.
        most: the greatest length in bytes; None for any.

    Raises:
        TypeError: it is no str.
        ValueError: it is empty, too long, or no Unicode.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")
    if not name:
        raise ValueError(f"{what} is empty")
    try:
        return check_text(what, name, 0, sys.maxsize if most is None else most)
    except Unfit as exc:
        raise ValueError(exc.problem.reason) from None


class AddTags:
    """``timpush/add_tag``: adds tags, or puts them in place of all others."""

    def __init__(self, host: Host) -> None:
        replacing = with_changes(PUSH_ADD_TAGS, prepare=prepare_tags(TAGS_MOST))
        self.endpoint = PUSH_ADD_TAGS
        self._add: PairsOperation[Sequence[str], None] = PairsOperation(host, PUSH_ADD_TAGS, (False,))
        self._replace: PairsOperation[Sequence[str], None] = PairsOperation(host, replacing, (True,))

    @sturdy
    def __repr__(self) -> str:
        return repr(self._add)

    def of(self, *, replace: bool = False) -> PairsOperation[Sequence[str], None]:
        """The operation that does one of the two.

        Args:
            replace: put the tags in place of all that the account has.
        """
        return self._replace if replace else self._add

    async def __call__(
        self, batch: TagsBatch, *, replace: bool = False, priority: Priority = "normal", timeout: float | None = None
    ) -> BatchResult[None]:
        """Add tags to every account of a batch.

        Args:
            batch: account -> tags, or (account, tags) pairs; at most 10 tags an account, 100 with *replace*.
            replace: put them in place of all tags that the account has.
            priority: as of every operation.
            timeout: seconds for the whole batch.

        Returns:
            One outcome for every item, in the order of the batch.

        Raises:
            Exception: as every operation.
        """
        return await self.of(replace=replace)(batch, priority=priority, timeout=timeout)

    async def one(
        self,
        account: str,
        argument: Sequence[str],
        *,
        replace: bool = False,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
    ) -> None:
        """Add tags to one account.

        Args:
            account: the account.
            argument: the tags.
            replace: put them in place of all tags that the account has.
            priority: as of every operation.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn.

        Raises:
            Exception: as every operation.
        """
        await self.of(replace=replace).one(account, argument, priority=priority, timeout=timeout, max_wait=max_wait)

    def stream(self, batch: TagsBatch, *, replace: bool = False, priority: Priority = "bulk") -> OutcomeStream[None]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: account -> tags, or (account, tags) pairs.
            replace: put them in place of all tags that the account has.
            priority: as of every operation.

        Returns:
            An async context manager that gives an async iterator of outcomes.
        """
        return self.of(replace=replace).stream(batch, priority=priority)


class ImportAccounts(Operation[None]):
    """``multiaccount_import``: takes accounts, and accounts with what is known of them."""

    def _source(self, batch: object) -> Source:
        if isinstance(batch, Mapping):
            return source_of(batch, pairs=True)
        source = source_of(batch, pairs=False)
        return _pairs_async(source) if isinstance(source, AsyncIterator) else _pairs(source)

    async def __call__(
        self, batch: ImportBatch, *, priority: Priority = "normal", timeout: float | None = None
    ) -> BatchResult[None]:
        """Import every account of a batch.

        Args:
            batch: accounts, account -> `NewAccount`, or (account, `NewAccount`) pairs, any number of them.
            priority: as of every operation.
            timeout: seconds for the whole batch.

        Returns:
            One outcome for every item, in the order of the batch. The service gives no reason for a refusal.

        Raises:
            Exception: as every operation.
        """
        return await self._run(batch, None, priority, timeout)

    async def one(
        self,
        account: str,
        argument: NewAccount | None = None,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
    ) -> None:
        """Import one account.

        Args:
            account: the account.
            argument: what is known of it.
            priority: as of every operation.
            timeout: seconds until the answer.
            max_wait: seconds of waiting for its turn.

        Raises:
            Exception: as every operation.
        """
        asked = self._ask(account, argument, None, priority, timeout=timeout, max_wait=max_wait)
        try:
            asked.value(await asked.waiter)
        finally:
            asked.leave()

    def stream(
        self,
        batch: ImportBatch,
        *,
        priority: Priority = "bulk",
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[None]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: accounts, account -> `NewAccount`, or (account, `NewAccount`) pairs, any number of them.
            priority: as of every operation.
            maybe_sent: as of every operation.
            before_send: as of every operation.

        Returns:
            An async context manager that gives an async iterator of outcomes.
        """
        return self._stream(batch, None, priority, maybe_sent=maybe_sent, before_send=before_send)


def _pair(item: Any) -> Any:
    return item if isinstance(item, tuple | list) else (item, None)


def _pairs(source: Iterator[Any]) -> Generator[Any]:
    """The items as pairs. Closes the source when it is closed, as the reader of a generator does."""
    try:
        for item in source:
            yield _pair(item)
    finally:
        if isinstance(source, Generator):
            source.close()


async def _pairs_async(source: AsyncIterator[Any]) -> AsyncGenerator[Any]:
    """The same for what comes one by one."""
    try:
        async for item in source:
            yield _pair(item)
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


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
            msg_random: where the ``MsgRandom`` of each call comes from, 0 to 4294967295; None: chance.
            data_id: handed to the app's webhooks, at most 64 bytes.

        Returns:
            An operation that gives the id of the push task; a call holds up to 500 accounts, each call is a task.

        Raises:
            TypeError: something is not of its type, or cannot be written as JSON.
            ValueError: something is too long or out of range.
        """
        options = (
            sender(from_account, self._identifier),
            random_number(msg_random),
            msgspec.json.encode(dict(offline_push_info)),
            custom_id(data_id),
        )
        return AccountsOperation(self._host, self.endpoint, options)

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
    ) -> BatchResult[str]:
        """Push one message to every account of a batch, once.

        An account whose answer was lost ends `Unknown`, and is not pushed to again.

        Args:
            batch: accounts, any number of them; RegistrationIDs too.
            offline_push_info: see `of`.
            from_account: see `of`.
            msg_random: see `of`.
            data_id: see `of`.
            priority: as of every operation.
            timeout: seconds for the whole batch.

        Returns:
            One outcome for every account, in the order of the batch; its value is the id of the push task.

        Raises:
            Exception: as `of`, and as every operation.
        """
        operation = self.of(
            offline_push_info=offline_push_info, from_account=from_account, msg_random=msg_random, data_id=data_id
        )
        return await operation(batch, priority=priority, timeout=timeout)


def sender(from_account: str | None, identifier: str) -> str:
    """The account that a message comes from: the caller's, or the administrator who signs.

    Raises:
        TypeError: it is no str.
        ValueError: it is empty.
    """
    return bound_name("from_account", identifier if from_account is None else from_account, None)


def custom_id(data_id: str | None) -> str | None:
    """What is handed to the app's webhooks.

    Raises:
        TypeError: it is no str.
        ValueError: it is empty, or longer than 64 bytes.
    """
    return None if data_id is None else bound_name("data_id", data_id, 64)


def random_number(number: int | None) -> int:
    """A ``MsgRandom``: the caller's, or one by chance.

    Raises:
        TypeError: it is no whole number.
        ValueError: it has more than 32 bits.
    """
    if number is None:
        return random.getrandbits(32)
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"msg_random must be an int, not {type(number).__name__}")
    if not 0 <= number < 2**32:
        raise ValueError(f"msg_random must be between 0 and 4294967295, not {number}")
    return number
