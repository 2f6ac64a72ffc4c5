"""What goes wrong and when, without a socket."""

import math
from typing import get_args

import msgspec
import pytest

from tim_async.emulator import Fault, Faults, Kind, on
from tim_async.emulator.faults import NEVER_APPLIED, Plan

PATH = "timpush/get_tag"


def struck(faults: Faults, *paths: str) -> list[str]:
    return ["" if fault is None else fault.do for fault in map(faults.strike, paths)]


def test_without_rules_nothing_goes_wrong() -> None:
    faults = Faults()
    assert struck(faults, PATH, PATH) == ["", ""]
    assert not faults.struck


def test_a_rule_strikes_the_call_it_names_of_its_command() -> None:
    faults = Faults(rules=[on(PATH, call=3, do="hang"), on("a/b", call=1, times=2, do="busy")])
    assert struck(faults, PATH, "a/b", PATH, "a/b", "a/b", PATH, PATH) == ["", "busy", "", "busy", "", "hang", ""]
    assert faults.struck == {"hang": 1, "busy": 2}


def test_a_rule_without_a_command_counts_all_calls() -> None:
    assert struck(Faults(rules=[Fault(do="busy", call=3)]), "a/b", "a/c", "a/d", "a/e") == ["", "", "busy", ""]


def test_a_rule_without_a_call_strikes_each() -> None:
    assert struck(Faults(rules=[on(PATH, do="busy")]), PATH, "a/b", PATH) == ["busy", "", "busy"]


def test_chances_are_met_and_repeatable() -> None:
    faults = [Faults({"busy": 0.2, "hang": 0.1}, seed=7) for _ in range(2)]
    first, second = (struck(one, *[PATH] * 2000) for one in faults)
    assert first == second
    assert 320 < first.count("busy") < 480
    assert 110 < first.count("hang") < 210
    assert struck(Faults({"busy": 0.2}, seed=8), *[PATH] * 2000) != struck(Faults({"busy": 0.2}), *[PATH] * 2000)


def test_rules_come_before_chances_and_a_call_has_one_fault() -> None:
    assert struck(Faults({"busy": 1}, [on(PATH, call=1, do="hang")]), PATH, PATH) == ["hang", "busy"]


@pytest.mark.parametrize("do", get_args(Kind))
def test_each_kind_says_whether_the_call_is_applied(do: Kind) -> None:
    default = Fault(do=do).does
    assert default == (do not in {*NEVER_APPLIED, "hang", "bad_gateway", "status", "busy", "internal"})
    if do in {"hang", "bad_gateway", "status", "busy", "internal", "not_json", "half_body"}:
        assert Fault(do=do, applied=True).does
        assert not Fault(do=do, applied=False).does
    elif do != "item_busy":
        with pytest.raises(ValueError, match="can't be chosen"):
            Fault(do=do, applied=True)


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="a chance is"):
        Faults({"busy": 1.5})
    with pytest.raises(ValueError, match="counted from 1"):
        on(PATH, do="busy", call=0)
    with pytest.raises(ValueError, match="counted from 1"):
        on(PATH, do="busy", times=0)
    with pytest.raises(ValueError, match="seconds is a time"):
        on(PATH, do="hang", seconds=math.nan)
    with pytest.raises(ValueError, match="an HTTP status is"):
        on(PATH, do="status", code=60007)
    unknown: dict[Kind, float] = msgspec.convert({"hang": 0.5}, dict[Kind, float])
    with pytest.raises(ValueError, match="unknown fault 'explode'"):
        Faults({msgspec.json.decode(b'"explode"'): 1.0, **unknown})


def test_a_plan_survives_json() -> None:
    faults = Faults({"hang": 0.5}, [on(PATH, call=3, do="item_busy", accounts=["Mary"], code=30006)], seed=3)
    assert msgspec.json.decode(msgspec.json.encode(faults.plan), type=Plan) == faults.plan
