"""The error codes: every one that the documentation knows is judged as it says, or says why not."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec
import pytest

from tim_async.service import codes
from tim_async.service.codes import CODES, Action, Code, Fault, code, is_known


class Documented(msgspec.Struct, frozen=True):
    """A code as the documentation describes it: `retryable` is None where it says nothing or depends."""

    code: int
    action: str
    retryable: bool | None
    meaning: str


DOCUMENTED = msgspec.json.decode(
    (Path(__file__).parent / "samples" / "error_codes.json").read_bytes(), type=tuple[Documented, ...]
)

AGAIN = {Action.RETRY, Action.PAUSE, Action.RESIGN}
FINAL = {Action.DONE, Action.SPLIT, Action.STOP}

AS_DOCUMENTED: Mapping[str, AbstractSet[Action]] = {
    "backoff": {Action.RETRY, Action.PAUSE},
    "resign": {Action.RESIGN},
    "resign_then_backoff": {Action.RESIGN},
    "fix_config": {Action.STOP},
    "quota": {Action.STOP},
    "fix_request": {Action.SPLIT, Action.STOP},
    "per_account": {Action.SPLIT},
    "split_batch": {Action.SPLIT},
    "treat_as_done": {Action.DONE},
    "wait_60s": {Action.STOP},
    # Where the documentation is silent, every verdict differs, and has its reason.
    "unknown": set(),
    "depends_on_endpoint": set(),
}


def numbers(*, wide: bool | None = None, action: Action | None = None, fault: Fault | None = None) -> set[int]:
    return {
        row.number
        for row in CODES.values()
        if wide in (None, row.wide) and action in (None, row.action) and fault in (None, row.fault)
    }


def test_the_table_has_exactly_the_documented_codes_in_ascending_order() -> None:
    assert [row.code for row in DOCUMENTED] == list(CODES)


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda row: str(row.code))
def test_a_code_is_judged_as_documented_or_says_why_not(documented: Documented) -> None:
    judged = code(documented.code)
    assert judged.action in AS_DOCUMENTED[documented.action] or judged.why


def test_the_verdicts_that_differ_from_the_documentation_are_these() -> None:
    of_one_account_or_group = {10007, 10014, 10037, 10038, 30010, 30011, 30012, 30013, 30014, 51008, 51010, 51012}
    of_one_field = {40007, 40008}
    undocumented = {10056, 20027, 23001, 51007, 60013, 70018, 70209, 70214, 80003, 90057}
    differing = {row.code for row in DOCUMENTED if code(row.code).action not in AS_DOCUMENTED[row.action]}
    assert differing == of_one_account_or_group | of_one_field | undocumented


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda row: str(row.code))
def test_what_is_documented_as_final_is_never_repeated_and_the_rest_is(documented: Documented) -> None:
    if documented.retryable is not None:
        assert code(documented.code).action in (AGAIN if documented.retryable else FINAL)


def test_every_row_stands_under_its_own_number_with_a_meaning_of_one_line() -> None:
    for number, row in CODES.items():
        assert row.number == number
        assert row.meaning == row.meaning.strip()
        assert row.meaning.splitlines() == [row.meaning]


def test_two_rows_with_one_number_are_refused() -> None:
    row = Code(60007, "too many calls", Fault.RATE, Action.PAUSE)
    with pytest.raises(ValueError, match=r"^error code 60007 has two rows$"):
        codes._by_number([row, Code(60007, "something else", Fault.CALLER, Action.STOP)])


def test_the_table_cannot_be_changed() -> None:
    assert not hasattr(CODES, "__setitem__")
    for field in Code.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(code(60007), field, None)


@pytest.mark.parametrize("number", [1, 12345, 60001, 99999, -1])
def test_an_unknown_code_is_final_for_an_item_and_splits_a_call(number: int) -> None:
    assert code(number) == Code(number, "unknown code", Fault.ACCOUNT, Action.SPLIT)


def test_a_code_encodes_as_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(code(60007)), type=Code) == code(60007)
    assert b'"fault":"rate","action":"pause"' in msgspec.json.encode(code(60007))


def test_frequency_codes_pause_one_command_and_60011_the_whole_app() -> None:
    assert {60007, 60018, 60019, 90024, 90051, 10006, 10023, 22006} <= numbers(action=Action.PAUSE, wide=False)
    assert 60011 in numbers(action=Action.PAUSE, wide=True)
    assert numbers(action=Action.PAUSE) <= numbers(fault=Fault.RATE)


def test_the_filter_on_one_account_costs_attempts_instead_of_pausing_all() -> None:
    assert numbers(fault=Fault.RATE) - numbers(action=Action.PAUSE) == {23003, 30540, 31707, 72010}


def test_everything_about_credentials_concerns_the_whole_app_and_stops_or_signs_anew() -> None:
    assert numbers(fault=Fault.CREDENTIALS) <= numbers(wide=True)
    assert numbers(fault=Fault.CREDENTIALS) == numbers(fault=Fault.CREDENTIALS, action=Action.STOP) | numbers(
        action=Action.RESIGN
    )
    assert {20002, 60004, 60005, 70001, 70052, 70221, 70347} <= numbers(action=Action.RESIGN)
    stops = {60006, 60010, 60026, 70003, 70005, 70009, 70013, 70014, 70016, 70020, 70050, 70051, 70403, 90009, 30004}
    assert stops | {40004, 50003} <= numbers(fault=Fault.CREDENTIALS, action=Action.STOP)


def test_stopped_plans_and_arrears_concern_the_whole_app_but_a_missing_feature_one_command() -> None:
    assert numbers(fault=Fault.APP, wide=True) == {60016, 60020, 60021, 60028, 80005}
    assert {71000, 60017, 60027, 70398, 72000, 90045} <= numbers(fault=Fault.APP, action=Action.STOP, wide=False)


def test_our_own_mistakes_at_the_gateway_stop_instead_of_blaming_items() -> None:
    assert {60002, 60003, 60009, 60012, 60025} <= numbers(fault=Fault.CALLER, action=Action.STOP)


def test_what_one_item_may_have_caused_is_split() -> None:
    by_words = {90001, 90003, 90018, 90033, 70402, 40001, 60015}
    by_account = {40003, 70107, 30001, 10019, 90012, 90035, 90048}
    assert by_words <= numbers(fault=Fault.CALLER, action=Action.SPLIT)
    assert by_account <= numbers(fault=Fault.ACCOUNT, action=Action.SPLIT)


def test_the_quota_of_one_account_is_that_items_alone() -> None:
    own = {10014, 10037, 30010, 30011, 30012, 30013, 30014, 51008, 51010, 51012}
    assert own <= numbers(fault=Fault.ACCOUNT, action=Action.SPLIT)


def test_what_is_already_so_is_done() -> None:
    assert numbers(action=Action.DONE) == {10013, 30539, 31704, 90050}


def test_after_a_timeout_or_an_internal_error_the_command_may_have_been_applied() -> None:
    unsure = {row.number for row in CODES.values() if row.unsure}
    assert {60008, 70169, 70202, 70500, 30006, 30007, 30008, 40006, 50004, 50005, 60013, 91000} <= unsure
    assert unsure <= numbers(action=Action.RETRY)
    # A conflict is an answer: the other change won. A frequency refusal is made at the door.
    assert numbers(action=Action.RETRY) - unsure == {20028, 23003, 30540, 31707, 72010}


def test_a_locked_account_is_left_alone_for_a_minute_and_pushes_for_a_second() -> None:
    assert {row.number: row.wait for row in CODES.values() if row.wait} == {70050: 60.0, 90024: 1.0, 90051: 1.0}


@pytest.mark.parametrize("number", [120_001, 125_000, 130_000])
def test_the_codes_of_the_app_s_own_webhook_are_known_as_such(number: int) -> None:
    assert (code(number).number, code(number).fault, code(number).action) == (number, Fault.APP, Action.SPLIT)
    assert "webhook" in code(number).meaning
    assert is_known(number)


@pytest.mark.parametrize("number", [0, 120_000, 130_001, 99_999])
def test_beyond_the_table_and_the_webhook_s_range_nobody_knows_a_code(number: int) -> None:
    assert not is_known(number)
    assert is_known(60007)


def test_what_the_plan_or_the_signature_forbids_stops_instead_of_blaming_items() -> None:
    assert {10008, 10036, 10058, 10059, 11000} <= numbers(fault=Fault.APP, action=Action.STOP)
    assert {10001, 70032} <= numbers(fault=Fault.CREDENTIALS, action=Action.STOP, wide=True)
    assert code(20018).action is Action.RETRY
    assert "takes some minutes" in code(60020).meaning


def test_only_codes_about_names_are_taken_for_all_who_say_the_same() -> None:
    assert {row.number for row in CODES.values() if row.by_name} == {40008, 40009, 90033}
