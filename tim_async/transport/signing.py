"""Where the usersig joins the URL: at the last moment, inside of aiohttp.

Whoever watches aiohttp sees the URL of every request: trace configs, which tracers add to all sessions of a process,
wrappers of the session's methods, and error trackers, which send the locals of its frames. All of these see the address
of the command. The signature is added by a middleware, behind their backs and right before the request is written:
https://docs.aiohttp.org/en/stable/client_advanced.html#client-middleware.
"""

from __future__ import annotations

import random
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from aiohttp import RequestInfo
from yarl import URL

from tim_async.service.endpoints.base import said

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from tim_async.service.usersig import Signer

__all__ = ["Signing", "forget_the_past"]


class Signing:
    """A middleware of aiohttp that signs; and the addresses that it knows how to sign."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._query = f"sdkappid={signer.sdk_app_id}&identifier={quote(signer.identifier, safe='')}&contenttype=json"

    def __deepcopy__(self, memo: object) -> Self:
        # aioresponses copies what a session is called with, and a signer can't be copied.
        return self

    def address(self, base: str, path: str) -> URL:
        """The URL of a command, for everybody to see."""
        return _address(base, path, self._query)

    def signed(self, address: URL) -> URL:
        """The URL with a signature of now."""
        return URL.build(  # from its parts, which takes a third of the time that parsing does
            scheme=address.scheme,
            authority=address.raw_authority,
            path=address.raw_path,
            query_string=(f"{self._query}&usersig={self._signer.current(time.time())}&random={random.getrandbits(32)}"),
            encoded=True,
        )

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request, signed."""
        request.url = self.signed(request.url)
        try:
            return await handler(request)
        except BaseException as exc:
            # The session's tracers are told of errors.
            forget_the_past(exc)
            exc.args = tuple(map(_without_signature, exc.args))
            if isinstance(exc, OSError):
                exc.strerror = _without_signature(exc.strerror)  # its words, whatever its arguments are
            vars(exc).update({name: _without_signature(value) for name, value in vars(exc).items()})
            raise


@lru_cache(maxsize=1024)
def _address(base: str, path: str, query: str) -> URL:
    scheme, _, authority = base.partition("://")
    return URL.build(scheme=scheme, authority=authority, path=f"/v4/{path}", query_string=query, encoded=True)


def _without_signature(word: Any) -> Any:
    if isinstance(word, RequestInfo):
        return word._replace(url=word.real_url)  # as it was asked for, before it was signed
    return said(word) if isinstance(word, str) else word


def forget_the_past(exc: BaseException) -> None:
    """Take its frames so far from an error, and what stands behind it.

    Error trackers send the locals of every frame of a traceback, and the frames of a call hold its URL.
    """
    exc.__cause__ = exc.__context__ = exc.__traceback__ = None
