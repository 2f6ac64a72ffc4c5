"""Processes that share one limit over Redis, against the emulator in another process, and judged by a third.

Usage: python benchmarks/shared.py [--processes 1 2 4 8] [--seconds 20] [--latency 20] [--rate 100] [--kill 10]

With ``--kill SECONDS`` Redis is killed in the middle, as a crash would, and started again, empty, so much later; the
run takes that much longer. The emulator keeps the raw arrivals, first call to last; judge.py counts from them what
services of three kinds would have refused. Prints a table, writes results/shared.json; exit code 1 if a call was over
the limit, or an account has no outcome.
"""

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from apart import apart
from judge import judge, read

from tim_async.emulator import Emulator, serve

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

APP = 1400000000
PATH = "timpush/get_tag"
START = 5.0
"""Seconds after the first call, and after the return of Redis, from which the rate counts."""
WORKER = Path(__file__).with_name("shared_worker.py")


class Setting(NamedTuple):
    """One run."""

    processes: int
    seconds: float
    latency: float
    rate: float
    kill: float


class Times(NamedTuple):
    """When Redis went and came, seconds of the monotonic clock."""

    killed: float
    back: float


def emulate(listening: Callable[[str], object], *, latency: float, rate: float) -> None:
    """The emulator, until the process ends; `latency` in seconds."""
    emulator = Emulator(sdk_app_id=APP, latency=latency, rate=rate, keep_books=False, seed=1)
    asyncio.run(serve(emulator, listening))


def redis_server() -> Any:
    """A `RedisServer`, from the tests."""
    return importlib.import_module("redis_server").RedisServer()


def run_workers(setting: Setting, url: str, server: Any) -> tuple[list[dict[str, int]], Times]:
    """What the workers say at their end; kills Redis meanwhile, if that is to be."""
    seconds = setting.seconds + setting.kill
    arguments = (url, server.url, setting.processes, seconds, setting.rate)
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(setting.processes)]
    times = Times(0, 0)
    if setting.kill:
        time.sleep(setting.seconds / 2)
        killed = time.monotonic()
        server.kill()
        time.sleep(setting.kill)
        server.start()
        times = Times(killed, time.monotonic())
    return [json.loads(worker.communicate()[0]) for worker in workers], times


def percent(arrivals: list[float], begin: float, end: float, rate: float) -> float:
    """Calls between two times, in percent of the limit."""
    return round(100 * sum(begin <= at < end for at in arrivals) / (rate * (end - begin)), 2)


def measure(setting: Setting) -> dict[str, Any]:
    """One run with a fresh emulator and a fresh Redis: the verdict of the judge, and what the run yielded."""
    with apart(emulate, latency=setting.latency, rate=setting.rate) as url, redis_server() as server:
        told, times = run_workers(setting, url, server)
        rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={PATH}")["arrivals"]
    arrivals = sorted(float(row[0]) for row in rows)
    first, last = arrivals[0], arrivals[-1] - 1
    shares = {"percent_of_limit": percent(arrivals, first + START, times.killed or last, setting.rate)}
    if setting.kill:
        shares["percent_without_redis"] = percent(arrivals, times.killed + START, times.back, setting.rate)
        shares["percent_after_return"] = percent(arrivals, times.back + START, last, setting.rate)
    return {
        **setting._asdict(),
        **shares,
        "refused": sum(bool(row[1]) for row in rows),
        **judge(arrivals, setting.rate),
        "lost": sum(one["taken"] - sum(one.get(kind, 0) for kind in ("Ok", "Rejected")) for one in told),
        "accounts_by_process": [one["taken"] for one in told],
        "cpu_us_per_call": round(1000 * sum(one["cpu_ms"] for one in told) / len(rows)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Processes that share a limit, judged by their raw arrivals")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--kill", type=float, default=0, help="seconds for which Redis is gone")
    options = parser.parse_args()
    if options.seconds < 3 * START:
        parser.error(f"a run takes {3 * START:.0f} seconds or more")
    runs: list[dict[str, Any]] = []
    print("processes  % of limit  without  after  over: fixed  sliding  bucket  refused  worst second  lost")
    for processes in options.processes:
        setting = Setting(processes, options.seconds, options.latency / 1000, options.rate, options.kill)
        run = measure(setting)
        runs.append(run)
        print(
            f"{processes:9} {run['percent_of_limit']:11.2f} {run.get('percent_without_redis', 0.0):8.2f} "
            f"{run.get('percent_after_return', 0.0):6.2f} {run['fixed']:12} {run['sliding']:8} {run['bucket']:7} "
            f"{run['refused']:8} {run['worst_second']:13} {run['lost']:5}",
            flush=True,
        )
    write(runs)
    bad = ("fixed", "sliding", "bucket", "refused", "lost")
    return 1 if any(run[name] for run in runs for name in bad) else 0


def write(runs: list[dict[str, Any]]) -> None:
    """Keeps the runs in results/shared.json, those with a kill beside those without."""
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    path = results / "shared.json"
    kept: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.exists() else []
    anew = {(run["processes"], bool(run["kill"])) for run in runs}
    kept = [run for run in kept if (run["processes"], bool(run["kill"])) not in anew]
    path.write_text(json.dumps({"runs": kept + runs}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
