"""What every benchmark does with its figures: sums them up, holds them against their targets, and keeps them."""

import argparse
import json
import math
import os
import platform
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Target", "as_json", "options_of", "percentile", "quantiles", "seconds_before", "tell"]

RESULTS = Path(__file__).with_name("results")


class Target(NamedTuple):
    """What a figure should be, and what it was."""

    what: str
    measured: float
    bound: float
    unit: str
    at_least: bool = False
    """The bound is a lower one."""
    promise: bool = False
    """To be kept on any machine, however slow or busy: a miss is a failure of the run."""

    @property
    def met(self) -> bool:
        """Whether it is within its bound."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        word = "met" if self.met else "MISSED"
        return f"{word:6}  {self.what}: {self.measured:g} {self.unit} (target {sign} {self.bound:g})"


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that `percent` % of the values do not exceed (nearest rank).

    Args:
        values: One or more, in any order.
        percent: From 0, which gives the smallest value, to 100, which gives the largest.

    Raises:
        ValueError: There are no values, or there is no such percentage.
    """
    ordered = sorted(values)
    if not ordered or not 0 <= percent <= 100:
        raise ValueError(f"no {percent} % of {len(ordered)} values")
    return ordered[max(1, math.ceil(percent / 100 * len(ordered))) - 1]


def quantiles(values: Iterable[float], digits: int = 2) -> list[float]:
    """The percentiles 0, 0.5, 1, ... 100, rounded: enough to draw the distribution.

    Raises:
        ValueError: There are no values.
    """
    ordered = sorted(values)
    return [round(percentile(ordered, half / 2), digits) for half in range(201)]


def seconds_before(times: Sequence[float], step: float) -> list[int]:
    """How many events the second before each moment held, every `step` seconds from the first event to the last.

    Args:
        times: When the events were, in order, seconds.
        step: Seconds.
    """
    moments = int((times[-1] - times[0]) / step) + 1 if times else 0
    ends = [times[0] + place * step for place in range(moments)]
    return [bisect_right(times, end) - bisect_right(times, end - 1) for end in ends]


def as_json(value: object) -> str:
    """Indented JSON, lists of numbers each on one line."""
    spread = json.dumps(value, indent=2)
    return re.sub(r"\[[-+\d.eE,\s]+\]", lambda found: " ".join(found[0].split()), spread) + "\n"


def machine() -> dict[str, Any]:
    """Where it ran, as far as it bears on the figures."""
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        **{name: version(name) for name in ("aiohttp", "msgspec", "aiolimiter", "anyio")},
    }


def options_of(description: str) -> argparse.ArgumentParser:
    """A parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="for the figures and the chart")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: draw the figures that are there again")
    return parser


def tell(
    name: str,
    options: argparse.Namespace,
    measure: Callable[[argparse.Namespace], tuple[dict[str, Any], list[Target]]],
    draw: Callable[[Path, dict[str, Any]], None],
) -> int:
    """Measure, keep the figures as NAME.json and NAME.png, and say which targets were met.

    Args:
        name: Of the benchmark.
        options: As they were parsed.
        measure: Gives the figures and the targets.
        draw: Draws the figures to a file.

    Returns:
        The exit code: 1 if a promise was broken. A figure that depends on the machine is only told.
    """
    file: Path = options.results / f"{name}.json"
    code = 0
    if not options.redraw:
        settings = {key: value for key, value in vars(options).items() if key not in ("results", "redraw")}
        where = machine()
        found, targets = measure(options)
        print("", *targets, sep="\n")
        code = int(any(target.promise and not target.met for target in targets))
        told = [{**target._asdict(), "met": target.met} for target in targets]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_json({"settings": settings, "machine": where, **found, "targets": told}), encoding="utf-8")
    draw(file.with_suffix(".png"), json.loads(file.read_text(encoding="utf-8")))
    return code
