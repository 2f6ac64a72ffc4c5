"""Nearly any text can be taken for a list of accounts, so what is known to be something else is refused."""

import io

import pytest

from tim_async.bulk.lists import is_drawn, list_rows
from tim_async.bulk.rows import RECORD_MOST, InputError


def accounts(text: str) -> list[tuple[int, str]]:
    lines = io.StringIO(text, newline="\n").readlines()
    return [(row.number, row.account) for row in list_rows(lines[:2], lines[2:], name="ids.txt")]


def told(text: str) -> str:
    with pytest.raises(InputError) as caught:
        accounts(text)
    return str(caught.value)


def test_every_line_that_is_not_blank_is_an_account_as_it_stands() -> None:
    assert accounts("\nMary\n John \n\t\nيوسف\n3 o'clock\n\n") == [
        (2, "Mary"),
        (3, " John "),
        (5, "يوسف"),
        (6, "3 o'clock"),
    ]
    assert accounts("") == []
    assert accounts("\n \n") == []


@pytest.mark.parametrize(
    "first",
    [
        "Mary",
        "user1",
        "admin",
        "administrator",
        "7",
        "x",
        "im",
        "to",
        "@TGS#1",
        "14000",
        "a-b",
        "#mary",
        "a.name",
        "héros",
    ],
)
def test_an_account_may_look_like_this(first: str) -> None:
    assert accounts(f"{first}\nBob\n") == [(1, first), (2, "Bob")]


@pytest.mark.parametrize(
    "heading",
    [
        *(
            "account",
            "Accounts",
            "user_id",
            "userid",
            "User ID",
            "uid",
            "id",
            "ids",
            "IDs",
            "To_Account",
            "UserID",
            "user",
        ),
        *("Member_Account", "identifier", "username", "user-name", "open_id", "imId", "uuid", "email", "From_Account"),
        *(
            "external_user_id",
            "customer_id",
            "nick",
            "用户ID",
            "账号",
            "ユーザーID",
            "사용자ID",
            "(UserID)",
            "user.id",
            " id ",
        ),
    ],
)
def test_a_heading_is_no_account(heading: str) -> None:
    assert told(f"{heading}\nMary\n") == (
        f"ids.txt begins with {heading.strip()!r}, which reads like a heading: say --column {heading.strip()!r}; "
        "if it is an account, put a line 'account' above it and say --column account"
    )


@pytest.mark.parametrize(
    "first", ['"Mary"', "'Mary'", "“Mary”", "„Mary“", "«Mary»", "‘Mary’", "`Mary`", '"Mary', '"Dewi ""M"""', ' "Mary" ']
)
def test_accounts_in_quotes_are_not_taken_with_them(first: str) -> None:
    text = told(f"{first}\n{first}\n")
    assert text.startswith(f"ids.txt has its accounts in quotes: {first.strip()}; take the quotes off, or put")


@pytest.mark.parametrize(
    ("text", "what", "do"),
    [
        ("<!DOCTYPE html>\n<html>\n", "is HTML or XML", "write one account per line"),
        ("<?xml version='1.0'?>\n", "is HTML or XML", "write one account per line"),
        ("}\n", "looks like JSON or code", "JSON lines"),
        (" account | city\n---------+------\n Mary | Lyon\n", "looks like a drawn table", "psql --csv"),
        (" account \n---------\n Mary\n", "looks like a drawn table", "psql --csv"),
        ("+---------+\n| account |\n+---------+\n", "looks like a drawn table", "psql --csv"),
        ("| account | city |\n|:--------|-----:|\n", "looks like a drawn table", "psql --csv"),
        ("-[ RECORD 1 ]\naccount | Mary\n", "looks like a drawn table", "psql --csv"),
        ("┌─────────┐\n│ account │\n", "looks like a drawn table", "psql --csv"),
        ("Mary|Lyon\n", "looks like a table separated by |", "psql --csv"),
        ("# exported today\nMary\n", "begins with a comment", "write one account per line"),
        ("- Mary\n- Bob\n", "looks like YAML", "write one account per line"),
        ("---\n", "looks like", ""),
        ("INSERT INTO users VALUES\n", "looks like SQL", "write one account per line"),
        ("version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS", "git lfs pull"),
    ],
)
def test_what_is_something_else_is_told_by_what_it_is(text: str, what: str, do: str) -> None:
    message = told(text)
    assert message.startswith(f"ids.txt {what}")
    assert do in message


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_needs_its_column(delimiter: str) -> None:
    assert told(f"account{delimiter}city\nMary{delimiter}Lyon\n") == (
        "ids.txt looks like a table with the columns 'account', 'city'; say which one holds the accounts: --column NAME"
    )
    many = delimiter.join(f"c{number}" for number in range(2000))
    assert "the columns 'c0', 'c1', 'c2', 'c3', 'c4', …; say which" in told(f"{many}\n")


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x07", "\x7f", "\x85", "\ufeff", "\u2028", "\u200b"])
def test_what_nobody_sees_is_in_no_account(character: str) -> None:
    lines = ["Mary\n", f"B{character}ob\n"]
    with pytest.raises(InputError) as caught:
        list(list_rows(lines, [], name="ids.txt"))
    assert str(caught.value) == (
        f"ids.txt is not a list of accounts: the character U+{ord(character):04X}, which is invisible, is in line 2"
    )


def test_a_tab_or_a_carriage_return_in_the_middle_has_its_own_cure() -> None:
    assert (
        told("Mary\nBob\tLyon\n")
        == "ids.txt looks like a table from line 2 on; give it a heading, and say --column NAME"
    )
    assert told("Mary\nBob\rJohn\n") == (
        "ids.txt has line ends of two kinds, a CR alone and a LF, at line 2; convert it: tr '\\r' '\\n'"
    )


def test_line_ends_of_two_kinds_are_told_whichever_came_first() -> None:
    with pytest.raises(InputError, match="line ends of two kinds"):
        list(list_rows(["Mary\r", "Bob\nJohn\n"], [], name="ids.txt"))


def test_a_line_without_an_end_is_none() -> None:
    with pytest.raises(InputError, match=f"line 2 is longer than {RECORD_MOST:,} bytes"):
        list(list_rows(["Mary\n"], ["x" * (RECORD_MOST + 1)], name="ids.txt"))


def test_letters_without_a_picture_are_letters() -> None:
    """A space that is not broken, and the joiners of Persian, are no mistake."""
    assert accounts("a\xa0b\nمی\u200cخواهم\n") == [(1, "a\xa0b"), (2, "می\u200cخواهم")]


def test_a_drawn_table_is_known_by_its_line_of_dashes() -> None:
    assert is_drawn(["a | b\n", "---+---\n"])
    assert is_drawn(["\n", "+----+\n"])
    assert not is_drawn(["a-b\n", "c--d\n", "-----\n"])
    assert not is_drawn([])
