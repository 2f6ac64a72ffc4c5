"""The tree of commands, and what every mistake looks like: one line, and no traceback."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import click

from tim_async import __version__
from tim_async.bulk.reading import InputError
from tim_async.errors import TIMError

from .anything import call
from .commands import groups, help_if_alone
from .demo.command import demo
from .emulator import emulator
from .exits import INTERRUPTED, TABLE, WRONG, of_error
from .jobs import job, resume
from .listing import commands
from .telling import AS_JSON, QUIET, give_up_stdout, in_one_line, tell

__all__ = ["app", "run"]


class _Interrupted(Exception):
    """Ctrl-C where nothing is to be finished."""


class _App(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if AS_JSON.get():  # click begins a new line first, which is no object
                raise _Interrupted from None
            raise


@click.group(
    cls=_App,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{TABLE}\n\nTry it without an account of your own: tim-async demo\n\n"
    'Completion by Tab, for bash (zsh and fish likewise): eval "$(_TIM_ASYNC_COMPLETE=bash_source tim-async)"',
)
@click.version_option(__version__, prog_name="tim-async")
@click.pass_context
def app(context: click.Context) -> None:
    """Server commands of Tencent Cloud Chat for files of accounts of any length.

    Calls go out at the rate limit of the service and never over it, and every row of the file gets exactly one outcome.
    """
    help_if_alone(context)


for command in (call, commands, demo, emulator, job, resume, *groups()):
    app.add_command(command)

_NOWHERE = logging.NullHandler()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind ``tim-async``; None for the arguments of the process.

    Returns:
        The exit code; see `tim_async.cli.main`.
    """
    # What the library logs of a stop, the command line tells in its own line.
    logging.getLogger("tim_async").addHandler(_NOWHERE)
    AS_JSON.set(False)
    QUIET.set(False)
    try:
        result = app.main(arguments, prog_name="tim-async", standalone_mode=False)
    except click.UsageError as exc:
        where = exc.ctx.command_path if exc.ctx is not None else "tim-async"
        return _refuse(f"{exc.format_message()} ({where} --help tells more)")
    except InputError as exc:
        return _refuse(str(exc), of_error(exc))
    except TIMError as exc:
        return _refuse(in_one_line(exc), of_error(exc))
    except OSError as exc:
        # A disk that is full, for the output or for temporary files. A reader that went away is click's own business.
        give_up_stdout()
        return _refuse(exc.strerror or str(exc))
    except (click.Abort, KeyboardInterrupt, _Interrupted):
        return _refuse("interrupted", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _refuse(message: str, code: int = WRONG) -> int:
    tell("tim-async: " + " ".join(message.split()))
    return code
