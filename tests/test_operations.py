"""A batch and a single item, from the caller's side, over a real socket."""

import asyncio
import enum
import gc
import math
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from servers import Call, Puppet, client_of, refuse, refusing, yes

from tim_async import (
    AccountError,
    Client,
    CredentialsError,
    InvalidRequest,
    NotSent,
    Ok,
    Outcome,
    Rejected,
    Unknown,
)
from tim_async.emulator import Account, Emulator, Faults, on
from tim_async.lane.items import Owner
from tim_async.outcomes import Result

pytestmark = pytest.mark.clock("patient")  # short times count what is waited, not how slow the machine is

DELETE = "im_open_login_svc/account_delete"
GET_TAGS = "timpush/get_tag"


def kinds(result: Result) -> list[type[Any]]:
    return [type(outcome) for outcome in result]


# The five commands, each in three ways

Operation = Callable[[Client], Any]

COMMANDS: dict[str, tuple[Operation, Any, Any, Callable[[Account | None], bool]]] = {
    "accounts.delete": (lambda tim: tim.accounts.delete, None, None, lambda account: account is None),
    "push.set_attributes": (
        lambda tim: tim.push.set_attributes,
        {"city": "Oslo"},
        None,
        lambda account: account is not None and account.attributes == {"name": "x", "city": "Oslo"},
    ),
    "push.get_tags": (lambda tim: tim.push.get_tags, None, ("red", "blue"), lambda account: account is not None),
    "all_member_push.get_attributes": (
        lambda tim: tim.all_member_push.get_attributes,
        None,
        {"name": "x"},
        lambda account: account is not None,
    ),
    "all_member_push.remove_attributes": (
        lambda tim: tim.all_member_push.remove_attributes,
        ["name"],
        None,
        lambda account: account is not None and not account.attributes,
    ),
}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, emulator: Emulator) -> tuple[Operation, Any, Any, Callable[..., bool]]:
    for name in ("Mary", "Tom"):
        emulator.accounts[name] = Account(attributes={"name": "x"}, tags=["red", "blue"])
    operation, argument, value, done = COMMANDS[request.param]

    def done_to(name: str) -> bool:
        return done(emulator.accounts.get(name))

    return operation, argument, value, done_to


async def test_each_command_takes_a_batch(command: Any, client: Client) -> None:
    operation, argument, value, done = command
    names = ["Tom", "Mary"]
    result = await operation(client)(names if argument is None else [(name, argument) for name in names])
    assert list(result) == [Ok(0, "Tom", value), Ok(1, "Mary", value)]
    assert done("Tom")
    assert done("Mary")


async def test_each_command_takes_one_item(command: Any, client: Client) -> None:
    operation, argument, value, done = command
    item = ("Mary",) if argument is None else ("Mary", argument)
    assert await operation(client).one(*item) == value
    assert done("Mary")


async def test_each_command_gives_a_stream(command: Any, client: Client) -> None:
    operation, argument, value, done = command
    names = ["Tom", "Mary"]
    batch = names if argument is None else dict.fromkeys(names, argument)
    async with operation(client).stream(batch) as outcomes:
        got = sorted([outcome async for outcome in outcomes], key=lambda outcome: outcome.index)
    assert got == [Ok(0, "Tom", value), Ok(1, "Mary", value)]
    assert done("Tom")


async def test_the_repr_of_an_operation_names_it(client: Client) -> None:
    assert repr(client.push.get_tags) == "<push.get_tags: timpush/get_tag>"


# What a batch may be


async def each(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def lazily(items: list[Any]) -> Iterator[Any]:
    yield from items


def as_lists(pairs: list[tuple[str, Any]]) -> list[list[Any]]:
    return [list(pair) for pair in pairs]


@pytest.mark.parametrize("form", [list, tuple, iter, lazily, each, dict.fromkeys])
async def test_accounts_may_be_any_iterable_or_async_iterable(
    form: Callable[[list[str]], Any], client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add("a", "b", "c")
    result = await client.accounts.delete(form(["c", "a", "b"]))
    assert [outcome.account for outcome in result] == ["c", "a", "b"]
    assert result.ok
    assert not result.unread
    assert not emulator.accounts


@pytest.mark.parametrize("form", [dict, list, tuple, lazily, each, as_lists])
async def test_pairs_may_be_a_mapping_or_any_iterable_of_pairs(
    form: Callable[[list[tuple[str, Any]]], Any], client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add("a", "b")
    result = await client.push.set_attributes(form([("b", {"n": "1"}), ("a", {"n": "2"})]))
    assert list(result) == [Ok(0, "b", None), Ok(1, "a", None)]
    assert [emulator.accounts[name].attributes["n"] for name in "ab"] == ["2", "1"]


@pytest.mark.parametrize(("size", "calls"), [(0, 0), (1, 1), (100, 1), (101, 2), (1234, 13)])
async def test_a_batch_of_any_length_goes_in_the_fewest_calls(
    size: int, calls: int, client: Client, emulator: Emulator
) -> None:
    names = [f"u{number}" for number in range(size)]
    emulator.accounts.add(*names)
    result = await client.accounts.delete(names)
    assert len(result) == size
    assert result.ok
    assert (result.stats.calls, result.stats.items, result.stats.retries) == (calls, size, 0)
    assert sum(path.calls for path in emulator.statistics().values()) == calls
    assert not emulator.accounts


async def test_the_result_is_in_the_order_of_the_input_whatever_the_order_of_the_answers(
    client: Client, emulator: Emulator
) -> None:
    names = [f"u{number}" for number in range(250)]
    for name in names:
        emulator.accounts[name] = Account(tags=[name])
    result = await client.push.get_tags(names)
    assert list(result) == [Ok(place, name, (name,)) for place, name in enumerate(names)]


async def test_the_result_holds_the_callers_own_strings(client: Client, emulator: Emulator) -> None:
    name = "".join(["Ma", "ry"])
    emulator.accounts.add("Mary")
    assert (await client.accounts.delete([name])).outcomes[0].account is name


async def test_a_str_of_another_class_is_sent_like_any_other(client: Client, emulator: Emulator) -> None:
    class Name(enum.StrEnum):
        MARY = "Mary"

    emulator.accounts["Mary"] = Account(tags=["red"])
    emulator.accounts["Tom"] = Account(tags=["blue"])
    result = await client.push.get_tags([Name.MARY, "Tom"])
    assert result.values == {"Mary": ("red",), "Tom": ("blue",)}
    assert [type(outcome.account) for outcome in result] == [str, str]


async def test_the_same_account_twice_has_two_outcomes_and_one_effect(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("d1", "d2")
    result = await client.accounts.delete(["d1", "d2", "d1"])
    assert list(result) == [Ok(0, "d1", None), Ok(1, "d2", None), Ok(2, "d1", None)]
    assert len(emulator.books.of("d1")) == 1


async def test_two_different_writes_of_one_account_take_effect_in_the_order_given(
    client: Client, emulator: Emulator
) -> None:
    emulator.accounts.add("Mary")
    result = await client.push.set_attributes([("Mary", {"n": str(number)}) for number in range(5)])
    assert result.ok
    assert emulator.accounts["Mary"].attributes == {"n": "4"}


# Items that cannot be sent


async def test_an_item_that_cannot_be_sent_is_not_sent_and_the_others_go_on(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a", "b", "王" * 10)
    batch: Any = ["a", "", "x" * 33, "王" * 11, 7, None, "\ud800", "王" * 10, "b"]
    result = await client.accounts.delete(batch)
    assert kinds(result) == [Ok, *[NotSent] * 6, Ok, Ok]
    assert [outcome.index for outcome in result] == list(range(9))
    assert {error.code for error in result.errors} == {70402}
    assert all(error.reason for error in result.errors)
    assert result.outcomes[4].account == "7"
    assert not emulator.accounts
    assert result.stats.calls == 1


async def test_a_registration_id_may_be_long(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("r" * 200, registration=True)
    assert (await client.push.get_tags(["r" * 200])).ok


async def test_a_value_that_cannot_be_sent_is_not_sent_and_the_others_go_on(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a", "b")
    batch: Any = [
        ("a", {"n": "é" * 26}),
        ("a", {"n": 5}),
        ("a", "n"),
        ("a", {}),
        ("a", {"n": "é" * 25}),
        ("b", {"n": ""}),
    ]
    result = await client.push.set_attributes(batch)
    assert kinds(result) == [NotSent, NotSent, NotSent, NotSent, Ok, Ok]
    assert emulator.accounts["a"].attributes == {"n": "é" * 25}


async def test_a_batch_of_nothing_but_mistakes_makes_no_call(client: Client, emulator: Emulator) -> None:
    result = await client.accounts.delete([""] * 3000)
    assert kinds(result) == [NotSent] * 3000
    assert emulator.statistics() == {}


async def test_an_argument_may_be_changed_after_it_was_given(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        first = asyncio.create_task(tim.push.set_attributes.one("Tom", {"n": "1"}))
        held = await puppet.call()
        attributes = {"n": "before"}
        second = asyncio.create_task(tim.push.set_attributes.one("Mary", attributes))
        await asyncio.sleep(0)
        attributes["n"] = "after"
        held.answer(yes(held))
        call = await puppet.call()
        call.answer(yes(call))
        await asyncio.gather(first, second)
        assert call.body["UserAttrs"] == [{"To_Account": "Mary", "Attrs": {"n": "before"}}]


# Mistakes in the call itself

WRONG_CALLS: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    (TypeError, "not one str", lambda tim: tim.accounts.delete("Mary")),
    (TypeError, "not one bytes", lambda tim: tim.accounts.delete(b"Mary")),
    (TypeError, "not one bytearray", lambda tim: tim.accounts.delete(bytearray(b"Mary"))),
    (TypeError, "not int", lambda tim: tim.accounts.delete(7)),
    (TypeError, "not NoneType", lambda tim: tim.accounts.delete(None)),
    (TypeError, "not one str", lambda tim: tim.push.set_attributes("Mary")),
    (TypeError, "pair", lambda tim: tim.push.set_attributes(["ab"])),
    (TypeError, "pair", lambda tim: tim.push.set_attributes([b"ab"])),
    (TypeError, "pair", lambda tim: tim.push.set_attributes([("Tom", {"a": "b"}), "ab"])),
    (TypeError, "pair", lambda tim: tim.push.set_attributes([("Tom", {"a": "b"}, 3)])),
    (TypeError, "pair", lambda tim: tim.push.set_attributes([7])),
    (TypeError, "pair", lambda tim: tim.push.set_attributes(each(["ab"]))),
    (ValueError, "timeout must not be negative", lambda tim: tim.accounts.delete(["a"], timeout=-1)),
    (ValueError, "timeout must not be negative", lambda tim: tim.accounts.delete(["a"], timeout=math.nan)),
    (TypeError, "timeout must be a number", lambda tim: tim.accounts.delete(["a"], timeout="3")),
    (TypeError, "timeout must be a number", lambda tim: tim.accounts.delete(["a"], timeout=True)),
    (ValueError, "priority must be one of", lambda tim: tim.accounts.delete(["a"], priority="high")),
    (ValueError, "priority must be one of", lambda tim: tim.accounts.delete.one("a", priority="high")),
    (ValueError, "timeout must not be negative", lambda tim: tim.accounts.delete.one("a", timeout=-0.1)),
    (ValueError, "max_wait must not be negative", lambda tim: tim.accounts.delete.one("a", max_wait=-0.1)),
]


@pytest.mark.parametrize(("error", "words", "call"), WRONG_CALLS)
async def test_a_mistake_in_the_call_is_raised_before_anything_is_sent(
    error: type[Exception], words: str, call: Callable[[Any], Any], client: Client, emulator: Emulator
) -> None:
    with pytest.raises(error, match=words):
        await call(client)
    assert emulator.statistics() == {}
    assert not (await client.accounts.delete(["nobody"])).ok  # and it goes on working


@pytest.mark.parametrize("batch", ["Mary", b"Mary", 7])
async def test_a_stream_of_what_is_no_batch_is_refused_when_it_is_asked_for(batch: Any, client: Client) -> None:
    with pytest.raises(TypeError, match="a batch is an iterable"):
        client.accounts.delete.stream(batch)
    high: Any = "high"
    with pytest.raises(ValueError, match="priority must be one of"):
        client.accounts.delete.stream([], priority=high)


# One item


async def test_one_item_that_is_refused_raises_and_tells_all(client: Client) -> None:
    with pytest.raises(AccountError, match="'Mary' is Rejected") as caught:
        await client.accounts.delete.one("Mary")
    error = caught.value
    assert (error.account, error.code) == ("Mary", 70107)
    assert isinstance(error.outcome, Rejected)


async def test_one_item_that_cannot_be_sent_raises(client: Client, emulator: Emulator) -> None:
    with pytest.raises(AccountError, match="at most 32") as caught:
        await client.accounts.delete.one("x" * 33)
    assert isinstance(caught.value.outcome, NotSent)
    nothing: Any = None
    with pytest.raises(AccountError, match="must be a str"):
        await client.accounts.delete.one(nothing)
    assert emulator.statistics() == {}


async def test_single_items_that_are_asked_for_together_share_calls(client: Client, emulator: Emulator) -> None:
    names = [f"u{number}" for number in range(150)]
    for name in names:
        emulator.accounts[name] = Account(tags=[name])
    values = await asyncio.gather(*[client.push.get_tags.one(name) for name in names])
    assert values == [(name,) for name in names]
    assert emulator.statistics()[GET_TAGS].calls == 2


# Time


async def hanging(puppet: Puppet, ask: Any) -> tuple[asyncio.Task[Any], Call]:
    """A call of the operation that the server has got and does not answer."""
    task = asyncio.create_task(ask)
    return task, await puppet.call()


async def test_when_the_time_of_a_batch_is_over_nothing_is_lost(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        names = [f"u{number}" for number in range(250)]
        result = await tim.accounts.delete(names, timeout=0.05)
        assert kinds(result) == [Unknown] * 100 + [NotSent] * 150
        assert {error.reason for error in result.errors} == {"its timeout of 0.05 s was over"}
        assert result.retryable() == names


async def test_a_timeout_of_nothing_settles_at_once(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        result = await tim.accounts.delete(["a", "b"], timeout=0)
        assert not set(kinds(result)) & {Ok, Rejected}
        assert not (await tim.accounts.delete([], timeout=0)).unread


async def test_an_answer_in_time_beats_the_timeout(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a", "b", "c")
    assert (await client.accounts.delete(["a"], timeout=30)).ok
    assert (await client.accounts.delete(["b"], timeout=math.inf)).ok
    await client.accounts.delete.one("c", timeout=30, max_wait=30)
    assert not emulator.accounts


async def test_one_item_whose_time_is_over_raises(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        with pytest.raises(AccountError, match=r"timeout of 0.01 s was over") as caught:
            await tim.accounts.delete.one("Mary", timeout=0.01)
        assert isinstance(caught.value.outcome, Unknown | NotSent)


@pytest.mark.parametrize(("maybe_sent", "kind"), [(False, NotSent), (True, Unknown)])
async def test_max_wait_raises_at_once_when_more_is_known_to_be_ahead(
    maybe_sent: bool, kind: type[NotSent | Unknown], puppet: Puppet
) -> None:
    async with client_of(puppet, max_in_flight=1, close_timeout=0) as tim:
        task, call = await hanging(puppet, tim.accounts.delete([f"u{number}" for number in range(900)]))
        with pytest.raises(AccountError, match="more than max_wait allows") as caught:
            await tim.accounts.delete.one("Mary", priority="normal", max_wait=0.01, maybe_sent=maybe_sent)
        assert caught.value.outcome == kind(0, "Mary", reason=caught.value.outcome.reason)
        puppet.respond = yes
        call.answer(yes(call))
        assert (await task).ok
        assert "Mary" not in [account for call in puppet.calls for account in call.accounts]


async def test_max_wait_raises_later_when_its_turn_does_not_come(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        task, call = await hanging(puppet, tim.accounts.delete.one("Tom"))
        with pytest.raises(AccountError, match=r"max_wait of 0.01 s was over") as caught:
            await tim.accounts.delete.one("Mary", max_wait=0.01)
        assert isinstance(caught.value.outcome, NotSent)
        call.answer(yes(call))
        await task


async def test_max_wait_says_nothing_about_the_answer(puppet: Puppet) -> None:
    async with client_of(puppet) as tim:
        task, call = await hanging(puppet, tim.push.get_tags.one("Tom", max_wait=0.01))
        with pytest.raises(AccountError):  # of the other command: by now the time above is over too
            await tim.accounts.delete.one("Mary", timeout=0.02)
        call.answer(yes(call))
        assert await task == ("tag of Tom",)
        late = await puppet.call()
        late.answer(yes(late))


async def test_an_item_that_was_tried_has_had_its_turn(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        task, call = await hanging(puppet, tim.accounts.delete.one("Mary", max_wait=0.02))
        call.answer(refuse(70500))
        again = await puppet.call()
        again.answer(yes(again))
        assert await task is None


# Priorities


async def test_an_interactive_item_goes_before_a_bulk_batch_that_waits(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        bulk, held = await hanging(puppet, tim.push.get_tags([f"u{number}" for number in range(300)], priority="bulk"))
        one = asyncio.create_task(tim.push.get_tags.one("Mary"))
        await asyncio.sleep(0)
        puppet.respond = yes
        held.answer(yes(held))
        assert await one == ("tag of Mary",)
        assert "Mary" in puppet.calls[1].accounts
        assert (await bulk).ok


async def test_batches_of_one_priority_take_schedule(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        first, held = await hanging(puppet, tim.accounts.delete([f"a{number}" for number in range(400)]))
        second = asyncio.create_task(tim.accounts.delete([f"b{number}" for number in range(400)]))
        await asyncio.sleep(0)
        puppet.respond = yes
        held.answer(yes(held))
        assert (await first).ok
        assert (await second).ok
        assert "".join(call.accounts[0][0] for call in puppet.calls) in {"aabababb", "abababab"}


# Whole refusals


async def test_a_wrong_key_raises_with_the_result_and_costs_a_handful_of_calls(emulator: Emulator) -> None:
    async with client_of(emulator, secret_key="wrong") as tim:
        with pytest.raises(CredentialsError) as caught:
            await tim.accounts.delete([f"u{number}" for number in range(1500)])
        assert caught.value.code == 70009
        result = caught.value.result
        assert result is not None
        assert set(kinds(result)) <= {Rejected, NotSent}
        assert len(result) == result.stats.items
        assert result.unread is (len(result) < 1500)
        assert emulator.statistics()[DELETE].calls <= 4
        with pytest.raises(CredentialsError) as one:
            await tim.push.get_tags.one("Mary")
        assert one.value.result is not None
        assert one.value.result.outcomes[0].account == "Mary"


async def test_every_stopped_batch_has_an_error_of_its_own(puppet: Puppet) -> None:
    puppet.respond = refusing(70009)
    async with client_of(puppet) as tim:
        errors = await asyncio.gather(tim.accounts.delete(["a"]), tim.accounts.delete(["b"]), return_exceptions=True)
    first, second = errors
    assert isinstance(first, CredentialsError)
    assert isinstance(second, CredentialsError)
    assert first.result is not None
    assert second.result is not None
    assert [outcome.account for outcome in first.result] == ["a"]
    assert [outcome.account for outcome in second.result] == ["b"]


async def test_a_name_that_was_never_declared_stops_the_batch_soon() -> None:
    async with Emulator(attribute_names=["city"], rate=math.inf) as emulator, client_of(emulator, limiter=None) as tim:
        names = [f"u{number}" for number in range(2000)]
        emulator.accounts.add(*names)
        with pytest.raises(InvalidRequest) as caught:
            await tim.push.set_attributes({name: {"town": "Oslo"} for name in names})
        assert caught.value.code == 90033
        assert emulator.statistics()["timpush/set_attr"].calls < 900


async def test_the_guilty_item_is_found_and_the_innocent_succeed() -> None:
    async with Emulator(attribute_names=["city"]) as emulator, client_of(emulator) as tim:
        names = [f"u{number}" for number in range(100)]
        emulator.accounts.add(*names)
        attributes = {name: {"town" if name == "u42" else "city": "Oslo"} for name in names}
        result = await tim.push.set_attributes(attributes)
        (error,) = result.errors
        assert isinstance(error, Rejected)
        assert (error.account, error.code) == ("u42", 90033)
        assert emulator.statistics()["timpush/set_attr"].calls <= 1 + 2 * 7


async def test_lost_answers_are_asked_for_again(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a", "b")
    emulator.faults = Faults(rules=[on(DELETE, do="reset_after", call=1)])
    result = await client.accounts.delete(["a", "b"])
    assert result.ok  # 70107 on the repeat, which is the echo of the first call
    assert (result.stats.calls, result.stats.retries) == (2, 1)


async def test_outcomes_of_different_kinds_have_the_order_of_the_input(client: Client, emulator: Emulator) -> None:
    emulator.accounts.add("a", "c")
    result = await client.accounts.delete(["a", "b", "", "c"])
    outcomes: list[Outcome[None]] = list(result)
    assert [type(outcome) for outcome in outcomes] == [Ok, Rejected, NotSent, Ok]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2, 3]


async def test_a_cancelled_caller_of_one_item_withdraws_it(puppet: Puppet) -> None:
    async with client_of(puppet, max_in_flight=1) as tim:
        task, call = await hanging(puppet, tim.accounts.delete.one("Tom"))
        waiting = asyncio.create_task(tim.accounts.delete.one("Mary", timeout=30))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        call.answer(yes(call))
        await task
    assert [call.accounts for call in puppet.calls] == [["Tom"]]


# What is owed


@pytest.mark.parametrize("kind", [list, tuple, dict.fromkeys])
async def test_a_batch_with_a_length_gets_an_outcome_for_each_of_its_items_though_few_were_sent(
    kind: Callable[[list[str]], Iterable[str]], puppet: Puppet
) -> None:
    names = [f"user{number}" for number in range(5000)]
    async with client_of(puppet, close_timeout=0) as tim:
        result = await tim.accounts.delete(kind(names), timeout=0.05)
    assert [outcome.account for outcome in result] == names
    assert {type(outcome) for outcome in result} == {Unknown, NotSent}
    assert not result.unread
    assert len(result.retryable()) == 5000


async def test_without_a_length_there_is_an_outcome_for_what_was_taken(puppet: Puppet) -> None:
    async with client_of(puppet, close_timeout=0) as tim:
        result = await tim.accounts.delete((f"user{number}" for number in range(5000)), timeout=0.05)
    assert 0 < len(result) < 5000
    assert result.unread


async def test_a_wrong_key_leaves_none_of_a_long_list_without_an_outcome(emulator: Emulator) -> None:
    async with client_of(emulator, secret_key="not-the-key") as tim:
        with pytest.raises(CredentialsError) as caught:
            await tim.push.set_attributes({f"user{number}": {"city": "Oslo"} for number in range(4000)})
    assert caught.value.result is not None
    assert len(caught.value.result) == 4000
    assert {type(outcome) for outcome in caught.value.result} == {Rejected, NotSent}
    assert {error.code for error in caught.value.result.errors} == {70009}
    assert caught.value.result.retryable() == [(f"user{number}", {"city": "Oslo"}) for number in range(4000)]
    assert (caught.value.code, caught.value.path) == (70009, "timpush/set_attr")


# Afterwards


async def test_what_is_done_leaves_nothing_for_the_garbage_collector(client: Client, emulator: Emulator) -> None:
    """At 9,000 single requests a second what it would have to find stops the loop for 0.1 s, again and again."""

    def owners() -> int:
        return sum(isinstance(each, Owner) for each in gc.get_objects())

    names = [f"u{number}" for number in range(250)]
    emulator.accounts.add(*names)
    gc.collect()
    gc.disable()
    try:
        before = owners()
        await asyncio.gather(*map(client.push.get_tags.one, names))
        await client.push.get_tags([*names, "nobody", ""])
        async with client.push.get_tags.stream(names) as outcomes:
            assert len([outcome async for outcome in outcomes]) == 250
        del outcomes
        await asyncio.sleep(0)  # the last call's task ends
        assert owners() == before
    finally:
        gc.enable()


async def test_a_result_keeps_no_object_of_the_callers_that_was_refused(client: Client) -> None:
    class Form:
        """No mapping, and yet given as attributes."""

        result: object = None

    form: Any = Form()
    form.result = await client.push.set_attributes([("Mary", form)])
    assert [type(outcome) for outcome in form.result] == [NotSent]
    seen = weakref.ref(form)
    del form
    gc.collect()
    assert seen() is None


async def test_arguments_to_send_again_are_the_callers_to_change(puppet: Puppet) -> None:
    puppet.respond = refusing(91000)
    async with client_of(puppet, attempts=1) as tim:
        given = {"n": "1"}
        result = await tim.push.set_attributes(dict.fromkeys(["Mary", "Paul"], given))
        (_, first), (_, second) = result.retryable()
        first["n"] = "2"
        assert (given, second, result.retryable()[0]) == ({"n": "1"}, {"n": "1"}, ("Mary", {"n": "1"}))
