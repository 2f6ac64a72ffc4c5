"""Items that somebody may have sent before: a repeat that meets its own first effect is no refusal."""

import asyncio
import pickle
from typing import Any

import pytest
from servers import Call, Puppet, client_of, refuse, refusing, yes

from tim_async import AccountError, BatchResult, Client, CredentialsError, NotSent, Ok, Rejected, Unknown
from tim_async.emulator import Emulator
from tim_async.results import Retryable

pytestmark = pytest.mark.clock("patient")
WAYS = ["call", "one", "stream"]


async def delete(tim: Client, account: str, way: str, **options: Any) -> Any:
    """What becomes of one deletion, asked for in one of the three ways."""
    if way == "call":
        return (await tim.accounts.delete([account], **options)).outcomes[0]
    if way == "one":
        try:
            await tim.accounts.delete.one(account, **options)
            return Ok(0, account, None)
        except AccountError as exc:
            return exc.outcome
    async with tim.accounts.delete.stream([account], **options) as outcomes:
        return await anext(outcomes)


@pytest.mark.parametrize("way", WAYS)
async def test_an_account_that_is_gone_was_deleted_if_that_may_have_been_asked_before(
    way: str, client: Client, emulator: Emulator
) -> None:
    assert isinstance(await delete(client, "gone", way), Rejected)
    gone = await delete(client, "gone", way, maybe_sent=True)
    assert isinstance(gone, Ok)
    assert gone.assumed or way == "one"
    assert gone.final
    emulator.accounts.add("there")
    there = await delete(client, "there", way, maybe_sent=True)
    assert there == Ok(0, "there", None)
    assert not there.assumed


async def test_among_a_hundred_those_that_are_gone_are_told_apart(client: Client, emulator: Emulator) -> None:
    names = [f"u{number}" for number in range(250)]
    emulator.accounts.add(*names[::2])
    result = await client.accounts.delete(names, maybe_sent=True)
    assert result.ok
    assert [outcome.assumed for outcome in result if isinstance(outcome, Ok)] == [bool(n % 2) for n in range(250)]
    assert set(result.values.values()) == {None}
    assert result["u1"] is None


async def test_another_no_is_still_a_no(puppet: Puppet) -> None:
    puppet.respond = refusing(70402)
    async with client_of(puppet) as tim:
        assert [type(outcome) for outcome in await tim.accounts.delete(["a", "b"], maybe_sent=True)] == [Rejected] * 2


@pytest.mark.parametrize("way", WAYS)
async def test_what_ends_without_an_answer_is_unknown_and_never_unsent(way: str) -> None:
    async with Puppet() as puppet:
        address = puppet.url
    async with Client(sdk_app_id=1, secret_key="k", base_url=address, attempts=2, limiter=None) as tim:
        assert isinstance(await delete(tim, "Mary", way), NotSent)  # nobody listens there
        assert isinstance(await delete(tim, "Mary", way, maybe_sent=True), Unknown)


async def test_what_only_waited_is_unknown_too(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        first = asyncio.create_task(tim.accounts.delete(["first"], timeout=0.02))
        await puppet.call()
        late = await tim.accounts.delete([f"u{number}" for number in range(300)], timeout=0.01, maybe_sent=True)
        assert {type(outcome) for outcome in late} == {Unknown}
        assert not any(outcome.final for outcome in late)
        with pytest.raises(AccountError) as caught:
            await tim.accounts.delete.one("u", max_wait=0.01, maybe_sent=True)
        assert isinstance(caught.value.outcome, Unknown)
        await first


async def test_what_must_not_be_sent_twice_is_not_sent(client: Client, emulator: Emulator) -> None:
    send = client.push.send_to.of(offline_push_info={"Title": "t", "Desc": "d"})
    names = ["Mary", "Tom", ""]
    result = await send(names, maybe_sent=True)
    assert [type(outcome) for outcome in result] == [Unknown, Unknown, NotSent]
    assert [outcome.final for outcome in result] == [True, True, True]
    assert "must not be sent twice" in result.errors[0].reason
    assert result.retryable() == []
    async with send.stream(names, maybe_sent=True) as outcomes:
        assert [type(outcome) async for outcome in outcomes] == [Unknown, Unknown, NotSent]
    with pytest.raises(AccountError) as caught:
        await send.one("Mary", maybe_sent=True)
    assert isinstance(caught.value.outcome, Unknown)
    assert not emulator.books.calls


# Given back


async def lost(tim: Client, puppet: Puppet, names: list[str], **options: Any) -> BatchResult[None]:
    """The result of a deletion of which no answer came back."""
    task = asyncio.create_task(tim.accounts.delete(names, **options))
    (await puppet.call()).reset()
    return await task


def absent(call: Call) -> dict[str, Any]:
    return refuse(70107) if len(call.accounts) == 1 else yes(call)


async def test_what_was_unknown_may_have_been_sent_when_it_is_given_back(puppet: Puppet) -> None:
    names = [f"u{number}" for number in range(150)]
    async with client_of(puppet, attempts=1, max_in_flight=1, limiter=None) as tim:
        task = asyncio.create_task(tim.accounts.delete(names))
        (await puppet.call()).reset()
        (await puppet.call()).answer(refuse(70009))  # a wrong key: nobody judged these
        with pytest.raises(CredentialsError) as caught:
            await task
        result = caught.value.result
        assert result is not None
        assert [type(outcome) for outcome in result] == [Unknown] * 100 + [Rejected] * 50
        assert not any(outcome.final for outcome in result)
        again = result.retryable()
        assert again == names
        assert isinstance(again, Retryable)
        assert again.maybe_sent == frozenset(names[:100])


async def test_a_part_of_what_is_retryable_knows_the_same(client: Client) -> None:
    again = Retryable(["gone", "there", "away"], frozenset({"gone", "there"}))
    assert again[0] == "gone"
    outcomes = (await client.accounts.delete(again[::2])).outcomes
    assert [type(outcome) for outcome in outcomes] == [Ok, Rejected]
    async with client.accounts.delete.stream(again) as stream:
        kinds = {outcome.account: type(outcome) async for outcome in stream}
    assert pickle.loads(pickle.dumps(again)).maybe_sent == again.maybe_sent  # noqa: S301 - our own
    assert kinds == {"gone": Ok, "there": Ok, "away": Rejected}


async def test_a_deletion_whose_answers_were_lost_is_done_when_it_is_given_back(puppet: Puppet) -> None:
    async with client_of(puppet, attempts=1, limiter=None) as tim:
        result = await lost(tim, puppet, ["Mary", "Tom"])
        puppet.respond = refusing(70107)
        assert (await tim.accounts.delete(result.retryable())).ok
        assert not (await tim.accounts.delete(list(result.retryable()))).ok


async def test_a_read_that_may_have_been_sent_shares_no_place_with_one_that_was_not(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        busy = asyncio.create_task(tim.push.get_tags(["busy"]))
        first = await puppet.call()
        fresh = asyncio.create_task(tim.push.get_tags(["Mary"], timeout=0.01))
        again = asyncio.create_task(tim.push.get_tags(["Mary"], timeout=0.01, maybe_sent=True))
        assert isinstance((await fresh).outcomes[0], NotSent)
        assert isinstance((await again).outcomes[0], Unknown)
        first.answer(yes(first))
        await busy


async def test_of_events_that_are_delivered_again_only_those_of_absent_accounts_are_dead_letters(
    client: Client, emulator: Emulator
) -> None:
    """A consumer died with most of its events done and none of them acknowledged."""
    there, absent = [f"u{number}" for number in range(300)], [f"absent{number}" for number in range(7)]
    emulator.accounts.add(*there)
    delivered = there[:200]
    await client.accounts.delete(delivered[:150])
    dead: dict[str, type[Any]] = {}

    async def consume(account: str, *, redelivered: bool) -> None:
        try:
            await client.accounts.delete.one(account, maybe_sent=redelivered)
        except AccountError as exc:
            dead[account] = type(exc.outcome)

    events = [*there[:250], *absent, *there[250:]]
    await asyncio.gather(*(consume(account, redelivered=account in delivered) for account in events))
    assert dead == dict.fromkeys(absent, Rejected)
    assert len(emulator.accounts) == 0
