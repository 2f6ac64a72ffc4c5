"""Commands without a list: the one item of a call is its body, and its account a name made up for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tim_async.service import wire

from .base import Answer, Endpoint, Same, Unreadable, reading, said
from .bodies import as_given
from .mending import Odd, loose, mend
from .readers import read_done, read_names, read_task
from .values import AttributeNames

__all__ = [
    "ALL_MEMBER_GET_ATTRIBUTE_NAMES",
    "ALL_MEMBER_SET_ATTRIBUTE_NAMES",
    "PUSH_GET_ATTRIBUTE_NAMES",
    "PUSH_REVOKE",
    "PUSH_SEND",
    "PUSH_SET_ATTRIBUTE_NAMES",
    "RATES",
    "decode_any",
    "keep",
]


def keep(argument: object) -> object:
    """The argument: a body was encoded when it was given."""
    return argument


_REPLY = msgspec.json.Decoder(wire.Reply, strict=False)
_ANY = msgspec.json.Decoder(dict[str, Any])


def decode_any(body: bytes) -> Answer:
    """The whole reply of a command that is not in the table.

    Raises:
        Unreadable: it is not a JSON object with an ``ErrorCode``.
    """
    try:
        reply, fields = _REPLY.decode(body), _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        reply, fields = _mended(body, exc)
    if not reply.ErrorCode:
        return Answer(0, said(reply.ErrorInfo), Same(fields), {})
    return Answer(reply.ErrorCode, said(reply.ErrorInfo), {}, {}, reply=_told(body))


def _told(body: bytes) -> dict[str, Any] | None:
    """A refused call's whole reply, without signatures; None, if it is too large and too deep."""
    try:
        return loose(body, said)
    except Odd:
        return None


def _mended(body: bytes, why: Exception) -> tuple[wire.Reply, dict[str, Any]]:
    try:
        return mend(wire.Reply, body)[0], loose(body)
    except Odd:
        detail = f"the answer of {len(body)} bytes is no JSON object: {why}"
    raise Unreadable(said(detail))


PUSH_SEND: Endpoint[Mapping[str, object], str] = Endpoint(
    group="push",
    method="send",
    path="timpush/push",
    page="https://trtc.io/document/60561",
    summary="Push one message to all users, or to those that a condition on tags or attributes selects.",
    takes="a message",
    gives="str, the id of the push task",
    body=as_given,
    decode=reading(wire.TaskReply, read_task),
    silence_is_ok=False,
    writes=True,
    prepare=keep,
    account_bytes=None,
    repeatable=False,
    plain=True,
    limit=1,
    rate=1.0,
)

PUSH_REVOKE: Endpoint[Mapping[str, object], None] = Endpoint(
    group="push",
    method="revoke",
    path="timpush/revoke",
    page="https://trtc.io/document/60571",
    summary="Stop a push task of the last 24 hours, and replace the message that it has shown.",
    takes="the id of a push task",
    body=as_given,
    decode=reading(wire.Reply, read_done),
    silence_is_ok=False,
    writes=True,
    prepare=keep,
    account_bytes=None,
    repeatable=False,
    plain=True,
    limit=1,
    rate=1.0,
)

PUSH_SET_ATTRIBUTE_NAMES: Endpoint[Mapping[str, object], None] = Endpoint(
    group="push",
    method="set_attribute_names",
    path="timpush/set_attr_name",
    page="https://trtc.io/document/60563",
    summary="Declare the names of the app's attributes.",
    takes="slot -> name",
    body=as_given,
    decode=reading(wire.Reply, read_done),
    silence_is_ok=False,
    writes=True,
    prepare=keep,
    account_bytes=None,
    plain=True,
    limit=1,
)

PUSH_GET_ATTRIBUTE_NAMES: Endpoint[Mapping[str, object], AttributeNames] = Endpoint(
    group="push",
    method="get_attribute_names",
    path="timpush/get_attr_name",
    page="https://trtc.io/document/67815",
    summary="Read the names of the app's attributes.",
    takes="nothing",
    gives="AttributeNames",
    body=as_given,
    decode=reading(wire.AttrNamesReply, read_names),
    silence_is_ok=False,
    writes=False,
    prepare=keep,
    account_bytes=None,
    plain=True,
    limit=1,
)

ALL_MEMBER_SET_ATTRIBUTE_NAMES: Endpoint[Mapping[str, object], None] = Endpoint(
    group="all_member_push",
    method="set_attribute_names",
    path="all_member_push/im_set_attr_name",
    page="https://www.tencentcloud.com/document/product/1047/37167",
    summary="Declare the names of the app's attributes.",
    takes="slot -> name",
    body=as_given,
    decode=reading(wire.Reply, read_done),
    silence_is_ok=False,
    writes=True,
    prepare=keep,
    account_bytes=None,
    plain=True,
    limit=1,
)

ALL_MEMBER_GET_ATTRIBUTE_NAMES: Endpoint[Mapping[str, object], AttributeNames] = Endpoint(
    group="all_member_push",
    method="get_attribute_names",
    path="all_member_push/im_get_attr_name",
    page="https://www.tencentcloud.com/document/product/1047/37168",
    summary="Read the names of the app's attributes.",
    takes="nothing",
    gives="AttributeNames",
    body=as_given,
    decode=reading(wire.AttrNamesReply, read_names),
    silence_is_ok=False,
    writes=False,
    prepare=keep,
    account_bytes=None,
    plain=True,
    limit=1,
)

RATES: Mapping[str, float] = {
    "all_member_push/im_push": 1.0,
    "timpush/all_member_push_loss": 1.0,
    "timpush/all_member_push_statistics": 1.0,
    "timpush/all_member_push_trace": 1.0,
    "timpush/normal_push_loss": 1.0,
    "timpush/normal_push_statistics": 1.0,
    "timpush/normal_push_trace": 1.0,
    "timpush/add_sched_task": 5.0,
    "timpush/delete_sched_task": 5.0,
    "timpush/get_sched_task": 5.0,
    "timpush/list_sched_task": 5.0,
    "timpush/modify_sched_task": 5.0,
    # Documented as 12,000 recipients a minute, and a call may hold 500 of them.
    "openim/batchsendmsg": 0.4,
}
"""Calls a second of documented commands outside the table that allow fewer than 100 (nearly all others allow 200)."""
