"""What stands in the tables of a journal, row by row, and what can stand there: who edits one by hand may err. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from .runs import Ending
from .seconds import Second

__all__ = ["Batch", "Commit", "EndingRow", "Job", "Moment", "Result", "SecondRow", "Start", "job_from", "row_from"]

_MOST = 2**31  # rows of an input, which take two bytes each where they are looked at
_LATEST = 2**36  # the year 4147: what comes later is no moment that a calendar shows
_OF_SQLITE = 2**63

Moment = Annotated[float, msgspec.Meta(ge=0, lt=_LATEST)]
"""Wall time, seconds since 1970."""
_Count = Annotated[int, msgspec.Meta(ge=0, lt=_MOST)]

T = TypeVar("T")


class Job(msgspec.Struct, frozen=True):
    """What a run does to what: a journal belongs to one such job. All of it can be written as JSON."""

    command: str
    """``group.method``."""
    app: int
    """The SDKAppID."""
    options: Any
    """What all rows share."""
    settings: Any
    """What else decides what is sent for a row, such as the columns it is made of."""
    size: int | None
    """Of the input, see `Fingerprint`; None if it can be read only once."""
    digest: str | None


class Start(NamedTuple):
    """One start of the run."""

    number: int
    began: Moment
    """Wall time, seconds since 1970."""
    pid: int
    host: str
    ended: Moment | None
    """None: it still runs, or it was killed."""
    how: str | None


class Result(NamedTuple):
    """What reads gave to rows side by side."""

    first: _Count
    rows: _Count
    value: str
    """JSON."""


class Batch(NamedTuple):
    """What one commit writes."""

    at: float
    """Wall time, seconds since 1970."""
    runs: bytes
    """Empty where nothing became of any row."""
    endings: Sequence[tuple[int, Ending]] = ()
    results: Sequence[Result] = ()
    seconds: Sequence[tuple[int, Second]] = ()
    """What the calls did, to be added to what stands there."""


class EndingRow(NamedTuple):
    """How rows ended: see `runs.Ending`."""

    number: Annotated[int, msgspec.Meta(ge=2, lt=2**16)]
    outcome: Literal["Ok", "Rejected", "Unknown", "NotSent"]
    code: Annotated[int, msgspec.Meta(gt=-_OF_SQLITE)] | None
    info: str
    reason: str
    final: Literal[0, 1]
    assumed: Literal[0, 1]


class Commit(NamedTuple):
    """What was written at one moment."""

    at: Moment
    runs: bytes


class SecondRow(NamedTuple):
    """What the calls did in a second."""

    at: Annotated[int, msgspec.Meta(ge=0, lt=_LATEST)]
    numbers: bytes


class _Path(msgspec.Struct):
    path: Annotated[str, msgspec.Meta(pattern=r"^[^\0]+$")]


class _File(msgspec.Struct):
    description: _Path


class _OfFile(msgspec.Struct):
    """What tells of a file; a source of a program's own describes itself by any JSON."""

    source: _File


class _Source(msgspec.Struct):
    name: str
    count: _Count | None
    description: dict[str, Any]
    columns: list[str]
    column: str | None


class _Meta(msgspec.Struct):
    id: str
    job: Job
    source: _Source
    memo: dict[str, Any]


def job_from(meta: dict[str, Any]) -> Job:
    """The job of a journal, if all that it tells of itself is what a run writes.

    Args:
        meta: name -> what its JSON says.

    Raises:
        ValueError: it is something else.
    """
    told = msgspec.convert(meta, _Meta)
    job, description = told.job, told.source.description
    if description.get("kind") == "file":
        msgspec.convert(meta, _OfFile)
    if (job.size is None) != (job.digest is None):
        raise ValueError("the input has a size without a digest, or a digest without a size")
    return job


def row_from(row: tuple[Any, ...], kind: type[T]) -> T:
    """A row of a table.

    Args:
        row: as the database gives it.
        kind: one of the above.

    Raises:
        ValueError: it is none; the text names the column.
    """
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as exc:
        what, _, place = str(exc).partition(" - at `$[")
        columns: tuple[str, ...] = getattr(kind, "_fields", ())
        column = f".{columns[int(place.split(']')[0])]}" if place else ""
        raise ValueError(f"{kind.__name__.lower().removesuffix('row')}{column}: {what}") from None
