"""What tests of users write, read by mypy and pyright and never run: a fake is a client, and its answers have types."""

from collections.abc import Iterable
from typing import Any, assert_type

from tim_async import AccountError, BatchResult, Client, ConnectError, NotSent, Ok, Outcome, Presence
from tim_async.emulator import Emulator
from tim_async.testing import Asked, FakeClient, VirtualTime, running_emulator, virtual_time


async def purge(tim: Client, ids: Iterable[str]) -> BatchResult[None]:
    """Code that is given a client."""
    return await tim.accounts.delete(ids)


async def a_fake_is_a_client() -> None:
    tim = FakeClient()
    assert_type(await purge(tim, ["Mary"]), BatchResult[None])
    assert_type(await tim.push.get_tags.one("Mary"), tuple[str, ...])
    async with tim.presence.query.stream(["Mary"]) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[Presence])
    assert_type(tim.asked, list[Asked])


def answers(tim: FakeClient) -> None:
    tim.when(tim.push.get_tags).answer({"Mary": ("red",), "Bob": AccountError.of("Bob", 70107)})
    tim.when(tim.accounts.delete).answer({"Bob": NotSent(0, "Bob")})
    tim.when(tim.accounts.check).answer({"Mary": False})
    tim.when(tim.push.add_tags).answer({"Bob": AccountError.of("Bob", 70107)})
    tim.when(tim.friends.of("Mary").check).answer({"Bob": "CheckResult_Type_BothWay"})
    tim.when(tim.push.send).answer("task-7")
    tim.when("openim/sendmsg").answer({"ErrorCode": 0})
    tim.when(tim.push.set_attributes).fail(ConnectError("timpush/set_attr", "no way"))


def results(known: dict[str, tuple[str, ...]]) -> None:
    assert_type(BatchResult.of({"Mary": True}), BatchResult[bool])
    assert_type(BatchResult.of(known), BatchResult[tuple[str, ...]])
    assert_type(BatchResult.of({"Mary": Ok(0, "Mary", True)}), BatchResult[bool])
    assert_type(BatchResult.of({"Mary": None, "Bob": AccountError.of("Bob", 70107).outcome}), BatchResult[None])
    mixed: BatchResult[tuple[str, ...]] = BatchResult.of({"Mary": ("a",), "Bob": AccountError.of("Bob", 70107)})
    assert_type(mixed["Mary"], tuple[str, ...])


async def virtual(tim: Client) -> None:
    async with virtual_time(attempts=2, emulator={"latency": 0.02}) as world:
        assert_type(world, VirtualTime)
        assert_type(world.client, Client)
        world.emulator.script(world.client.accounts.delete, "hang", call=1)
        world.emulator.script(tim.push.send, "busy", times=3)
        world.emulator.script("openim/sendmsg", "internal", call=None)
    with running_emulator(rate=5) as emulator:
        assert_type(emulator, Emulator)


def fixtures(tim_emulator: Emulator, tim_client: Client, options: dict[str, Any]) -> None:
    tim_emulator.script(tim_client.groups.of("g").add_members, "status", code=502, **options)
