"""What was really done, told the time."""

from tim_async.emulator.books import Books, Line

SET, DELETE = "timpush/set_attr", "im_open_login_svc/account_delete"


def test_each_account_has_its_lines_in_the_order_of_the_calls() -> None:
    books = Books()
    first = books.note(SET, [("Mary", {"city": "NewYork"}), ("John", {"city": "Boston"})], "", 1.0)
    assert books.of("Mary") == [Line(1.0, SET, "Mary", {"city": "NewYork"}, None, "", False)]
    second = books.note(DELETE, [("Mary", None)], "reset_after", 2.0)
    second.codes, second.time = [0], 2.5
    first.codes, first.time, first.answered = [0, 70107], 3.0, True
    assert books.of("Mary") == [
        Line(3.0, SET, "Mary", {"city": "NewYork"}, 0, "", True),
        Line(2.5, DELETE, "Mary", None, 0, "reset_after", False),
    ]
    assert books.of("Mary", DELETE) == books.of("Mary")[1:]
    assert books.of("nobody") == []


def test_what_was_done_comes_in_the_order_in_which_it_took_effect() -> None:
    books = Books()
    for time, codes in ((3.0, [0]), (1.0, [0]), (2.0, [70107]), (2.0, [None])):
        books.note(SET, [("Mary", time)], "", time).codes = list(codes)
    assert [line.time for line in books.done("Mary")] == [1.0, 3.0]
    assert books.done("Mary", DELETE) == []


def test_an_account_named_twice_has_two_lines() -> None:
    books = Books()
    books.note(DELETE, [("Mary", None), ("Mary", None)], "", 1.0).codes = [0, 70107]
    assert [line.code for line in books.of("Mary")] == [0, 70107]


def test_books_that_are_not_kept_stay_empty() -> None:
    books = Books(kept=False)
    assert books.note(SET, [("Mary", None)], "", 1.0).codes == [None]
    assert (books.calls, books.of("Mary")) == ([], [])


def test_cleared_books_are_empty() -> None:
    books = Books()
    books.note(SET, [("Mary", None)], "", 1.0)
    assert len(books.of("Mary")) == 1
    books.clear()
    assert (books.calls, books.of("Mary")) == ([], [])
