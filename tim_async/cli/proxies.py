"""Through which proxy the command line calls: what is said, or what the environment says to all programs."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tim_async.bulk.reading import InputError
from tim_async.transport.hosts import REGIONS

from .options import Connection

__all__ = ["Proxy", "proxy_of"]


class Proxy(NamedTuple):
    """A proxy, and who named it."""

    url: str
    variable: str = ""
    """The environment variable; empty if it was said on the command line."""

    def __str__(self) -> str:
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"  # without the password

    def __repr__(self) -> str:
        return f"<Proxy {self}>"


def proxy_of(connection: Connection) -> Proxy | None:
    """The proxy for a connection; None where there is none.

    ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are read as everywhere: https://curl.se/docs/manpage.html#ENVIRONMENT.

    Raises:
        InputError: the environment names a proxy of another kind.
    """
    if connection.proxy is not None:
        return Proxy(connection.proxy) if connection.proxy else None
    host = _host(connection)
    named = getproxies()
    scheme = next((scheme for scheme in ("https", "all") if named.get(scheme)), None)
    if host is None or scheme is None or proxy_bypass(host):
        return None
    url, variable = named[scheme], f"{scheme.upper()}_PROXY"
    proxy = Proxy(url if "://" in url else f"http://{url}", variable)
    if not proxy.url.casefold().startswith(("http://", "https://")):
        raise InputError(
            f"{variable} names the proxy {proxy}, and only proxies of HTTP can be used; "
            "say another one with --proxy URL, or none with --proxy ''"
        )
    return proxy


def _host(connection: Connection) -> str | None:
    """The host that is called with https; None if it is another machine's affair, or nonsense."""
    if connection.base_url is None:
        return REGIONS.get(connection.region, (None,))[0]
    try:
        parts = urlsplit(connection.base_url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme == "https" else None
