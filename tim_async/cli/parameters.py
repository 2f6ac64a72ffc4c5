"""What all items of a call share, and what a command without accounts takes: options, by the names that rows know.

A name is looked up as ``group.name`` first, where a group means something of its own by it. Which names a command has
is told by its row: its `options`, or for a plain call what it `takes`.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
import msgspec

from tim_async.bulk.reading import InputError
from tim_async.service.endpoints import Endpoint

from .options import seconds

__all__ = ["Parameter", "Said", "parameters_of", "read_json", "values_of"]

T = TypeVar("T")
Said: TypeAlias = Mapping[str, Any]

_STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Parameter:
    """How the command line tells one argument of the client's method."""

    options: tuple[click.Parameter, ...]
    value: Callable[[Said], Any]
    """Of what was said; None and an empty tuple leave it to the client."""


def read_json(source: str, kind: type[T]) -> T:
    """JSON from a file, or from standard input if *source* is ``-``.

    Args:
        source: the path.
        kind: what it must hold.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    name = "standard input" if source == _STANDARD_INPUT else source
    try:
        data = sys.stdin.buffer.read() if source == _STANDARD_INPUT else Path(source).read_bytes()
    except OSError as exc:
        raise InputError(f"{name} cannot be read: {exc.strerror}") from None
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InputError(f"{name} does not hold the JSON that is needed here: {exc}") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _slot_type(text: str) -> tuple[str, int]:
    slot, kind = _pair(text)
    return slot, int(kind)


def _one(name: str, flag: str, help_: str, **more: Any) -> Parameter:
    return Parameter((click.Option([flag, name], help=help_, **more),), lambda said: said[name])


def _mapping(option: click.Parameter, name: str) -> Parameter:
    return Parameter((option,), lambda said: dict(said[name]) or None)


def _tags(name: str, flag: str, which: str) -> Parameter:
    return _one(name, flag, f"Users who have {which} these tags; may be repeated.", multiple=True, metavar="TAG")


def _attributes(name: str, flag: str, which: str) -> Parameter:
    text = f"Users who have {which} these attributes; may be repeated."
    option = click.Option([flag, name], type=_pair, multiple=True, metavar="NAME=VALUE", help=text)
    return _mapping(option, name)


def _push_info(said: Said) -> dict[str, Any] | None:
    info = read_json(said["message"], dict[str, Any]) if said["message"] is not None else {}
    info |= {field: said[name] for field, name in (("Title", "title"), ("Desc", "desc")) if said[name] is not None}
    return info or None


def _push_info_needed(said: Said) -> dict[str, Any]:
    info = _push_info(said)
    if info is None:
        raise click.UsageError("there is no message; say --title and --desc, or --message FILE")
    return info


_PUSH_INFO = (
    click.Option(["--title"], metavar="TEXT", help="The title of the message."),
    click.Option(["--desc"], metavar="TEXT", help="Its text."),
    click.Option(
        ["--message"],
        metavar="FILE",
        help="The message as the service spells it: JSON of OfflinePushInfo; - is standard input.",
    ),
)

PARAMETERS: dict[str, Parameter] = {
    "from_account": _one("from_account", "--of", "The account whose list it is.", required=True, metavar="ACCOUNT"),
    "push.from_account": _one(
        "from_account", "--from-account", "The sender.  [default: the administrator]", metavar="ACCOUNT"
    ),
    "group_id": _one("group_id", "--group", "The group.", required=True, metavar="ID"),
    "silence": _one("silence", "--silence", "Do not notify the members.", is_flag=True),
    "reason": _one("reason", "--reason", "Why members are removed, for them to read.", metavar="TEXT"),
    "replace": _one("replace", "--replace", "Replace all tags that the account has.", is_flag=True),
    "add_type": _one(
        "add_type",
        "--add-type",
        "Whether both become friends of each other.  [default: Add_Type_Both]",
        type=click.Choice(["Add_Type_Both", "Add_Type_Single"]),
    ),
    "force_add": _one("force_add", "--force-add", "Add them without asking.", is_flag=True),
    "delete_type": _one(
        "delete_type",
        "--delete-type",
        "Whether the account is removed from the other's list too.  [default: Delete_Type_Single]",
        type=click.Choice(["Delete_Type_Single", "Delete_Type_Both"]),
    ),
    "check_type": _one(
        "check_type",
        "--check-type",
        "Whether both lists are checked.  [default: CheckResult_Type_Both]",
        type=click.Choice(["CheckResult_Type_Both", "CheckResult_Type_Single"]),
    ),
    "block_list.check_type": _one(
        "check_type",
        "--check-type",
        "Whether both lists are checked.  [default: BlackCheckResult_Type_Both]",
        type=click.Choice(["BlackCheckResult_Type_Both", "BlackCheckResult_Type_Single"]),
    ),
    "tags": _one(
        "tags",
        "--tag",
        "A field to read, such as Tag_Profile_IM_Nick; may be repeated.  [default: the standard ones]",
        multiple=True,
        metavar="TAG",
    ),
    "friends.tags": _one(
        "tags",
        "--tag",
        "A field to read, such as Tag_SNS_IM_Remark; may be repeated.  [default: the standard ones]",
        multiple=True,
        metavar="TAG",
    ),
    "msg_random": _one(
        "msg_random",
        "--msg-random",
        "MsgRandom, by which the service drops repeats within a second.  [default: random]",
        type=click.IntRange(0, 2**32 - 1),
        metavar="NUMBER",
    ),
    "offline_push_info": Parameter(_PUSH_INFO, _push_info),
    "data_id": _one("data_id", "--data-id", "Passed to the app's webhooks.", metavar="TEXT"),
    "message_body": Parameter(
        (click.Option(["--message-body"], metavar="FILE", help="MsgBody as the service spells it: a JSON list."),),
        lambda said: None if said["message_body"] is None else read_json(said["message_body"], list[dict[str, Any]]),
    ),
    "tags_or": _tags("tags_or", "--tags-or", "one of"),
    "tags_and": _tags("tags_and", "--tags-and", "all of"),
    "tags_not": _tags("tags_not", "--tags-not", "none of"),
    "attrs_or": _attributes("attrs_or", "--attrs-or", "one of"),
    "attrs_and": _attributes("attrs_and", "--attrs-and", "all of"),
    "message_lifetime": Parameter(
        (click.Option(["--message-lifetime"], type=seconds, help="Keep it so long for those who are offline."),),
        lambda said: None if said["message_lifetime"] is None else int(said["message_lifetime"]),
    ),
    "online_only": _one("online_only", "--online-only", "Only for those who are online; keep nothing.", is_flag=True),
    "task_id": Parameter((click.Argument(["task_id"]),), lambda said: said["task_id"]),
    "names": _mapping(click.Argument(["names"], type=_pair, nargs=-1, required=True, metavar="SLOT=NAME..."), "names"),
    "types": _mapping(
        click.Option(
            ["--type", "types"],
            type=_slot_type,
            multiple=True,
            metavar="SLOT=TYPE",
            help="0: the attribute is for UserIDs, 1: for RegistrationIDs; may be repeated.",
        ),
        "types",
    ),
}

TAKEN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "slot -> name": ("names", "types"),
    "the id of a push task": ("task_id", "offline_push_info"),
    "a message": (
        "offline_push_info",
        "message_body",
        "tags_or",
        "tags_and",
        "tags_not",
        "attrs_or",
        "attrs_and",
        "from_account",
        "msg_random",
        "message_lifetime",
        "online_only",
        "data_id",
    ),
}
"""What a plain call takes, in the words of its row -> the names of its arguments."""


def parameters_of(row: Endpoint[Any, Any]) -> dict[str, Parameter]:
    """What a command takes beside the accounts: name of the client's argument -> how it is told.

    Raises:
        KeyError: nobody has told yet how.
    """
    names = TAKEN[row.takes] if row.plain else row.options
    found = {name: PARAMETERS.get(f"{row.group}.{name}") or PARAMETERS[name] for name in names}
    if "offline_push_info" in row.options:  # which is all that such a command sends, so it must be there
        found["offline_push_info"] = Parameter(_PUSH_INFO, _push_info_needed)
    return found


def values_of(parameters: Mapping[str, Parameter], said: Said) -> dict[str, Any]:
    """The arguments of the client's method; what was not said is left out.

    Raises:
        click.UsageError: something needed was not said.
        InputError: a file cannot be read.
    """
    _only_one_reads_standard_input(said.get(name) for name in ("source", "message", "message_body"))
    values = {name: parameter.value(said) for name, parameter in parameters.items()}
    return {name: value for name, value in values.items() if value is not None and value != ()}


def _only_one_reads_standard_input(sources: Iterable[object]) -> None:
    if sum(source == _STANDARD_INPUT for source in sources) > 1:
        raise click.UsageError("only one file can be standard input")
