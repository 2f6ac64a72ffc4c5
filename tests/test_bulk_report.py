"""What became of all rows is told in a few lines, however many rows there are."""

import pytest

from tim_async.bulk.repeats import Repeat
from tim_async.bulk.report import Tally, tell_repeats
from tim_async.bulk.writing import Record
from tim_async.printable import shown


def tally(*records: Record) -> Tally:
    made = Tally()
    for record in records:
        made.add(record)
    return made


def test_counts_add_up() -> None:
    made = tally(Record(2, "a", "Ok"), Record(3, "b", "Ok"), Record(4, "c", "Unknown"), Record(5, "", "NotSent", 70402))
    assert (made.done, made.errors) == (4, 2)
    assert made.counts == {"Ok": 2, "Rejected": 0, "Unknown": 1, "NotSent": 1}
    assert str(made) == "4 rows: 2 Ok, 1 Unknown, 1 NotSent"


def test_nothing_and_a_single_row_have_their_words() -> None:
    assert str(Tally()) == "0 rows: 0 Ok"
    assert str(tally(Record(2, "a", "Ok"))) == "1 row: 1 Ok"
    assert Tally().troubles() == []


def test_the_same_trouble_stands_in_one_line_with_its_first_rows_the_most_frequent_first() -> None:
    long = [Record(row, "x" * row, "NotSent", 70402, "", f"the account is {row} bytes long") for row in range(33, 40)]
    made = tally(Record(2, "a", "Rejected", 70107, "gone", "no such account"), *long)
    assert [str(trouble) for trouble in made.troubles()] == [
        "NotSent 70402, 7 rows (33, 34, 35, 36, 37, …): the account is 33 bytes long",
        "Rejected 70107, row 2: no such account",
    ]


def test_the_first_rows_are_the_first_in_the_file_whatever_the_order_of_the_answers() -> None:
    made = tally(*(Record(row, "x", "NotSent", 1, "", "why") for row in (9, 3, 8, 2, 7, 4, 6, 5)))
    assert str(made.troubles()[0]) == "NotSent 1, 8 rows (2, 3, 4, 5, 6, …): why"


def test_troubles_without_a_code_are_told_apart_by_their_words() -> None:
    made = tally(
        Record(2, "a", "NotSent", None, "", "a quote is not closed: one"),
        Record(3, "b", "NotSent", None, "", "a quote is not closed: two"),
        Record(4, "c", "NotSent", None, "", "the client was closed"),
    )
    assert [str(trouble) for trouble in made.troubles()] == [
        "NotSent, 2 rows (2, 3): a quote is not closed: one",
        "NotSent, row 4: the client was closed",
    ]


def test_the_words_of_the_service_stand_in_where_there_are_none_of_ours() -> None:
    assert str(tally(Record(2, "a", "Rejected", 1, "said", "")).troubles()[0]) == "Rejected 1, row 2: said"


def test_there_are_only_so_many_kinds_of_trouble() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = tally(*(Record(row, "x", "NotSent", row, "", letters[row]) for row in range(26)))
    troubles = made.troubles()
    assert len(troubles) == 21
    assert str(troubles[0]) == "NotSent, 6 rows (20, 21, 22, 23, 24, …): for other reasons, the first: u"


def test_repeats_are_told_in_order_with_their_number() -> None:
    assert list(tell_repeats([])) == []
    assert list(tell_repeats([Repeat(9, 2)])) == ["1 row with the account of an earlier row: 9 as 2"]
    assert list(tell_repeats(Repeat(row, 2) for row in range(1000, 2, -1))) == [
        "998 rows with the account of an earlier row: 3 as 2, 4 as 2, 5 as 2, 6 as 2, 7 as 2, …"
    ]


@pytest.mark.parametrize(("text", "expected"), [("Łódź", "Łódź"), ("a\x1b[31m\n", "a\\x1b[31m\\x0a")])
def test_what_would_steer_the_terminal_is_shown_as_its_number(text: str, expected: str) -> None:
    assert shown(text) == expected
