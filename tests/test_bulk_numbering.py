"""The rows of a report have the numbers of their lines, where the input is the one of then; and accounts only there."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from journals import Journal, made_for

from tim_async import Rejected, bulk
from tim_async.bulk.journal.runs import FINE

GONE = Rejected(0, "", 70107, "", "the account does not exist")


@pytest.mark.parametrize("spoil", ["gone", "changed", "shorter", "a directory"])
def test_where_the_input_is_another_rows_are_counted_and_accounts_are_refused(tmp_path: Path, spoil: str) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("account\nMary\nJohn\n")
    journal = made_for(file, tmp_path / "it.job", column="account").start((FINE, 0, 1), (GONE, 1, 1))
    assert bulk.findings_of(journal.path).kinds[1].rows == [3]
    told = bulk.findings_of(journal.path, accounts=True)
    (kind,) = [each for each in told.kinds if each.code]
    assert (kind.rows, kind.accounts) == ([3], ["John"])
    file.unlink()
    if spoil == "a directory":
        file.mkdir()
    elif spoil != "gone":
        file.write_text("account\nMary\nJoan\n" if spoil == "changed" else "account\n")
    found = bulk.findings_of(journal.path)
    assert (found.numbered, found.kinds[1].rows) == ("place", [2])
    with pytest.raises(bulk.InputError, match=r"is not there any more|is not the same input as before, byte for byte"):
        bulk.findings_of(journal.path, accounts=True)


@pytest.mark.parametrize("name", ["ids.csv.gz", "ids.parquet"])
def test_rows_of_files_of_other_kinds_have_their_numbers_too(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("gz"):
        file.write_bytes(gzip.compress(b"account\nMary\n\nJohn\n"))
    else:
        pq.write_table(pa.table({"account": ["Mary", "John"]}), file)
    journal = made_for(file, tmp_path / "it.job", column="account").start((FINE, 0, 1), (GONE, 1, 1))
    kind = bulk.findings_of(journal.path, accounts=True).kinds[-1]
    assert (kind.rows, kind.accounts) == ([4 if name.endswith("gz") else 2], ["John"])


def test_accounts_of_a_program_are_not_there_to_be_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "it.job").start((FINE, 0, 10))
    with pytest.raises(bulk.InputError, match="did not come from a file"):
        bulk.findings_of(journal.path, accounts=True)
