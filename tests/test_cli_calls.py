"""Single calls: the answer goes to standard output, and a failure is one line that says what became of the call."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest
from box import connection, emulator_apart, running, start, until
from servers import Puppet, client_of, refuse

from tim_async import Client, RequestError
from tim_async.cli.app import run
from tim_async.cli.calls import _run, _tell
from tim_async.cli.telling import in_one_line
from tim_async.emulator import Emulator

NAMES = ("push", "get-attribute-names")


emulator = emulator_apart()


def body(folder: Path, text: str) -> list[str]:
    file = folder / "body.json"
    file.write_text(text)
    return ["--body", str(file)]


def test_any_command_can_be_called_by_its_path(
    emulator: Emulator, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].tags.append("a")
    assert run(["call", "timpush/get_tag", *body(tmp_path, '{"To_Account": ["Mary"]}'), *options]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["UserTags"] == [{"To_Account": "Mary", "Tags": ["a"]}]
    assert captured.err == "Ok\n"


def test_what_answers_nothing_prints_nothing(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["push", "set-attribute-names", "0=city", *options]) == 0
    assert capsys.readouterr() == ("", "Ok\n")


def test_a_body_may_come_from_standard_input(emulator: Emulator, options: list[str]) -> None:
    with start("call", "timpush/get_attr_name", "--body", "-", *options) as process:
        out, err = process.communicate(b"{}")
    assert (process.returncode, err) == (0, b"Ok\n")
    assert json.loads(out)["ErrorCode"] == 0


@pytest.mark.parametrize(
    "case",
    [
        ("timpush", "{}", "path must be service/command, for example openim/sendmsg, not 'timpush'"),
        ("timpush/get_tag", "[]", "does not hold the JSON that is needed here: Expected `object`, got `array`"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_is_not_sent(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, str, str]
) -> None:
    path, text, told = case
    assert run(["call", path, *body(tmp_path, text), *connection(emulator, tmp_path)]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert emulator.statistics() == {}


def test_a_mistake_in_the_words_of_a_call_is_one_line(
    emulator: Emulator, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["push", "set-attribute-names", "11=city", *options]) == 2
    assert capsys.readouterr().err == "tim-async: a slot is a number from 0 to 9, not '11'\n"
    assert emulator.statistics() == {}


def test_a_refusal_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(Puppet(lambda _: refuse(90049, "no such\ntask"))) as service:
        assert run(["push", "revoke", "all_1", *connection(service, tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err == "tim-async: timpush/revoke answered 90049 (unknown TaskId): no such task\n"
    assert captured.out == ""


def test_the_end_of_the_time_is_one_line_that_says_whether_it_may_have_been_carried_out(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*NAMES, "--timeout", "0", *options]) == 2
    assert capsys.readouterr().err.endswith("its timeout of 0 s was over; nothing was sent\n")
    with running(Puppet()) as service:
        assert run(["push", "revoke", "all_1", "--timeout", "20ms", *connection(service, tmp_path)]) == 2
    told = capsys.readouterr().err
    # On a slow machine the time may be over before anything was sent.
    assert re.fullmatch(
        r"tim-async: timpush/revoke: its timeout of 0\.02 s was over; "
        r"(it may have been carried out all the same|nothing was sent)\n",
        told,
    )


@pytest.mark.clock("patient")
async def test_what_was_sent_when_its_time_was_over_may_have_been_carried_out(puppet: Puppet) -> None:
    end = await _run(client_of(puppet), lambda client: client.push.revoke("all_1", timeout=0.02))
    with pytest.raises(RequestError) as caught:
        _tell(end)
    assert in_one_line(caught.value) == (
        "timpush/revoke: its timeout of 0.02 s was over; it may have been carried out all the same"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_call_end_and_prints_its_answer(tmp_path: Path, number: int, code: int) -> None:
    with running(Emulator(latency=1)) as emulator, start(*NAMES, *connection(emulator, tmp_path)) as process:
        wait_for_a_call(emulator)
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == code
    assert json.loads(out) == {"names": {}, "types": {}}
    assert err == b"tim-async: interrupted; it had been carried out\n"


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    revoke = "push", "revoke", "all_1"
    with running(Emulator(latency=30)) as emulator, start(*revoke, *connection(emulator, tmp_path)) as process:
        wait_for_a_call(emulator)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert process.returncode in {130, 143}
    assert (out, err) == (b"", b"tim-async: interrupted; it may have been carried out\n")


async def test_a_call_that_fails_after_a_signal_is_told_with_the_signal(capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(sdk_app_id=1, secret_key="x", base_url="http://127.0.0.1:9")

    async def ask(_: Client) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)  # the loop hears of the signal
        await client.aclose()
        raise RequestError("timpush/revoke", "the call was cut short")

    assert _tell(await _run(client, ask)) == 143
    assert capsys.readouterr().err == (
        "tim-async: interrupted; timpush/revoke: the call was cut short; it may have been carried out all the same\n"
    )


def wait_for_a_call(emulator: Emulator) -> None:
    """Until the emulator has one."""
    until(emulator.statistics)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("arguments", [NAMES, ("commands",)])
def test_a_disk_that_is_full_is_one_line(emulator: Emulator, options: list[str], arguments: tuple[str, ...]) -> None:
    words = [*arguments, *options] if arguments == NAMES else arguments
    with Path("/dev/full").open("wb") as full, start(*words, out=full.fileno()) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    done = "it was carried out, but the answer cannot be written: " if arguments == NAMES else ""
    assert err.decode() == f"tim-async: {done}No space left on device\n"
