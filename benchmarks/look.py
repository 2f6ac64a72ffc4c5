"""What it costs to look through a file of accounts before anything is sent.

Usage: python benchmarks/look.py [--rows 1000000] [--kinds csv quoted ids json gzip parquet]

Each kind is written to a temporary file (36 MB for a million rows of CSV with 4 columns) and opened in a process of its
own, on Linux (it reads /proc): its CPU time per million rows, beside that of the csv module alone where it is CSV, and
the most memory it ever had.
The first pass hashes all bytes, decodes them, reads the rows, and finds repeated accounts.

Prints a table, writes results/look.json and .png; exit code 1 if a row is missing.
"""

import argparse
import csv
import gzip
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from apart import fresh
from charts import BLUE, limit_line, paint
from report import Target, options_of, tell

from tim_async.bulk import AccountFile

SECONDS_MOST = 3.0
"""CPU seconds for a million rows."""
MEMORY_MOST = {"parquet": 250.0}
"""Megabytes; 150 for all others: pyarrow alone takes 80."""
STEP = 10_000


def lines(rows: int, form: Callable[[int], str], header: str = "") -> Iterator[str]:
    yield header
    for begin in range(0, rows, STEP):
        yield "".join(map(form, range(begin, min(begin + STEP, rows))))


TEXTS: dict[str, tuple[Callable[[int], str], str]] = {
    "csv": (lambda place: f"user_{place:08d},Lyon,some note here,{place % 7}\n", "account,city,notes,x\n"),
    "quoted": (
        lambda place: f'"user_{place:08d}","Lyon","some ""note"", here","{place % 7}"\n',
        '"account","city","notes","x"\n',
    ),
    "ids": (lambda place: f"user_{place:08d}\n", ""),
    "json": (lambda place: f'{{"account": "user_{place:08d}", "argument": ["a", "b"]}}\n', ""),
}
TEXTS["gzip"] = TEXTS["csv"]
TABLES = ("csv", "quoted", "gzip", "parquet")


def write(path: Path, kind: str, rows: int) -> None:
    if kind == "parquet":
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")  # not in the processes that are measured
        schema = pa.schema({"account": pa.string(), "city": pa.string(), "x": pa.int64()})
        with pq.ParquetWriter(path, schema) as writer:
            for begin in range(0, rows, 100 * STEP):
                places = range(begin, min(begin + 100 * STEP, rows))
                columns = [[f"user_{place:08d}" for place in places], ["Lyon"] * len(places), list(places)]
                writer.write_table(pa.table(columns, schema=schema))
        return
    form, header = TEXTS[kind]
    with gzip.open(path, "wt") if kind == "gzip" else path.open("w", encoding="utf-8") as file:
        file.writelines(lines(rows, form, header))


def highest() -> float:
    """Megabytes: the most that this program ever had in memory; what getrusage tells begins with its parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def look(path: Path, kind: str) -> dict[str, float]:
    """The first pass; to be run in a fresh process."""
    began = time.process_time()
    with AccountFile(path, column="account" if kind in TABLES else None) as file:
        return {
            "rows": file.count,
            "cpu_seconds": time.process_time() - began,
            "memory_mb": highest(),
        }


def bare(path: Path) -> float:
    """CPU seconds of the csv module alone."""
    began = time.process_time()
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.process_time() - began


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    found: dict[str, dict[str, float]] = {}
    targets: list[Target] = []
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder, fresh() as process:
            path = Path(folder) / kind
            write(path, kind, options.rows)
            run = found[kind] = process.submit(look, path, kind).result()
            each = run["seconds_per_million"] = round(run.pop("cpu_seconds") / options.rows * 1e6, 2)
            alone = (
                f", the csv module alone {bare(path) / options.rows * 1e6:.2f} s" if kind in ("csv", "quoted") else ""
            )
        print(f"{kind:8} {each:5.2f} s of CPU a million{alone}; {run['memory_mb']:.0f} MB", flush=True)
        targets += [
            Target(f"{kind}: CPU for a million rows", each, SECONDS_MOST, "s"),
            Target(f"{kind}: memory", round(run["memory_mb"]), MEMORY_MOST.get(kind, 150.0), "MB"),
            Target(f"{kind}: missing rows", options.rows - run["rows"], 0, "rows", promise=True),
        ]
    return {"rows": options.rows, "kinds": found}, targets


def draw(path: Path, found: dict[str, Any]) -> None:
    """CPU seconds of each kind."""

    def panels(axes: list[Any]) -> None:
        values = [run["seconds_per_million"] for run in found["kinds"].values()]
        axes[0].bar_label(axes[0].bar(list(found["kinds"]), values, color=BLUE, width=0.6), fontsize=9)
        limit_line(axes[0], SECONDS_MOST, f"target: {SECONDS_MOST:g} s")
        axes[0].set_ylabel("CPU seconds for a million rows")
        axes[0].legend(loc="upper right", fontsize=8)

    note = f"{found['rows'] / 1e6:g} million rows in a fresh process, Python {found['machine']['python']}"
    paint(path, "Looking through a file before anything is sent", panels, columns=1, note=note)


def main() -> int:
    parser = options_of("CPU time and memory of the first pass over a file of accounts")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each file")
    parser.add_argument("--kinds", nargs="+", default=[*TEXTS, "parquet"], choices=[*TEXTS, "parquet"], help="of files")
    options = parser.parse_args()
    if options.rows < 1:
        parser.error("--rows takes 1 or more")
    return tell("look", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
