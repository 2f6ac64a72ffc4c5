"""The consumer of deletion events: what it makes of each, and what is left when it and its broker are killed."""

import asyncio
import os
import runpy
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from servers import client_of

from tim_async import Client, CredentialsError
from tim_async.emulator import Emulator, Faults, on

EXAMPLE = Path(__file__).parent.parent / "examples" / "consumer"
DELETE, CHECK = "im_open_login_svc/account_delete", "im_open_login_svc/account_check"
delete_users: Any = runpy.run_path(str(EXAMPLE / "deletions.py"))["delete_users"]


class Told:
    """A batch whose notes are in memory; `others` have to note something too before it goes on."""

    def __init__(self, *bodies: bytes, noted: Collection[str] = (), others: asyncio.Barrier | None = None) -> None:
        self.bodies = bodies
        self.notes = set(noted)
        self._others = others
        self.letters: list[tuple[str, int | None]] = []
        self.finished: list[int] = []
        self.postponed: list[int] = []

    async def note(self, accounts: Sequence[str]) -> None:
        self.notes.update(accounts)
        if self._others is not None:
            await self._others.wait()

    async def noted(self, _places: Collection[int]) -> set[str]:
        return self.notes

    async def bury(self, _place: int, letter: Any) -> None:
        self.letters.append((letter.event, letter.code))

    async def done(self, place: int) -> None:
        self.finished.append(place)

    async def again(self, place: int) -> None:
        self.postponed.append(place)


def event(account: str) -> bytes:
    return b'{"user_id": "%s"}' % account.encode()


async def test_who_exists_is_noted_and_deleted_and_who_is_gone_without_a_note_is_a_dead_letter(
    emulator: Emulator, client: Client
) -> None:
    emulator.accounts.add("Mary")
    batch = Told(event("Mary"), event("Bob"), event("Nobody"), noted=["Bob"])
    await delete_users(client, batch)
    assert sorted(batch.finished) == [0, 1, 2]
    assert batch.letters == [('{"user_id": "Nobody"}', 70107)]
    assert batch.notes == {"Mary", "Bob"}
    assert not emulator.accounts


async def test_an_event_that_two_consumers_have_at_once_is_no_dead_letter(emulator: Emulator, client: Client) -> None:
    emulator.accounts.add("Mary")
    both = asyncio.Barrier(2)
    batches = [Told(event("Mary"), others=both) for _ in range(2)]
    await asyncio.gather(*(delete_users(client, batch) for batch in batches))
    assert [(batch.finished, batch.letters) for batch in batches] == [([0], []), ([0], [])]


HOPELESS = {
    "nothing": b"",
    "cut": b"{",
    "a list": b"[]",
    "null": b"null",
    "no user": b"{}",
    "a number": b'{"user_id": 5}',
    "not UTF-8": b"\xff",
    "too deep": b'{"user": ' + b"[" * 100_000,
    "huge": b'{"user_id": "%s"}' % (b"x" * 1_000_000),
    "an empty id": event(""),
    "an id that is too long": event("long" * 9),
}


@pytest.mark.parametrize("body", HOPELESS.values(), ids=HOPELESS)
async def test_what_can_never_be_done_is_a_dead_letter_and_holds_nobody_up(
    emulator: Emulator, client: Client, body: bytes
) -> None:
    emulator.accounts.add("Mary")
    batch = Told(body, event("Mary"))
    await delete_users(client, batch)
    assert sorted(batch.finished) == [0, 1]
    assert [text for text, _ in batch.letters] == [body[:10_000].decode(errors="replace")]


@pytest.mark.parametrize("path", [CHECK, DELETE])
async def test_what_the_service_could_not_do_comes_again(emulator: Emulator, path: str) -> None:
    emulator.accounts.add("Mary")
    emulator.faults = Faults(rules=[on(path, do="busy")])
    async with client_of(emulator, attempts=1) as client:
        batch = Told(event("Mary"))
        await delete_users(client, batch)
    assert (batch.finished, batch.postponed, batch.letters) == ([], [0], [])


@pytest.mark.clock("patient")
@pytest.mark.parametrize("path", [CHECK, DELETE])
async def test_what_takes_too_long_comes_again_and_holds_nothing_up_for_ever(emulator: Emulator, path: str) -> None:
    emulator.accounts.add("Mary", "Bob")
    emulator.faults = Faults(rules=[on(path, do="hang")])
    async with client_of(emulator, close_timeout=0) as client:
        batch = Told(event("Mary"), b"no event", event("Bob"))
        await delete_users(client, batch, timeout=1.0)
    assert (batch.finished, batch.postponed) == ([1], [0, 2])
    assert [text for text, _ in batch.letters] == ["no event"]


async def test_a_broker_that_does_not_answer_in_time_is_not_taken_for_the_service(
    emulator: Emulator, client: Client
) -> None:
    class Silent(Told):
        async def done(self, place: int) -> None:
            raise TimeoutError(f"no answer about {place}")

    emulator.accounts.add("Mary")
    batch = Silent(event("Mary"))
    with pytest.raises(TimeoutError, match="no answer about 0"):
        await delete_users(client, batch)
    assert (batch.finished, batch.postponed) == ([], [])


async def test_with_a_wrong_key_nothing_is_acknowledged_and_it_is_not_tried_again_at_once(emulator: Emulator) -> None:
    batch = Told(event("Mary"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with client_of(emulator, secret_key="wrong") as client:
        with pytest.raises(CredentialsError):
            await delete_users(client, batch, pause=0.2)
    assert loop.time() - began >= 0.2
    assert (batch.finished, batch.postponed, batch.letters) == ([], [], [])


def prove(*arguments: str, program: str = "prove.py", **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(EXAMPLE / program), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("broker", "victim"), [("nats", "consumer"), ("nats", "broker"), ("nats", "both"), ("kafka", "consumer")]
)
def test_whatever_is_killed_no_event_is_lost_and_the_dead_letters_are_the_accounts_that_never_were(
    broker: str, victim: str
) -> None:
    run = prove("--broker", broker, "--kill", victim)
    assert (run.returncode, run.stderr) == (0, "")
    assert "seed 1: right" in run.stdout


@pytest.mark.parametrize("broker", ["nats", "kafka"])
def test_a_consumer_that_dies_between_a_dead_letter_and_its_acknowledgement_leaves_one_letter(broker: str) -> None:
    run = prove("--broker", broker, program="prove_letters.py")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{broker}: 1 dead letter of 1 event without an account, 0 events left\n"


@pytest.mark.parametrize("program", ["prove.py", "prove_letters.py"])
def test_a_missing_broker_is_told_in_one_line_that_says_how_to_get_it(program: str) -> None:
    run = prove(program=program, NATS_SERVER="no-such-server")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("nats-server is missing; this unpacks Debian's: ")
    assert run.stderr.count("\n") == 1
