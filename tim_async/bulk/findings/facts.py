"""The facts of a job, as data: times are wall time in seconds since 1970, all else is in seconds. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Asked",
    "Bin",
    "Calls",
    "Findings",
    "Kind",
    "Latency",
    "Moment",
    "Numbered",
    "Repeat",
    "Run",
    "State",
    "Step",
    "What",
    "Who",
]

State = Literal["done", "at work", "stopped", "killed"]
"""``done``: every row has a final outcome. Else it is open, and a process works, or ended, or went without a word."""
Repeat = Literal["no need", "resume", "later", "mend", "change", "risk"]
"""Whether a repeat helps. ``resume``: the job is to go on, which sends these rows. ``later``: yes, as they are.
``mend``: the row must be changed before. ``change``: something else must be, such as the key, an option, or a switch in
the console. ``risk``: it may do once more what was done already."""
Numbered = Literal["line", "item", "place"]
"""What the number of a row is: the line of the input on which it begins (in Parquet its place in the table); of an item
of a program its place; ``place`` too, from 1 and without the header, where the input is not there to look."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do now."""

    words: str
    command: str = ""
    """The line for a shell; empty where there is none."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that ended in the same way."""

    outcome: str
    """``Ok``, ``Rejected``, ``Unknown`` or ``NotSent``; ``Open`` for those that have no outcome yet."""
    code: int | None = None
    """Of the service."""
    words: str = ""
    """Why; of the first such row, the others' may differ in a number or a name."""
    info: str = ""
    """The service's own words, where no table of ours knows the code."""
    count: int
    rows: list[int] = []
    """The numbers of the first of them, see `Findings.numbered`; empty for what ended well."""
    accounts: list[str] = []
    """Those of these rows, if somebody asked for them."""
    final: bool
    """Whether a resume leaves them alone."""
    assumed: bool = False
    """Whether an `Ok` was inferred from an "already so" when the row was asked again."""
    repeat: Repeat
    """Whether a repeat helps."""
    advice: str
    """The same in words."""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf, and where; None where the program that ran the job did not say."""

    app: int
    """The SDKAppID."""
    identifier: str | None
    host: str | None
    region: str | None


class What(msgspec.Struct, frozen=True, kw_only=True):
    """What was to be done to what."""

    id: str
    """Of the journal, which no other has."""
    command: str
    """``group.method``."""
    summary: str
    """What the command does; empty for one that this version does not know."""
    page: str
    """The service's page about it; empty likewise."""
    options: dict[str, Any]
    """What all rows share, and what else was said that decides what is sent."""
    journal: str
    """Its absolute path."""
    input: str
    """What the input is called."""
    path: str | None
    """Where it is; None for what did not come from a file."""
    size: int | None
    """Bytes, or items of a program; None for what could be read only once."""
    digest: str | None
    """BLAKE2b-128 of all of it, hexadecimal: what ``b2sum -l 128`` prints."""
    rows: int | None
    """None where nobody knows."""
    column: str | None
    """That of the accounts."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One start, and how it ended."""

    number: int
    """From 1."""
    began: float
    ended: float | None
    """None: it is at work, or nobody knows since when it is not."""
    last_word: float | None
    """When the journal last heard of it; None if it never did."""
    how: str
    """How it ended; ``at work`` while it did not."""
    host: str
    """The machine."""
    pid: int
    outcomes: int
    """How often a row got an outcome in it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a start found open, and what became of it."""

    start: int
    """Its number."""
    at: float
    rows: int
    """That may have been sent before, by a start that told no outcome of them."""
    sent_again: bool
    """Whether they were; the command may forbid it."""
    outcomes: dict[str, int]
    """What became of these rows: outcome -> rows. ``assumed`` are those of the `Ok` that were so already, ``Open``
    those that are still open, ``later`` those that stood so at a later start once more."""
    rewritten: int
    """Rows that were done already and were sent once more, after an open earlier row of the same account: so that the
    last write stays the last."""
    meaning: str
    """The same in words."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One second in which something was to be done."""

    at: int
    calls: int
    items: int
    repeats: int
    """Calls that carried rows for another time."""
    failed: int
    """Calls without a trustworthy answer."""
    limit: float | None
    """Calls that might leave in it; None where nobody said."""
    paused: float
    """Seconds of it in which nothing was to be sent."""


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """All seconds together."""

    calls: int
    items: int
    repeats: int
    failed: int
    paused: float
    seconds: int
    """How many there were in which something was to be done."""
    rate: float
    """Calls in each of them, on average."""
    most: int
    """Calls in the busiest one."""
    limit: float | None
    """The highest limit that held; None where nobody said."""


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that took about as long."""

    seconds: float
    """To within a tenth."""
    answers: int


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers took, seconds, to within a tenth."""

    answers: int
    p50: float
    p90: float
    p99: float
    most: float
    bins: list[Bin]
    """The quickest first."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did and how it stands."""

    version: int = 1
    """Of this form."""
    what: What
    made: float
    """When this was found."""
    by: str
    """What found it: ``tim-async`` and its version."""
    state: State
    verdict: str
    """How it stands, in one sentence."""
    what_now: list[Step]
    """In the order in which it is to be done; empty if there is nothing to do."""
    done: int
    """Rows with a final outcome."""
    open: int | None
    """Rows that a resume would send; None where nobody knows how many there are."""
    maybe: int
    """Those of them that may have been sent already."""
    counts: dict[str, int]
    """``Ok``, ``Rejected``, ``Unknown``, ``NotSent`` -> rows, so far."""
    assumed: int
    """How many of the `Ok` were inferred."""
    numbered: Numbered
    """What the numbers of rows are."""
    kinds: list[Kind]
    """All rows by how they ended: what is well, what failed, what needs nothing though it did not end well, what is
    open; of each the most frequent first."""
    who: Who
    runs: list[Run]
    """Each start."""
    asked_again: list[Asked]
    """What each later start found open; empty if none found anything."""
    asked_again_means: str
    """The meaning of all of them together, in words; empty likewise."""
    calls: Calls | None
    """None where the journal tells nothing of calls: it is of an older version, or of a program without a timeline."""
    latency: Latency | None
    """None where no answer came, or none was noted."""
    seconds: list[Moment]
    """In order; a second in which nothing was to be done is not there."""
