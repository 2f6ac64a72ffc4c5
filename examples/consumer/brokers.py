"""NATS and Kafka as the proof sees them: started, killed, given events, and asked what is left of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import nats
from confluent_kafka import Consumer, Producer, TopicPartition
from deletions import DeadLetter
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError
from processes import HERE, Process, free_port, nats_server, until

__all__ = ["Broker", "Kafka", "Nats"]

DELETED, NOTED, DEAD = "users.deleted", "users.noted", "users.dead"
WAIT = 10.0  # seconds for an answer


class Broker(Protocol):
    """What the proof needs of a broker."""

    program: str
    environment: dict[str, str]

    async def start(self) -> None:
        """Start it, as it was when it was killed."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    async def publish(self, events: Iterable[bytes]) -> None:
        """Keep events for the consumer."""
        ...

    async def left(self) -> int:
        """How many events are not acknowledged."""
        ...

    async def dead_letters(self) -> list[DeadLetter]:
        """The dead letters, as whoever reads them sees them: one of each key, where the broker goes by keys."""
        ...


class Nats:
    """One NATS server, which keeps its streams on disk.

    Args:
        folder: where.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    program = "on_nats.py"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        where = ("-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(folder / "nats"))
        self._url = f"nats://127.0.0.1:{self.port}"
        self._server = Process(nats_server(), *where, log=folder / "nats.log")
        self.environment = {"NATS_URL": self._url}

    async def start(self) -> None:
        """As in `Broker`."""
        self._server.start()
        await until(self._answers, "the NATS server answers")

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)  # nats.connect would wait for 2 s
            writer.close()
            async with self._jetstream() as jetstream:
                await jetstream.account_info()
        except (OSError, Error):
            return False
        return True

    def kill(self) -> None:
        """As in `Broker`."""
        self._server.kill()

    @asynccontextmanager
    async def _jetstream(self) -> AsyncGenerator[JetStreamContext]:
        connection = await nats.connect(self._url, allow_reconnect=False, connect_timeout=WAIT, error_cb=_ignore)
        try:
            yield connection.jetstream(timeout=WAIT)
        finally:
            await connection.close()

    async def publish(self, events: Iterable[bytes]) -> None:
        """As in `Broker`."""
        async with self._jetstream() as jetstream:
            try:
                await jetstream.stream_info("USERS")
            except NotFoundError:  # these events are there before the consumer is
                await jetstream.add_stream(StreamConfig(name="USERS", subjects=[DELETED, NOTED]))
            await asyncio.gather(*(jetstream.publish(DELETED, event) for event in events))

    async def left(self) -> int:
        """As in `Broker`."""
        async with self._jetstream() as jetstream:
            consumer = await jetstream.consumer_info("USERS", "tim")
        return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)

    async def dead_letters(self) -> list[DeadLetter]:
        """As in `Broker`."""
        letters: list[DeadLetter] = []
        place = 1
        async with self._jetstream() as jetstream:
            while True:
                try:
                    message = await jetstream.get_msg("DEAD_USERS", place, DEAD, next=True)
                except NotFoundError:
                    return letters
                letters.append(msgspec.json.decode(message.data or b"", type=DeadLetter))
                place = (message.seq or place) + 1


async def _ignore(_error: Exception) -> None:
    """A server that is not up yet is no news."""


class Kafka:
    """The broker inside of confluent-kafka, which keeps all in memory: killed, it would have lost everything."""

    program = "on_kafka.py"

    def __init__(self, folder: Path) -> None:
        self._server = Process(sys.executable, str(HERE / "mock_kafka.py"), log=folder / "kafka.log")
        self._url = ""
        self.environment: dict[str, str] = {}

    async def start(self) -> None:
        """As in `Broker`."""
        self._url = await asyncio.to_thread(self._server.start, first_line=True)
        self.environment = {"KAFKA_URL": self._url}

    def kill(self) -> None:
        """As in `Broker`."""
        self._server.kill()

    async def publish(self, events: Iterable[bytes], *, key: bytes | None = None) -> None:
        """As in `Broker`; with a key they are all in one partition, and so in one batch."""
        producer = Producer({"bootstrap.servers": self._url})
        for event in events:
            producer.produce(DELETED, event, key)
        await asyncio.to_thread(producer.flush, WAIT)

    async def left(self) -> int:
        """As in `Broker`."""
        return await asyncio.to_thread(self._left)

    def _left(self) -> int:
        reader = Consumer({"bootstrap.servers": self._url, "group.id": "tim", "enable.auto.commit": False})
        try:
            left = 0
            for number in reader.list_topics(DELETED, timeout=WAIT).topics[DELETED].partitions:
                (place,) = reader.committed([TopicPartition(DELETED, number)], timeout=WAIT)
                first, end = reader.get_watermark_offsets(TopicPartition(DELETED, number), timeout=WAIT)
                left += end - max(place.offset, first)
            return left
        finally:
            reader.close()

    async def dead_letters(self) -> list[DeadLetter]:
        """As in `Broker`."""
        return await asyncio.to_thread(self._dead_letters)

    def _dead_letters(self) -> list[DeadLetter]:
        reader = Consumer({"bootstrap.servers": self._url, "group.id": "proof", "enable.auto.commit": False})
        try:
            letters: dict[bytes | None, DeadLetter] = {}
            for number in reader.list_topics(DEAD, timeout=WAIT).topics[DEAD].partitions:
                first, end = reader.get_watermark_offsets(TopicPartition(DEAD, number), timeout=WAIT)
                reader.assign([TopicPartition(DEAD, number, first)])
                messages = reader.consume(end - first, WAIT) if end > first else []
                for message in messages:
                    letters[message.key()] = msgspec.json.decode(message.value() or b"", type=DeadLetter)
            return list(letters.values())
        finally:
            reader.close()
