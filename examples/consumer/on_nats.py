"""The consumer on NATS JetStream: `python on_nats.py`.

`TIM_SDK_APP_ID`, `TIM_SECRET_KEY` and `TIM_REGION` say which app, `NATS_URL` which broker. Start as many as you like,
with a limiter that they share (`tim_async.redis`).

One stream holds the events and the notes, so a note lives as long as any event that came before it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from deletions import DeadLetter, delete_users
from faststream import AckPolicy, Context, ContextRepo, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import JsClient
from faststream.nats.message import NatsBatchMessage
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from tim_async import Client

DELETED, NOTED, DEAD = "users.deleted", "users.noted", "users.dead"
WEEK = 7 * 24 * 3600  # seconds: the longest outage to be survived
USERS = JStream("USERS", subjects=[DELETED, NOTED], max_age=WEEK)
BATCH = int(os.environ.get("BATCH", "1000"))
SIDE_BY_SIDE = 3  # batches: while the accounts of one are deleted, those of another are looked at
LOOK_BACK = 100_000  # messages: so far apart an event may be announced twice
RETRY = float(os.environ.get("RETRY", "5"))  # seconds until an event comes again that could not be settled
ACK_WAIT = float(os.environ.get("ACK_WAIT", "60"))  # seconds until the events of a dead consumer come again
TIMEOUT = ACK_WAIT / 3  # seconds to look, and as many to delete: so a consumer that lives has nothing for longer

broker = NatsBroker(
    os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), max_reconnect_attempts=-1, reconnect_time_wait=1
)
# Two letters of one event are one, also if the first was the last thing that a consumer did before a long outage.
dead_letters = broker.publisher(DEAD, stream=JStream("DEAD_USERS", subjects=[DEAD], duplicate_window=WEEK))


@asynccontextmanager
async def lifespan(context: ContextRepo) -> AsyncGenerator[None]:
    """Open the client before the first event, and close it after the last."""
    async with Client.from_env() as tim:
        context.set_global("tim", tim)
        yield


app = FastStream(broker, lifespan=lifespan)


class NatsBatch:
    """A batch of events of JetStream."""

    def __init__(self, jetstream: JetStreamContext, messages: Sequence[Msg]) -> None:
        self._jetstream, self._messages = jetstream, messages
        self.bodies = [message.data for message in messages]

    async def note(self, accounts: Sequence[str]) -> None:
        """As in `Batch`."""
        await self._jetstream.publish(NOTED, msgspec.json.encode(accounts))

    async def noted(self, places: Collection[int]) -> set[str]:
        """As in `Batch`."""
        oldest = min(self._messages[place].metadata.sequence.stream for place in places)
        place = max(1, oldest - LOOK_BACK)
        accounts: set[str] = set()
        while True:
            try:
                note = await self._jetstream.get_msg("USERS", place, NOTED, next=True)
            except NotFoundError:
                return accounts
            accounts.update(msgspec.json.decode(note.data or b"", type=list[str]))
            place = (note.seq or place) + 1

    async def bury(self, place: int, letter: DeadLetter) -> None:
        """As in `Batch`: JetStream drops a message whose id it knows."""
        event = self._messages[place].metadata
        headers = {"Nats-Msg-Id": f"{event.stream}.{event.sequence.stream}"}
        await dead_letters.publish(msgspec.json.encode(letter), headers=headers)

    async def done(self, place: int) -> None:
        """As in `Batch`."""
        await self._messages[place].ack()

    async def again(self, place: int) -> None:
        """As in `Batch`."""
        await self._messages[place].nak(RETRY)


async def undecoded(message: NatsBatchMessage) -> list[bytes]:
    """One event that is no JSON must not fail the whole batch."""
    return [each.data for each in message.raw_message]


async def deleted(
    _bodies: list[bytes],
    message: Annotated[NatsBatchMessage, Context()],
    jetstream: JsClient,
    tim: Annotated[Client, Context()],
) -> None:
    """Users were deleted."""
    await delete_users(tim, NatsBatch(jetstream, message.raw_message), timeout=TIMEOUT)


def subscribe() -> None:
    """Take batches of events, one after the other."""
    subscriber = broker.subscriber(
        DELETED,
        stream=USERS,
        durable="tim",
        config=ConsumerConfig(ack_wait=ACK_WAIT, max_ack_pending=20_000),
        pull_sub=PullSub(batch_size=BATCH, timeout=0.2, batch=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
    )
    subscriber(deleted)


for _ in range(SIDE_BY_SIDE):
    subscribe()

if __name__ == "__main__":
    asyncio.run(app.run())
