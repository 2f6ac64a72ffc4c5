"""Asyncio client for the server REST API of Tencent Cloud Chat (TIM)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client
    from .dispatch.events import (
        CallBegun,
        CallEvent,
        Event,
        Hook,
        LaneEvent,
        LaneSlowed,
        PauseBegun,
        PauseEnded,
        RedisBack,
        RedisLost,
        RepeatEvent,
        Watcher,
    )
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
    from .lane.statistics import LaneStatistics
    from .limits.file import FileLimiter
    from .outcomes import NotSent, Ok, Outcome, Rejected, Stats, Unknown
    from .results import BatchResult, Retryable
    from .service.endpoints.values import (
        AttributeNames,
        Device,
        Friend,
        ImportedFriend,
        NewAccount,
        NewFriend,
        Presence,
        Profile,
    )

__all__ = [
    "APIError",
    "AccountError",
    "AttributeNames",
    "BadStatus",
    "BatchError",
    "BatchResult",
    "CallBegun",
    "CallEvent",
    "Client",
    "ClientClosed",
    "ConnectError",
    "CredentialsError",
    "Device",
    "Event",
    "FileLimiter",
    "Friend",
    "Hook",
    "ImportedFriend",
    "InvalidReply",
    "InvalidRequest",
    "LaneEvent",
    "LaneSlowed",
    "LaneStatistics",
    "NewAccount",
    "NewFriend",
    "NotSent",
    "Ok",
    "Outcome",
    "PauseBegun",
    "PauseEnded",
    "Presence",
    "Profile",
    "RateLimited",
    "RedisBack",
    "RedisLost",
    "Rejected",
    "RepeatEvent",
    "RequestError",
    "RequestTimeout",
    "Retryable",
    "ServiceBusy",
    "Stats",
    "TIMError",
    "Unknown",
    "Watcher",
]

__version__ = "0.1.0"

# Imported when first asked for: aiohttp alone takes 0.2 s, which nobody should wait for who only wants --help.
_ROOMS = {
    "client": ("Client",),
    "dispatch.events": (
        "CallBegun",
        "CallEvent",
        "Event",
        "Hook",
        "LaneEvent",
        "LaneSlowed",
        "PauseBegun",
        "PauseEnded",
        "RedisBack",
        "RedisLost",
        "RepeatEvent",
        "Watcher",
    ),
    "service.endpoints.values": (
        "AttributeNames",
        "Device",
        "Friend",
        "ImportedFriend",
        "NewAccount",
        "NewFriend",
        "Presence",
        "Profile",
    ),
    "limits.file": ("FileLimiter",),
    "outcomes": ("NotSent", "Ok", "Outcome", "Rejected", "Stats", "Unknown"),
    "results": ("BatchResult", "Retryable"),
    "lane.statistics": ("LaneStatistics",),
}
# Not in the public list, because they are modules: `tim_async.bulk.run` works without an import of its own.
_MODULES = frozenset({"bulk", "emulator", "errors", "otel", "outcomes", "prometheus", "redis", "results", "testing"})
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = import_module(f".{_HOMES.get(name, 'errors')}", __name__)
    value = globals()[name] = getattr(room, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
