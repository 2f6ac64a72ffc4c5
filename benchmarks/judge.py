"""Judge a record of arrivals by three accountings of "100 calls per second", without anything of tim_async.

The emulator is not its own judge: this reads its raw arrivals (or any other server's) and counts again.

Usage: python benchmarks/judge.py [FILE | URL | -] [RATE]

where FILE, URL (http://127.0.0.1:PORT/emulator/arrivals?path=service/command) or standard input hold JSON: a list of
seconds, a list of [seconds, refused], or an object with such a list under "arrivals". Exit code 1 if a call was over.
"""

import http.client
import json
import math
import sys
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PHASES = 100


def judge(times: Iterable[float], rate: float = 100) -> dict[str, float]:
    """Count the calls that a service would have refused; a refused call uses up nothing.

    Args:
        times: When the calls arrived, seconds.
        rate: Calls per second that are allowed, at least one.

    Returns:
        Calls over the limit: in fixed seconds (of 100 phases the worst), in sliding seconds, and by a token bucket that
        holds one second's worth and begins full; then the number of calls, most calls in any second, and the average
        rate between the first and the last call.
    """
    arrivals = sorted(times)
    fixed = max(over_fixed(arrivals, rate, phase / PHASES) for phase in range(PHASES))
    sliding = bucket = worst = 0
    accepted: deque[float] = deque()
    recent: deque[float] = deque()
    tokens, last = float(rate), -math.inf
    for at in arrivals:
        recent.append(at)
        for window in (accepted, recent):
            while window and window[0] <= at - 1:
                window.popleft()
        worst = max(worst, len(recent))
        if len(accepted) < math.floor(rate):
            accepted.append(at)
        else:
            sliding += 1
        tokens, last = min(float(rate), tokens + (at - last) * rate), at
        if tokens >= 1:
            tokens -= 1
        else:
            bucket += 1
    seconds = arrivals[-1] - arrivals[0] if arrivals else 0.0
    average = round((len(arrivals) - 1) / seconds, 2) if seconds else 0.0
    return {
        "fixed": fixed,
        "sliding": sliding,
        "bucket": bucket,
        "calls": len(arrivals),
        "worst_second": worst,
        "average": average,
    }


def over_fixed(arrivals: Iterable[float], rate: float, phase: float) -> int:
    seconds = Counter(math.floor(at - phase) for at in arrivals)
    return sum(max(0, calls - math.floor(rate)) for calls in seconds.values())


def read(source: str) -> Any:
    if source == "-":
        return json.load(sys.stdin)
    if "://" not in source:
        return json.loads(Path(source).read_bytes())
    url = urlsplit(source)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("GET", f"{url.path}?{url.query}")
    return json.load(connection.getresponse())


def main() -> int:
    record = read(sys.argv[1] if len(sys.argv) > 1 else "-")
    rows = record["arrivals"] if isinstance(record, dict) else record
    verdict = judge(
        (row[0] if isinstance(row, list) else row for row in rows), float(sys.argv[2]) if len(sys.argv) > 2 else 100
    )
    print(json.dumps(verdict))
    return 1 if verdict["fixed"] or verdict["sliding"] or verdict["bucket"] else 0


if __name__ == "__main__":
    sys.exit(main())
