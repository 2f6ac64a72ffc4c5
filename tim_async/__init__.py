"""Asyncio client for the server REST API of Tencent Cloud Chat (TIM)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client
    from .dispatch import CallEvent
    from .errors import (
        AccountError,
        APIError,
        BadStatus,
        BatchError,
        ClientClosed,
        ConnectError,
        CredentialsError,
        InvalidReply,
        InvalidRequest,
        RateLimited,
        RequestError,
        RequestTimeout,
        ServiceBusy,
        TIMError,
    )
    from .results import BatchResult, NotSent, Ok, Outcome, Rejected, Stats, Unknown

__all__ = [
    "APIError",
    "AccountError",
    "BadStatus",
    "BatchError",
    "BatchResult",
    "CallEvent",
    "Client",
    "ClientClosed",
    "ConnectError",
    "CredentialsError",
    "InvalidReply",
    "InvalidRequest",
    "NotSent",
    "Ok",
    "Outcome",
    "RateLimited",
    "Rejected",
    "RequestError",
    "RequestTimeout",
    "ServiceBusy",
    "Stats",
    "TIMError",
    "Unknown",
]

__version__ = "0.1.0"

# Imported when first asked for: aiohttp alone takes 0.2 s, which nobody should wait for who only wants --help.
_HOMES = {"Client": "client", "CallEvent": "dispatch"}
_RESULTS = ("BatchResult", "NotSent", "Ok", "Outcome", "Rejected", "Stats", "Unknown")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name) or ("results" if name in _RESULTS else "errors")
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
