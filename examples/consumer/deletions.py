"""Users were deleted: delete their accounts of the chat too. What is the same whatever broker brings the events.

An event is acknowledged when there is nothing left to do for it, and not before; so after a crash it comes again. Then
its account is gone, and the service cannot tell whether we deleted it or it never existed. Only whoever looked *before*
the first deletion knows. Therefore each batch goes three steps:

1. look which accounts exist (`accounts.check`, which has a limit of its own and so costs the deletions nothing),
2. note with the broker, which survives us, that these do,
3. delete them.

An account that is not there, and of which there is no note, never existed: a dead letter. So an event that is announced
twice is none.

No event is in hand for longer than its time: what has no outcome by then goes back to the broker, to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import msgspec

from tim_async import Client, Ok, Outcome, Rejected, TIMError

__all__ = ["Batch", "DeadLetter", "UserDeleted", "delete_users"]

NO_SUCH_ACCOUNT = 70107
MOST_BYTES = 10_000  # of an event in a dead letter, which would else be too long a message if the event nearly is


class UserDeleted(msgspec.Struct):
    """The event."""

    user_id: str


class DeadLetter(msgspec.Struct):
    """An event with which nothing can be done, and why."""

    event: str
    code: int | None
    reason: str


class Batch(Protocol):
    """Some events, and what each broker does in its own way. A place is that of an event in the batch, from 0."""

    @property
    def bodies(self) -> Sequence[bytes]:
        """The events, as they came."""
        ...

    async def note(self, accounts: Sequence[str]) -> None:
        """Note that these accounts exist, so that it is known after a crash of anybody."""
        ...

    async def noted(self, places: Collection[int]) -> AbstractSet[str]:
        """Which accounts were noted since the oldest of these events came, and for some while before."""
        ...

    async def bury(self, place: int, letter: DeadLetter) -> None:
        """Keep the dead letter of an event, so that it survives a crash of anybody; once, if the event comes again."""
        ...

    async def done(self, place: int) -> None:
        """There is nothing left to do for an event."""
        ...

    async def again(self, place: int) -> None:
        """An event is to come again later."""
        ...


async def delete_users(tim: Client, batch: Batch, *, timeout: float = 20.0, pause: float = 5.0) -> None:
    """Delete the accounts of a batch of events, and acknowledge each event as soon as its outcome is known.

    Args:
        tim: the client, shared by all batches.
        batch: the events.
        timeout: seconds for the look, and again as many for the deletions; both together must be less than the broker
            waits for a consumer that may be dead. What has no outcome by then is to come again.
        pause: seconds to wait before an error is raised: with a wrong key each further batch would be refused too, as
            fast as the broker can bring it.

    Raises:
        APIError: every further call would be pointless: a wrong key, for example. What is not acknowledged comes again.
    """
    accounts = await _read(batch)
    try:
        await _delete(tim, batch, accounts, timeout)
    except TIMError:
        await asyncio.sleep(pause)
        raise


async def _delete(tim: Client, batch: Batch, accounts: Mapping[int, str], timeout: float) -> None:
    here = await _look(tim, batch, accounts, timeout)
    if not here:
        return
    await batch.note([accounts[place] for place in here])
    # They were seen to exist. If one is gone now, then somebody has deleted it meanwhile: what was wanted.
    deleting = tim.accounts.delete.stream([accounts[place] for place in here], priority="normal", maybe_sent=True)
    unsettled = dict.fromkeys(here)
    limit = asyncio.timeout(timeout)
    try:
        async with limit, deleting as outcomes:
            async for outcome in outcomes:
                await _settle(batch, here[outcome.index], outcome)
                del unsettled[here[outcome.index]]
    except TimeoutError:
        if not limit.expired():
            raise  # the broker's
        for place in unsettled:
            await batch.again(place)


async def _read(batch: Batch) -> dict[int, str]:
    """Place -> account of the events that can be read."""
    accounts: dict[int, str] = {}
    for place, body in enumerate(batch.bodies):
        try:
            accounts[place] = msgspec.json.decode(body, type=UserDeleted).user_id
        except (ValueError, RecursionError) as error:
            await batch.bury(place, _letter(body, None, f"not an event: {error}"))
            await batch.done(place)
    return accounts


async def _look(tim: Client, batch: Batch, accounts: Mapping[int, str], timeout: float) -> list[int]:
    """The places of the accounts that exist; the other events are settled, or are to come again."""
    here: list[int] = []
    gone: list[int] = []
    looked = await tim.accounts.check(accounts.values(), timeout=timeout)
    for place, outcome in zip(accounts, looked, strict=True):
        if isinstance(outcome, Ok):
            (here if outcome.value else gone).append(place)
        else:
            await _settle(batch, place, outcome)
    noted = await batch.noted(gone) if gone else frozenset[str]()
    for place in gone:
        account = accounts[place]
        never = Rejected(place, account, NO_SUCH_ACCOUNT, "", "the account does not exist, and did not before")
        await _settle(batch, place, Ok(place, account, None, assumed=True) if account in noted else never)
    return here


async def _settle(batch: Batch, place: int, outcome: Outcome[Any]) -> None:
    """Acknowledge an event if its outcome is final, with a dead letter if that is a no."""
    if not outcome.final:
        await batch.again(place)
        return
    if not isinstance(outcome, Ok):
        await batch.bury(place, _letter(batch.bodies[place], outcome.code, outcome.reason))
    await batch.done(place)


def _letter(body: bytes, code: int | None, reason: str) -> DeadLetter:
    return DeadLetter(body[:MOST_BYTES].decode(errors="replace"), code, reason)
