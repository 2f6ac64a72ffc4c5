"""Kill the consumer when a dead letter is kept and its event not yet acknowledged: it has one letter in the end.

    python examples/consumer/prove_letters.py                 on NATS
    python examples/consumer/prove_letters.py --broker kafka

On NATS everything that the consumer says goes through a wire that is cut at the first acknowledgement. On Kafka a batch
is acknowledged as a whole: beside the event without an account it holds one whose deletion hangs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from brokers import Broker, Kafka, Nats
from processes import HERE, MissingProgramError, Process, until
from prove import APP, DELETE, Box, settled

from tim_async import Client
from tim_async.emulator import DEMO_KEY

ACKNOWLEDGED = b"PUB $JS.ACK."


class Wire:
    """A way to a server, until something certain is said on it: that and what follows it does not arrive."""

    def __init__(self, port: int, last_word: bytes) -> None:
        self._port, self._last_word = port, last_word
        self._carrying: set[asyncio.Task[None]] = set()
        self.cut = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[int]:
        """Listen on 127.0.0.1, on the port that this gives."""
        server = await asyncio.start_server(self._accept, "127.0.0.1")
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._carrying:
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._carrying.add(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, far_writer, self._last_word))
                both.create_task(self._copy(far_reader, writer, b""))
        finally:
            far_writer.close()
            writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last_word: bytes) -> None:
        said = b""
        while block := await reader.read(1 << 16):
            said = said[-len(last_word) :] + block
            if last_word and last_word in said:
                self.cut.set()
            if not self.cut.is_set():
                writer.write(block)
                await writer.drain()


async def prove_letters(kind: str, folder: Path) -> tuple[int, int]:
    """One run.

    Args:
        kind: ``"nats"`` or ``"kafka"``.
        folder: for what the processes write.

    Returns:
        The dead letters of the one event that has no account, and how many events are left.

    Raises:
        MissingProgramError: the broker is not installed.
        TimeoutError: something did not come to an end.
    """
    events = [msgspec.json.encode({"user_id": name}) for name in ("Nobody", "Mary")]
    async with Box.open(folder) as box:
        broker = Nats(folder) if kind == "nats" else Kafka(folder)
        try:
            await broker.start()
            async with Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=box.url) as tim:
                (await tim.accounts.import_many({"Mary": {}})).raise_for_errors()
            if isinstance(broker, Nats):
                await broker.publish(events)
                await _die_before_an_acknowledgement(broker, box, folder)
            else:
                await broker.publish(events, key=b"one batch")
                await _die_before_the_end_of_a_batch(broker, box, folder)
            with _consumer(broker, box, folder) as consumer:
                consumer.start()
                await until(lambda: settled(broker), "no event is left")
            return len(await broker.dead_letters()), await broker.left()
        finally:
            broker.kill()


def _consumer(broker: Broker, box: Box, folder: Path, **environment: str) -> Process:
    account = {"TIM_SDK_APP_ID": str(APP), "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": box.url, "ACK_WAIT": "2"}
    command = (sys.executable, str(HERE / broker.program))
    return Process(*command, environment={**account, **broker.environment, **environment}, log=folder / "consumer.log")


async def _die_before_an_acknowledgement(broker: Nats, box: Box, folder: Path) -> None:
    wire = Wire(broker.port, ACKNOWLEDGED)
    async with wire.open() as port:
        with _consumer(broker, box, folder, NATS_URL=f"nats://127.0.0.1:{port}") as consumer:
            consumer.start()
            await wire.cut.wait()


async def _die_before_the_end_of_a_batch(broker: Kafka, box: Box, folder: Path) -> None:
    await box.ask("faults", {"rules": [{"do": "hang", "path": DELETE}]})
    with _consumer(broker, box, folder) as consumer:
        consumer.start()

        async def buried() -> bool:
            return len(await broker.dead_letters()) == 1

        await until(buried, "there is a dead letter")
    await box.ask("faults", {})


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill the consumer between a dead letter and its acknowledgement.")
    parser.add_argument("--broker", choices=["nats", "kafka"], default="nats")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="tim-async-") as folder:
            letters, left = asyncio.run(prove_letters(options.broker, Path(folder)))
    except MissingProgramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.broker}: {letters} dead letter of 1 event without an account, {left} events left")
    return 0 if (letters, left) == (1, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
