"""A lease on a partition, moment by moment: whoever comes in between, never do two of them send."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from tim_async.bulk import JournalFull, JournalHeld
from tim_async.bulk.journal.opened import Job
from tim_async.bulk.partitions.lease import Lease, Mark, take

JOB = Job("accounts.delete", 1400000000, {}, {}, 1, "digest")
LEASE = 0.5
NAME = "part.started"


class Memory:
    """A store in memory, and what the test does there before something is read, created or replaced."""

    scratch = ""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.before: dict[tuple[str, str], Callable[[], object]] = {}

    def _comes(self, what: str, name: str) -> None:
        self.before.pop((what, name), int)()

    def read(self, name: str) -> bytes | None:
        self._comes("read", name)
        return self.files.get(name)

    def create(self, name: str, data: bytes) -> bool:
        self._comes("create", name)
        return self.files.setdefault(name, data) is data

    def replace(self, name: str, data: bytes) -> None:
        self._comes("replace", name)
        self.files[name] = data

    def put(self, path: object, name: str) -> None:
        raise NotImplementedError

    def open(self, name: str) -> object:
        raise NotImplementedError

    def mark(self, name: str = NAME) -> Mark:
        return msgspec.json.decode(self.files[name], type=Mark)

    def touch(self, name: str = NAME, **changes: object) -> None:
        """As its owner does who is alive."""
        self.files[name] = msgspec.json.encode(msgspec.structs.replace(self.mark(name), renewed=99, **changes))


def full() -> None:
    raise JournalFull("no room")


async def taken(store: Memory, lease: float = LEASE) -> Lease:
    return await take(store, NAME, JOB, lease=lease)  # type: ignore[arg-type] # its `open` opens nothing


async def test_a_dead_owner_is_outwaited_and_one_that_said_goodbye_is_not() -> None:
    store, loop = Memory(), asyncio.get_running_loop()
    await (await taken(store)).promise([0])
    began = loop.time()
    second = await taken(store)
    assert loop.time() - began >= LEASE
    assert second.sent_before
    await second.end("stopped", sent=False)
    third = await taken(store)
    assert third.sent_before
    assert sorted(store.files) == [NAME, f"{NAME}-2", f"{NAME}-3"]


async def test_who_never_sent_leaves_no_doubt() -> None:
    store = Memory()
    first = await taken(store)
    await first.promise([0])
    await first.end("refused", sent=False)
    assert not (await taken(store)).sent_before


async def test_an_owner_that_says_goodbye_while_he_is_watched_is_followed_at_once() -> None:
    store = Memory()
    await taken(store)
    store.before["read", f"{NAME}-2"] = lambda: store.before.update(
        {("read", NAME): lambda: store.touch(ended="stopped")}
    )
    await taken(store)
    assert f"{NAME}-2" in store.files


async def test_a_mark_torn_at_its_writing_is_outwaited_and_may_have_sent() -> None:
    for torn in (b"", b'{"owner": "x'):
        store = Memory()
        store.files[NAME] = torn
        assert (await taken(store)).sent_before


def torn(name: str) -> Callable[[Memory], object]:
    return lambda store: store.files.update({name: b"{"})


def lives(store: Memory) -> None:
    store.touch()


@pytest.mark.parametrize(
    ("moment", "rival", "told"),
    [
        (("create", NAME), torn(NAME), "begun by another process"),
        (("create", f"{NAME}-2"), torn(f"{NAME}-2"), "begun by another process"),
        (("create", f"{NAME}-2"), lives, "which was silent for long"),
        (("read", f"{NAME}-2"), lives, "is held by process"),
    ],
    ids=["both begin", "both take over", "its owner awakes", "its owner lives"],
)
async def test_of_two_at_one_moment_one_gives_way(
    moment: tuple[str, str], rival: Callable[[Memory], object], told: str
) -> None:
    store = Memory()
    if moment[1] != NAME:
        await taken(store)
    if moment[0] == "read":  # the second look
        store.before["read", f"{NAME}-2"] = lambda: store.before.update({moment: lambda: rival(store)})
    else:
        store.before[moment] = lambda: rival(store)
    with pytest.raises(JournalHeld, match=told):
        await taken(store)


async def test_without_conditional_puts_the_last_writer_has_it() -> None:
    store = Memory()
    store.before["create", NAME] = lambda: store.before.update(
        {("read", NAME): lambda: store.files.update({NAME: b"another's"})}
    )
    with pytest.raises(JournalHeld):
        await taken(store)


async def test_an_owner_that_slept_too_long_sends_nothing_more() -> None:
    store = Memory()
    first = await taken(store)
    await first.promise([0])
    second = await taken(store)
    for act in (first.promise([1]), first.confirm()):
        with pytest.raises(JournalHeld, match=f"{NAME} was taken over by process"):
            await act
    await first.keep()  # comes to its end at once
    await first.end("lost it", sent=True)
    assert store.mark().ended == ""
    await second.promise([0])


async def test_an_owner_whose_store_is_away_for_a_moment_keeps_it() -> None:
    store = Memory()
    first = await taken(store)
    loop, back = asyncio.get_running_loop(), asyncio.Event()

    def away() -> None:
        store.before["replace", NAME] = lambda: loop.call_soon_threadsafe(back.set)
        full()

    store.before["replace", NAME] = away
    keeping = asyncio.create_task(first.keep())
    await back.wait()
    await first.end("done", sent=True)
    await keeping
    assert store.mark().ended == "done"


async def test_a_first_call_waits_for_the_word_that_something_is_sent_and_the_others_for_the_same_word() -> None:
    store = Memory()
    first = await taken(store, 60.0)
    store.before["replace", NAME] = full
    with pytest.raises(JournalFull):
        await first.promise([0])
    await asyncio.gather(first.promise([0]), first.promise([1]))
    assert (store.mark().sent, store.mark().renewed) == (True, 1)
