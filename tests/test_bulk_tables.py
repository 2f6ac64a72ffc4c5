"""A record is what the csv module says it is, and nothing that may stand inside of quotes becomes a row."""

import csv
import io
import random
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async.bulk.records import first_record, records
from tim_async.bulk.rows import RECORD_MOST, Row
from tim_async.bulk.tables import table

QUOTES = "the quotes make no sense (one is not closed, or stands inside of a cell)"


def rows(text: str) -> list[Row]:
    lines = io.StringIO(text, newline="\n")
    return list(table(["account,notes\n"], lines, column="account", needs=(), name="accounts.csv")[1])


def accounts(text: str) -> list[str]:
    return [row.account for row in rows(text) if not row.problem]


def broken(text: str) -> list[tuple[int, str]]:
    return [(row.number, row.problem) for row in rows(text) if row.problem]


def test_a_cell_may_have_any_number_of_lines() -> None:
    inside = "Bob,hi\n" * 10_000
    assert rows(f'Mary,"{inside}"\nJohn,x\n') == [
        Row(2, "Mary", {"notes": inside}),
        Row(10_003, "John", {"notes": "x"}),
    ]


@pytest.mark.parametrize("behind", [",", ",x", ",,\n", ',"y\nAnn,z\n"'])
def test_a_cell_too_many_breaks_the_whole_record_and_no_other(behind: str) -> None:
    text = f'Mary,"a\nBob,hi\n"{behind}\nJohn,x\n'
    assert accounts(text) == ["John"]
    ((number, problem),) = [each for each in broken(text) if each[0] == 2]
    assert (number, problem.partition(":")[0]) == (2, "the number of cells is wrong")


def test_a_cell_too_few_breaks_the_whole_record_and_no_other() -> None:
    text = '"Mary\nBob,hi\n"\nJohn,x\n'
    assert accounts(text) == ["John"]
    assert broken(text) == [(2, "the number of cells is wrong: 1 instead of 2")]


@pytest.mark.parametrize(
    "text",
    [
        'Mary,"a "b\nBob,hi\n",\n',
        'Mary,"a\\" b\nBob,hi\n",\n',
        'Mary,"a\nBob,hi\nJohn,x\n',
        '"Mary,x\nBob,hi\n',
        'Mary,"a\nBob,"hi"\nJohn,x\n',
        'Mary,""a"\nBob,hi\n""\n',
    ],
)
def test_where_quotes_make_no_sense_all_up_to_the_end_is_one_broken_record(text: str) -> None:
    count = text.count("\n")
    (row,) = rows(text)
    assert (row.number, row.account) == (2, "")
    start = text.split("\n", 1)[0]
    assert row.problem == f"{QUOTES}, so all {count} lines up to the end of the file are left out: {start}"


def test_rows_before_broken_quotes_are_rows() -> None:
    assert accounts('Ann,1\nEve,"2\n3"\nMary,"a "b\nBob,hi\n') == ["Ann", "Eve"]
    assert broken('Ann,1\nEve,"2\n3"\nMary,"a "b')[0][0] == 5


def test_a_broken_last_line_is_told_alone_and_not_at_length() -> None:
    assert broken(f'Ann,1\n"Mary"{"x" * 99},y\n') == [(3, f'{QUOTES}: "Mary"{"x" * 33}…')]


@pytest.mark.parametrize("text", ['Mary,"a\\"\nBob,hi\n\\", b"\nJohn,x\n', 'Mary,"a\\",x\nBob,hi\n'])
def test_a_backslash_before_the_end_of_a_cell_leaves_open_where_the_cell_ends(text: str) -> None:
    assert accounts(text) == []
    assert broken(text)[0][1].startswith('\\" may be the end of a cell, or a quote inside of it')


def test_backslashes_elsewhere_are_letters() -> None:
    assert rows('Mary,"{""a"": ""b\\""c""}"\nBob,C:\\x\\\nJohn,"a\\b"\n') == [
        Row(2, "Mary", {"notes": '{"a": "b\\"c"}'}),
        Row(3, "Bob", {"notes": "C:\\x\\"}),
        Row(4, "John", {"notes": "a\\b"}),
    ]


def test_a_line_end_of_another_kind_without_quotes_ends_no_row() -> None:
    text = "Ann,1\nMary,x\rBob,hi\nJohn,x\n"
    assert accounts(text) == ["Ann"]
    assert broken(text)[0][1].startswith("a line end of another kind than the others stands in a cell without quotes")
    assert accounts('Ann,1\nMary,"x\rBob,hi"\r\nJohn,x\n') == ["Ann", "Mary", "John"]


def test_a_record_is_only_so_long() -> None:
    half = "é" * (RECORD_MOST // 4)  # two bytes each
    fits = f'Mary,"{half}\n{half[:-10]}"\nBob,x\n'
    assert accounts(fits) == ["Mary", "Bob"]
    (row,) = rows(f'Mary,"{half}\n{half}\n"\nBob,x\n')
    assert row.problem == (
        f"it is longer than {RECORD_MOST:,} bytes, as if a quote were not closed, "
        f'so all 4 lines up to the end of the file are left out: Mary,"{"é" * 33}…'
    )


def test_the_limit_of_the_csv_module_is_as_before_whatever_was_read() -> None:
    before = csv.field_size_limit()
    lines = [f'Mary,"{"x" * 200_000}"\n', "Bob,x\n"]
    records = table(["account,notes\n"], lines, column="account", needs=(), name="")[1]
    for record in records:
        assert not record.problem
        assert csv.field_size_limit() == before
    assert broken(f'Mary,"{"x" * 200_000}')
    assert csv.field_size_limit() == before
    assert broken(f'Mary,"{"x" * (RECORD_MOST + 1)}"')
    assert csv.field_size_limit() == before


def test_two_files_in_one_are_noticed_at_their_seam() -> None:
    text = "Mary,x\n\ufeffaccount,notes\nBob,x\naccount,notes\naccount,x\nB\0b,x\nJo\thn,x\n"
    assert accounts(text) == ["Mary", "Bob", "account", "Jo\thn"]
    assert broken(text) == [
        (3, "a byte-order mark or a NUL stands in the account"),
        (5, "it is the heading once more"),
        (7, "a byte-order mark or a NUL stands in the account"),
    ]


def test_blank_lines_are_no_records_but_empty_cells_are() -> None:
    assert [row.number for row in rows('\nMary,x\n   \n"",\n,\n\t\nBob,x\n\n')] == [3, 5, 6, 8]


def test_blank_lines_are_no_records_where_a_block_is_looked_at_line_by_line_either() -> None:
    assert accounts('Mary,a \\"b\n\nJohn,x\n') == ["Mary", "John"]


def test_the_first_record_is_that_of_the_first_line_that_is_not_blank() -> None:
    assert first_record(["\n", '"a\n', 'b",c\n'], ",") == ["a\nb", "c"]
    assert first_record([], ",") == []
    assert first_record(['"a'], ",") == []


def test_a_file_of_spreadsheets_from_before_2001_has_its_own_line_ends() -> None:
    head, lines = ["account,notes\r"], ['Mary,"a\nb"\r', "Bob,x\r"]
    got = list(table(head, lines, column="account", needs=(), name="")[1])
    assert got == [Row(2, "Mary", {"notes": "a\nb"}), Row(3, "Bob", {"notes": "x"})]


parts = st.lists(st.sampled_from(["a", '"', '""', ",", "\n", "\\", "Bob,hi\n", ' "b']), max_size=20).map("".join)


@given(parts)
def test_no_account_comes_from_inside_of_a_cell_and_no_line_is_lost(text: str) -> None:
    """Whatever is given as a row is a record of the csv module too, up to the first that it refuses."""
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    expected: list[str] = []
    with suppress(csv.Error):
        expected.extend(cells[0] for cells in reader if len(cells) == 2)
    given_rows = accounts(text)
    assert given_rows == expected[: len(given_rows)]
    numbers = [row.number for row in rows(text)]
    assert all(first < second for first, second in pairwise(numbers))


@given(parts, st.integers(0, 9))
def test_records_are_the_same_wherever_a_block_of_lines_ends(text: str, place: int) -> None:
    lines = list(io.StringIO(text, newline="\n"))
    assert list(records(lines[:place], lines[place:], ",")) == list(records((), lines, ","))


def test_a_note_of_two_lines_may_stand_anywhere_in_a_long_file() -> None:
    lines = [f'user{number},"{"x" * (number % 90)}\ny"\n' for number in range(5_000)]
    assert [(row.number, row.account) for row in rows("".join(lines))] == [
        (2 + 2 * number, f"user{number}") for number in range(5_000)
    ]


def test_what_stands_in_quotes_stays_there_in_a_thousand_made_up_notes() -> None:
    """Whatever a sound writer puts into a note, only those in the column of accounts are given."""
    chance = random.Random(7)
    pieces = ["Bob,hi", "\n", '"', ",", "\r\n", "\\", " ", "x", "account,notes", "\r"]
    for _ in range(1000):
        note = "".join(chance.choices(pieces, k=chance.randint(1, 12)))
        sink = io.StringIO(newline="")
        csv.writer(sink, lineterminator="\r\n").writerows([["Mary", note], ["John", "x"]])
        assert set(accounts(sink.getvalue())) <= {"Mary", "John"}
