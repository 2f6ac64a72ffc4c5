"""Who may call, and when: never over the limit, and always at it.

In: a command and its rate. Out: a permit for one call, which is told when the call was written and answered::

    local  the limit of the process ──▶ gates  who waits, in each loop ─▶ permits  arithmetic: how many may be out
    file   of the processes of a host ──────────────────────────────────▶ permits
    redis  of many hosts              ─▶ slots, booked ahead in Redis ───▶ permits
    pace   smooths, with aiolimiter: no burst uses up a second's permits
    rates  what is known of each command's limit: the row's, the caller's, the alarm's
"""

from .local import Command, Limiter, LocalLimiter, local_limiter

__all__ = ["Command", "Limiter", "LocalLimiter", "local_limiter"]
