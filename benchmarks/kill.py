"""Jobs of the command line that are killed with -9 at random moments and started again; the emulator's books judge.

Usage: python benchmarks/kill.py [send delete set restarts ...] [--rows 100000] [--kills 10] [--latency 0.3] [--seed 1]

The emulator runs in this process, each start of the job in one of its own: the same command again and again, killed
after up to four seconds (which may be while it looks through its file), and at last to its end.

* send: nobody gets two pushes, `Unknown` are at most 500 a kill, each `Ok` was sent;
* delete: one outcome for each row, no account that was there is `Rejected`, accounts that never were are `Ok` only
  where they may have been sent, and say so; and no more calls than the journal itself says were needed;
* set: each account twice with other values, half the file apart: the last value stands;
* restarts: killed within three seconds each time, no call is over the limit.

Exit code 1 if one of these is not so.
"""

import argparse
import asyncio
import json
import math
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from report import Target

from tim_async import bulk
from tim_async.emulator import DEMO_KEY, Emulator

GHOSTS = 100
COMMANDS = {
    "send": ["push", "send-to", "--title", "hello", "--desc", "again"],
    "delete": ["accounts", "delete", "--yes"],
    "set": ["push", "set-attributes", "--attribute", "city"],
    "restarts": ["accounts", "delete", "--yes"],
}


@contextmanager
def running(emulator: Emulator) -> Generator[None, None, None]:
    """Serve in a thread while the block runs."""
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        async with emulator:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


class Job:
    """One job, its file and what was seen of it."""

    def __init__(self, what: str, options: argparse.Namespace, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.names = [f"user-{number:07d}" for number in range(options.rows // (2 if what == "set" else 1))]
        emulator.accounts.add(*self.names)
        self.source, self.journal = folder / "users.csv", folder / "it.job"
        (folder / "key").write_text(DEMO_KEY)
        self.source.write_text("".join(f"{line}\n" for line in self._lines(what)))
        said = ["--from", str(self.source), "--column", "account", "--journal", str(self.journal), "--to", "/dev/null"]
        where = ["--sdk-app-id", str(emulator.sdk_app_id), "--secret-key-file", str(folder / "key")]
        self.words = [sys.executable, "-m", "tim_async", *COMMANDS[what], *said, *where, "--base-url", emulator.url]
        self.maybe: list[int] = []
        self.killed = 0

    def _lines(self, what: str) -> list[str]:
        ghosts = [f"ghost-{number}" for number in range(GHOSTS)] if what == "delete" else []
        cities = ["Oslo", "Lyon"] if what == "set" else [""]
        return ["account,city", *(f"{name},{city}" for city in cities for name in [*self.names, *ghosts])]

    def start(self, seconds: float) -> bool:
        """One start, killed after so many seconds; whether it came to its end before."""
        with subprocess.Popen(self.words, stderr=subprocess.PIPE) as process:
            try:
                process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.returncode >= 0:
            if process.returncode > 1:
                raise RuntimeError(f"{' '.join(self.words)} ended with {process.returncode}")
            return True
        self.killed += 1
        if self.journal.exists():
            self.maybe.append(bulk.standing_of(self.journal).maybe)
        return False

    def outcomes(self) -> list[dict[str, Any]]:
        """Of all rows, from the journal."""
        path = self.journal.with_suffix(".jsonl")
        words = [sys.executable, "-m", "tim_async", "job", str(self.journal), "--outcomes", str(path)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [json.loads(line) for line in path.read_text().splitlines()]


def judged_send(job: Job, outcomes: list[dict[str, Any]]) -> list[Target]:
    sent = Counter(account for call in job.emulator.books.calls for account, _ in call.items)
    unknown = sum(line["outcome"] == "Unknown" for line in outcomes)
    false = sum(line["outcome"] == "Ok" and line["account"] not in sent for line in outcomes)
    return [
        Target("most pushes to one account", max(sent.values()), 1, ""),
        Target("unknown", unknown, 500 * job.killed, "rows"),
        Target("Ok that were not sent", false, 0, "rows"),
    ]


def judged_delete(job: Job, outcomes: list[dict[str, Any]]) -> list[Target]:
    ghosts = [line for line in outcomes if line["account"].startswith("ghost-") and line["outcome"] == "Ok"]
    refused = sum(line["outcome"] != "Ok" and not line["account"].startswith("ghost-") for line in outcomes)
    needed = len(outcomes) / 100 + sum(math.ceil(rows / 100) + 1 for rows in job.maybe) + 1
    return [
        Target("accounts left", len(job.emulator.accounts), 0, ""),
        Target("accounts that were there and are not Ok", refused, 0, "rows"),
        Target("accounts that never were and are Ok", len(ghosts), sum(job.maybe), "rows"),
        Target("of them without a word about it", sum(not line["reason"] for line in ghosts), 0, "rows"),
        Target("calls", len(job.emulator.books.calls), needed, ""),
    ]


def judged_set(job: Job, _: list[dict[str, Any]]) -> list[Target]:
    old = sum(job.emulator.accounts[name].attributes != {"city": "Lyon"} for name in job.names)
    return [Target("accounts with an older value", old, 0, "")]


def judged_restarts(job: Job, _: list[dict[str, Any]]) -> list[Target]:
    arrivals = job.emulator.arrivals("im_open_login_svc/account_delete")
    return [Target("calls over the limit", sum(refused for _, refused in arrivals), 0, "")]


JUDGES = {"send": judged_send, "delete": judged_delete, "set": judged_set, "restarts": judged_restarts}


def one(what: str, options: argparse.Namespace) -> list[Target]:
    dice = random.Random(options.seed)
    emulator, began = Emulator(latency=options.latency, seed=options.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running(emulator):
        job = Job(what, options, Path(folder), emulator)
        for _ in range(options.kills):
            if job.start(dice.uniform(1.2, 3.0) if what == "restarts" else dice.uniform(0.5, 4.0)):
                break
        job.start(3600)
        outcomes = job.outcomes()
        rows = job.source.read_text().count("\n") - 1
        print(f"\n{what}: {rows:,} rows, {job.killed} kills, {sum(job.maybe):,} rows may have been sent, ", end="")
        print(f"{len(emulator.books.calls):,} calls, {time.monotonic() - began:.0f} s")
        done = Target("rows with an outcome", len(outcomes), rows, "", at_least=True)
        return [done, *JUDGES[what](job, outcomes)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Jobs that are killed and go on",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("what", nargs="*", help=f"which jobs, of {', '.join(COMMANDS)}; none: all of them")
    parser.add_argument("--rows", type=int, default=100_000, help="of the file; send makes 500 a second at most")
    parser.add_argument("--kills", type=int, default=10, help="of each job")
    parser.add_argument("--latency", type=float, default=0.3, help="service time, seconds")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    options = parser.parse_args()
    if unknown := [what for what in options.what if what not in COMMANDS]:
        parser.error(f"there is no job {unknown[0]!r}, but {', '.join(COMMANDS)}")
    missed = False
    for what in options.what or COMMANDS:
        targets = one(what, options)
        print(*targets, sep="\n")
        missed = missed or not all(target.met for target in targets)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
