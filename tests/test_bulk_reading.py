"""Every row comes out with its number, and a file is read as what its beginning says it is."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.bulk.reading import InputError, Row, read_rows


def rows(text: str, column: str | None = "account", name: str = "accounts.csv") -> list[Row]:
    return list(read_rows(io.StringIO(text, newline=""), column=column, name=name))


def told(text: str, column: str | None = "account") -> str:
    with pytest.raises(InputError) as caught:
        rows(text, column)
    return str(caught.value)


def test_a_row_has_its_line_its_account_and_its_other_columns() -> None:
    assert rows("account,city\nMary,New York\nيوسف,الرياض\n") == [
        Row(2, "Mary", {"city": "New York"}),
        Row(3, "يوسف", {"city": "الرياض"}),
    ]


def test_the_column_may_stand_anywhere_and_its_heading_may_have_spaces_around_it() -> None:
    assert rows("city, user \nLyon,m1\n", "user") == [Row(2, "m1", {"city": "Lyon"})]


def test_a_byte_order_mark_and_windows_line_ends_do_not_show() -> None:
    assert rows("\ufeffaccount,city\r\nMary,Lyon\r\n") == [Row(2, "Mary", {"city": "Lyon"})]
    assert rows("\ufeffMary\r\nJohn\r\n", None) == [Row(1, "Mary", {}), Row(2, "John", {})]


def test_a_last_line_without_an_end_is_a_row() -> None:
    assert rows("account\nMary") == [Row(2, "Mary", {})]


def test_blank_lines_are_skipped_and_counted() -> None:
    assert [row.number for row in rows("\naccount\n\nMary\n   \n\nJohn\n")] == [4, 7]
    assert [row.number for row in rows("\nMary\n\t\n\nJohn\n", None)] == [2, 5]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_separate_too(delimiter: str) -> None:
    text = "account,city\nMary,Lyon\n".replace(",", delimiter)
    assert rows(text) == [Row(2, "Mary", {"city": "Lyon"})]


def test_quotes_hold_delimiters_and_quotes() -> None:
    assert rows('account,city\n"Dewi, M.Farm","a ""b"""\n5" pipe,Lyon\n') == [
        Row(2, "Dewi, M.Farm", {"city": 'a "b"'}),
        Row(3, '5" pipe', {"city": "Lyon"}),
    ]


def test_a_quoted_cell_may_span_lines_and_the_row_has_the_number_of_its_first() -> None:
    assert rows('account,city\nMary,"New\nYork\n\nCity"\nJohn,Lyon\n') == [
        Row(2, "Mary", {"city": "New\nYork\n\nCity"}),
        Row(6, "John", {"city": "Lyon"}),
    ]


def test_too_few_and_too_many_cells_are_told_with_the_account_where_there_is_one() -> None:
    assert rows("city,account\nLyon,Mary,x\nParis\n") == [
        Row(2, "Mary", {}, "the number of cells is wrong: 3 instead of 2"),
        Row(3, "", {}, "the number of cells is wrong: 1 instead of 2"),
    ]


def test_empty_long_and_repeated_accounts_are_rows_as_any_other_and_spaces_are_kept() -> None:
    long = "x" * 99
    assert [row.account for row in rows(f"account,city\n,\n{long},a\nMary,a\nMary,b\n  Mary ,c\n")] == [
        "",
        long,
        "Mary",
        "Mary",
        "  Mary ",
    ]


def test_without_a_column_every_line_is_an_account_as_it_stands() -> None:
    assert [row.account for row in rows('Mary\n"quoted"\n John \n', None)] == ["Mary", '"quoted"', " John "]
    assert rows("", None) == []


@pytest.mark.parametrize("text", ['{"account": "Mary"}\n', ' ["Mary"]', "[\n", "[[1]]", "[]", '[ {"account": "Mary"}]'])
def test_json_has_no_columns(text: str) -> None:
    assert told(text) == 'accounts.csv holds JSON, whose accounts always stand in "account"; leave out --column'


def test_a_heading_in_brackets_is_no_json() -> None:
    assert rows("[account],[city]\nMary,Lyon\n", "[account]") == [Row(2, "Mary", {"[city]": "Lyon"})]


def test_the_first_line_that_is_not_blank_tells_what_a_file_is() -> None:
    assert rows('\ufeff\n {"account": "Mary"}\n', None) == [Row(2, "Mary", {})]
    assert rows('\n ["Mary"]\n', None) == [Row(2, "Mary", {})]
    assert rows("\n\nMary\n", None) == [Row(3, "Mary", {})]


def test_a_drawn_table_is_none_with_a_column_either() -> None:
    assert told(" account | city\n---------+------\n Mary    | Lyon\n") == (
        "accounts.csv is a table as a database's shell draws it; export it as CSV (psql --csv)"
    )


def test_no_more_is_looked_at_than_is_needed_to_tell() -> None:
    line = "x" * 40_000 + "\n"
    lines = iter(["account\n", line, line, line])
    next(read_rows(lines, column="account"))
    assert next(lines) == line


def test_a_header_alone_has_no_rows() -> None:
    assert rows("account,city\n") == []


def test_a_missing_column_is_told_with_those_there_are_and_the_nearest() -> None:
    assert told("Accounts;city\n") == (
        "accounts.csv has no column 'account'; did you mean 'Accounts'? it has 'Accounts', 'city'"
    )
    assert told("id\tcity\n") == ("accounts.csv has no column 'account'; it has 'id', 'city'")


def test_a_header_with_a_broken_quote_has_no_column() -> None:
    assert told('"account,city\n') == "accounts.csv has no column 'account'; it has none that can be read"


def test_a_column_that_stands_twice_is_refused() -> None:
    assert told("account,account\n") == ("accounts.csv has 2 columns 'account'; give all but one another name")


def test_a_needed_column_that_is_missing_is_told_before_any_row() -> None:
    with pytest.raises(InputError, match="no column 'town'; it has 'account', 'city'"):
        next(read_rows(["account,city\n", "Mary,Lyon\n"], column="account", needs=["city", "town"]))
    assert list(read_rows(["account,city\n"], column="account", needs=["city"])) == []


def test_an_empty_file_has_no_column() -> None:
    assert told("\n\n") == "accounts.csv is empty; its first line must name the columns, one of them 'account'"


def test_a_table_without_a_named_column_is_refused_because_each_line_would_be_an_account() -> None:
    assert told("account,city\nMary,Lyon\n", None) == (
        "accounts.csv looks like a table with the columns 'account', 'city'; "
        "say which one holds the accounts: --column NAME"
    )


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\ufeff\\"), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=30))
def test_what_the_csv_module_writes_is_read_back(table: list[tuple[str, str]]) -> None:
    table = [pair for pair in table if pair[0].strip() or pair[1].strip()]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["account", "city"])
    writer.writerows(table)
    got = [(row.account, row.columns["city"]) for row in rows(text.getvalue())]
    assert got == table


def test_many_columns_are_told_by_the_five_nearest() -> None:
    many = ",".join([*(f"column{number}" for number in range(1999)), "acount"])
    assert told(many + "\n") == (
        "accounts.csv has no column 'account'; did you mean 'acount'? the nearest of its 2,000 are 'acount', "
        "'column9', 'column8', 'column7', 'column6'"
    )
    assert told(",".join("abcdef") + "\n") == (
        "accounts.csv has no column 'account'; the nearest of its 6 are 'c', 'a', 'f', 'e', 'd'"
    )
    assert told("x" * 100 + "\n").endswith(f"it has '{'x' * 39}…'")
