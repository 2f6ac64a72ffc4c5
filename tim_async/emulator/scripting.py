"""Which command is meant: an operation of some client, or a path. The emulator knows none of the clients."""

import difflib
from collections.abc import Iterable
from typing import Any, Protocol, TypedDict

from .table import COMMANDS

_SHOWN = 60


class Scriptable(Protocol):
    """An operation of a client: whatever says in ``.endpoint.path`` which command it calls."""

    @property
    def endpoint(self) -> Any:
        """Its row, with a ``path``: ``service/command``."""
        ...


class Options(TypedDict, total=False):
    """What may be said of a fault beside what it does, to which command and when: see `Fault`."""

    times: int
    chance: float
    seconds: float | None
    applied: bool | None
    code: int | None
    accounts: Iterable[str]


def path_of(command: object) -> str:
    """The path of a command of the table.

    Args:
        command: An operation, or ``service/command``.

    Raises:
        TypeError: It's neither.
        ValueError: There is no such command.
    """
    path = command if isinstance(command, str) else getattr(getattr(command, "endpoint", None), "path", None)
    if not isinstance(path, str):
        raise TypeError(
            "an operation is needed, such as tim.accounts.delete, or a path, such as "
            f"'im_open_login_svc/account_delete', not {repr(command)[:_SHOWN]}"
        )
    if path not in COMMANDS:
        (near,) = difflib.get_close_matches(path, COMMANDS, n=1, cutoff=0.0)
        raise ValueError(f"the emulator has no command {path[:_SHOWN]!r}; the nearest of its paths is {near!r}")
    return path
