"""What a run would do, found out by reading all of its rows and sending nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, zip_longest
from typing import Any, cast

import msgspec

from tim_async.service.checks import Problems, check_accounts, prepare
from tim_async.service.endpoints import Endpoint

from .api import item_of
from .checking import check_call
from .guards import check_rows
from .report import Tally, Trouble
from .rows import InputError, Row, RowError, bare
from .running import Operation
from .source import Source
from .standing import Known
from .writing import Record

__all__ = ["Plan", "plan_of"]

_BLOCK = 1000  # rows that are checked together


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do if it began now."""

    command: str
    """``group.method``."""
    app: int
    """The SDKAppID."""
    source: str
    """What the source is called."""
    rows: int
    """Of the source."""
    done: int
    """Rows that are done already, by the journal, or that must not be sent twice."""
    refused: list[Trouble]
    """What cannot be sent, the most frequent first: code, reason, count, the first rows."""
    sent: int
    """Rows that would be sent."""
    held_back: int
    """Rows that could be sent, but wait for a later start because of ``first``."""
    calls: int
    """The least number of calls; retries are not included."""
    rate: float
    """Calls a second that are allowed; accounts a second if `rate_of_accounts`."""
    rate_of_accounts: bool
    """Whether the service counts accounts, and not calls."""
    first_call: bytes
    """The body of the first call, JSON; empty where nothing would be sent."""

    @property
    def seconds(self) -> float:
        """How long it takes at the limit."""
        return (self.sent if self.rate_of_accounts else self.calls) / self.rate


def plan_of(
    operation: Operation,
    source: Source,
    *,
    item: Callable[[Row], Any] = item_of,
    known: Known | None = None,
    first: int | None = None,
    rate: float | None = None,
) -> Plan:
    """Find out what `run` would do: reads every row and checks it as `run` does, and opens no connection.

    Args:
        operation: see `run`; its client need not be open.
        source: one that can be read again.
        item: see `run`.
        known: what a journal knows about the rows; None for a new job.
        first: see `run`.
        rate: calls a second (of accounts where the service counts those) that are allowed; None for the documented
            limit.

    Raises:
        InputError: the source can be read only once, or was changed.
        TypeError: an argument has the wrong type.
        ValueError: *first* is negative.
    """
    check_call(operation, item=item)
    check_rows(first=first)
    if source.fingerprint is None:
        raise InputError(f"{source.name} can be read only once, so there is no plan for it; give a list, or a file")
    endpoint = operation.endpoint
    desk = _Desk(operation, item)
    done = 0
    open_rows = _open_rows(source, known, repeatable=endpoint.repeatable)
    while block := list(islice(open_rows, _BLOCK)):
        rows = [row for row in block if row is not None]
        done += len(block) - len(rows)
        desk.take(rows)
    sent = desk.fit if first is None else min(first, desk.fit)
    return Plan(
        command=f"{endpoint.group}.{endpoint.method}",
        app=operation.sdk_app_id,
        source=source.name,
        rows=done + desk.rows,
        done=done,
        refused=desk.tally.troubles(),
        sent=sent,
        held_back=desk.fit - sent,
        calls=-(-sent // endpoint.limit),
        rate=endpoint.rate if rate is None else rate,
        rate_of_accounts=endpoint.counts_items,
        first_call=desk.first_call(sent),
    )


def _open_rows(source: Source, known: Known | None, *, repeatable: bool) -> Iterator[Row | None]:
    """The rows in their order; None for each that is not sent any more."""
    rows = cast("Iterable[Row]", source.rows())  # what has a fingerprint is not read asynchronously
    if known is None:
        yield from rows
        return
    for row, (ending, _) in zip_longest(rows, known.rows(), fillvalue=(None, None)):
        over = ending is not None and (ending.final or (ending.outcome == "Unknown" and not repeatable))
        yield None if over else cast("Row", row)


class _Desk:
    """Takes rows, and checks them as the client does."""

    def __init__(self, operation: Operation, item: Callable[[Row], Any]) -> None:
        self._endpoint: Endpoint[Any, Any] = operation.endpoint
        self._options = tuple(operation.options.values()) or None
        self._item = item
        self._first: dict[str, Any] = {}  # account -> argument, of the first call
        self.tally = Tally()
        """What cannot be sent."""
        self.rows = 0
        self.fit = 0
        """Rows that can be sent."""

    def take(self, rows: list[Row]) -> None:
        """Check some more rows."""
        self.rows += len(rows)
        numbers: list[int] = []
        accounts: list[Any] = []
        arguments: list[Any] = []
        for row in rows:
            try:
                item, problem = (None, bare(row.problem)) if row.problem else (self._item(row), "")
            except RowError as exc:
                item, problem = None, str(exc)
            if problem:
                self.tally.add(Record(row.number, row.account, "NotSent", reason=problem))
                continue
            account, argument = item if isinstance(item, tuple) else (item, None)
            numbers.append(row.number)
            accounts.append(account)
            arguments.append(argument)
        self._check(numbers, accounts, arguments)

    def _check(self, numbers: list[int], accounts: list[Any], arguments: list[Any]) -> None:
        endpoint = self._endpoint
        problems: Problems
        texts, problems = check_accounts(accounts, endpoint.account_bytes, endpoint.account_code)
        if endpoint.prepare is not None:
            arguments = prepare(endpoint.prepare, arguments, problems)
        for place, problem in problems.items():
            self.tally.add(Record(numbers[place], texts[place], "NotSent", problem.code, reason=problem.reason))
        self.fit += len(numbers) - len(problems)
        if len(self._first) < endpoint.limit:
            fit = ((text, arguments[place]) for place, text in enumerate(texts) if place not in problems)
            for account, argument in fit:
                if len(self._first) < endpoint.limit:
                    self._first.setdefault(account, argument)

    def first_call(self, most: int) -> bytes:
        """The body of the first call, with no more accounts than *most*."""
        first = dict(islice(self._first.items(), most))
        return self._endpoint.encode([*first], [*first.values()], self._options) if first else b""
