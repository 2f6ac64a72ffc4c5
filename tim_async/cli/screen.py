"""What is seen of a run at one moment: on a terminal of any width, in one plain line, and as JSON. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

from tim_async.bulk.report import Trouble
from tim_async.lane.waiting import SILENCE_MOST
from tim_async.printable import one_line

__all__ = ["Moment", "Pace", "as_json", "in_one_line", "length", "screen"]

_WINDOW = 10.0  # seconds over which the speed is measured
_ENOUGH = 2.0  # seconds after which it says something
_ASLEEP = 5.0  # seconds between two looks: nobody ran in between
_INDENT = 4
_GAP = "   "
_SILENT = f"no useful answer yet, and it stops after {SILENCE_MOST:.0f} s without one"


class Moment(NamedTuple):
    """How a run stands."""

    title: str
    total: int
    counts: Mapping[str, int]
    """``Ok``, ``Rejected``, ``Unknown``, ``NotSent`` -> rows."""
    trouble: Trouble | None
    """The most frequent one."""
    rate: float
    """Calls in the last second."""
    limit: float
    """Calls a second that are allowed now."""
    full_limit: float
    """Calls a second that are allowed when nothing slows the command down."""
    left: float | None
    """Seconds; None where nobody knows."""
    repeated: int
    """Calls that carried what had gone out before."""
    pause: str
    """Why nothing is sent at this moment; empty if it is."""
    pause_left: float
    """Seconds."""
    paused: float
    """Seconds of all pauses."""
    slowed: str
    """Why it goes slower than the limit; empty if it does not."""
    in_flight: int = 0
    """Calls that are out."""
    silence: str | None = None
    """What was wrong with the last call, while calls are out and no answer was of use; empty where none has ended yet.
    None where there is nothing to be told of that."""
    stopping: bool = False
    """Whether somebody wants it to end."""

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return sum(self.counts.values())


class Pace:
    """Tells how long the rest takes, by what was done lately. It is told the time."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now: float, done: int) -> None:
        """So much is done; to be called at least every few seconds. After a longer gap it begins anew."""
        looks = self._looks
        if looks and now - looks[-1][0] > _ASLEEP:
            looks.clear()
        looks.append((now, done))
        while now - looks[0][0] > _WINDOW:
            looks.popleft()

    def anew(self) -> None:
        """What was done until now says nothing of what comes."""
        self._looks.clear()

    def left(self, rest: int, most: float) -> float | None:
        """Seconds for the rest.

        Args:
            rest: rows.
            most: rows a second that are allowed now.
        """
        speed = most
        if self._looks:
            (begun, then), (now, done) = self._looks[0], self._looks[-1]
            if now - begun >= _ENOUGH:
                speed = min(most, (done - then) / (now - begun))
        return rest / speed if speed > 0 else None


def length(seconds: float) -> str:
    """A length of time: ``9:29 min``, ``2:05 h``, ``3 d 4 h``, ``12 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    if whole < 86_400:
        return f"{whole // 3600}:{whole // 60 % 60:02} h"
    return f"{whole // 86_400} d {whole // 3600 % 24} h"


def screen(moment: Moment, columns: int) -> list[str]:
    """What a terminal shows, in lines that fit."""
    head = [moment.title, f"{moment.done:,}/{moment.total:,}", _percent(moment), *_speed(moment), _left(moment)]
    lines = [*_filled(head, columns), *_filled(list(_kinds(moment)), columns, indent=True)]
    if moment.stopping:
        calls = "1 call is" if moment.in_flight == 1 else f"{moment.in_flight} calls are"
        lines.append(" " * _INDENT + f"stopping: {calls} still out (Ctrl-C again: do not wait)")
    elif moment.pause:
        lines.append(" " * _INDENT + f"paused for {length(moment.pause_left)} more: {moment.pause}")
    elif moment.silence is not None:
        lines += [" " * _INDENT + words for words in (_SILENT, moment.silence) if words]
    elif moment.slowed:
        lines.append(" " * _INDENT + f"slower than the limit for some seconds: {moment.slowed}")
    if moment.trouble is not None:
        lines.append(" " * _INDENT + str(moment.trouble))
    return [_cut(one_line(line), columns) for line in lines]


def _cut(line: str, columns: int) -> str:
    return line if cell_len(line) <= columns else set_cell_size(line, columns - 1) + "…"


def in_one_line(moment: Moment) -> str:
    """What a log gets."""
    parts = [f"{moment.title}: {moment.done:,}/{moment.total:,} ({_percent(moment)})", *_speed(moment)]
    parts += [_left(moment), *_kinds(moment)]
    if moment.pause:
        parts.append(f"paused for {length(moment.pause_left)} more: {moment.pause}")
    elif moment.silence is not None:
        parts.append(_silence(moment.silence))
    if moment.trouble is not None:
        parts.append(f"mostly {moment.trouble}")
    return ", ".join(part for part in parts if part)


def as_json(moment: Moment) -> dict[str, Any]:
    """What a program gets; times in seconds."""
    trouble = moment.trouble
    common = None if trouble is None else {"code": trouble.code, "reason": trouble.reason, "count": trouble.count}
    return {
        "event": "progress",
        "done": moment.done,
        "total": moment.total,
        "counts": dict(moment.counts),
        "calls_per_second": round(moment.rate, 1),
        "limit": round(moment.limit, 1),
        "seconds_left": None if moment.left is None else round(moment.left, 1),
        "repeated_calls": moment.repeated,
        "paused": moment.pause or None,
        "seconds_paused": round(moment.paused, 1),
        "commonest_failure": common,
        "silence": None if moment.silence is None else _silence(moment.silence),
    }


def _silence(why: str) -> str:
    return f"{_SILENT}: {why}" if why else _SILENT


def _percent(moment: Moment) -> str:
    return f"{100 * moment.done // moment.total if moment.total else 100} %"


def _calls(a_second: float) -> str:
    return f"{a_second:,.0f}" if a_second >= 100 else f"{a_second:.3g}"  # not 1e+03


def _speed(moment: Moment) -> Iterator[str]:
    slow = f" (usually {_calls(moment.full_limit)})" if moment.limit < moment.full_limit * 0.99 else ""
    if moment.limit:
        yield f"{moment.rate:.0f} of {_calls(moment.limit)} calls/s{slow}"


def _left(moment: Moment) -> str:
    if moment.pause or moment.stopping or moment.left is None or moment.done >= moment.total:
        return ""
    return f"{length(moment.left)} left"


def _kinds(moment: Moment) -> Iterator[str]:
    words = {"Ok": "ok", "Rejected": "rejected", "Unknown": "unknown", "NotSent": "not sent"}
    yield from (f"{moment.counts[kind]:,} {word}" for kind, word in words.items())
    if moment.repeated:
        yield "1 call repeated" if moment.repeated == 1 else f"{moment.repeated:,} calls repeated"
    if moment.paused >= 1:
        yield f"paused {length(moment.paused)} in all"


def _filled(parts: list[str], columns: int, *, indent: bool = False) -> list[str]:
    """Parts side by side, in as many lines as that takes; none is cut if it fits into a line."""
    lines = [" " * _INDENT if indent else ""]
    for part in filter(None, parts):
        line = lines[-1]
        if line.strip() and len(line) + len(_GAP) + len(part) > columns:
            lines.append(" " * _INDENT + part)
        else:
            lines[-1] = line + (_GAP if line.strip() else "") + part
    return lines
