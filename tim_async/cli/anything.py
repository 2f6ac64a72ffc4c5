"""``tim-async call``: any command of the service, by its path."""

from __future__ import annotations

from typing import Any

import click

from .options import CONNECTION, TIMEOUT, connection_from
from .parameters import read_json

__all__ = ["call"]


def _call(path: str, body: str, *, repeat: bool, timeout: float | None, **said: Any) -> int:
    from .calls import run_call

    fields = read_json(body, dict[str, Any])
    connection = connection_from(said)
    return run_call(connection, lambda client: client.call(path, fields, repeat=repeat, timeout=timeout))


call = click.Command(
    "call",
    params=[
        click.Argument(["path"], metavar="SERVICE/COMMAND"),
        click.Option(
            ["--body"], required=True, metavar="FILE", help="The body, as the service spells it; - is standard input."
        ),
        click.Option(
            ["--repeat"],
            is_flag=True,
            help="Send it again if it is not known whether it was carried out: only for what may be done twice.",
        ),
        TIMEOUT,
        *CONNECTION,
    ],
    callback=_call,
    help="Make one call of any command, signed, limited and judged, and print the whole reply as JSON."
    "\n\nFor example: echo '{}' | tim-async call timpush/get_attr_name --body -",
    short_help="Make one call of any command.",
    epilog="The commands of the service: https://trtc.io/document/34620",
)
