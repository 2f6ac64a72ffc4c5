"""Every operation, also one with options, takes in each of its three ways what all of them take."""

from collections.abc import Sequence
from typing import Any

import public
import pytest
from servers import Puppet, client_of

from tim_async import AccountError, BatchError, Client, NotSent, Unknown
from tim_async.service.endpoints import ENDPOINTS, Endpoint

pytestmark = pytest.mark.clock("patient")

ARGUMENTS: dict[str, Any] = {
    "account -> {name: value}": {"city": "Oslo"},
    "account -> names": ["city"],
    "account -> tags": ["red"],
    "friends.add": {"add_source": "AddSource_Type_Web"},
    "friends.import_": {"add_source": "AddSource_Type_Web"},
    "friends.update": {"Tag_SNS_IM_Remark": "r"},
    "accounts.import_many": {"nick": "M"},
}
ROWS = [row for row in ENDPOINTS if not row.plain]
OPTIONS: list[tuple[Endpoint[Any, Any], dict[str, Any]]] = [
    *((row, {}) for row in ROWS),
    *((row, {"replace": True}) for row in ROWS if row.options == ("replace",)),
]
NAMES = [" ".join([f"{row.group}.{row.method}", *options]) for row, options in OPTIONS]


def operation_of(client: Client, row: Endpoint[Any, Any]) -> Any:
    group = dict(public.groups_of(client)).get(f"{row.group}.of()", getattr(client, row.group))
    operation = getattr(group, row.method)
    return operation.of(offline_push_info={"Title": "t"}) if hasattr(operation, "of") else operation


def item_of(row: Endpoint[Any, Any]) -> tuple[Any, ...]:
    if row.prepare is None:
        return ("Mary",)
    return "Mary", ARGUMENTS.get(f"{row.group}.{row.method}") or ARGUMENTS[row.takes]


def batch_of(row: Endpoint[Any, Any]) -> list[Any]:
    return ["Mary"] if row.prepare is None else [item_of(row)]


@pytest.fixture
async def nobody_listens() -> str:
    async with Puppet() as puppet:
        return puppet.url


@pytest.mark.parametrize(("row", "options"), OPTIONS, ids=NAMES)
async def test_what_may_have_been_sent_is_never_called_unsent(
    row: Endpoint[Any, Any], options: dict[str, Any], nobody_listens: str
) -> None:
    async with Client(sdk_app_id=1, secret_key="k", base_url=nobody_listens, attempts=1, limiter=None) as tim:
        operation = operation_of(tim, row)
        (first,) = await operation(batch_of(row), maybe_sent=True, **options)
        async with operation.stream(batch_of(row), maybe_sent=True, **options) as outcomes:
            second = await anext(outcomes)
        with pytest.raises(AccountError) as caught:
            await operation.one(*item_of(row), maybe_sent=True, **options)
    for outcome in (first, second, caught.value.outcome):
        assert isinstance(outcome, Unknown)
        assert outcome.final != row.repeatable


@pytest.mark.parametrize(("row", "options"), OPTIONS, ids=NAMES)
async def test_what_cannot_be_noted_before_it_is_sent_is_not_sent(
    row: Endpoint[Any, Any], options: dict[str, Any], puppet: Puppet
) -> None:
    async def note(places: Sequence[int]) -> None:
        raise OSError(*places)

    async with client_of(puppet, limiter=None) as tim:
        stream = operation_of(tim, row).stream(batch_of(row), before_send=note, **options)
        async with stream as outcomes:
            assert isinstance(await anext(outcomes), NotSent)
            with pytest.raises(BatchError) as caught:
                await anext(outcomes)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.args == (0,)
    assert not puppet.calls


async def test_a_message_that_may_have_been_pushed_is_not_pushed_again(puppet: Puppet) -> None:
    async with client_of(puppet, limiter=None) as tim:
        result = await tim.push.send_to(["Mary", "Tom"], offline_push_info={"Title": "t"}, maybe_sent=True)
    assert [type(outcome) for outcome in result] == [Unknown] * 2
    assert not puppet.calls
