"""The example on a real Ray of this machine, actors and drivers killed with -9: the emulator's books are the judge."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from box import running
from ports import free_port
from redis_server import RedisServer

from tim_async.emulator import DEMO_KEY, Emulator

PROGRAM = Path(__file__).with_name("delete_accounts.py")
FILES, ROWS, ACTORS = 12, 5_000, 3
LIMIT = 100  # calls a second
UNTIL = 60.0  # seconds for anything to happen


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One node, on loopback; its processes are a group of their own, which is ended as a whole."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="ray-")  # a short path, for the sockets that are in it
    words = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--port={port}"),
        *("--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats", "--num-cpus=2"),
        *("--object-store-memory=100000000", f"--temp-dir={folder}"),
        *("--min-worker-port=0", "--max-worker-port=0"),  # whatever is free, not ten thousand reserved ones
    ]
    log = (tmp_path_factory.mktemp("log") / "ray.log").open("wb")
    with log, subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True) as node:
        try:
            until(
                lambda: b"runtime started" in Path(log.name).read_bytes(),
                "Ray to start",
                lambda: node.poll() is not None,
            )
            yield f"127.0.0.1:{port}"
        finally:
            node.terminate()
            try:
                node.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def until(holds: Callable[[], bool], what: str, in_vain: Callable[[], bool] = bool) -> None:
    """Look twenty times a second; other processes ring no bell."""
    deadline = time.monotonic() + UNTIL
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        assert not in_vain(), f"no {what}"
        time.sleep(0.05)


class Work:
    """Twelve files of accounts, and what becomes of them."""

    def __init__(self, emulator: Emulator, redis: str, cluster: str, folder: Path) -> None:
        self.emulator = emulator
        self.source, self.outcomes = folder / "users", folder / "gone"
        self.source.mkdir()
        self.outcomes.mkdir()
        self.rows = {f"{file:05}": [f"u{file}-{row}" for row in range(ROWS)] for file in range(FILES)}
        for name, accounts in self.rows.items():
            emulator.accounts.add(*accounts)
            pq.write_table(pa.table({"account": accounts}), self.source / f"{name}.parquet")
        self._words = [sys.executable, str(PROGRAM), str(self.source), str(self.outcomes)]
        self._words += ["--redis", redis, "--address", cluster, "--actors", str(ACTORS)]
        # A quarter of the limit to spare, not a fiftieth: actors that get no processor for a third of a second must not
        # be taken for ones that call too often.
        self._words += ["--margin", "0.75"]
        app = {"TIM_SDK_APP_ID": str(emulator.sdk_app_id), "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": emulator.url}
        self._environment = {**os.environ, **app}

    def driver(self) -> "subprocess.Popen[str]":
        """Start the example."""
        # What the node was started with does not hold the app, so the driver says it to its actors.
        environment = {
            **self._environment,
            "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(
                {
                    "runtime_env": {
                        "env_vars": {
                            name: value
                            for name, value in self._environment.items()
                            if name.startswith("TIM_") or name == "PYTHONPATH"
                        }
                    }
                }
            ),
        }
        return subprocess.Popen(
            self._words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_for_calls(self, count: int) -> None:
        """Until the service has let so many through."""
        until(lambda: len(self.emulator.books.calls) >= count, f"{count} calls")

    def at_work(self) -> dict[str, int]:
        """The files that were begun and are not done, and whose they are."""
        begun = {path.stem: json.loads(path.read_bytes() or b"{}") for path in self.outcomes.glob("*.started")}
        return {name: mark["pid"] for name, mark in begun.items() if mark and not mark["ended"]}

    def judge(self, in_flight: set[str]) -> None:
        """Each account has its outcome, the books say the same, and only what was in flight was asked twice."""
        for name, accounts in self.rows.items():
            outcomes = pq.read_table(self.outcomes / f"{name}.parquet").to_pylist()
            assert sorted(line["account"] for line in outcomes) == sorted(accounts)
            assert {line["outcome"] for line in outcomes} == {"Ok"}
        calls = self.emulator.books.calls
        assert len(self.emulator.accounts) == 0
        done = Counter(
            item[0] for call in calls for item, code in zip(call.items, call.codes, strict=True) if code == 0
        )
        assert (len(done), set(done.values())) == (FILES * ROWS, {1})
        sent = Counter(account for call in calls for account, _ in call.items)
        twice = {account for account, times in sent.items() if times > 1}
        assert twice <= {account for name in in_flight for account in self.rows[name]}
        # As they arrived: when they took effect is later, by whatever a busy machine makes of the latency.
        times = [arrival.time for path in {call.path for call in calls} for arrival in self.emulator.arrivals(path)]
        assert all(later - first >= 1.0 for first, later in zip(times, times[LIMIT:], strict=False))
        assert {call.fault for call in calls} == {""}


@pytest.fixture
def work(cluster: str, tmp_path: Path) -> Iterator[Work]:
    with running(Emulator(latency=0.05, rate=LIMIT)) as emulator, RedisServer() as redis:
        yield Work(emulator, redis.url, cluster, tmp_path)


@contextmanager
def ending(driver: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    try:
        yield driver
    finally:
        driver.kill()
        driver.communicate()


def test_an_actor_that_is_killed_is_started_anew_and_only_its_file_is_done_anew(work: Work) -> None:
    with ending(work.driver()) as driver:
        work.wait_for_calls(150)
        name, pid = min(work.at_work().items())
        os.kill(pid, signal.SIGKILL)
        told = driver.communicate(timeout=UNTIL)[0]
    assert driver.returncode == 0, told
    assert (work.outcomes / f"{name}.started-2").exists()
    work.judge({name})


def test_a_second_driver_is_kept_out_until_the_actors_of_the_killed_one_are_gone(work: Work) -> None:
    with ending(work.driver()) as first:
        work.wait_for_calls(150)
        first.kill()
        in_flight = set(work.at_work())
    with ending(work.driver()) as second:
        told = second.communicate(timeout=UNTIL)[0]
    assert second.returncode == 0, told
    in_flight |= {path.stem for path in work.outcomes.glob("*.started-2")}
    assert len(in_flight) <= 2 * ACTORS
    work.judge(in_flight)
