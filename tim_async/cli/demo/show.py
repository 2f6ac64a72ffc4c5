"""Shows it all at work: one command line after the other, one of them killed, and what became of it."""

from __future__ import annotations

import signal
from pathlib import Path

from tim_async.cli.exits import NOT_ALL_OK
from tim_async.cli.telling import tell
from tim_async.emulator import DEMO_KEY
from tim_async.printable import shown

from .apart import Apart, emulator_apart
from .shell import Shell
from .steps import Lists, Step, steps_of
from .table import look_at, tell_all

__all__ = ["demonstrate"]

_KILLED_AFTER = 0.4  # of the calls of the deletion
_CALLS_LEAST = 10  # of one that is killed: fewer are over in a moment
_REPORT = "report.html"
_WORDS = {-signal.SIGKILL: "killed with -9"}


async def demonstrate(lists: Lists, *, latency: float, rate: float) -> int:
    """Run all steps.

    Args:
        lists: what is imported, changed and deleted.
        latency: service time of the emulator, seconds.
        rate: calls a second of each command.

    Returns:
        0: every row got exactly one outcome in every step, what was told is true, and no call was refused for being
        over the limit. 1: not so. Another code of a step that could not go on; 128 and more: a signal came.

    Raises:
        InputError: the list cannot be read, or the emulator does not start.
    """
    steps = steps_of(lists, rate)
    with steps[0].file as file:
        count = file.count
    async with emulator_apart(latency, rate) as emulator:
        tell(f"{count:,} rows of {shown(Path(steps[0].path).name)}, emulator at {emulator.url}")
        tell(f"everything is written to {shown(str(lists.folder))}")
        shell = Shell(lists.folder, _environment(emulator.url))
        with shell.listening():
            code = await _take(steps, shell, emulator)
            if shell.signal is not None:
                tell(f"tim-async: interrupted; what was written is in {lists.folder}")
                return 128 + shell.signal
            if code > NOT_ALL_OK:
                return code
            done = [await look_at(step, emulator, lists.folder) for step in steps]
    return tell_all(done, rate, lists.folder / _REPORT)


def _environment(url: str) -> dict[str, str]:
    """Whom the commands call; the reader's environment may name an app of his own."""
    whom = {"TIM_SDK_APP_ID": "1400000000", "TIM_IDENTIFIER": "administrator", "TIM_REGION": "china"}
    return {**whom, "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


async def _take(steps: list[Step], shell: Shell, emulator: Apart) -> int:
    """All steps, one after the other; the code of the first that could not go on."""
    *before, last = steps
    for step in before:
        code = await shell.run(*step.words_whole)
        if code > NOT_ALL_OK or shell.signal is not None:
            return code
    return await _kill_and_resume(last, shell, emulator)


async def _kill_and_resume(step: Step, shell: Shell, emulator: Apart) -> int:
    with step.file as file:
        calls = -(-file.count // step.endpoint.limit)
    if calls < _CALLS_LEAST:
        tell("")
        tell(f"The deletion takes fewer than {_CALLS_LEAST} calls: too short to be killed on its way.")
        code = await shell.run(*step.words_whole)
    else:
        code = await _killed(step, shell, emulator, calls)
    if code > NOT_ALL_OK or shell.signal is not None:
        return code
    return await shell.run("job", step.journal, "--report", _REPORT)


async def _killed(step: Step, shell: Shell, emulator: Apart, calls: int) -> int:
    enough = emulator.came(step.endpoint.path, round(calls * _KILLED_AFTER))
    code = await shell.run_and_kill(*step.words_whole, when=enough)
    if code > NOT_ALL_OK or shell.signal is not None:
        return code
    came = len((await emulator.arrivals(step.endpoint.path)).arrivals)
    tell(f"{_WORDS.get(code, 'done')} after {came:,} of some {calls:,} calls; by its journal it goes on:")
    return await shell.run("resume", step.journal, "--yes")
