"""The shapes in which the service reports what became of each account, and the bytes of a reply."""

from collections.abc import Callable, Sequence

import msgspec

from .command import JSON, Result
from .refusals import INFO

_encode = msgspec.json.Encoder().encode


def base(code: int = 0) -> JSON:
    """The three fields of every reply.

    Args:
        code: The ``ErrorCode``; 0 is success.
    """
    return {"ActionStatus": "FAIL" if code else "OK", "ErrorInfo": INFO.get(code, ""), "ErrorCode": code}


def encode(reply: JSON) -> bytes:
    """The bytes of a reply."""
    return _encode(reply)


def errors_listed(field: str = "", value: str = "") -> Callable[[Sequence[Result]], JSON]:
    """A writer for ``timpush``: good accounts with their value in one list, the others in ``ErrorList``.

    As on the page of get_tag an error comes without ``ErrorInfo``, and ``ErrorList`` only if there is one.

    Args:
        field: The list of the good ones, such as ``UserTags``; empty if the command reads nothing.
        value: The field of the value in it, such as ``Tags``.
    """

    def write(results: Sequence[Result]) -> JSON:
        reply: JSON = {}
        if field:
            reply[field] = [{"To_Account": account, value: read} for account, code, read in results if not code]
        errors = [{"ErrorCode": code, "To_Account": account} for account, code, _ in results if code]
        if errors:
            reply["ErrorList"] = errors
        return reply

    return write


def values_listed(field: str, value: str) -> Callable[[Sequence[Result]], JSON]:
    """A writer for the reads of ``all_member_push``, which document no errors: everybody comes back.

    Args:
        field: The list, such as ``UserAttrs``.
        value: The field of the value in it, such as ``Attrs``.
    """

    def write(results: Sequence[Result]) -> JSON:
        return {field: [{"To_Account": account, value: read} for account, _, read in results]}

    return write


def codes_listed(field: str, account_field: str, value: str = "") -> Callable[[Sequence[Result]], JSON]:
    """A writer for ``account_delete`` and ``account_check``: everybody, with a code.

    Args:
        field: The list, such as ``ResultItem``.
        account_field: The field of the account in it, such as ``UserID``.
        value: The field of what was read, such as ``AccountStatus``; empty if the command reads nothing.
    """

    def write(results: Sequence[Result]) -> JSON:
        items: list[JSON] = [
            {"ResultCode": code, "ResultInfo": INFO.get(code, ""), account_field: account}
            for account, code, _ in results
        ]
        if value:
            for item, (_, code, read) in zip(items, results, strict=True):
                if not code:
                    item[value] = read
        return {field: items}

    return write


def failures_named(results: Sequence[Result]) -> JSON:
    """Writes ``FailAccounts`` of ``multiaccount_import``: the names of the failed, and no reason."""
    return {"FailAccounts": [account for account, code, _ in results if code]}


def nothing(_results: Sequence[Result]) -> JSON:
    """Writes nothing but the base fields: nobody is told what became of whom."""
    return {}


def top_level(results: Sequence[Result]) -> JSON:
    """Writes the code of the only account as that of the whole call."""
    return base(results[0][1])


def failed(results: Sequence[Result]) -> JSON:
    """The fields that ``profile`` and ``sns`` add: the names of the failed, if there are any, and a text for people."""
    names = [account for account, code, _ in results if code]
    return {**({"Fail_Account": names} if names else {}), "ErrorDisplay": ""}
