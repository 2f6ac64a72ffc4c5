"""The tables of a journal.

| table | holds |
|---|---|
| ``meta`` | name -> JSON: the job, and what its caller wants to be remembered |
| ``starts`` | a line for each start: when, where, when it ended, and how; the last has no end if it was killed |
| ``endings`` | number -> kind of outcome, code, words, whether it is final |
| ``log`` | a line for each commit: its wall time, and runs of places (see `runs`), in the order of completion |
| ``results`` | what reads gave: first place, how many rows have the same, the value as JSON |
| ``seconds`` | a line for each second of the run in which something was to be done: see `seconds.Second` |
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

__all__ = ["APPLICATION", "SCHEMA", "VERSION", "wrong_table"]

VERSION = 1
APPLICATION = 0x74696D6A  # "timj"

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE starts (number INTEGER PRIMARY KEY, began REAL NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL,
    ended REAL, how TEXT);
CREATE TABLE endings (number INTEGER PRIMARY KEY, outcome TEXT NOT NULL, code INTEGER, info TEXT NOT NULL,
    reason TEXT NOT NULL, final INTEGER NOT NULL, assumed INTEGER NOT NULL);
CREATE TABLE log (number INTEGER PRIMARY KEY, at REAL NOT NULL, runs BLOB NOT NULL);
CREATE TABLE results (first INTEGER PRIMARY KEY, rows INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE seconds (at INTEGER PRIMARY KEY, numbers BLOB NOT NULL);
"""

_COLUMNS = (
    "SELECT one.name, columns.name FROM sqlite_master AS one JOIN pragma_table_info(one.name) AS columns "
    "WHERE one.type = 'table' ORDER BY one.name, columns.cid"
)


def wrong_table(database: sqlite3.Connection) -> str:
    """The name of a table that is not there, or has other columns; empty if all are as they should be.

    Args:
        database: a journal.
    """
    with closing(sqlite3.connect(":memory:")) as made:
        made.executescript(SCHEMA)
        meant, found = _columns(made), _columns(database)
    return next((name for name in meant if found.get(name) != meant[name]), "")


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for table, column in database.execute(_COLUMNS):
        columns.setdefault(table, []).append(column)
    return columns
