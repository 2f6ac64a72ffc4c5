"""One signed POST. Foreign errors become ours here, and nowhere else.

In: a command and the bytes of its body. Out: the bytes of the answer, or a `RequestError`, which knows whether anything
was written::

    post ─▶ hosts (where to) ─▶ payload (when it is written) ─▶ signing (inside of aiohttp) ─▶ the service
         ◀─ retry_after ◀────────────────────────────────────────────────────── status, bytes ◀─┘
"""
