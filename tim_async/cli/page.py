"""The report of a job as one HTML page: no script, nothing loaded from anywhere, everything of others escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tim_async.bulk.findings.facts import Asked, Findings, Kind, Run
from tim_async.bulk.findings.sentences import verb_of, was_wanted
from tim_async.printable import shown

from .drawing import chart_of
from .durations import duration, moment, zone
from .histogram import histogram_of

__all__ = ["page_of"]

_LONGEST = 400  # characters of somebody else's text; all of it stands in the journal, and in --report-json
_RUNS = (3, 12)  # the first and the last starts that are shown, where there are more
_WIDE, _NARROW = 900.0, 340.0  # px; one of two drawings is seen, for text in an SVG shrinks with it
_BADGES = {"done": "Done", "at work": "At work", "stopped": "Stopped", "killed": "Stopped"}
_NUMBERED = {
    "line": "Rows are named by the line of the input on which they begin.",
    "item": "Rows are the items that the program gave, counted from 1.",
    "place": "Rows are counted from 1, without a header and blank lines: the same input is no longer there.",
}


class Part(NamedTuple):
    """A part of all rows, in a colour of its own."""

    name: str
    """Of the colour."""
    words: str
    rows: int


def page_of(found: Findings) -> bytes:
    """The page, in UTF-8.

    Args:
        found: what is known of the job.
    """
    environment = Environment(
        loader=PackageLoader("tim_async.cli"),
        autoescape=True,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(_FILTERS)
    page = environment.get_template("report.html").render(
        f=found,
        parts=list(_parts(found)),
        verb=verb_of(found.what.command.rpartition(".")[2]),
        tone=_tone(found),
        badge=_badge(found),
        charts=[(name, chart_of(found, width=width, height=height)) for name, width, height in _SIZES],
        histograms=[
            (name, None if found.latency is None else histogram_of(found.latency, width=width, height=height * 0.7))
            for name, width, height in _SIZES
        ],
        runs=_some(found.runs),
        more_runs=len(found.runs) - sum(_RUNS),
        asked=_some(found.asked_again),
        more_asked=len(found.asked_again) - sum(_RUNS),
        numbered=_NUMBERED[found.numbered],
        zone=zone(found.made),
        more_assumed=found.assumed - sum(each.outcomes.get("assumed", 0) for each in found.asked_again),
        options={_SAID.get(name, name): value for name, value in found.what.options.items()},
        has_accounts=any(kind.accounts for kind in found.kinds),
    )
    return page.encode()


_SIZES = (("wide", _WIDE, 200.0), ("narrow", _NARROW, 150.0))


def _visible(value: object) -> object:
    """What a page shows of each value: nothing that cannot be seen, or turns the direction of writing round."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _clip(text: str) -> str:
    """The beginning of a text that may have any length."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _number(number: float) -> str:
    return f"{number:,}"


def _plain(value: Any) -> str:
    """A value of the command's options: JSON, but for a text alone."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _some(all_of_them: Sequence[Any]) -> list[Any]:
    first, last = _RUNS
    return list(all_of_them if len(all_of_them) <= first + last else [*all_of_them[:first], *all_of_them[-last:]])


def _part(kind: Kind) -> str:
    """The colour of a kind."""
    if kind.outcome == "Ok":
        return "ok"
    if not kind.final:
        return "open"
    if kind.outcome == "Unknown":
        return "unknown"
    return "already" if kind.repeat == "no need" else "failed"


def _parts(found: Findings) -> Iterator[Part]:
    verb = verb_of(found.what.command.rpartition(".")[2])
    already = "not there" if verb in {"deleted", "removed", "cleared"} else "so already"
    words = {"ok": verb, "already": already, "failed": "failed", "unknown": "may have been done", "open": "open"}
    for name, word in words.items():
        count = sum(kind.count for kind in found.kinds if _part(kind) == name)
        if count or name == "ok":
            yield Part(name, word, count)


def _tone(found: Findings) -> str:
    if found.state == "at work":
        return "working"
    if found.state != "done":
        return "mixed" if found.runs and was_wanted(found.runs[-1].how) else "bad"
    failed = any(_part(kind) in {"failed", "unknown"} for kind in found.kinds)
    return "mixed" if failed or found.what.rows == 0 else "good"


def _badge(found: Findings) -> str:
    if found.state == "done" and _tone(found) == "mixed":
        return "Done, with failures" if found.kinds else "Empty input"
    return _BADGES[found.state]


_SAID = {"said": "Each row gets", "encoding": "Encoding"}
_BECAME = {
    "assumed": "so already",
    "Open": "still open",
    "later": "open once more at a later stop",
}


def _became(asked: Asked) -> str:
    """What became of rows that were asked again."""
    became = [f"{count:,} {_BECAME.get(name, name)}" for name, count in sorted(asked.outcomes.items())]
    return ", ".join([*became, *([f"{asked.rewritten:,} done already, and sent once more"] if asked.rewritten else [])])


def _lasted(run: Run) -> float | None:
    """Seconds between a start and the last that is known of it; None if nothing is."""
    end = run.last_word if run.ended is None else run.ended
    return None if end is None else max(end - run.began, 0.0)


_FILTERS: dict[str, Any] = {
    "became": _became,
    "clip": _clip,
    "duration": duration,
    "lasted": _lasted,
    "moment": moment,
    "number": _number,
    "part": _part,
    "plain": _plain,
}
