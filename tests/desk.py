"""A lane on the desk: items are given, calls sealed and answers written by hand. No loop, no clock but what is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tim_async.errors import ConnectError, RequestError, RequestTimeout
from tim_async.lane.health import Health
from tim_async.lane.items import NORMAL, Chunk
from tim_async.lane.judging import Effect, Lane
from tim_async.lane.owners import CallOwner
from tim_async.operations.operation import result_of
from tim_async.outcomes import NotSent, Ok, Rejected, Unknown
from tim_async.service.endpoints import PUSH_GET_TAGS, Answer, Endpoint

LOST = RequestTimeout("sim", "no answer within 10 s")
NO_CONNECTION = ConnectError("sim", "connection refused")
FINE = Answer(0, "", None, {})


def lane_of(
    endpoint: Endpoint[Any, Any] = PUSH_GET_TAGS,
    *,
    attempts: int = 6,
    linger: float = 0.0,
    health: Health | None = None,
    chance: float = 0.5,
    proven: bool = True,
) -> Lane:
    """A lane whose jitter is always the same part of its ceiling."""
    health = health or Health()
    health.proven = proven
    return Lane(endpoint, health, attempts=attempts, linger=linger, chance=lambda: chance)


def give(
    lane: Lane,
    accounts: list[str],
    arguments: list[Any] | None = None,
    *,
    priority: int = NORMAL,
    options: Any = None,
    now: float = 0.0,
    patient: bool = False,
    last: bool = True,
) -> CallOwner:
    """A batch of its own."""
    owner = CallOwner(priority, options, now=now, patient=patient)
    owner.exhausted = last
    lane.add(owner, accounts, arguments, now)
    return owner


def users(count: int, first: int = 0) -> list[str]:
    return [f"user{number}" for number in range(first, first + count)]


def sealed(lane: Lane, now: float = 0.0) -> Chunk:
    """The next call, which must be possible."""
    lane.tick(now)
    chunk = lane.seal(now)
    assert chunk is not None
    return chunk


def all_sealed(lane: Lane, now: float = 0.0) -> list[Chunk]:
    """All the calls that may leave now."""
    lane.tick(now)
    return list(iter(lambda: lane.seal(now), None))


def answered(lane: Lane, answer: Answer | RequestError, now: float = 0.0) -> list[str]:
    """Seal a call and answer it. Returns its accounts."""
    chunk = sealed(lane, now)
    lane.settle(chunk, answer, now)
    return chunk.accounts


def fine(chunk: Chunk) -> Answer:
    """A good answer that names every account with an empty value."""
    return Answer(0, "", dict.fromkeys(chunk.accounts, ()), {})


def values(accounts: Iterable[str], value: Any = ()) -> Answer:
    return Answer(0, "", dict.fromkeys(accounts, value), {})


def errors(**codes: int) -> Answer:
    """A good answer that names these accounts with codes, and no others."""
    return Answer(0, "", None, {account: (code, "said so") for account, code in codes.items()})


def refusal(code: int) -> Answer:
    """A "no" to the whole call."""
    return Answer(code, "said so", None, {})


def settle(
    lane: Lane, chunk: Chunk, answer: Answer | RequestError, now: float = 0.0, *, resigned: bool = False
) -> Effect:
    return lane.settle(chunk, answer, now, resigned=resigned)


def drive(
    lane: Lane, answer: Callable[[Chunk], Answer | RequestError], now: float = 0.0, *, in_flight: int = 1
) -> tuple[list[list[str]], float]:
    """Seal and answer until nothing waits. Returns the accounts of each call, and the time at the end."""
    calls: list[list[str]] = []
    flying: list[Chunk] = []
    while flying or not lane.idle:
        while len(flying) < in_flight and (wakeup := lane.next_wakeup(now)) is not None:
            if wakeup > now:
                if flying:
                    break
                now = wakeup
            lane.tick(now)
            chunk = lane.seal(now)
            if chunk is None:
                break
            calls.append(chunk.accounts)
            flying.append(chunk)
        if flying:
            chunk = flying.pop(0)
            lane.settle(chunk, answer(chunk), now)
    return calls, now


def outcomes(owner: CallOwner) -> list[Ok[Any] | Rejected | Unknown | NotSent]:
    assert owner.finished
    return result_of(owner).outcomes


def kinds(owner: CallOwner) -> list[str]:
    """What became of each item, in one word."""
    return [type(outcome).__name__ for outcome in outcomes(owner)]


def codes(owner: CallOwner) -> list[tuple[str, int | None]]:
    """What became of each item, with the code."""
    return [(type(outcome).__name__, getattr(outcome, "code", None)) for outcome in outcomes(owner)]


def reasons(owner: CallOwner) -> list[str]:
    """What is said of each item; nothing of those that are Ok."""
    return [getattr(outcome, "reason", "") for outcome in outcomes(owner)]
