"""What ``tim-async job`` writes out of a journal: the outcomes of all rows, and the rows that failed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tim_async.bulk.report import counted
from tim_async.bulk.rows import InputError

from .options import format_option
from .outcomes import Outcomes, is_output, is_standard
from .telling import tell

if TYPE_CHECKING:
    from tim_async.bulk.standing import Known, Standing
    from tim_async.bulk.writing import Format, Sink

__all__ = ["EXPORTS", "Exports", "check_places"]

_OUTCOMES = "--outcomes"
_FAILURES = "--failures"

EXPORTS = (
    click.Option([_OUTCOMES], metavar="FILE", help="A new file for the outcomes of all rows that have one."),
    click.Option(
        [_FAILURES],
        metavar="FILE",
        help="A new file for the rows that failed for good, as they were in the input, with code and reason: "
        "mend them and feed them in again. CSV for a table, else JSON lines.",
    ),
    format_option(f"Of {_OUTCOMES}: one JSON object per line, or CSV."),
)
"""The options."""


class Exports(NamedTuple):
    """What is to be written out, and where to."""

    outcomes: str | None
    failures: str | None
    format: Format

    @property
    def places(self) -> dict[str, str]:
        """Option -> where to, of what is wanted."""
        return {option: to for option, to in ((_OUTCOMES, self.outcomes), (_FAILURES, self.failures)) if to is not None}

    def write(self, known: Known) -> None:
        """Write it; each file is there whole, or not at all.

        Args:
            known: what the journal knows.

        Raises:
            JournalError: the input has changed.
            InputError: the input cannot be read again, or a place cannot be written.
        """
        from tim_async.bulk.exporting import export_failures, export_outcomes

        def outcomes(source: Any, sink: Sink) -> int:
            return export_outcomes(known, source, sink, self.format)

        def failures(source: Any, sink: Sink) -> int:
            return export_failures(known, source, sink)

        for option, to in self.places.items():
            _export(known, option, to, outcomes if option == _OUTCOMES else failures)


def _export(known: Known, option: str, to: str, write: Callable[[Any, Sink], int]) -> None:
    from tim_async.bulk.opening import open_source

    description = known.standing.source["description"]
    if not description:
        raise InputError(_by_a_program(known.standing, option))
    place = Outcomes(to, str(description.get("path", "-")), force=False, option=option)
    with open_source(description) as source, place.whole() as sink:
        count = write(source, sink)
    tell(f"{'standard output' if is_output(to) else Path(to).name}: {counted(count)}")


def _by_a_program(standing: Standing, option: str) -> str:
    """Why it cannot be written here, and who can."""
    told = f"{option} needs the accounts again, and those of {standing.path.name} came from a program"
    if standing.job.digest is None:
        return f"{told}, where they could be read only once: nobody can write it now"
    write = "export_outcomes" if option == _OUTCOMES else "export_failures"
    return f"{told}: that program writes it with tim_async.bulk.{write}(bulk.Known(journal), source, stream)"


def check_places(places: Mapping[str, str]) -> bool:
    """Refuse to write two things to one place, before anything is written.

    Args:
        places: option -> where to.

    Returns:
        Whether standard output is one of them, and so has to hold nothing else.

    Raises:
        click.UsageError: two of them are one.
    """
    options: dict[str, str] = {}
    for option, to in places.items():
        place = "-" if is_output(to) else os.path.realpath(to)
        other = options.setdefault(place, option)
        if other != option and (place == "-" or not is_standard(to)):
            raise click.UsageError(f"{other} and {option} are two files")
    return "-" in options
