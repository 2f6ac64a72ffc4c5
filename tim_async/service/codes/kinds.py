"""What is known of an error code: whose fault it is, and what to do about it."""

import enum

import msgspec

__all__ = ["Action", "Code", "Fault"]


class Fault(enum.Enum):
    """Who has to change something before the same call can succeed."""

    CALLER = "caller"  # the request: its words, its form, its size
    CREDENTIALS = "credentials"  # the secret key, the usersig, the admin account, the app's id or region
    APP = "app"  # the app's plan, quota, switches in the console, its own webhook
    ACCOUNT = "account"  # the account (or group, or conversation) that an item names
    SERVICE = "service"  # nobody on this side
    RATE = "rate"  # too much at once


class Action(enum.Enum):
    """What the library does next."""

    DONE = "done"
    """The item is already as wished: a success."""
    RETRY = "retry"
    """The same again, later; it costs an attempt."""
    RESIGN = "resign"
    """Sign again, once, then make the same call."""
    PAUSE = "pause"
    """The lane waits (with `Code.wide`, all lanes), then the same again; it costs no attempt."""
    SPLIT = "split"
    """Final for one item. For a whole call one item may have caused it: halve the chunk until the guilty are found."""
    STOP = "stop"
    """Every further call of the command (with `Code.wide`, of the app) is pointless until somebody acts."""


class Code(msgspec.Struct, frozen=True):
    """One error code with its verdict.

    Attributes:
        number: as in `ErrorCode` or `ResultCode` of an answer. 0 is success and has no row.
        meaning: one line in our own words.
        fault: who has to act.
        action: what the library does next.
        unsure: the command may have been applied all the same, so a repeat may meet its own first effect.
        wide: it concerns every command of the app, not only the one that was answered so.
        wait: seconds that at least must pass before another try.
        why: the reason for a verdict that needs one; empty for most.
        by_name: it follows from the names in an item's argument alone, so all items with the same argument are refused.
    """

    number: int
    meaning: str
    fault: Fault
    action: Action
    unsure: bool = False
    wide: bool = False
    wait: float = 0.0
    why: str = ""
    by_name: bool = False
