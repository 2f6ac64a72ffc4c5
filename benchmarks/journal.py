"""What a journal costs: the same run with one and without, in turns.

Usage: python benchmarks/journal.py [--rows 1000000] [--rounds 3] [--limited 20]

Deletes ids that a generator makes, against a server in another process that answers at once; each run in a process of
its own.

* without a limit: CPU of the process for a call, with a journal and without, and the bytes that a row leaves in it;
* at 100 calls a second, for so many seconds: CPU as a part of one core, with a journal and without.

Prints a table, writes results/journal.json and .png; exit code 1 if a row is not Ok or the journal is too big.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apart import apart, fresh
from bare import APP
from charts import BLUE, GREEN, paint
from instant import serve_instantly
from report import Target, options_of, tell

import tim_async
from tim_async import bulk
from tim_async.emulator import DEMO_KEY

PER_CALL = 100
RATIO_MOST, CORE_MOST, MEMORY_MOST, BYTES_MOST = 1.25, 3.0, 150.0, 1.0


class Names:
    """So many accounts, made as they are read."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[str]:
        return (f"user-{place:09d}" for place in range(self._rows))


def one_run(url: str, rows: int, journal: str | None, *, limited: bool) -> dict[str, Any]:
    """One run; to be carried out in a fresh process."""

    async def main() -> bulk.Report:
        more: dict[str, Any] = {} if limited else {"limiter": None, "max_in_flight": 16}
        async with tim_async.Client(sdk_app_id=APP, secret_key=DEMO_KEY, base_url=url, **more) as tim:
            source = bulk.ItemSource(Names(rows))
            _ = source.fingerprint  # the look-through is not the journal's
            return await bulk.run(tim.accounts.delete, source, journal=journal)

    before, began = time.process_time(), time.monotonic()
    report = asyncio.run(main())
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "good": report.ok,
        "cpu": time.process_time() - before,
        "seconds": time.monotonic() - began,
        "megabytes": usage.ru_maxrss * 1024 / 1e6,
        "bytes": 0 if journal is None else Path(journal).stat().st_size,
    }


def in_turns(url: str, rows: int, rounds: int, *, limited: bool) -> dict[bool, list[dict[str, Any]]]:
    """So many pairs of runs: with a journal or not -> what was measured."""
    found: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for number in range(rounds):
        for kept in (False, True) if number % 2 else (True, False):
            with tempfile.TemporaryDirectory() as folder, fresh() as process:
                journal = str(Path(folder) / "it.job") if kept else None
                found[kept].append(process.submit(one_run, url, rows, journal, limited=limited).result())
    return found


def median(runs: list[dict[str, Any]], name: str) -> float:
    values: list[float] = [run[name] for run in runs]
    return statistics.median(values)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    with apart(serve_instantly) as url:
        free = in_turns(url, options.rows, options.rounds, limited=False)
        paced = in_turns(url, int(options.limited * 100 * PER_CALL), options.rounds, limited=True)
    calls = options.rows / PER_CALL
    cpu = {kept: median(free[kept], "cpu") / calls * 1000 for kept in (False, True)}
    core = {kept: 100 * statistics.median(run["cpu"] / run["seconds"] for run in paced[kept]) for kept in (False, True)}
    for kept, name in ((False, "without"), (True, "with")):
        print(f"{name:8} {cpu[kept]:.3f} ms of CPU a call, {core[kept]:.1f} % of a core at the limit")
    runs = [run for each in (*free.values(), *paced.values()) for run in each]
    memory = max(run["megabytes"] for run in free[True])
    size = median(free[True], "bytes") / options.rows
    targets = [
        Target(
            "runs whose rows are all Ok", sum(run["good"] for run in runs), len(runs), "", at_least=True, promise=True
        ),
        Target("journal", round(size, 3), BYTES_MOST, "bytes a row", promise=True),
        Target("CPU of a call with a journal", round(cpu[True] / cpu[False], 2), RATIO_MOST, "times that without"),
        Target("the journal at the limit", round(core[True] - core[False], 2), CORE_MOST, "% of a core"),
        Target("memory with a journal", round(memory, 1), MEMORY_MOST, "MB"),
    ]
    return {"cpu": [cpu[False], cpu[True]], "core": [core[False], core[True]], "runs": runs}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """Left the CPU of a call, right that of a second at the limit."""

    def panels(axes: list[Any]) -> None:
        for axis, name, unit in zip(
            axes, ("cpu", "core"), ("ms of CPU a call", "% of a core at the limit"), strict=False
        ):
            values = found[name]
            axis.bar_label(axis.bar(["without", "with a journal"], values, color=[GREEN, BLUE], width=0.6), fmt="%.3g")
            axis.set_ylim(0, 1.3 * max(values))
            axis.set_title(unit, fontsize=10, loc="left")

    note = f"accounts.delete, Python {found['machine']['python']}"
    paint(path, "What a journal costs", panels, columns=2, note=note)


def main() -> int:
    parser = options_of("What a journal costs")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a run without a limit")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs")
    parser.add_argument("--limited", type=float, default=20, help="seconds at the limit")
    return tell("journal", parser.parse_args(), measure, draw)


if __name__ == "__main__":
    sys.exit(main())
