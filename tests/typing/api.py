"""Calls only, as users write them, read by mypy and pyright and never run: every type is inferred, without a cast."""

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_type

from tim_async import AccountError, BatchResult, Client, NotSent, Ok, Outcome, Rejected, Stats, Unknown
from tim_async.service.endpoints.values import (
    AttributeNames,
    Friend,
    ImportedFriend,
    NewAccount,
    NewFriend,
    Presence,
    Profile,
)

Failed = Rejected | Unknown | NotSent


async def a_result(tim: Client, ids: Iterable[str]) -> None:
    result = await tim.push.get_tags(ids)
    assert_type(result, BatchResult[tuple[str, ...]])
    assert_type(result["Mary"], tuple[str, ...])
    assert_type(result.values, dict[str, tuple[str, ...]])
    assert_type(result.outcomes, list[Outcome[tuple[str, ...]]])
    assert_type(result.errors, list[Failed])
    assert_type(result.ok, bool)
    assert_type(result.stats, Stats)
    assert_type(result.raise_for_errors(), BatchResult[tuple[str, ...]])
    assert_type("Mary" in result, bool)
    assert_type(iter(result), Iterator[Outcome[tuple[str, ...]]])
    for outcome in result:
        match outcome:
            case Ok():
                assert_type(outcome.value, tuple[str, ...])
            case Rejected() | Unknown() | NotSent():
                assert_type(outcome.code, int | None)
                assert_type(outcome.reason, str)


async def an_error(tim: Client) -> None:
    try:
        await tim.accounts.delete.one("Mary")
    except AccountError as error:
        assert_type(error.outcome, Failed)
        assert_type(error.code, int | None)


async def what_a_batch_may_be(
    tim: Client, rows: AsyncIterable[str], pairs: AsyncIterable[tuple[str, list[str]]]
) -> None:
    await tim.accounts.delete(["Mary"])
    await tim.accounts.delete({"Mary"})
    await tim.accounts.delete(name for name in ("Mary", "Bob"))
    await tim.accounts.delete(rows, priority="bulk", timeout=60)
    await tim.push.add_tags(pairs)
    await tim.push.add_tags({"Mary": ("a", "b")})
    await tim.push.add_tags([("Mary", ["a"])], replace=True)
    await tim.push.set_attributes({"Mary": {"city": "Oslo"}})
    await tim.push.set_attributes([("Mary", {"city": "Oslo"})])
    await tim.accounts.import_many(["Mary", ("Bob", {"nick": "B"})])
    await tim.accounts.import_many({"Mary": {"nick": "M"}, "Bob": None})


async def accounts(tim: Client, ids: Iterable[str], known: Mapping[str, NewAccount | None]) -> None:
    assert_type(await tim.accounts.delete(ids), BatchResult[None])
    assert_type((await tim.accounts.check(ids))["Mary"], bool)
    assert_type(await tim.accounts.check.one("Mary", max_wait=1), bool)
    assert_type(await tim.accounts.import_many(known), BatchResult[None])
    await tim.accounts.import_many.one("Mary", {"nick": "M", "face_url": "https://example.com/m.png"})
    async with tim.accounts.check.stream(ids) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[bool])
    async with tim.accounts.import_many.stream(known) as imported:
        async for done in imported:
            assert_type(done, Outcome[None])


async def push(tim: Client, ids: Iterable[str]) -> None:
    assert_type(await tim.push.set_attributes({"Mary": {"city": "Oslo"}}), BatchResult[None])
    assert_type((await tim.push.get_attributes(ids))["Mary"], dict[str, str])
    assert_type(await tim.push.get_attributes.one("Mary"), dict[str, str])
    assert_type(await tim.push.remove_attributes({"Mary": ["city"]}), BatchResult[None])
    assert_type(await tim.push.add_tags({"Mary": ["a"]}), BatchResult[None])
    assert_type(await tim.push.remove_tags({"Mary": ["a"]}), BatchResult[None])
    assert_type(await tim.push.clear_tags(ids), BatchResult[None])
    async with tim.push.get_tags.stream(ids) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[tuple[str, ...]])
    async with tim.push.add_tags.stream({"Mary": ["a"]}, replace=True) as added:
        async for done in added:
            assert_type(done, Outcome[None])


async def after_a_crash(tim: Client, ids: Iterable[str], new: Mapping[str, NewFriend]) -> None:
    async def note(places: Sequence[int]) -> None: ...

    message = {"Title": "t"}
    assert_type(await tim.push.get_tags(ids, maybe_sent=True), BatchResult[tuple[str, ...]])
    assert_type(await tim.push.add_tags({"Mary": ["a"]}, replace=True, maybe_sent=True), BatchResult[None])
    await tim.push.add_tags.one("Mary", ["a"], replace=True, maybe_sent=True)
    async with tim.push.add_tags.stream([("Mary", ["a"])], replace=True, maybe_sent=True, before_send=note) as added:
        assert_type(await anext(added), Outcome[None])
    assert_type(await tim.accounts.import_many(ids, maybe_sent=True), BatchResult[None])
    await tim.accounts.import_many.one("Mary", maybe_sent=True)
    async with tim.accounts.import_many.stream(ids, maybe_sent=True, before_send=note) as imported:
        assert_type(await anext(imported), Outcome[None])
    assert_type(await tim.push.send_to(ids, offline_push_info=message, maybe_sent=True), BatchResult[str])
    async with tim.friends.of("Mary").add.stream(new, maybe_sent=True, before_send=note) as friends:
        assert_type(await anext(friends), Outcome[None])
    async with tim.friends.of("Mary").add.stream({"Bob": {"add_source": "AddSource_Type_Web"}}) as friends:
        assert_type(await anext(friends), Outcome[None])
    async with tim.groups.of("g1").remove_members.stream(ids, before_send=note) as removed:
        assert_type(await anext(removed), Outcome[None])


async def messages(tim: Client, ids: Iterable[str]) -> None:
    message = {"Title": "t", "Desc": "d"}
    assert_type(await tim.push.send(offline_push_info=message, tags_or=["a"]), str)
    assert_type(await tim.push.send_to(ids, offline_push_info=message), BatchResult[str])
    hello = tim.push.send_to.of(offline_push_info=message)
    assert_type(await hello.one("Mary"), str)
    async with hello.stream(ids) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[str])
    await tim.push.revoke("task")
    await tim.push.set_attribute_names({0: "sex"}, {0: 1})
    await tim.all_member_push.set_attribute_names({"0": "sex"})
    assert_type(await tim.push.get_attribute_names(), AttributeNames)
    assert_type(await tim.all_member_push.get_attribute_names(), AttributeNames)
    assert_type(await tim.call("openim/sendmsg", {"To_Account": "Mary"}, repeat=True), dict[str, Any])


async def all_member_push(tim: Client, ids: Iterable[str]) -> None:
    assert_type(await tim.all_member_push.set_attributes({"Mary": {"city": "Oslo"}}), BatchResult[None])
    assert_type((await tim.all_member_push.get_attributes(ids))["Mary"], dict[str, str])
    assert_type(await tim.all_member_push.remove_attributes({"Mary": ["city"]}), BatchResult[None])
    assert_type(await tim.all_member_push.add_tags({"Mary": ["a"]}), BatchResult[None])
    assert_type(await tim.all_member_push.get_tags.one("Mary"), tuple[str, ...])
    assert_type(await tim.all_member_push.remove_tags({"Mary": ["a"]}), BatchResult[None])
    assert_type(await tim.all_member_push.clear_tags(ids), BatchResult[None])


async def people(tim: Client, ids: Iterable[str]) -> None:
    assert_type((await tim.presence.query(ids))["Mary"], Presence)
    assert_type((await tim.presence.query.one("Mary")).online, bool)
    assert_type((await tim.profiles.get(ids))["Mary"], Profile)
    assert_type((await tim.profiles.select("Tag_Profile_IM_Nick").get.one("Mary")).nick, str | None)


async def relations(
    tim: Client,
    ids: Iterable[str],
    new: Mapping[str, NewFriend],
    old: Mapping[str, ImportedFriend],
    changes: Mapping[str, Mapping[str, str | int | Sequence[str]]],
) -> None:
    friends = tim.friends.of("Mary", add_type="Add_Type_Single")
    assert_type(await friends.add(new), BatchResult[None])
    await friends.add({"Bob": {"add_source": "AddSource_Type_Web"}})
    assert_type(await friends.import_(old), BatchResult[None])
    assert_type(await friends.update(changes), BatchResult[None])
    await friends.update.one("Bob", {"Tag_SNS_IM_Group": ["g"], "Tag_SNS_IM_Remark": "r"})
    assert_type(await friends.delete(ids), BatchResult[None])
    assert_type(await friends.check.one("Bob"), str)
    assert_type((await friends.get(ids))["Bob"], Friend)
    blocked = tim.block_list.of("Mary")
    assert_type(await blocked.add(ids), BatchResult[None])
    assert_type(await blocked.delete(ids), BatchResult[None])
    assert_type((await blocked.check(ids)).values, dict[str, str])
    group = tim.groups.of("g1", silence=True)
    assert_type(await group.add_members(ids), BatchResult[None])
    assert_type(await group.remove_members(ids), BatchResult[None])
