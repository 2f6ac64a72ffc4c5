"""Where a call goes: the domains of the regions, or a base URL or a proxy of one's own. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

from tim_async.service.settings import brief

__all__ = ["REGIONS", "Hosts", "Proxy", "check_base_url", "hosts_of", "read_proxy"]

REGIONS = {
    "china": ("console.tim.qq.com", "adminapi.my-imcloud.com"),
    "singapore": ("adminapisgp.im.qcloud.com", "adminapisgp.my-imcloud.com"),
    "seoul": ("adminapikr.im.qcloud.com", "adminapikr.my-imcloud.com"),
    "tokyo": ("adminapijpn.im.qcloud.com", "adminapijpn.my-imcloud.com"),
    "frankfurt": ("adminapiger.im.qcloud.com", "adminapiger.my-imcloud.com"),
    "silicon_valley": ("adminapiusa.im.qcloud.com", "adminapiusa.my-imcloud.com"),
    "jakarta": ("adminapiidn.im.qcloud.com", "adminapiidn.my-imcloud.com"),
    "riyadh": ("adminapiksa.im.qcloud.com", "adminapiksa.my-imcloud.com"),
    "mumbai": ("adminapiind.im.qcloud.com", "adminapiind.my-imcloud.com"),
}
"""Region of the app -> its domain and the standby one: https://trtc.io/document/34620."""

# Nothing but what a scheme, a host and a port are made of: what a parser mends or drops (a line feed, a backslash, a
# fragment) would be a mistake that nobody is told of.
_HOST_AND_PORT: Final = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?"
_BASE_URL: Final = re.compile(rf"(?P<scheme>https?)://{_HOST_AND_PORT}")
_PROXY: Final = re.compile(rf"(?P<scheme>https?)://(?:[A-Za-z0-9._~!$&'()*+,;=%:-]+@)?{_HOST_AND_PORT}")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PORT_MOST: Final = 65_535


class Proxy(msgspec.Struct, frozen=True):
    """A proxy, whose repr leaves out what may be a password."""

    url: str
    host: str

    def __repr__(self) -> str:
        return f"<Proxy {self.host}>"


def check_base_url(base_url: str, proxy: Proxy | None = None) -> str:
    """The base URL without a slash at its end.

    Args:
        base_url: ``scheme://host[:port]``.
        proxy: through which it is called.

    Raises:
        TypeError: it is no str.
        ValueError: it is no such thing, or it would send the signature in clear over a network.
    """
    if not isinstance(base_url, str):
        raise TypeError(f"base_url must be a str, not {type(base_url).__name__}")
    match = _BASE_URL.fullmatch(base_url)
    problem = "" if match is None else _problem(match["host"], match["port"])
    if match is None or problem:
        # Without its text, which may hold a password.
        raise ValueError(
            "base_url must be scheme://host[:port], http or https in small letters, for example "
            f"http://127.0.0.1:8080; the path is added here{problem}"
        )
    if match["scheme"] == "http":
        # What goes through a proxy in clear is read by it, and by the network on the way to it.
        for host in (match["host"], *([proxy.host] if proxy else [])):
            if not _is_loopback(host):
                raise ValueError(
                    f"base_url with plain http is for this machine only, and {host} is not: use https, "
                    "or the signature would cross the network for everybody to read"
                )
    return base_url.rstrip("/")


def read_proxy(proxy: object) -> tuple[Proxy | None, str]:
    """The proxy, or what is wrong with it.

    Told and not raised, because the text may hold a password: who raises can let go of it first.

    Args:
        proxy: ``http://[user:password@]host[:port]``, or https; None for none.

    Returns:
        What it is, or None; and what is wrong in one line, which does not hold its text, or nothing.
    """
    if proxy is None:
        return None, ""
    match = _PROXY.fullmatch(proxy) if isinstance(proxy, str) else None
    problem = "" if match is None else _problem(match["host"], match["port"])
    if match is None or problem:
        return None, (
            "proxy must be http://[user:password@]host[:port] or https://..., "
            f"with anything special in user and password percent-encoded{problem}"
        )
    return Proxy(match[0], match["host"]), ""


def _problem(host: str, port: str | None) -> str:
    """What is wrong with a host or a port that are made of the right characters; empty if nothing is."""
    if port is not None and not 1 <= int(port) <= _PORT_MOST:
        return f"; its port must be between 1 and {_PORT_MOST}, not {int(port)}"
    labels = host.removesuffix(".").split(".")
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
        elif labels[-1].isdigit():
            IPv4Address(host)
        elif not all(map(_LABEL.fullmatch, labels)):
            return f"; {host} is no name of a host"
    except ValueError:
        return f"; {host} is no IP address"
    return ""


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Hosts:
    """Which of the region's two domains is called. Pure: it is told the time."""

    FAILURES = 3  # connections in a row that could not be opened
    AWAY = 60.0  # seconds on the standby domain before the first is tried again

    def __init__(self, *bases: str) -> None:
        self._bases = bases
        self._failures = 0
        self._away_until = 0.0
        self._at = 0

    def current(self, now: float) -> str:
        """The base URL for a call that starts now."""
        if self._at and now >= self._away_until:
            self._at = self._failures = 0
        return self._bases[self._at]

    def unreachable(self, base: str, now: float) -> None:
        """No connection could be opened to it."""
        if base != self._bases[self._at]:
            return
        self._failures += 1
        if self._failures >= self.FAILURES and len(self._bases) > 1:
            self._failures = 0
            self._at = 1 - self._at
            self._away_until = now + self.AWAY

    def reached(self) -> None:
        """A connection was there."""
        self._failures = 0


def hosts_of(region: str, base_url: str | None, proxy: Proxy | None, problem: str) -> Hosts:
    """Whom a client calls.

    Args:
        region: where the app lives; one of `REGIONS`.
        base_url: instead of the region's domains; None for these.
        proxy: through which the calls go.
        problem: what is wrong with the proxy; empty if nothing is.

    Raises:
        ValueError: something is wrong with one of them.
    """
    if problem:
        raise ValueError(problem)
    if base_url is not None:
        return Hosts(check_base_url(base_url, proxy))
    if region not in REGIONS:
        raise ValueError(f"region must be one of {', '.join(REGIONS)}, not {brief(region)}")
    return Hosts(*(f"https://{domain}" for domain in REGIONS[region]))
