"""What a pod of the indexed Job runs: its part of a list, with the budget that all pods share. See job.yaml.

Exit codes, as the command line has them: 0 all Ok. 1 done, and some accounts did not end Ok. 2 the input is wrong.
3 the credentials are wrong. 75 to be started again: another pod has the part, or it was stopped before its end.
"""

import asyncio
import os
import signal
import sys

from tim_async import Client, CredentialsError, bulk
from tim_async.redis import RedisLimiter

MARGIN = float(os.environ.get("MARGIN", "0.98"))  # of the limit; less where a pod may get no processor for a while
LEASE = float(os.environ.get("LEASE", "15"))  # seconds until the part of a pod that is gone can be taken


def exit_code(report: bulk.Report) -> int:
    if isinstance(report.stopped_by, CredentialsError):
        return 3
    if report.outcomes is None:
        return 75
    return 0 if report.ok else 1


async def main(source: str, outcomes: str, index: int, parts: int) -> int:
    most = 2 * parts  # a pod may overlap with the one before it
    limiter = RedisLimiter(os.environ["REDIS_URL"], processes=most, margin=MARGIN)
    try:
        async with Client.from_env(limiter=limiter) as tim:
            # A pod that is asked to go finishes its calls, and lets the next one have the part at once.
            loop, closing = asyncio.get_running_loop(), list[asyncio.Task[None]]()
            loop.add_signal_handler(signal.SIGTERM, lambda: closing.append(loop.create_task(tim.aclose())))
            with bulk.AccountFile(source, column="account") as users:
                part = bulk.Part(users, index, parts)
                place = f"{outcomes}/part-{index:05}.jsonl"
                report = await bulk.run_partition(tim.accounts.delete, part, place, lease=LEASE)
    except bulk.JournalHeld as exc:
        print(exc, file=sys.stderr)
        return 75
    except (bulk.InputError, bulk.JournalError) as exc:
        print(exc, file=sys.stderr)
        return 2
    finally:
        await limiter.aclose()
    print(part.name, report.counts, report.stopped_by or "", *report.troubles, sep="\n")
    return exit_code(report)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], int(os.environ["JOB_COMPLETION_INDEX"]), int(sys.argv[3]))))
