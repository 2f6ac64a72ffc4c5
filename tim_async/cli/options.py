"""The options that commands have in common: whom to call, which file to read, where the outcomes go."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tim_async.bulk.reading import InputError
from tim_async.bulk.writing import Format
from tim_async.lane.items import PRIORITIES
from tim_async.service.keys import Key, Sealed, sealed

from .guards import Guards, guards_from
from .limiters import Speed, speed_from
from .telling import AS_JSON, QUIET

if TYPE_CHECKING:
    from tim_async.operations.command import Priority

    from .display import Look

__all__ = [
    "CONNECTION",
    "DISPLAY",
    "JOURNAL",
    "KEY_FILE",
    "OUTCOMES",
    "PROXY",
    "SOURCE",
    "TIMEOUT",
    "Connection",
    "Options",
    "connection_from",
    "format_option",
    "look_from",
    "options_from",
    "seconds",
    "secret_key_from",
]

_LONGEST_KEY = 4096  # bytes of a file that are looked at

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A length of time: ``20ms``, ``1.5s``, ``2m``, or a bare number of seconds.

    Raises:
        click.BadParameter: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+) ?(ms|s|m|h|)", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a length of time such as 20ms, 1.5s or 2m")
    return float(match[1]) * _UNITS[match[2]]


def part(text: str) -> tuple[int, int]:
    """A part of a file: ``3/16`` is part 3 of those from 0 to 15.

    Raises:
        click.BadParameter: there is no such part.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a part such as 3/16")
    index, of = int(match[1]), int(match[2])
    if index >= of:
        raise click.BadParameter(f"there is no part {text}; parts are counted from 0" + (f" to {of - 1}" if of else ""))
    return index, of


class Connection(NamedTuple):
    """Whom to call, as what."""

    sdk_app_id: int
    secret_key: Key
    identifier: str
    region: str
    base_url: str | None
    proxy: str | None = None
    """None: what the environment says; empty: none."""


class Options(NamedTuple):
    """What was asked for on the command line."""

    source: str
    column: str | None
    to: str | None
    to_format: Format
    priority: Priority
    timeout: float | None
    connection: Connection
    encoding: str = "utf-8"
    force: bool = False
    journal: str | None = None
    """None: beside the file, for what writes."""
    no_journal: bool = False
    resumes: bool = False
    """Whether it was asked for by its journal, and not by the command."""
    tells_outcomes: bool = True
    """False: they stay in the journal."""
    yes: bool = False
    guards: Guards = Guards()
    speed: Speed = Speed()
    look: Look = ""
    part: tuple[int, int] | None = None
    """Which part of the file, and how many there are; None: all of it."""


SOURCE: tuple[click.Option, ...] = (
    click.Option(
        ["--from", "source"],
        required=True,
        metavar="FILE",
        help="The accounts; - is standard input. The file may be compressed with gzip or zstd.",
    ),
    click.Option(
        ["--column"],
        metavar="NAME",
        help="The column that holds the accounts, for CSV with a header. Without it every line is an account, or a "
        "JSON object with an account, or the whole file is a JSON array of them.",
    ),
    click.Option(
        ["--encoding"],
        default="utf-8",
        show_default=True,
        metavar="NAME",
        help="The encoding of the file, such as gbk, utf-16 or windows-1252.",
    ),
)


def format_option(text: str, default: str | None = "jsonl") -> click.Option:
    """How outcomes are written.

    Args:
        text: its help.
        default: None, if that says where it comes from.
    """
    choice = click.Choice(["jsonl", "csv"])
    return click.Option(
        ["--format", "to_format"], type=choice, default=default, show_default=default is not None, help=text
    )


OUTCOMES: tuple[click.Option, ...] = (
    click.Option(["--to"], metavar="FILE", help="A new file for the outcomes; - is standard output.  [default: -]"),
    click.Option(["--force"], is_flag=True, help="Overwrite an existing file."),
    format_option("One JSON object per line, or CSV."),
    click.Option(
        ["--priority"],
        type=click.Choice(list(PRIORITIES)),
        default="bulk",
        show_default=True,
        help="Who goes first when several jobs of one process want the same command.",
    ),
)

JOURNAL: tuple[click.Option, ...] = (
    click.Option(
        ["--journal"],
        metavar="FILE",
        help="A file that records what became of each row, so that the command can be stopped or killed; tim-async "
        "resume FILE or the same command again goes on; where it says that all is done, nothing is sent. On a local "
        "disk.  [default: beside the file that is read, for commands that write]",
    ),
    click.Option(["--no-journal"], is_flag=True, help="Keep none: after a stop it is not known what was done."),
    click.Option(
        ["--part"],
        type=part,
        metavar="K/N",
        help="Only part K (from 0) of N, for one of N processes on any machines. --to is then a folder or a URL that "
        "all of them see: the part's outcomes appear there at its end, complete, and no journal is kept.",
    ),
)

DISPLAY: tuple[click.Option, ...] = (
    click.Option(["--quiet"], is_flag=True, help="Show no progress; only say how it ended."),
    click.Option(
        ["--json"],
        is_flag=True,
        help="Write everything on standard error as one JSON object a line: the plan, the progress every ten seconds, "
        "the end.",
    ),
)

TIMEOUT = click.Option(["--timeout"], type=seconds, help="Send nothing more after this time, for example 90s or 5m.")

# There is no --secret-key: a command line can be read by everybody on the machine.
KEY_FILE = click.Option(
    ["--secret-key-file"],
    metavar="FILE",
    help="A file with the app's secret key.  [default: the environment variable TIM_SECRET_KEY]",
)

PROXY = click.Option(
    ["--proxy"], metavar="URL", help="Call through this HTTP proxy; '' is none.  [default: env var HTTPS_PROXY]"
)

CONNECTION: tuple[click.Option, ...] = (
    click.Option(
        ["--sdk-app-id"], type=int, required=True, envvar="TIM_SDK_APP_ID", show_envvar=True, help="The app's SDKAppID."
    ),
    KEY_FILE,
    click.Option(
        ["--identifier"],
        default="administrator",
        envvar="TIM_IDENTIFIER",
        show_default=True,
        show_envvar=True,
        help="An administrator account of the app.",
    ),
    click.Option(
        ["--region"],
        default="china",
        envvar="TIM_REGION",
        show_default=True,
        show_envvar=True,
        help="Where the app lives.",
    ),
    click.Option(
        ["--base-url"],
        envvar="TIM_BASE_URL",
        show_envvar=True,
        metavar="URL",
        help="Call this host instead of the region's, for example an emulator.",
    ),
    PROXY,
)


def connection_from(values: dict[str, Any]) -> Connection:
    """Whom to call, from the values of `CONNECTION`, which are taken out of *values*.

    Raises:
        click.UsageError: there is no secret key.
        InputError: the file with the secret key cannot be read.
    """
    take = values.pop
    return Connection(
        sdk_app_id=take("sdk_app_id"),
        secret_key=secret_key_from(take("secret_key_file")),
        identifier=take("identifier"),
        region=take("region"),
        base_url=take("base_url"),
        proxy=take("proxy"),
    )


def options_from(values: dict[str, Any]) -> Options:
    """What was asked for, from the values of the options here, which are taken out of *values*.

    Raises:
        click.UsageError: there is no secret key, or a journal is asked for and forbidden.
        InputError: the file with the secret key cannot be read.
    """
    take = values.pop
    connection = connection_from(values)
    if values.get("journal") is not None and values["no_journal"]:
        raise click.UsageError("--journal and --no-journal contradict each other")
    if values.get("part") is not None:
        _check_part(values)
    return Options(
        source=take("source"),
        column=take("column"),
        to=take("to"),
        to_format=take("to_format"),
        priority=take("priority"),
        timeout=take("timeout"),
        connection=connection,
        encoding=take("encoding"),
        force=take("force"),
        journal=take("journal", None),
        no_journal=take("no_journal", False),
        yes=take("yes", False),
        guards=guards_from(values),
        speed=speed_from(values),
        look=look_from(values),
        part=take("part", None),
    )


def look_from(values: dict[str, Any]) -> Look:
    """How a run is shown, from the values of `DISPLAY`, which are taken out of *values*.

    Raises:
        click.UsageError: it is to be quiet, and to talk.
    """
    quiet, json = values.pop("quiet", False), values.pop("json", False)
    if quiet and json:
        raise click.UsageError("--quiet and --json contradict each other")
    QUIET.set(quiet)
    AS_JSON.set(json)
    return "quiet" if quiet else "json" if json else ""


def _check_part(values: dict[str, Any]) -> None:
    if values["journal"] is not None or values["force"]:
        raise click.UsageError("--part keeps no journal and overwrites nothing; leave out --journal and --force")
    if values["to"] in (None, "-"):
        raise click.UsageError("--part needs --to, a folder or a URL that all processes see")
    if values["source"] == "-":
        raise click.UsageError("--part needs a file that all processes read, not standard input")
    if values.get("first") is not None:
        raise click.UsageError(
            "--first needs a journal, which knows what is left, and --part keeps none; say more parts"
        )


def secret_key_from(file: str | None) -> Key:
    """The secret key, sealed.

    Args:
        file: the value of `KEY_FILE`.

    Raises:
        click.UsageError: there is none.
        InputError: the file cannot be read, or does not hold one.
    """
    # Error trackers send the locals of every frame: so the bare key is none, here or anywhere above.
    if file is None:
        if not os.environ.get("TIM_SECRET_KEY", "").strip():
            raise click.UsageError("no secret key; set TIM_SECRET_KEY or give --secret-key-file")
        name, seal = "TIM_SECRET_KEY", sealed(os.environ["TIM_SECRET_KEY"].strip())
    else:
        name, seal = file, _sealed_key_of(file)
    if not isinstance(seal, Key):
        raise InputError(f"{name} does not hold a secret key, which is one word: {seal}")
    return seal


def _sealed_key_of(file: str) -> Sealed:
    try:
        # No key is so long, but the path of a device or of the wrong file is given quickly.
        with Path(file).open("rb") as opened:
            return sealed(opened.read(_LONGEST_KEY).decode("utf-8", "replace").strip())
    except OSError as exc:
        raise InputError(f"the file with the secret key, {file}, cannot be read: {exc.strerror}") from None
