"""Processes that share one limit over Redis, against the emulator in another process, and judged by a third.

Usage: python benchmarks/shared.py [--processes 1 2 4 8] [--seconds 60] [--kill 10] [--kill-processes 4]

A run of `seconds` for each number of processes; then one more in the middle of which Redis is killed, as a crash would,
and started again, empty, `kill` seconds later (0: no such run). Each process runs an endless batch. The emulator keeps
the raw arrivals, first call to last; judge.py counts from them what services of three kinds would have refused. Prints
a table, writes results/shared.json and .png; exit code 1 if a call was over the limit, or an account has no outcome.
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
from bare import APP
from charts import BLUE, ORANGE, limit_line, paint
from judge import judge, read
from report import Target, options_of, seconds_before, tell

from tim_async.emulator import Emulator, serve

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PATH = "timpush/get_tag"
START = 5.0
"""Seconds after the first call, and after the return of Redis, from which the rate counts."""
STEP = 0.1
"""Seconds between two points of the chart."""
LEAST = 97.0
"""Percent of the limit that all processes together are to reach."""
WORKER = Path(__file__).with_name("shared_worker.py")


class Setting(NamedTuple):
    """One run."""

    processes: int
    seconds: float
    latency: float
    rate: float
    kill: float = 0.0


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
    arguments = (url, server.url, setting.processes, setting.seconds, setting.rate)
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(setting.processes)]
    times = Times(0, 0)
    if setting.kill:
        time.sleep((setting.seconds - setting.kill) / 2)
        killed = time.monotonic()
        server.kill()
        time.sleep(setting.kill)
        server.start()
        times = Times(killed, time.monotonic())
    return [json.loads(worker.communicate()[0]) for worker in workers], times


def percent(arrivals: list[float], begin: float, end: float, rate: float) -> float:
    """Calls between two times, in percent of the limit."""
    return round(100 * sum(begin <= at < end for at in arrivals) / (rate * (end - begin)), 2)


def run(setting: Setting) -> dict[str, Any]:
    """One run with a fresh emulator and a fresh Redis: the verdict of the judge, and what the run yielded."""
    with apart(emulate, latency=setting.latency, rate=setting.rate) as url, redis_server() as server:
        told, times = run_workers(setting, url, server)
        rows: list[list[Any]] = read(f"{url}/emulator/arrivals?path={PATH}")["arrivals"]
    arrivals = sorted(float(row[0]) for row in rows)
    first, last = arrivals[0], arrivals[-1] - 1
    found: dict[str, Any] = {"percent_of_limit": percent(arrivals, first + START, times.killed or last, setting.rate)}
    if setting.kill:
        found["percent_without_redis"] = percent(arrivals, times.killed + START, times.back, setting.rate)
        found["percent_after_return"] = percent(arrivals, times.back + START, last, setting.rate)
        found["gone_from"], found["gone_until"] = (round(at - first, 2) for at in times)
        found["calls_in_the_second_before"] = seconds_before(arrivals, STEP)
    return {
        **setting._asdict(),
        **found,
        "refused": sum(bool(row[1]) for row in rows),
        **judge(arrivals, setting.rate),
        "lost": sum(one["taken"] - sum(one.get(kind, 0) for kind in ("Ok", "Rejected")) for one in told),
        "accounts_by_process": [one["taken"] for one in told],
        "cpu_us_per_call": round(1000 * sum(one["cpu_ms"] for one in told) / len(rows)),
    }


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Target]]:
    """A run for each number of processes, and the one in which Redis dies."""
    latency = options.latency / 1000
    settings = [Setting(processes, options.seconds, latency, options.rate) for processes in options.processes]
    if options.kill:
        settings.append(Setting(options.kill_processes, options.seconds, latency, options.rate, options.kill))
    print("processes  % of limit  without  after  over: fixed  sliding  bucket  refused  worst second  lost")
    runs: list[dict[str, Any]] = []
    for setting in settings:
        one = run(setting)
        runs.append(one)
        print(
            f"{one['processes']:9} {one['percent_of_limit']:11.2f} {one.get('percent_without_redis', 0.0):8.2f} "
            f"{one.get('percent_after_return', 0.0):6.2f} {one['fixed']:12} {one['sliding']:8} {one['bucket']:7} "
            f"{one['refused']:8} {one['worst_second']:13} {one['lost']:5}",
            flush=True,
        )
    return {"runs": runs}, targets(runs)


def targets(runs: list[dict[str, Any]]) -> list[Target]:
    """What is asked of these runs."""
    found = [
        Target(f"{run['processes']} processes, share of the limit", run["percent_of_limit"], LEAST, "%", at_least=True)
        for run in runs
        if not run["kill"]
    ]
    found += [
        Target(
            f"{run['processes']} processes, from {START:g} s after Redis came back",
            run["percent_after_return"],
            LEAST,
            "%",
            at_least=True,
        )
        for run in runs
        if run["kill"]
    ]
    over = sum(run[name] for run in runs for name in ("fixed", "sliding", "bucket", "refused"))
    lost = sum(run["lost"] for run in runs)
    return [
        *found,
        Target("calls over the limit, by any accounting", over, 0, "calls", promise=True),
        Target("accounts without an outcome", lost, 0, "accounts", promise=True),
    ]


def draw(path: Path, found: dict[str, Any]) -> None:
    """Left the share of the limit by the number of processes, right what becomes of it when Redis dies."""
    rate = found["settings"]["rate"]
    plain = [run for run in found["runs"] if not run["kill"]]
    killed = [run for run in found["runs"] if run["kill"]]

    def shares(axis: Any) -> None:
        values = [run["percent_of_limit"] for run in plain]
        bars = axis.bar([str(run["processes"]) for run in plain], values, color=BLUE, width=0.6)
        axis.bar_label(bars, [f"{value:g} %" for value in values], label_type="center", color="white", fontsize=9)
        limit_line(axis, 100, f"limit: {rate:g} calls in any second")
        axis.set_ylim(0, 118)
        worst = max(run["worst_second"] for run in plain)
        axis.set_title(f"all processes together; worst second: {worst} calls", fontsize=10, loc="left")
        axis.set_xlabel("processes")
        axis.set_ylabel("% of the limit")
        axis.legend(loc="upper right", fontsize=8)

    def death(axis: Any, run: dict[str, Any]) -> None:
        counts = run["calls_in_the_second_before"]
        axis.axvspan(run["gone_from"], run["gone_until"], color="#f4d9c6", label="Redis is gone")
        axis.plot([place * STEP for place in range(len(counts))], counts, color=ORANGE, linewidth=1.2)
        limit_line(axis, rate, f"limit: {rate:g} in any second")
        axis.set_ylim(0, 1.18 * rate)
        axis.set_title(
            f"{run['processes']} processes, Redis killed: {run['lost']} lost, worst second {run['worst_second']}",
            fontsize=10,
            loc="left",
        )
        axis.set_xlabel("seconds since the first call")
        axis.set_ylabel("calls in the last second, of all")
        axis.legend(loc="lower right", fontsize=8)

    def panels(axes: list[Any]) -> None:
        shares(axes[0])
        for axis, run in zip(axes[1:], killed, strict=True):
            death(axis, run)

    paint(
        path,
        "Processes that share one limit through Redis",
        panels,
        columns=1 + len(killed),
        inches=(5.0 + 6.0 * len(killed), 4.2),
        note=f"get_tags, service time {found['settings']['latency']:g} ms, {found['settings']['seconds']:g} s each, "
        f"arrivals as the server recorded them, {found['machine']['cores']} cores",
    )


def main() -> int:
    parser = options_of("Processes that share a limit, judged by their raw arrivals")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8], help="a run for each")
    parser.add_argument("--seconds", type=float, default=60, help="of each run")
    parser.add_argument("--latency", type=float, default=20, help="service time in milliseconds")
    parser.add_argument("--rate", type=float, default=100, help="calls per second that are allowed")
    parser.add_argument("--kill", type=float, default=10, help="seconds for which Redis is gone in one more run")
    parser.add_argument("--kill-processes", type=int, default=4, help="in that run")
    options = parser.parse_args()
    if options.seconds < 3 * START + 2 * options.kill:
        parser.error(f"a run takes {3 * START + 2 * options.kill:.0f} seconds or more")
    return tell("shared", options, measure, draw)


if __name__ == "__main__":
    sys.exit(main())
