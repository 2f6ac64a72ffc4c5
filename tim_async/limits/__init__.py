"""Who may call, and when: never over the limit, and always at it.

In: a command and its rate. Out: a permit for one call, on which the caller marks when it was written and answered::

    limiter ─▶ gate   of a command: whose turn it is, in all loops of the process ─▶ waiters, seats
                │     pace  smooths, with aiolimiter: no burst uses up a second's permits
                ▼
              source  may one call go now? if not, when to ask again? ─▶ permits  how many may be out
                ├ local  those of the process
                ├ file   one file for the processes of a host
                └ redis  for many hosts: slots, booked ahead; a static share while it is away

    rates  what is known of each command's limit: the row's, the caller's, the alarm's
"""

from .local import Command, Limiter, LocalLimiter, local_limiter

__all__ = ["Command", "Limiter", "LocalLimiter", "local_limiter"]
