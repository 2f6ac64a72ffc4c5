"""Who may call, and when: never over the limit, and always at it.

In: a command and its rate. Out: a permit for one call, on which the caller marks when it was written and answered::

    local  the limit of the process ──▶ gates ───────▶ waiters: whose turn ──▶ permits  how many may be out
    shared ┬ file   of one host ──────▶ one process at a time takes from it ─▶ permits
           └ redis  of many hosts ────▶ waiters ──────▶ slots, booked ahead ─▶ permits
    pace   smooths, with aiolimiter: no burst uses up a second's permits
    rates  what is known of each command's limit: the row's, the caller's, the alarm's
"""

from .local import Command, Limiter, LocalLimiter, local_limiter

__all__ = ["Command", "Limiter", "LocalLimiter", "local_limiter"]
