"""Kill the consumer, the broker or both while deletions are under way, and see what becomes of the events.

    python examples/consumer/prove.py --seeds 5                 on NATS: kills of each kind, five times
    python examples/consumer/prove.py --broker kafka --seeds 2  on Kafka, whose broker cannot be killed here

Each run deletes users, of whom some never had an account and some are announced twice; one event is no event at all.
The service in a box is a process of its own, and its books are the truth: afterwards every account is gone, no event is
left, and each event of an account that never existed has one dead letter, and no other has any.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import msgspec
from brokers import Broker, Kafka, Nats
from nats.errors import Error
from processes import HERE, MissingProgramError, Process, until

from tim_async import Client
from tim_async.emulator import DEMO_KEY

__all__ = ["APP", "DELETE", "Box", "Report", "prove", "settled"]

Victim: TypeAlias = Literal["consumer", "broker", "both"]
BROKERS: dict[str, type[Nats | Kafka]] = {"nats": Nats, "kafka": Kafka}
VICTIMS: dict[str, tuple[Victim, ...]] = {"nats": ("consumer", "broker", "both"), "kafka": ("consumer",)}
DELETE, CHECK = "im_open_login_svc/account_delete", "im_open_login_svc/account_check"
APP = 1400000000
NOT_AN_EVENT = b"{not an event"


@dataclass
class Report:
    """What became of the events."""

    expected: Counter[str]
    """The accounts that never existed, each as often as there are events of it."""
    buried: Counter[str]
    """The accounts whose events are dead letters, each as often as there are letters."""
    alive: int
    """Accounts that still exist."""
    left: int
    """Events that are not acknowledged."""
    unreadable: int
    """Dead letters of what is no event."""
    hopeless: int
    """How often something was announced that is no event."""
    silent: int
    """Accounts that were deleted without anybody being told."""
    deleted_though_buried: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing was lost, and nothing is said that is not so."""
        told = self.buried == self.expected and self.unreadable == self.hopeless and not self.deleted_though_buried
        return told and not self.alive and not self.left


class Box:
    """The service in a box, in a process of its own, and its doors."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self._session = url, session

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncGenerator[Self]:
        """Start it."""
        command = (sys.executable, "-m", "tim_async", "emulator", "--port", "0", "--latency", "20ms", "--until-eof")
        with Process(*command, log=folder / "emulator.log") as process:
            url = process.start(first_line=True).removeprefix("listening on ")
            async with aiohttp.ClientSession(url) as session:
                yield cls(url, session)

    async def ask(self, door: str, body: object = None) -> Any:
        """What a door answers."""
        method = "GET" if body is None else "POST"
        async with self._session.request(method, f"/emulator/{door}", json=body) as answer:
            return json.loads(await answer.read())

    async def accounts(self) -> int:
        """How many accounts there are."""
        count: int = (await self.ask("accounts?limit=0"))["count"]
        return count

    async def lines(self, account: str, path: str) -> list[dict[str, Any]]:
        """What was asked for an account."""
        lines: list[dict[str, Any]] = (await self.ask(f"books?account={account}&path={path}"))["lines"]
        return lines


async def prove(kind: str, victim: Victim, seed: int, folder: Path, *, users: int = 1000) -> Report:
    """One run.

    Args:
        kind: ``"nats"`` or ``"kafka"``.
        victim: who is killed, twice: while a call is in flight, and while others follow it.
        seed: says which accounts are missing, at which call the first kill is, and whether the call was applied.
        folder: for what the processes write.
        users: how many are to be deleted.

    Raises:
        MissingProgramError: the broker is not installed.
        TimeoutError: something did not come to an end.
    """
    rng = random.Random(seed)
    names = [f"user{number}" for number in range(users)]
    missing = set(rng.sample(names, users // 50))
    events = [msgspec.json.encode({"user_id": name}) for name in [*names, *rng.sample(names, users // 50)]]
    events.insert(rng.randrange(users), NOT_AN_EVENT)
    again = events[:10]
    async with Box.open(folder) as box:
        broker = BROKERS[kind](folder)
        try:
            await broker.start()
            async with Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=box.url) as tim:
                imported = await tim.accounts.import_many({name: {} for name in names if name not in missing})
                imported.raise_for_errors()
            await broker.publish(events)
            few = {"BATCH": str(users // 10), "ACK_WAIT": "2", "RETRY": "0.5"}
            account = {"TIM_SDK_APP_ID": str(APP), "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": box.url}
            environment = {**account, **few, **broker.environment}
            command = (sys.executable, str(HERE / broker.program))
            with Process(*command, environment=environment, log=folder / "consumer.log") as consumer:
                await _disturb(consumer, broker, box, victim, rng)
                await until(lambda: settled(broker), "no event is left")
                await broker.publish(again)  # long after
                await until(lambda: settled(broker), "no event is left")
            return await _report(broker, box, names, missing, [*events, *again])
        finally:
            broker.kill()


async def _disturb(consumer: Process, broker: Broker, box: Box, victim: Victim, rng: random.Random) -> None:
    """Start the consumer, and kill the victim once while a call is in flight, and once while others come and go."""
    call = rng.randrange(2, 8)
    path, applied = rng.choices([(DELETE, True), (DELETE, False), (CHECK, False)], [4, 1, 1])[0]
    seconds = 1.0  # then the connection is closed, for the consumer who survived
    await box.ask(
        "faults", {"rules": [{"do": "hang", "path": path, "call": call, "applied": applied, "seconds": seconds}]}
    )
    consumer.start()
    await until(lambda: _hangs(box), "a call hangs")
    await _strike(victim, consumer, broker)
    await box.ask("faults", {})
    enough = int(await box.accounts() * rng.uniform(0.2, 0.8))
    await until(lambda: _at_most(box, enough), "more accounts are gone")
    await _strike(victim, consumer, broker)


async def _strike(victim: Victim, consumer: Process, broker: Broker) -> None:
    if victim in {"consumer", "both"}:
        consumer.kill()
    if victim in {"broker", "both"}:
        broker.kill()
        await broker.start()
    if victim in {"consumer", "both"}:
        consumer.start()


async def _hangs(box: Box) -> bool:
    return bool((await box.ask("faults"))["struck"])


async def _at_most(box: Box, accounts: int) -> bool:
    return await box.accounts() <= accounts


async def settled(broker: Broker) -> bool:
    """Whether no event is left."""
    try:
        return await broker.left() == 0
    except (OSError, Error):  # the consumer has not made itself known yet
        return False


async def _report(
    broker: Broker, box: Box, names: Sequence[str], missing: set[str], announced: Sequence[bytes]
) -> Report:
    letters = await broker.dead_letters()
    told = Counter(json.loads(event)["user_id"] for event in announced if event != NOT_AN_EVENT)
    buried = Counter(json.loads(letter.event)["user_id"] for letter in letters if letter.code is not None)
    asked = dict(zip(names, await asyncio.gather(*(box.lines(name, DELETE) for name in names)), strict=True))
    return Report(
        expected=Counter({name: count for name, count in told.items() if name in missing}),
        buried=buried,
        alive=await box.accounts(),
        left=await broker.left(),
        unreadable=sum(letter.code is None for letter in letters),
        hopeless=announced.count(NOT_AN_EVENT),
        silent=sum(any(line["code"] == 0 and not line["answered"] for line in lines) for lines in asked.values()),
        deleted_though_buried=[name for name in buried if any(line["code"] == 0 for line in asked[name])],
    )


async def _all(kind: str, victims: Sequence[Victim], seeds: int, users: int) -> bool:
    right = True
    for victim in victims:
        for seed in range(1, seeds + 1):
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="tim-async-") as folder:
                report = await prove(kind, victim, seed, Path(folder), users=users)
            right = right and report.right
            print(
                f"{kind}, killed: {victim:8}  seed {seed}: {'right' if report.right else 'WRONG'},"
                f" {report.buried.total()} dead letters of {report.expected.total()} events of absent accounts,"
                f" {report.alive} accounts and {report.left} events left,"
                f" {report.silent} deleted without an answer, {time.monotonic() - began:.1f} s",
                flush=True,
            )
    return right


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description="Kill the consumer and the broker, and see what becomes of the events."
    )
    parser.add_argument("--broker", choices=list(BROKERS), default="nats")
    parser.add_argument("--kill", choices=VICTIMS["nats"], help="only this  [default: each in turn]")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs of each kind")
    parser.add_argument("--users", type=int, default=1000, help="how many users are deleted")
    options = parser.parse_args()
    victims = VICTIMS[options.broker] if options.kill is None else (options.kill,)
    if not set(victims) <= set(VICTIMS[options.broker]):
        parser.error("the Kafka broker keeps all in memory: killed, it would have lost everything")
    try:
        return 0 if asyncio.run(_all(options.broker, victims, options.seeds, options.users)) else 1
    except MissingProgramError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
