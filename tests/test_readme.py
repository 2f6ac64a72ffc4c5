"""The README keeps its word."""

import asyncio
import inspect
import re
import subprocess
from pathlib import Path

import pytest

import tim_async
from tim_async.lane.waiting import SILENCE_MOST
from tim_async.service.endpoints import ENDPOINTS
from tim_async.testing import virtual_time
from tim_async.transport.retry_after import RETRY_AFTER_MOST

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_twenty_lines_work_when_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    main = code.replace("asyncio.run(main())", "")
    namespace: dict[str, object] = {}
    exec(compile(main, "README.md", "exec"), namespace)  # noqa: S102 - our own lines, run as a reader would
    asyncio.run(namespace["main"]())  # type: ignore[operator] # defined by the lines above
    promised = re.findall(r"  # (\{.*|Nobody.*|\d+)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == promised
    assert len(code.splitlines()) <= 25


def test_its_table_names_every_command() -> None:
    rows = {name: line for line in README.splitlines() for name in re.findall(r"^\| `tim\.(\w+)", line)}
    for endpoint in ENDPOINTS:
        assert endpoint.group in rows
        assert f"`{endpoint.method}`" in README


@pytest.mark.parametrize("command", ["./run demo", "./run test"])
def test_its_two_commands_are_those_of_the_script(command: str) -> None:
    assert command in README
    usage = subprocess.run([str(ROOT / "run"), "help"], capture_output=True, text=True, check=True).stdout
    assert command in usage


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https://)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def table_of_times() -> str:
    return README.partition("## How long anything takes")[2].partition("\n## ")[0]


def test_its_times_are_those_of_a_client() -> None:
    defaults = {name: each.default for name, each in inspect.signature(tim_async.Client).parameters.items()}
    told = re.findall(r"`(\w+)=([\d.]+)`", table_of_times())
    assert {name for name, _ in told} == {"call_timeout", "attempts", "linger", "max_in_flight", "close_timeout"}
    for name, value in told:
        assert defaults[name] == float(value), name
    assert f"{SILENCE_MOST:g} s without a useful answer" in table_of_times()
    assert f"`Retry-After` says, up to {RETRY_AFTER_MOST:g} s" in table_of_times()


async def test_a_request_without_a_timeout_takes_no_longer_than_it_says() -> None:
    (most,) = re.findall(r"at a service that hangs: (\d+) s", table_of_times())
    async with virtual_time() as virtual:
        virtual.emulator.script(virtual.client.push.get_tags, "hang", call=None)
        with pytest.raises(tim_async.AccountError, match="gave up after 6 attempts"):
            await virtual.client.push.get_tags.one("Mary")
        assert 60 < virtual.clock.elapsed < float(most)


def test_its_errors_are_all_there_are() -> None:
    (tree,) = re.findall(r"```\n(AccountError .*?)```", README, re.DOTALL)
    public = [getattr(tim_async, name) for name in tim_async.__all__]
    kinds = {each.__name__ for each in public if isinstance(each, type) and issubclass(each, tim_async.TIMError)}
    assert {word for word in re.findall(r"[A-Z]\w+", tree) if hasattr(tim_async, word)} == kinds - {"TIMError"} | {"Ok"}
