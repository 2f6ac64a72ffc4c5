"""All benchmarks, one after the other: each is told, kept and drawn by its own script.

Usage: python benchmarks/all.py [--full] [--results FOLDER]

Short settings take some three minutes and give a first idea, into build/benchmarks; with --full each runs as its script
does by itself, some twenty minutes, into benchmarks/results. Exit code 1 if one of them failed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHORT = {
    "limit": ["--seconds", "12"],
    "overhead": ["--rounds", "5"],
    "one": ["--rounds", "5"],
    "latency": ["--seconds", "15", "--idle", "100"],
    "coalesce": ["--seconds", "5", "--repeats", "1", "--per-second", "10", "1000", "5000"],
    "memory": ["--stream", "300000", "1000000", "--result", "300000"],
    "look": ["--rows", "300000"],
    "cold": ["--seconds", "3"],
    "journal": ["--rows", "200000", "--rounds", "1", "--limited", "3"],
    "waking": ["--rounds", "1", "--groups", "1", "3", "10"],
    "watching": ["--rounds", "3"],
    "shared": ["--processes", "2", "--seconds", "20", "--kill", "0"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description="All benchmarks, one after the other", allow_abbrev=False)
    parser.add_argument("--full", action="store_true", help="with the settings of the kept results")
    parser.add_argument("--results", type=Path, help="folder (default: build/benchmarks, or results with --full)")
    options = parser.parse_args()
    results: Path = options.results or (HERE / "results" if options.full else HERE.parent / "build" / "benchmarks")
    failed: list[str] = []
    for name, short in SHORT.items():
        print(f"\n== {name}", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), "--results", str(results)]
        if subprocess.run(command if options.full else command + short, check=False).returncode:
            failed.append(name)
    print(f"\nfigures and charts are in {results}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
