"""The emulator runs from the command line until somebody ends it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from box import start

from tim_async.cli.app import run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_well_with_a_signal(number: int) -> None:
    with start("emulator", "--port", "0", "--latency", "1ms") as process:
        assert process.stdout is not None
        text = process.stdout.readline().decode()
        assert text.startswith("listening on http://127.0.0.1:")
        asking = http.client.HTTPConnection(text.split()[-1].removeprefix("http://"))
        with closing(asking):
            asking.request("GET", "/emulator/statistics")
            assert json.load(asking.getresponse()) == {}
        process.send_signal(number)
        rest, _ = process.communicate()
    assert (process.returncode, rest) == (0, b"")


def test_what_it_tells_can_be_pasted_into_a_shell_where_every_command_then_calls_it() -> None:
    with start("emulator", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().decode().split()[-1]
        told = [process.stderr.readline().decode() for _ in range(3)]
        assert told[2] == f"export TIM_BASE_URL={url}\n"
        command = f'{"".join(told)}echo Mary | "$0" -m tim_async accounts import-many --from - --quiet'
        done = subprocess.run(
            ["sh", "-c", command, sys.executable], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False
        )
        process.send_signal(signal.SIGTERM)
        assert process.communicate() == (b"", b"")
    assert (done.returncode, done.stderr) == (0, b"1 row: 1 Ok\n")


def test_it_ends_with_the_program_that_started_it() -> None:
    with start("emulator", "--port", "0", "--until-eof") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["emulator", "--port", str(port)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tim-async: cannot listen on 127.0.0.1:{port}: ")
    assert err.count("\n") == 1


def test_an_impossible_rate_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["emulator", "--rate", "-1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
