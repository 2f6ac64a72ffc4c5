"""What a run told of its rows, held against what an emulator really did. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Judged", "judge"]


class Judged(NamedTuple):
    """Accounts, by what was told of them and what was done."""

    right: int
    """Told `Ok`, and it was done."""
    assumed: int
    """Told `Ok` because it was so already when they were asked again after a stop; it was not done."""
    false: int
    """Told `Ok` for any other reason, and it was not done."""
    untold: int
    """It was done, and they were told neither `Ok` nor `Unknown`."""

    @property
    def fair(self) -> bool:
        """Whether what was told is true."""
        return not self.false and not self.untold


def judge(told: Iterable[tuple[str, str, bool]], done: Iterable[str]) -> Judged:
    """Compare what was told with what was done.

    Args:
        told: of each row its account, its outcome, and whether an `Ok` was inferred.
        done: the accounts to which it was done; more than once does not matter.
    """
    ok: set[str] = set()
    assumed: set[str] = set()
    unknown: set[str] = set()
    for account, outcome, inferred in told:
        if outcome == "Ok":
            (assumed if inferred else ok).add(account)
        elif outcome == "Unknown":
            unknown.add(account)
    really = set(done)
    return Judged(
        right=len((ok | assumed) & really),
        assumed=len(assumed - ok - really),
        false=len(ok - really),
        untold=len(really - ok - assumed - unknown),
    )
