"""Operations with an option of their own, or with items of two forms."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import replace as with_changes
from typing import TypeAlias

from tim_async.results import BatchResult
from tim_async.service.checks import prepare_tags
from tim_async.service.endpoints import PUSH_ADD_TAGS
from tim_async.service.endpoints.push import TAGS_MOST
from tim_async.service.endpoints.values import NewAccount

from .command import Host, Priority
from .operation import BeforeSend, Operation, PairsOperation
from .streams import OutcomeStream

__all__ = ["AddTags", "ImportAccounts"]

TagsBatch: TypeAlias = (
    Mapping[str, Sequence[str]] | Iterable[tuple[str, Sequence[str]]] | AsyncIterable[tuple[str, Sequence[str]]]
)
MaybeKnown: TypeAlias = str | tuple[str, NewAccount | None]


class AddTags(PairsOperation[Sequence[str], None]):
    """``timpush/add_tag``: adds tags, or replaces all others by them."""

    def __init__(self, host: Host) -> None:
        super().__init__(host, PUSH_ADD_TAGS, replace=False)
        self._add: PairsOperation[Sequence[str], None] = PairsOperation(host, PUSH_ADD_TAGS, replace=False)
        replacing = with_changes(PUSH_ADD_TAGS, prepare=prepare_tags(TAGS_MOST))
        self._replace: PairsOperation[Sequence[str], None] = PairsOperation(host, replacing, replace=True)

    def which(self, *, replace: bool = False) -> PairsOperation[Sequence[str], None]:
        """The operation that does one of the two.

        Args:
            replace: replace all tags that the account has.

        Returns:
            An operation that adds tags, or replaces them.
        """
        return self._replace if replace else self._add

    async def __call__(
        self,
        batch: TagsBatch,
        *,
        replace: bool = False,
        priority: Priority = "normal",
        timeout: float | None = None,
        maybe_sent: bool = False,
    ) -> BatchResult[None]:
        """Add tags to every account of a batch; raises what every operation does.

        Args:
            batch: account -> tags, or (account, tags) pairs; at most 10 tags an account, 100 with *replace*.
            replace: replace all tags that the account has.
            priority: as for every operation.
            timeout: seconds for the whole batch.
            maybe_sent: as for every operation.

        Returns:
            One outcome for every item, in the order of the batch.
        """
        return await self.which(replace=replace)(batch, priority=priority, timeout=timeout, maybe_sent=maybe_sent)

    async def one(
        self,
        account: str,
        argument: Sequence[str],
        *,
        replace: bool = False,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> None:
        """Add tags to one account; raises what every operation does.

        Args:
            account: the account.
            argument: the tags.
            replace: replace all tags that the account has.
            priority: as for every operation.
            timeout: seconds until the answer.
            max_wait: most seconds to wait for its turn.
            maybe_sent: as for every operation.
        """
        await self.which(replace=replace).one(
            account, argument, priority=priority, timeout=timeout, max_wait=max_wait, maybe_sent=maybe_sent
        )

    def stream(
        self,
        batch: TagsBatch,
        *,
        replace: bool = False,
        priority: Priority = "bulk",
        maybe_sent: bool = False,
        before_send: BeforeSend | None = None,
    ) -> OutcomeStream[None]:
        """Outcomes as they come, in bounded memory.

        Args:
            batch: as for a call.
            replace: replace all tags that the account has.
            priority: as for every operation.
            maybe_sent: as for every operation.
            before_send: as for every operation.

        Returns:
            An async context manager whose value is an async iterator of outcomes.
        """
        return self.which(replace=replace).stream(
            batch, priority=priority, maybe_sent=maybe_sent, before_send=before_send
        )


class ImportAccounts(
    Operation[Mapping[str, NewAccount | None] | Iterable[MaybeKnown] | AsyncIterable[MaybeKnown], None]
):
    """``multiaccount_import``: takes accounts, account -> `NewAccount`, or (account, `NewAccount`) pairs.

    The service gives no reason for a refusal.
    """

    _form = "both"

    async def one(
        self,
        account: str,
        argument: NewAccount | None = None,
        *,
        priority: Priority = "interactive",
        timeout: float | None = None,
        max_wait: float | None = None,
        maybe_sent: bool = False,
    ) -> None:
        """Import one account; raises what every operation does.

        Args:
            account: the account.
            argument: its nickname and portrait, if known.
            priority: as for every operation.
            timeout: seconds until the answer.
            max_wait: most seconds to wait for its turn.
            maybe_sent: as for every operation.
        """
        asked = self._ask(account, argument, priority, timeout, max_wait=max_wait, maybe_sent=maybe_sent)
        try:
            asked.value(await asked.waiter)
        finally:
            asked.leave()
