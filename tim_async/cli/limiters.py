"""How fast a command may go, and with whom it shares that."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from tim_async.bulk.reading import InputError

if TYPE_CHECKING:
    from tim_async.limits import Limiter
    from tim_async.limits.file import FileLimiter
    from tim_async.redis import RedisLimiter

__all__ = ["SPEED", "Speed", "limiter_of", "speed_from"]

_REDIS = ("redis", "rediss", "unix")
_PROCESSES = 8


class Speed(NamedTuple):
    """What was said of the limit."""

    rate: float | None = None
    """Calls a second; None for the documented limit."""
    limiter: str | None = None
    """What shares it, a URL; None for this process alone."""
    processes: int = _PROCESSES
    """Most processes that share it."""

    @property
    def shared_by(self) -> str:
        """Where the limit is shared, without a password; empty if it is not."""
        parts = urlsplit(self.limiter or "")
        return f"{parts.scheme}:{parts.hostname or parts.path}" if self.limiter else ""


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        raise click.BadParameter(f"{text!r} is not a number of calls a second, such as 50 or 0.5")
    return rate


def _limiter(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    # The text is not told: it may hold a password.
    if parts.scheme not in (*_REDIS, "file") or not (parts.netloc or parts.path):
        raise click.BadParameter("it must be redis://HOST:PORT/0, rediss://..., unix://PATH, or file:PATH")
    return text


SPEED: tuple[click.Option, ...] = (
    click.Option(
        ["--rate"],
        type=_rate,
        metavar="N",
        help="Go no faster than N calls a second (accounts a second for push send).  [default: the documented limit]",
    ),
    click.Option(
        ["--limiter"],
        type=_limiter,
        envvar="TIM_LIMITER",
        show_envvar=True,
        metavar="URL",
        help="Share the limit with all commands and programs that use the same URL: redis://HOST:PORT/0 for many "
        "hosts, file:PATH for one.  [default: this process alone]",
    ),
    click.Option(
        ["--limiter-processes"],
        type=click.IntRange(min=1),
        default=_PROCESSES,
        show_default=True,
        metavar="N",
        help="The most processes that share it at the same time: while Redis is away each keeps to its part.",
    ),
)


def speed_from(values: dict[str, Any]) -> Speed:
    """What was said, from the values of `SPEED`, which are taken out of *values*."""
    return Speed(
        values.pop("rate", None), values.pop("limiter", None), values.pop("limiter_processes", None) or _PROCESSES
    )


def limiter_of(speed: Speed, opened: AsyncExitStack) -> Limiter | None:
    """The shared limiter, to be closed with *opened*; None for this process's own.

    Args:
        speed: what was said.
        opened: closes it, after the client.

    Raises:
        InputError: it cannot be used.
    """
    if speed.limiter is None:
        return None
    try:
        limiter = _made(speed.limiter, speed.processes)
    except ImportError:
        raise InputError(
            "--limiter redis://... needs the package redis; get it with: pip install 'tim-async[redis]'"
        ) from None
    except (OSError, ValueError) as exc:
        raise InputError(f"--limiter cannot be used ({speed.shared_by}): {exc}") from None
    opened.push_async_exit(limiter)
    return limiter


def _made(url: str, processes: int) -> FileLimiter | RedisLimiter:
    scheme, _, path = url.partition(":")
    if scheme == "file":
        from tim_async.limits.file import FileLimiter

        return FileLimiter(path.removeprefix("//"))
    from tim_async.redis import RedisLimiter

    return RedisLimiter(url, processes=processes)
