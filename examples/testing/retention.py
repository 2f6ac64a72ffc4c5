"""What is tested here: deletes accounts that nobody needs any more, and reports what is left to do."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from tim_async import AccountError, BatchResult, Client


@dataclass
class Report:
    """What a run came to."""

    gone: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)


def report_of(result: BatchResult[None]) -> Report:
    """Deleted, never there, or to be tried again."""
    report = Report(gone=list(result.values))
    for outcome in result.errors:
        (report.absent if outcome.final else report.again).append(outcome.account)
    return report


async def retire(tim: Client, accounts: Iterable[str]) -> Report:
    """Delete accounts, but for those that have the tag ``keep``."""
    tags = await tim.push.get_tags(accounts)
    return report_of(await tim.accounts.delete(each for each in tags.values if "keep" not in tags[each]))


async def is_kept(tim: Client, account: str) -> bool:
    """Whether an account has the tag ``keep``; one that does not exist has none."""
    try:
        return "keep" in await tim.push.get_tags.one(account)
    except AccountError as error:
        if error.code == 70107:
            return False
        raise


async def main(accounts: list[str]) -> None:
    """The program: a client made from the environment."""
    async with Client.from_env() as tim:
        report = await retire(tim, accounts)
    print(f"{len(report.gone)} gone, {len(report.absent)} absent, {len(report.again)} to be tried again")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
