"""The consumer on Kafka: `python on_kafka.py`.

`TIM_SDK_APP_ID`, `TIM_SECRET_KEY` and `TIM_REGION` say which app, `KAFKA_URL` which brokers. The topics must exist;
give that of the notes a retention of days (the longest outage to be survived).

Kafka acknowledges up to an offset and not each event, so a batch in which one event must come again comes again as a
whole. That costs one look, for the accounts that were deleted are known from the notes. And it has no memory of
messages that it was given: the dead letter of an event that came again is there again, under the same key. Let the
topic be compacted (`cleanup.policy=compact`), or let who reads it go by the key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition
from deletions import DeadLetter, delete_users
from faststream import AckPolicy, Context, ContextRepo, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.message import KafkaMessage
from faststream.exceptions import NackMessage

from tim_async import Client

DELETED, NOTED, DEAD = "users.deleted", "users.noted", "users.dead"
KAFKA_URL = os.environ.get("KAFKA_URL", "127.0.0.1:9092")
BATCH = int(os.environ.get("BATCH", "1000"))
WAIT = 5.0  # seconds for the broker to answer
TIMEOUT = 60.0  # seconds to look, and as many to delete: less than max.poll.interval.ms, after which others take over

# Idempotent: what the producer itself repeats, because an answer of the broker was lost, is there once.
broker = KafkaBroker(KAFKA_URL, allow_auto_create_topics=False, enable_idempotence=True)


@asynccontextmanager
async def lifespan(context: ContextRepo) -> AsyncGenerator[None]:
    """Open the client before the first event, and close it after the last."""
    async with Client.from_env() as tim:
        context.set_global("tim", tim)
        yield


app = FastStream(broker, lifespan=lifespan)


class KafkaBatch:
    """A batch of events of Kafka."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self.bodies = [message.value() or b"" for message in messages]
        self.unsettled = False

    async def note(self, accounts: Sequence[str]) -> None:
        """As in `Batch`."""
        await broker.publish(msgspec.json.encode(accounts), NOTED)

    async def noted(self, places: Collection[int]) -> set[str]:
        """As in `Batch`, and older ones too: topics have no common order that would say what came after what."""
        return await asyncio.to_thread(read_notes)

    async def bury(self, place: int, letter: DeadLetter) -> None:
        """As in `Batch`, as far as Kafka can: all letters of an event have one key."""
        event = self._messages[place]
        key = f"{event.topic()}/{event.partition()}/{event.offset()}"
        await broker.publish(msgspec.json.encode(letter), DEAD, key=key)

    async def done(self, place: int) -> None:
        """As in `Batch`, together with all others."""

    async def again(self, place: int) -> None:
        """As in `Batch`."""
        self.unsettled = True


def read_notes() -> set[str]:
    """All accounts of which there is a note."""
    reader = Consumer({"bootstrap.servers": KAFKA_URL, "group.id": "notes", "enable.auto.commit": False})
    try:
        topic = reader.list_topics(NOTED, timeout=WAIT).topics[NOTED]
        parts = [TopicPartition(NOTED, number) for number in topic.partitions]
        ends = {part.partition: reader.get_watermark_offsets(part, timeout=WAIT) for part in parts}
        missing = sum(end - first for first, end in ends.values())
        reader.assign([TopicPartition(NOTED, number, first) for number, (first, end) in ends.items() if first < end])
        accounts: set[str] = set()
        while missing > 0:
            notes = reader.consume(missing, WAIT)
            if not notes or any(note.error() for note in notes):
                raise RuntimeError("the notes cannot be read")
            for note in notes:
                accounts.update(msgspec.json.decode(note.value() or b"[]", type=list[str]))
            missing -= len(notes)
        return accounts
    finally:
        reader.close()


async def undecoded(message: KafkaMessage) -> list[bytes]:
    """One event that is no JSON must not fail the whole batch."""
    return message.body if isinstance(message.body, list) else [message.body]


@broker.subscriber(
    DELETED,
    group_id="tim",
    session_timeout_ms=6000,  # until the events of a dead consumer come again: the least that brokers allow
    auto_offset_reset="earliest",
    batch=True,
    max_records=BATCH,
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=undecoded,
)
async def deleted(
    _bodies: list[bytes], message: Annotated[KafkaMessage, Context()], tim: Annotated[Client, Context()]
) -> None:
    """Users were deleted."""
    raw = message.raw_message
    batch = KafkaBatch(raw if isinstance(raw, tuple) else (raw,))
    await delete_users(tim, batch, timeout=TIMEOUT)
    if batch.unsettled:
        raise NackMessage


if __name__ == "__main__":
    asyncio.run(app.run())
