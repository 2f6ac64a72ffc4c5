"""The listening socket and the connections: opened, closed, refused for a while, and watched."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from ssl import SSLContext

from aiohttp import web

_SHUTDOWN_SECONDS = 2.0
_REBIND_SECONDS = 0.05


class Sockets(web.Server):
    """An HTTP server that can be unreachable for a while, and knows its connections.

    Args:
        handler: Answers one request.
        ssl: For TLS; None for none.
        unix_socket: The path of a Unix socket to listen at, in place of an address.
    """

    def __init__(
        self,
        handler: "Callable[[Sockets, web.BaseRequest], Awaitable[web.StreamResponse]]",
        ssl: SSLContext | None = None,
        unix_socket: str | None = None,
    ) -> None:
        # No access log: the usersig is in the URL.
        super().__init__(self._watched, access_log=None)
        self._handler = handler
        self._used: set[web.RequestHandler] = set()
        self._busy: set[web.RequestHandler] = set()
        self._waiting: dict[web.RequestHandler, asyncio.Event] = {}
        self._listener: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._address = ("", 0)
        self._ssl = ssl
        self._unix_socket = unix_socket

    async def listen(self, host: str, port: int) -> int:
        """Open the socket.

        Args:
            host: The address.
            port: The port; 0 takes a free one.

        Returns:
            The port.

        Raises:
            OSError: The address is taken.
        """
        loop = asyncio.get_running_loop()
        if self._unix_socket is not None:
            self._listener = await loop.create_unix_server(self, self._unix_socket, backlog=1024, ssl=self._ssl)
            return port
        self._listener = await loop.create_server(self, host, port, backlog=1024, ssl=self._ssl)
        self._address = host, self._listener.sockets[0].getsockname()[1]
        return self._address[1]

    async def close(self) -> None:
        """Close everything; requests that are being answered get two seconds to end, those that hang end now."""
        if self._reopening is not None:
            self._reopening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reopening
        self._unlisten()
        for event in self._waiting.values():
            event.set()
        self._close_connections()
        await self.shutdown(_SHUTDOWN_SECONDS)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for some time, and close those that are idle now; if it's so already, nothing.

        Args:
            seconds: How long.
        """
        if self._reopening is None:
            self._unlisten()
            self._close_connections()
            self._reopening = asyncio.create_task(self._reopen(seconds))

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while self._listener is None:
            try:
                await self.listen(*self._address)
            except OSError:  # somebody's outgoing connection has got the port, and will give it back
                await asyncio.sleep(_REBIND_SECONDS)
        self._reopening = None

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _close_connections(self) -> None:
        for connection in self.connections:
            if connection in self._busy:
                connection.close()  # after the answer
            else:
                connection.force_close()

    async def _watched(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._busy.add(connection)
        try:
            return await self._handler(self, request)
        finally:
            self._busy.discard(connection)
            if request.transport is not None:
                self._used.add(connection)

    def is_first(self, request: web.BaseRequest) -> bool:
        """Whether this is the first request of its connection."""
        return request.protocol not in self._used

    async def gone(self, request: web.BaseRequest, seconds: float | None) -> None:
        """Wait until the caller has closed the connection, it is let go, this server closes, or some time has passed.

        Args:
            request: Whose caller.
            seconds: How long at most; None waits on.
        """
        if request.transport is None:
            return
        event = self._waiting[request.protocol] = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """A connection has ended."""
        super().connection_lost(handler, exc)
        self._used.discard(handler)
        self.let_go(handler)

    def let_go(self, connection: web.RequestHandler) -> None:
        """End the wait for the caller of a connection, if there is one (see ``gone``)."""
        event = self._waiting.pop(connection, None)
        if event is not None:
            event.set()
