"""``tim-async emulator``: the service in a box, for programs in any language."""

from __future__ import annotations

import gc
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from tim_async.bulk.reading import InputError

from .options import seconds

if TYPE_CHECKING:
    from tim_async.emulator import Emulator

__all__ = ["emulator"]


def _exports(box: Emulator, url: str) -> Iterator[str]:
    """What a shell is told so that every command calls the emulator. The key is public."""
    from tim_async.emulator import DEMO_KEY

    found = {"TIM_SDK_APP_ID": str(box.sdk_app_id), "TIM_SECRET_KEY": DEMO_KEY, "TIM_BASE_URL": url}
    return (f"export {name}={shlex.quote(value)}" for name, value in found.items())


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="The port; 0 takes a free one.")
@click.option("--latency", type=seconds, default="0", show_default=True, help="Service time of a call, such as 20ms.")
@click.option("--jitter", type=seconds, default="0", show_default=True, help="A call arrives up to this much later.")
@click.option("--rate", type=float, help="Calls a second of every command.  [default: as documented, mostly 100]")
@click.option(
    "--until-eof", is_flag=True, hidden=True, help="End when standard input does: with the program behind it."
)
def emulator(host: str, port: int, latency: float, jitter: float, rate: float | None, *, until_eof: bool) -> None:
    """Run the service in a box until Ctrl-C.

    It speaks the REST API with its state in memory, and judges the rate limit. The app is 1400000000, the administrator
    is "administrator", and the key is the one that Tencent prints in the README of its UserSig generators. Three lines
    on standard error set them, and the address, in the shell of whoever pastes them there.
    """
    import asyncio

    from tim_async.emulator import Emulator, serve

    async def until_stopped(box: Emulator) -> None:
        loop = asyncio.get_running_loop()

        def tell_where(url: str) -> None:
            click.echo(f"listening on {url}")
            if not until_eof:  # else the program that started us knows, and shares its standard error with us
                click.echo("\n".join(_exports(box, url)), err=True)

        serving = asyncio.ensure_future(serve(box, tell_where))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        if until_eof:
            # Nobody writes there: it becomes readable when the program that started us has ended, in whatever way.
            loop.add_reader(sys.stdin.fileno(), serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving

    # A full collection over 100,000 accounts takes 0.1 s. The calls that wait meanwhile arrive in a heap, and a second
    # with more calls than the limit would be the judge's own doing. Young garbage is collected as ever.
    gc.set_threshold(*gc.get_threshold()[:2], 1_000_000)
    try:
        box = Emulator(host=host, port=port, latency=latency, jitter=jitter, rate=rate)
        asyncio.run(until_stopped(box))
    except ValueError as exc:
        raise InputError(str(exc)) from None
    except OSError as exc:
        raise InputError(f"cannot listen on {host}:{port}: {exc.strerror}") from None
