"""What an indexed Job is to us: processes with an index and one Redis, one killed, one started twice at once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from arrivals import over
from box import running
from redis_server import RedisServer

from tim_async.emulator import DEMO_KEY, Emulator, Faults

WORK = Path(__file__).parents[1] / "examples" / "kubernetes" / "work.py"
PARTS, ROWS = 4, 12_000
DELETE = "im_open_login_svc/account_delete"


class Job:
    """A list, and the pods that delete its accounts."""

    def __init__(self, emulator: Emulator, redis: RedisServer, folder: Path) -> None:
        self.emulator = emulator
        self.gone = folder / "gone"
        self.gone.mkdir()
        self.names = [f"u{number}" for number in range(ROWS)]
        emulator.accounts.add(*self.names)
        self._users = folder / "users.csv"
        self._users.write_text("".join(f"{line}\n" for line in ("account", *self.names)))
        app = {"TIM_SDK_APP_ID": str(emulator.sdk_app_id), "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": emulator.url}
        self._environment = {**os.environ, **app, "REDIS_URL": redis.url, "LEASE": "4", "MARGIN": "0.75"}

    def pod(self, index: int, **environment: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, str(WORK), str(self._users), str(self.gone), str(PARTS)],
            env={**self._environment, "JOB_COMPLETION_INDEX": str(index), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def begun(self, index: int) -> bool:
        """Whether a part has made its first call."""
        mark = self.gone / f"part-{index:05}.started"
        return mark.exists() and b'"sent":true' in mark.read_bytes()

    def outcomes(self, index: int) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.gone / f"part-{index:05}.jsonl").read_text().splitlines()]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with running(Emulator(latency=0.02)) as emulator, RedisServer() as redis:
        yield Job(emulator, redis, tmp_path)


def test_of_four_one_is_killed_and_one_is_started_twice_and_all_is_done_once(job: Job) -> None:
    tick = threading.Event()  # never set: other processes ring no bell
    job.emulator.script(DELETE, "hold", call=None)  # or who is the first may be done before the other begins
    with ExitStack() as ended:
        pods = [ended.enter_context(job.pod(index)) for index in range(PARTS)]
        for pod in pods:
            ended.callback(pod.kill)
        while not (job.begun(0) and job.begun(1)):
            assert all(pod.poll() is None for pod in pods)
            tick.wait(0.02)
        pods[0].send_signal(signal.SIGKILL)
        job.emulator.faults = Faults()
        _, told = job.pod(1).communicate()
        assert b"part-00001.started is held by process " in told or job.outcomes(1)
        again = job.pod(0)
        assert again.communicate()[1] == b""
        assert again.returncode == 0
        assert [pod.wait() for pod in pods] == [-signal.SIGKILL, 0, 0, 0]
    lines = [line for index in range(PARTS) for line in job.outcomes(index)]
    assert sorted(str(line["account"]) for line in lines) == sorted(job.names)
    assert {line["outcome"] for line in lines} == {"Ok"}
    assert len(job.emulator.accounts) == 0
    calls = job.emulator.books.calls
    sent = Counter(account for call in calls for account, _ in call.items)
    assert {name for name, times in sent.items() if times > 1} <= {str(line["account"]) for line in job.outcomes(0)}
    assert over([at for at, _ in job.emulator.arrivals(DELETE)]) == 0
    assert job.pod(2).communicate()[1] == b""
    assert len(job.emulator.books.calls) == len(calls)


@pytest.mark.parametrize(("wrong", "code"), [({"TIM_SECRET_KEY": "a" * 64}, 3), ({"JOB_COMPLETION_INDEX": "4"}, 2)])
def test_its_exit_codes_tell_whether_another_pod_would_do_better(job: Job, wrong: dict[str, str], code: int) -> None:
    pod = job.pod(0, **wrong)
    pod.communicate()
    assert pod.returncode == code


def test_a_pod_that_is_asked_to_go_lets_the_next_one_go_on_at_once(job: Job) -> None:
    tick = threading.Event()
    with job.pod(0) as pod:
        while not job.begun(0):
            assert pod.poll() is None
            tick.wait(0.02)
        pod.terminate()
        pod.communicate()
    assert pod.returncode in (0, 75)
    assert json.loads((job.gone / "part-00000.started").read_bytes())["ended"]
