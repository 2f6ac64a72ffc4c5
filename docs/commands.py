#!/usr/bin/env python
"""Writes ``docs/commands.md`` from the endpoint table: ``python docs/commands.py``."""

from itertools import groupby
from pathlib import Path
from typing import Any

from tim_async.service.endpoints import ENDPOINTS, Endpoint
from tim_async.service.endpoints.plain import RATES

PAGE = Path(__file__).with_suffix(".md")

HEAD = """\
# Commands

Written from the endpoint table by `python docs/commands.py`; do not edit.

Each command that takes accounts is one operation object with three ways to call it: `await op(batch)`,
`await op.one(account)` and `async with op.stream(batch) as outcomes`. A batch is any iterable or async iterable, of any
length; where a command takes an argument for each account it is a mapping, or pairs.

* *A call*: the most accounts in one HTTP call. Batches are cut into calls, and single items share them.
* *A second*: the documented limit; `Client(limits={path: rate})` sets another one.
* *Lost answer*: what happens when it is not known whether a call was applied. *again*: it is sent again; that is safe,
  because a second time changes nothing, or its answer can be told apart. *Unknown*: it is not sent again.
* *Unmentioned*: what it means if a good answer does not mention an account. Where that is a yes, an answer that names
  only accounts that were not asked about (`mary` for `Mary`) does not count: the accounts are asked for again, and are
  `Unknown` in the end.

A refusal of a whole call for what all its accounts share (the message of `send_to`, the group, `From_Account`) is final
after that one call: its accounts are `Rejected`. If more of the batch wait, the operation raises `InvalidRequest`, and
its `.result` tells what became of each. Batches with other options go on.
"""

BOUND = {
    "friends": 'tim.friends.of("Mary")',
    "block_list": 'tim.block_list.of("Mary")',
    "groups": 'tim.groups.of("group id")',
}
"""Groups whose operations stand behind an account or a group."""

TAIL = """\
## Any other command

`await tim.call("service/command", body)` makes one signed, limited, judged call and gives the whole reply as a `dict`.
It is not sent again after a lost answer, unless you say `repeat=True`. If the service says no, `APIError.reply` is the
whole reply: of a few commands, such as `get_group_info`, that tells more than the code on top. Commands in the tables
above keep their limit; these are known to have a lower one than 100 calls a second, and all others are held to that:

| Command | A second |
|---|---|
"""


def table(title: str, rows: list[Endpoint[Any, Any]]) -> str:
    """The section of one group."""
    lines = [
        f"## `{title}`",
        "",
        "| Method | Command | Takes | Gives | A call | A second | Lost answer | Unmentioned |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    lines += ["", *(f"* `{row.method}`: {row.summary}" for row in rows), ""]
    return "\n".join(lines)


def cells(row: Endpoint[Any, Any]) -> list[str]:
    """What is told of one row."""
    options = f"; {', '.join(f'`{name}`' for name in row.options)}" if row.options else ""
    unit = " accounts" if row.counts_items else ""
    return [
        f"`{row.method}`",
        f"[`{row.path}`]({row.page})",
        row.takes + options,
        row.gives,
        "-" if row.plain else str(row.limit),
        f"{row.rate:g}{unit}",
        "again" if row.repeatable else "Unknown",
        "-" if row.plain else "done" if row.silence_is_ok else "asked again",
    ]


def text() -> str:
    """The whole page."""
    parts = [HEAD]
    for group, rows in groupby(ENDPOINTS, key=lambda row: row.group):
        parts.append(table(BOUND.get(group, f"tim.{group}"), list(rows)))
    return "\n".join(parts) + "\n" + TAIL + "".join(f"| `{path}` | {rate:g} |\n" for path, rate in RATES.items())


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
