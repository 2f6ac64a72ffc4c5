"""Outcomes become one line each, in JSON or CSV."""

import csv
import io
import json
from typing import Any

import pytest

from tim_async.bulk.writing import Format, Record, make_writer, record
from tim_async.outcomes import NotSent, Ok, Outcome, Rejected, Unknown

OUTCOMES: list[tuple[Outcome[Any], Record]] = [
    (Ok(0, "Mary", None), Record(7, "Mary", "Ok")),
    (Ok(0, "Mary", ("a", "b")), Record(7, "Mary", "Ok", value=("a", "b"))),
    (Ok(0, "Mary", {"city": "Łódź"}), Record(7, "Mary", "Ok", value={"city": "Łódź"})),
    (Rejected(0, "يوسف", 70107, "no such", "gone"), Record(7, "يوسف", "Rejected", 70107, "no such", "gone")),
    (Unknown(0, "a,b", None, "", 'no "answer"'), Record(7, "a,b", "Unknown", None, "", 'no "answer"')),
    (NotSent(0, "", 70402, "", "empty"), Record(7, "", "NotSent", 70402, "", "empty")),
]


def written(to_format: Format) -> str:
    sink = io.BytesIO()
    writer = make_writer(sink, to_format)
    for outcome, _ in OUTCOMES:
        writer.write(record(7, outcome))
    return sink.getvalue().decode()


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
def test_a_record_says_row_account_and_what_became_of_it(outcome: Outcome[Any], expected: Record) -> None:
    assert record(7, outcome) == expected


def test_json_lines_have_every_field_and_names_as_they_are() -> None:
    text = written("jsonl")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == len(OUTCOMES)
    assert lines[2] == {
        "row": 7,
        "account": "Mary",
        "outcome": "Ok",
        "code": None,
        "info": "",
        "reason": "",
        "value": {"city": "Łódź"},
    }
    assert "يوسف" in text


def test_csv_has_a_header_and_values_as_json() -> None:
    table = list(csv.reader(io.StringIO(written("csv"))))
    assert table[0] == ["row", "account", "outcome", "code", "info", "reason", "value"]
    assert table[1] == ["7", "Mary", "Ok", "", "", "", ""]
    assert table[2][-1] == '["a","b"]'
    assert json.loads(table[3][-1]) == {"city": "Łódź"}
    assert table[4] == ["7", "يوسف", "Rejected", "70107", "no such", "gone", ""]
    assert table[5][5] == 'no "answer"'


@pytest.mark.parametrize("account", ["a\rb", "a\nb", "a\r\nb", "\r", "a\r", " a", 'a"b', "a,b"])
def test_whatever_an_account_holds_its_line_can_be_read_again(account: str) -> None:
    sink = io.BytesIO()
    writer = make_writer(sink, "csv")
    writer.write(Record(2, account, "Ok"))
    writer.write(Record(3, "Mary", "Ok"))
    text = sink.getvalue().decode()
    assert text.endswith(",Ok,,,,\n")
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row[1] for row in table] == ["account", account, "Mary"]
    assert (f'"{account}"' in text) == (account not in (" a", 'a"b'))


STEERING = Record(7, "To\u202em\x1b[31m\x9b", "Ok", None, "a\r\nb\u2028", "", {"\u200b": "\x7f"})


def test_json_lines_write_what_steers_a_terminal_as_its_number_and_say_the_same() -> None:
    sink = io.BytesIO()
    make_writer(sink, "jsonl").write(STEERING)
    line = sink.getvalue().decode()
    assert line.removesuffix("\n").isprintable()
    assert json.loads(line)["account"] == STEERING.account
    assert json.loads(line)["value"] == STEERING.value


@pytest.mark.parametrize("seen", [False, True])
def test_csv_says_exactly_what_it_was_told_but_for_a_terminal(seen: bool) -> None:
    sink = io.BytesIO()
    make_writer(sink, "csv", seen=seen).write(STEERING)
    _, row = csv.reader(io.StringIO(sink.getvalue().decode(), newline=""))
    assert (row[:2] == ["7", STEERING.account]) is not seen
    assert "".join(row).isprintable() is seen
    assert json.loads(row[-1]) == STEERING.value or seen
