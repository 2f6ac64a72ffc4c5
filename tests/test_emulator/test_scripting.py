"""Faults by command: which command is meant, and from when its calls are counted."""

from types import SimpleNamespace
from typing import Any

import pytest

from tim_async.emulator import Emulator, Faults, on

DELETE = "im_open_login_svc/account_delete"


class Operation:
    """Of some client."""

    endpoint = SimpleNamespace(path=DELETE)


def struck(emulator: Emulator, calls: int, path: str = DELETE) -> list[str]:
    faults = [emulator.faults.strike(path) for _ in range(calls)]
    return ["" if fault is None else fault.do for fault in faults]


def test_the_next_call_of_the_command_is_struck_and_no_other() -> None:
    emulator = Emulator()
    emulator.script(DELETE, "hang")
    assert struck(emulator, 2, "timpush/get_tag") == ["", ""]
    assert struck(emulator, 3) == ["hang", "", ""]


def test_calls_are_counted_from_when_the_fault_was_scripted() -> None:
    emulator = Emulator(faults=Faults(rules=[on(DELETE, do="busy", call=1)]))
    assert struck(emulator, 2) == ["busy", ""]
    emulator.script(Operation(), "internal", call=2, times=2)
    emulator.script(DELETE, "reset_after", call=5)
    assert struck(emulator, 6) == ["", "internal", "internal", "", "reset_after", ""]


def test_a_scripted_fault_goes_before_chances_after_earlier_rules_and_on_after_a_reset() -> None:
    emulator = Emulator(faults=Faults({"busy": 1.0}, seed=1))
    emulator.script(DELETE, "hang", seconds=3.0, applied=True, call=1)
    emulator.script(DELETE, "internal", call=None, code=70202)
    for _ in range(2):
        assert struck(emulator, 3) == ["hang", "internal", "internal"]
        assert struck(emulator, 1, "timpush/get_tag") == ["busy"]
        emulator.reset()


@pytest.mark.parametrize("what", [None, 7, SimpleNamespace(), SimpleNamespace(endpoint=7), Emulator.script])
def test_what_is_no_operation_is_refused_with_an_example(what: Any) -> None:
    with pytest.raises(TypeError, match=r"an operation is needed, such as tim.accounts.delete, or a path, such as"):
        Emulator().script(what, "hang")


@pytest.mark.parametrize("path", ["accounts.delete", "account_delete", f"/v4/{DELETE}", "", "im_open/delete"])
def test_a_path_that_is_none_is_refused_with_the_nearest(path: str) -> None:
    with pytest.raises(ValueError, match=r"^the emulator has no command '.*'; the nearest of its paths is '.*/.*'$"):
        Emulator().script(path, "hang")


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="calls are counted from 1"):
        Emulator().script(DELETE, "hang", call=0)
