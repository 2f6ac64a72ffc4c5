"""Ports that nobody listens on, and that stay free until the test uses them, whatever runs beside it."""

import os
import random
import socket

__all__ = ["free_port"]

# Below those that the system gives away to whoever asks for any port, listeners and outgoing connections alike; and
# for each of the processes that share the tests a thousand of its own.
FIRST = 12_000
EACH = 1_000
WORKERS = 18


def free_port() -> int:
    """One that can be bound now, on 127.0.0.1."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = FIRST + EACH * worker + random.randrange(EACH)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
