"""Parquet is a source like any other: rows with numbers, accounts, columns and arguments; what is wrong is told."""

import datetime as dt
import gzip
import io
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tim_async.bulk.files import AccountFile
from tim_async.bulk.opening import open_source
from tim_async.bulk.rows import InputError, Row

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.parquet"


def write(path: Path, columns: Mapping[str, Any], **options: Any) -> None:
    pq.write_table(pa.table(columns), path, **options)


def rows(path: Path, column: str | None = "id", **options: Any) -> list[Row]:
    with AccountFile(path, column=column, **options) as file:
        return list(file.rows())


def told(path: Path, column: str | None = "id", **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        rows(path, column, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "accounts"),
    [
        (pa.array(["Mary", None, "王小明", " "]), ["Mary", "", "王小明", " "]),
        (pa.array(["Mary", None, "Mary"]).dictionary_encode(), ["Mary", "", "Mary"]),
        (pa.array(["Mary"], pa.large_string()), ["Mary"]),
        (pa.array([b"Mary", None, "é".encode()], pa.binary()), ["Mary", "", "é"]),
        (pa.array([b"Mary"], pa.binary(4)), ["Mary"]),
        (pa.array([0, None, 9_007_199_254_740_993, -1], pa.int64()), ["0", "", "9007199254740993", "-1"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal(14000000001)], pa.decimal128(38, 0)), ["14000000001"]),
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), ""]),
        (pa.array([], pa.string()), []),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_accounts_are_text_or_bytes_of_utf8_or_whole_numbers_or_uuids(
    path: Path, values: Any, accounts: list[str]
) -> None:
    write(path, {"id": values})
    assert rows(path) == [Row(number, account, {}) for number, account in enumerate(accounts, 1)]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (
            pa.array([1.0, None]),
            "numbers with a decimal point, as a program makes of whole ones where some are missing; ",
        ),
        (pa.array([Decimal("1.5")]), "decimal128(2, 1); say another --column"),
        (pa.nulls(1), "null; say another --column"),
        (pa.array([True]), "bool; say another --column"),
        (pa.array([["Mary"]]), "list<element: string>; say another --column"),
        (pa.array([dt.date(2026, 1, 1)]), "date32[day]; say another --column"),
    ],
)
def test_what_can_be_no_accounts_is_refused(path: Path, values: Any, why: str) -> None:
    write(path, {"id": values})
    assert told(path).startswith(f"users.parquet has no accounts in the column 'id', but {why}")


def test_bytes_that_are_no_text_are_a_broken_row_and_the_others_are_sound(path: Path) -> None:
    damaged = pa.Array.from_buffers(pa.string(), 2, pa.array([b"Mary", b"\xff"]).buffers())
    for values in (pa.array([b"Mary", b"\xff"]), damaged):
        write(path, {"id": values})
        assert rows(path) == [Row(1, "Mary", {}), Row(2, "", {}, "its bytes are no UTF-8")]


def test_other_columns_are_text_and_pictures_are_left_out_where_nobody_needs_them(path: Path) -> None:
    noon = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
    columns = {
        "city": pa.array(["Lyon", None]),
        "id": pa.array([1, 2]),
        "points": pa.array([1.5, None]),
        "vip": pa.array([True, False]),
        "since": pa.array([noon, None], pa.timestamp("us", tz="Asia/Shanghai")),
        "ref": pa.array([ID.bytes, None], pa.uuid()),
        "tags": pa.array([["a", "é"], None]),
        "times": pa.array([[noon], []]),
        "picture": pa.array([b"\xff", b"x"]),
    }
    write(path, columns)
    with AccountFile(path, column="id") as file:
        first, second = file.rows()
        assert first.columns == {
            "city": "Lyon",
            "points": "1.5",
            "vip": "true",
            "since": "2026-01-02 12:00:00.000000",
            "ref": str(ID),
            "tags": '["a", "é"]',
        }
        assert second.columns == {**dict.fromkeys(first.columns, ""), "vip": "false"}
        assert file.columns == ["city", "id", "points", "vip", "since", "ref", "tags"]
        assert (file.column, file.count, file.look.unterminated) == ("id", 2, None)
    with AccountFile(path, column="id", needs=["picture"]) as file:
        assert file.look.broken.count == 1
        assert [row.problem for row in file.rows()] == ["its bytes are no UTF-8", ""]
    assert told(path, needs=["times"]).startswith(
        "users.parquet has timestamp[us, tz=UTC] in the column 'times', which "
    )


ARGUMENTS = {
    "list": pa.array([["a", None], [], None]),
    "fixed": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)),
    "map": pa.array([[("city", "Lyon")], [("x", None)], None], pa.map_(pa.string(), pa.string())),
    "struct": pa.array([{"nick": "M", "tags": [{"a": 1}]}, {"nick": None, "tags": None}, None]),
    "words": pa.array(["a", "b", None]).dictionary_encode(),
    "number": pa.array([1.5, 2.0, None]),
}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("list", [["a", None], [], None]),
        ("fixed", [[1, 2], [3, 4], None]),
        ("map", [{"city": "Lyon"}, {"x": None}, None]),
        ("struct", [{"nick": "M", "tags": [{"a": 1}]}, {}, None]),
        ("words", ["a", "b", None]),
        ("number", [1.5, 2.0, None]),
    ],
)
def test_a_column_may_hold_the_arguments(path: Path, column: str, expected: list[Any]) -> None:
    write(path, {"id": pa.array([1, 2, 3]), column: ARGUMENTS[column]})
    with AccountFile(path, column="id", argument=column) as file:
        assert [row.argument for row in file.rows()] == expected
        assert file.look.has_arguments
        assert file.columns == ["id"]
    write(path, {"argument": ARGUMENTS[column], "id": pa.array([1, 2, 3])})
    assert [row.argument for row in rows(path)] == expected


def test_a_column_that_is_needed_otherwise_holds_no_arguments(path: Path) -> None:
    write(path, {"id": ["Mary"], "argument": ["x"]})
    assert rows(path, needs=["argument"]) == [Row(1, "Mary", {"argument": "x"})]


def test_an_argument_that_json_does_not_have_is_refused(path: Path) -> None:
    write(path, {"id": [1], "argument": pa.array([[(1, "x")]], pa.map_(pa.int64(), pa.string()))})
    assert "in the column 'argument', which JSON does not have" in told(path)
    assert (
        told(path, argument="arguments")
        == "users.parquet has no column 'arguments'; did you mean 'argument'? it has 'id', 'argument'"
    )


def test_other_files_have_no_column_of_arguments(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("Mary\n")
    assert (
        told(tmp_path / "ids", None, argument="x")
        == "ids is no Parquet, so it has no column for arguments; give JSON lines"
    )


def test_columns_that_are_not_there_are_told_with_the_nearest(path: Path) -> None:
    write(path, {"user_id": ["Mary"], "city": ["Lyon"]})
    assert (
        told(path, "User-ID")
        == "users.parquet has no column 'User-ID'; did you mean 'user_id'? it has 'user_id', 'city'"
    )
    assert told(path, "user_id", needs=["town"]) == "users.parquet has no column 'town'; it has 'user_id', 'city'"
    assert told(path, None) == (
        "users.parquet is a table with the columns 'user_id', 'city'; say which one holds the accounts: --column NAME"
    )
    pq.write_table(pa.table([["Mary"], ["John"]], names=["id", "id"]), path)
    assert told(path) == "users.parquet has 2 columns 'id'; give all but one another name"


def test_rows_of_all_row_groups_come_in_their_order_and_repeats_are_known(path: Path) -> None:
    names = [f"user{number % 4_900}" for number in range(5_000)]
    write(path, {"id": names}, row_group_size=999)
    with AccountFile(path, column="id") as file:
        assert [(row.number, row.account) for row in file.rows()] == list(enumerate(names, 1))
        assert file.look.accounts == 4_900


def test_parquet_that_is_cut_at_any_of_twenty_places_gives_no_row(path: Path) -> None:
    write(path, {"id": [f"user{number}" for number in range(5_000)]})
    whole = path.read_bytes()
    for part in range(1, 21):
        path.write_bytes(whole[: round(len(whole) * part / 21)])
        assert told(path) == "users.parquet is cut: it is Parquet, and its end is missing; get all of it"


def test_parquet_that_is_damaged_anywhere_ends_in_one_line_or_in_its_rows(path: Path) -> None:
    write(path, {"id": [f"user{number}" for number in range(5_000)]}, write_page_checksum=True)
    whole, chance = path.read_bytes(), random.Random(5)
    data = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for place in (*(chance.randrange(4, data) for _ in range(20)), data, len(whole) - 6):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert told(path).startswith("users.parquet is damaged: its Parquet data make no sense (")


def test_a_byte_that_changes_after_the_first_pass_is_found_before_its_block_is_given(path: Path) -> None:
    write(path, {"id": [f"user{number}" for number in range(5_000)]}, compression="none", use_dictionary=False)
    before = path.stat()
    with AccountFile(path, column="id") as file:
        changed = path.read_bytes().replace(b"user4999", b"user4998")
        path.write_bytes(changed)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(InputError, match="was changed after it had been looked through"):
            list(file.rows())
    with open_source(file.description) as again:
        assert again.fingerprint.size == file.fingerprint.size
        assert again.fingerprint != file.fingerprint


def test_parquet_may_come_by_standard_input(path: Path, tmp_path: Path) -> None:
    write(path, {"id": ["Mary"], "argument": [["a"]]})
    with AccountFile("-", column="id", copy=tmp_path / "copy", stdin=io.BytesIO(path.read_bytes())) as file:
        assert list(file.rows()) == [Row(1, "Mary", {}, argument=["a"])]
    with open_source(file.description) as again:
        assert again.count == 1


def test_parquet_that_was_compressed_once_more_is_told(path: Path) -> None:
    write(path, {"id": ["Mary"]})
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert told(path) == "users.parquet is Parquet that was compressed once more; unpack it"


@pytest.mark.usefixtures("counted")
def test_without_pyarrow_the_extra_is_named(path: Path) -> None:
    write(path, {"id": ["Mary"]})
    program = f"""
import sys
sys.modules["pyarrow"] = None
from tim_async.bulk.files import AccountFile
with AccountFile({str(path)!r}, column="id"):
    pass
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.endswith(
        "InputError: users.parquet is Parquet, which needs pyarrow; get it with: pip install 'tim-async[parquet]'\n"
    )
