"""Every row comes out with its number, and a row that cannot be read costs only itself."""

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


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    got = rows('account,city\n"Mary,Lyon\nJohn,Lyon\n"Ann","Paris"\n')
    assert got[0] == Row(2, "", {}, 'a quote is not closed, or stands inside of a cell: "Mary,Lyon')
    assert got[1:] == [Row(3, "John", {"city": "Lyon"}), Row(4, "Ann", {"city": "Paris"})]


def test_a_quote_that_is_never_closed_does_not_search_a_long_file_for_its_end() -> None:
    got = rows('account,city\n"Mary,Lyon\n' + "John,Lyon\n" * 100 + 'Ann",Paris\n')
    assert len(got) == 102
    assert [row.number for row in got if row.problem] == [2]


def test_text_behind_a_closing_quote_breaks_the_row() -> None:
    (row,) = rows('account,city\n"Mary"x,Lyon and a very long city name which nobody wants to see whole\n')
    assert row.problem == 'a quote is not closed, or stands inside of a cell: "Mary"x,Lyon and a very long city name …'


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


def test_json_lines_have_an_account_and_may_have_an_argument() -> None:
    text = '\ufeff {"account": "Mary", "argument": ["a"], "row": 7}\r\n\n{"argument": {"b": 1}, "account": "يوسف"}\n'
    assert rows(text, None) == [Row(1, "Mary", {}, argument=["a"]), Row(3, "يوسف", {}, argument={"b": 1})]
    assert rows('{"account": ""}\n', None) == [Row(1, "", {})]


@pytest.mark.parametrize("line", ["Mary", '{"account": 1}', "[]", "{", '{"account": "\\ud800"}', "[" * 100_000])
def test_a_json_line_that_cannot_be_read_costs_only_itself(line: str) -> None:
    first, broken, last = rows('{"account": "a"}\n' + line + '\n{"account": "b"}\n', None)
    assert (first.account, last.account, broken.account) == ("a", "b", "")
    assert broken.problem.startswith("not a JSON line with an account, ")
    assert len(broken.problem) < 200


def test_json_lines_have_no_columns() -> None:
    assert told('{"account": "Mary"}\n') == (
        'accounts.csv holds JSON lines, whose accounts always stand in "account"; leave out --column'
    )


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


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=30))
def test_what_the_csv_module_writes_is_read_back(table: list[tuple[str, str]]) -> None:
    table = [pair for pair in table if pair[0].strip() or pair[1].strip()]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["account", "city"])
    writer.writerows(table)
    got = [(row.account, row.columns["city"]) for row in rows(text.getvalue())]
    assert got == table


@given(st.lists(st.text(st.sampled_from('ab",\n'), max_size=12), max_size=8))
def test_no_line_is_lost_whatever_the_quotes_are(lines: list[str]) -> None:
    """Every line that is not blank belongs to exactly one row, and the rows are in order."""
    text = "account,city\n" + "\n".join(lines)
    got = rows(text)
    covered: list[int] = []
    for row in got:
        line_breaks = sum(cell.count("\n") for cell in (row.account, *row.columns.values()))
        covered.extend(range(row.number, row.number + 1 + line_breaks))
    assert covered == sorted(set(covered))
    assert {number for number, line in enumerate(text.split("\n"), 1) if line.strip()} - {1} <= set(covered)
