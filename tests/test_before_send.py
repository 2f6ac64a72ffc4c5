"""Whoever asks for it is told what a stream is about to send, and may forbid it."""

import asyncio
from collections.abc import Sequence

import pytest
from servers import Puppet, client_of, refuse, yes

from tim_async import BatchError, Client, ClientClosed, NotSent, Ok, Outcome, Unknown
from tim_async.emulator import Emulator

pytestmark = pytest.mark.clock("patient")


class Full(Exception):
    """What a disk says."""


class Notes:
    """Writes down what it is told; raises once it holds *room* places."""

    def __init__(self, room: float = float("inf")) -> None:
        self.places: list[int] = []
        self.room = room

    async def __call__(self, places: Sequence[int]) -> None:
        await asyncio.sleep(0)
        if len(self.places) + len(places) > self.room:
            raise Full
        self.places += places


async def collected(
    tim: Client, names: list[str], notes: Notes, *, maybe_sent: bool = False
) -> tuple[list[Outcome[None]], BaseException | None]:
    got: list[Outcome[None]] = []
    try:
        async with tim.accounts.delete.stream(names, before_send=notes, maybe_sent=maybe_sent) as outcomes:
            while True:
                got.append(await anext(outcomes))
    except StopAsyncIteration:
        return got, None
    except (BatchError, ClientClosed) as exc:
        return got, exc


async def test_every_place_is_told_once_before_its_call_is_made(puppet: Puppet) -> None:
    notes = Notes()
    names = [f"u{number}" for number in range(250)]
    async with client_of(puppet, limiter=None) as tim:
        task = asyncio.create_task(collected(tim, names, notes))
        for _ in range(3):
            call = await puppet.call()
            assert {names.index(account) for account in call.accounts} <= set(notes.places)
            call.reset()  # asked again, nothing new is told
        puppet.respond = yes
        got, error = await task
    assert error is None
    assert len(got) == 250
    assert sorted(notes.places) == list(range(250))


async def test_places_that_share_an_item_are_told_with_it(client: Client, emulator: Emulator) -> None:
    notes = Notes()
    emulator.accounts.add("Mary", "Tom")
    got, _ = await collected(client, ["Mary", "Tom", "Mary", "", "Mary"], notes)
    assert sorted(notes.places) == [0, 1, 2, 4]
    assert {outcome.index: type(outcome) for outcome in got} == {0: Ok, 1: Ok, 2: Ok, 3: NotSent, 4: Ok}


async def test_what_it_forbids_is_not_sent_and_the_stream_stops(client: Client, emulator: Emulator) -> None:
    names = [f"u{number}" for number in range(1_000)]
    emulator.accounts.add(*names)
    notes = Notes(room=300)
    got, error = await collected(client, names, notes)
    assert isinstance(error, BatchError)
    assert isinstance(error.__cause__, Full)
    sent = {outcome.index for outcome in got if isinstance(outcome, Ok)}
    assert sent == set(notes.places)
    unsent = [outcome for outcome in got if outcome.index not in sent]
    assert {type(outcome) for outcome in unsent} == {NotSent}
    assert {getattr(outcome, "reason", "") for outcome in unsent} == {"before_send failed: Full"}
    assert len(got) == 1_000
    assert {name for name in names if name in emulator.accounts} == set(names) - {names[place] for place in sent}


async def test_what_was_forbidden_and_may_have_been_sent_before_is_unknown(client: Client) -> None:
    got, _ = await collected(client, ["Mary"], Notes(0), maybe_sent=True)
    assert [type(outcome) for outcome in got] == [Unknown]


async def test_items_of_others_in_a_forbidden_call_are_sent_without_it(puppet: Puppet) -> None:
    puppet.respond = yes
    async with client_of(puppet) as tim:
        stream = asyncio.create_task(collected(tim, ["Mary", "Tom"], Notes(0)))
        others = [asyncio.create_task(tim.accounts.delete.one(f"u{number}")) for number in range(5)]
        assert await asyncio.gather(*others) == [None] * 5
        got, _ = await stream
    assert [type(outcome) for outcome in got] == [NotSent] * 2
    assert {account for call in puppet.calls for account in call.accounts} == {f"u{number}" for number in range(5)}


async def test_the_halves_of_a_refused_call_that_are_forbidden_end_there(puppet: Puppet) -> None:
    """The guilty one is searched for among items of a stream and of others, when somebody joins who is told."""
    async with client_of(puppet, max_in_flight=1) as tim:
        batch = asyncio.create_task(tim.push.get_tags(["a", "b"], priority="interactive"))
        (await puppet.call()).answer(refuse(90033))

        async def read() -> list[Outcome[tuple[str, ...]]]:
            async with tim.push.get_tags.stream(["a", "b"], before_send=Notes(0)) as outcomes:
                return [outcome async for outcome in outcomes]

        half = await puppet.call()
        stream = asyncio.create_task(read())
        half.answer(yes(half))
        puppet.respond = yes
        assert (await batch).ok
        with pytest.raises(BatchError):
            await stream


async def test_one_that_is_cancelled_by_itself_forbids_it_as_one_that_raises_does(puppet: Puppet) -> None:
    puppet.respond = yes

    async def gives_up(_: Sequence[int]) -> None:
        writing = asyncio.get_running_loop().create_future()
        writing.cancel()
        await writing

    async with client_of(puppet, limiter=None) as tim:
        got: list[Outcome[None]] = []
        with pytest.raises(BatchError) as caught:
            async with tim.accounts.delete.stream([f"u{n}" for n in range(250)], before_send=gives_up) as outcomes:
                got += [outcome async for outcome in outcomes]
    assert str(caught.value.__cause__) == "before_send was cancelled"
    assert puppet.calls == []


async def test_one_that_still_writes_when_the_client_is_closed_is_cut_short_and_nothing_goes_out(
    puppet: Puppet,
) -> None:
    told, seen = asyncio.Event(), list[str]()

    async def slow(_: Sequence[int]) -> None:
        told.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cut short")
            raise

    async with (
        client_of(puppet, close_timeout=0) as tim,
        tim.accounts.delete.stream(["Mary", "Tom"], before_send=slow) as outcomes,
    ):
        await told.wait()
        await tim.aclose()
        got = [await anext(outcomes), await anext(outcomes)]
    assert [type(outcome) for outcome in got] == [NotSent] * 2
    assert (seen, puppet.calls) == (["cut short"], [])


async def test_what_cannot_be_called_is_refused_at_once(client: Client) -> None:
    with pytest.raises(TypeError, match="before_send must be an async function, not list"):
        client.accounts.delete.stream(["Mary"], before_send=[])  # type: ignore[arg-type]  # that is the mistake
