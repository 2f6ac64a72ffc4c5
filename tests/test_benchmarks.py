"""The benchmarks: what they compute is right, and each can be started. What they measure is theirs to say."""

import asyncio
import json
import os
import runpy
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from virtual_time import run

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = [
    "all",
    "coalesce",
    "cold",
    "journal",
    "kill",
    "latency",
    "limit",
    "look",
    "memory",
    "one",
    "overhead",
    "shared",
    "waking",
    "watching",
]


def load(name: str) -> dict[str, Any]:
    """What a script that needs none of the others defines: they are no package."""
    return runpy.run_path(str(BENCHMARKS / f"{name}.py"))


REPORT, OPEN_LOOP = load("report"), load("openloop")
Target = REPORT["Target"]


ASK_EACH = """
import runpy, sys
for script in sys.argv[1:]:
    sys.argv = [script, "--help"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as exit:
        assert not exit.code
"""


def test_each_script_says_how_to_use_it() -> None:
    """In one process, which need not import the same things nine times."""
    scripts = [str(BENCHMARKS / f"{script}.py") for script in SCRIPTS]
    command = [sys.executable, "-c", ASK_EACH, *scripts]
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    told = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
    assert [line.split()[1] for line in told.splitlines() if line.startswith("usage: ")] == [
        f"{script}.py" for script in SCRIPTS
    ]


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (51, 3), (75, 3), (99, 4), (100, 4)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert REPORT["percentile"]([4, 2, 3, 1], percent) == value


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1], -1), ([1], 101)])
def test_there_is_no_percentile_of_nothing_and_none_beyond_all(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="no "):
        REPORT["percentile"](values, percent)


def test_quantiles_go_from_the_smallest_to_the_largest_in_half_percents() -> None:
    found = REPORT["quantiles"]([place / 1000 for place in range(1000, 0, -1)], digits=3)
    assert (len(found), found[0], found[1], found[100], found[-1]) == (201, 0.001, 0.005, 0.5, 1.0)


def test_the_calls_of_the_second_before_count_the_moment_itself_and_not_the_one_a_second_ago() -> None:
    # Binary fractions: exact.
    assert REPORT["seconds_before"]([10.0, 10.25, 10.25, 11.0, 11.5], 0.5) == [1, 3, 3, 2]
    assert REPORT["seconds_before"]([], 0.5) == []


def test_a_target_is_met_at_its_bound_and_says_which_way_it_goes() -> None:
    at_most = Target("waiting", 5, 5, "ms")
    at_least = Target("calls", 89, 90, "calls/s", at_least=True)
    assert (at_most.met, at_least.met) == (True, False)
    assert str(at_most) == "met     waiting: 5 ms (target <= 5)"
    assert str(at_least) == "MISSED  calls: 89 calls/s (target >= 90)"


def test_lists_of_numbers_stand_on_one_line_and_nothing_is_lost() -> None:
    value = {"runs": [{"name": "a, [b", "series": [1, -2.5, 3e-07]}, {"series": []}], "words": ["x", "y"]}
    text = REPORT["as_json"](value)
    assert json.loads(text) == value
    assert '"series": [ 1, -2.5, 3e-07 ]' in text


@pytest.mark.parametrize(("promise", "measured", "code"), [(True, 2, 1), (True, 0, 0), (False, 2, 0)])
def test_only_a_broken_promise_fails_a_run_and_the_figures_are_kept(
    tmp_path: Path, promise: bool, measured: float, code: int
) -> None:
    options = Namespace(results=tmp_path / "new", redraw=False, seconds=3)
    drawn: list[dict[str, Any]] = []

    def measure(_: Namespace) -> tuple[dict[str, Any], list[Any]]:
        return {"figure": measured}, [Target("over", measured, 1, "calls", promise=promise)]

    def draw(path: Path, found: dict[str, Any]) -> None:
        assert path == tmp_path / "new" / "name.png"
        drawn.append(found)

    assert REPORT["tell"]("name", options, measure, draw) == code
    kept = json.loads((tmp_path / "new" / "name.json").read_text())
    assert drawn == [kept]
    assert (kept["figure"], kept["settings"]) == (measured, {"seconds": 3})
    assert [target["met"] for target in kept["targets"]] == [measured <= 1]

    def must_not(_: Namespace) -> tuple[dict[str, Any], list[Any]]:
        pytest.fail("it measured")

    again = Namespace(results=tmp_path / "new", redraw=True, seconds=99)
    assert REPORT["tell"]("name", again, must_not, draw) == 0
    assert drawn == [kept, kept]


def test_random_arrivals_are_in_order_within_their_time_and_as_many_as_asked_for() -> None:
    times = OPEN_LOOP["poisson"](100, 50, Random(1))
    assert times == sorted(times)
    assert min(times) > 0
    assert max(times) < 50
    assert 4700 < len(times) < 5300  # four standard deviations


def test_bursts_stand_in_the_middle_of_their_time() -> None:
    assert OPEN_LOOP["with_bursts"]([1.0, 4.0], size=2, every=5, seconds=12) == [1.0, 2.5, 2.5, 4.0, 7.5, 7.5]


def test_a_slow_answer_delays_no_other_request_and_its_time_counts_from_when_it_was_due() -> None:
    async def main() -> list[float]:
        last_asked = asyncio.Event()

        async def ask(number: int) -> None:
            if number == 2:
                last_asked.set()
            await last_asked.wait()

        took: list[float] = await OPEN_LOOP["ask_on_time"]([0.0, 10.0, 30.0], ask)
        return took

    assert run(main) == pytest.approx([30, 20, 0], abs=0.001)
