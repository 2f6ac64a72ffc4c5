"""What somebody should know before anything is sent is found in the first pass."""

from collections.abc import Iterable

import pytest

from tim_async.bulk.looking import Look
from tim_async.bulk.repeats import Repeats
from tim_async.bulk.rows import Row


def look(rows: Iterable[Row]) -> Look:
    with Repeats() as repeats:
        return Look(rows, repeats)


def of(*accounts: str) -> Look:
    return look(Row(number, account, {}) for number, account in enumerate(accounts, 2))


def test_accounts_are_counted_once_and_only_in_sound_rows() -> None:
    found = look(
        [Row(2, "Mary", {}), Row(3, "Bob", {}), Row(4, "Mary", {}), Row(5, "", {}), Row(6, "Eve", {}, "broken")]
    )
    assert (found.count, found.accounts) == (5, 2)
    assert (str(found.broken), found.broken.example) == ("row 6", "broken")
    assert not found.has_arguments
    assert look([Row(1, "Mary", {}, argument=[])]).has_arguments


def test_nothing_is_nothing() -> None:
    found = of()
    assert (found.count, found.accounts, found.broken.count, list(found.notes())) == (0, 0, 0, [])


def test_repeats_are_told_with_their_rows() -> None:
    assert list(of("a", "b", "a", "b", "a").notes()) == [
        "3 rows with the account of an earlier row: 4 as 2, 5 as 3, 6 as 2"
    ]


@pytest.mark.parametrize("account", ["1.40E+10", "1E+10", "1.4e+21", "1,40E+10", "-1.5E-07", "1.40E+010"])
def test_a_number_in_scientific_notation_is_told(account: str) -> None:
    assert list(of("Mary", account).notes()) == [
        f"row 3 with an account in scientific notation, as a spreadsheet spoils long numbers, the first: {account}"
    ]


@pytest.mark.parametrize(
    ("account", "what"),
    [
        ("14000000001.0", "that is a number with a decimal point, as a program makes of whole ones"),
        ("14000000001,00", "that is a number with a decimal point, as a program makes of whole ones"),
        *((error, "that is an error of a spreadsheet") for error in ("#N/A", "#REF!", "#NAME?", "#####", "#VALUE!")),
        *((word, "that is a word for nothing") for word in ("NULL", "None", "nan", "NaN", "undefined", "\\N", "N/A")),
    ],
)
def test_what_else_programs_do_to_accounts_is_told(account: str, what: str) -> None:
    assert list(of(account, "Mary", account).notes())[1:] == [
        f"2 rows (2, 4) with an account {what}, the first: {account}"
    ]


@pytest.mark.parametrize(
    "account", ["1e10", "1E5", "12.40E+10", "E+10", "14000000001", "1.5", "nancy", "#7", "v1.0.0", "0x1E+2"]
)
def test_an_account_may_look_like_this(account: str) -> None:
    assert list(of(account).notes()) == []


def test_only_the_first_rows_are_named() -> None:
    (line,) = of(*(f"{number}.5E+10" for number in range(1, 8))).notes()
    assert line.startswith("7 rows (2, 3, 4, 5, 6, …) with an account in scientific notation")
