"""What the facts of a job mean, in words: how it stands, whether a repeat helps, what was asked again. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tim_async.bulk.journal.runs import Ending
from tim_async.service.codes import Fault, code
from tim_async.service.endpoints import Endpoint

from .facts import Kind, Repeat, State

__all__ = ["KILLED", "before_going_on", "end_of", "meaning_of", "repeat_of", "verb_of", "verdict_of", "was_wanted"]

_VERBS = {
    "delete": "deleted",
    "check": "checked",
    "import": "imported",
    "set": "set",
    "get": "read",
    "query": "read",
    "remove": "removed",
    "clear": "cleared",
    "add": "added",
    "update": "updated",
    "send": "sent",
}
KILLED = "stopped without a goodbye (killed, or the power went)"
"""How a start ended that told nothing of its end."""
_ERRORS = {
    "CredentialsError": "Put the app, the secret key, the identifier or the region right; then go on",
    "JournalFull": "Make room on the disk of the journal; then go on",
    "OSError": "Make room on the disk, or look what else is wrong with it; then go on",
    "InputError": "Bring back the input as it was, byte for byte; then go on",
}
_ENDED_BY = re.compile(r"ended by (\w+)(?: (-?\d+))?")
_DELETES = ("delete", "remove", "clear")
_ADVICE: Mapping[Repeat, str] = {
    "no need": "no need",
    "resume": "yes: a resume sends them",
    "later": "yes, later: nothing is wrong with these rows",
    "mend": "no: these rows must be mended first",
    "change": "not before something else is changed",
    "risk": "only at a risk: it may do once more what was done already",
}
_CHANGES = {
    Fault.CALLER: "not as it is: the request itself is refused",
    Fault.CREDENTIALS: "after the key, the administrator, the app or the region was put right",
    Fault.APP: "after the app's plan, quota or switches in the console were changed",
}


def verb_of(method: str) -> str:
    """What became of a row that is `Ok`, in one word.

    Args:
        method: of the command.
    """
    return _VERBS.get(method.partition("_")[0], "done")


def repeat_of(ending: Ending, endpoint: Endpoint[Any, Any] | None) -> tuple[Repeat, str]:
    """Whether a repeat of rows that ended so helps, and the same in words.

    Args:
        ending: of the rows.
        endpoint: the command; None for one that this version does not know.
    """
    if ending.outcome == "Ok":
        return "no need", _ADVICE["no need"]
    if not ending.final:
        risky = ending.unsure and endpoint is not None and not endpoint.repeatable
        return (
            ("risk", "no: it must not be sent twice, so a resume does not") if risky else ("resume", _ADVICE["resume"])
        )
    if ending.outcome == "Unknown":
        return "risk", _ADVICE["risk"]
    if _is_echo(ending, endpoint):
        return "no need", "no need: it is so already"
    if endpoint is None or ending.code is None:
        return "mend", _ADVICE["mend"]
    fault = Fault.CALLER if endpoint.concerns_all(ending.code) else endpoint.verdict(ending.code).fault
    if ending.outcome == "NotSent" or fault is Fault.ACCOUNT:
        return "mend", _ADVICE["mend"]
    return ("change", _CHANGES[fault]) if fault in _CHANGES else ("later", _ADVICE["later"])


def _is_echo(ending: Ending, endpoint: Endpoint[Any, Any] | None) -> bool:
    """Whether a "no" only says that it is so already: an account that is to be deleted and was not there."""
    if endpoint is None or ending.code is None or ending.outcome != "Rejected":
        return False
    return endpoint.is_echo(ending.code, ending.info)


def verdict_of(
    state: State,
    kinds: Sequence[Kind],
    endpoint: Endpoint[Any, Any] | None,
    *,
    how: str,
    total: int | None,
    is_whole: bool,
) -> str:
    """How a job stands, in one sentence.

    Args:
        state: of the job.
        kinds: all its rows.
        endpoint: its command; None for one that this version does not know.
        how: its last start ended, in a few words; empty if none did.
        total: rows of the input; None where nobody knows.
        is_whole: whether no rows come after those that are known.
    """
    verb = verb_of("" if endpoint is None else endpoint.method)
    if total == 0:
        return _sentence(state, how, f"the input has no rows, so nothing was to be {verb}")
    fine = sum(kind.count for kind in kinds if kind.outcome == "Ok")
    if total is not None and fine == total:
        first = f"{'the one row' if total == 1 else f'all {total:,} rows'} {verb}"
    else:
        first = f"{fine:,}{'' if total is None else f' of {total:,}'} {verb}"
    words = [first, ", ".join(_failed(kinds, endpoint)), _still_open(kinds, is_whole=is_whole)]
    return _sentence(state, how, "; ".join(filter(None, words)))


def _sentence(state: State, how: str, words: str) -> str:
    lead = "" if state == "done" else "at work" if state == "at work" else end_of(how)
    sentence = f"{lead}{'; ' if ':' in lead else ': '}{words}" if lead else words
    return sentence[0].upper() + sentence[1:]


def end_of(how: str) -> str:
    """How a start ended, with the meaning of the code if it tells one.

    Args:
        how: as the journal tells it; empty where it never started.
    """
    found = _ENDED_BY.fullmatch(how)
    if found is None or found[2] is None:
        return how or "never started"
    return f"{how} ({code(int(found[2])).meaning})"


def was_wanted(how: str) -> bool:
    """Whether somebody wanted a start to end so.

    Args:
        how: it ended.
    """
    return how in {"all rows sent", "stopped"} or how.startswith("the first ")


def before_going_on(how: str) -> str:
    """What is to be done before a job goes on, and to go on.

    Args:
        how: its last start ended.
    """
    found = _ENDED_BY.fullmatch(how)
    return "Go on" if found is None else _ERRORS.get(found[1], "See to what ended it; then go on")


def _failed(kinds: Sequence[Kind], endpoint: Endpoint[Any, Any] | None) -> Iterator[str]:
    final = [kind for kind in kinds if kind.final and kind.outcome != "Ok"]
    echoes = sum(kind.count for kind in final if kind.repeat == "no need")
    unknown = sum(kind.count for kind in final if kind.outcome == "Unknown")
    wrong = sum(kind.count for kind in final) - echoes - unknown
    if echoes:
        gone = endpoint is not None and endpoint.method.startswith(_DELETES)
        yield f"{echoes:,} {_were(echoes)} {'not there' if gone else 'so already'}"
    if wrong:
        yield f"{wrong:,} failed"
    if unknown:
        yield f"{unknown:,} may have been done"


def _still_open(kinds: Sequence[Kind], *, is_whole: bool) -> str:
    still = sum(kind.count for kind in kinds if not kind.final)
    maybe = sum(kind.count for kind in kinds if not kind.final and kind.outcome == "Unknown")
    if not is_whole:
        return f"{still:,} open, and nobody knows how many rows come after them"
    if not still:
        return "nothing is open"
    return f"{still:,} {'is' if still == 1 else 'are'} open{f', {maybe:,} of them may have been sent' if maybe else ''}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def meaning_of(rows: int, assumed: int, rewritten: int, endpoint: Endpoint[Any, Any] | None) -> str:
    """What it means that rows were asked again after a stop.

    Args:
        rows: that may have been sent before.
        assumed: those of them that are `Ok` because they were so already.
        rewritten: rows that were done already and were sent once more.
        endpoint: the command; None for one that this version does not know.
    """
    return "; ".join(_meanings(rows, assumed, rewritten, endpoint))


def _meanings(rows: int, assumed: int, rewritten: int, endpoint: Endpoint[Any, Any] | None) -> Iterator[str]:
    if rows and endpoint is not None and not endpoint.repeatable:
        yield "these must not be sent twice, so they were not: each was done once or not at all, and nobody knows which"
    elif rows and endpoint is not None and not endpoint.writes:
        yield "these were read again, which changes nothing"
    elif rows:
        yield "these were sent again, for a second time changes nothing"
    if assumed:
        gone = endpoint is not None and endpoint.method.startswith(_DELETES)
        told = "gone" if gone else "so"
        never = "or never there" if gone else "or so from the beginning"
        yield f"{assumed:,} {_were(assumed)} {told} already when asked again: done by us before the stop, {never}"
    if rewritten:
        yield (
            f"{rewritten:,} done already {_were(rewritten)} sent once more, after an earlier row of the same account "
            "that was open, so that the last write stays the last"
        )
