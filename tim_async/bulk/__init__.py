"""Accounts of any number through one command, with a journal by which a run that was stopped or killed goes on.

`api.run` is the whole of it. A source (`files`, `source`) gives rows; `running` sends them with `sending`, first what
may have been sent before, and `journal` keeps what became of each. `standing` tells where a job stands, `exporting`
writes its outcomes and failures, `findings` tells all of it for a report. `run_partition` does the same for a part of a
list on one of many machines.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import item_of, job_of, run
    from .exporting import export_failures, export_outcomes
    from .files import AccountFile
    from .findings.facts import Findings
    from .findings.finding import findings_of
    from .guards import TooManyFailures
    from .items import ItemSource
    from .journal.errors import (
        JournalBroken,
        JournalError,
        JournalFull,
        JournalHeld,
        JournalRested,
        JournalUnlike,
    )
    from .looking import Look
    from .opening import open_source
    from .partitions.part import Part
    from .partitions.running import run_partition
    from .planning import Plan, plan_of
    from .report import Progress, Report, Tally, Trouble
    from .rows import InputError, Row, RowError
    from .source import Fingerprint, Source
    from .standing import Known, Standing, standing_of
    from .timeline import Timeline
    from .writing import Record

__all__ = [
    "AccountFile",
    "Findings",
    "Fingerprint",
    "InputError",
    "ItemSource",
    "JournalBroken",
    "JournalError",
    "JournalFull",
    "JournalHeld",
    "JournalRested",
    "JournalUnlike",
    "Known",
    "Look",
    "Part",
    "Plan",
    "Progress",
    "Record",
    "Report",
    "Row",
    "RowError",
    "Source",
    "Standing",
    "Tally",
    "Timeline",
    "TooManyFailures",
    "Trouble",
    "export_failures",
    "export_outcomes",
    "findings_of",
    "item_of",
    "job_of",
    "open_source",
    "plan_of",
    "run",
    "run_partition",
    "standing_of",
]

# Imported when first asked for, as in the package above.
_ROOMS = {
    "api": ("item_of", "job_of", "run"),
    "exporting": ("export_failures", "export_outcomes"),
    "files": ("AccountFile",),
    "findings.facts": ("Findings",),
    "findings.finding": ("findings_of",),
    "guards": ("TooManyFailures",),
    "items": ("ItemSource",),
    "looking": ("Look",),
    "opening": ("open_source",),
    "planning": ("Plan", "plan_of"),
    "partitions.part": ("Part",),
    "partitions.running": ("run_partition",),
    "report": ("Progress", "Report", "Tally", "Trouble"),
    "rows": ("InputError", "Row", "RowError"),
    "source": ("Fingerprint", "Source"),
    "standing": ("Known", "Standing", "standing_of"),
    "timeline": ("Timeline",),
    "writing": ("Record",),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = import_module(f".{_HOMES.get(name, 'journal.errors')}", __name__)
    value = globals()[name] = getattr(room, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
