"""What an answer says about one account, and which error says a verdict on the whole call. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tim_async.errors import APIError, CredentialsError, InvalidRequest, RateLimited, ServiceBusy
from tim_async.service.codes import Action, Code, Fault, code

if TYPE_CHECKING:
    from tim_async.service.endpoints import Answer

__all__ = ["Said", "error_for", "said_of"]

_FINE = Code(0, "fine", Fault.SERVICE, Action.DONE)
_SILENT = Code(0, "the answer does not mention it", Fault.SERVICE, Action.RETRY, unsure=True)
_UNCLEAR = Code(
    0,
    "the answer leaves open what became of it: an entry is broken, or names an account that was not asked about",
    Fault.SERVICE,
    Action.RETRY,
    unsure=True,
)
_NAMED = Code(0, "the answer names it among those that failed, without a code", Fault.ACCOUNT, Action.SPLIT)


class Said(NamedTuple):
    """What an answer says about one account.

    Attributes:
        verdict: its number is 0 where there is no code; None if all that is said is the "no" to the whole call.
        value: of an account that is fine.
        info: the service's words.
    """

    verdict: Code | None
    value: Any = None
    info: str = ""


def said_of(account: str, answer: Answer, *, doubted: bool, silence_is_ok: bool, whole: Code | None) -> Said:
    """Read off an answer what it says about an account.

    Args:
        account: one that was asked about.
        answer: to the call.
        doubted: the answer may mean it by something that cannot be understood.
        silence_is_ok: those that a good answer does not mention are fine.
        whole: the "no" to the whole call, if there was one.
    """
    error = answer.errors.get(account)
    if error is not None:
        number, info = error
        if number:
            return Said(code(number), info=info)
        return Said(_NAMED, info=info) if whole is None else Said(whole, info=answer.info)
    if not doubted and answer.values is not None and account in answer.values:
        return Said(_FINE, answer.values[account])
    if whole is not None:
        return Said(None)
    if doubted:
        return Said(_UNCLEAR)
    return Said(_FINE if silence_is_ok else _SILENT)


def error_for(verdict: Code, info: str, path: str) -> APIError:
    """The error that says it, by whose fault it is."""
    kinds = {
        Fault.CREDENTIALS: CredentialsError,
        Fault.RATE: RateLimited,
        Fault.SERVICE: ServiceBusy,
        Fault.CALLER: InvalidRequest,
    }
    return kinds.get(verdict.fault, APIError)(verdict.number, info, path)
