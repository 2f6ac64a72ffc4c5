"""Everything that this library raises.

    TIMError
    ├── RequestError          no trustworthy answer to one call; .path, .may_have_happened
    │   ├── ConnectError      nothing was sent: may_have_happened is False
    │   ├── RequestTimeout    sent, and no answer in time
    │   ├── BadStatus         a gateway spoke: HTTP other than 200; .status, .retry_after
    │   └── InvalidReply      200, but not the JSON that was promised
    ├── APIError              the service said no to a whole call; .code, .info, .path, .result, .reply
    │   ├── CredentialsError  usersig, administrator, region or key are wrong; stops the client's batches
    │   ├── RateLimited       more calls than the service allows
    │   ├── ServiceBusy       the service asks to try later
    │   └── InvalidRequest    our words, or every item of the batch, were wrong
    ├── AccountError          one account is not Ok; .outcome, .account, .code, .info
    ├── BatchError            some items are not Ok, or the source failed; .result
    └── ClientClosed          the client has been closed

A caller's mistake in the call itself is a `TypeError` or a `ValueError`.

Every error pickles, and none of them holds a URL: the usersig is part of each URL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from .outcomes import refusal
from .printable import one_line, sturdy
from .service.codes import code as verdict_of

if TYPE_CHECKING:
    from .outcomes import NotSent, Rejected, Result, Unknown

__all__ = [
    "APIError",
    "AccountError",
    "BadStatus",
    "BatchError",
    "ClientClosed",
    "ConnectError",
    "CredentialsError",
    "InvalidReply",
    "InvalidRequest",
    "RateLimited",
    "RequestError",
    "RequestTimeout",
    "ServiceBusy",
    "TIMError",
]


class TIMError(Exception):
    """Root of everything that this library raises on its own account."""


class RequestError(TIMError):
    """No trustworthy answer came to one call.

    Args:
        path: the command, for example ``timpush/get_tag``.
        detail: what went wrong, in words; never a URL.

    Attributes:
        result: what became of every item of the batch that was stopped, where there was one: see `final`.
    """

    may_have_happened: bool = True
    """Whether the service may have carried out the call nevertheless."""
    final: bool = False
    """Whether every further call would end in the same way: then it is not tried again, and stops what waits."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail
        self.result: Result | None = None

    @sturdy
    def __str__(self) -> str:
        return one_line(f"{self.path}: {self.detail}")


class ConnectError(RequestError):
    """Nothing was sent: no connection could be opened, or it was lost before the call was written.

    Args:
        path: the command.
        detail: what went wrong, in words.
        final: every further call would end the same, as with a session that is closed.
    """

    may_have_happened: bool = False

    def __init__(self, path: str, detail: str, *, final: bool = False) -> None:
        super().__init__(path, detail)
        self.final = final


class RequestTimeout(RequestError):
    """The call was sent and no answer came in time."""


class BadStatus(RequestError):
    """A gateway answered: the HTTP status is not 200, and the body holds no ``ErrorCode`` of the service.

    ======================  ====================================================================================
    429, 503                the gateway asks for fewer calls. Nothing was applied; tried again after a pause, at the
                            pace that it lets through
    408, 421, 425           nothing was applied; tried again
    other 3xx and 4xx       nothing was applied, and a repeat would end the same (`final`): a wrong address, a proxy
                            that wants a password
    everything else         it may have been applied; tried again
    ======================  ====================================================================================

    Args:
        path: the command.
        status: the HTTP status code.
        retry_after: seconds to wait, where the gateway says so.
    """

    def __init__(self, path: str, status: int, retry_after: float = 0.0) -> None:
        super().__init__(path, f"HTTP status {status} instead of 200")
        self.args = (path, status)
        self.status = status
        self.retry_after = retry_after
        refused = 300 <= status < 500
        self.may_have_happened = not (refused or self.throttled)
        self.final = refused and not self.throttled and status not in _PASSING

    @property
    def throttled(self) -> bool:
        """Whether the gateway asks for fewer calls."""
        return self.status in (429, 503)


_PASSING = (408, 421, 425)  # the connection, or the moment, was wrong


class InvalidReply(RequestError):
    """HTTP 200, but the body is not the JSON that the service's page promises, or longer than a client reads."""


class APIError(TIMError):
    """The service said no to a whole call.

    Args:
        code: the service's ``ErrorCode``.
        info: the service's ``ErrorInfo``; may be empty.
        path: the command.
        result: what became of every item of the batch that was stopped, where there was one.
        reply: the whole reply of a bare call, decoded; for a few commands it says more than the code.
    """

    def __init__(
        self,
        code: int,
        info: str,
        path: str,
        result: Result | None = None,
        reply: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, info, path, result)
        self.reply = reply
        self.code = code
        self.info = info
        self.path = path
        self.result = result

    @sturdy
    def __str__(self) -> str:
        said = f": {self.info}" if self.info else ""
        return one_line(f"{self.path} answered {self.code} ({verdict_of(self.code).meaning}){said}")


class CredentialsError(APIError):
    """The usersig, the administrator account, the region or the key is wrong: no further call can succeed."""


class RateLimited(APIError):
    """The service counted more calls than it allows."""


class ServiceBusy(APIError):
    """The service asks to try again later."""


class InvalidRequest(APIError):
    """The call itself was wrong, or every item in it."""


class AccountError(TIMError):
    """One account did not end `Ok`.

    Args:
        outcome: what became of it.
    """

    def __init__(self, outcome: Rejected | Unknown | NotSent) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    @classmethod
    def of(
        cls,
        account: str,
        code: int | None = None,
        *,
        kind: type[Rejected | Unknown | NotSent] | None = None,
        info: str = "",
        reason: str = "",
    ) -> Self:
        """The error of an account for which the service returned a code, as in its table of codes; for tests.

        Args:
            account: the account.
            code: as the service would return it; None if no answer came.
            kind: of the outcome. If left out it follows from the code: a final no is `Rejected`, a passing trouble is
                `Unknown`, as after the last attempt.
            info: the service's own words.
            reason: ours; if left out, what the table says about the code.

        Raises:
            TypeError: *account* is not a str, or *code* not an int.
            ValueError: the code is that of a success.
        """
        if not isinstance(account, str):
            raise TypeError(f"an account is a str, not {type(account).__name__}")
        return cls(refusal(account, code, kind, info, reason))

    @property
    def account(self) -> str:
        """The account, as the caller wrote it."""
        return self.outcome.account

    @property
    def code(self) -> int | None:
        """The service's code, or None if it gave none."""
        return self.outcome.code

    @property
    def info(self) -> str:
        """The service's own words; may be empty."""
        return self.outcome.info

    @sturdy
    def __str__(self) -> str:
        code = "" if self.code is None else f" [{self.code}]"
        reason = f": {self.outcome.reason}" if self.outcome.reason else ""
        info = f" ({self.info})" if self.info else ""
        return one_line(f"{self.account!r} is {type(self.outcome).__name__}{code}{reason}{info}")


class BatchError(TIMError):
    """Some items of a batch are not `Ok`, or its source failed (then ``__cause__`` is the source's error).

    Args:
        result: what became of every item that was taken.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result

    @sturdy
    def __str__(self) -> str:
        errors = self.result.errors
        if not errors:
            return f"the source failed; every one of the {len(self.result)} items taken before is Ok"
        kinds = Counter(f"{type(error).__name__} {error.code or ''}".rstrip() for error in errors)
        most = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
        return f"{len(errors)} of {len(self.result)} items are not Ok: {most}; first: {AccountError(errors[0])}"


class ClientClosed(TIMError):
    """The client has been closed, so nothing more can be sent with it."""

    def __init__(self) -> None:
        super().__init__()

    @sturdy
    def __str__(self) -> str:
        return "this client has been closed; make a new one"
