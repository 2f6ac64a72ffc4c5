"""How many examples hypothesis tries, and which.

The suite tries the same ones in every run: it fails where it failed before, takes as long as before, and needs no
database that processes would share. To look for new ones:

    TIM_ASYNC_EXAMPLES=20 ./run test tests/test_lane_machine.py    twenty times as many, and others in every run
"""

import os

from hypothesis import HealthCheck, settings

__all__ = ["examples", "load"]

TIMES = float(os.environ.get("TIM_ASYNC_EXAMPLES", "0"))
USUAL = 100


def load() -> None:
    """What holds where a test says nothing else. How long an example takes is the machine's affair."""
    settings.register_profile(
        "suite",
        max_examples=round(USUAL * (TIMES or 1)),
        derandomize=not TIMES,
        database=None,
        deadline=None,
        print_blob=bool(TIMES),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("suite")


def examples(count: int, *, steps: int = 50) -> settings:
    """So many examples in the suite, of so many steps each where a test goes by steps."""
    return settings(max_examples=round(count * (TIMES or 1)), stateful_step_count=steps)
