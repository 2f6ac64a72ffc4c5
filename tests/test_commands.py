"""Every command that takes a list, over a socket, against the emulator: what users write, and what it does there."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from servers import client_of

from tim_async import AccountError, Client, InvalidRequest, NotSent, Ok, Rejected, Unknown
from tim_async.emulator import Emulator, Faults, Kind, on
from tim_async.service.endpoints import ENDPOINTS
from tim_async.service.endpoints.values import Device, Friend, ImportedFriend, NewFriend, Presence, Profile

pytestmark = pytest.mark.clock("patient")  # what is in one loop has time, however slow the machine is

OWNER = "owner"
STRANGER = "stranger"
KNOWN = [f"user {number}" for number in range(101)]
SOURCE = "AddSource_Type_Web"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Without limits: these tests are about words. All accounts but the stranger are imported."""
    async with Emulator(seed=1, rate=math.inf) as emulator:
        emulator.accounts.add(OWNER, *KNOWN)
        for name in KNOWN:
            emulator.accounts[name].attributes["sex"] = "female"
            emulator.accounts[name].tags = ["a"]
        yield emulator


@pytest.fixture
async def tim(emulator: Emulator) -> AsyncIterator[Client]:
    async with client_of(emulator, limiter=None) as client:
        yield client


async def befriended(tim: Client) -> None:
    """The owner has them all as friends."""
    known: dict[str, ImportedFriend] = {name: {"add_source": SOURCE, "remark": "r"} for name in KNOWN}
    (await tim.friends.of(OWNER).import_(known)).raise_for_errors()


async def blocked(tim: Client) -> None:
    (await tim.block_list.of(OWNER).add(KNOWN)).raise_for_errors()


async def grouped(tim: Client) -> None:
    await tim.call("group_open_http_svc/create_group", {"Type": "Public", "Name": "n", "GroupId": "g1"})


async def as_it_is(_tim: Client) -> None:
    """Nothing need be there before."""


@dataclass(frozen=True)
class Scene:
    """One command: how it is written, and what it gives for an imported account and for a stranger."""

    operation: Callable[[Client], Any]
    value: Any = None
    stranger: int | None = 70107
    """The code with which a stranger is refused; 0 for "no code"; None if it is Ok like the others."""
    argument: Any = None
    before: Callable[[Client], Any] = as_it_is


NEW_FRIEND = {"add_source": SOURCE, "remark": "r"}

SCENES: dict[str, Scene] = {
    "im_open_login_svc/account_check": Scene(lambda tim: tim.accounts.check, True, None),
    "im_open_login_svc/account_delete": Scene(lambda tim: tim.accounts.delete),
    "im_open_login_svc/multiaccount_import": Scene(
        lambda tim: tim.accounts.import_many, None, None, {"nick": "N", "face_url": "F"}
    ),
    "timpush/set_attr": Scene(lambda tim: tim.push.set_attributes, argument={"city": "Oslo"}),
    "timpush/get_attr": Scene(lambda tim: tim.push.get_attributes, {"sex": "female"}),
    "timpush/remove_attr": Scene(lambda tim: tim.push.remove_attributes, argument=["sex"]),
    "timpush/add_tag": Scene(lambda tim: tim.push.add_tags, argument=["b"]),
    "timpush/get_tag": Scene(lambda tim: tim.push.get_tags, ("a",)),
    "timpush/remove_tag": Scene(lambda tim: tim.push.remove_tags, argument=["a"]),
    "timpush/clear_all_tags": Scene(lambda tim: tim.push.clear_tags),
    "timpush/batch": Scene(lambda tim: tim.push.send_to.of(offline_push_info={"Title": "t"}, data_id="d"), "batch_1"),
    "all_member_push/im_set_attr": Scene(lambda tim: tim.all_member_push.set_attributes, None, None, {"city": "Oslo"}),
    "all_member_push/im_get_attr": Scene(lambda tim: tim.all_member_push.get_attributes, {"sex": "female"}, None),
    "all_member_push/im_remove_attr": Scene(lambda tim: tim.all_member_push.remove_attributes, None, None, ["sex"]),
    "all_member_push/im_add_tag": Scene(lambda tim: tim.all_member_push.add_tags, None, None, ["b"]),
    "all_member_push/im_get_tag": Scene(lambda tim: tim.all_member_push.get_tags, ("a",), None),
    "all_member_push/im_remove_tag": Scene(lambda tim: tim.all_member_push.remove_tags, None, None, ["a"]),
    "all_member_push/im_remove_all_tags": Scene(lambda tim: tim.all_member_push.clear_tags, None, None),
    "openim/query_online_status": Scene(lambda tim: tim.presence.query, Presence("Offline")),
    "profile/portrait_get": Scene(lambda tim: tim.profiles.get, Profile(), 40003),
    "sns/friend_add": Scene(lambda tim: tim.friends.of(OWNER).add, None, 30003, NEW_FRIEND),
    "sns/friend_import": Scene(lambda tim: tim.friends.of(OWNER).import_, None, 30003, NEW_FRIEND),
    "sns/friend_update": Scene(
        lambda tim: tim.friends.of(OWNER).update, None, 30001, {"Tag_SNS_IM_Group": ["g"]}, befriended
    ),
    "sns/friend_delete": Scene(lambda tim: tim.friends.of(OWNER).delete, None, None, before=befriended),
    "sns/friend_check": Scene(
        lambda tim: tim.friends.of(OWNER).check, "CheckResult_Type_AWithB", 30003, before=befriended
    ),
    "sns/friend_get_list": Scene(
        lambda tim: tim.friends.of(OWNER).get, Friend(remark="r", add_source=SOURCE), 30003, before=befriended
    ),
    "sns/black_list_add": Scene(lambda tim: tim.block_list.of(OWNER).add, None, 30003),
    "sns/black_list_delete": Scene(lambda tim: tim.block_list.of(OWNER).delete, None, None, before=blocked),
    "sns/black_list_check": Scene(
        lambda tim: tim.block_list.of(OWNER).check, "BlackCheckResult_Type_AWithB", 30003, before=blocked
    ),
    "group_open_http_svc/add_group_member": Scene(lambda tim: tim.groups.of("g1").add_members, None, 0, before=grouped),
    "group_open_http_svc/delete_group_member": Scene(
        lambda tim: tim.groups.of("g1").remove_members, None, None, before=grouped
    ),
}

each_scene = pytest.mark.parametrize("path", SCENES)


def items(scene: Scene, accounts: list[str]) -> list[Any]:
    return accounts if scene.argument is None else [(account, scene.argument) for account in accounts]


def one(scene: Scene, account: str) -> tuple[Any, ...]:
    return (account,) if scene.argument is None else (account, scene.argument)


def test_every_command_that_takes_a_list_is_played() -> None:
    assert set(SCENES) == {row.path for row in ENDPOINTS if not row.plain}


@each_scene
async def test_a_batch_has_one_outcome_for_each_account_in_its_order(
    path: str, emulator: Emulator, tim: Client
) -> None:
    scene = SCENES[path]
    await scene.before(tim)
    accounts = [*KNOWN[:50], STRANGER, *KNOWN[50:]]
    before = emulator.statistics()[path].calls if path in emulator.statistics() else 0

    result = await scene.operation(tim)(items(scene, accounts))

    assert [outcome.account for outcome in result] == accounts
    (row,) = [row for row in ENDPOINTS if row.path == path]
    assert emulator.statistics()[path].calls - before == math.ceil(len(accounts) / row.limit)
    for outcome in result:
        if outcome.account != STRANGER:
            assert outcome == Ok(outcome.index, outcome.account, scene.value)
        elif scene.stranger is None:
            assert isinstance(outcome, Ok)
        else:
            assert isinstance(outcome, Rejected)
            assert outcome.code == (scene.stranger or None)


@each_scene
async def test_one_item_gives_its_value_or_raises(path: str, tim: Client) -> None:
    scene = SCENES[path]
    await scene.before(tim)
    operation = scene.operation(tim)

    assert await operation.one(*one(scene, KNOWN[7])) == scene.value
    if scene.stranger is None:
        await operation.one(*one(scene, STRANGER))
        return
    with pytest.raises(AccountError) as caught:
        await operation.one(*one(scene, STRANGER))
    assert caught.value.account == STRANGER
    assert caught.value.code == (scene.stranger or None)


@each_scene
async def test_a_stream_gives_every_outcome_once(path: str, tim: Client) -> None:
    scene = SCENES[path]
    await scene.before(tim)
    async with scene.operation(tim).stream(iter(items(scene, [*KNOWN, STRANGER]))) as outcomes:
        got = [outcome async for outcome in outcomes]
    assert sorted(outcome.index for outcome in got) == list(range(len(KNOWN) + 1))
    assert all(isinstance(outcome, Ok) for outcome in got if outcome.account != STRANGER)


LIES: tuple[Kind, ...] = ("wrong_order", "strangers", "twice", "unknown_fields", "string_numbers")
# Where nobody failed, and silence means Ok, an error about a stranger is all that is said: it may mean any of ours.
SAYS_NOTHING = {
    "all_member_push/im_set_attr",
    "all_member_push/im_remove_attr",
    "all_member_push/im_add_tag",
    "all_member_push/im_remove_tag",
    "all_member_push/im_remove_all_tags",
}
TELLING = [(path, lie) for path in SCENES for lie in LIES if lie != "strangers" or path not in SAYS_NOTHING]


@pytest.mark.parametrize(("path", "lie"), TELLING)
async def test_an_answer_told_in_another_way_means_the_same(
    path: str, lie: Kind, emulator: Emulator, tim: Client
) -> None:
    scene = SCENES[path]
    await scene.before(tim)
    emulator.faults = Faults(chances={lie: 1.0}, seed=1)
    result = await scene.operation(tim)(items(scene, ["user 1", STRANGER, "user 2"]))
    assert [result["user 1"], result["user 2"]] == [scene.value, scene.value]
    assert [outcome.code for outcome in result.errors] == ([] if scene.stranger is None else [scene.stranger or None])


@pytest.mark.parametrize("path", sorted(SAYS_NOTHING))
async def test_errors_about_strangers_alone_are_asked_again_and_unknown_in_the_end(
    path: str, emulator: Emulator
) -> None:
    scene = SCENES[path]
    emulator.faults = Faults(chances={"strangers": 1.0}, seed=1)
    async with client_of(emulator, limiter=None, attempts=2) as tim:
        result = await scene.operation(tim)(items(scene, ["user 1", "user 2"]))
        emulator.faults = Faults(rules=[on(path, do="strangers", call=1)])
        again = await scene.operation(tim)(items(scene, ["user 1", "user 2"]))
    assert [type(outcome) for outcome in result] == [Unknown, Unknown]
    assert result.stats.calls == 2
    assert [type(outcome) for outcome in again] == [Ok, Ok]
    assert again.stats.calls == 2


# What they do there


async def test_import_takes_accounts_and_what_is_known_of_them_in_any_mixture(emulator: Emulator, tim: Client) -> None:
    result = await tim.accounts.import_many(["a", ("b", {"nick": "B"}), ("c", None), ("d", {})])
    assert result.ok
    mapped = await tim.accounts.import_many({"e": {"face_url": "http://example.com/e.png"}, "f": None})
    assert mapped.ok
    assert emulator.accounts["b"].nickname == "B"
    assert emulator.accounts["e"].face_url == "http://example.com/e.png"
    assert {"a", "c", "d", "f"} <= set(emulator.accounts)


async def test_import_reads_generators_of_both_kinds_and_closes_them(emulator: Emulator, tim: Client) -> None:
    closed: list[str] = []

    def names() -> Generator[str]:
        try:
            yield from ("a", "b")
        finally:
            closed.append("names")

    async def pairs() -> AsyncIterator[Any]:
        try:
            yield "c", {"nick": "C"}
            yield "d"
        finally:
            closed.append("pairs")

    class Source:
        """An async iterator that is no generator, and so has nothing to close."""

        def __init__(self) -> None:
            self.left = ["e"]

        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    assert (await tim.accounts.import_many(names())).ok
    assert (await tim.accounts.import_many(pairs())).ok
    assert (await tim.accounts.import_many(Source())).ok
    async with tim.accounts.import_many.stream(names()) as outcomes:
        assert [outcome.account async for outcome in outcomes] == ["a", "b"]
    assert closed == ["names", "pairs", "names"]
    assert emulator.accounts["c"].nickname == "C"
    assert "e" in emulator.accounts


async def test_what_an_import_refuses_here_is_not_sent_and_can_be_told_from_the_others(tim: Client) -> None:
    wrong: Any = {"nick": 7}
    result = await tim.accounts.import_many(["x" * 33, ("b", wrong), "c"])
    assert [type(outcome) for outcome in result] == [NotSent, NotSent, Ok]
    await tim.accounts.import_many.one("d")
    with pytest.raises(TypeError):
        await tim.accounts.import_many("Mary")


async def test_an_import_that_came_to_no_end_can_be_repeated_with_what_it_gave_back(emulator: Emulator) -> None:
    emulator.faults = Faults(rules=[on("im_open_login_svc/multiaccount_import", do="busy", call=1)])
    async with client_of(emulator, limiter=None, attempts=1) as tim:
        result = await tim.accounts.import_many({"a": {"nick": "A"}})
        assert [type(outcome) for outcome in result] == [Unknown]
        assert (await tim.accounts.import_many(result.retryable())).ok
    assert emulator.accounts["a"].nickname == "A"


async def test_tags_are_added_or_put_in_place_of_all_others(emulator: Emulator, tim: Client) -> None:
    await tim.push.add_tags.one("user 1", ["b", "c"])
    assert emulator.accounts["user 1"].tags == ["a", "b", "c"]
    await tim.push.add_tags.one("user 1", ["x"], replace=True)
    assert emulator.accounts["user 1"].tags == ["x"]
    many = [f"t{number}" for number in range(11)]
    refused = await tim.push.add_tags({"user 1": many})
    assert [type(outcome) for outcome in refused] == [NotSent]
    assert (await tim.push.add_tags({"user 1": many}, replace=True)).ok
    assert emulator.accounts["user 1"].tags == many
    async with tim.push.add_tags.stream({"user 1": ["y"]}, replace=True) as outcomes:
        assert [outcome.account async for outcome in outcomes] == ["user 1"]
    assert emulator.accounts["user 1"].tags == ["y"]


async def test_added_and_replaced_tags_never_share_a_call(emulator: Emulator, tim: Client) -> None:
    await asyncio.gather(
        tim.push.add_tags({"user 1": ["b"]}),
        tim.push.add_tags({"user 2": ["b"]}, replace=True),
    )
    assert emulator.accounts["user 1"].tags == ["a", "b"]
    assert emulator.accounts["user 2"].tags == ["b"]
    assert emulator.statistics()["timpush/add_tag"].calls == 2


async def test_a_registration_id_may_stand_for_an_account_in_the_push_service(emulator: Emulator, tim: Client) -> None:
    registration = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    emulator.accounts.add(registration, registration=True)
    await tim.push.set_attributes.one(registration, {"city": "Oslo"})
    assert await tim.push.get_attributes.one(registration) == {"city": "Oslo"}


async def test_presence_tells_the_devices(emulator: Emulator, tim: Client) -> None:
    emulator.accounts["user 1"].platforms = {"iPhone": "Online", "Web": "PushOnline"}
    presence = await tim.presence.query.one("user 1")
    assert presence == Presence("Online", (Device("iPhone", "Online"), Device("Web", "PushOnline")))


async def test_the_status_may_be_spelled_as_of_old() -> None:
    async with Emulator(rate=math.inf, status_field="State") as emulator:
        emulator.accounts.add("Mary")
        emulator.accounts["Mary"].platforms = {"Web": "Online"}
        async with client_of(emulator) as tim:
            assert await tim.presence.query.one("Mary") == Presence("Online", (Device("Web", "Online"),))


async def test_where_every_account_failed_each_has_its_own_code(tim: Client) -> None:
    result = await tim.presence.query(["x", "y"])
    assert [(type(outcome), outcome.code) for outcome in result.errors] == [(Rejected, 70107), (Rejected, 70107)]
    assert result.stats.calls == 1


async def test_profiles_give_the_fields_that_were_asked_for(emulator: Emulator, tim: Client) -> None:
    emulator.accounts["user 1"].nickname = "M"
    emulator.accounts["user 1"].profile = {"Tag_Profile_IM_BirthDay": 20001231, "Tag_Profile_Custom_Pet": "dog"}
    assert await tim.profiles.get.one("user 1") == Profile(nick="M", birthday=20001231)
    pets = tim.profiles.select("Tag_Profile_Custom_Pet")
    assert await pets.get.one("user 1") == Profile(custom={"Tag_Profile_Custom_Pet": "dog"})


async def test_friends_of_different_accounts_never_share_a_call(emulator: Emulator, tim: Client) -> None:
    friend: dict[str, NewFriend] = {"user 3": {"add_source": SOURCE}}
    await asyncio.gather(*(tim.friends.of(name).add(friend) for name in ("user 1", "user 2")))
    assert emulator.statistics()["sns/friend_add"].calls == 2
    assert await tim.friends.of("user 1").check.one("user 3") == "CheckResult_Type_BothWay"
    assert await tim.friends.of("user 2").check.one("user 3") == "CheckResult_Type_BothWay"


async def test_a_friendship_can_be_made_and_ended_one_way(tim: Client) -> None:
    single = tim.friends.of(OWNER, add_type="Add_Type_Single", delete_type="Delete_Type_Both")
    await single.add.one("user 1", {"add_source": SOURCE})
    assert await single.check.one("user 1") == "CheckResult_Type_AWithB"
    await tim.friends.of(OWNER).add.one("user 2", {"add_source": SOURCE})
    await single.delete.one("user 2")
    assert await single.check.one("user 2") == "CheckResult_Type_NoRelation"


async def test_a_request_that_waits_for_consent_is_ok_and_force_asks_nobody(emulator: Emulator, tim: Client) -> None:
    emulator.accounts["user 1"].profile = {"Tag_Profile_IM_AllowType": "AllowType_Type_NeedConfirm"}
    await tim.friends.of(OWNER).add.one("user 1", {"add_source": SOURCE})
    assert await tim.friends.of(OWNER).check.one("user 1") == "CheckResult_Type_NoRelation"
    await tim.friends.of(OWNER, force_add=True).add.one("user 1", {"add_source": SOURCE})
    assert await tim.friends.of(OWNER).check.one("user 1") == "CheckResult_Type_BothWay"


async def test_friends_give_the_fields_that_were_asked_for(emulator: Emulator, tim: Client) -> None:
    await befriended(tim)
    emulator.accounts["user 1"].nickname = "M"
    await tim.friends.of(OWNER).update.one("user 1", {"Tag_SNS_IM_Group": ["g", "h"], "Tag_SNS_Custom_Since": "x"})
    chosen = tim.friends.of(OWNER, tags=["Tag_SNS_IM_Group", "Tag_Profile_IM_Nick", "Tag_SNS_Custom_Since"])
    friend = await chosen.get.one("user 1")
    assert friend == Friend(groups=("g", "h"), custom={"Tag_Profile_IM_Nick": "M", "Tag_SNS_Custom_Since": "x"})


async def test_what_a_blocked_repeat_says_is_ok_after_an_answer_that_was_lost(emulator: Emulator, tim: Client) -> None:
    emulator.faults = Faults(rules=[on("sns/black_list_add", do="reset_after", call=1)])
    assert (await tim.block_list.of(OWNER).add(["user 1"])).ok
    again = await tim.block_list.of(OWNER).add(["user 1"])
    assert [outcome.code for outcome in again.errors] == [30001]


async def test_who_is_a_member_already_is_ok_and_removing_twice_too(tim: Client) -> None:
    await grouped(tim)
    group = tim.groups.of("g1", silence=True, reason="spam")
    for _ in range(2):
        assert (await group.add_members(["user 1"])).ok
    for _ in range(2):
        assert (await group.remove_members(["user 1"])).ok


async def test_a_group_that_does_not_exist_refuses_each_account(tim: Client) -> None:
    result = await tim.groups.of("nowhere").add_members(["user 1", "user 2"])
    assert [(type(outcome), outcome.code) for outcome in result.errors] == [(Rejected, 10010), (Rejected, 10010)]


async def test_a_message_is_pushed_to_many_in_calls_of_their_own_random_number(emulator: Emulator, tim: Client) -> None:
    emulator.accounts.add(*(f"more {number}" for number in range(600)))
    accounts = [f"more {number}" for number in range(600)]
    result = await tim.push.send_to(
        accounts, offline_push_info={"Title": "t", "Desc": "d"}, from_account="user 1", msg_random=7
    )
    assert result.ok
    assert set(result.values.values()) == {"batch_1", "batch_2"}
    for account in ("more 0", "more 599"):
        assert len(emulator.books.of(account, "timpush/batch")) == 1


async def test_a_push_whose_answer_was_lost_is_not_sent_again(emulator: Emulator, tim: Client) -> None:
    emulator.faults = Faults(rules=[on("timpush/batch", do="reset_after", call=1)])
    result = await tim.push.send_to(["user 1"], offline_push_info={"Title": "t"})
    assert [type(outcome) for outcome in result] == [Unknown]
    assert emulator.statistics()["timpush/batch"].calls == 1


async def test_a_push_that_the_service_does_not_like_is_refused_in_one_call(emulator: Emulator, tim: Client) -> None:
    many = [f"more {number}" for number in range(500)]
    emulator.accounts.add(*many)
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"offline_push_info": {"Title": "t", "PushFlag": "zero"}}, 90043),
        ({"offline_push_info": {"Title": 7}}, 90043),
        ({"offline_push_info": {"Title": "t", "Ext": "x" * 20_000}}, 90056),
        ({"offline_push_info": {"Title": "t"}, "from_account": STRANGER}, 90008),
    ]
    for number, (message, code) in enumerate(wrong, 1):
        result = await tim.push.send_to(many, **message)
        assert {(type(outcome), outcome.code) for outcome in result.errors} == {(Rejected, code)}
        assert len(result.errors) == 500
        assert emulator.statistics()["timpush/batch"].calls == number
    with pytest.raises(InvalidRequest) as caught:
        await tim.push.send_to([*many, *KNOWN], **wrong[0][0])
    assert caught.value.code == 90043
    assert caught.value.result is not None
    # The second call was in flight by then.
    assert {(type(outcome), outcome.code) for outcome in caught.value.result.errors} == {(Rejected, 90043)}
    assert len(caught.value.result.errors) == 500 + len(KNOWN)
    assert emulator.statistics()["timpush/batch"].calls == len(wrong) + 2


async def test_groups_and_owners_that_do_not_exist_cost_one_call_each(emulator: Emulator, tim: Client) -> None:
    await grouped(tim)
    calls = [tim.groups.of(f"gone {number}").add_members(KNOWN[:100]) for number in range(5)]
    *gone, living = await asyncio.gather(*calls, tim.groups.of("g1").add_members(KNOWN[:100]))
    assert all({outcome.code for outcome in result.errors} == {10010} for result in gone)
    assert living.ok
    assert emulator.statistics()["group_open_http_svc/add_group_member"].calls == 6
    checked = await tim.friends.of(STRANGER).check(KNOWN[:100])
    assert [(type(outcome), outcome.code) for outcome in checked.errors] == [(Rejected, 30003)] * 100
    assert emulator.statistics()["sns/friend_check"].calls == 1


async def test_an_attribute_that_was_never_declared_is_told_in_three_calls() -> None:
    async with Emulator(rate=math.inf, attribute_names=["city"]) as emulator:
        emulator.accounts.add(*KNOWN)
        async with client_of(emulator, limiter=None) as tim:
            result = await tim.push.set_attributes({account: {"town": "Oslo"} for account in KNOWN[:100]})
        assert [(type(outcome), outcome.code) for outcome in result.errors] == [(Rejected, 90033)] * 100
        assert emulator.statistics()["timpush/set_attr"].calls == 3


ECHOES: list[tuple[str, Callable[[Client], Any], Any]] = [
    ("sns/friend_add", lambda tim: tim.friends.of(OWNER).add, {"add_source": SOURCE}),
    ("sns/friend_import", lambda tim: tim.friends.of(OWNER).import_, {"add_source": SOURCE}),
    ("sns/black_list_add", lambda tim: tim.block_list.of(OWNER).add, None),
]


@pytest.mark.parametrize(("path", "operation", "argument"), ECHOES)
async def test_a_write_of_a_relation_that_was_done_is_ok_when_its_repeat_says_so(
    path: str, operation: Callable[[Client], Any], argument: Any, emulator: Emulator, tim: Client
) -> None:
    emulator.faults = Faults(rules=[on(path, do="reset_after", call=1)])
    batch = ["user 1"] if argument is None else {"user 1": argument}
    assert (await operation(tim)(batch)).ok
    assert emulator.statistics()[path].calls == 2
    again = await operation(tim)(batch)
    assert [(type(outcome), outcome.code) for outcome in again.errors] == [(Rejected, 30001)]
    assert "Exist" in again.errors[0].info


async def test_an_error_about_a_stranger_alone_leaves_in_doubt_what_became_of_the_others(
    emulator: Emulator, tim: Client
) -> None:
    rule = on("timpush/clear_all_tags", do="strangers", accounts=["USER 1"], call=1)
    emulator.faults = Faults(rules=[rule])
    result = await tim.push.clear_tags(["user 1", "user 2"])
    assert result.ok
    assert emulator.statistics()["timpush/clear_all_tags"].calls == 2


# Mistakes in the call


NUMBER: Any = 7

MISTAKES: list[tuple[Callable[[Client], object], type[Exception], str]] = [
    (lambda tim: tim.friends.of(NUMBER), TypeError, "from_account must be a str"),
    (lambda tim: tim.groups.of("g", reason=NUMBER), TypeError, "reason must be a str"),
    (lambda tim: tim.friends.of(""), ValueError, "from_account is empty"),
    (lambda tim: tim.block_list.of("x" * 33), ValueError, "33 bytes long"),
    (lambda tim: tim.groups.of(""), ValueError, "group_id is empty"),
    (lambda tim: tim.groups.of("\ud800"), ValueError, "group_id is not valid Unicode"),
    (lambda tim: tim.groups.of("g", reason=""), ValueError, "reason"),
    (lambda tim: tim.profiles.select(), ValueError, "no tag is given"),
    (lambda tim: tim.profiles.select(NUMBER), TypeError, "a tag must be a str"),
    (lambda tim: tim.push.send_to.of(offline_push_info={}, msg_random=True), TypeError, "msg_random"),
    (lambda tim: tim.push.send_to.of(offline_push_info={}, msg_random=NUMBER / 2), TypeError, "msg_random"),
    (lambda tim: tim.push.send_to.of(offline_push_info={}, msg_random=2**32), ValueError, "msg_random"),
    (lambda tim: tim.push.send_to.of(offline_push_info={}, data_id="x" * 65), ValueError, "65 bytes long"),
    (lambda tim: tim.push.send_to.of(offline_push_info={"Ext": object()}), TypeError, "object"),
]


@pytest.mark.parametrize(("call", "error", "words"), MISTAKES)
def test_a_mistake_in_a_binding_raises_at_once(
    call: Callable[[Client], object], error: type[Exception], words: str
) -> None:
    tim = Client(sdk_app_id=1, secret_key="k")
    with pytest.raises(error, match=words):
        call(tim)


def operations(tim: Client) -> Iterator[object]:
    for scene in SCENES.values():
        yield scene.operation(tim)
    yield tim.push.send_to


def test_every_operation_tells_its_name() -> None:
    names = {repr(operation) for operation in operations(Client(sdk_app_id=1, secret_key="k"))}
    assert names == {f"<{row.group}.{row.method}: {row.path}>" for row in ENDPOINTS if not row.plain}
