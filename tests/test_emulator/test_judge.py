"""The judge in benchmarks/ is a program of its own; here it judges records whose verdict is known."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from .caller import Caller

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "judge.py"


async def judge(*arguments: str, record: Any = None) -> tuple[int | None, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(record).encode())
    return process.returncode, json.loads(out)


async def test_calls_at_exactly_the_limit_are_within_every_accounting() -> None:
    code, verdict = await judge("-", "128", record=[n / 128 for n in range(500)])  # binary fractions: exact
    assert code == 0
    assert verdict == {"fixed": 0, "sliding": 0, "bucket": 0, "calls": 500, "worst_second": 128, "average": 128.0}


async def test_a_burst_around_a_whole_second_is_seen_by_phase_and_sliding_window_but_not_by_the_bucket() -> None:
    burst = [0.9 + n / 1000 for n in range(120)]
    code, verdict = await judge("-", "100", record=[[at, False] for at in burst])
    assert code == 1
    assert (verdict["fixed"], verdict["sliding"], verdict["bucket"], verdict["worst_second"]) == (20, 20, 9, 120)


async def test_two_seconds_worth_at_once_are_over_in_all_three(tmp_path: Path) -> None:
    file = tmp_path / "arrivals.json"
    file.write_text(json.dumps({"arrivals": [1.0] * 200}))
    assert await judge(str(file)) == (
        1,
        {"fixed": 100, "sliding": 100, "bucket": 100, "calls": 200, "worst_second": 200, "average": 0.0},
    )


async def test_it_reads_the_arrivals_of_a_running_emulator(call: Caller) -> None:
    await call("timpush/get_tag", {"To_Account": ["Mary"]})
    code, verdict = await judge(f"{call.emulator.url}/emulator/arrivals?path=timpush/get_tag", "1")
    assert (code, verdict["calls"]) == (0, 1)
