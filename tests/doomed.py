"""A program of ten lines that runs a job; and that stops or kills itself at a moment of its own, or has a full disk."""

import asyncio
import json
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any

from tim_async import CallEvent, Client, bulk
from tim_async.emulator import DEMO_KEY

MESSAGE = {"Title": "hello", "Desc": "again"}


def city(row: bulk.Row) -> tuple[str, Mapping[str, str]]:
    return row.account, {"city": row.columns["city"]}


async def main(url: str, command: str, source: str, journal: str, *numbers: int) -> None:
    """Run the job, and send oneself a signal after so many answers; 0: live. No file may be longer than the room."""
    last_call, how, room = numbers
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    answers = iter(range(1, last_call + 1))

    def die(_: CallEvent) -> None:
        if next(answers, last_call) == last_call and last_call:
            os.kill(os.getpid(), how)

    async with Client(sdk_app_id=1400000000, secret_key=DEMO_KEY, base_url=url, hooks=[die]) as tim:
        operations: dict[str, Any] = {
            "delete": tim.accounts.delete,
            "set": tim.push.set_attributes,
            "send": tim.push.send_to.of(offline_push_info=MESSAGE),
        }
        item = city if command == "set" else bulk.item_of
        with bulk.AccountFile(source, column="account", needs=("city",)) as file:
            report = await bulk.run(operations[command], file, journal=journal, item=item)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(json.dumps([report.counts, report.assumed, report.open, repr(report.stopped_by)]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], *map(int, sys.argv[5:])))
