"""A journal as a run uses it: made for a new job, or found, and then it must be that of the same job."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tim_async.bulk.paths import from_json, to_json

from .errors import JournalRested, JournalUnlike
from .lock import Lock
from .runs import Endings, States
from .store import Store, create
from .tables import Job, job_from

__all__ = ["REST", "Job", "Opened", "check_same", "open_journal"]

REST = 3600.0
"""Seconds after which a deletion is not resumed before somebody has said yes."""
_MARGIN = 0.1  # seconds; the last calls of a killed process may reach the service a little after its end


class Opened(NamedTuple):
    """A journal that this process holds."""

    store: Store
    lock: Lock
    endings: Endings
    states: States
    is_new: bool
    pause: float
    """Seconds before the first call: the predecessor's last ones still count at the service."""

    def close(self, how: str) -> None:
        """Close it unused.

        Args:
            how: the start ended, in a few words.
        """
        whole = False
        try:
            self.store.end(how)
            whole = True
        finally:
            self.store.close()
            self.lock.release(whole=whole)


def open_journal(
    path: Path, job: Job, more: Mapping[str, Any], *, window: float, rested_ok: bool, deletes: bool
) -> Opened:
    """Make a journal, or go on with the one that is there; this process holds it from then on.

    Args:
        path: where it is.
        job: what is to be done.
        more: what else is kept in a new one, by name.
        window: seconds over which the service counts calls of the command.
        rested_ok: go on with a deletion however long it rested.
        deletes: whether the command is one.

    Raises:
        JournalError: it cannot be used; each of its kinds says why, and none leaves it changed.
        TypeError: the input describes itself by what a journal cannot hold.
    """
    meta = _checked({"job": msgspec.to_builtins(job), **more})
    lock = Lock(path)
    try:
        is_new = not path.exists() and lock.before is None
        if is_new:
            create(path, meta)
        pause = 0.0
        # First only looked at: to close a journal for writing would tidy away what shows that a run was killed.
        with closing(Store(path, writes=False)) as found:
            if not is_new:
                check_same(path, found.job, job)
                pause = _pause(found, window)
            if deletes and not rested_ok:
                _check_rest(found)
        return _begun(path, lock, is_new=is_new, pause=pause)
    except BaseException:
        lock.release(whole=lock.before is None)
        raise


def _checked(meta: dict[str, Any]) -> dict[str, Any]:
    """The same; what could not be read again is told before there is a journal, which would seem to be damaged."""
    try:
        job_from(from_json(to_json({"id": "", **meta})))
    except ValueError as exc:
        raise TypeError(f"a journal cannot hold what the source tells of itself: {exc}") from None
    return meta


def _begun(path: Path, lock: Lock, *, is_new: bool, pause: float) -> Opened:
    store = Store(path, writes=True)
    try:
        endings, states = store.load()
        lock.tell(store.meta["id"], store.commits)
        store.begin(os.getpid(), socket.gethostname())
    except BaseException:
        store.close()
        raise
    return Opened(store, lock, endings, states, is_new, pause)


def check_same(path: Path, then: Job, now: Job) -> None:
    """Compare what a journal was made for with what is to be done.

    Args:
        path: of the journal.
        then: what it was made for.
        now: what is to be done.

    Raises:
        JournalUnlike: it is something else.
    """
    if then.command != now.command:
        raise JournalUnlike(f"{path} is the journal of {then.command}, not of {now.command}")
    if then.app != now.app:
        raise JournalUnlike(f"{path} is a journal of app {then.app}, not of app {now.app}")
    if then.digest is None or now.digest is None:
        raise JournalUnlike(f"{path} cannot be resumed: its input could be read only once")
    if (then.size, then.digest) != (now.size, now.digest):
        raise JournalUnlike(f"{path} is the journal of another input: what was sent is not in this one, byte for byte")
    if msgspec.to_builtins(then) != msgspec.json.decode(msgspec.json.encode(now)):
        raise JournalUnlike(f"{path} is the journal of a job with other options; only rate and timeout may change")


def _check_rest(store: Store) -> None:
    last = store.last_commit()
    if last is not None and (rest := time.time() - last) > REST:
        raise JournalRested(
            f"{store.path} has rested for {_ago(rest)}: an account that was deleted may have been imported anew since, "
            "and would be deleted again"
        )


def _ago(seconds: float) -> str:
    hours = round(seconds / 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def _pause(store: Store, window: float) -> float:
    """A killed predecessor may have made a call until a moment ago; one that ended well made none after its end."""
    starts, whole = store.starts(), window + _MARGIN
    ended = starts[-1].ended if starts else 0.0
    return whole if ended is None else min(max(ended + whole - time.time(), 0.0), whole)
