"""The report of a job: one page for people, and the same as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tim_async.bulk.paths import to_json
from tim_async.bulk.rows import InputError
from tim_async.printable import escaped

from .saving import check_place, save
from .telling import tell

if TYPE_CHECKING:
    from tim_async.bulk.findings.facts import Findings

__all__ = ["REPORTS", "Reports"]

_STANDARD = "-"
_AGAIN = "It overwrites only an earlier report of the same job."
_PAGE = "--report"
_JSON = "--report-json"

REPORTS = (
    click.Option(
        [_PAGE],
        metavar="FILE",
        help="A page about the job, for a browser: where it stands, what failed and why, what to do now, each start, "
        f"the calls a second. {_AGAIN}",
    ),
    click.Option([_JSON], metavar="FILE", help=f"The same as JSON; - is standard output. {_AGAIN}"),
    click.Option(
        ["--with-accounts"],
        is_flag=True,
        help="Name the accounts of the first rows in these reports too: personal data, read from the input.",
    ),
)
"""The options."""


class Reports(NamedTuple):
    """What reports are wanted, and where."""

    page: str | None
    json: str | None
    with_accounts: bool

    @property
    def places(self) -> dict[str, str]:
        """Option -> where to, of what is wanted."""
        return {option: to for option, to in ((_PAGE, self.page), (_JSON, self.json)) if to is not None}

    def check(self) -> None:
        """Refuse what makes no sense, before anything is written.

        Raises:
            click.UsageError: it makes no sense.
            InputError: the page cannot be made here.
        """
        if self.page == _STANDARD:
            raise click.UsageError(f"{_PAGE} is a file; only {_JSON} may be -")
        if self.with_accounts and not self.places:
            raise click.UsageError(f"--with-accounts belongs to {_PAGE} or {_JSON}")
        if self.page is not None:
            _page_maker()

    def write(self, journal: str) -> None:
        """Write them.

        Args:
            journal: of the job.

        Raises:
            JournalError: it cannot be read.
            InputError: a report cannot be written, or accounts are wanted and the input has changed.
        """
        if not self.places:
            return
        from tim_async.bulk.findings.finding import findings_of

        found = findings_of(journal, accounts=self.with_accounts)
        for option, to in self.places.items():
            if to != _STANDARD:
                check_place(Path(to), option, found.what.id)
        if self.page is not None:
            save(Path(self.page), _page_maker()(found))
            tell(f"{Path(self.page).name}: open it in a browser")
        if self.json is not None:
            self._write_json(found, self.json)

    def _write_json(self, found: Findings, to: str) -> None:
        data = escaped(to_json(found)) + b"\n"
        if to == _STANDARD:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            save(Path(to), data)


def _page_maker() -> Callable[[Findings], bytes]:
    try:
        from .page import page_of
    except ImportError:
        raise InputError(f"{_PAGE} needs jinja2; get it with: pip install 'tim-async[cli]'") from None
    return page_of
