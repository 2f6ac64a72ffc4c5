"""What can be wrong with a journal: each in one line that says what to do."""

from __future__ import annotations

from tim_async.errors import TIMError
from tim_async.printable import one_line, sturdy

__all__ = ["JournalBroken", "JournalError", "JournalFull", "JournalHeld", "JournalRested", "JournalUnlike"]


class JournalError(TIMError):
    """A journal cannot be used; nothing was sent."""

    @sturdy
    def __str__(self) -> str:
        return one_line(str(self.args[0])) if self.args else "the journal cannot be used"


class JournalBroken(JournalError):
    """It is no journal, or only a part of one, or one of another version."""


class JournalUnlike(JournalError):
    """It is the journal of another job: another input, command, app, or other options."""


class JournalHeld(JournalError):
    """A process works with it at this moment; try again when that has ended."""


class JournalFull(JournalError):
    """It cannot be written any more; nothing went out beyond what it holds, and the run can be resumed."""


class JournalRested(JournalError):
    """It rested so long that somebody has to say whether the rest may still be done; see ``rested_ok``."""
